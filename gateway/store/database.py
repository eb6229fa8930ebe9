"""The one file that talks to aiosqlite: one connection, opened exclusively, in WAL mode with a flush per transaction.

A transaction is one function that runs on the connection's own thread, so a commit costs one change of threads. When
it fails, nobody knows what is on the medium (a failed COMMIT may have happened): the database then refuses everything
until it is opened again, and the caller ends the process (decision 8). `change` is for transactions that write: it
counts and seals them (`life`) and tells the mark.

SQLite before 3.51.3 can corrupt a WAL database when two connections write and checkpoint at once. With exactly one
connection that holds the lock exclusively this cannot arise, so such versions, which Debian ships, are accepted.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import aiosqlite

from gateway.errors import CommitUnknown, StoreDamaged, StoreError
from gateway.store import layout, wal
from gateway.store import life as lives
from gateway.store.life import ADVICE, Life
from gateway.store.mark import Mark

T = TypeVar("T")
_Trouble = sqlite3.Error | OSError | UnicodeDecodeError
Change = Callable[[sqlite3.Connection, Life], tuple[T, Life]]
"""Writes and gives its result with the life that is to be written."""

OLDEST_SQLITE = (3, 37, 0)  # STRICT tables
BUSY_MS = 2_000  # a daemon that is being replaced gets this long to let go
WAL_PAGES = 256
WAL_BYTES = 1 << 20


class Database:
    """The connection; `run` and `change` are the only ways to what it holds, and `mark` is the mark beside it."""

    def __init__(self, connection: aiosqlite.Connection, path: Path, mark: Mark) -> None:
        self._connection = connection
        self._path = path
        self._unknown = False
        self._closed = False
        self.mark = mark

    @classmethod
    async def open(cls, path: Path) -> Database:
        """Open or create the file and bring its schema up to date; raises StoreError or StoreDamaged."""
        if sqlite3.sqlite_version_info < OLDEST_SQLITE:
            needed = ".".join(map(str, OLDEST_SQLITE))
            raise StoreError(
                f"SQLite {sqlite3.sqlite_version} is too old: install a Python with SQLite {needed} or later"
            )
        mark = _prepare_files(path)
        try:
            if wal.check(path) and mark.rotten:
                raise StoreDamaged(f"{path}: the end of its write-ahead log and its mark are both damaged. {ADVICE}")
            connecting = aiosqlite.connect(path, isolation_level=None, cached_statements=64)
            connecting._thread.daemon = True  # noqa: SLF001  a process that ends on an error must not wait for it
            connection = await connecting
        except (sqlite3.Error, OSError) as error:
            mark.close()
            raise _cannot_open(path, error) from error
        except BaseException:  # a StoreError, or cancelled; aiosqlite ends its thread itself
            mark.close()
            raise
        database = cls(connection, path, mark)
        try:
            await database._call(lambda raw: _configure(raw, path))
        except (sqlite3.Error, UnicodeDecodeError) as error:
            await database.close()
            raise _cannot_open(path, error) from error
        except BaseException:
            await database.close()
            raise
        return database

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work`, which only reads, in one transaction and return what it returned; raises CommitUnknown."""
        return await self._told(lambda raw: self._transaction(raw, work))

    async def change(self, work: Change[T], *, settles: bool = False) -> T:
        """Run `work` in one transaction and return its result, after the COMMIT; raises CommitUnknown.

        `settles`: what was being executed has come to its end, so that it did not kill the process.
        """

        def sealed(raw: sqlite3.Connection) -> tuple[T, Life]:
            result, life = work(raw, lives.read(raw))
            life = replace(life, commits=life.commits + 1)
            lives.write(raw, life)
            if settles:
                self.mark.settled()
            return result, life

        def marked(raw: sqlite3.Connection) -> T:
            result, life = self._transaction(raw, sealed)
            try:
                self.mark.committed(life.commits, life.seal)
            except OSError:
                self._unknown = True
                raise
            return result

        return await self._told(marked)

    async def adopt(self, life: Life) -> None:
        """Begin the mark with what was found on opening; raises CommitUnknown."""
        await self._told(lambda _: self.mark.committed(life.commits, life.seal))

    async def aside(self, work: Callable[[], T]) -> T:
        """Run something else on the connection's thread, between transactions; its errors are the caller's."""
        return await self._call(lambda _: work())

    async def shrink_log(self) -> None:
        """Move the write-ahead log into the database file, so that neither a start nor the disk pays for a long one."""
        try:
            await self._call(lambda raw: raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall())
        except sqlite3.Error as error:
            self._unknown = True
            raise CommitUnknown(f"{self._path}: moving the write-ahead log failed ({_name(error)}: {error})") from error

    async def close(self) -> None:
        """Let go of the files; an uncommitted transaction is rolled back. Once is enough, twice is harmless."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._connection.close()
        except sqlite3.Error as error:
            raise CommitUnknown(f"{self._path}: closing it failed ({_name(error)}: {error})") from error
        finally:
            self.mark.close()

    async def _told(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run on the connection's thread; an error of SQLite or of the mark becomes CommitUnknown."""
        try:
            return await self._call(work)
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            raise CommitUnknown(
                f"{self._path}: a transaction failed ({_name(error)}: {error}), so it may or may not be stored. "
                f"The process ends and decides after opening the store again; check the free space and the medium"
            ) from error

    async def _call(self, work: Callable[[sqlite3.Connection], T]) -> T:
        # aiosqlite has no public way to run several statements in one go on its thread; pinned to one minor series
        raw = self._connection._conn  # noqa: SLF001
        result: T = await self._connection._execute(work, raw)  # type: ignore[no-untyped-call] # noqa: SLF001
        return result

    def _transaction(self, raw: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]) -> T:
        """Runs on the connection's thread, so that what was queued behind a failure is refused too."""
        if self._unknown:
            raise CommitUnknown(
                f"{self._path}: an earlier transaction failed; open the store again to see what it holds"
            )
        try:
            raw.execute("BEGIN IMMEDIATE")
            result = work(raw)
            raw.execute("COMMIT")
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            self._unknown = True  # and no ROLLBACK: what a failed COMMIT left behind is for the next opening to judge
            if _of_the_medium(error):
                self.mark.settled()
            raise
        except BaseException:
            raw.execute("ROLLBACK")
            raise
        return result


