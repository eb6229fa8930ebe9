"""The social bonus: daily, exact, never twice, and over on its day."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prepayment.bonus import BONUSES_MAX, DAYS_MAX
from gateway.prepayment.events import Contact, Reading, Restarted, Suspected, SuspicionCause, Tick, TimeTrust
from gateway.prepayment.ledger import Entry, EntryKind, Notice
from gateway.prepayment.position import Position, Resynced
from gateway.prepayment.posting import Bonus, BonusSet
from gateway.prepayment.supply import SupplyState
from tests.prepayment.worlds import DAY_MS, NANO, World, at, world

YEAR = BonusSet(at(), "b-1", "BONUS-1", "2026-03-02", "2027-03-01", 120 * NANO, "CHF", "DL 28/12/2007")


def set_bonus(w: World, **changes: Any) -> tuple[str, str]:
    """Sign a bonus of twelve months, or another."""
    verdict = w.post(replace(YEAR, at=w.now(), **changes)).verdict
    assert verdict is not None
    return verdict.status.value, verdict.reason


def days(w: World, count: int) -> None:
    """Let whole days pass, with one look at the clock in each."""
    for _ in range(count):
        w.running_ms += DAY_MS
        w.utc_ms += DAY_MS
        w.post(Contact(w.now()))
        w.post(Tick(w.now()))


def credited(w: World) -> list[Entry]:
    """The bonus entries so far."""
    return [one for one in w.records if isinstance(one, Entry) and one.kind is EntryKind.BONUS]


def test_a_year_of_bonus_is_credited_daily_and_stops() -> None:
    """S2-35, S2-36: one entry each proven day, 365 parts that sum to the amount, none after the end."""
    w = world()
    assert set_bonus(w) == ("applied", "")
    w.post(Tick(w.now()))
    days(w, 400)
    made = credited(w)
    assert len(made) == 365
    assert sum(one.amount_nano for one in made) == 120 * NANO
    assert {one.amount_nano for one in made} == {328_767_123, 328_767_124}
    assert made[0].detail == (
        ("reference", "BONUS-1"), ("from", "2026-03-02"), ("to", "2026-03-02"), ("legal_ref", "DL 28/12/2007"),
    )  # fmt: skip
    assert {one.reference for one in made} == {"b-1"}
    assert dict(made[-1].detail or ())["to"] == "2027-03-01"
    assert w.account.balance_nano == 140 * NANO
    assert 20 * NANO + w.entries_nano() == w.account.settled_balance_nano


def test_less_than_a_nano_unit_a_day_comes_another_day() -> None:
    """S2-35: three nano-units over five days are three entries, and no entry is empty."""
    w = world()
    assert set_bonus(w, to_day="2026-03-06", total_nano=3) == ("applied", "")
    w.post(Tick(w.now()))
    days(w, 10)
    assert [one.amount_nano for one in credited(w)] == [1, 1, 1]
    assert [dict(one.detail or ())["to"] for one in credited(w)] == ["2026-03-03", "2026-03-05", "2026-03-06"]


def test_the_end_is_told_once_two_months_before() -> None:
    """S2-36: renewal is a month before the end, so the customer is told 30 to 60 days before it, once."""
    w = world()
    set_bonus(w)
    days(w, 400)
    (told,) = [one for one in w.records if isinstance(one, Notice) and one.template == "bonus_expiring"]
    assert told.detail == (("reference", "BONUS-1"), ("to", "2027-03-01"), ("days_left", 60))


@pytest.mark.parametrize(("to_day", "told"), [("2026-04-30", False), ("2026-05-01", True)])
def test_what_is_too_short_to_be_renewed_is_not_told(to_day: str, told: bool) -> None:
    """S2-36: a bonus of less than two months begins where its reminder would be."""
    w = world()
    set_bonus(w, to_day=to_day)
    days(w, 30)
    assert any(isinstance(one, Notice) and one.template == "bonus_expiring" for one in w.records) is told


def test_days_without_the_gateway_come_together_and_once() -> None:
    """S2-35, I3: three days off make one entry of three days; a restart or a leap back credits none again."""
    w = world()
    set_bonus(w, total_nano=365 * NANO)
    w.post(Tick(w.now()))
    w.utc_ms += 3 * DAY_MS
    w.post(Restarted(w.now()))
    w.read()
    assert [one.amount_nano for one in credited(w)] == [NANO, 3 * NANO]
    assert dict(credited(w)[-1].detail or ())["from"] == "2026-03-03"
    w.utc_ms -= 2 * DAY_MS
    w.read()
    w.post(Restarted(w.now()))
    w.read()
    assert len(credited(w)) == 2


def test_without_proven_time_no_day_is_credited() -> None:
    """I16: the kernel's date, or none, credits nothing; when it is proven the days come."""
    w = world()
    set_bonus(w, total_nano=365 * NANO)
    w.trust = TimeTrust.SYNCHRONISED
    days(w, 5)
    assert not credited(w)
    w.trust = TimeTrust.AUTHENTICATED
    w.post(Tick(w.now()))
    assert [one.amount_nano for one in credited(w)] == [6 * NANO]


