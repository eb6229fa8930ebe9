"""Which posting is in, and what is only in our books: the numbers and days of two sides held against each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.prepayment.position import Position
from gateway.prepayment.posting import (
    MISSING_MAX,
    Bonus,
    Numbers,
    Posted,
    PostingKind,
    Postings,
    bonuses_after,
    only_ours_nano,
)
from gateway.prepayment.supply import SupplyState
from tests.prepayment.worlds import NANO

YEAR = Bonus("B-1", "c-1", "2026-01-01", "2026-12-31", 365 * NANO)
"""One unit of money a day."""


def known(**changes: Any) -> Position:
    """What a head-end states that has no row of any posting or bonus, unless told otherwise."""
    nothing = Position(None, None, 0, 0, 0, 0, 0, SupplyState.NORMAL, 0)
    return replace(nothing, **changes)


@pytest.mark.parametrize(
    ("numbers", "number", "expected"),
    [
        (Numbers(3), 3, Numbers(3)),
        (Numbers(3, (3,)), 3, Numbers(3)),
        (Numbers(3, (1, 3)), 1, Numbers(3, (3,))),
        (Numbers(3, (3,)), 4, Numbers(4, (3,))),
        (Numbers(3), 5, Numbers(5, (4,))),
        (Numbers(), MISSING_MAX + 1, Numbers(MISSING_MAX + 1, tuple(range(1, MISSING_MAX + 1)))),
        (Numbers(), MISSING_MAX + 2, None),
        (Numbers(3, (1, 2)), MISSING_MAX + 2, Numbers(MISSING_MAX + 2, (1, 2, *range(4, MISSING_MAX + 2)))),
        (Numbers(3, (1, 2)), MISSING_MAX + 3, None),
    ],
)
def test_a_number_is_in_once_it_came_also_the_highest(numbers: Numbers, number: int, expected: Numbers | None) -> None:
    """S1-16, I20: also one that the other side says is missing although it is its highest; 64 may be missing."""
    found = numbers.with_number(number)
    assert found == expected
    assert found is None or found.has(number)


@pytest.mark.parametrize(
    ("ours", "theirs", "missing"),
    [
        ((2_000, (1_003, 7)), (2_000, (7, 1_003)), (7, 1_003)),
        ((2_000, (7, 1_003)), (5, (3,)), (7, 1_003)),
        ((5, (3,)), (2_000, (3, 4, 1_024)), (3, 1_024)),
        ((5, (5,)), (5, (5,)), (5,)),
    ],
)
def test_what_both_sides_lack_stays_missing_in_order(
    ours: tuple[int, tuple[int, ...]], theirs: tuple[int, tuple[int, ...]], missing: tuple[int, ...]
) -> None:
    """Threat 4: one way round as the other, ascending as they are kept."""
    sides = Numbers(*ours), Numbers(*theirs)
    for first, second in (sides, sides[::-1]):
        assert first.union(second) == Numbers(max(ours[0], theirs[0]), missing)


@pytest.mark.parametrize(
    ("through", "days"),
    [
        ("", 0),
        ("2025-11-30", 0),
        ("2025-12-30", 0),
        ("2025-12-31", 0),
        ("2026-01-01", 1),
        ("2026-12-30", 364),
        ("2026-12-31", 365),
        ("2027-01-01", 365),
    ],
)
def test_a_bonus_is_worth_the_days_within_its_year(through: str, days: int) -> None:
    """S2-35: nothing before its first day and nothing behind its last, counted from either end."""
    assert YEAR.due_nano(through) == days * NANO
    assert replace(YEAR, through=through).due_nano("2026-12-31") == (365 - days) * NANO


def test_a_posting_that_the_head_end_lacks_is_only_ours() -> None:
    """Threat 4, I2: its balance has those it has rows of; the sum of the others is added, debits and credits."""
    kept = tuple(Posted(number, PostingKind.ADJUSTMENT, f"P-{number}", 10**number) for number in range(1, 6))
    books = Postings(Numbers(5), 0, (*kept, Posted(6, PostingKind.FEE, "P-6", -7)))
    assert only_ours_nano(books, (), known(posting_sequence=6)) == 0
    assert only_ours_nano(books, (), known(posting_sequence=4, posting_missing=(2,))) == 100 + 100_000 - 7


@pytest.mark.parametrize(
    ("theirs", "days"),
    [
        ((), 31),
        ((("B-1", ""),), 31),
        ((("B-1", "2026-01-21"),), 10),
        ((("B-1", "2026-01-31"),), 0),
        ((("B-1", "2026-02-20"),), 0),
        ((("B-9", "2026-01-31"),), 31),
    ],
)
def test_days_of_a_bonus_that_the_head_end_lacks_are_only_ours(theirs: tuple[tuple[str, str], ...], days: int) -> None:
    """S2-35, threat 4: those after the last that it knows of, all of one it knows nothing of; beside the postings."""
    january = replace(YEAR, through="2026-01-31")
    other = replace(january, reference="B-2", through="2026-01-02")
    fee = Postings(Numbers(1), 0, (Posted(1, PostingKind.FEE, "P-1", -3 * NANO),))
    assert only_ours_nano(fee, (january,), known(bonuses_through=theirs)) == (days - 3) * NANO
    assert only_ours_nano(fee, (january, other), known(bonuses_through=theirs)) == (days + 2 - 3) * NANO


@pytest.mark.parametrize(
    ("ours", "theirs", "through"),
    [
        ("2026-01-31", "2026-01-21", "2026-01-31"),
        ("2026-01-31", "2026-02-20", "2026-02-20"),
        ("", "2026-01-21", "2026-01-21"),
        ("2026-01-31", None, "2026-01-31"),
        ("", None, ""),
    ],
)
def test_a_bonus_goes_on_behind_the_last_day_that_either_side_credited(
    ours: str, theirs: str | None, through: str
) -> None:
    """S2-35, threat 4: of the rest of the schedule nothing changes, whatever other bonuses the head-end names."""
    bonus = replace(YEAR, through=ours, legal_ref="decree", told=True)
    stated = (("B-9", "2025-12-31"), *(() if theirs is None else (("B-1", theirs),)))
    kept, lost = bonuses_after((bonus,), known(bonuses_through=stated))
    assert kept == replace(bonus, through=through)
    assert lost == Bonus("B-9", "", "2025-12-31", "2025-12-31", 0, through="2025-12-31", told=True)
    assert bonuses_after((bonus,), known()) == (bonus,)


def test_a_bonus_whose_schedule_is_lost_credits_nothing() -> None:
    """S2-35: only its days are known, until it is set again."""
    (lost,) = bonuses_after((), known(bonuses_through=(("B-9", "2026-01-31"),)))
    assert [lost.due_nano(day) for day in ("2026-01-31", "2026-12-31")] == [0, 0]
