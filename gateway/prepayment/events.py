"""What can happen to an account. Every event carries its `at`: time is an argument of the core, never looked up.

Events are facts (a reading) or verified requests (a top-up whose signature somebody already checked). They hold
plain values; `step.apply` decides what they mean. Requests carry a `command_id` so that a receipt can name them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.prepayment.policy import Policy
from gateway.prepayment.supply import Commodity, SupplyState, Voltage
from gateway.prepayment.tariff import Tariff
from gateway.prepayment.tenminutes import Samples

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
    """Why a supply must not be made worse; the protective ones restore at once (decision 11). See docs/holds.md."""

    NON_DISCONNECTABLE = "non_disconnectable"
    LIFE_SUPPORT = "life_support"
    DISPUTE = "dispute"
    COMPLAINT = "complaint"
    PAYMENT_PROOF = "payment_proof"
    MORATORIUM = "moratorium"
    INSTALMENT_PLAN = "instalment_plan"
    FIELD_WORK = "field_work"
    OUTAGE = "outage"
    SHARED_POINT = "shared_point"

    @property
    def protective(self) -> bool:
        """A point under this hold never leaves full supply for debt: a person depends on it, or others do."""
        return self in (HoldKind.NON_DISCONNECTABLE, HoldKind.LIFE_SUPPORT, HoldKind.SHARED_POINT)


@dataclass(frozen=True, slots=True)
class Hold:
    """A reason not to escalate; `until_utc_ms` None lasts until released.

    `amount_nano` is what a dispute is about (0: nobody said, then it blocks like the others); `rungs` the rungs it
    keeps from (none: all); `set_by` who and `reason` why; `began` since when an unplanned outage lasts.
    """

    hold_id: str
    kind: HoldKind
    until_utc_ms: int | None
    amount_nano: int = 0
    rungs: tuple[SupplyState, ...] = ()
    set_by: str = ""
    reason: str = ""
    began: Moment | None = None


class SuspicionCause(StrEnum):
    """How the gateway found out that its books may be an old image (threats 3 and 4)."""

    FORK = "fork"
    """The head-end has rows that these books do not, although it had acknowledged rows of them before."""
    LOST = "lost"
    """The head-end has rows of this gateway, and these books never had one acknowledged: they began anew."""
    BACKUP = "backup"
    """The store was damaged or gone, and the gateway went on from its own copy."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One poll of the meter. `import_wh` is None when the register was unbelievable by itself (`defect` says why).

    `voltages` are there while a voltage check runs, by phase in tenths of a volt.
    """

    at: Moment
    import_wh: int | None
    quantum_wh: int = 1
    export_wh: int | None = None
    power_w: int | None = None
    serial: str | None = None
    defect: str | None = None
    voltages: Samples = ()


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing but time passed: timers and the standing charge look at the clock."""

    at: Moment


@dataclass(frozen=True, slots=True)
class Restarted:
    """The gateway has just started: how long the meter went unobserved is not known from `running_ms`.

    `awaits`: there is a head-end that will say whether it knows these books; `known`: it did so in an earlier run.
    """

    at: Moment
    awaits: bool = False
    known: bool = True


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The head-end proved in this run that it knows nothing of this gateway that these books do not have."""

    at: Moment


@dataclass(frozen=True, slots=True)
class Suspected:
    """These books may be an old image; `epoch` and `seq` name the head-end's row that is not in them."""

    at: Moment
    cause: SuspicionCause
    epoch: str = ""
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Contact:
    """The head-end proved that it is there (a signed message of any kind arrived)."""

    at: Moment


@dataclass(frozen=True, slots=True)
class TopUp:
    """Credit bought. `sequence` is the account's own; `total_nano` is the lifetime credit after it (decision 4).

    A credit code brings no amount (None): what it adds is all that the total says is new.
    """

    at: Moment
    command_id: str
    sequence: int
    amount_nano: int | None
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
    """The contract (committed) power in W from now on, or from an instant to come (S2-06, S2-07)."""

    at: Moment
    command_id: str
    contract_power_w: int
    from_utc_ms: int | None = None


@dataclass(frozen=True, slots=True)
class HoldSet:
    """A reason not to escalate, until released or until `until_utc_ms` (None: until released).

    `notice_utc_ms`: when a dispute's reconstruction was notified; `override`: accept it after its 30 days (S2-22).
    """

    at: Moment
    command_id: str
    hold_id: str
    kind: HoldKind
    until_utc_ms: int | None = None
    amount_nano: int = 0
    rungs: tuple[SupplyState, ...] = ()
    set_by: str = ""
    reason: str = ""
    notice_utc_ms: int | None = None
    override: bool = False


@dataclass(frozen=True, slots=True)
class HoldReleased:
    """The hold with this id no longer applies."""

    at: Moment
    command_id: str
    hold_id: str
    released_by: str = ""
    reason: str = ""


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


class Opening(StrEnum):
    """How an account begins; a subentro follows a contract that ended and a supply that was off (S2-02)."""

    SEED = "seed"
    ACTIVATION = "activation"
    SUBENTRO = "subentro"
    ROLLOVER = "rollover"


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
    delivery_point: str = ""
    commodity: Commodity = Commodity.ELECTRICITY
    voltage: Voltage = Voltage.LV
    domestic: bool = True
    kind: Opening = Opening.SEED
    contract_id: str = ""
    plant_power_w: int = 0


class CloseCause(StrEnum):
    """Why a contract ends; for arrears the minimum terms count (S1-14)."""

    CUSTOMER_REQUEST = "customer_request"
    DELINQUENCY = "delinquency"


@dataclass(frozen=True, slots=True)
class AccountClosed:
    """The contract ends: final reading, supply open, credit reported for refund.

    `final_register_wh` is what somebody read on site when the meter itself does not answer.
    """

    at: Moment
    command_id: str
    reason: str
    cause: CloseCause = CloseCause.CUSTOMER_REQUEST
    final_register_wh: int | None = None


@dataclass(frozen=True, slots=True)
class MeterEvent:
    """Something the meter side did or saw (switch moved, mismatch, silence); kept in the record, decides nothing."""

    at: Moment
    what: str
    detail: Detail = ()
