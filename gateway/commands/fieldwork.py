"""Commands about work at the delivery point: another meter, tests of the meter, readings by eye, jobs."""

from __future__ import annotations

from datetime import date
from typing import Annotated, assert_never

from msgspec import Meta, Struct

from gateway.commands.claims import LAST_UTC_MS, Count, Instant, Label, Name, Reason, utc_ms_of
from gateway.errors import CommandRefused
from gateway.prepayment.agenda import JobKind, JobState, MeterTestOutcome, ReadingSource
from gateway.prepayment.events import Moment
from gateway.prepayment.operations import (
    JobAssigned,
    JobMoved,
    ManuallyRead,
    MeterReplaced,
    MeterTestBegun,
    MeterTestEnded,
    ReadingValidated,
)

YEARS = (1970, 9998)
Serial = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
"""A serial number as the meter itself reports it."""
PerMillion = Annotated[int, Meta(ge=-1_000_000, le=1_000_000)]


class MeterReplaceBody(Struct, frozen=True, forbid_unknown_fields=True):
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


class MeterTestBeginBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The meter is to be tested: quarter-hours from `frozen_from` on are kept, at most a year back (S2-13)."""

    account_id: Name
    test_id: Name
    case_id: Label
    frozen_from: Instant | None = None


class MeterTestEndBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What the test found; `error_ppm` above zero: the meter counts too much (S2-14)."""

    account_id: Name
    test_id: Name
    test_day: date
    outcome: MeterTestOutcome
    technician: Label
    error_ppm: PerMillion = 0
    reference: Label = ""


class ReadingManualBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody read the register on this civil day; it waits for `reading_validate` (S2-40)."""

    account_id: Name
    value_wh: Count
    read_on: date
    source: ReadingSource


class ReadingValidateBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The distributor's word on a reading by eye; `reading_id` is the `jti` of its `reading_manual`."""

    account_id: Name
    reading_id: Name
    accept: bool


class JobAssignBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody will come between `begins` and `ends` (S4-05); the same id again moves the window."""

    account_id: Name
    job_id: Name
    kind: JobKind
    begins: Instant
    ends: Instant
    case_id: Label = ""


class JobStateBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The job was started, done or cancelled."""

    account_id: Name
    job_id: Name
    state: JobState
    technician: Label = ""


FieldworkBody = (
    MeterReplaceBody
    | MeterTestBeginBody
    | MeterTestEndBody
    | ReadingManualBody
    | ReadingValidateBody
    | JobAssignBody
    | JobStateBody
)
Fieldwork = MeterReplaced | MeterTestBegun | MeterTestEnded | ManuallyRead | ReadingValidated | JobAssigned | JobMoved


def event_of(body: FieldworkBody, jti: str, at: Moment) -> Fieldwork:
    """What the account is asked to do. Raises CommandRefused(bad_payload)."""
    match body:
        case MeterReplaceBody():
            return _replaced(body, jti, at)
        case MeterTestBeginBody():
            return MeterTestBegun(at, jti, body.test_id, body.case_id, utc_ms_of(body.frozen_from))
        case MeterTestEndBody():
            day = _day(body.test_day)
            return MeterTestEnded(
                at, jti, body.test_id, day, body.outcome, body.technician, body.error_ppm, body.reference
            )
        case ReadingManualBody():
            return ManuallyRead(at, jti, body.value_wh, _day(body.read_on), body.source)
        case ReadingValidateBody():
            return ReadingValidated(at, jti, body.reading_id, body.accept)
        case JobAssignBody():
            window = utc_ms_of(body.begins) or 0, utc_ms_of(body.ends) or LAST_UTC_MS
            return JobAssigned(at, jti, body.job_id, body.kind, body.case_id, *window)
        case JobStateBody():
            return JobMoved(at, jti, body.job_id, body.state, body.technician)
        case _ as never:
            assert_never(never)


def _replaced(body: MeterReplaceBody, jti: str, at: Moment) -> MeterReplaced:
    return MeterReplaced(
        at=at,
        command_id=jti,
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


def _day(day: date) -> str:
    """The civil day as ISO text. Raises CommandRefused for a year that no calendar of ours shows."""
    if not YEARS[0] <= day.year <= YEARS[1]:
        raise CommandRefused(Reason.BAD_PAYLOAD, day=day.isoformat(), hint="a day lies between 1970 and 9998")
    return day.isoformat()
