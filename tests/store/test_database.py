"""Opening the file: one process, one connection, flushed, and every trouble told in words that help."""

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from gateway.errors import CommitUnknown, StoreDamaged, StoreError
from gateway.store import database as databases
from gateway.store.database import Database

OPEN_AND_WAIT = """
import asyncio, sys
from pathlib import Path
from gateway.store import Store

async def main():
    store = await Store.open(Path(sys.argv[1]))
    print("open", flush=True)
    sys.stdin.read()
    await store.close()

asyncio.run(main())
"""
OPEN_ONCE = """
import asyncio, sys
from pathlib import Path
from gateway.errors import StoreError
from gateway.store.database import Database
# imports done; now without the rights of root, if this was root
import os
if os.geteuid() == 0:
    os.setgid(65534); os.setuid(65534)

async def main():
    try:
        await Database.open(Path(sys.argv[1]))
    except StoreError as error:
        print(error)

asyncio.run(main())
"""


async def opened(path: Path) -> None:
    """Open and close."""
    database = await Database.open(path)
    await database.close()


def refusal(path: Path, kind: type[StoreError] = StoreError) -> str:
    """Why the file is not opened."""
    with pytest.raises(kind) as refused:
        asyncio.run(opened(path))
    return str(refused.value)


def test_the_connection_is_exclusive_and_flushes_every_commit(tmp_path: Path) -> None:
    """Decision 8: exclusive locking, WAL, FULL; and no shared-memory file, which only a second connection needs."""

    async def main() -> dict[str, object]:
        database = await Database.open(tmp_path / "store.db")
        names = ("locking_mode", "journal_mode", "synchronous", "foreign_keys", "user_version")
        found = await database.run(lambda raw: {n: raw.execute(f"PRAGMA {n}").fetchone()[0] for n in names})
        assert not (tmp_path / "store.db-shm").exists()
        await database.close()
        return found

    found = asyncio.run(main())
    schemas = len(list((Path(__file__).parents[2] / "gateway/store/schema").glob("*.sql")))
    assert found == {
        "locking_mode": "exclusive",
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "user_version": schemas,
    }


def test_only_the_owner_can_read_the_file(tmp_path: Path) -> None:
    """Threat 27: consumption is private; the file is readable for the gateway's user alone."""
    asyncio.run(opened(tmp_path / "store.db"))
    assert stat.S_IMODE((tmp_path / "store.db").stat().st_mode) == 0o600


