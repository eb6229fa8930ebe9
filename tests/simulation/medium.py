"""The SD card and the worker that writes to it: real SQLite on a real file, run by the virtual loop.

aiosqlite runs each function on a thread of its own. Here its queue hands them to the loop instead, each after a
seeded delay, one after the other: the same code, but every run interleaves alike. The card can fill up, fail with an
error before or after the write happened, be copied, and be replaced by an old copy; a power cut loses what was queued.
"""

from __future__ import annotations

import asyncio
import contextvars
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any
from unittest import mock

import aiosqlite.core

from gateway.store import mark

Work = tuple[asyncio.Future[Any] | None, Callable[[], Any]]
_DELAYS_S = (0.0005, 0.002, 0.002, 0.01, 0.08)
_PAGES_MAX = 1 << 30
CARD: contextvars.ContextVar[Medium] = contextvars.ContextVar("CARD")
"""Whose card a task writes to: a clone has its own."""


class PowerCut(BaseException):
    """The process is gone: whoever waits for one of its ports never gets an answer."""


class Trouble(StrEnum):
    """What the card does to the next transactions."""

    NONE = "none"
    FULL = "full"
    LOST = "lost"
    """An I/O error, and nothing was written."""
    APPLIED = "applied"
    """An I/O error, and everything was written: nobody can know."""


