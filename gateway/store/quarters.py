"""The interval table: finished quarter-hours, numbered for the uplink, kept for 18 months.

Age counts on proven time only, so a forged clock cannot empty the table; a count per account bounds it in any case.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.prepayment.events import Moment
from gateway.prepayment.intervals import Interval
from gateway.store.codec import wire_interval

CURSOR = "interval"
"""The cursor of the intervals' uplink."""
RETENTION_MS = 18 * 31 * 24 * 3600 * 1000
"""18 months, the longest they can be."""
ROWS_MAX = 20 * 31 * 96
"""Quarter-hours kept per account when the time is never proven: 20 months."""


@dataclass(frozen=True, slots=True)
class IntervalRow:
    """One finished quarter-hour; `body` is what is sent, `number` what is acknowledged."""

    number: int
    account_id: str
    body: bytes


def append(connection: sqlite3.Connection, intervals: Iterable[tuple[str, Interval]]) -> None:
    """Number and write quarter-hours; the caller commits."""
    found = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'interval'").fetchone()
    last = found[0] if found else 0
    values = [
        (number, account_id, interval.start_utc_ms, wire_interval(account_id, number, interval).decode())
        for number, (account_id, interval) in enumerate(intervals, start=last + 1)
    ]
    connection.executemany("INSERT INTO interval VALUES (?, ?, ?, ?)", values)


def rows_after(connection: sqlite3.Connection, number: int, limit: int) -> list[IntervalRow]:
    """At most `limit` quarter-hours after `number`, oldest first."""
    found = connection.execute(
        "SELECT number, account_id, body FROM interval WHERE number > ? ORDER BY number LIMIT ?", (number, limit)
    )
    return [IntervalRow(found_number, account_id, body.encode()) for found_number, account_id, body in found]


def prune(connection: sqlite3.Connection, at: Moment) -> int:
    """Delete what is older than the retention (proven time only) or beyond the count; give the number deleted."""
    before = connection.total_changes
    if at.trust.proven:
        connection.execute("DELETE FROM interval WHERE start_utc_ms < ?", (at.utc_ms - RETENTION_MS,))
    for account_id, count in connection.execute(
        "SELECT account_id, count(*) FROM interval GROUP BY account_id"
    ).fetchall():
        if count > ROWS_MAX:
            connection.execute(
                "DELETE FROM interval WHERE number IN "
                "(SELECT number FROM interval WHERE account_id = ? ORDER BY number LIMIT ?)",
                (account_id, count - ROWS_MAX),
            )
    return connection.total_changes - before
