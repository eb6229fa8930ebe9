"""Certificates at the edge: what is asked before anything was read, a quarter-hour after the instant, or in vain."""

from dataclasses import replace

import pytest

from gateway.prepayment.account import Account, Parallel
from gateway.prepayment.agenda import DUE_MAX, Agenda, CertificateDue, PowerDue
from gateway.prepayment.certificate import Certificate, CertificateQuality, CertificateReason, Known
from gateway.prepayment.contract import AHEAD_MAX_MS, certificate_asked, due_cancelled, now, of_known, opening_due, read
from gateway.prepayment.events import AccountOpened, Opening, TimeTrust
from gateway.prepayment.intervals import IntervalState
from gateway.prepayment.ledger import Happening
from gateway.prepayment.operations import CertificateAsked, DueCancelled
from gateway.prepayment.register import Register
from gateway.prepayment.step import apply
from gateway.prepayment.taken import Taken, refused
from tests.contract.premises import HOUR_MS, POLL_MS, QUARTER_MS
from tests.prepayment.worlds import MONDAY_MS, TERMS, World, at, opened, policy, tariff, world

ACTUAL, NEAREST, DECLARED = CertificateQuality.ACTUAL, CertificateQuality.NEAREST, CertificateQuality.DECLARED
LATER = at(HOUR_MS)
STORED = "ask for an instant from then on, and no older than what is kept"


def asked(utc_ms: int | None, known: Known | None = None) -> CertificateAsked:
    """A check, asked for an hour after the beginning."""
    return CertificateAsked(LATER, "c-1", CertificateReason.CHECK, utc_ms, "case 7", known)


def certificates(place: World) -> list[Certificate]:
    """Every certificate so far."""
    return [one for one in place.records if isinstance(one, Certificate)]


def waits(account: Account, utc_ms: int) -> bool:
    """The request is put on the agenda, with the instant it asks for."""
    taken = certificate_asked(account, asked(utc_ms))
    if not isinstance(taken, Taken):
        return False
    [due] = taken.change(account).agenda.certificates_due
    assert due == CertificateDue("c-1", CertificateReason.CHECK, utc_ms, "case 7", utc_ms)
    return True


def test_before_anything_was_read_an_instant_since_the_opening_waits() -> None:
    """S2-33: an account that was never read has nothing from before it was opened, and waits from then on."""
    never = opened(register_wh=None)
    assert not waits(never, MONDAY_MS - 1)
    assert waits(never, MONDAY_MS)
    assert waits(never, MONDAY_MS + 1)


def test_an_opening_without_a_believable_date_forbids_no_instant() -> None:
    """I16: a clock that ran ahead when the contract began says nothing about what is to come."""
    ahead = at(0, TimeTrust.RESTORED, utc_ms=MONDAY_MS + 48 * HOUR_MS)
    assert waits(opened(register_wh=None, at=ahead), MONDAY_MS + 2 * HOUR_MS)


@pytest.mark.parametrize(
    ("opened_ms", "trust", "stored_ms"),
    [
        (-1, TimeTrust.AUTHENTICATED, 0),
        (1, TimeTrust.AUTHENTICATED, 1),
        (1, TimeTrust.RESTORED, 0),
    ],
)
def test_a_refusal_says_from_when_on_there_is_something(opened_ms: int, trust: TimeTrust, stored_ms: int) -> None:
    """S2-33: since register and curve run side by side, but not from before this contract."""
    moment = at(0, trust, utc_ms=MONDAY_MS + opened_ms)
    account = replace(
        opened(), opened=moment, register=Register(wh=9, at=LATER, dated=LATER), parallel=Parallel(0, MONDAY_MS)
    )
    told = certificate_asked(account, asked(MONDAY_MS - HOUR_MS))
    assert told == refused("no_data", stored_from_utc_ms=MONDAY_MS + stored_ms, hint=STORED)


def test_what_cannot_wait_is_told_with_its_bound() -> None:
    """I20: how many wait already, or how late it may be at the latest."""
    due = CertificateDue("c-0", CertificateReason.CHECK, MONDAY_MS + 2 * HOUR_MS)
    latest_ms = LATER.utc_ms + AHEAD_MAX_MS
    for waiting, utc_ms, told in (
        (DUE_MAX, latest_ms, refused("too_many_due", waiting=DUE_MAX)),
        (0, latest_ms + 1, refused("too_far_ahead", latest_utc_ms=latest_ms)),
    ):
        account = replace(opened(), agenda=Agenda(certificates_due=(due,) * waiting))
        assert certificate_asked(account, asked(utc_ms)) == told
    almost = replace(opened(), agenda=Agenda(certificates_due=(due,) * (DUE_MAX - 1)))
    assert isinstance(certificate_asked(almost, asked(latest_ms)), Taken)


