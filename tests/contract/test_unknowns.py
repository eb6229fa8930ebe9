"""Contract operations where something is not known: the time, the register, what the store has; refused or flagged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.prepayment.account import Outcome, Parallel
from gateway.prepayment.agenda import MeterTestOutcome, ReadingSource, RolloverKind
from gateway.prepayment.agreement import open_account
from gateway.prepayment.certificate import CertificateQuality, CertificateReason, Known
from gateway.prepayment.contract import known_at, past_asked
from gateway.prepayment.events import AccountOpened, Opening, PowerSet, Tick, TimeTrust
from gateway.prepayment.intervals import Interval, IntervalState, Quality, remainder
from gateway.prepayment.ledger import Happening, Verdict
from gateway.prepayment.operations import (
    CertificateAsked,
    ManuallyRead,
    MeterReplaced,
    MeterTestBegun,
    MeterTestEnded,
    Operation,
    RolledOver,
)
from gateway.prepayment.register import Case, CaseKind
from tests.prepayment.worlds import HOUR_MS, MONDAY_MS, TERMS, World, at, opened, policy, tariff, world

QUARTER_MS = 900_000


def ask(place: World, request: Operation) -> tuple[str, dict[str, str | int]]:
    """The reason and what helps; a refusal changes nothing."""
    before = place.account
    verdict = place.post(request).verdict
    assert verdict is not None
    assert verdict.status.value == "applied" or place.account == before
    return verdict.reason, dict(verdict.detail)


def holder(place: World, **changes: Any) -> AccountOpened:
    """Somebody else's contract."""
    made = AccountOpened(place.now(), "r-1", "CH-2", "", "CHF", 4_500, policy(), tariff(), kind=Opening.ROLLOVER)
    return replace(made, **changes)


def test_no_date_no_test_and_no_reading_by_eye() -> None:
    """S2-13, S2-14, S2-40: each names a day, and without a clock there is none."""
    place = world()
    begins = MeterTestBegun(place.now(), "j-1", "t-1", "case 7")
    assert ask(place, begins)[0] == ""
    for trust in (TimeTrust.UNKNOWN, TimeTrust.RESTORED):
        place.trust = trust
        now = place.now()
        ends = MeterTestEnded(now, "j-2", "t-1", "2026-03-02", MeterTestOutcome.CORRECT, "M. R.")
        read = ManuallyRead(now, "j-3", 0, "2026-03-02", ReadingSource.SELF)
        for request in (replace(begins, at=now, test_id="t-2"), ends, read):
            assert ask(place, request) == ("clock_untrusted", {})


def test_a_reading_by_eye_of_a_meter_that_was_never_read() -> None:
    """S2-40: there is nothing to hold it against: kept for validation, and the row says unchecked."""
    place = World(opened(register_wh=None))
    assert ask(place, ManuallyRead(place.now(), "j-1", 77_000, "2026-03-02", ReadingSource.SELF))[0] == ""
    assert dict(place.records[-1].detail)["checked"] == 0  # type: ignore[union-attr, arg-type]  # a happening


def test_a_reading_by_eye_of_a_day_that_is_over_and_not_stored() -> None:
    """S2-40: the meter went on counting since; its register today says nothing about the end of that day."""
    place = world()
    place.use(1_000, hours=40)
    assert ask(place, ManuallyRead(place.now(), "j-1", 77_000, "2026-03-02", ReadingSource.SELF))[0] == ""
    assert dict(place.records[-1].detail)["checked"] == 0  # type: ignore[union-attr, arg-type]  # a happening


def test_a_reading_by_eye_is_checked_when_both_ends_of_its_day_are_known() -> None:
    """S2-40: one end alone is no check, and the row says so."""
    place = world()
    place.use(1_000, hours=40)
    end = Known(MONDAY_MS, CertificateQuality.ACTUAL, 77_000)
    read = ManuallyRead(place.now(), "j-1", 77_000, "2026-03-02", ReadingSource.SELF)
    for floor, ceiling, checked in ((end, None, 0), (None, end, 0), (end, end, 1)):
        assert ask(place, replace(read, floor=floor, ceiling=ceiling))[0] == ""
        row = place.records[-1]
        assert isinstance(row, Happening)
        assert dict(row.detail)["checked"] == checked


