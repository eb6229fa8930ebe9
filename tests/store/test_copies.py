"""The verified copy: made beside the work, believed only when whole, put in place of a damaged store and on record."""

import asyncio
import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from gateway.errors import StoreDamaged, StoreError
from gateway.store import Head, Store, copies, journal, mark
from gateway.store import life as lives
from tests.counter import Counter
from tests.prepayment.worlds import NANO, at


@pytest.fixture
def books(tmp_path: Path) -> Counter:
    """A gateway that has lived, ended well and left a copy; then it sold one more top-up and was killed."""
    found = Counter(tmp_path / "store.db")

    async def story() -> None:
        teller = await found.start("CH-1")
        for wh in range(0, 30_000, 1_000):
            await teller.post("CH-1", found.reading(wh, 900_000))
        await teller.execute(found.top_up(5 * NANO))
        await found.stop()
        await found.start()
        assert await found.store.back_up(copy_of(found)) == ""
        await found.teller.execute(found.top_up(7 * NANO))
        await found.crash()

    asyncio.run(story())
    return found


def copy_of(books: Counter) -> Path:
    """Where the copy is."""
    return books.path.with_name("store-backup.db")


async def opened(books: Counter) -> tuple[str, int, list[str]]:
    """Open, with the copy at hand; gives what was restored, the top-up total and what each epoch says of it."""
    store = await Store.open(books.path, copy_of(books))
    (account,) = await store.accounts()
    await store.open_epoch(at())
    rows = [json.loads(row.body) for row in await store.rows_after(0, 10_000)]
    await store.close()
    return store.restored, account.top_up_total_nano, [row["restored"] for row in rows if row["type"] == "epoch"]


def asides(books: Counter) -> list[str]:
    """What was set aside."""
    return sorted(path.name for path in books.path.parent.glob("*.damaged-*"))


def spoil(path: Path) -> None:
    """A page of the middle is not what it was."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 64] = b"\xa5" * 64
    path.write_bytes(content)


def test_a_good_store_is_used_and_the_copy_is_not(books: Counter) -> None:
    """Issue 3, section 2: the copy is older; as long as the store is whole nobody looks at it."""
    assert asyncio.run(opened(books)) == ("", 12 * NANO, ["", "", ""])
    assert asides(books) == []


def test_a_damaged_store_is_set_aside_and_its_copy_is_used_and_that_is_on_record(books: Counter) -> None:
    """Threat 7: what the copy holds goes on, the epoch says so, and the damaged file stays for examination."""
    spoil(books.path)
    before = books.path.read_bytes()
    assert asyncio.run(opened(books)) == ("backup", 5 * NANO, ["", "", "backup"])
    assert asides(books) == ["store.db.damaged-1", "store.db.damaged-1-mark"]
    assert books.path.with_name("store.db.damaged-1").read_bytes() == before


@pytest.mark.parametrize("how", ["missing", "empty", "log alone"])
def test_a_store_that_vanished_is_not_a_new_life(books: Counter, how: str) -> None:
    """I3, I11: the file would seed the accounts once more with their opening balance; the copy is used instead."""
    log = books.path.with_name("store.db-wal")
    if how == "empty":
        books.path.write_bytes(b"")
    else:
        books.path.unlink()
    if how == "log alone":
        log.write_bytes(b"x" * 5_000)
    assert asyncio.run(opened(books))[:2] == ("backup", 5 * NANO)


def test_without_a_copy_a_store_that_vanished_is_refused(books: Counter) -> None:
    """I3: the mark remembers that there was one; a gateway with neither is new."""
    books.path.unlink()
    copy_of(books).unlink()
    with pytest.raises(StoreDamaged, match="says that there was one"):
        asyncio.run(opened(books))
    mark.mark_of(books.path).unlink()
    with pytest.raises(ValueError, match="not enough values"):
        asyncio.run(opened(books))


def test_a_copy_that_is_not_whole_replaces_nothing(books: Counter) -> None:
    """Threat 7: neither is believed, nothing is moved, and the message names both."""
    spoil(books.path)
    content = copy_of(books).read_bytes()
    copy_of(books).write_bytes(content[:-8_000])
    with pytest.raises(StoreDamaged, match=r"store\.db.*cannot replace it either"):
        asyncio.run(opened(books))
    assert asides(books) == []
    copy_of(books).unlink()
    with pytest.raises(StoreDamaged, match="There is no copy"):
        asyncio.run(opened(books))


def test_that_a_store_was_restored_is_known_until_it_is_on_record(books: Counter) -> None:
    """Threat 3: a process that dies before the accounts know leaves it to the next; afterwards it is over."""
    spoil(books.path)

    async def story() -> list[str]:
        said = []
        for commits in (0, 1, 2, 1):
            store = await Store.open(books.path, copy_of(books))
            said.append(store.restored)
            if commits:
                await store.open_epoch(at())
            if commits == 2:
                await store.commit(at=at(), accounts=await store.accounts())
            await store.close()
        return said

    assert asyncio.run(story()) == ["backup", "backup", "backup", ""]


def test_an_older_file_put_in_place_of_the_store_is_noticed(books: Counter) -> None:
    """Threat 3: the mark beside it knows more; with the whole card restored it is the head-end that knows."""
    shutil.copy(copy_of(books), books.path)
    with pytest.raises(StoreDamaged, match="older file"):
        asyncio.run(Store.open(books.path))


def test_every_death_while_a_store_is_replaced_leads_to_the_same_store(
    books: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I19: the process dies before each rename; the next start goes on, and never with a new life."""
    spoil(books.path)
    renamed, real, real_replace = [0], Path.rename, Path.replace

    def dying(path: Path, target: Path) -> Path:
        renamed[0] += 1
        if renamed[0] == deaths + 1:
            raise KeyboardInterrupt
        return (real_replace if path.suffix == ".restoring" else real)(path, target)

    monkeypatch.setattr(Path, "rename", dying)
    monkeypatch.setattr(Path, "replace", dying)
    deaths = 0
    saved = {path.name: path.read_bytes() for path in books.path.parent.iterdir()}
    while True:
        renamed[0] = 0
        try:
            assert asyncio.run(opened(books))[:2] == ("backup", 5 * NANO)
            break
        except KeyboardInterrupt:
            deaths_now, deaths = deaths, 10**6
            assert asyncio.run(opened(books))[:2] == ("backup", 5 * NANO), f"died before rename {deaths_now + 1}"
            deaths = deaths_now + 1
            for path in books.path.parent.iterdir():
                path.unlink()
            for name, content in saved.items():
                (books.path.parent / name).write_bytes(content)
    assert deaths == 3, "log or not, the store, its mark, and the copy"


