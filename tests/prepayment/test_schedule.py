"""Billing classes and closing readings."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from gateway.prepayment.account import Account, Outcome
from gateway.prepayment.agreement import open_account
from gateway.prepayment.certificate import Certificate
from gateway.prepayment.civil import local_time, midnight_utc_ms
from gateway.prepayment.events import Moment, Reading, TimeTrust
from gateway.prepayment.ledger import Verdict, VerdictStatus
from gateway.prepayment.periods import BillingClass, Schedule
from gateway.prepayment.schedule import (
    CLOSING_MONTHS,
    WORDS,
    Rule,
    ScheduleSet,
    Service,
    class_of,
    estenergy_gas,
    most_frequent,
    next_closing,
    schedule_set,
)
from gateway.prepayment.step import apply
from gateway.prepayment.supply import Voltage
from gateway.prepayment.taken import Taken
from tests.counter import opening
from tests.prepayment.worlds import TERMS

ZONE = "Europe/Zurich"
START = date(2026, 10, 20)


def at(day: date, hours: float = 0.0, trust: TimeTrust = TimeTrust.AUTHENTICATED) -> Moment:
    """So many hours into a local day."""
    utc_ms = midnight_utc_ms(day, ZONE) + int(hours * 3_600_000)
    return Moment(utc_ms, trust, utc_ms - midnight_utc_ms(START, ZONE))


def account(**more: object) -> Account:
    """An account opened on the day it all starts."""
    opened = open_account(replace(opening(), at=at(START)), TERMS)
    assert isinstance(opened, Outcome)
    return replace(opened.account, **more)  # type: ignore[arg-type]


def per_year(service: Service, of: Account | None = None) -> int:
    """How many bills a rule gives."""
    found = class_of(service, of or account())
    assert found is not None
    return len(CLOSING_MONTHS[found])


@pytest.mark.parametrize(("smc", "bills"), [(0, 3), (499, 3), (500, 5), (5_000, 5), (5_001, 12)])
def test_gas_of_the_first_utility_is_billed_by_its_consumption(smc: int, bills: int) -> None:
    """S1-01, S1-02, S1-03, G2: three below 500, five from 500 to 5000 with both bounds, twelve above."""
    assert len(CLOSING_MONTHS[estenergy_gas(smc)]) == bills
    assert per_year(Service(Rule.ESTENERGY_GAS, smc_per_year=smc)) == bills


def test_the_five_have_four_periods_of_two_months_and_one_of_four_in_summer() -> None:
    """S1-02: the long one lies in summer, when little gas is used."""
    months = CLOSING_MONTHS[BillingClass.FIVE]
    lengths = {(end - 1) % 12 + 1: (end - begin) % 12 for begin, end in zip(months, (*months[1:], 13), strict=True)}
    assert sorted(lengths.values()) == [2, 2, 2, 2, 4]
    assert lengths[9] == 4


@pytest.mark.parametrize("smc", [10, 3_000, 90_000])
def test_constant_instalments_override_the_class(smc: int) -> None:
    """S1-04: six bills a year, however much is used."""
    assert per_year(Service(Rule.ESTENERGY_GAS, smc_per_year=smc, constant_instalments=True)) == 6


@pytest.mark.parametrize(
    ("voltage", "domestic", "bills"),
    [(Voltage.LV, True, 6), (Voltage.LV, False, 6), (Voltage.MV, False, 12), (Voltage.HV, False, 12)],
)
def test_electricity_is_billed_by_voltage(voltage: Voltage, domestic: bool, bills: int) -> None:
    """S1-05: each two months at low voltage, monthly above."""
    of = account(voltage=voltage, domestic=domestic)
    assert per_year(Service(Rule.ESTENERGY_ELECTRICITY), of) == bills


@pytest.mark.parametrize(("smc", "bills", "readings"), [(5_000, 6, 2), (5_001, 12, 12)])
def test_gas_on_a_bill_of_several_services(smc: int, bills: int, readings: int) -> None:
    """S3-03, S3-06, G2: six bills and two readings a year up to 5000, both monthly above."""
    assert per_year(Service(Rule.MULTISERVICE_GAS, smc_per_year=smc)) == bills
    assert per_year(Service(Rule.MULTISERVICE_GAS_READING, smc_per_year=smc)) == readings


@pytest.mark.parametrize(("contract_w", "bills"), [(15_000, 6), (20_000, 12)])
def test_electricity_on_a_bill_of_several_services(contract_w: int, bills: int) -> None:
    """S3-04: up to 16.5 kW available (15 kW and its tenth) six, above it twelve."""
    assert per_year(Service(Rule.MULTISERVICE_ELECTRICITY), account(contract_power_w=contract_w)) == bills


def test_biannuale_is_twice_a_year() -> None:
    """S3-06: not every two years."""
    assert len(CLOSING_MONTHS[WORDS["biannuale"]]) == 2


def test_the_most_frequent_service_decides() -> None:
    """S3-01, S3-02: gas six times and electricity twelve times a year make twelve bills."""
    assert most_frequent([BillingClass.TWO_MONTHLY, BillingClass.MONTHLY]) is BillingClass.MONTHLY
    services = (Service(Rule.MULTISERVICE_GAS, smc_per_year=800), Service(Rule.FIXED, BillingClass.MONTHLY))
    taken = schedule_set(account(), ScheduleSet(at(START), "s1", services))
    assert isinstance(taken, Taken)
    assert dict(taken.verdict.detail)["per_year"] == 12


@pytest.mark.parametrize("billing", list(BillingClass))
def test_a_year_has_as_many_closings_as_its_class(billing: BillingClass) -> None:
    """S1-01 to S1-05, S3-03: counted over a year, each at local midnight of a first, none twice."""
    schedule = Schedule(billing, midnight_utc_ms(date(2026, 1, 1), ZONE))
    seen = []
    while (closing := next_closing(schedule, ZONE)) <= midnight_utc_ms(date(2027, 1, 1), ZONE):
        seen.append(closing)
        schedule = replace(schedule, last_utc_ms=closing)
    assert len(seen) == len(CLOSING_MONTHS[billing])
    assert len(set(seen)) == len(seen)
    for closing in seen:
        local = local_time(closing, ZONE)
        assert (local.day, local.hour, local.minute) == (1, 0, 0)


def lived(held: Account, until: date, step_hours: float) -> tuple[Account, list[Certificate]]:
    """Readings from the start to a day, and the certificates they led to."""
    made: list[Certificate] = []
    moment, wh = at(START, 1), 0
    while moment.utc_ms < midnight_utc_ms(until, ZONE):
        wh += 10
        outcome = apply(held, Reading(moment, wh), TERMS)
        held = outcome.account
        made += [record for record in outcome.records if isinstance(record, Certificate)]
        moment = replace(
            moment,
            utc_ms=moment.utc_ms + int(step_hours * 3_600_000),
            running_ms=moment.running_ms + int(step_hours * 3_600_000),
        )
    return held, made


def ordered(billing: BillingClass) -> Account:
    """An account with a schedule, through the one step."""
    request = ScheduleSet(at(START), "s1", (Service(Rule.FIXED, billing),))
    outcome = apply(account(), request, TERMS)
    assert outcome.verdict is not None
    assert outcome.verdict.status is VerdictStatus.APPLIED
    return outcome.account


def test_each_closing_is_certified_once() -> None:
    """S1-01 to S1-05: month after month one reading for the bill, at midnight, through the change of the clocks."""
    _, made = lived(ordered(BillingClass.MONTHLY), date(2027, 1, 2), 0.25)
    assert [cert.certificate_id for cert in made] == ["closing-2026-11-01", "closing-2026-12-01", "closing-2027-01-01"]
    assert {cert.reason.value for cert in made} == {"billing"}
    assert {cert.quality.value for cert in made} == {"actual"}
    assert [cert.asked_utc_ms for cert in made] == [
        midnight_utc_ms(day, ZONE) for day in (date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1))
    ]


def test_the_settlement_of_january_is_read_at_its_first_instant() -> None:
    """S0-13: instalments over the year, a reading at 2027-01-01T00:00 of the local clock for the balance invoice."""
    _, made = lived(ordered(BillingClass.YEARLY), date(2027, 1, 2), 1)
    (cert,) = made
    assert cert.reason.value == "conguaglio"
    assert cert.asked_utc_ms is not None
    assert local_time(cert.asked_utc_ms, ZONE).isoformat() == "2027-01-01T00:00:00+01:00"


def test_closings_that_were_missed_are_made_up_for_one_by_one() -> None:
    """S3-05: after months without the gateway each closing is there, and says that its value is of another instant."""
    held, _ = lived(ordered(BillingClass.MONTHLY), START + timedelta(days=1), 1)
    made: list[Certificate] = []
    for hours in range(6):
        outcome = apply(held, Reading(at(date(2027, 1, 10), hours), 5_000 + hours), TERMS)
        held = outcome.account
        made += [record for record in outcome.records if isinstance(record, Certificate)]
    assert [cert.certificate_id for cert in made] == ["closing-2026-11-01", "closing-2026-12-01", "closing-2027-01-01"]
    assert "actual" not in {cert.quality.value for cert in made}


def test_another_class_takes_the_place_of_the_one_before() -> None:
    """S1-04: what the old class had on the agenda goes."""
    held, _ = lived(ordered(BillingClass.MONTHLY), START + timedelta(days=1), 1)
    assert len(held.agenda.certificates_due) == 1
    request = ScheduleSet(at(START + timedelta(days=1)), "s2", (Service(Rule.FIXED, BillingClass.YEARLY),))
    outcome = apply(held, request, TERMS)
    assert outcome.account.agenda.certificates_due == ()
    outcome = apply(outcome.account, Reading(at(START + timedelta(days=1), 1), 500), TERMS)
    (due,) = outcome.account.agenda.certificates_due
    assert due.certificate_id == "closing-2027-01-01"


def test_without_a_figure_or_a_date_nothing_is_scheduled() -> None:
    """S1-01: a gas rule without its consumption, a fixed one without its class, a clock nobody believes."""
    for service in (Service(Rule.ESTENERGY_GAS), Service(Rule.FIXED), Service(Rule.MULTISERVICE_GAS)):
        answer = schedule_set(account(), ScheduleSet(at(START), "s1", (service,)))
        assert isinstance(answer, Verdict)
        assert answer.reason == "missing_figure"
    undated = ScheduleSet(at(START, trust=TimeTrust.UNKNOWN), "s1", (Service(Rule.FIXED, BillingClass.MONTHLY),))
    answer = schedule_set(account(), undated)
    assert isinstance(answer, Verdict)
    assert answer.reason == "clock_untrusted"


def test_no_closing_is_planned_by_a_clock_that_nobody_proved() -> None:
    """I16: a forged date closes no period."""
    held = ordered(BillingClass.MONTHLY)
    outcome = apply(held, Reading(at(date(2027, 5, 1), 1, TimeTrust.SYNCHRONISED), 10), TERMS)
    assert outcome.account.agenda.certificates_due == ()