def test_a_reading_by_eye_after_readings_without_a_date() -> None:
    """S2-40, I16: the time since the last reading is the running time where no clock was believed."""
    place = World(opened(at=at(trust=TimeTrust.UNKNOWN)), trust=TimeTrust.UNKNOWN)
    place.read()
    place.trust = TimeTrust.AUTHENTICATED
    place.running_ms += 2 * HOUR_MS
    place.utc_ms += 2 * HOUR_MS
    most_wh = 2 * 13_800 * 125 // 100 + 2 * 1_000
    read = ManuallyRead(place.now(), "j-1", most_wh + 1, "2026-03-02", ReadingSource.SELF)
    assert ask(place, read) == ("implausible_register", {"most_wh": most_wh})
    assert ask(place, replace(read, value_wh=most_wh))[0] == ""


def test_a_certificate_without_a_clock_names_no_instant() -> None:
    """S2-33: the register is certified all the same; when it stood there nobody claims."""
    place = World(opened(), trust=TimeTrust.UNKNOWN)
    place.read()
    reason, told = ask(place, CertificateAsked(place.now(), "c-1", CertificateReason.CHECK))
    assert (reason, told) == ("", {"certificate_id": "c-1", "quality": "actual", "register_wh": 0})


def test_nobody_is_asked_about_an_account_that_is_not_there() -> None:
    """S2-33: the store is not searched for what the command will be refused for."""
    asked = CertificateAsked(at(), "c-1", CertificateReason.SWITCH, MONDAY_MS - 1)
    assert past_asked(None, asked) == ()
    assert past_asked(world().account, asked) == (MONDAY_MS - 1,)


def lived() -> tuple[World, list[Interval]]:
    """An account with two hours of load curve in both directions: 50 Wh in and 20 Wh out each five minutes."""
    place, rows = World(opened()), list[Interval]()
    place.read(export_wh=7)
    for poll in range(1, 26):
        place.running_ms += 300_000
        place.utc_ms += 300_000
        place.register_wh += 50
        rows += place.read(export_wh=7 + 20 * poll).intervals
    return place, rows


def test_both_registers_at_a_stored_boundary() -> None:
    """S2-33: what came in and what went out, reckoned back from the registers now."""
    place, rows = lived()
    known = known_at(place.account, MONDAY_MS + HOUR_MS, rows, None)
    assert known == Known(MONDAY_MS + HOUR_MS, CertificateQuality.ACTUAL, 600, 7 + 240)
    gap = [replace(row, export_wh=None) if row is rows[-1] else row for row in rows]
    assert known_at(place.account, MONDAY_MS + HOUR_MS, gap, None) == replace(known, export_wh=None)
    late = [row for row in rows if row.start_utc_ms > MONDAY_MS + HOUR_MS]
    assert known_at(place.account, MONDAY_MS + 2 * HOUR_MS, late, None) is not None


def test_what_is_known_of_a_register_needs_one() -> None:
    """S2-33: no dated reading, an instant after the last, no register, no common past: nothing is known."""
    place, rows = lived()
    account, curve = place.account, place.account.intervals
    assert account.parallel is not None
    last_ms = MONDAY_MS + 125 * 60_000
    assert curve.at_utc_ms == last_ms
    assert known_at(account, last_ms, rows, None) is not None
    assert known_at(account, last_ms + 1, rows, None) is None
    for unknown in (
        replace(account, intervals=replace(curve, at_utc_ms=None)),
        replace(account, register=replace(account.register, wh=None)),
        replace(account, parallel=None),
        replace(account, parallel=Parallel(account.parallel.offset_wh, None)),
    ):
        assert known_at(unknown, last_ms, rows, None) is None


def test_of_two_changes_of_power_only_the_one_whose_instant_has_come() -> None:
    """S2-06: the later one goes on waiting."""
    place = world()
    for number, power_w in ((1, 4_500), (2, 6_000)):
        place.post(PowerSet(place.now(), f"p-{number}", power_w, MONDAY_MS + number * HOUR_MS))
    place.running_ms += HOUR_MS
    place.utc_ms += HOUR_MS
    place.post(Tick(place.now()))
    assert place.account.contract_power_w == 4_500
    assert [due.contract_power_w for due in place.account.agenda.powers_due] == [6_000]


