"""The rest of a visit: jobs and their windows, planned outages, tests of the meter, readings by eye.

None of it moves money. What the day is comes from the gateway's own clock; while that is not dated, the books say so.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.commands import Command
from gateway.commands.claims import Count, Label
from gateway.commands.fieldwork import JobStateBody, MeterTestBeginBody, MeterTestEndBody, ReadingManualBody
from gateway.commands.protection import OutageCancelBody, OutagePlanBody
from gateway.console.books import account_of
from gateway.console.desk import Action, Desk, Id, Session
from gateway.console.orders import NewId, Ordered, Reason, carry_out
from gateway.console.wire import Role
from gateway.errors import CommandRefused
from gateway.prepayment import civil
from gateway.prepayment.account import Account
from gateway.prepayment.agenda import JobState, MeterTestOutcome, ReadingSource
from gateway.prepayment.civil import instant
from gateway.prepayment.holds import outages_in_force

PER_MILLION = 1_000_000
Energy = Annotated[int, Meta(ge=1, le=1_000_000_000)]
At = Annotated[str, Meta(min_length=1, max_length=40)]
"""An instant as a person types it: the seconds may be left out, the zone may not."""


class ListBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Of one account, or of all."""

    account: Id = ""


class JobLine(Struct, frozen=True):
    """A job and its window; `now` says whether the window is open at this moment."""

    account: str
    job: str
    kind: str
    case: str
    begins: str
    ends: str
    state: str
    now: bool


class Jobs(Struct, frozen=True):
    """What is to be done here, the earliest first."""

    jobs: tuple[JobLine, ...]


class JobBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Which job."""

    job: Id
    account: Id = ""


class OutageLine(Struct, frozen=True):
    """A time without network; `now` says whether it goes on."""

    account: str
    outage: str
    begins: str
    ends: str
    reference: str
    set_by: str
    now: bool


class Outages(Struct, frozen=True):
    """What is known, the earliest first."""

    outages: tuple[OutageLine, ...]


class PlanBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The network will be off in this window."""

    outage: NewId
    begins: At
    ends: At
    reference: Reason
    account: Id = ""


class CancelBody(Struct, frozen=True, forbid_unknown_fields=True):
    """An outage that does not take place, or is over."""

    outage: Id
    reason: Reason
    account: Id = ""


class TestBeginBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A comparison test begins: the quarter-hours of now on are kept."""

    test: NewId
    case: Label = ""
    account: Id = ""


class TestEndBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What meter and reference counted of the same energy, in Wh, and what follows (S2-14)."""

    test: Id
    meter_wh: Energy
    reference_wh: Energy
    outcome: MeterTestOutcome
    reference: Label = ""
    account: Id = ""


class ReadingBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody read on the display; `day` is today unless told."""

    value_wh: Count
    source: Literal["self", "technician"] = "self"
    day: date | None = None
    account: Id = ""


async def _jobs(desk: Desk, _session: Session, body: ListBody) -> Jobs:
    now_ms = desk.clock.now().utc_ms
    lines = [
        JobLine(
            account.account_id,
            job.job_id,
            job.kind.value,
            job.case_id,
            instant(job.from_utc_ms),
            instant(job.to_utc_ms),
            job.state.value,
            job.from_utc_ms <= now_ms < job.to_utc_ms,
        )
        for account in _accounts(desk, body.account)
        for job in account.agenda.jobs
    ]
    return Jobs(tuple(sorted(lines, key=lambda line: (line.begins, line.job))))


async def _start(desk: Desk, session: Session, body: JobBody) -> Ordered:
    return await _moved(desk, session, body, JobState.STARTED)


async def _finish(desk: Desk, session: Session, body: JobBody) -> Ordered:
    return await _moved(desk, session, body, JobState.DONE)


async def _moved(desk: Desk, session: Session, body: JobBody, state: JobState) -> Ordered:
    """A job names its account by itself where only one has such a job."""
    owners = [one for one in _accounts(desk, body.account) if any(job.job_id == body.job for job in one.agenda.jobs)]
    account = owners[0] if len(owners) == 1 else account_of(desk, body.account)
    asked = JobStateBody(account.account_id, body.job, state, session.who)
    return await carry_out(desk, session, Command.JOB_STATE, asked)


async def _outages(desk: Desk, _session: Session, body: ListBody) -> Outages:
    at = desk.clock.now()
    lines = [
        OutageLine(
            account.account_id,
            outage.outage_id,
            instant(outage.begins_utc_ms),
            instant(outage.ends_utc_ms),
            outage.reference,
            outage.set_by,
            outage in outages_in_force(account, at),
        )
        for account in _accounts(desk, body.account)
        for outage in account.outages
    ]
    return Outages(tuple(sorted(lines, key=lambda line: (line.begins, line.outage))))


async def _plan(desk: Desk, session: Session, body: PlanBody) -> Ordered:
    account_id = account_of(desk, body.account).account_id
    begins, ends = _instant(body.begins), _instant(body.ends)
    asked = OutagePlanBody(account_id, body.outage, begins, ends, body.reference, session.who)
    return await carry_out(desk, session, Command.OUTAGE_PLAN, asked, why=body.reference)


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise CommandRefused("bad_arguments", complaint=f"{text[:40]} -> 2026-12-01T08:00+01:00")
    return at


async def _cancel(desk: Desk, session: Session, body: CancelBody) -> Ordered:
    account_id = account_of(desk, body.account).account_id
    asked = OutageCancelBody(account_id, body.outage, session.who, body.reason)
    return await carry_out(desk, session, Command.OUTAGE_CANCEL, asked, why=body.reason)


async def _test_begin(desk: Desk, session: Session, body: TestBeginBody) -> Ordered:
    account_id = account_of(desk, body.account).account_id
    asked = MeterTestBeginBody(account_id, body.test, body.case)
    return await carry_out(desk, session, Command.METER_TEST_BEGIN, asked)


async def _test_end(desk: Desk, session: Session, body: TestEndBody) -> Ordered:
    """The error is computed here from the two registers: nobody does sums in a cellar."""
    account = account_of(desk, body.account)
    error_ppm = _error_ppm(body.meter_wh, body.reference_wh)
    asked = MeterTestEndBody(
        account.account_id, body.test, _today(desk, account), body.outcome, session.who, error_ppm, body.reference
    )
    facts = (
        ("test", body.test),
        ("outcome", body.outcome.value),
        ("meter_wh", body.meter_wh),
        ("reference_wh", body.reference_wh),
        ("error_ppm", error_ppm),
        ("serial", account.meter_serial or ""),
    )
    return await carry_out(desk, session, Command.METER_TEST_END, asked, signed=facts)


async def _reading(desk: Desk, session: Session, body: ReadingBody) -> Ordered:
    account = account_of(desk, body.account)
    day = body.day or _today(desk, account)
    asked = ReadingManualBody(account.account_id, body.value_wh, day, ReadingSource(body.source))
    return await carry_out(desk, session, Command.READING_MANUAL, asked)


def _accounts(desk: Desk, account_id: str) -> tuple[Account, ...]:
    return (account_of(desk, account_id),) if account_id else tuple(desk.teller.accounts.values())


def _today(desk: Desk, account: Account) -> date:
    return civil.local_date(desk.clock.now().utc_ms, account.policy.time_zone)


def _error_ppm(meter_wh: int, reference_wh: int) -> int:
    """Above zero: the meter counts too much. Rounded half away from zero, bounded as the command is."""
    difference = (meter_wh - reference_wh) * PER_MILLION
    rounded = (abs(difference) + reference_wh // 2) // reference_wh
    return max(-PER_MILLION, min(PER_MILLION, rounded if difference >= 0 else -rounded))


ACTIONS = (
    Action("job.list", Role.VIEWER, _jobs, ListBody),
    Action("job.start", Role.TECHNICIAN, _start, JobBody),
    Action("job.done", Role.TECHNICIAN, _finish, JobBody),
    Action("outage.list", Role.VIEWER, _outages, ListBody),
    Action("outage.plan", Role.TECHNICIAN, _plan, PlanBody, proven=True),
    Action("outage.cancel", Role.TECHNICIAN, _cancel, CancelBody, proven=True),
    Action("test.begin", Role.TECHNICIAN, _test_begin, TestBeginBody),
    Action("test.end", Role.TECHNICIAN, _test_end, TestEndBody),
    Action("reading.enter", Role.TECHNICIAN, _reading, ReadingBody),
)
