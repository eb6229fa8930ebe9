"""Work at the delivery point that moves no money: tests of the meter, readings by eye, jobs with their windows.

The gateway keeps what somebody must be able to look up later, says when a day has come, and answers with a reason when
a date contradicts another. What follows for the bill is the central system's, by commands of its own.
"""

from __future__ import annotations

import calendar
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta

from gateway.prepayment import civil
from gateway.prepayment.account import Account, Outcome, Terms
from gateway.prepayment.agenda import (
    JOBS_MAX,
    READINGS_MAX,
    TESTS_MAX,
    Job,
    JobState,
    ManualReading,
    MeterTest,
)
from gateway.prepayment.certificate import Certificate, CertificateQuality, CertificateReason
from gateway.prepayment.contract import certified, to_come
from gateway.prepayment.events import Detail, Moment
from gateway.prepayment.ledger import Happening, Record, Verdict, VerdictStatus
from gateway.prepayment.operations import (
    JobAssigned,
    JobMoved,
    ManuallyRead,
    MeterTestBegun,
    MeterTestEnded,
    ReadingValidated,
)
from gateway.prepayment.register import plausible_wh
from gateway.prepayment.taken import APPLIED, Taken, refused

FROZEN_BACK_MS = 366 * 24 * 3_600_000
"""A reconstruction reaches back one year at most (S2-18), so nothing older is kept for a test."""
KEPT_DAYS = 366
"""How long after its day a test keeps its quarter-hours."""
INFO_MONTHS = 2
WINDOW_DAYS = 10
"""Readings by eye are asked for on day 1 to 10 of the odd months (S2-40)."""
DISPLAY_WH = 1_000
"""A display that shows whole kWh leaves out what is below."""
Frozen = dict[str, tuple[tuple[int, int], ...]]
"""Spans of time (from, to, in ms) by account whose quarter-hours must not be pruned."""
_FOR_EVER_MS = 2**62


def test_begun(account: Account, request: MeterTestBegun) -> Taken | Verdict:
    """Freeze the quarter-hours that a test will be judged by (S2-13)."""
    at, tests = request.at, account.agenda.tests
    if not at.trust.dated:
        return refused("clock_untrusted")
    if any(test.test_id == request.test_id for test in tests):
        return refused("test_exists", test_id=request.test_id)
    from_utc_ms = at.utc_ms if request.frozen_from_utc_ms is None else request.frozen_from_utc_ms
    if from_utc_ms > at.utc_ms:
        return refused("contradictory_date", now_utc_ms=at.utc_ms)
    if from_utc_ms < at.utc_ms - FROZEN_BACK_MS:
        return refused("reconstruction_limit", earliest_utc_ms=at.utc_ms - FROZEN_BACK_MS)
    if len(tests) >= TESTS_MAX:
        ended = next((test for test in tests if test.test_on is not None), None)
        if ended is None:
            return refused("too_many_tests")
        tests = tuple(test for test in tests if test is not ended)
    test = MeterTest(request.test_id, request.case_id, _today(account, at).isoformat(), from_utc_ms)
    detail: Detail = (*_of_test(test), ("frozen_from_utc_ms", from_utc_ms))
    return _noted(account, request, "meter_test.begun", detail, tests=(*tests, test))


def test_ended(account: Account, request: MeterTestEnded) -> Taken | Verdict:
    """Keep what the test found, and begin the two months in which the customer must be told (S2-14, S2-20)."""
    at = request.at
    known = next((test for test in account.agenda.tests if test.test_id == request.test_id), None)
    if known is None:
        return refused("no_test", test_id=request.test_id)
    if known.test_on is not None:
        return refused("test_ended", test_on=known.test_on)
    if not request.technician.strip():
        return refused("no_technician")
    if not at.trust.dated:
        return refused("clock_untrusted")
    if not known.begun_on <= request.test_on <= _today(account, at).isoformat():
        return refused("contradictory_date", test_on=request.test_on, begun_on=known.begun_on)
    due_on = months_after(date.fromisoformat(request.test_on), INFO_MONTHS).isoformat()
    ended = replace(known, frozen_to_utc_ms=at.utc_ms, test_on=request.test_on, info_due_on=due_on)
    detail: Detail = (
        *_of_test(ended),
        ("test_on", request.test_on),
        ("outcome", request.outcome.value),
        ("error_ppm", request.error_ppm),
        ("technician", request.technician),
        ("reference", request.reference),
        ("info_due_on", due_on),
    )
    tests = tuple(ended if test is known else test for test in account.agenda.tests)
    return _noted(account, request, "meter_test.result", detail, tests=tests)


