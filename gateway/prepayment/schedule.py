"""When a billing period closes: classes of frequency as data, and the reading that each closing instant asks for.

A period closes at local midnight, the first instant of the next. The rules are those of the utilities in the sources;
where one bill is made for several services the most frequent decides (S3-02).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import assert_never

from gateway.prepayment import civil
from gateway.prepayment.account import Account, Outcome
from gateway.prepayment.agenda import DUE_MAX, CertificateDue
from gateway.prepayment.certificate import CertificateReason
from gateway.prepayment.events import Moment
from gateway.prepayment.ledger import Verdict, VerdictStatus
from gateway.prepayment.periods import BillingClass, Schedule
from gateway.prepayment.power import available_power_w
from gateway.prepayment.supply import Voltage
from gateway.prepayment.taken import Taken, refused

REFERENCE = "schedule"
"""How a certificate says that the schedule asked for it."""

CLOSING_MONTHS: Mapping[BillingClass, tuple[int, ...]] = {
    BillingClass.YEARLY: (1,),
    BillingClass.HALF_YEARLY: (1, 7),
    BillingClass.FOUR_MONTHLY: (1, 5, 9),
    BillingClass.FIVE: (1, 3, 5, 9, 11),
    BillingClass.TWO_MONTHLY: (1, 3, 5, 7, 9, 11),
    BillingClass.MONTHLY: tuple(range(1, 13)),
}
"""The months whose first day closes a period. Five: two months each, and one of four in summer (May to August)."""

WORDS: Mapping[str, BillingClass] = {
    "annuale": BillingClass.YEARLY,
    "biannuale": BillingClass.HALF_YEARLY,
    "semestrale": BillingClass.HALF_YEARLY,
    "quadrimestrale": BillingClass.FOUR_MONTHLY,
    "bimestrale": BillingClass.TWO_MONTHLY,
    "mensile": BillingClass.MONTHLY,
}
"""What the sources say; "biannuale" is twice a year, not every two years (S3-06)."""

GAS_LOW_SMC, GAS_HIGH_SMC = 500, 5_000
MULTISERVICE_POWER_W = 16_500


class Rule(StrEnum):
    """Whose rule gives the class of a service, and from what."""

    FIXED = "fixed"
    ESTENERGY_GAS = "estenergy_gas"
    ESTENERGY_ELECTRICITY = "estenergy_electricity"
    MULTISERVICE_GAS = "multiservice_gas"
    MULTISERVICE_GAS_READING = "multiservice_gas_reading"
    MULTISERVICE_ELECTRICITY = "multiservice_electricity"


@dataclass(frozen=True, slots=True)
class Service:
    """One service on the bill: its rule and what the rule needs; gas by its yearly consumption in Smc (G2)."""

    rule: Rule
    billing: BillingClass | None = None
    smc_per_year: int | None = None
    constant_instalments: bool = False


@dataclass(frozen=True, slots=True)
class ScheduleSet:
    """How often the account is billed from now on."""

    at: Moment
    command_id: str
    services: tuple[Service, ...]


def schedule_set(account: Account, request: ScheduleSet) -> Taken | Verdict:
    """Keep the class; the first closing is the next one to come."""
    if not request.at.trust.dated:
        return refused("clock_untrusted")
    classes = [class_of(service, account) for service in request.services]
    known = [found for found in classes if found is not None]
    if not classes or len(known) != len(classes):
        return refused("missing_figure", hint="a fixed rule needs `billing`, a gas rule `smc_per_year`")
    billing = most_frequent(known)
    schedule = Schedule(billing, request.at.utc_ms)
    first = next_closing(schedule, account.policy.time_zone)
    detail = (("class", billing.value), ("per_year", len(CLOSING_MONTHS[billing])), ("first_utc_ms", first))
    return Taken(lambda a: _with(a, schedule), Verdict(VerdictStatus.APPLIED, "", detail))


def class_of(service: Service, account: Account) -> BillingClass | None:
    """The class a rule gives; None when it lacks a figure."""
    smc = service.smc_per_year
    match service.rule:
        case Rule.FIXED:
            return service.billing
        case Rule.ESTENERGY_GAS:
            return None if smc is None else estenergy_gas(smc, constant_instalments=service.constant_instalments)
        case Rule.ESTENERGY_ELECTRICITY:
            often = account.voltage is not Voltage.LV and not account.domestic
            return BillingClass.MONTHLY if often else BillingClass.TWO_MONTHLY
        case Rule.MULTISERVICE_GAS:
            return None if smc is None else _above(smc > GAS_HIGH_SMC, BillingClass.TWO_MONTHLY)
        case Rule.MULTISERVICE_GAS_READING:
            return None if smc is None else _above(smc > GAS_HIGH_SMC, BillingClass.HALF_YEARLY)
        case Rule.MULTISERVICE_ELECTRICITY:
            power_w = available_power_w(account.contract_power_w)
            return _above(power_w > MULTISERVICE_POWER_W, BillingClass.TWO_MONTHLY)
        case _ as never:
            assert_never(never)


def estenergy_gas(smc_per_year: int, *, constant_instalments: bool = False) -> BillingClass:
    """Three bills below 500 a year, five up to 5000, twelve above; with constant instalments six (S1-01 to S1-04)."""
    if constant_instalments:
        return BillingClass.TWO_MONTHLY
    if smc_per_year < GAS_LOW_SMC:
        return BillingClass.FOUR_MONTHLY
    return BillingClass.FIVE if smc_per_year <= GAS_HIGH_SMC else BillingClass.MONTHLY


def most_frequent(classes: Iterable[BillingClass]) -> BillingClass:
    """The class with the most closings a year (S3-02)."""
    return max(classes, key=lambda billing: len(CLOSING_MONTHS[billing]))


def next_closing(schedule: Schedule, zone: str) -> int:
    """The first closing instant after the schedule's last, in ms since 1970."""
    day = civil.local_date(schedule.last_utc_ms, zone)
    months = CLOSING_MONTHS[schedule.billing]
    days = (date(year, month, 1) for year in (day.year, day.year + 1) for month in months)
    return next(at for of in days if (at := civil.midnight_utc_ms(of, zone)) > schedule.last_utc_ms)


def planned(outcome: Outcome, at: Moment) -> Outcome:
    """Put the next closing on the agenda when none is; the reading that follows it is certified (proven time only)."""
    account = outcome.account
    schedule, dues = account.schedule, account.agenda.certificates_due
    if schedule is None or not at.trust.proven or len(dues) >= DUE_MAX:
        return outcome
    if any(due.reference == REFERENCE for due in dues):
        return outcome
    closing = next_closing(schedule, account.policy.time_zone)
    yearly = schedule.billing is BillingClass.YEARLY
    reason = CertificateReason.CONGUAGLIO if yearly else CertificateReason.BILLING
    day = civil.local_date(closing, account.policy.time_zone).isoformat()
    due = CertificateDue(f"closing-{day}", reason, closing, REFERENCE, closing)
    agenda = replace(account.agenda, certificates_due=(*dues, due))
    return replace(outcome, account=replace(account, agenda=agenda, schedule=replace(schedule, last_utc_ms=closing)))


def _with(account: Account, schedule: Schedule) -> Account:
    """The new schedule; what the one before had put on the agenda goes."""
    dues = tuple(due for due in account.agenda.certificates_due if due.reference != REFERENCE)
    return replace(account, schedule=schedule, agenda=replace(account.agenda, certificates_due=dues))


def _above(above: bool, else_: BillingClass) -> BillingClass:  # noqa: FBT001 - one bound, two classes
    return BillingClass.MONTHLY if above else else_
