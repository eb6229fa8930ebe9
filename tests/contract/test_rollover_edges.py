"""The change of holder at its edges: what a refusal says, what passes over with the place, and what is on record."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.prepayment.account import Account, Parallel, Start, Supply, Suspicion
from gateway.prepayment.agenda import Agenda, RolloverDue, RolloverKind
from gateway.prepayment.agreement import NEW_ID
from gateway.prepayment.certificate import Certificate
from gateway.prepayment.contract import AHEAD_MAX_MS
from gateway.prepayment.events import AccountOpened, Moment, Opening, SuspicionCause, TimeTrust
from gateway.prepayment.intervals import IntervalState
from gateway.prepayment.ledger import Entry, EntryKind, Happening, VerdictStatus
from gateway.prepayment.operations import RolledOver
from gateway.prepayment.outages import Outage
from gateway.prepayment.policy import Reconnect
from gateway.prepayment.rating import Usage
from gateway.prepayment.register import Register
from gateway.prepayment.supply import Commodity, SupplyState, Voltage
from tests.prepayment.worlds import HOUR_MS, MONDAY_MS, NANO, TERMS, World, opened, policy, tariff, world

MINUTE_MS = 60_000
DUE_MS = MONDAY_MS + 2 * HOUR_MS
DOUBT = Suspicion(SuspicionCause.FORK, Moment(MONDAY_MS, TimeTrust.AUTHENTICATED, 0))


def home(**changes: Any) -> World:
    """An hour of readings, the last a minute ago."""
    place = world(**changes)
    place.use(1_200)
    pass_by(place, MINUTE_MS)
    return place


def pass_by(place: World, ms: int) -> None:
    """Time without a reading."""
    place.running_ms += ms
    place.utc_ms += ms


def order(place: World, at_utc_ms: int | None = None, **holder: Any) -> RolledOver:
    """The next holder, now unless an instant is told."""
    to = AccountOpened(place.now(), "r-1", "CH-2", "", "CHF", 4_500, policy(), tariff(), 5 * NANO, contract_id="C-2")
    return RolledOver(place.now(), "r-1", RolloverKind.VOLTURA, replace(to, **holder), at_utc_ms)


def heir(place: World, request: RolledOver) -> Account:
    """The account that opens at once."""
    found = place.post(request).opened
    assert found is not None
    return found


def told(place: World, request: RolledOver) -> tuple[str, dict[str, str | int]]:
    """Reason and detail; what is refused changes nothing."""
    before = place.account
    outcome = place.post(request)
    assert outcome.verdict is not None
    if outcome.verdict.status is VerdictStatus.REFUSED:
        assert (outcome.account, outcome.opened, outcome.records) == (before, None, ())
    return outcome.verdict.reason, dict(outcome.verdict.detail)


def test_an_instant_that_has_passed_says_how_late_it_is() -> None:
    """S2-03: up to now is the past even where no reading has come since, a millisecond later is to come."""
    place = home()
    now_ms = place.utc_ms
    late = ("in_the_past", {"now_utc_ms": now_ms})
    for wanted_ms in (now_ms - MINUTE_MS + 1, now_ms - 1, now_ms):
        assert told(place, order(place, wanted_ms)) == late
    assert told(place, order(place, now_ms - MINUTE_MS))[0] == "no_data"
    assert told(place, order(place, now_ms + 1)) == ("", {"due_utc_ms": now_ms + 1})


def test_an_instant_too_far_ahead_says_how_far_is_possible() -> None:
    """I20: 400 days to the millisecond."""
    place = home()
    latest_ms = place.utc_ms + AHEAD_MAX_MS
    assert told(place, order(place, latest_ms + 1)) == ("too_far_ahead", {"latest_utc_ms": latest_ms})
    assert told(place, order(place, latest_ms)) == ("", {"due_utc_ms": latest_ms})


def test_the_next_holder_is_another_account_at_the_same_place() -> None:
    """S2-11, decision 3: an order may name the delivery point it is for; its account has an id of its own."""
    place = home(delivery_point="IT001")
    assert told(place, order(place, account_id="CH-1")) == ("account_exists", {"hint": NEW_ID})
    assert told(place, order(place, delivery_point="IT002")) == ("wrong_delivery_point", {"expected": "IT001"})
    assert heir(place, order(place, delivery_point="IT001")).delivery_point == "IT001"


@pytest.mark.parametrize(("age_ms", "says"), [(900_000, None), (900_001, {"reading_age_ms": 900_001})])
def test_a_register_read_too_long_ago_says_how_long(age_ms: int, says: dict[str, int] | None) -> None:
    """S2-30: a closing register is at most as old as the policy lets a reading be."""
    place = world()
    place.use(1_200)
    pass_by(place, age_ms)
    reason, detail = told(place, order(place))
    assert (reason, detail if says else None) == ("meter_untrusted" if says else "", says)


@pytest.mark.parametrize("change", [{"import_wh": None, "defect": "crc"}, {"import_wh": 900_000}])
def test_a_register_in_doubt_closes_nothing_however_fresh(change: dict[str, Any]) -> None:
    """S2-30, decision 6: after a reading that failed or leapt the last good one closes nothing, however fresh."""
    place = home()
    place.read(**change)
    assert told(place, order(place)) == ("meter_untrusted", {})
    pass_by(place, MINUTE_MS)
    place.read()
    assert told(place, order(place))[0] == ""


def test_a_reading_in_quarantine_carries_out_nothing() -> None:
    """S2-03, decision 6: the register at the instant must be one that counts; the next that does closes."""
    place = home()
    place.post(order(place, DUE_MS))
    pass_by(place, HOUR_MS)
    assert place.read(import_wh=900_000).opened is None
    assert place.account.agenda.rollover_due is not None
    pass_by(place, MINUTE_MS)
    assert place.read().opened is not None


@pytest.mark.parametrize(("suspicion", "reason"), [(None, "already_due"), (DOUBT, "")])
def test_what_waits_is_ordered_again_only_in_books_that_may_be_old(suspicion: Suspicion | None, reason: str) -> None:
    """Threat 3: an image may still await what was done long ago; in books that are sound it is cancelled first."""
    place = home()
    place.post(order(place, DUE_MS))
    place.account = replace(place.account, suspicion=suspicion)
    found, detail = told(place, order(place))
    assert (found, detail.get("due_utc_ms")) == (reason, DUE_MS if reason else None)


def test_at_its_instant_the_records_stand_in_order_and_name_the_instant() -> None:
    """S2-03: both certificates ask for the instant, all is dated by the reading, nothing is dropped."""
    place = home(contract_id="C-1")
    place.post(order(place, DUE_MS))
    pass_by(place, HOUR_MS + 7 * MINUTE_MS)
    place.records.clear()
    outcome = place.read()
    at = place.now()
    assert outcome.opened is not None
    assert (outcome.opened.opened, outcome.opened.supply.since) == (at, at)
    kept = [record for record in outcome.records if isinstance(record, Certificate | Happening | Entry)]
    closes, over, opening, opens = kept[kept.index(next(one for one in kept if isinstance(one, Certificate))) :][:4]
    assert isinstance(closes, Certificate)
    assert (closes.at, closes.asked_utc_ms, closes.stands_utc_ms) == (at, DUE_MS, at.utc_ms)
    assert opens == replace(closes, account_id="CH-2", contract_id="C-2")
    detail = (("command_id", "r-1"), ("kind", "voltura"), ("register_wh", 1_200))
    assert over == Happening(at, "CH-1", "account.rolled_over", detail)
    assert isinstance(opening, Entry)
    assert (opening.account_id, opening.kind, opening.amount_nano) == ("CH-2", EntryKind.OPENING, 5 * NANO)
    assert (opening.at, opening.to_register_wh) == (at, 1_200)
    assert [record.what for record in kept if isinstance(record, Happening)] == [
        "account.rolled_over", "account.refund_due",
    ]  # fmt: skip


def test_a_change_that_became_impossible_says_which_and_why() -> None:
    """I24: the command and the whole refusal are on record, and the old contract goes on."""
    place = home()
    place.post(order(place, DUE_MS))
    place.terms = replace(TERMS, calendars={})
    pass_by(place, HOUR_MS)
    outcome = place.read()
    detail = (("command_id", "r-1"), ("reason", "unknown_calendar"), ("calendar", "test"))
    assert Happening(place.now(), "CH-1", "rollover.failed", detail) in outcome.records
    assert (outcome.opened, place.account.agenda.rollover_due) == (None, None)


def test_what_belongs_to_the_place_is_not_the_next_holders_to_say() -> None:
    """S2-11: meter, delivery point, commodity, voltage, plant and register are those of the place."""
    there: dict[str, Any] = {
        "delivery_point": "IT001",
        "commodity": Commodity.GAS,
        "voltage": Voltage.MV,
        "plant_power_w": 6_000,
    }
    place = World(opened(register_wh=300, meter_serial="S-1", tariff=tariff(commodity=Commodity.GAS), **there))
    place.register_wh = 300
    place.read(serial="S-1")
    said: dict[str, Any] = {
        "meter_id": "m9",
        "meter_serial": "S-9",
        "voltage": Voltage.HV,
        "plant_power_w": 1,
        "domestic": False,
    }
    terms: dict[str, Any] = {
        "tariff": tariff(commodity=Commodity.GAS),
        "opening_register_wh": 7,
        "kind": Opening.ACTIVATION,
    }
    new = heir(place, order(place, **said, **terms))
    assert (new.meter_id, new.meter_serial) == ("m1", "S-1")
    assert {name: getattr(new, name) for name in there} == there
    assert (new.domestic, new.contract_id, new.contract_power_w) == (False, "C-2", 4_500)
    assert (new.register.wh, new.settled_register_wh, new.agenda) == (300, 300, Agenda())


def test_the_new_account_goes_on_from_the_very_reading_the_old_one_ends_with() -> None:
    """S2-03, I6: register, its time and its last move, the load curve and its export begin where the other ends."""
    place = world()
    place.use(1_200)
    place.read(export_wh=77)
    ends = place.account.register
    pass_by(place, MINUTE_MS)
    place.read(export_wh=77)
    last = place.now()
    pass_by(place, MINUTE_MS)
    new = heir(place, order(place))
    assert new.register == Register(wh=1_200, at=last, dated=last, moved_ms=ends.moved_ms)
    assert ends.moved_ms == last.running_ms - MINUTE_MS
    assert new.parallel == Parallel(1_200, last.utc_ms)
    assert new.intervals == IntervalState(last.utc_ms, export_wh=77, open_estimated=True)
    assert new.usage == Usage(standing_through="2026-03-02")
    assert new.opened == place.now()


def test_without_a_date_the_new_account_knows_none() -> None:
    """I16: a register read while nobody knew the time gives neither a load curve nor stored values from then on."""
    place = world()
    place.use(1_200)
    dated = place.account.register.dated
    place.trust = TimeTrust.UNKNOWN
    pass_by(place, MINUTE_MS)
    place.read()
    new = heir(place, order(place))
    assert new.register.at == place.now()
    assert (new.register.dated, new.parallel) == (dated, Parallel(1_200, None))
    assert new.intervals == IntervalState()


def test_what_is_wrong_at_the_place_or_with_the_books_passes_over() -> None:
    """S2-03, S4-06, threats 3 and 12: outage, doubt of the books, reach and the meter's wrap are no holder's."""
    place = home()
    shared: dict[str, Any] = {
        "outages": (Outage("storm", place.utc_ms, place.utc_ms + HOUR_MS),),
        "lockout": "works",
        "start": Start(4, known=False, leaves_switch=False),
        "suspicion": DOUBT,
        "lost_epochs": ("e-0",),
        "contact_running_ms": 5 * MINUTE_MS,
        "wraps_at_wh": 10**9,
    }
    place.account = replace(place.account, **shared)
    new = heir(place, order(place))
    assert {name: getattr(new, name) for name in shared} == shared


@pytest.mark.parametrize(
    ("armed", "state", "reconnect", "waits"),
    [
        (False, SupplyState.NORMAL, Reconnect.AUTO, False),
        (True, SupplyState.NORMAL, Reconnect.AUTO, True),
        (True, SupplyState.SUSPENDED, Reconnect.ARMED, True),
        (False, SupplyState.SUSPENDED, Reconnect.ARMED, True),
        (False, SupplyState.SUSPENDED, Reconnect.AUTO, False),
        (False, SupplyState.NORMAL, Reconnect.ARMED, False),
    ],
)
def test_an_open_switch_waits_for_somebody_on_site(
    armed: bool, state: SupplyState, reconnect: Reconnect, waits: bool
) -> None:
    """Decision 14: it did so before, or the old holder was cut and the new terms want it; else it closes by itself."""
    place = home()
    place.account = replace(place.account, armed=armed, supply=Supply(state, place.now()))
    assert heir(place, order(place, policy=policy(reconnect=reconnect))).armed is waits


def test_the_agenda_keeps_the_order_as_it_was_given() -> None:
    """S2-03: what waits is the account as it will open, at this place."""
    place = home(meter_serial="S-1")
    request = order(place, DUE_MS)
    place.post(request)
    to = replace(request.to, meter_id="m1", meter_serial="S-1", opening_register_wh=1_200, kind=Opening.ROLLOVER)
    assert place.account.agenda.rollover_due == RolloverDue("r-1", RolloverKind.VOLTURA, DUE_MS, to)
