"""The certificate a contract begins with: of the meter that hung then, and of no other instant (S1-20)."""

import pytest

from gateway.prepayment.certificate import Certificate, CertificateQuality, CertificateReason
from gateway.prepayment.events import Opening, TimeTrust
from gateway.prepayment.operations import CertificateAsked, MeterReplaced
from tests.contract.premises import HOUR_MS, POLL_MS
from tests.prepayment.worlds import MONDAY_MS, World, opened, world

DECLARED = CertificateQuality.DECLARED


def certificates(place: World, reason: CertificateReason) -> list[Certificate]:
    """Those that were made for this reason."""
    return [one for one in place.records if isinstance(one, Certificate) and one.reason is reason]


def replaced(register_wh: int | None, trust: TimeTrust = TimeTrust.AUTHENTICATED) -> World:
    """An activation whose meter is changed after an hour, at 250 Wh, before anybody read it; S-2 begins at 7 Wh."""
    place = World(opened(register_wh=register_wh, kind=Opening.ACTIVATION, meter_serial="S-1", contract_id="C-1"))
    place.running_ms, place.utc_ms, place.trust = HOUR_MS, MONDAY_MS + HOUR_MS, trust
    report = MeterReplaced(place.now(), "r-1", "S-1", 250, "S-2", 7, "E-D", "M. R.", "sheet 4")
    assert place.post(report).verdict is not None
    place.running_ms, place.utc_ms, place.register_wh = HOUR_MS + POLL_MS, MONDAY_MS + HOUR_MS + POLL_MS, 9
    place.read(serial="S-2")
    return place


def test_a_meter_changed_before_it_was_read_is_the_one_the_contract_began_with() -> None:
    """S1-20, S4-09: what was declared at the opening is certified of the old meter, once, with the change."""
    place = replaced(200)
    [made] = certificates(place, CertificateReason.ACTIVATION)
    assert (made.meter_serial, made.import_wh, made.quality) == ("S-1", 200, DECLARED)
    assert (made.asked_utc_ms, made.stands_utc_ms, made.at.utc_ms) == (MONDAY_MS, MONDAY_MS, MONDAY_MS + HOUR_MS)
    assert place.account.agenda.certificates_due == ()
    old, new = certificates(place, CertificateReason.REPLACEMENT)
    assert place.records.index(made) < place.records.index(old)
    assert [(one.meter_serial, one.import_wh) for one in (old, new)] == [("S-1", 250), ("S-2", 7)]


@pytest.mark.parametrize(
    ("trust", "stands_ms"), [(TimeTrust.AUTHENTICATED, MONDAY_MS + HOUR_MS), (TimeTrust.RESTORED, None)]
)
def test_where_nothing_was_declared_charging_begins_with_the_new_meter(trust: TimeTrust, stands_ms: int | None) -> None:
    """S1-20, I16: at the change and not at the opening, when another meter hung there; without a date at none."""
    [made] = certificates(replaced(None, trust), CertificateReason.ACTIVATION)
    assert (made.meter_serial, made.import_wh, made.quality) == ("S-2", 7, DECLARED)
    assert (made.asked_utc_ms, made.stands_utc_ms) == (MONDAY_MS, stands_ms)


def test_other_certificates_wait_through_a_change_of_meter() -> None:
    """S2-33: what was asked for an instant to come is read from the meter that hangs then."""
    place = world(meter_serial="S-1")
    wanted_ms = MONDAY_MS + 2 * HOUR_MS
    place.post(CertificateAsked(place.now(), "c-1", CertificateReason.SWITCH, wanted_ms))
    due = place.account.agenda.certificates_due
    place.post(MeterReplaced(place.now(), "r-1", "S-1", 0, "S-2", 7, "E-D", "M. R.", "sheet 4"))
    assert (len(due), place.account.agenda.certificates_due) == (1, due)
    assert certificates(place, CertificateReason.SWITCH) == []


def test_an_activation_that_somebody_asks_for_is_read_like_any_other() -> None:
    """S2-33: the reason is only a word; the registers are those of the instant asked for, not of the opening."""
    place = world()
    wanted_ms = MONDAY_MS + HOUR_MS
    place.post(CertificateAsked(place.now(), "c-1", CertificateReason.ACTIVATION, wanted_ms))
    place.use(1_200, hours=1)
    [made] = certificates(place, CertificateReason.ACTIVATION)
    assert (made.import_wh, made.asked_utc_ms, made.stands_utc_ms) == (1_200, wanted_ms, wanted_ms)
    assert made.quality is CertificateQuality.ACTUAL
