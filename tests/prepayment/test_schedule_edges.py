"""Billing schedules at the edge: what the answer says, when a closing is put off, and what a closing is for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.prepayment.account import Account, Outcome
from gateway.prepayment.agenda import DUE_MAX, Agenda, CertificateDue
from gateway.prepayment.certificate import CertificateReason
from gateway.prepayment.events import TimeTrust
from gateway.prepayment.ledger import Verdict, VerdictStatus
from gateway.prepayment.periods import BillingClass, Schedule
from gateway.prepayment.schedule import Rule, ScheduleSet, Service, class_of, planned, schedule_set
from gateway.prepayment.supply import Voltage
from gateway.prepayment.taken import Taken, refused
from tests.prepayment.worlds import DAY_MS, HOUR_MS, MONDAY_MS, at, opened

APRIL_MS = MONDAY_MS + 30 * DAY_MS - 10 * HOUR_MS  # midnight of 1 April in Zurich, where it is summer by then
JANUARY_MS = MONDAY_MS + 305 * DAY_MS - 9 * HOUR_MS
MONTHLY = Service(Rule.FIXED, BillingClass.MONTHLY)


def billed(billing: BillingClass, *dues: CertificateDue) -> Account:
    """Billed since Monday morning, with certificates that wait already."""
    return replace(opened(), schedule=Schedule(billing, MONDAY_MS), agenda=Agenda(dues))


def asked(number: int) -> CertificateDue:
    """A certificate somebody wants some day."""
    return CertificateDue(f"c-{number}", CertificateReason.CHECK, MONDAY_MS + 90 * DAY_MS + number)


@pytest.mark.parametrize(
    ("billing", "per_year", "first_utc_ms"),
    [(BillingClass.MONTHLY, 12, APRIL_MS), (BillingClass.YEARLY, 1, JANUARY_MS)],
)
def test_the_answer_names_the_class_and_the_first_closing(
    billing: BillingClass, per_year: int, first_utc_ms: int
) -> None:
    """S3-02: who orders a schedule learns which class came of it, how many bills, and when the first period ends."""
    taken = schedule_set(opened(), ScheduleSet(at(), "s-1", (Service(Rule.FIXED, billing),)))
    assert isinstance(taken, Taken)
    detail = (("class", billing.value), ("per_year", per_year), ("first_utc_ms", first_utc_ms))
    assert taken.verdict == Verdict(VerdictStatus.APPLIED, "", detail)


@pytest.mark.parametrize("services", [(), (Service(Rule.FIXED),), (MONTHLY, Service(Rule.ESTENERGY_GAS))])
def test_a_class_needs_a_figure_for_each_service(services: tuple[Service, ...]) -> None:
    """S1-01, S3-02: no service, or one without its figure beside one with it, gives no class; the answer says why."""
    hint = "a fixed rule needs `billing`, a gas rule `smc_per_year`"
    assert schedule_set(opened(), ScheduleSet(at(), "s-1", services)) == refused("missing_figure", hint=hint)


@pytest.mark.parametrize("voltage", list(Voltage))
def test_a_home_is_billed_each_two_months_at_any_voltage(voltage: Voltage) -> None:
    """S1-05: monthly are businesses and condominiums above low voltage; domestic supplies never."""
    home = replace(opened(), voltage=voltage, domestic=True)
    assert class_of(Service(Rule.ESTENERGY_ELECTRICITY), home) is BillingClass.TWO_MONTHLY


@pytest.mark.parametrize(
    ("billing", "closing_utc_ms", "due_id", "reason"),
    [
        (BillingClass.MONTHLY, APRIL_MS, "closing-2026-04-01", CertificateReason.BILLING),
        (BillingClass.HALF_YEARLY, APRIL_MS + 91 * DAY_MS, "closing-2026-07-01", CertificateReason.BILLING),
        (BillingClass.YEARLY, JANUARY_MS, "closing-2027-01-01", CertificateReason.CONGUAGLIO),
    ],
)
def test_a_closing_waits_beside_what_somebody_asked_for(
    billing: BillingClass, closing_utc_ms: int, due_id: str, reason: CertificateReason
) -> None:
    """S0-13: the closing of a year is its settlement, any other one a bill; it pushes nothing off the agenda."""
    account = planned(Outcome(billed(billing, asked(1))), at(1)).account
    closing = CertificateDue(due_id, reason, closing_utc_ms, "schedule", closing_utc_ms)
    assert account.agenda.certificates_due == (asked(1), closing)
    assert account.schedule == Schedule(billing, closing_utc_ms)
    assert planned(Outcome(account), at(2)) == Outcome(account)


@pytest.mark.parametrize(("waiting", "plans"), [(DUE_MAX - 1, True), (DUE_MAX, False), (DUE_MAX + 1, False)])
def test_a_closing_waits_for_room_on_the_agenda(waiting: int, plans: bool) -> None:
    """I20: no more certificates wait than may; the closing is planned when one of them is made, and none is lost."""
    account = billed(BillingClass.MONTHLY, *map(asked, range(waiting)))
    after = planned(Outcome(account), at(1)).account
    assert (after != account, len(after.agenda.certificates_due)) == (plans, waiting + plans)


@pytest.mark.parametrize("trust", list(TimeTrust))
def test_a_closing_is_planned_in_proven_time_alone(trust: TimeTrust) -> None:
    """I16: a date that nobody proved says nothing of which period it is."""
    account = planned(Outcome(billed(BillingClass.MONTHLY)), at(1, trust)).account
    assert len(account.agenda.certificates_due) == trust.proven