def test_a_load_curve_that_never_began_leaves_nothing() -> None:
    """S2-10: no quarter-hour is made of a contract without a dated reading."""
    assert remainder(IntervalState(), 500) == ()
    assert remainder(IntervalState(MONDAY_MS + 1, 500), 500) == ()
    part = Interval(MONDAY_MS, 10, None, Quality.ESTIMATED)
    assert remainder(IntervalState(MONDAY_MS + 1, 500, None, 4), 506) == (part,)
    assert remainder(IntervalState(MONDAY_MS + 1, 500, None, 4), 499) == (replace(part, import_wh=4),)
    out = IntervalState(MONDAY_MS + 1, 500, 9, 0, 3)
    assert remainder(out, 500) == (replace(part, import_wh=0, export_wh=3),)


@pytest.mark.parametrize("contract", ["", "C-2"])
def test_a_supply_is_taken_over_with_a_contract(contract: str) -> None:
    """S2-02, S1-15: without one the supply stays open, whatever was served there before."""
    event = AccountOpened(
        at(), "o-1", "CH-2", "m1", "CHF", 3_000, policy(), tariff(), kind=Opening.SUBENTRO, contract_id=contract
    )
    answer = open_account(event, TERMS)
    assert isinstance(answer, Outcome) is bool(contract)
    assert contract or (isinstance(answer, Verdict) and answer.reason == "no_contract")


def test_who_cannot_follow_is_told_at_once() -> None:
    """S2-03: the same account, a step that is not sold, an instant without a clock: refused when it is ordered."""
    place = world()
    later_ms = MONDAY_MS + HOUR_MS
    asked = RolledOver(place.now(), "r-1", RolloverKind.VOLTURA, holder(place), later_ms)
    assert ask(place, replace(asked, to=holder(place, account_id="CH-1")))[0] == "account_exists"
    assert ask(place, replace(asked, to=holder(place, contract_power_w=4_400)))[0] == "invalid_step"
    place.trust = TimeTrust.SYNCHRONISED
    assert ask(place, replace(asked, at=place.now()))[0] == "clock_untrusted"
    place.trust = TimeTrust.AUTHENTICATED
    assert ask(place, asked) == ("", {"due_utc_ms": later_ms})


def replaced(place: World, end_wh: int) -> MeterReplaced:
    """The technician's report: S-1 ended here, S-2 begins at 7 Wh."""
    return MeterReplaced(place.now(), "r-1", "S-1", end_wh, "S-2", 7, "E-D", "M. R.", "sheet 4")


def test_without_a_date_the_running_time_bounds_the_end_of_the_old_meter() -> None:
    """I6, I16: a wall clock nobody vouches for does not raise what the old meter may have counted."""
    most_wh = 2 * 13_800 * 125 // 100 + 2 * 1_000
    for end_wh, reason in ((most_wh + 1, "implausible_register"), (most_wh, "")):
        place = world(meter_serial="S-1")
        place.trust = TimeTrust.RESTORED
        place.running_ms += 2 * HOUR_MS
        place.utc_ms += 200 * HOUR_MS
        assert ask(place, replaced(place, end_wh))[0] == reason


def test_a_report_settles_only_the_case_it_explains() -> None:
    """S4-09: not energy used unobserved, and no leap that rated power over its time does not allow."""
    place = world(meter_serial="S-1")
    moment = place.now()
    known = Case(1, CaseKind.DISCONTINUITY, 0, 900_000, 0, moment, moment, 300_000)
    account = place.account
    for kind, leap_wh, reason in (
        (CaseKind.UNOBSERVED, 300, "implausible_register"),
        (CaseKind.DISCONTINUITY, 900_000, "implausible_register"),
        (CaseKind.DISCONTINUITY, 300, ""),
    ):
        case = replace(known, kind=kind, to_wh=leap_wh)
        register = replace(account.register, wh=800_000, cases=(case,), cases_opened=1)
        place.account = replace(account, register=register)
        assert ask(place, replaced(place, 500))[0] == reason
        assert (place.account.register.cases == ()) is (reason == "")