class Medium:
    """The card of one gateway. `after_work` is called with the connection after each function that ran."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.folder = folder
        self.trouble = Trouble.NONE
        """What is wrong with the card now; for `troubled_writes` functions only, when that is set."""
        self.troubled_writes: int | None = None
        self.slowness = 1.0
        """How many times slower than usual it is."""
        self.on_cut: Callable[[], None] = lambda: None
        self.after_work: Callable[[sqlite3.Connection], None] = lambda _: None
        self.judged: Callable[[bool], None] = lambda _: None
        """Called when a password has been compared, with the result, before anybody is told."""
        self.life = 0
        self.boot = 0
        """Which boot of its machine this is."""
        self._chance = chance
        self._raw: sqlite3.Connection | None = None
        self._cut_in: int | None = None
        self._cut_after = False
        self._is_full = False

    def cut_at_write(self, count: int, *, after: bool) -> None:
        """Cut the power at the `count`th function from now, before it runs or after it ran and before that is told."""
        self._cut_in, self._cut_after = count, after

    def power_off(self) -> None:
        """What was queued is lost, what was written stays, in the log where it is."""
        self.life += 1
        self._cut_in = None
        if self._raw is not None:
            with tempfile.TemporaryDirectory(dir=self.folder.parent) as image:
                self.copy_to(Path(image))
                self._raw.close()  # which tidies up the log, as a power cut would not
                self._raw = None
                self.replace_by(Path(image))

    def copy_to(self, image: Path) -> None:
        """An image of the card as it is between two transactions."""
        shutil.copytree(self.folder, image, dirs_exist_ok=True)

    def flip(self, chance: random.Random, flips: int) -> int:
        """Flip bits of the store's files, the power being off; gives how many there were to flip."""
        assert self._raw is None, "the card is in use"
        files = sorted(path for path in self.folder.rglob("*") if path.is_file() and path.stat().st_size)
        for _ in range(flips if files else 0):
            path = chance.choice(files)
            content = bytearray(path.read_bytes())
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            path.write_bytes(content)
        return len(files)

    def wipe(self) -> None:
        """A new and empty card; the power must be off."""
        assert self._raw is None, "the card is in use"
        shutil.rmtree(self.folder)
        self.folder.mkdir()

    def heal(self) -> None:
        """A good card from now on."""
        self.trouble, self.troubled_writes, self.slowness = Trouble.NONE, None, 1.0
        self._cut_in = None

    def replace_by(self, image: Path) -> None:
        """Put an image in place of what is there; the power must be off."""
        assert self._raw is None, "the card is in use"
        shutil.rmtree(self.folder)
        shutil.copytree(image, self.folder)

    @contextmanager
    def worker(self) -> Iterator[None]:
        """Aiosqlite on the virtual loop, as long as the block lasts."""
        CARD.set(self)
        with (
            mock.patch.multiple(aiosqlite.core, Thread=_NoThread, SimpleQueue=lambda: _Queue(CARD.get())),
            mock.patch.object(mark, "boot_id", _boot_id),
        ):
            yield

    def run_at(self, work: Work, queue: _Queue, at_s: float) -> float:
        """Run the work soon, never before `at_s`; gives the time it will run."""
        loop = asyncio.get_running_loop()
        at_s = max(at_s, loop.time()) + self._chance.choice(_DELAYS_S) * self.slowness
        loop.call_at(at_s, self._work, queue, *work)
        return at_s

    def _work(self, queue: _Queue, future: asyncio.Future[Any] | None, function: Callable[[], Any]) -> None:
        life = queue.life
        cut = False
        if life == self.life and self._cut_in is not None:
            self._cut_in -= 1
            cut = self._cut_in <= 0
        if cut and not self._cut_after:
            self.on_cut()
        try:
            if life != self.life:
                raise PowerCut
            result = self._run(queue, function)
            if cut:
                self.on_cut()
                raise PowerCut
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to whoever waits, as in aiosqlite
            if future is not None and not future.done():
                future.set_exception(error)
        else:
            if future is not None and not future.done():
                future.set_result(result)

    def _run(self, queue: _Queue, function: Callable[[], Any]) -> Any:
        if _name(function) == "close":
            self.closed(queue)
            return function()
        trouble = self._trouble_now()
        if trouble is Trouble.LOST:
            raise _io_error()
        raw = self._raw
        if raw is not None and (trouble is Trouble.FULL) != self._is_full:
            self._is_full = not self._is_full
            most = raw.execute("PRAGMA page_count").fetchone()[0] if self._is_full else _PAGES_MAX
            raw.execute(f"PRAGMA max_page_count = {most}")
        result = function()
        if queue.raw is None and isinstance(result, sqlite3.Connection):
            self._raw = queue.raw = result  # a later one is that of the copy
            self._is_full = False
        elif self._raw is not None:
            self.after_work(self._raw)
        if trouble is Trouble.APPLIED:
            raise _io_error()
        return result

    def closed(self, queue: _Queue) -> None:
        """This connection is over; the next one may already be open."""
        if self._raw is queue.raw:
            self._raw = None

    def _trouble_now(self) -> Trouble:
        trouble = self.trouble
        if self.troubled_writes is not None:
            self.troubled_writes -= 1
            if self.troubled_writes <= 0:
                self.trouble, self.troubled_writes = Trouble.NONE, None
        return trouble


def _boot_id() -> str:
    return f"boot {CARD.get().boot}"


def _name(function: Callable[[], Any]) -> str:
    return str(getattr(getattr(function, "func", function), "__name__", ""))


def _io_error() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = "SQLITE_IOERR"
    return error


class _Queue:
    """What aiosqlite puts its work into; `raw` is the connection it opened."""

    def __init__(self, medium: Medium) -> None:
        self.life = medium.life
        self.raw: sqlite3.Connection | None = None
        self._medium = medium
        self._last_s = 0.0

    def put_nowait(self, work: Work) -> None:
        """Hand it to the card. The end of the worker is no work, and may be told whenever memory is tidied up."""
        future, function = work
        if _name(function) != "close_and_stop":
            self._last_s = self._medium.run_at(work, self, self._last_s)
            return
        self._medium.closed(self)
        function()
        if future is not None and not future.get_loop().is_closed():
            future.set_result(None)


class _NoThread:
    """Stands where aiosqlite would start a thread."""

    daemon = False

    def __init__(self, *, target: Callable[..., object], args: tuple[object, ...]) -> None:
        """Nothing is started."""

    def start(self) -> None:
        """Nothing to start."""