def manually_read(account: Account, request: ManuallyRead, terms: Terms) -> Taken | Verdict:
    """Store a value somebody read; it waits for validation and moves no money (S2-40)."""
    at = request.at
    if not at.trust.dated:
        return refused("clock_untrusted")
    day = date.fromisoformat(request.read_on)
    if day > _today(account, at):
        return refused("contradictory_date", read_on=request.read_on)
    if account.opened.trust.dated and day < _today(account, account.opened):
        return refused("no_data", opened_utc_ms=account.opened.utc_ms, hint="a day before the contract is another's")
    if len(account.agenda.readings) >= READINGS_MAX:
        return refused("too_many_readings")
    lowest_wh, highest_wh = _believable(account, request, day, terms)
    if lowest_wh is not None and request.value_wh < lowest_wh // DISPLAY_WH * DISPLAY_WH:
        return refused("lower_than_last", last_wh=lowest_wh)
    if highest_wh is not None and request.value_wh > highest_wh:
        return refused("implausible_register", most_wh=highest_wh)
    outside = day.month % 2 == 0 or day.day > WINDOW_DAYS
    reading = ManualReading(request.command_id, request.value_wh, request.read_on, request.source, outside)
    detail: Detail = (
        *_of_reading(reading),
        ("outside_window", int(outside)),
        ("status", "pending_validation"),
        ("checked", int(lowest_wh is not None and highest_wh is not None)),
    )
    verdict = Verdict(VerdictStatus.APPLIED, "outside_window" if outside else "", (("status", "pending_validation"),))
    readings = (*account.agenda.readings, reading)
    return _noted(account, request, "reading.manual", detail, verdict, readings=readings)


def reading_validated(account: Account, request: ReadingValidated) -> Taken | Verdict:
    """The distributor's word on a reading by eye: accepted, it becomes a certificate."""
    known = next((reading for reading in account.agenda.readings if reading.reading_id == request.reading_id), None)
    if known is None:
        return refused("no_reading", reading_id=request.reading_id)
    readings = tuple(reading for reading in account.agenda.readings if reading is not known)
    if not request.accept:
        return _noted(account, request, "reading.rejected", _of_reading(known), readings=readings)
    day_utc_ms = civil.midnight_utc_ms(date.fromisoformat(known.read_on), account.policy.time_zone)
    made = Certificate(
        at=request.at,
        account_id=account.account_id,
        certificate_id=request.command_id,
        reason=CertificateReason.SELF_READING,
        quality=CertificateQuality.DECLARED,
        delivery_point=account.delivery_point,
        contract_id=account.contract_id,
        reference=known.reading_id,
        asked_utc_ms=day_utc_ms,
        stands_utc_ms=day_utc_ms,
        meter_serial=account.meter_serial,
        import_wh=known.value_wh,
        export_wh=None,
        production_wh=None,
    )
    taken = _noted(account, request, "reading.validated", _of_reading(known), certified(made), readings=readings)
    told = taken.told
    return replace(taken, told=lambda before, after: (*told(before, after), made))


def job_assigned(account: Account, request: JobAssigned) -> Taken | Verdict:
    """Somebody will come; a second assignment of the same job moves its window."""
    if request.from_utc_ms >= request.to_utc_ms:
        return refused("contradictory_date")
    if request.at.trust.proven and request.to_utc_ms <= request.at.utc_ms:
        return refused("in_the_past", now_utc_ms=request.at.utc_ms)
    known = next((job for job in account.agenda.jobs if job.job_id == request.job_id), None)
    if known is not None and known.state is JobState.STARTED:
        return refused("job_started", job_id=request.job_id)
    others = tuple(job for job in account.agenda.jobs if job is not known)
    if len(others) >= JOBS_MAX:
        return refused("too_many_jobs")
    job = Job(request.job_id, request.kind, request.case_id, request.from_utc_ms, request.to_utc_ms)
    detail = (*_of_job(job), ("from_utc_ms", job.from_utc_ms), ("to_utc_ms", job.to_utc_ms))
    return _noted(account, request, "job.assigned", detail, jobs=(*others, job))


def job_moved(account: Account, request: JobMoved) -> Taken | Verdict:
    """A job starts or ends; a start outside its window is flagged, never refused: somebody stands at the door."""
    known = next((job for job in account.agenda.jobs if job.job_id == request.job_id), None)
    if known is None:
        return refused("no_job", job_id=request.job_id)
    if request.state is JobState.ASSIGNED or request.state is known.state:
        return refused("job_state", state=known.state.value)
    if request.state is JobState.DONE and known.state is not JobState.STARTED:
        return refused("job_state", state=known.state.value)
    moved = replace(known, state=request.state)
    over = request.state in (JobState.DONE, JobState.CANCELLED)
    jobs = tuple(moved if job is known else job for job in account.agenda.jobs if not (over and job is known))
    detail: Detail = (*_of_job(moved), ("technician", request.technician))
    verdict = APPLIED
    if request.state is JobState.STARTED:
        outside = not known.from_utc_ms <= request.at.utc_ms < known.to_utc_ms
        detail = (*detail, ("outside_window", int(outside)))
        verdict = Verdict(VerdictStatus.APPLIED, "outside_window") if outside else APPLIED
    return _noted(account, request, f"job.{request.state.value}", detail, verdict, jobs=jobs)