def test_a_medium_that_damages_again_and_again_is_given_up(books: Counter) -> None:
    """I20: damaged stores are kept, but they do not fill the disk."""
    for number in range(copies.SET_ASIDE_MAX):
        books.path.with_name(f"store.db.damaged-{number + 1}").touch()
    spoil(books.path)
    with pytest.raises(StoreDamaged, match="cannot be relied on"):
        asyncio.run(opened(books))


def test_rot_in_the_old_rows_of_a_long_journal_is_found_by_the_copy(
    books: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threat 7: a start checks only the end of a long journal; the daily copy checks it all and keeps the older one."""
    monkeypatch.setattr(journal, "WHOLE_ROWS", 4)
    monkeypatch.setattr(journal, "TAIL_ROWS", 4)
    raw = sqlite3.connect(books.path, isolation_level=None)
    raw.execute("PRAGMA writable_schema = ON")
    triggers = raw.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        raw.execute(f"DROP TRIGGER {name}")
    raw.execute("UPDATE journal SET body = replace(body, 'opening', 'opaning') WHERE seq = 2")
    for _, sql in triggers:
        raw.execute(sql)
    raw.close()
    before = copy_of(books).read_bytes()

    async def story() -> str:
        store = await Store.open(books.path)
        reason = await store.back_up(copy_of(books))
        await store.close()
        return reason

    assert "journal row 2" in asyncio.run(story())
    assert copy_of(books).read_bytes() == before


def test_a_copy_that_cannot_be_written_harms_nothing(books: Counter, tmp_path: Path) -> None:
    """Threat 8: a missing folder or a full partition is a reason that is told, not the end of the process."""

    async def story() -> None:
        store = await Store.open(books.path)
        assert "No such file" in await store.back_up(tmp_path / "nowhere" / "copy.db")
        await store.open_epoch(at())
        await store.close()

    asyncio.run(story())
    assert copies.running_ms(tmp_path / "nowhere" / "copy.db") is None
    assert copies.running_ms(copy_of(books)) == 30 * 900_000


def test_a_copy_never_fills_the_disk(books: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threat 8: without room to spare no copy is begun, the one before stays, and half a copy is removed."""
    before = copy_of(books).read_bytes()

    async def story() -> str:
        store = await Store.open(books.path)
        reason = await store.back_up(copy_of(books))
        await store.close()
        return reason

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1 << 30, 0, copies.ROOM_BYTES))
        assert "must stay so" in asyncio.run(story())
    with monkeypatch.context() as patch:
        patch.setattr(copies, "verify", lambda _: (_ for _ in ()).throw(sqlite3.OperationalError("disk I/O error")))
        patch.setattr("gateway.store.store._verified", lambda raw, *_: (Head("", 0, ""), lives.read(raw)))
        assert asyncio.run(story()) == "disk I/O error"
    assert copy_of(books).read_bytes() == before
    assert not list(books.path.parent.glob("*.new"))


def test_a_partition_without_room_for_the_draft_is_no_damage(books: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threat 8: then the start fails, nothing is moved, and the next one tries again."""
    spoil(books.path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", full)
        with pytest.raises(StoreError, match="could not be put in its place"):
            asyncio.run(opened(books))
    assert asyncio.run(opened(books))[0] == "backup"


def test_a_copy_that_nobody_may_look_at_does_not_end_the_daemon(books: Counter) -> None:
    """Threat 7: a folder with other rights, or a name no file system takes, is a copy that is not kept."""
    hidden = books.path.parent / ("x" * 300) / "store-backup.db"  # the same as no right to search, which root has
    with pytest.raises(OSError, match="too long"):
        hidden.is_file()

    async def story() -> str:
        await books.start()
        reason = await books.store.back_up(hidden)
        await books.stop()
        return reason

    assert copies.running_ms(hidden) is None
    assert "too long" in asyncio.run(story())
    books.path.unlink()
    mark.mark_of(books.path).unlink()
    with pytest.raises(StoreError, match="cannot be looked at") as refused:
        asyncio.run(Store.open(books.path, hidden))
    assert not isinstance(refused.value, StoreDamaged)
    assert not books.path.exists()


def test_a_full_disk_while_the_copy_is_taken_is_no_damage(books: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threat 8: the copy is whole, only its new place has no room; nothing is set aside and the next start goes on."""
    spoil(books.path)
    before = books.path.read_bytes()

    def full(_raw: sqlite3.Connection, _life: lives.Life) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorname = "SQLITE_FULL"
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(lives, "write", full)
        with pytest.raises(StoreError, match="could not be put in its place") as refused:
            asyncio.run(opened(books))
    assert not isinstance(refused.value, StoreDamaged)
    assert (books.path.read_bytes(), asides(books)) == (before, [])
    assert asyncio.run(opened(books))[:2] == ("backup", 5 * NANO)
