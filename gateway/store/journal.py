"""The journal: rows numbered without gaps, each carrying the hash of the one before (decision 7, I7).

`body` holds its own number, epoch and the previous hash, and the hash covers the previous hash and the body, so a copy
of the rows proves itself. The table's triggers refuse every change; `verify` finds what somebody did around them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import msgspec

from gateway.errors import StoreDamaged
from gateway.prepayment.ledger import GENESIS, Entry, Record, chain
from gateway.store.codec import RECORD_TYPES, canonical, wire_record

WHOLE_ROWS = 50_000
"""A journal up to this long is verified from its first row at each start."""
TAIL_ROWS = 10_000
"""Of a longer one, this many rows at its end are."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the journal; `body` is exactly what was hashed and what is sent."""

    seq: int
    epoch: str
    hash: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The newest row: the next one continues from here. Before the first row: seq 0 and the hash GENESIS."""

    epoch: str
    seq: int
    hash: str


class _Place(msgspec.Struct):
    seq: int
    epoch: str
    prev: str
    type: str = ""
    account_id: str = ""
    balance: str = ""


_places = msgspec.json.Decoder(_Place)


def append(connection: sqlite3.Connection, epoch: str, records: Iterable[Record]) -> tuple[list[Row], Head]:
    """Write records as the rows that follow, and give the rows and the head after them; the caller commits."""
    seq, previous = connection.execute("SELECT head_seq, head_hash FROM life").fetchone()
    rows = []
    for record in records:
        seq += 1
        body = canonical({**wire_record(record), "seq": seq, "epoch": epoch, "prev": previous})
        previous = chain(previous, body)
        rows.append(Row(seq, epoch, previous, body))
    values = [(row.seq, row.epoch, row.hash, row.body.decode()) for row in rows]
    connection.executemany("INSERT INTO journal VALUES (?, ?, ?, ?)", values)
    connection.execute("UPDATE life SET head_seq = ?, head_hash = ?", (seq, previous))
    return rows, Head(epoch, seq, previous)


def row(connection: sqlite3.Connection, seq: int) -> Row | None:
    """The row with this number."""
    return next(_rows(connection, "SELECT * FROM journal WHERE seq = ?", (seq,)), None)


def rows_after(connection: sqlite3.Connection, seq: int, limit: int) -> list[Row]:
    """At most `limit` rows that follow `seq`, oldest first."""
    return list(_rows(connection, "SELECT * FROM journal WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit)))


def verify(connection: sqlite3.Connection) -> tuple[Head, dict[str, str]]:
    """Check numbers, chain and head; give the head and each account's balance after its last entry in the rows checked.

    Raises StoreDamaged that names the first bad row.
    """
    (last,) = connection.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()
    start = 0 if last <= WHOLE_ROWS else last - TAIL_ROWS
    before = row(connection, start) if start else None
    head = Head("", 0, GENESIS) if before is None else Head(before.epoch, before.seq, before.hash)
    balances = {}
    for found in _rows(connection, "SELECT * FROM journal WHERE seq > ? ORDER BY seq", (head.seq,)):
        place = _check(head, found)
        if place.type == RECORD_TYPES[Entry]:
            balances[place.account_id] = place.balance
        head = Head(found.epoch, found.seq, found.hash)
    saved = connection.execute("SELECT head_seq, head_hash FROM life").fetchone()
    if saved is None or tuple(saved) != (head.seq, head.hash):
        saved_seq = saved[0] if saved else "no"
        raise _damaged(head.seq + 1, f"the journal ends at {head.seq}, but row {saved_seq} was the last one written")
    return head, balances


def _check(head: Head, found: Row) -> _Place:
    if found.seq != head.seq + 1:
        raise _damaged(head.seq + 1, "it is missing")
    try:
        place = _places.decode(found.body)
        right = found.hash == chain(head.hash, found.body)
    except (msgspec.MsgspecError, ValueError) as error:
        raise _damaged(found.seq, f"it cannot be read ({error})") from error
    if not right or (place.seq, place.epoch, place.prev) != (found.seq, found.epoch, head.hash):
        raise _damaged(found.seq, "its hash does not follow from its content and the row before")
    return place


def _damaged(seq: int, what: str) -> StoreDamaged:
    return StoreDamaged(
        f"journal row {seq}: {what}. Nothing was changed and the supply stays as it is. Keep this file for "
        f"examination and restore a copy; the head-end has the rows up to the last one it acknowledged"
    )


def _rows(connection: sqlite3.Connection, sql: str, values: tuple[int, ...]) -> Iterator[Row]:
    for seq, epoch, digest, body in connection.execute(sql, values):
        yield Row(seq, epoch, digest, body.encode())