def test_nothing_is_credited_before_it_begins_or_after_the_contract() -> None:
    """S2-35: from its first day on; a closed account takes none."""
    w = world()
    set_bonus(w, from_day="2026-03-04")
    days(w, 1)
    assert not credited(w)
    days(w, 1)
    assert len(credited(w)) == 1
    w.account = replace(w.account, supply=replace(w.account.supply, state=SupplyState.TERMINATED))
    days(w, 3)
    assert len(credited(w)) == 1
    assert set_bonus(w, reference="BONUS-2") == ("refused", "account_closed")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"currency": "EUR"}, "wrong_currency"),
        ({"from_day": "2027-03-02"}, "invalid_period"),
        ({"from_day": "2025-12-01", "to_day": "2026-03-01"}, "invalid_period"),
        ({"from_day": "2025-02-28"}, "invalid_period"),
        ({"to_day": "2028-03-03"}, "invalid_period"),
        ({"total_nano": 0}, "above_cap"),
        ({"total_nano": 2_001 * NANO}, "above_cap"),
    ],
)
def test_a_bonus_that_cannot_be_is_refused(changes: dict[str, Any], reason: str) -> None:
    """S2-35, I24: not in another currency, over, too long or without bound; nothing changes."""
    w = world()
    before = w.account
    assert set_bonus(w, **changes) == ("refused", reason)
    assert w.account == before


def test_the_bounds_of_a_bonus() -> None:
    """S2-35: a year back, two years in all, today as the last day."""
    assert set_bonus(world(), from_day="2025-03-01") == ("applied", "")
    last = date.fromordinal(date(2026, 3, 2).toordinal() + DAYS_MAX - 1).isoformat()
    assert set_bonus(world(), to_day=last) == ("applied", "")
    assert set_bonus(world(), to_day="2026-03-02") == ("applied", "")
    w = world()
    w.trust = TimeTrust.RESTORED
    assert set_bonus(w) == ("refused", "clock_untrusted")


def test_bonuses_are_bounded() -> None:
    """I20: so many at once; one that is over makes room."""
    w = world()
    for number in range(BONUSES_MAX):
        assert set_bonus(w, reference=f"B-{number}", to_day="2026-03-03") == ("applied", "")
    assert set_bonus(w, reference="B-x") == ("refused", "too_many_bonuses")
    days(w, 3)
    assert set_bonus(w, reference="B-x") == ("applied", "")
    assert len(w.account.bonuses) == BONUSES_MAX