def _prepare_files(path: Path) -> Mark:
    """Create the files readable for their owner only, and find out early what would be wrong with them."""
    if not path.parent.is_dir():
        raise StoreError(
            f"{path}: the folder {path.parent} does not exist; create it and give it to the gateway's user"
        )
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        return Mark(path)
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written ({error.strerror}); "
            f"the gateway's user needs write access to the file and its folder"
        ) from error


def _configure(raw: sqlite3.Connection, path: Path) -> None:
    raw.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    raw.execute("PRAGMA locking_mode = EXCLUSIVE")  # before WAL: so the index stays in memory and nobody else gets in
    if raw.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
        raise StoreError(f"{path}: this file system does not allow a write-ahead log; use a local one")
    raw.execute("PRAGMA synchronous = FULL")
    raw.execute("PRAGMA foreign_keys = ON")
    raw.text_factory = partial(str, encoding="utf-8", errors="replace")  # rotten text: the digests find it, row by row
    raw.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES}")
    raw.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
    raw.execute("BEGIN EXCLUSIVE")  # takes the lock now and, in this mode, never gives it back
    raw.execute("COMMIT")
    check_pages(raw, path)
    layout.bring_up_to_date(raw, path)


def check_pages(raw: sqlite3.Connection, path: Path) -> None:
    """Let SQLite look at the structure of its file; raises StoreDamaged."""
    problems = [" ".join(text.split()) for (text,) in raw.execute("PRAGMA quick_check(3)")]
    if problems != ["ok"]:
        raise StoreDamaged(f"{path}: the file is damaged ({'; '.join(problems)}). {ADVICE}")


def _cannot_open(path: Path, error: _Trouble) -> StoreError:
    code = _name(error)
    if code.startswith("SQLITE_BUSY"):
        return StoreError(
            f"{path}: another process has the store open; only one gateway may use it: stop the other one"
        )
    if is_damage(error):
        return StoreDamaged(f"{path}: the file is damaged ({error}). {ADVICE}")
    if _of_the_medium(error):
        return StoreError(f"{path}: cannot be read or written ({code}: {error}); check the free space and the medium")
    return StoreError(f"{path}: cannot be opened ({code}: {error})")


def is_damage(error: BaseException | None) -> bool:
    """The file itself is wrong: its pages, or text in it that is none (for which SQLite has no code).

    Rotten text in a message of SQLite's is no text either, so that Python cannot even make an error of it.
    """
    if not isinstance(error, sqlite3.Error):
        return isinstance(error, UnicodeDecodeError)
    return _name(error).startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")) or "decode to UTF-8" in str(error)


def _of_the_medium(error: _Trouble) -> bool:
    return isinstance(error, OSError) or _name(error).startswith(("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN"))


def _name(error: _Trouble) -> str:
    return str(getattr(error, "sqlite_errorname", type(error).__name__))
