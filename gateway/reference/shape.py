"""What the head-end reads of a journal row, as types: checked before a row is taken, so that nothing half-read is kept.

Fields and kinds of row it does not know are let through: a newer gateway may say more than this head-end needs.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from gateway.commands.claims import MAX_INTEGER, Count
from gateway.prepayment.posting import PostingKind
from gateway.prepayment.supply import SupplyState

_Number = Annotated[int, Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]


_Money = Annotated[str, Meta(pattern=r"^-?[0-9]{1,18}\.[0-9]{2,9}$(?!\n)")]


class _At(Struct):
    utc: Annotated[datetime, Meta(tz=True)]
    trust: str
    running_ms: Count


class _Line(Struct):
    component: str


class _Row(Struct):
    at: _At
    type: str
    account_id: str = ""


class _Entry(_Row, kw_only=True):
    currency: str
    balance: _Money
    reference: str
    kind: str
    lines: list[_Line]
    to_register_wh: _Number | None = None


class _Transition(_Row, kw_only=True):
    source: SupplyState
    target: SupplyState
    rule: str


class _Notice(_Row, kw_only=True):
    template: str


class _Event(_Row, kw_only=True):
    what: str


class _Receipt(_Row, kw_only=True):
    status: str
    command: str


class _InState(Struct):
    in_state_ms: _Number


class _Sum(Struct):
    sequence: Count
    total: _Money


class _Posted(Struct):
    sequence: Count


class _Bonus(Struct):
    reference: str
    to: date


class _Unobserved(Struct):
    case_id: Count


class _Discontinuity(_Unobserved):
    from_wh: _Number
    to_wh: _Number


class _Resynced(Struct):
    lost_head: str
    known: int


_ROWS: dict[str, type[_Row]] = {
    "entry": _Entry,
    "transition": _Transition,
    "notice": _Notice,
    "event": _Event,
    "receipt": _Receipt,
}
_NAMES = ("rule", "command", "what", "kind")
_DETAILS: dict[tuple[str, str], type[Struct]] = {
    ("transition", "resynced"): _InState,
    **{("entry", kind.value): _Posted for kind in PostingKind},
    ("entry", "bonus"): _Bonus,
    ("receipt", "top_up"): _Sum,
    ("receipt", "top_up_reverse"): _Sum,
    ("event", "register.unobserved"): _Unobserved,
    ("event", "register.discontinuity"): _Discontinuity,
    ("event", "rollback.resynced"): _Resynced,
}


def check(raw: bytes) -> None:
    """Raise ValueError when a row does not hold what is read of it."""
    try:
        body = msgspec.json.decode(raw, type=dict[str, Any])
        kind = msgspec.convert(body, _Row).type
        row = msgspec.convert(body, _ROWS.get(kind, _Row))
        named = next((getattr(row, name) for name in _NAMES if hasattr(row, name)), "")
        detail = _DETAILS.get((kind, named))
        if detail is not None and not (isinstance(row, _Receipt) and row.status != "applied"):
            msgspec.convert(body.get("detail"), detail)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"is no journal row: {error}") from error
