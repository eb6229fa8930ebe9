"""What a signed command says, as types: the claims around it and one body for each command.

Unknown fields are refused, integers stay within what every JSON implementation holds exactly, money is decimal text
with its currency beside it (decision 1). The JSON Schema of the contract is generated from these types.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Generic, TypeVar

from msgspec import Meta, Struct

from gateway.config.policies import PolicyDocument
from gateway.config.tariffs import TariffDocument
from gateway.prepayment.events import HoldKind
from gateway.prepayment.requests import HOLDS_MAX
from gateway.prepayment.supply import SupplyState

MAX_TOKEN_BYTES = 16 * 1024
MAX_INTEGER = 2**53 - 1  # beyond it JavaScript, and others, round

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$(?!\n)")]
"""Ids of gateways, accounts, meters, holds, commands: they appear in topics, so no slash and no wildcard."""
Label = Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
"""One line of text for people."""
Money = Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?$(?!\n)")]
"""A decimal amount, never below zero: "20.00"."""
SignedMoney = Annotated[str, Meta(pattern=r"^-?[0-9]{1,9}(\.[0-9]{1,9})?$(?!\n)")]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)")]
Count = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
Ordinal = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
Watts = Annotated[int, Meta(ge=1, le=100_000_000)]
Instant = Annotated[datetime, Meta(tz=True)]
Hex64 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
Token = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{8,64}$(?!\n)")]
"""Random text the gateway made: a nonce, a challenge, an epoch."""
Epoch = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{0,64}$(?!\n)")]
"""The run that wrote a row; empty before the first row."""


class Command(StrEnum):
    """The commands, as `typ` names them."""

    ACCOUNT_OPEN = "account_open"
    ACCOUNT_CLOSE = "account_close"
    ACCOUNT_RESYNC = "account_resync"
    TOP_UP = "top_up"
    TOP_UP_REVERSE = "top_up_reverse"
    TARIFF_SET = "tariff_set"
    POLICY_SET = "policy_set"
    POWER_SET = "power_set"
    HOLD_SET = "hold_set"
    HOLD_RELEASE = "hold_release"
    LOCKOUT_SET = "lockout_set"
    LOCKOUT_RELEASE = "lockout_release"
    READ_NOW = "read_now"
    TIME = "time"
    ACK = "ack"
    RESEND = "resend"


class Reason(StrEnum):
    """Why a command was refused before the account was asked; the account has its own reasons (requirements 2.4)."""

    TOO_LARGE = "too_large"
    MALFORMED = "malformed"
    RETAINED = "retained"
    UNKNOWN_KEY = "unknown_key"
    BAD_SIGNATURE = "bad_signature"
    UNKNOWN_COMMAND = "unknown_command"
    BAD_PAYLOAD = "bad_payload"
    WRONG_AUDIENCE = "wrong_audience"
    NOT_ALLOWED = "not_allowed"
    STALE_COMMAND = "stale_command"
    EXPIRED = "expired"
    FORK = "fork"
    BUSY = "busy"
    CLOCK_UNTRUSTED = "clock_untrusted"


class TopUpBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Credit bought: `total` is the lifetime credit of the account after it, `sequence` its own count (decision 4)."""

    account_id: Name
    sequence: Ordinal
    amount: Money
    total: Money
    currency: Currency
    channel: Label = ""


class TopUpReverseBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Credit taken back: the lifetime total of what was taken back, with a sequence of its own."""

    account_id: Name
    sequence: Ordinal
    amount: Money
    total: Money
    currency: Currency
    reason: Label


class AccountOpenBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A delivery point comes under prepayment; without a register the next reading is where it starts."""

    account_id: Name
    meter_id: Name
    currency: Currency
    contract_power_w: Watts
    policy: PolicyDocument
    tariff: TariffDocument
    opening_balance: SignedMoney = "0.00"
    opening_register_wh: Count | None = None
    meter_serial: Label | None = None


class AccountCloseBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The contract ends."""

    account_id: Name
    reason: Label


class HeldBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A hold in force; without `until` it lasts until released."""

    hold_id: Name
    kind: HoldKind
    until: Instant | None = None


class PositionBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the head-end's last rows leave an account.

    `balance` is that of its last entry, `register_wh` the newest `to_register_wh` of its entries and `at` when that row
    was written, if its time was known. An entry of a case counts only if it goes on from there or above and no
    discontinuity came since: the balance has paid for it, and a case may be charged late. `in_state_ms` and
    `notice_age_ms` are differences of `running_ms` up to the head-end's last row. `dated_at` is when the transition was
    written, if that time was proven; `standing_at` when the newest entry with a line `standing` was.
    Lock-out and holds: signed, not released.
    """

    balance: SignedMoney
    state: SupplyState
    in_state_ms: Count
    top_up_sequence: Count = 0
    top_up_total: Money = "0.00"
    reversal_sequence: Count = 0
    reversal_total: Money = "0.00"
    register_wh: Count | None = None
    at: Instant | None = None
    notice_age_ms: Count | None = None
    dated_at: Instant | None = None
    standing_at: Instant | None = None
    lockout: Label | None = None
    holds: Annotated[tuple[HeldBody, ...], Meta(max_length=HOLDS_MAX)] = ()


class AccountResyncBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Ends ROLLBACK_SUSPECTED: what the head-end knows of the account in rows that this gateway does not have.

    `run` is the `epoch` in the gateway's status, so that it counts in this run only; `epoch`, `seq`, `head` are the
    head-end's last row. Without a `position` the head-end knows nothing of the account, which goes on as it is.
    """

    account_id: Name
    run: Token
    epoch: Epoch
    seq: Count
    head: Hex64
    currency: Currency
    position: PositionBody | None = None


class TariffSetBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A tariff to use from its own validity date on."""

    account_id: Name
    tariff: TariffDocument


class PolicySetBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The policy to use from now on."""

    account_id: Name
    policy: PolicyDocument


class PowerSetBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The contract power in W from now on."""

    account_id: Name
    contract_power_w: Watts


class HoldSetBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A reason not to escalate; without `until` it lasts until released."""

    account_id: Name
    hold_id: Name
    kind: HoldKind
    until: Instant | None = None


class HoldReleaseBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The hold no longer applies."""

    account_id: Name
    hold_id: Name


class LockoutSetBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The supply opens for safety or work and stays open whatever the credit (decision 13)."""

    account_id: Name
    reason: Label


class LockoutReleaseBody(Struct, frozen=True, forbid_unknown_fields=True):
    """An authorised person releases the safety lock-out."""

    account_id: Name


class ReadNowBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Read the meter of this account now and publish what it says."""

    account_id: Name


class TimeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The head-end's UTC, in answer to our nonce."""

    nonce: Token
    utc_ms: Count


class AckBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything up to this row arrived and its hash is `head`; `interval_number` says the same of the intervals.

    In answer to a status `run` is the `epoch` in it: what this says is then known to be new. `seq` 0: no row is known.
    """

    epoch: Epoch
    seq: Count
    head: Hex64
    interval_number: Count | None = None
    run: Token | None = None


class ResendBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Send these journal rows again, both ends included."""

    from_seq: Ordinal
    to_seq: Ordinal


Body = (
    AccountOpenBody
    | AccountCloseBody
    | AccountResyncBody
    | TopUpBody
    | TopUpReverseBody
    | TariffSetBody
    | PolicySetBody
    | PowerSetBody
    | HoldSetBody
    | HoldReleaseBody
    | LockoutSetBody
    | LockoutReleaseBody
    | ReadNowBody
    | TimeBody
    | AckBody
    | ResendBody
)
B = TypeVar("B")


class Claims(Struct, Generic[B], frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The JWS payload: who says what to which gateway, once (`jti`), in order (`seq`), until when (`exp`).

    `iat` and `exp` are seconds since 1970 as in RFC 7519; `challenge` is the one in the gateway's status.
    """

    iss: Name
    aud: Name
    typ: Label
    jti: Name
    seq: Ordinal
    iat: Count
    exp: Count
    body: B
    challenge: Token | None = None


BODIES: dict[Command, type[Struct]] = {
    Command.ACCOUNT_OPEN: AccountOpenBody,
    Command.ACCOUNT_CLOSE: AccountCloseBody,
    Command.ACCOUNT_RESYNC: AccountResyncBody,
    Command.TOP_UP: TopUpBody,
    Command.TOP_UP_REVERSE: TopUpReverseBody,
    Command.TARIFF_SET: TariffSetBody,
    Command.POLICY_SET: PolicySetBody,
    Command.POWER_SET: PowerSetBody,
    Command.HOLD_SET: HoldSetBody,
    Command.HOLD_RELEASE: HoldReleaseBody,
    Command.LOCKOUT_SET: LockoutSetBody,
    Command.LOCKOUT_RELEASE: LockoutReleaseBody,
    Command.READ_NOW: ReadNowBody,
    Command.TIME: TimeBody,
    Command.ACK: AckBody,
    Command.RESEND: ResendBody,
}
