"""The social bonus at its edges: what is refused and in which words, the first day, the last, and one of nothing."""

from dataclasses import replace

import pytest

from gateway.prepayment.account import Account
from gateway.prepayment.bonus import BONUSES_MAX, TOLD_DAYS, bonus_set
from gateway.prepayment.events import Tick
from gateway.prepayment.ledger import Entry, EntryKind, Notice, Verdict, VerdictStatus
from gateway.prepayment.posting import Bonus, BonusSet
from gateway.prepayment.taken import Taken, refused
from tests.prepayment.worlds import DAY_MS, NANO, World, at, opened, policy, world

CAP_NANO = policy().posting_max_nano
TODAY = "2026-03-02"
ASKED = BonusSet(at(), "b-1", "BONUS-1", TODAY, "2026-03-31", 30 * NANO, "CHF", "DL 28/12/2007")


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (replace(ASKED, currency="EUR"), refused("wrong_currency", expected="CHF", got="EUR")),
        (replace(ASKED, from_day="2026-02-01", to_day="2026-03-01"), refused("invalid_period", today=TODAY)),
        (replace(ASKED, total_nano=0), refused("above_cap", cap="2000.00 CHF a posting")),
        (replace(ASKED, total_nano=CAP_NANO + 1), refused("above_cap", cap="2000.00 CHF a posting")),
    ],
)
def test_a_refusal_says_what_would_be_right(asked: BonusSet, told: Verdict) -> None:
    """S2-35: the currency of the account, the day it is here, the cap of a posting."""
    assert bonus_set(opened(), asked) == told


@pytest.mark.parametrize("total_nano", [1, CAP_NANO])
def test_the_smallest_and_the_largest_bonus_are_taken(total_nano: int) -> None:
    """S2-35: one nano-unit, and all that a posting may be."""
    taken = bonus_set(opened(), replace(ASKED, total_nano=total_nano))
    assert isinstance(taken, Taken)
    assert [one.total_nano for one in taken.change(opened()).bonuses] == [total_nano]


def holding(last: Bonus) -> Account:
    """As many bonuses as there may be, the last of them this one."""
    others = tuple(Bonus(f"B-{number}", f"b-{number}", TODAY, "2026-12-31", NANO) for number in range(BONUSES_MAX - 1))
    return replace(opened(), bonuses=(*others, last))


@pytest.mark.parametrize(
    ("to_day", "through", "room"),
    [
        ("2026-03-01", "2026-03-01", True),
        ("2026-03-01", "2026-02-28", False),
        (TODAY, TODAY, False),
        ("2026-03-03", TODAY, False),
    ],
)
def test_only_a_bonus_that_is_over_and_credited_to_its_end_makes_room(to_day: str, through: str, room: bool) -> None:
    """S2-35, I20: a day that is not credited yet is not lost to another bonus, nor is the day that runs."""
    last = Bonus("B-old", "b-old", "2026-02-01", to_day, NANO, through=through)
    taken = bonus_set(holding(last), ASKED)
    if not room:
        assert taken == refused("too_many_bonuses")
        return
    assert isinstance(taken, Taken)
    references = [one.reference for one in taken.change(holding(last)).bonuses]
    assert references == [*(f"B-{number}" for number in range(BONUSES_MAX - 1)), "BONUS-1"]


def test_the_same_bonus_again_is_included_also_after_its_end_was_told() -> None:
    """I3, S2-36: a repeat neither begins it anew nor tells its end again."""
    known = Bonus("BONUS-1", "b-0", TODAY, "2026-03-31", 30 * NANO, "DL 28/12/2007", "2026-03-02", told=True)
    again = bonus_set(replace(opened(), bonuses=(known,)), ASKED)
    assert again == Verdict(VerdictStatus.ALREADY_INCLUDED, "already_included")


def given(total_nano: int, from_day: str, to_day: str) -> World:
    """An account with this bonus that has used something it was not charged for on record yet."""
    place = world()
    place.post(Tick(place.now()))
    place.use(100, hours=1)
    place.account = replace(place.account, bonuses=(Bonus("BONUS-1", "b-1", from_day, to_day, total_nano),))
    place.records.clear()
    return place


def entries(place: World) -> list[EntryKind]:
    """The kinds of the entries posted since."""
    return [one.kind for one in place.records if isinstance(one, Entry)]


def test_the_day_before_a_bonus_begins_is_like_any_other() -> None:
    """S2-35: nothing is credited or settled before the first day."""
    place = given(30 * NANO, "2026-03-03", "2026-04-01")
    before = place.account
    place.post(Tick(place.now()))
    assert (place.account.bonuses, place.account.unsettled, place.records) == (before.bonuses, before.unsettled, [])


@pytest.mark.parametrize(
    ("total_nano", "kinds"), [(30 * NANO, [EntryKind.CHARGE, EntryKind.BONUS]), (1, [EntryKind.CHARGE])]
)
def test_a_day_is_looked_at_once(total_nano: int, kinds: list[EntryKind]) -> None:
    """S2-35, decision 7: also one whose share is less than a nano-unit; polls of the same day settle nothing again."""
    place = given(total_nano, TODAY, "2026-03-31")
    place.post(Tick(place.now()))
    assert entries(place) == kinds
    assert [one.through for one in place.account.bonuses] == [TODAY]
    place.records.clear()
    place.use(100, hours=1)
    assert place.account.unsettled
    assert place.records == []


@pytest.mark.parametrize(("left", "told"), [(TOLD_DAYS + 1, 0), (TOLD_DAYS, 1), (0, 1), (-1, 0)])
def test_the_end_is_told_from_two_months_before_to_the_last_day(left: int, told: int) -> None:
    """S2-36: a gateway that was off tells it on the last day still, and not when it is over."""
    place = world()
    place.account = replace(place.account, bonuses=(Bonus("BONUS-1", "b-1", TODAY, "2026-12-31", 30 * NANO),))
    days = 304 - left
    place.running_ms += days * DAY_MS
    place.utc_ms += days * DAY_MS
    place.post(Tick(place.now()))
    notices = [one for one in place.records if isinstance(one, Notice) and one.template == "bonus_expiring"]
    assert [dict(one.detail) for one in notices] == [
        {"reference": "BONUS-1", "to": "2026-12-31", "days_left": left}
    ] * told
