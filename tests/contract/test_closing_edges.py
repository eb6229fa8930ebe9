"""The last of a contract, and what happens at an instant: nothing is lost beside it, and nothing follows it."""

from dataclasses import replace

import pytest

from gateway.prepayment.account import Outcome
from gateway.prepayment.agenda import Agenda, PowerDue
from gateway.prepayment.contract import closing, passed
from gateway.prepayment.events import AccountClosed, Tick
from gateway.prepayment.intervals import Interval, IntervalState, Quality
from gateway.prepayment.ledger import Entry, EntryKind, Happening
from gateway.prepayment.supply import SupplyState
from tests.contract.premises import HOUR_MS, POLL_MS, QUARTER_MS
from tests.prepayment.worlds import DAY_MS, MONDAY_MS, NANO, World, at, opened, world


def happened(place: World, what: str) -> list[dict[str, str | int]]:
    """The details of what was put on record under this name."""
    return [dict(one.detail) for one in place.records if isinstance(one, Happening) and one.what == what]


@pytest.mark.parametrize(("balance_nano", "refunds"), [(-1, 0), (0, 0), (1, 1)])
def test_what_is_left_is_due_for_refund_to_the_last_nano_unit(balance_nano: int, refunds: int) -> None:
    """S2-10: one nano-unit is; nothing, or a debt, is not."""
    place = world(balance_nano)
    place.post(AccountClosed(place.now(), "x-1", "moved"))
    due = [{"balance_nano": balance_nano, "currency": "CHF"}] * refunds
    assert happened(place, "account.refund_due") == due


def test_the_end_keeps_the_quarter_hours_before_it_and_leaves_none_open() -> None:
    """S2-10: what was finished by the same event is stored with the part that the end leaves."""
    place = world()
    place.use(100, hours=1 / 12)
    account = place.account
    before = Interval(MONDAY_MS - QUARTER_MS, 7, None, Quality.ACTUAL)
    part = Interval(MONDAY_MS, 100, None, Quality.ESTIMATED)
    ended = closing(Outcome(account, intervals=(before,)), place.now())
    assert ended.intervals == (before, part)
    assert ended.account.intervals == IntervalState()


def test_after_the_end_no_reading_moves_what_is_known_of_the_contract() -> None:
    """S2-33: from when on there are stored values stays as it was, whatever the meter counts for others."""
    place = world()
    place.use(100, hours=1 / 12)
    since = place.account.parallel
    place.post(AccountClosed(place.now(), "x-1", "moved"))
    place.use(300, hours=1)
    assert place.account.supply.state is SupplyState.TERMINATED
    assert place.account.register.wh == 400
    assert place.account.parallel == since


def test_a_change_of_power_comes_beside_what_the_day_brings() -> None:
    """S2-06, I7: a tick that posts the day's charges and changes the power has both on record."""
    place = world()
    place.use(100, hours=1)
    due = PowerDue("p-1", 4_500, MONDAY_MS + DAY_MS, MONDAY_MS)
    place.account = replace(place.account, agenda=Agenda(powers_due=(due,)))
    place.records.clear()
    place.running_ms, place.utc_ms = DAY_MS, MONDAY_MS + DAY_MS
    place.post(Tick(place.now()))
    assert [one.kind for one in place.records if isinstance(one, Entry)] == [EntryKind.CHARGE]
    assert [row["to_w"] for row in happened(place, "power.set_done")] == [4_500]


def test_a_register_nobody_declared_is_charged_from_its_first_reading() -> None:
    """I5: the first entry names the register where charging began, and the next goes on from its end."""
    place = World(opened(register_wh=None))
    for number in range(3):
        place.running_ms, place.utc_ms = number * POLL_MS, MONDAY_MS + number * POLL_MS
        place.register_wh = 5_000 + 10 * number
        place.read()
    for _ in range(2):
        place.use(100, hours=1)
        place.top_up(NANO)
    entries = [one for one in place.records if isinstance(one, Entry) and one.kind is EntryKind.CHARGE]
    assert [(one.from_register_wh, one.to_register_wh) for one in entries] == [(5_000, 5_120), (5_120, 5_220)]


def test_a_tick_before_the_instant_changes_nothing() -> None:
    """S2-06: the very same account, so nothing is stored for it; at the instant it is another."""
    due = PowerDue("p-1", 4_500, MONDAY_MS + HOUR_MS, MONDAY_MS)
    before = Outcome(replace(opened(), agenda=Agenda(powers_due=(due,))))
    assert passed(before, at(HOUR_MS - 1)) is before
    assert passed(before, at(HOUR_MS)).account.agenda == Agenda()
