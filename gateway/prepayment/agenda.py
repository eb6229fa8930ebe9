"""What is to happen at a delivery point at a later instant, and what is being done there: all of it bounded.

An operation with an instant in the future is kept here and carried out by the first reading (or tick) at or after it,
in proven time; so a gateway that was off at that instant does it as soon as it can, and says which instant it stands
for. The end of a contract takes the agenda with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.prepayment.certificate import CertificateReason
from gateway.prepayment.events import AccountOpened

DUE_MAX = 8
"""Certificates, and changes of power, that may wait at a time."""
TESTS_MAX = 4
READINGS_MAX = 8
JOBS_MAX = 16


@dataclass(frozen=True, slots=True)
class CertificateDue:
    """A certificate to make at the first accepted reading from `at_utc_ms` on (None: at the next one)."""

    certificate_id: str
    reason: CertificateReason
    at_utc_ms: int | None
    reference: str = ""
    asked_utc_ms: int | None = None


@dataclass(frozen=True, slots=True)
class PowerDue:
    """Another contract power from an instant on; `received_utc_ms` is when the gateway heard of it (S2-24)."""

    command_id: str
    contract_power_w: int
    at_utc_ms: int
    received_utc_ms: int


class RolloverKind(StrEnum):
    """A change of holder; on death (or separation) between relatives the fee is another one (S2-04)."""

    VOLTURA = "voltura"
    MORTIS_CAUSA = "voltura_mortis_causa"


@dataclass(frozen=True, slots=True)
class RolloverDue:
    """A change of holder at an instant; `to` is the account that opens then."""

    command_id: str
    kind: RolloverKind
    at_utc_ms: int
    to: AccountOpened


class MeterTestOutcome(StrEnum):
    """What a meter test found (S2-15, S2-16)."""

    CORRECT = "correct"
    OUT_OF_TOLERANCE = "out_of_tolerance"


@dataclass(frozen=True, slots=True)
class MeterTest:
    """A test of the meter: its quarter-hours from `frozen_from_utc_ms` on are not pruned while it is here (S2-13).

    `test_on` (ISO) is None while it runs; `frozen_to_utc_ms` is its end. `info_due_on` is the day by which the customer
    must have been told everything (S2-20).
    """

    test_id: str
    case_id: str
    begun_on: str
    frozen_from_utc_ms: int
    frozen_to_utc_ms: int | None = None
    test_on: str | None = None
    info_due_on: str | None = None
    reminded: bool = False


class ReadingSource(StrEnum):
    """Who read the meter by eye."""

    SELF = "self"
    TECHNICIAN = "technician"


@dataclass(frozen=True, slots=True)
class ManualReading:
    """A value somebody read on a day; it waits for the distributor's validation (S2-40)."""

    reading_id: str
    value_wh: int
    read_on: str
    source: ReadingSource
    outside_window: bool


class JobKind(StrEnum):
    """What somebody comes for (S4-05, S4-08, S4-09)."""

    READING = "reading"
    METER_REPLACEMENT = "meter_replacement"
    METER_TEST = "meter_test"
    RECONNECTION = "reconnection"
    WORKS_COMPLETE = "works_complete"
    INSPECTION = "inspection"


class JobState(StrEnum):
    """How far a job is; the last two end it."""

    ASSIGNED = "assigned"
    STARTED = "started"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Job:
    """Work at the delivery point in a window; `case_id` is the central system's and is echoed in every event."""

    job_id: str
    kind: JobKind
    case_id: str
    from_utc_ms: int
    to_utc_ms: int
    state: JobState = JobState.ASSIGNED


@dataclass(frozen=True, slots=True)
class Agenda:
    """Everything above, of one account."""

    certificates_due: tuple[CertificateDue, ...] = ()
    powers_due: tuple[PowerDue, ...] = ()
    rollover_due: RolloverDue | None = None
    tests: tuple[MeterTest, ...] = ()
    readings: tuple[ManualReading, ...] = ()
    jobs: tuple[Job, ...] = ()
