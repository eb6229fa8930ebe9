"""The reading certificate: what the registers of a delivery point showed at one instant, for a reason, on record.

A switch of supplier, a change of holder, a bill and the end of a contract all need the same thing: a register value
that both sides accept (S2-01, S2-30, S2-33). It is a row of the journal like any other; whoever signs documents with
the gateway's key signs over these rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.prepayment.events import Moment


class CertificateReason(StrEnum):
    """What a certificate was asked for."""

    SWITCH = "switch"
    VOLTURA = "voltura"
    BILLING = "billing"
    TERMINATION = "termination"
    ACTIVATION = "activation"
    CONGUAGLIO = "conguaglio"
    CHECK = "check"
    REPLACEMENT = "replacement"
    SELF_READING = "self_reading"


class CertificateQuality(StrEnum):
    """How good the value is, best first.

    Actual: read at the instant asked for, or within a quarter-hour after it. Nearest: read, but at another instant,
    which the certificate names. Estimated: between two readings that lie further apart. Declared: a person says so.
    """

    ACTUAL = "actual"
    NEAREST = "nearest"
    ESTIMATED = "estimated"
    DECLARED = "declared"


@dataclass(frozen=True, slots=True)
class Certificate:
    """Registers in Wh for the instant `stands_utc_ms` (None: the time was not known then); None: not known.

    `asked_utc_ms` is the instant somebody asked for. Both accounts of a change of holder get the same
    `certificate_id` and the same registers. `contract_id` is the contract in force, `reference` a case or a job.
    """

    at: Moment
    account_id: str
    certificate_id: str
    reason: CertificateReason
    quality: CertificateQuality
    delivery_point: str
    contract_id: str
    reference: str
    asked_utc_ms: int | None
    stands_utc_ms: int | None
    meter_serial: str | None
    import_wh: int | None
    export_wh: int | None
    production_wh: int | None


@dataclass(frozen=True, slots=True)
class Known:
    """What the stored quarter-hours say the registers showed at `stands_utc_ms`, in the past."""

    stands_utc_ms: int
    quality: CertificateQuality
    import_wh: int
    export_wh: int | None = None
    production_wh: int | None = None
