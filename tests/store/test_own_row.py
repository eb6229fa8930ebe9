"""What the store says of itself: its own row, its count of quarter-hours, its log; none of it is believed unseen."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from gateway.errors import StoreDamaged
from gateway.prepayment.intervals import Interval, Quality
from gateway.store import Store
from gateway.store.database import Database
from tests.prepayment.worlds import MONDAY_MS, at, opened


async def lived(path: Path) -> None:
    """A short life with four quarter-hours that nobody has fetched."""
    store = await Store.open(path)
    await store.open_epoch(at())
    quarters = [("CH-1", Interval(MONDAY_MS + number * 900_000, number, None, Quality.ACTUAL)) for number in range(4)]
    await store.commit(at=at(5_000), accounts=[opened()], intervals=quarters)
    await store.close()


async def opens(path: Path) -> None:
    """A start and an end."""
    await (await Store.open(path)).close()


def meddle(path: Path, statement: str) -> None:
    """Change the file behind the gateway's back."""
    raw = sqlite3.connect(path, isolation_level=None)
    for (name,) in raw.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        sql = raw.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (name,)).fetchone()[0]
        raw.execute(f"DROP TRIGGER {name}")
        raw.execute(statement)
        raw.execute(sql)
    raw.close()


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("DELETE FROM life", r"the store's own row \(life\) is not there"),
        ("UPDATE life SET running_ms = 9999999", r"the store's own row \(life\) is not what was written"),
        ("UPDATE life SET bound_utc_ms = 0", r"the store's own row \(life\) is not what was written"),
        ("DELETE FROM interval WHERE number = 2", "3 quarter-hours are there and not 4"),
    ],
)
def test_a_store_that_is_not_what_it_says_is_damaged(tmp_path: Path, statement: str, says: str) -> None:
    """Threat 7, I17, I19: running time, the bound of time and the number of quarter-hours are held against a digest."""
    path = tmp_path / "store.db"
    asyncio.run(lived(path))
    asyncio.run(opens(path))
    meddle(path, statement)
    with pytest.raises(StoreDamaged, match=says):
        asyncio.run(opens(path))


@pytest.mark.parametrize("header", [b"\xa5" * 64, bytes.fromhex("377f0682") + bytes(60)])
def test_a_log_with_a_rotten_header_is_damage(tmp_path: Path, header: bytes) -> None:
    """Threat 7: SQLite itself would take such a log for an empty one and lose what was committed into it."""
    path = tmp_path / "store.db"
    asyncio.run(lived(path))
    path.with_name("store.db-wal").write_bytes(header)
    with pytest.raises(StoreDamaged, match="the header of its write-ahead log is not what was written"):
        asyncio.run(opens(path))


def test_a_store_is_closed_as_often_as_anybody_likes(tmp_path: Path) -> None:
    """I19: an end that is told twice lets go of the file once and raises nothing."""

    async def story() -> None:
        path = tmp_path / "store.db"
        database = await Database.open(path)
        await database.close()
        await database.close()
        await opens(path)

    asyncio.run(story())
