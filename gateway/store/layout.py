"""The tables, as the numbered files in `schema/` make them, and whether a file still has exactly those.

A file whose tables differ from what its number says has been changed by rot or by somebody: a trigger that no longer
guards the journal, a column of another name. Both end here, before any row is believed.
"""

from __future__ import annotations

import sqlite3
from functools import cache
from pathlib import Path

from gateway.errors import StoreDamaged, StoreError
from gateway.store import life
from gateway.store.life import ADVICE

SCHEMA = Path(__file__).parent / "schema"


@cache
def scripts() -> tuple[str, ...]:
    """The schema files, oldest first."""
    return tuple(path.read_text(encoding="utf-8") for path in sorted(SCHEMA.glob("*.sql")))


def bring_up_to_date(raw: sqlite3.Connection, path: Path) -> None:
    """Apply the schema files that are missing, each in its transaction; raises StoreError or StoreDamaged."""
    (version,) = raw.execute("PRAGMA user_version").fetchone()
    known = len(scripts())
    tables = _tables(raw)
    if version > known and tables not in [_expected(number) for number in range(1, known + 1)]:
        raise StoreError(
            f"{path}: schema {version} was written by a newer version; this one knows {known}; install the newer one"
        )
    if version > known or tables != _expected(version):
        raise StoreDamaged(f"{path}: its tables are not those of schema {version}. {ADVICE}")
    for number, script in enumerate(scripts()[version:], start=version + 1):
        _apply(raw, number, script)


def _apply(raw: sqlite3.Connection, number: int, script: str) -> None:
    raw.executescript(f"BEGIN IMMEDIATE; {script}")
    if number == 1:
        life.create(raw, life.Life())
    raw.execute(f"PRAGMA user_version = {number}")
    raw.execute("COMMIT")


def _tables(raw: sqlite3.Connection) -> list[tuple[str, str, str, str]]:
    return raw.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name").fetchall()


@cache
def _expected(version: int) -> list[tuple[str, str, str, str]]:
    raw = sqlite3.connect(":memory:")
    try:
        for script in scripts()[:version]:
            raw.executescript(script)
        return _tables(raw)
    finally:
        raw.close()