def test_a_change_of_power_that_waits_can_be_taken_back() -> None:
    """S2-06: only the one that is named; the others go on waiting."""
    powers = tuple(PowerDue(f"p-{number}", 4_500, MONDAY_MS + number, MONDAY_MS) for number in (1, 2))
    account = replace(opened(), agenda=Agenda(powers_due=powers))
    taken = due_cancelled(account, DueCancelled(LATER, "x-1", "p-1"))
    assert isinstance(taken, Taken)
    assert taken.change(account).agenda == Agenda(powers_due=powers[1:])
    assert due_cancelled(account, DueCancelled(LATER, "x-1", "p-3")) == refused("nothing_due", due_id="p-3")


def test_what_is_stored_is_certified_as_it_was() -> None:
    """S2-33: all registers of that instant, not those of today, with the instant that was asked."""
    account = replace(
        opened(), register=Register(wh=900, at=LATER, dated=LATER), intervals=IntervalState(LATER.utc_ms, 900, 77)
    )
    found = Known(MONDAY_MS, NEAREST, 5, 6, 7)
    due = CertificateDue("c-1", CertificateReason.CHECK, None, "case 7", MONDAY_MS + 1)
    made = of_known(account, LATER, due, found)
    assert (made.import_wh, made.export_wh, made.production_wh) == (5, 6, 7)
    assert (made.asked_utc_ms, made.stands_utc_ms, made.quality) == (MONDAY_MS + 1, MONDAY_MS, NEAREST)
    taken = certificate_asked(account, asked(MONDAY_MS + 1, found))
    assert isinstance(taken, Taken)
    assert taken.told(account, account) == (made,)


@pytest.mark.parametrize(
    ("changes", "age_ms", "quality"),
    [
        ({}, QUARTER_MS, ACTUAL),
        ({}, QUARTER_MS + 1, NEAREST),
        ({"trouble": "unreadable"}, 0, NEAREST),
        ({"unobserved": True}, 0, NEAREST),
    ],
)
def test_a_register_is_actual_for_a_quarter_of_an_hour(
    changes: dict[str, object], age_ms: int, quality: CertificateQuality
) -> None:
    """S2-33: not while it is in doubt, nor after a time nobody looked."""
    register = replace(Register(wh=900, at=at(), dated=at()), **changes)  # type: ignore[arg-type]  # by name
    account = replace(opened(), register=register)
    due = CertificateDue("c-1", CertificateReason.CHECK, None)
    made = now(account, at(age_ms), due)
    assert (made.quality, made.import_wh, made.stands_utc_ms) == (quality, 900, MONDAY_MS)


@pytest.mark.parametrize(
    ("trust", "asked_ms", "told_ms"),
    [
        (TimeTrust.SYNCHRONISED, None, MONDAY_MS + HOUR_MS),
        (TimeTrust.SYNCHRONISED, MONDAY_MS, MONDAY_MS),
        (TimeTrust.RESTORED, None, None),
        (TimeTrust.RESTORED, MONDAY_MS, MONDAY_MS),
    ],
)
def test_asked_for_now_is_the_instant_of_asking(trust: TimeTrust, asked_ms: int | None, told_ms: int | None) -> None:
    """S2-33: if the clock is believable; an instant that somebody named stays that one."""
    due = CertificateDue("c-1", CertificateReason.CHECK, None, asked_utc_ms=asked_ms)
    assert now(opened(), at(HOUR_MS, trust), due).asked_utc_ms == told_ms


@pytest.mark.parametrize("kind", list(Opening))
def test_a_contract_that_is_signed_for_begins_with_a_certificate(kind: Opening) -> None:
    """S1-20: an activation and a takeover do, at the quarter-hour; what else opens an account does not."""
    moment = at(QUARTER_MS - 1)
    event = AccountOpened(moment, "o-1", "CH-2", "m1", "CHF", 3_000, policy(), tariff(), kind=kind, contract_id="C-2")
    due = CertificateDue("o-1", CertificateReason.ACTIVATION, None, asked_utc_ms=MONDAY_MS)
    wanted = (due,) if kind in (Opening.ACTIVATION, Opening.SUBENTRO) else ()
    assert opening_due(event) == Agenda(certificates_due=wanted)
    undated = opening_due(replace(event, at=at(0, TimeTrust.RESTORED)))
    assert [one.asked_utc_ms for one in undated.certificates_due] == [None] * len(wanted)


def read_at(place: World, ms: int, wh: int, trust: TimeTrust = TimeTrust.AUTHENTICATED) -> None:
    """One reading so long after the beginning."""
    place.running_ms, place.utc_ms, place.register_wh, place.trust = ms, MONDAY_MS + ms, wh, trust
    place.read()


