"""What a signed command says, as types: the claims around it. The bodies are in the files of their areas.

Unknown fields are refused, integers stay within what every JSON implementation holds exactly, money is decimal text
with its currency beside it (decision 1). The JSON Schema of the contract is generated from these types.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Annotated, Generic, TypeVar

from msgspec import Meta, Struct

from gateway.errors import CommandRefused
from gateway.prepayment.events import Moment

MAX_TOKEN_BYTES = 16 * 1024
LAST_UTC_MS = 253_370_764_800_000  # 9999-01-01
YEARS = (1970, 9998)
MAX_INTEGER = 2**53 - 1  # beyond it JavaScript, and others, round

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$(?!\n)")]
"""Ids of gateways, accounts, meters, holds, commands: they appear in topics, so no slash and no wildcard."""
NameOrNone = Annotated[str, Meta(pattern=r"^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$(?!\n)")]
ONE_LINE = r"^[^\x00-\x1f\x7f]*$(?!\n)"
LABEL_MAX = 200
Label = Annotated[str, Meta(max_length=LABEL_MAX, pattern=ONE_LINE)]
"""One line of text for people."""
DeliveryPoint = Annotated[str, Meta(pattern=r"^[A-Z0-9]{0,33}$(?!\n)")]
"""A POD or PDR ("IT001E12345678", 14 digits, 33 places in Switzerland); "" when nobody said."""
Money = Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?$(?!\n)")]
"""A decimal amount, never below zero: "20.00"."""
SignedMoney = Annotated[str, Meta(pattern=r"^-?[0-9]{1,9}(\.[0-9]{1,9})?$(?!\n)")]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}$(?!\n)")]
Count = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
Ordinal = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]
Watts = Annotated[int, Meta(ge=1, le=100_000_000)]
PlantWatts = Annotated[int, Meta(ge=0, lt=10_000_000)]
"""The power of a plant behind a production point; from 10,000 kW on it is refused (S4-15)."""
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
    OUTAGE_PLAN = "outage_plan"
    OUTAGE_CANCEL = "outage_cancel"
    LOCKOUT_SET = "lockout_set"
    LOCKOUT_RELEASE = "lockout_release"
    OVERRIDE_SET = "override_set"
    OVERRIDE_END = "override_end"
    POSTING = "posting"
    BONUS_SET = "bonus_set"
    ARREARS_NOTICE = "arrears_notice"
    ARREARS_PAID = "arrears_paid"
    SUPPLY_LIMIT = "supply_limit"
    SUPPLY_SUSPEND = "supply_suspend"
    RECONNECT = "reconnect"
    SCHEDULE_SET = "schedule_set"
    VOLTAGE_CHECK = "voltage_check"
    DOCUMENT = "document"
    READ_NOW = "read_now"
    READING_CERTIFICATE = "reading_certificate"
    ACCOUNT_ROLLOVER = "account_rollover"
    DUE_CANCEL = "due_cancel"
    METER_REPLACE = "meter_replace"
    METER_TEST_BEGIN = "meter_test_begin"
    METER_TEST_END = "meter_test_end"
    READING_MANUAL = "reading_manual"
    READING_VALIDATE = "reading_validate"
    JOB_ASSIGN = "job_assign"
    JOB_STATE = "job_state"
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


class Body(Struct, frozen=True, forbid_unknown_fields=True):
    """What one command says; a field that is not known is refused."""


@dataclass(frozen=True, slots=True)
class Said:
    """What an event takes from around the body: the instant at which it counts, the `jti`, and who signed."""

    at: Moment
    command_id: str
    issuer: str


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


def utc_ms_of(instant: datetime | None) -> int | None:
    """The instant in ms since 1970. Raises CommandRefused(bad_payload) for one that no calendar shows."""
    if instant is None:
        return None
    since = instant - datetime(1970, 1, 1, tzinfo=UTC)
    utc_ms = (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000
    if not 0 <= utc_ms <= LAST_UTC_MS:
        hint = "an instant lies between 1970 and 9998, so that every time zone can show it"
        raise CommandRefused(Reason.BAD_PAYLOAD, instant=instant.isoformat(), hint=hint)
    return utc_ms


def iso_day(day: date) -> str:
    """The civil day as ISO text. Raises CommandRefused for a year that no calendar of ours shows."""
    if not YEARS[0] <= day.year <= YEARS[1]:
        raise CommandRefused(Reason.BAD_PAYLOAD, day=day.isoformat(), hint="a day lies between 1970 and 9998")
    return day.isoformat()
