"""What can happen to an account. Every event carries its `at`: time is an argument of the core, never looked up.

Events are facts (a reading) or verified requests (a top-up whose signature somebody already checked). They hold
plain values; `step.apply` decides what they mean. Requests carry a `command_id` so that a receipt can name them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.prepayment.policy import Policy
from gateway.prepayment.tariff import Tariff

Detail = tuple[tuple[str, str | int], ...]
"""Named facts in a fixed order; values are text or integers, so that every language writes the same JSON."""


class TimeTrust(StrEnum):
    """How far the wall clock of a `Moment` can be believed (decision 16), weakest first."""

    UNKNOWN = "UNKNOWN"
    RESTORED = "RESTORED"
    SYNCHRONISED = "SYNCHRONISED"
    AUTHENTICATED = "AUTHENTICATED"

    @property
    def dated(self) -> bool:
        """The wall clock may place consumption in a quarter-hour."""
        return self in (TimeTrust.SYNCHRONISED, TimeTrust.AUTHENTICATED)

    @property
    def proven(self) -> bool:
        """The wall clock may make a customer's position worse (decision 11)."""
        return self is TimeTrust.AUTHENTICATED


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant as the gateway knows it.

    `utc_ms` is the wall clock's claim and `trust` says what it is worth. `running_ms` counts the time this gateway
    has observed while running, over its whole life: it never jumps, never goes back and stands still while off.
    """

    utc_ms: int
    trust: TimeTrust
    running_ms: int


class HoldKind(StrEnum):
    """Why a supply must not be made worse; the first two protect a person and restore at once (decision 11)."""

    NON_DISCONNECTABLE = "non_disconnectable"
    LIFE_SUPPORT = "life_support"
    DISPUTE = "dispute"
    COMPLAINT = "complaint"
    PAYMENT_PROOF = "payment_proof"
    MORATORIUM = "moratorium"
    INSTALMENT_PLAN = "instalment_plan"
    FIELD_WORK = "field_work"

    @property
    def protective(self) -> bool:
        """A point under this hold never leaves full supply for debt."""
        return self in (HoldKind.NON_DISCONNECTABLE, HoldKind.LIFE_SUPPORT)


@dataclass(frozen=True, slots=True)
class Reading:
    """One poll of the meter. `import_wh` is None when the register was unbelievable by itself (`defect` says why)."""

    at: Moment
    import_wh: int | None
    quantum_wh: int = 1
    export_wh: int | None = None
    power_w: int | None = None
    serial: str | None = None
    defect: str | None = None


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing but time passed: timers and the standing charge look at the clock."""

    at: Moment


@dataclass(frozen=True, slots=True)
class Restarted:
    """The gateway has just started: how long the meter went unobserved is not known from `running_ms`."""

    at: Moment


@dataclass(frozen=True, slots=True)
class Contact:
    """The head-end proved that it is there (a signed message of any kind arrived)."""

    at: Moment


@dataclass(frozen=True, slots=True)
class TopUp:
    """Credit bought. `sequence` is the account's own; `total_nano` is the lifetime credit after it (decision 4)."""

    at: Moment
    command_id: str
    sequence: int
    amount_nano: int
    total_nano: int
    currency: str
    channel: str


@dataclass(frozen=True, slots=True)
class TopUpReversal:
    """Credit taken back; its own sequence and lifetime total, like a top-up."""

    at: Moment
    command_id: str
    sequence: int
    amount_nano: int
    total_nano: int
    currency: str
    reason: str


@dataclass(frozen=True, slots=True)
class TariffSet:
    """A tariff to use from its own validity date on."""

    at: Moment
    command_id: str
    tariff: Tariff


@dataclass(frozen=True, slots=True)
class PolicySet:
    """The policy to use from now on."""

    at: Moment
    command_id: str
    policy: Policy


@dataclass(frozen=True, slots=True)
class PowerSet:
    """The contract (committed) power in W from now on (S2-06, S2-07)."""

    at: Moment
    command_id: str
    contract_power_w: int


@dataclass(frozen=True, slots=True)
class HoldSet:
    """A reason not to escalate, until released or until `until_utc_ms` (None: until released)."""

    at: Moment
    command_id: str
    hold_id: str
    kind: HoldKind
    until_utc_ms: int | None = None


@dataclass(frozen=True, slots=True)
class HoldReleased:
    """The hold with this id no longer applies."""

    at: Moment
    command_id: str
    hold_id: str


@dataclass(frozen=True, slots=True)
class LockoutSet:
    """The supply is open for safety or work and stays open whatever the credit (decision 13)."""

    at: Moment
    command_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class LockoutReleased:
    """An authorised person releases the safety lock-out."""

    at: Moment
    command_id: str


@dataclass(frozen=True, slots=True)
class AccountOpened:
    """A delivery point comes under prepayment, with the register it starts from (None: the next reading)."""

    at: Moment
    command_id: str
    account_id: str
    meter_id: str
    currency: str
    contract_power_w: int
    policy: Policy
    tariff: Tariff
    opening_balance_nano: int = 0
    opening_register_wh: int | None = None
    meter_serial: str | None = None


@dataclass(frozen=True, slots=True)
class AccountClosed:
    """The contract ends: final reading, supply open, credit reported for refund."""

    at: Moment
    command_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class MeterEvent:
    """Something the meter side did or saw (switch moved, mismatch, silence); kept in the record, decides nothing."""

    at: Moment
    what: str
    detail: Detail = ()


Request = (
    TopUp
    | TopUpReversal
    | TariffSet
    | PolicySet
    | PowerSet
    | HoldSet
    | HoldReleased
    | LockoutSet
    | LockoutReleased
    | AccountClosed
)
Event = Reading | Tick | Restarted | Contact | MeterEvent | Request
