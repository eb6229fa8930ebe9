"""What the gateway publishes besides journal rows and intervals (those are stored bytes), as types.

The contract's JSON Schema is generated from these. Money is decimal text beside its currency, energy integer Wh.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from gateway.prepayment.money import wire_money

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = 253_402_300_799_999


class Status(Struct, frozen=True, omit_defaults=True):
    """Who this gateway is and where its journal stands; retained. The last will says only `online: false`."""

    gateway_id: str
    online: bool
    epoch: str | None = None
    seq: int | None = None
    head: str | None = None
    challenge: str | None = None
    version: str | None = None
    at: str | None = None
    trust: str | None = None


class VerdictMessage(Struct, frozen=True, omit_defaults=True):
    """What became of a command. `journal_seq` is its receipt; without one nothing was recorded under this id.

    `jti` of a command whose signature was not good is what it claimed, empty when it could not be read.
    """

    jti: str
    status: str
    at: str
    typ: str = ""
    issuer: str = ""
    seq: int | None = None
    reason: str = ""
    detail: Mapping[str, str | int] = {}
    account_id: str = ""
    balance: str | None = None
    currency: str = ""
    journal_seq: int | None = None
    duplicate: bool = False


class Live(Struct, frozen=True, omit_defaults=True):
    """One reading as it is shown to people: lossy, never the record. `switch` is what was read back."""

    account_id: str
    at: str
    balance: str
    currency: str
    state: str
    switch: str | None = None
    power_w: int | None = None
    limit_w: int | None = None
    import_wh: int | None = None
    contract_power_w: int | None = None
    lockout: str | None = None
    defect: str | None = None
    values: Mapping[str, float | int] = {}


class TimeAsk(Struct, frozen=True):
    """A nonce; the answer is a signed `time` command with the same nonce within 10 seconds."""

    nonce: str


def plain(detail: Iterable[tuple[str, str | int]]) -> dict[str, str | int]:
    """Named facts as the journal writes them: `*_nano` becomes money as text, `*_utc_ms` an instant."""
    found: dict[str, str | int] = {}
    for name, value in detail:
        if isinstance(value, int) and name.endswith("_nano"):
            found[name.removesuffix("_nano")] = wire_money(value)
        elif isinstance(value, int) and name.endswith("_utc_ms"):
            found[name.removesuffix("_utc_ms")] = instant(value)
        else:
            found[name] = value
    return found


def instant(utc_ms: int) -> str:
    """UTC with milliseconds, "2026-01-31T12:00:00.000Z"; the same text as in the journal."""
    at = _EPOCH + timedelta(milliseconds=min(max(utc_ms, 0), _LAST_MS))
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
