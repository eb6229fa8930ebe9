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
from gateway.store.life import ADVICE, Life

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


def append(connection: sqlite3.Connection, head: Head, epoch: str, records: Iterable[Record]) -> list[Row]:
    """Write records as the rows that follow `head` and give them; the caller commits."""
    seq, previous = head.seq, head.hash
    rows = []
    for record in records:
        seq += 1
        body = canonical({**wire_record(record), "seq": seq, "epoch": epoch, "prev": previous})
        previous = chain(previous, body)
        rows.append(Row(seq, epoch, previous, body))
    insert(connection, rows)
    return rows


def insert(connection: sqlite3.Connection, rows: Iterable[Row]) -> None:
    """Write rows as they are; the caller commits."""
    values = [(row.seq, row.epoch, row.hash, row.body.decode()) for row in rows]
    connection.executemany("INSERT INTO journal VALUES (?, ?, ?, ?)", values)


def row(connection: sqlite3.Connection, seq: int) -> Row | None:
    """The row with this number."""
    return next(_rows(connection, "SELECT * FROM journal WHERE seq = ?", (seq,)), None)


def rows_after(connection: sqlite3.Connection, seq: int, limit: int) -> list[Row]:
    """At most `limit` rows that follow `seq`, oldest first."""
    return list(_rows(connection, "SELECT * FROM journal WHERE seq > ? ORDER BY seq LIMIT ?", (seq, limit)))


class Verifier:
    """Checks rows in their order, as many at a time as one likes, and remembers the balances they lead to."""

    def __init__(self, head: Head) -> None:
        self.head = head
        self.balances: dict[str, str] = {}

    def feed(self, rows: Iterable[Row]) -> bool:
        """Check the rows that follow; False when there was none. Raises StoreDamaged that names the first bad one."""
        before = self.head
        for found in rows:
            place = _check(self.head, found)
            if place.type == RECORD_TYPES[Entry]:
                self.balances[place.account_id] = place.balance
            self.head = Head(found.epoch, found.seq, found.hash)
        return self.head != before

    def finish(self, life: Life) -> Head:
        """Hold the last row against what was written last; gives it. Raises StoreDamaged."""
        head = self.head
        if (life.head_seq, life.head_hash) != (head.seq, head.hash):
            ends = f"the journal ends at {head.seq}, but row {life.head_seq} was the last one written"
            raise _damaged(head.seq + 1, ends)
        return head


def verify(connection: sqlite3.Connection, life: Life, *, whole: bool = False) -> tuple[Head, dict[str, str]]:
    """Check numbers, chain and head; give the head and each account's balance after its last entry in the rows checked.

    Of a long journal only the end, unless `whole`. Raises StoreDamaged that names the first bad row.
    """
    (last,) = connection.execute("SELECT coalesce(max(seq), 0) FROM journal").fetchone()
    start = 0 if whole or last <= WHOLE_ROWS else last - TAIL_ROWS
    before = row(connection, start) if start else None
    verifier = Verifier(Head("", 0, GENESIS) if before is None else Head(before.epoch, before.seq, before.hash))
    verifier.feed(_rows(connection, "SELECT * FROM journal WHERE seq > ? ORDER BY seq", (verifier.head.seq,)))
    return verifier.finish(life), verifier.balances


def _check(head: Head, found: Row) -> _Place:
    if found.seq != head.seq + 1:
        raise _damaged(head.seq + 1, "it is missing")
    try:
        place = _places.decode(found.body)
        right = found.hash == chain(head.hash, found.body)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise _damaged(found.seq, f"it cannot be read ({error})") from error
    if not right or (place.seq, place.epoch, place.prev) != (found.seq, found.epoch, head.hash):
        raise _damaged(found.seq, "its hash does not follow from its content and the row before")
    return place


def _damaged(seq: int, what: str) -> StoreDamaged:
    return StoreDamaged(
        f"journal row {seq}: {what}. {ADVICE}; the head-end has the rows up to the last one it acknowledged"
    )


def _rows(connection: sqlite3.Connection, sql: str, values: tuple[int, ...]) -> Iterator[Row]:
    for seq, epoch, digest, body in connection.execute(sql, values):
        yield Row(seq, epoch, digest, body.encode())
