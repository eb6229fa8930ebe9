"""Commands about work at the delivery point: another meter, tests of the meter, readings by eye, jobs."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from msgspec import Meta

from gateway.commands.claims import (
    ONE_LINE,
    Body,
    Count,
    Instant,
    Label,
    Name,
    Said,
    iso_day,
    utc_ms_of,
)
from gateway.prepayment.agenda import JobKind, JobState, MeterTestOutcome, ReadingSource
from gateway.prepayment.operations import (
    JobAssigned,
    JobMoved,
    ManuallyRead,
    MeterReplaced,
    MeterTestBegun,
    MeterTestEnded,
    ReadingValidated,
)

Serial = Annotated[str, Meta(min_length=1, max_length=40, pattern=ONE_LINE)]
"""A serial number as the meter itself reports it."""
PerMillion = Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]


class MeterReplaceBody(Body, frozen=True):
    """The report of a replacement: where the old meter ended, where the new one begins (S4-09).

    `consent` says how the customer agreed and signed the reading (S2-21), for example the number of the signed sheet;
    without it the command is refused. The two `export` registers are for meters that count both ways.
    """

    account_id: Name
    old_serial: Label
    old_end_wh: Count
    new_serial: Serial
    new_start_wh: Count
    company: Label
    technician: Label
    consent: Label = ""
    reason: Label = ""
    case_id: Label = ""
    model: Label = ""
    wraps_at_wh: Count | None = None
    old_export_end_wh: Count | None = None
    new_export_start_wh: Count | None = None


class MeterTestBeginBody(Body, frozen=True):
    """The meter is to be tested: quarter-hours from `frozen_from` on are kept, at most a year back (S2-13)."""

    account_id: Name
    test_id: Name
    case_id: Label
    frozen_from: Instant | None = None


class MeterTestEndBody(Body, frozen=True):
    """What the test found; `error_ppm` above zero: the meter counts too much (S2-14)."""

    account_id: Name
    test_id: Name
    test_day: date
    outcome: MeterTestOutcome
    technician: Label
    error_ppm: PerMillion = 0
    reference: Label = ""


class ReadingManualBody(Body, frozen=True):
    """Somebody read the register on this civil day; it waits for `reading_validate` (S2-40)."""

    account_id: Name
    value_wh: Count
    read_on: date
    source: ReadingSource


class ReadingValidateBody(Body, frozen=True):
    """The distributor's word on a reading by eye; `reading_id` is the `jti` of its `reading_manual`."""

    account_id: Name
    reading_id: Name
    accept: bool


class JobAssignBody(Body, frozen=True):
    """Somebody will come between `begins` and `ends` (S4-05); the same id again moves the window."""

    account_id: Name
    job_id: Name
    kind: JobKind
    begins: Instant
    ends: Instant
    case_id: Label = ""


class JobStateBody(Body, frozen=True):
    """The job was started, done or cancelled."""

    account_id: Name
    job_id: Name
    state: JobState
    technician: Label = ""


def meter_replace(body: MeterReplaceBody, said: Said) -> MeterReplaced:
    """The other meter."""
    return MeterReplaced(
        at=said.at,
        command_id=said.command_id,
        old_serial=body.old_serial,
        old_end_wh=body.old_end_wh,
        new_serial=body.new_serial,
        new_start_wh=body.new_start_wh,
        company=body.company,
        technician=body.technician,
        consent=body.consent,
        reason=body.reason,
        case_id=body.case_id,
        model=body.model,
        wraps_at_wh=body.wraps_at_wh,
        old_export_end_wh=body.old_export_end_wh,
        new_export_start_wh=body.new_export_start_wh,
    )


def meter_test_begin(body: MeterTestBeginBody, said: Said) -> MeterTestBegun:
    """The test to come. Raises CommandRefused(bad_payload)."""
    return MeterTestBegun(said.at, said.command_id, body.test_id, body.case_id, utc_ms_of(body.frozen_from))


def meter_test_end(body: MeterTestEndBody, said: Said) -> MeterTestEnded:
    """What a test found. Raises CommandRefused(bad_payload)."""
    return MeterTestEnded(
        said.at,
        said.command_id,
        body.test_id,
        iso_day(body.test_day),
        body.outcome,
        body.technician,
        body.error_ppm,
        body.reference,
    )


def reading_manual(body: ReadingManualBody, said: Said) -> ManuallyRead:
    """A reading by eye. Raises CommandRefused(bad_payload)."""
    return ManuallyRead(said.at, said.command_id, body.value_wh, iso_day(body.read_on), body.source)


def reading_validate(body: ReadingValidateBody, said: Said) -> ReadingValidated:
    """The distributor's word on it."""
    return ReadingValidated(said.at, said.command_id, body.reading_id, body.accept)


def job_assign(body: JobAssignBody, said: Said) -> JobAssigned:
    """The job and its window. Raises CommandRefused(bad_payload)."""
    begins_utc_ms, ends_utc_ms = utc_ms_of(body.begins), utc_ms_of(body.ends)
    assert begins_utc_ms is not None
    assert ends_utc_ms is not None
    return JobAssigned(said.at, said.command_id, body.job_id, body.kind, body.case_id, begins_utc_ms, ends_utc_ms)


def job_state(body: JobStateBody, said: Said) -> JobMoved:
    """How far the job is."""
    return JobMoved(said.at, said.command_id, body.job_id, body.state, body.technician)
