"""The journal: nothing changes it, everything missing shows, and a restored image shows as a fork (I7, decision 7)."""

import asyncio
import hashlib
import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from gateway.errors import StoreDamaged
from gateway.prepayment.ledger import GENESIS, Happening
from gateway.store import Head, Row, Store, journal
from tests.prepayment.worlds import at


async def written(path: Path, count: int = 5, what: str = "test") -> list[Row]:
    """Open, write rows, close; the first row is the epoch's."""
    store = await Store.open(path)
    rows = [await store.open_epoch(at())]
    rows += await store.commit(at=at(), records=[Happening(at(n), "CH-1", what) for n in range(count)])
    await store.close()
    return rows


async def reopened(path: Path) -> Head:
    """Open, which verifies, and close."""
    store = await Store.open(path)
    await store.close()
    return store.head


def meddle(path: Path, *statements: str) -> None:
    """Change the file behind the gateway's back, as if there were no triggers."""
    raw = sqlite3.connect(path, isolation_level=None)
    triggers = raw.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        raw.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        raw.execute(statement)
    for _, sql in triggers:
        raw.execute(sql)
    raw.close()


def test_anybody_with_sha256_can_check_the_chain(tmp_path: Path) -> None:
    """I7: seq without gaps, each row names the hash before, and the hash is SHA-256 over that hash and the body."""
    rows = asyncio.run(written(tmp_path / "store.db"))
    previous = "0" * 64
    for number, row in enumerate(rows, start=1):
        body = json.loads(row.body)
        assert (body["seq"], body["prev"], body["epoch"]) == (number, previous, row.epoch)
        assert row.hash == hashlib.sha256(bytes.fromhex(previous) + row.body).hexdigest()
        previous = row.hash
    assert asyncio.run(reopened(tmp_path / "store.db")) == Head(rows[-1].epoch, len(rows), previous)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET body = '{}' WHERE seq = 2",
        "DELETE FROM journal WHERE seq = 6",
        "INSERT INTO journal SELECT 99, epoch, hash, body FROM journal WHERE seq = 1",
        "INSERT OR REPLACE INTO journal SELECT 2, epoch, hash, body FROM journal WHERE seq = 1",
    ],
)
def test_the_table_refuses_every_change(tmp_path: Path, statement: str) -> None:
    """I7: append-only is enforced by the database itself, not by good manners."""
    asyncio.run(written(tmp_path / "store.db"))
    raw = sqlite3.connect(tmp_path / "store.db")
    with pytest.raises(sqlite3.IntegrityError, match=r"append-only|without gaps"):
        raw.execute(statement)
    raw.close()


@pytest.mark.parametrize(
    ("statement", "first_bad"),
    [
        ("UPDATE journal SET body = replace(body, 'test', 'tost') WHERE seq = 3", 3),
        ("UPDATE journal SET hash = printf('%064d', 7) WHERE seq = 4", 4),
        ("UPDATE journal SET epoch = 'another' WHERE seq = 2", 2),
        ("UPDATE journal SET body = 'nonsense' WHERE seq = 5", 5),
        ("UPDATE journal SET hash = printf('%064d', 0) || '' WHERE seq = 6", 6),
        ("DELETE FROM journal WHERE seq = 2", 2),
        ("DELETE FROM journal WHERE seq = 6", 6),
        ("DELETE FROM journal", 1),
    ],
)
def test_damage_is_found_and_named_on_opening(tmp_path: Path, statement: str, first_bad: int) -> None:
    """Threat 7: a changed, missing or cut-off row stops the start, naming the first bad row and what to do."""
    path = tmp_path / "store.db"
    asyncio.run(written(path))
    meddle(path, statement)
    with pytest.raises(StoreDamaged, match=rf"journal row {first_bad}:.*supply stays as it is.*restore"):
        asyncio.run(reopened(path))