def test_the_same_bonus_again_is_included_and_another_changes_it() -> None:
    """S2-35: a repeat credits nothing again; an earlier end stops it; days already credited stay."""
    w = world()
    set_bonus(w, total_nano=365 * NANO)
    days(w, 9)
    assert set_bonus(w, total_nano=365 * NANO, command_id="b-2") == ("already_included", "already_included")
    assert set_bonus(w, total_nano=30 * NANO, to_day="2026-03-16", command_id="b-3") == ("applied", "")
    days(w, 30)
    assert sum(one.amount_nano for one in credited(w)) == 10 * NANO + 10 * NANO
    assert credited(w)[-1].reference == "b-3"


def test_a_resync_credits_no_day_twice() -> None:
    """Threat 3: days that only the head-end has rows of are not credited again, known schedule or not."""
    w = world()
    set_bonus(w, total_nano=365 * NANO)
    w.post(Tick(w.now()))
    image, rows = w.account, len(credited(w))
    days(w, 4)
    spent = w.account.balance_nano
    w.account = image
    w.post(Suspected(w.now(), SuspicionCause.FORK, "e-1", 9))
    w.post(Tick(w.now()))
    assert w.account.balance_nano == image.balance_nano, "suspected books credit nothing"
    through = (("BONUS-1", "2026-03-06"), ("BONUS-9", "2026-03-05"))
    known = Position(0, None, spent, 0, 0, 0, 0, SupplyState.NORMAL, 5, bonuses_through=through)
    w.post(Resynced(w.now(), "r-1", "run", "e-1", 9, "ab" * 32, "CHF", known))
    w.post(Tick(w.now()))
    assert w.account.balance_nano == spent
    assert set_bonus(w, reference="BONUS-9", total_nano=365 * NANO) == ("applied", "")
    w.post(Tick(w.now()))
    assert w.account.balance_nano == spent + NANO, "6 March only: the days before were credited in the lost branch"
    assert len(credited(w)) > rows


@given(
    st.integers(1, 2_000 * NANO),
    st.integers(1, DAYS_MAX),
    st.lists(st.integers(1, 40), min_size=1, max_size=40),
)
def test_the_parts_of_a_bonus_sum_exactly(total_nano: int, length: int, steps: list[int]) -> None:
    """S2-35, I2: however the days come, their parts sum to the amount of the days gone by, and in the end to all."""
    first = date(2026, 3, 2)
    bonus = Bonus("B", "b", first.isoformat(), date.fromordinal(first.toordinal() + length - 1).isoformat(), total_nano)
    paid_nano, day = 0, first.toordinal() - 1
    for step in steps:
        day += step
        through = min(date.fromordinal(day).isoformat(), bonus.to_day)
        part_nano = bonus.due_nano(through)
        assert part_nano >= 0
        paid_nano += part_nano
        bonus = replace(bonus, through=through)
        assert paid_nano == total_nano * min(day - first.toordinal() + 1, length) // length
    assert paid_nano + bonus.due_nano(bonus.to_day) == total_nano


@given(st.lists(st.tuples(st.integers(-3, 40), st.sampled_from(list(TimeTrust)), st.booleans()), max_size=30))
def test_no_clock_makes_a_day_count_twice(moves: list[tuple[int, TimeTrust, bool]]) -> None:
    """S2-35, I2: leaps, lies and restarts in any order: never more than all of it, and the entries are the balance."""
    w = world()
    set_bonus(w)
    seen: set[str] = set()
    for leap, trust, restart in moves:
        w.utc_ms += leap * DAY_MS
        w.running_ms += DAY_MS
        w.trust = trust
        if restart:
            w.post(Restarted(w.now()))
        w.post(Reading(w.now(), 0))
    for one in credited(w):
        detail = dict(one.detail or ())
        first, last = (date.fromisoformat(str(detail[name])).toordinal() for name in ("from", "to"))
        covered = {date.fromordinal(day).isoformat() for day in range(first, last + 1)}
        assert not covered & seen
        seen |= covered
    assert sum(one.amount_nano for one in credited(w)) <= 120 * NANO
    assert 20 * NANO + w.entries_nano() == w.account.settled_balance_nano
