"""A medium that fails: an error at every write, flush, truncation, open and deletion of a scripted day, one day each.

The process does what the production one does: an error of the store ends it, it is started again and the head-end
sends again what was not answered. Never may an error become an answer, what was told be gone, or a command be done
twice or be given up, however long the trouble lasts.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sqlite3
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from unittest import mock

from gateway.commands import Command
from gateway.errors import StoreDamaged, StoreError
from gateway.store import mark
from tests.storage import verdict
from tests.storage.images import scratch
from tests.storage.inline import inline
from tests.storage.load import ACCOUNTS, Books, books, observed
from tests.storage.vfs import witnessed

STEPS = 14
RESTARTS_MAX = 200
CANTOPEN, FULL = sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL
IOERR_WRITE, IOERR_FSYNC = sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_FSYNC
IOERR_TRUNCATE, IOERR_DELETE = sqlite3.SQLITE_IOERR_TRUNCATE, sqlite3.SQLITE_IOERR_DELETE


@dataclass(frozen=True)
class Trouble:
    """What goes wrong, from which call on, for how many calls."""

    kind: str
    first: int
    calls: int

    def code(self, call: str) -> int:
        """The SQLite result of a call while it lasts; negative: half of it is written."""
        match self.kind, call:
            case "eio", "write" | "log":
                return IOERR_WRITE
            case "eio", "sync":
                return IOERR_FSYNC
            case "eio", "truncate":
                return IOERR_TRUNCATE
            case "eio", "delete":
                return IOERR_DELETE
            case ("eio", "open") | ("full", "create"):
                return CANTOPEN
            case ("full", "write" | "log") | ("log full", "log"):
                return FULL
            case "short", "write" | "log":
                return -FULL
            case _:
                return 0


TROUBLES = (("eio", 1), ("eio", 25), ("full", 1), ("full", 150), ("short", 1), ("short", 8))
"""Kinds, and how many calls they last: a glitch, or the disk of a bad hour."""


@dataclass
class Saboteur:
    """A witness that lets calls fail."""

    trouble: Trouble
    calls: int = 0
    hits: int = 0

    def opened(self, path: str, *, created: bool, journal: bool) -> int:
        """An open."""
        return self._next("create" if created else "open")

    def write(self, path: str, offset: int, data: bytes) -> int:
        """A write."""
        return self._next("log" if path.endswith("-wal") else "write")

    def truncate(self, path: str, size: int) -> int:
        """A truncation."""
        return self._next("truncate")

    def sync(self, path: str) -> int:
        """A flush."""
        return self._next("sync")

    def delete(self, path: str, *, sync: bool) -> int:
        """A deletion."""
        return self._next("delete")

    def _next(self, call: str) -> int:
        self.calls += 1
        if not self.trouble.first <= self.calls < self.trouble.first + self.trouble.calls:
            return 0
        code = self.trouble.code(call)
        self.hits += bool(code)
        return code


@dataclass
class Days:
    """What became of the days."""

    days: int = 0
    faults: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Days) -> None:
        """Count another's with ours."""
        self.days += other.days
        self.faults += other.faults
        self.wrong += other.wrong


class _Day:
    """One day under one trouble."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._books = books(folder, seed)
        self._states: dict[int, verdict.Content] = {}
        self._told = 0

    def told(self, content: verdict.Content) -> None:
        """The outside was told of this commit."""
        self._states[content.commits] = content
        self._told = content.commits

    async def live(self) -> None:
        """Through all of it, over as many starts as it takes."""
        steps = STEPS
        for _ in range(RESTARTS_MAX):
            try:
                await self._books.start()
                await self._compare()
                await self._books.start_accounts(*ACCOUNTS)
                await self._books.deliver_all()
                while steps:
                    steps -= 1
                    await self._books.step()
                await self._books.stop()
            except StoreDamaged:
                raise
            except StoreError:
                await _gone(self._books)
                continue
            break
        else:
            raise AssertionError(f"not over after {RESTARTS_MAX} starts")
        self._books.settle()
        for order in self._books.orders:
            if order.command is Command.TOP_UP:
                assert self._books.answers[order.command_id].status != "refused", "an error became an answer"

    async def _compare(self) -> None:
        held = await self._books.store._database.run(verdict.content)
        # `start` itself has committed: an epoch, and the accounts, after what the process before left
        assert held.commits >= self._told, f"commit {self._told} was told, {held.commits} are there"
        await self._books.store._database.run(verdict.audit)


async def _gone(gone: Books) -> None:
    """The process is dead; the kernel closes its files."""
    if gone._store is not None:
        with suppress(StoreError):
            await gone._store.close()
        gone._store = gone._teller = None


def day(seed: int, trouble: Trouble) -> tuple[Saboteur, str]:
    """Live one day; gives what was hit, and what went wrong or ""."""
    saboteur = Saboteur(trouble)
    with tempfile.TemporaryDirectory(dir=scratch()) as folder:
        lived = _Day(Path(folder), seed)
        with (
            mock.patch.object(mark, "boot_id", return_value="one boot"),
            inline(),
            witnessed(saboteur),
            observed(lived.told),
        ):
            try:
                asyncio.run(lived.live())
            except (AssertionError, StoreDamaged) as error:
                return saboteur, f"seed {seed}, {trouble}: {error}"
    return saboteur, ""


def calls(seed: int) -> int:
    """How many calls the day has when nothing fails."""
    saboteur, wrong = day(seed, Trouble("none", 1, 0))
    assert not wrong, wrong
    return saboteur.calls


def some(seed: int, places: range) -> Days:
    """Every kind of trouble at each of these calls."""
    found = Days()
    for first in places:
        for kind, lasting in TROUBLES:
            saboteur, wrong = day(seed, Trouble(kind, first, lasting))
            found.days += bool(saboteur.hits)
            found.faults += saboteur.hits
            found.wrong += [wrong] if wrong else []
    return found


def everywhere(seed: int, processes: int = 2) -> Days:
    """Every kind of trouble at every call of the day."""
    found, last = Days(), calls(seed) + 1
    with multiprocessing.Pool(processes) as pool:
        for each in pool.imap_unordered(partial(some, seed), [range(first, first + 1) for first in range(1, last)]):
            found.add(each)
    return found