def test_a_second_process_is_told_that_somebody_has_the_store(tmp_path: Path) -> None:
    """Two gateways on one store would both think they are the only writer: the second one is refused at once."""
    path = tmp_path / "store.db"
    first = subprocess.Popen(
        [sys.executable, "-c", OPEN_AND_WAIT, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert first.stdout is not None
        assert first.stdout.readline() == "open\n"
        assert "another process has the store open" in refusal(path)
    finally:
        first.communicate("", timeout=10)
    asyncio.run(opened(path))


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """The message says which folder is missing and what to do."""
    said = refusal(tmp_path / "nowhere" / "store.db")
    assert str(tmp_path / "nowhere") in said
    assert "create it" in said


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    """A path that is no file is an error with the path in it, not a traceback of SQLite."""
    assert str(tmp_path) in refusal(tmp_path)


def test_a_file_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    """The message names the file and the right that is missing."""
    path = tmp_path / "store.db"
    asyncio.run(opened(path))
    path.chmod(0o444)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        if folder.stat().st_uid == os.getuid() and folder != Path("/tmp"):
            folder.chmod(0o755)
    said = subprocess.run([sys.executable, "-c", OPEN_ONCE, str(path)], capture_output=True, text=True, check=True)
    assert "write access" in said.stdout, said
    assert str(path) in said.stdout


def test_a_file_that_is_no_database_is_damage(tmp_path: Path) -> None:
    """Garbage is never taken for an empty store and never overwritten."""
    path = tmp_path / "store.db"
    path.write_bytes(b"this is not a database, it is a poem " * 100)
    assert "damaged" in refusal(path, StoreDamaged)
    assert path.read_bytes().startswith(b"this is not")


def test_a_damaged_page_is_found_on_opening(tmp_path: Path) -> None:
    """Threat 7: a page overwritten by the medium is found before anybody relies on it."""
    path = tmp_path / "store.db"
    asyncio.run(opened(path))
    with path.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(b"\xa5" * 4096)
    assert "damaged" in refusal(path, StoreDamaged)


def test_rot_in_the_text_of_the_schema_is_damage(tmp_path: Path) -> None:
    """Threat 7: SQLite complains with the rotten text itself, which Python cannot decode; found by flipping bits."""
    path = tmp_path / "store.db"
    asyncio.run(opened(path))
    content = path.read_bytes()
    path.write_bytes(content.replace(b"TRIGGER journal_never_changes", b"TRIGGER journal n\xd4ver chan\xd4es"))
    raw = sqlite3.connect(path)
    with pytest.raises(UnicodeDecodeError):
        raw.execute("SELECT * FROM life")
    raw.close()
    assert "damaged" in refusal(path, StoreDamaged)


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    """A downgrade does not guess at tables it does not know."""
    path = tmp_path / "store.db"
    asyncio.run(opened(path))
    raw = sqlite3.connect(path)
    raw.execute("PRAGMA user_version = 99")
    raw.close()
    assert "not those of schema 99" in refusal(path, StoreDamaged), "our own tables: only the number is wrong"
    raw = sqlite3.connect(path)
    raw.execute("CREATE TABLE of_tomorrow (x)")
    raw.close()
    assert "newer version" in refusal(path)


def test_an_older_sqlite_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says which version is needed."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 31, 1))
    assert "3.37.0" in refusal(tmp_path / "store.db")


def test_a_full_disk_is_an_unknown_commit_and_the_end_of_the_connection(tmp_path: Path) -> None:
    """Decision 8, threats 8 and 9: after a failed write nothing is retried or answered; re-opening tells."""
    path = tmp_path / "store.db"

    async def main() -> None:
        database = await Database.open(path)
        await database.run(lambda raw: raw.execute("INSERT INTO cursor VALUES ('before', 1)"))
        (pages,) = await database.run(lambda raw: raw.execute("PRAGMA page_count").fetchone())
        await database.run(lambda raw: raw.execute(f"PRAGMA max_page_count = {pages}"))
        with pytest.raises(CommitUnknown, match="SQLITE_FULL"):
            await database.run(lambda raw: raw.execute("INSERT INTO cursor VALUES (?, 2)", ("x" * 100_000,)))
        with pytest.raises(CommitUnknown, match="earlier"):
            await database.run(lambda raw: raw.execute("INSERT INTO cursor VALUES ('after', 3)"))
        await database.close()
        again = await Database.open(path)
        assert await again.run(lambda raw: raw.execute("SELECT name FROM cursor").fetchall()) == [("before",)]
        await again.close()

    asyncio.run(main())


def test_a_disk_that_refuses_to_grow_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """I4, threat 8: with a file-size limit (EFBIG, like ENOSPC of a full disk) every row said to be stored is there."""
    program = """
import asyncio, resource, signal, sys
from pathlib import Path
from gateway.errors import CommitUnknown
from gateway.store.database import Database

async def main():
    database = await Database.open(Path(sys.argv[1]))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    for number in range(1000):
        try:
            await database.run(lambda raw: raw.execute("INSERT INTO cursor VALUES (?, ?)", (f"{number}" * 200, number)))
        except CommitUnknown as error:
            print("unknown", error)
            break
        print("stored", number, flush=True)
    sys.stdout.flush()
    import os
    os._exit(1)

asyncio.run(main())
"""
    path = tmp_path / "store.db"
    ran = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False)
    stored = [int(line.split()[1]) for line in ran.stdout.splitlines() if line.startswith("stored")]
    assert stored, ran
    assert "unknown" in ran.stdout

    async def kept() -> list[int]:
        database = await Database.open(path)
        found = await database.run(lambda raw: raw.execute("SELECT position FROM cursor ORDER BY position").fetchall())
        await database.close()
        return [position for (position,) in found]

    assert asyncio.run(kept())[: len(stored)] == stored


def insert(values: tuple[str, int], raw: sqlite3.Connection) -> None:
    """One row."""
    raw.execute("INSERT INTO cursor VALUES (?, ?)", values)


def test_the_log_stays_short(tmp_path: Path) -> None:
    """I20: thousands of commits do not let the write-ahead log grow beyond its bound."""
    path = tmp_path / "store.db"

    async def main() -> int:
        database = await Database.open(path)
        text = "x" * 2_000
        for number in range(1_500):
            values = (f"{number}{text}", number)
            await database.run(partial(insert, values))
        await database.shrink_log()
        size = path.with_name("store.db-wal").stat().st_size
        await database.close()
        return size

    assert asyncio.run(main()) < 2_500_000


@pytest.mark.parametrize("reached", ["connecting", "configuring"])
def test_an_opening_that_is_cancelled_leaves_nothing_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reached: str
) -> None:
    """I20: told to stop while it opens its store, a process lets go of the file, its lock and its mark."""
    path = tmp_path / "store.db"
    began, go_on = threading.Event(), threading.Event()

    def held(work: Callable[..., object]) -> Callable[..., object]:
        def wait(*arguments: object, **named: object) -> object:
            began.set()
            assert go_on.wait(10)
            return work(*arguments, **named)

        return wait

    def refused(*_: object, **__: object) -> object:
        raise sqlite3.OperationalError

    async def main() -> None:
        with monkeypatch.context() as patch:
            if reached == "connecting":
                patch.setattr(sqlite3, "connect", held(refused))
            else:
                patch.setattr(databases, "_configure", held(databases._configure))
            opening = asyncio.ensure_future(Database.open(path))
            await asyncio.to_thread(began.wait)
            opening.cancel()
            await asyncio.sleep(0)
            go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await opening
        assert [file for file in Path("/proc/self/fd").iterdir() if str(file.resolve()).startswith(str(path))] == []
        await (await Database.open(path)).close()

    asyncio.run(main())
