"""The requests of contract operations (requirements S2-01 to S2-40, S4-05, S4-09): plain values, decided elsewhere.

`contract.py` decides about certificates, `rollover.py` about the change of holder, `replacement.py` about another
meter, `fieldwork.py` about tests, readings by eye and jobs.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.prepayment.agenda import JobKind, JobState, MeterTestOutcome, ReadingSource, RolloverKind
from gateway.prepayment.certificate import CertificateReason, Known
from gateway.prepayment.events import AccountOpened, Moment


@dataclass(frozen=True, slots=True)
class CertificateAsked:
    """A reading certificate for now (None), for an instant gone by (`known` is what the store says) or to come."""

    at: Moment
    command_id: str
    reason: CertificateReason
    at_utc_ms: int | None = None
    reference: str = ""
    known: Known | None = None


@dataclass(frozen=True, slots=True)
class RolledOver:
    """The holder changes without interruption: this account closes and `to` opens on the same register (S2-03)."""

    at: Moment
    command_id: str
    kind: RolloverKind
    to: AccountOpened
    at_utc_ms: int | None = None
    known: Known | None = None


@dataclass(frozen=True, slots=True)
class DueCancelled:
    """What was to happen at a later instant does not: `due_id` is the id of the command that ordered it."""

    at: Moment
    command_id: str
    due_id: str


@dataclass(frozen=True, slots=True)
class MeterReplaced:
    """Another meter hangs at the delivery point (S4-09, S2-21): where the old one ended and the new one begins."""

    at: Moment
    command_id: str
    old_serial: str
    old_end_wh: int
    new_serial: str
    new_start_wh: int
    company: str
    technician: str
    consent: str
    reason: str = ""
    case_id: str = ""
    model: str = ""
    wraps_at_wh: int | None = None
    old_export_end_wh: int | None = None
    new_export_start_wh: int | None = None


@dataclass(frozen=True, slots=True)
class MeterTestBegun:
    """The meter is to be tested: the quarter-hours from `frozen_from_utc_ms` (None: from now) on are kept."""

    at: Moment
    command_id: str
    test_id: str
    case_id: str
    frozen_from_utc_ms: int | None = None


@dataclass(frozen=True, slots=True)
class MeterTestEnded:
    """What the test found on the civil day `test_on`; `error_ppm` is signed: above zero the meter counts too much."""

    at: Moment
    command_id: str
    test_id: str
    test_on: str
    outcome: MeterTestOutcome
    technician: str
    error_ppm: int = 0
    reference: str = ""


@dataclass(frozen=True, slots=True)
class ManuallyRead:
    """Somebody read the register by eye on a civil day. `floor` and `ceiling` are what the store says of that day."""

    at: Moment
    command_id: str
    value_wh: int
    read_on: str
    source: ReadingSource
    floor: Known | None = None
    ceiling: Known | None = None


@dataclass(frozen=True, slots=True)
class ReadingValidated:
    """The distributor accepts or rejects a reading by eye; `reading_id` is the id of the command that brought it."""

    at: Moment
    command_id: str
    reading_id: str
    accept: bool


@dataclass(frozen=True, slots=True)
class JobAssigned:
    """Somebody will come in this window."""

    at: Moment
    command_id: str
    job_id: str
    kind: JobKind
    case_id: str
    from_utc_ms: int
    to_utc_ms: int


@dataclass(frozen=True, slots=True)
class JobMoved:
    """A job was started, done or cancelled."""

    at: Moment
    command_id: str
    job_id: str
    state: JobState
    technician: str = ""


Operation = (
    CertificateAsked
    | RolledOver
    | DueCancelled
    | MeterReplaced
    | MeterTestBegun
    | MeterTestEnded
    | ManuallyRead
    | ReadingValidated
    | JobAssigned
    | JobMoved
)
"""Everything `dispatch.operate` decides on."""
