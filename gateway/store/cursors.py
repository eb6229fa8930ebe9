"""The cursor table: how far the head-end has acknowledged each stream. A cursor never goes back."""

from __future__ import annotations

import sqlite3

from gateway.store.life import Life, put

JOURNAL = "journal"
"""The cursor of the journal's uplink."""
INTERVAL = "interval"
"""The cursor of the quarter-hours' uplink."""


def position(raw: sqlite3.Connection, name: str) -> int:
    """A seq of the journal or the number of a quarter-hour; 0 at the beginning."""
    found = raw.execute("SELECT position FROM cursor WHERE name = ?", (name,)).fetchone()
    return 0 if found is None else int(found[0])


def move(raw: sqlite3.Connection, life: Life, name: str, to: int) -> Life:
    """Move a cursor on; the caller commits."""
    return put(raw, life, "cursor", (name, max(to, position(raw, name))))