def test_a_row_spliced_in_with_a_right_hash_does_not_fit_the_next(tmp_path: Path) -> None:
    """I7: replacing a row together with its own hash still breaks the row after it."""
    path = tmp_path / "store.db"
    rows = asyncio.run(written(path))
    body = rows[2].body.replace(b"test", b"fake")
    digest = hashlib.sha256(bytes.fromhex(rows[1].hash) + body).hexdigest()
    meddle(path, f"UPDATE journal SET body = '{body.decode()}', hash = '{digest}' WHERE seq = 3")
    with pytest.raises(StoreDamaged, match="journal row 4"):
        asyncio.run(reopened(path))


def test_a_long_journal_is_verified_at_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start stays quick after years: the last rows are checked, and damage in them is found."""
    path = tmp_path / "store.db"
    asyncio.run(written(path, 40))
    monkeypatch.setattr(journal, "WHOLE_ROWS", 20)
    monkeypatch.setattr(journal, "TAIL_ROWS", 10)
    assert asyncio.run(reopened(path)).seq == 41
    meddle(path, "UPDATE journal SET body = replace(body, 'test', 'tost') WHERE seq = 35")
    with pytest.raises(StoreDamaged, match="journal row 35"):
        asyncio.run(reopened(path))


def test_every_start_opens_an_epoch_that_names_its_parent(tmp_path: Path) -> None:
    """Decision 7: numbering goes on over restarts; the epoch's first row names the head it continues from."""
    path = tmp_path / "store.db"
    first = asyncio.run(written(path, 2))
    second = asyncio.run(written(path, 2))
    assert [row.seq for row in (*first, *second)] == [1, 2, 3, 4, 5, 6]
    assert first[0].epoch != second[0].epoch
    assert json.loads(first[0].body)["parent_head"] == GENESIS
    assert json.loads(second[0].body)["parent_head"] == first[-1].hash


def test_a_restored_image_shows_as_a_fork(tmp_path: Path) -> None:
    """Threats 3 and 4: two epochs that name the same parent are a fork, and foreign heads are not acknowledged."""
    path, image = tmp_path / "store.db", tmp_path / "image.db"
    base = asyncio.run(written(path, 3))
    shutil.copy(path, image)
    real = asyncio.run(written(path, 3, "real"))
    restored = asyncio.run(written(image, 3, "restored"))
    assert json.loads(real[0].body)["parent_head"] == json.loads(restored[0].body)["parent_head"] == base[-1].hash
    assert [row.seq for row in real] == [row.seq for row in restored], "same numbers"
    assert {row.hash for row in real}.isdisjoint(row.hash for row in restored), "different rows"

    async def acknowledge(row: Row) -> tuple[bool, int]:
        store = await Store.open(image)
        moved = await store.move_cursor(row.epoch, row.seq, row.hash)
        position = await store.cursor()
        await store.close()
        return moved, position

    assert asyncio.run(acknowledge(base[-1])) == (True, 4)
    assert asyncio.run(acknowledge(real[-1])) == (False, 4)
    assert asyncio.run(acknowledge(restored[-1])) == (True, 8)


def test_the_cursor_survives_and_never_goes_back(tmp_path: Path) -> None:
    """Decision 7: the head-end's acknowledgement is durable; a late one is true and moves nothing."""
    path = tmp_path / "store.db"
    rows = asyncio.run(written(path, 4))

    async def main() -> None:
        store = await Store.open(path)
        assert await store.cursor() == 0
        assert await store.move_cursor(rows[3].epoch, 4, rows[3].hash)
        assert await store.move_cursor(rows[1].epoch, 2, rows[1].hash)
        assert not await store.move_cursor(rows[3].epoch, 99, rows[3].hash)
        assert not await store.move_cursor("another", 5, rows[4].hash)
        assert await store.cursor() == 4
        await store.close()
        store = await Store.open(path)
        assert await store.cursor() == 4
        assert [row.seq for row in await store.rows_after(4, 10)] == [5]
        assert await store.rows_after(1, 2) == rows[1:3]
        assert await store.row(3) == rows[2]
        assert await store.row(99) is None
        await store.close()

    asyncio.run(main())
