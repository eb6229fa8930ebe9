"""Which rows of the journal somebody must hear of, and what each of them says: one row, at most one occasion.

The row alone is enough: whatever a message needs was put into it before it was committed. Rows about alerts, and all
others, are no occasion, so nothing here can feed itself.
"""

from __future__ import annotations

from typing import Any

from msgspec import DecodeError, Struct, ValidationError, field
from msgspec.json import Decoder

from gateway.prepayment import civil
from gateway.prepayment.events import Moment, TimeTrust
from gateway.prepayment.money import parse_money
from gateway.store import Row

SENT, GIVEN_UP, EXPIRED = "alert.sent", "alert.given_up", "alert.expired"
UNDELIVERED = "alert.undelivered"
OUTCOMES = (SENT, GIVEN_UP)
"""What becomes of an alert, as rows of their own; they are what a restart knows by."""


class _At(Struct):
    utc: str
    trust: TimeTrust
    running_ms: int

    def moment(self) -> Moment:
        """The instant as the gateway knew it."""
        return Moment(civil.instant_ms(self.utc), self.trust, self.running_ms)


class _Row(Struct):
    type: str
    at: _At
    account_id: str = ""
    template: str = ""
    what: str = ""
    command: str = ""
    status: str = ""
    balance: str = "0.00"
    detail: dict[str, Any] = field(default_factory=dict)


class Occasion(Struct, frozen=True):
    """Something to tell about an account: `message` names the text, `balance_nano` is that of the row.

    `mark` is the beginning of the row's hash: a restored image may give the same number to another row.
    """

    seq: int
    mark: str
    at: Moment
    account_id: str
    message: str
    balance_nano: int
    detail: dict[str, Any]


class Outcome(Struct, frozen=True):
    """What became of an earlier occasion for one recipient of one channel."""

    channel: str
    seq: int
    recipient: str
    account_id: str = ""
    running_ms: int = 0
    sent: bool = False


class Began(Struct, frozen=True):
    """A start of the daemon."""


_rows = Decoder(_Row)
_READ = ("notice", "receipt", "event", "epoch")
_NOTICES = frozenset({"low", "restored", "ready", "gas_paid"})


def read(row: Row) -> Occasion | Outcome | Began | None:
    """What this row is to the alerts; None for the many that are nothing."""
    try:
        body = _rows.decode(row.body)
    except (DecodeError, ValidationError):
        return None  # a row of another shape is not for us; the store has verified it
    if body.type not in _READ:
        return None
    if body.type == "epoch":
        return Began()
    if body.type == "event" and body.what in OUTCOMES:
        return _outcome(body)
    message = _message(body)
    if message is None:
        return None
    balance = body.detail.get("balance") if body.type == "receipt" else body.balance
    return Occasion(
        row.seq, row.hash[:12], body.at.moment(), body.account_id, message, parse_money(str(balance)), body.detail
    )


def running_ms(row: Row) -> int | None:
    """When a row was written, in observed running time; None for one of another shape."""
    try:
        return _rows.decode(row.body).at.running_ms
    except (DecodeError, ValidationError):
        return None


def _outcome(body: _Row) -> Outcome:
    detail = body.detail
    return Outcome(
        str(detail.get("channel")),
        int(detail.get("row", 0)),
        str(detail.get("recipient")),
        body.account_id,
        body.at.running_ms,
        body.what == SENT,
    )


def _message(body: _Row) -> str | None:
    """The text that fits, by what the row says of money, what comes next and how supply comes back."""
    if body.type == "receipt":
        told = body.command == "top_up" and body.status == "applied" and {"credited", "balance"} <= body.detail.keys()
        return "topup" if told else None
    if body.type == "event":
        return "overload" if body.what == "limit.warning" else None
    arrears = "unpaid" in body.detail
    match body.template:
        case "grace" | "grace_expiring":
            base = "grace" if body.template == "grace" else "expiring"
            return f"{base}_limit" if body.detail.get("next_state") == "LIMITED" else base
        case "limited" | "restored" if arrears:
            return f"{body.template}_arrears"
        case "limited":
            return "limited"
        case "suspended":
            if arrears:
                return "suspended_arrears"
            return "suspended_armed" if body.detail.get("reconnect") == "armed" else "suspended"
        case template if template in _NOTICES:
            return template
        case _:
            return None
