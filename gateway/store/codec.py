"""How records become the bytes that are stored and sent, and how an account becomes a snapshot and back.

The wire form follows from the dataclasses by four rules, and `wire.py` derives the published schema by the same:
`*_nano` is a decimal string without the suffix, `*_utc_ms` an ISO 8601 instant without it, a `Detail` an object, and
what is None is left out. Bytes are canonical JSON (RFC 8785: sorted keys, no spaces, UTF-8, integers), so anybody can
compute the hash of a row again. Integers beyond 2^53 become text, because other languages would round them.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING

import msgspec

from gateway.errors import StoreDamaged
from gateway.prepayment.account import Account
from gateway.prepayment.certificate import Certificate
from gateway.prepayment.civil import instant
from gateway.prepayment.events import Moment
from gateway.prepayment.intervals import Interval, Quality
from gateway.prepayment.ledger import Entry, EpochOpened, Happening, Notice, Receipt, Record, Transition, wire_fact

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

SNAPSHOT_FORMAT = 1
"""Raise it only when an old snapshot would be misread; a new field with a default needs no new number."""

RECORD_TYPES: dict[type[Record], str] = {
    Entry: "entry",
    Transition: "transition",
    Notice: "notice",
    Receipt: "receipt",
    Happening: "event",
    EpochOpened: "epoch",
    Certificate: "certificate",
}
"""The `type` each record carries on the wire."""

_EXACT = 2**53
_snapshots = msgspec.json.Decoder(Account)


class _Values(msgspec.Struct):
    import_wh: int
    quality: Quality
    export_wh: int | None = None


_intervals = msgspec.json.Decoder(_Values)


def canonical(value: dict[str, object]) -> bytes:
    """Canonical JSON; text that is not Unicode (a lone surrogate) is written with `?` instead."""
    try:
        return msgspec.json.encode(value, order="sorted")
    except UnicodeEncodeError:
        return msgspec.json.encode(_printable(value), order="sorted")


def wire_record(record: Record) -> dict[str, object]:
    """The wire form of a record, without its place in the journal (seq, epoch, prev)."""
    return {"type": RECORD_TYPES[type(record)], **_object(record)}


def wire_interval(account_id: str, number: int, interval: Interval) -> bytes:
    """The canonical bytes of one quarter-hour; `number` counts the gateway's intervals and is what is acknowledged."""
    return canonical({"account_id": account_id, "number": number, **_object(interval)})


def read_interval(start_utc_ms: int, body: str) -> Interval:
    """A quarter-hour out of the bytes that `wire_interval` made."""
    values = _intervals.decode(body)
    return Interval(start_utc_ms, values.import_wh, values.export_wh, values.quality)


def snapshot(account: Account) -> str:
    """The account as JSON text; `restore` gives an equal account."""
    return msgspec.json.encode(account).decode()


def restore(account_id: str, snapshot_format: int, text: str) -> Account:
    """The account of a snapshot; raises StoreDamaged when it cannot be read without losing something."""
    where = f"account {account_id}: its snapshot"
    advice = "start the version that wrote it, or restore a backup; the supply stays as it is"
    if snapshot_format != SNAPSHOT_FORMAT:
        raise StoreDamaged(f"{where} has format {snapshot_format}, this version reads {SNAPSHOT_FORMAT}; {advice}")
    try:
        account = _snapshots.decode(text)
        lost = _lost(msgspec.json.decode(text), msgspec.json.decode(msgspec.json.encode(account)))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise StoreDamaged(f"{where} cannot be read ({error}); {advice}") from error
    if lost or account.account_id != account_id:
        raise StoreDamaged(f"{where} holds {lost or account.account_id}, unknown here; {advice}")
    return account


def _object(value: DataclassInstance) -> dict[str, object]:
    found = ((field.name, getattr(value, field.name)) for field in fields(value))
    return dict(_member(name, item) for name, item in found if item is not None)


def _member(name: str, value: object) -> tuple[str, object]:
    if name == "detail" and isinstance(value, tuple):
        return name, dict(_member(key, item) for key, item in value)
    if isinstance(value, int):
        name, value = wire_fact(name, value)
    return name, _value(value)


def _value(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Moment):
        return {"utc": instant(value.utc_ms), "trust": value.trust.value, "running_ms": value.running_ms}
    if is_dataclass(value) and not isinstance(value, type):
        return _object(value)
    if isinstance(value, tuple):
        return [_value(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _EXACT:
        return str(value)
    return value


def _printable(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {_printable(key): _printable(item) for key, item in value.items()}
        case list():
            return [_printable(item) for item in value]
        case _:
            return value


def _lost(before: object, after: object, path: str = "") -> str:
    """The first key, or value, of `before` that `after` does not have; "" when nothing is lost."""
    if isinstance(before, dict) and isinstance(after, dict):
        parts = ((f"{path}.{key}", item, after.get(key, msgspec.UNSET)) for key, item in before.items())
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        parts = ((f"{path}[{index}]", *pair) for index, pair in enumerate(zip(before, after, strict=True)))
    else:
        return "" if before == after else path or "another value"
    return next((lost for where, one, other in parts if (lost := _lost(one, other, where))), "")
