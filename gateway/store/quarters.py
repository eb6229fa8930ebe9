"""The interval table: finished quarter-hours, numbered for the uplink, kept for 18 months.

Age counts on proven time only, so a forged clock cannot empty the table; a count per account bounds it in any case.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from gateway.errors import StoreDamaged
from gateway.prepayment.events import Moment
from gateway.prepayment.fieldwork import Frozen
from gateway.prepayment.intervals import Interval
from gateway.store import cursors
from gateway.store.codec import read_interval, wire_interval
from gateway.store.life import ADVICE, Life

CURSOR = cursors.INTERVAL
"""The cursor of the intervals' uplink."""
RETENTION_MS = 18 * 31 * 24 * 3600 * 1000
"""18 months, the longest they can be."""
ROWS_MAX = 20 * 31 * 96
"""Quarter-hours kept per account when the time is never proven: 20 months."""
CHECKED_ROWS = 20_000
"""At each start so many of those still to be sent are checked; the others when they are sent."""

Columns = tuple[int, str, int, str, int]


@dataclass(frozen=True, slots=True)
class IntervalRow:
    """One finished quarter-hour; `body` is what is sent, `number` what is acknowledged."""

    number: int
    account_id: str
    body: bytes


def append(connection: sqlite3.Connection, life: Life, intervals: Iterable[tuple[str, Interval]]) -> Life:
    """Number and write quarter-hours; the caller commits."""
    values: list[Columns] = []
    for number, (account_id, interval) in enumerate(intervals, start=life.interval_number + 1):
        body = wire_interval(account_id, number, interval).decode()
        start_utc_ms = interval.start_utc_ms
        values.append((number, account_id, start_utc_ms, body, _crc(number, account_id, start_utc_ms, body)))
    insert(connection, values)
    count = len(values)
    return replace(life, interval_number=life.interval_number + count, interval_count=life.interval_count + count)


def insert(connection: sqlite3.Connection, values: Iterable[Columns]) -> None:
    """Write rows as they are; the caller commits."""
    connection.executemany("INSERT INTO interval VALUES (?, ?, ?, ?, ?)", values)


def last_number(connection: sqlite3.Connection) -> int:
    """The number given last; 0 when there was none."""
    (number,) = connection.execute("SELECT interval_number FROM life").fetchone()
    return int(number)


def rows_after(connection: sqlite3.Connection, number: int, limit: int) -> list[IntervalRow]:
    """At most `limit` quarter-hours after `number`, oldest first; raises StoreDamaged when one is not what was."""
    found = columns_after(connection, number, limit)
    return [IntervalRow(found_number, account_id, body.encode()) for found_number, account_id, _, body, _ in found]


def rows_of(
    connection: sqlite3.Connection, account_id: str, from_utc_ms: int, to_utc_ms: int, number: int, limit: int
) -> list[IntervalRow]:
    """At most `limit` of an account's quarter-hours after `number` that begin in a span; raises StoreDamaged."""
    found: list[Columns] = connection.execute(
        "SELECT number, account_id, start_utc_ms, body, crc FROM interval INDEXED BY interval_by_account "
        "WHERE account_id = ? AND number > ? AND start_utc_ms >= ? AND start_utc_ms < ? ORDER BY number LIMIT ?",
        (account_id, number, from_utc_ms, to_utc_ms, limit),
    ).fetchall()
    return [IntervalRow(row[0], row[1], row[3].encode()) for row in _checked(found)]


def columns_after(connection: sqlite3.Connection, number: int, limit: int) -> list[Columns]:
    """The same rows with all their columns."""
    found: list[Columns] = connection.execute(
        "SELECT number, account_id, start_utc_ms, body, crc FROM interval WHERE number > ? ORDER BY number LIMIT ?",
        (number, limit),
    ).fetchall()
    return _checked(found)


def _checked(found: list[Columns]) -> list[Columns]:
    for row in found:
        if _crc(*row[:-1]) != row[-1]:
            raise StoreDamaged(f"quarter-hour {row[0]}: it is not what was written. {ADVICE}")
    return found


def verify(connection: sqlite3.Connection, life: Life, delivered: int) -> None:
    """Check the quarter-hours that are still to be sent, so many at most; raises StoreDamaged."""
    columns_after(connection, delivered, CHECKED_ROWS)
    (last,) = connection.execute("SELECT coalesce(max(number), 0) FROM interval").fetchone()
    (count,) = connection.execute("SELECT count(*) FROM interval NOT INDEXED").fetchone()  # the rows, not the index
    if last > life.interval_number:
        raise StoreDamaged(f"quarter-hour {last}: {life.interval_number} was the last one written. {ADVICE}")
    if count != life.interval_count:
        raise StoreDamaged(f"{count} quarter-hours are there and not {life.interval_count}. {ADVICE}")


def since(connection: sqlite3.Connection, account_id: str, utc_ms: int) -> tuple[list[Interval], int | None]:
    """An account's quarter-hours that begin at `utc_ms` or later, and the start of its oldest; raises StoreDamaged."""
    found: list[Columns] = connection.execute(
        "SELECT number, account_id, start_utc_ms, body, crc FROM interval INDEXED BY interval_by_account "
        "WHERE account_id = ? AND start_utc_ms >= ? ORDER BY number",
        (account_id, utc_ms),
    ).fetchall()
    (oldest,) = connection.execute(
        "SELECT min(start_utc_ms) FROM interval INDEXED BY interval_by_account WHERE account_id = ?", (account_id,)
    ).fetchone()
    return [read_interval(start_utc_ms, body) for _, _, start_utc_ms, body, _ in _checked(found)], oldest


def prune(connection: sqlite3.Connection, life: Life, at: Moment, frozen: Frozen) -> tuple[int, Life]:
    """Delete what is older than the retention (proven time only) or beyond the count; give the number deleted.

    What is frozen for a test of the meter stays (S2-13). The caller commits.
    """
    before = connection.total_changes
    spans = [(account_id, *span) for account_id, kept in frozen.items() for span in kept]
    free = "".join(" AND NOT (account_id = ? AND start_utc_ms >= ? AND start_utc_ms < ?)" for _ in spans)
    kept = [value for span in spans for value in span]
    if at.trust.proven:
        oldest_utc_ms = at.utc_ms - RETENTION_MS
        connection.execute(f"DELETE FROM interval WHERE start_utc_ms < ?{free}", (oldest_utc_ms, *kept))  # noqa: S608  our own words
    for account_id, count in connection.execute(
        "SELECT CAST(account_id AS BLOB), count(*) FROM interval GROUP BY account_id"  # rotten text must not stop us
    ).fetchall():
        if count > ROWS_MAX:
            connection.execute(
                "DELETE FROM interval WHERE number IN (SELECT number FROM interval "  # noqa: S608  our own words
                f"WHERE account_id = CAST(? AS TEXT){free} ORDER BY number LIMIT ?)",
                (account_id, *kept, count - ROWS_MAX),
            )
    count = connection.total_changes - before
    return count, replace(life, interval_count=life.interval_count - count)


def _crc(*columns: str | int) -> int:
    return zlib.crc32(repr(columns).encode())