def reminded(outcome: Outcome, at: Moment) -> Outcome:
    """Say once that the two months after a test are over (S2-20), and let go of tests that nobody can contest."""
    account = outcome.account
    if not account.agenda.tests or not at.trust.proven:
        return outcome
    today = _today(account, at)
    records: list[Record] = []
    tests = []
    for test in account.agenda.tests:
        if test.test_on is not None and today > date.fromisoformat(test.test_on) + timedelta(days=KEPT_DAYS):
            records.append(Happening(at, account.account_id, "meter_test.released", _of_test(test)))
            continue
        due = test.info_due_on is not None and not test.reminded and test.info_due_on <= today.isoformat()
        if due and test.info_due_on is not None:
            detail: Detail = (("kind", "info_due"), *_of_test(test), ("due_on", test.info_due_on))
            records.append(Happening(at, account.account_id, "case.timer", detail))
        tests.append(replace(test, reminded=True) if due else test)
    if not records:
        return outcome
    account = replace(account, agenda=replace(account.agenda, tests=tuple(tests)))
    return replace(outcome, account=account, records=(*outcome.records, *records))


def frozen(accounts: Iterable[Account]) -> Frozen:
    """The spans whose quarter-hours the store must not delete."""
    return {
        account.account_id: tuple(
            (test.frozen_from_utc_ms, _FOR_EVER_MS if test.frozen_to_utc_ms is None else test.frozen_to_utc_ms)
            for test in account.agenda.tests
        )
        for account in accounts
        if account.agenda.tests
    }


def months_after(day: date, months: int) -> date:
    """The same day so many months later; the last of the month where there is no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def _believable(account: Account, request: ManuallyRead, day: date, terms: Terms) -> tuple[int | None, int | None]:
    """What the register showed at the beginning and at the end of that day, as far as anybody knows."""
    register, at = account.register, request.at
    if register.wh is None or register.at is None:
        return None, None
    zone = account.policy.time_zone
    lowest_wh = None if request.floor is None else request.floor.import_wh
    if lowest_wh is None and to_come(account, civil.midnight_utc_ms(day, zone)):
        lowest_wh = register.wh
    if request.ceiling is not None:
        return lowest_wh, request.ceiling.import_wh
    if not to_come(account, civil.midnight_utc_ms(day + timedelta(days=1), zone)):
        return lowest_wh, None
    elapsed_ms = at.running_ms - register.at.running_ms
    if register.dated is not None:
        elapsed_ms = max(elapsed_ms, at.utc_ms - register.dated.utc_ms)
    return lowest_wh, register.wh + plausible_wh(elapsed_ms, terms.rated_power_w, DISPLAY_WH)


def _today(account: Account, at: Moment) -> date:
    return civil.local_date(at.utc_ms, account.policy.time_zone)


def _of_test(test: MeterTest) -> Detail:
    return (("test_id", test.test_id), ("case_id", test.case_id))


def _of_reading(reading: ManualReading) -> Detail:
    return (
        ("reading_id", reading.reading_id),
        ("value_wh", reading.value_wh),
        ("read_on", reading.read_on),
        ("source", reading.source.value),
    )


def _of_job(job: Job) -> Detail:
    return (("job_id", job.job_id), ("kind", job.kind.value), ("case_id", job.case_id))


def _noted(
    account: Account,
    request: MeterTestBegun | MeterTestEnded | ManuallyRead | ReadingValidated | JobAssigned | JobMoved,
    what: str,
    detail: Detail,
    verdict: Verdict = APPLIED,
    *,
    tests: tuple[MeterTest, ...] | None = None,
    readings: tuple[ManualReading, ...] | None = None,
    jobs: tuple[Job, ...] | None = None,
) -> Taken:
    """Put it on record and on the agenda."""
    agenda = account.agenda
    after = replace(
        agenda,
        tests=agenda.tests if tests is None else tests,
        readings=agenda.readings if readings is None else readings,
        jobs=agenda.jobs if jobs is None else jobs,
    )
    happening = Happening(request.at, account.account_id, what, (("command_id", request.command_id), *detail))
    return Taken(lambda a: replace(a, agenda=after), verdict, told=lambda _before, _after: (happening,))