def awaiting(place: World, after_ms: int | None, reason: CertificateReason = CertificateReason.CHECK) -> World:
    """A certificate waits for this instant."""
    wanted_ms = None if after_ms is None else MONDAY_MS + after_ms
    due = CertificateDue("c-1", reason, wanted_ms, "case 7", wanted_ms)
    place.account = replace(place.account, agenda=Agenda(certificates_due=(due,)))
    return place


@pytest.mark.parametrize(
    ("wanted_ms", "late_ms", "stands_ms", "wh", "quality"),
    [
        (HOUR_MS, QUARTER_MS, HOUR_MS + QUARTER_MS, 300, ACTUAL),
        (HOUR_MS, QUARTER_MS + 1, HOUR_MS + QUARTER_MS + 1, 300, NEAREST),
        (HOUR_MS, HOUR_MS, 2 * HOUR_MS, 300, NEAREST),
        (HOUR_MS, HOUR_MS + 1, 0, 0, NEAREST),
        (None, HOUR_MS, HOUR_MS, 300, ACTUAL),
    ],
)
def test_a_reading_that_comes_late_counts_as_long_as_it_is_the_nearer(
    wanted_ms: int | None, late_ms: int, stands_ms: int, wh: int, quality: CertificateQuality
) -> None:
    """S2-33: actual within a quarter-hour, then the nearer of two, the later of equals; or simply the next."""
    place = awaiting(world(), wanted_ms)
    read_at(place, (wanted_ms or 0) + late_ms, 300)
    [made] = certificates(place)
    assert (made.stands_utc_ms, made.import_wh, made.quality) == (MONDAY_MS + stands_ms, wh, quality)
    assert place.account.agenda == Agenda()


def test_a_reading_of_unknown_time_is_near_to_nothing() -> None:
    """I16: the one before the instant had no date, so the one after it counts, however late."""
    place = World(opened())
    read_at(place, 0, 0, TimeTrust.RESTORED)
    awaiting(place, POLL_MS)
    read_at(place, 3 * HOUR_MS, 300)
    [made] = certificates(place)
    assert (made.stands_utc_ms, made.import_wh, made.quality) == (MONDAY_MS + 3 * HOUR_MS, 300, NEAREST)


def test_the_first_reading_of_all_counts_however_late() -> None:
    """S2-33: there is none before it to compare with; what else that reading leads to is on record as well."""
    place = awaiting(World(opened(register_wh=None)), HOUR_MS)
    for number in range(3):
        read_at(place, 2 * HOUR_MS + number * 1_000, 300)
    [made] = certificates(place)
    assert (made.stands_utc_ms, made.import_wh, made.quality) == (MONDAY_MS + 2 * HOUR_MS + 2_000, 300, NEAREST)
    assert "register.opened" in [one.what for one in place.records if isinstance(one, Happening)]


@pytest.mark.parametrize(("first_ms", "quality"), [(QUARTER_MS, ACTUAL), (QUARTER_MS + 1, NEAREST)])
def test_charging_begins_at_the_first_reading_that_agreed(first_ms: int, quality: CertificateQuality) -> None:
    """S1-20: where no register was declared; actual within a quarter-hour of the opening."""
    place = awaiting(World(opened(register_wh=None)), None, CertificateReason.ACTIVATION)
    for number in range(3):
        read_at(place, first_ms + number * 1_000, 300 + number)
    [made] = certificates(place)
    assert (made.stands_utc_ms, made.import_wh, made.quality) == (MONDAY_MS + first_ms, 300, quality)


@pytest.mark.parametrize(("wh", "readings"), [(300, 1), (900_000, 3)])
def test_charging_begins_at_the_register_that_was_declared(wh: int, readings: int) -> None:
    """S1-20: also where the meter then shows a leap, which is nobody's consumption yet."""
    place = awaiting(World(opened(register_wh=200)), None, CertificateReason.ACTIVATION)
    for number in range(readings):
        read_at(place, POLL_MS + number * 1_000, wh)
    [made] = certificates(place)
    assert (made.stands_utc_ms, made.import_wh, made.quality) == (MONDAY_MS, 200, DECLARED)


def test_register_and_curve_run_side_by_side_from_the_first_date_on() -> None:
    """S2-33, I16: readings without a date begin nothing; the first that has one does, once and for all."""
    place = World(opened())
    read_at(place, POLL_MS, 10, TimeTrust.RESTORED)
    assert place.account.parallel == Parallel(0, None)
    for number in (2, 3):
        read_at(place, number * POLL_MS, 10 * number)
        assert place.account.parallel == Parallel(0, MONDAY_MS + 2 * POLL_MS)


def test_a_reading_that_was_not_accepted_makes_nothing() -> None:
    """S2-33: what is due goes on waiting."""
    place = awaiting(world(), None)
    read_at(place, POLL_MS, 900_000)
    assert certificates(place) == []
    before = apply(place.account, asked(None), TERMS)
    assert read(before, place.account, at(POLL_MS)) is before
