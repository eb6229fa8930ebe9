"""The row of `life`: what every transaction rewrites, and the seal that shows a later change by anything but us.

The journal proves itself by its chain. The other tables are covered by sums in this row: for each, the sum of its
rows' digests modulo 2^128, so adding, changing or dropping a row costs two hashes, however long the table is. The seal
is the digest of the row itself. It is made against rot and mixed-up pages, not against an attacker who can compute it.
"""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import astuple, dataclass, replace
from typing import TypeVar

import msgspec

from gateway.errors import StoreDamaged
from gateway.prepayment.ledger import GENESIS

Column = str | int | None
T = TypeVar("T")

ADVICE = (
    "Nothing was changed and the supply stays as it is. Keep this file for examination and restore a copy "
    "(docs/damaged-store.md)"
)

_KEYS = {"account": ("account_id",), "command": ("issuer", "jti"), "cursor": ("name",)}
_SUM = 1 << 128


@dataclass(frozen=True, slots=True)
class Life:
    """The row as it is stored, without id and seal; sums are hex text."""

    running_ms: int = 0
    bound_utc_ms: int = 0
    head_seq: int = 0
    head_hash: str = GENESIS
    interval_number: int = 0
    interval_count: int = 0
    commits: int = 0
    restored: str = ""
    account_sum: str = "0"
    command_sum: str = "0"
    cursor_sum: str = "0"

    @property
    def seal(self) -> str:
        """The digest of all of it."""
        return f"{_digest('life', astuple(self)):032x}"


def create(raw: sqlite3.Connection, life: Life) -> None:
    """Write the first row; the caller commits."""
    values = (1, *astuple(life), life.seal)
    raw.execute(f"INSERT INTO life VALUES ({marks(values)})", values)  # noqa: S608  our own names


def read(raw: sqlite3.Connection) -> Life:
    """The row; raises StoreDamaged when it is not what was written."""
    found = raw.execute("SELECT * FROM life").fetchall()
    if len(found) != 1:
        raise StoreDamaged(f"the store's own row (life) is not there. {ADVICE}")
    _, *values, seal = found[0]
    life = Life(*values)
    if life.seal != seal:
        raise StoreDamaged(f"the store's own row (life) is not what was written. {ADVICE}")
    return life


def write(raw: sqlite3.Connection, life: Life) -> None:
    """Replace the row; the caller commits."""
    raw.execute(
        "UPDATE life SET running_ms = ?, bound_utc_ms = ?, head_seq = ?, head_hash = ?, interval_number = ?, "
        "interval_count = ?, commits = ?, restored = ?, account_sum = ?, command_sum = ?, cursor_sum = ?, seal = ?",
        (*astuple(life), life.seal),
    )


def put(raw: sqlite3.Connection, life: Life, table: str, row: tuple[Column, ...]) -> Life:
    """Insert a row of a summed table, or replace the one with its key; gives the life to be written."""
    keys = _KEYS[table]
    where = " AND ".join(f"{key} = ?" for key in keys)
    old = raw.execute(f"SELECT * FROM {table} WHERE {where}", row[: len(keys)]).fetchone()  # noqa: S608  our own names
    raw.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks(row)})", row)  # noqa: S608  same
    total = int(getattr(life, f"{table}_sum"), 16) + _digest(table, row) - (_digest(table, old) if old else 0)
    return _summed(life, table, total)


def marks(row: tuple[Column, ...]) -> str:
    """The question marks for a row."""
    return ", ".join("?" * len(row))


def check_sums(raw: sqlite3.Connection, life: Life) -> None:
    """Hold every row of the summed tables against the sums; raises StoreDamaged that names the table."""
    for table in _KEYS:
        rows = raw.execute(f"SELECT * FROM {table}")  # noqa: S608  our own names
        if _summed(life, table, sum(_digest(table, row) for row in rows)) != life:
            raise StoreDamaged(f"the table {table} is not what was written. {ADVICE}")


def _summed(life: Life, table: str, total: int) -> Life:
    text = f"{total % _SUM:x}"
    match table:
        case "account":
            return replace(life, account_sum=text)
        case "command":
            return replace(life, command_sum=text)
        case _:
            return replace(life, cursor_sum=text)


def _digest(table: str, row: tuple[Column, ...]) -> int:
    # JSON tells apart text, numbers and nothing, and where one column ends.
    return int.from_bytes(hashlib.blake2b(msgspec.json.encode((table, row)), digest_size=16).digest(), "big")
