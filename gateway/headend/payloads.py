"""What the gateway publishes besides journal rows and intervals (those are stored bytes), as types.

The contract's JSON Schema is generated from these. Money is decimal text beside its currency, energy integer Wh.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from gateway.prepayment.ledger import wire_fact


class Rollback(Struct, frozen=True):
    """ROLLBACK_SUSPECTED: why, since when, the head-end's row that is missing, how many accounts wait for a resync."""

    state: str
    cause: str
    since: str
    seq: int
    accounts: int


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
    rollback: Rollback | None = None
    device_key: str | None = None


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
    """One reading as it is shown to people: lossy, never the record. `switch` is what was read back.

    `phase` of a post-paid supply: its rung, and what its dates allow now (REQUESTABLE, TERMINABLE).
    """

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
    spent_today: str | None = None
    days_left: int | None = None
    phase: str | None = None


class DocumentPart(Struct, frozen=True, omit_defaults=True):
    """A part of a document, counted from 1 of `parts`; `id` is the `jti` of the command that asked for it.

    `data` is base64, `sha256` that of the bytes in it. Parts put together are the content that `seal` (a compact JWS
    of the gateway's own key) vouches for. `parts` 0: it could not be made, `reason` says why.
    """

    id: str
    part: int
    parts: int
    name: str = ""
    content_type: str = ""
    seal: str = ""
    sha256: str = ""
    data: str = ""
    reason: str = ""
    detail: Mapping[str, str | int] = {}


class TimeAsk(Struct, frozen=True):
    """A nonce; the answer is a signed `time` command with the same nonce within 10 seconds."""

    nonce: str


def plain(detail: Iterable[tuple[str, str | int]]) -> dict[str, str | int]:
    """Named facts as the journal writes them: `*_nano` becomes money as text, `*_utc_ms` an instant."""
    return dict(wire_fact(name, value) for name, value in detail)
