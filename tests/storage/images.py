"""Power cuts: what a medium may hold at every write and flush of recorded lives, opened by the production store.

A life is recorded with the state after each commit, audited by code of its own. Whatever image is rebuilt, the store
must open it, and what it holds must be one of those states, to the last byte of every row: the newest that was told to
the outside, or the one that was being written. The next life begins with one of the images of the one before, so power
cuts meet stores that power cuts left.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from unittest import mock

from gateway.errors import StoreError
from gateway.store import Store, mark, wal
from tests.storage import verdict
from tests.storage.inline import inline
from tests.storage.load import ACCOUNTS, Books, books, observed
from tests.storage.recorder import Files, Medium, Op, Recorder
from tests.storage.vfs import witnessed

LIVES = 3
STEPS = 22
IMAGES_PER_OP = 5
RESUMED_EVERY = 100
MEMORY = Path("/dev/shm")


@dataclass
class Life:
    """One recorded life: what it began with, all it wrote, every state it went through, and its books at the end."""

    files: Files
    ops: list[Op]
    states: dict[int, verdict.Content]
    told: int
    books: Books
    boot: str


@dataclass
class Found:
    """What became of the images."""

    images: int = 0
    resumed: int = 0
    refused: int = 0
    older: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Found) -> None:
        """Count another's with ours."""
        self.images += other.images
        self.resumed += other.resumed
        self.refused += other.refused
        self.older += other.older
        self.wrong += other.wrong


def scratch() -> Path | None:
    """Where images are written: in memory, if there is such a place."""
    return MEMORY if MEMORY.is_dir() else None


def record(seed: int, lives: int = LIVES, steps: int = STEPS, *, flushes: bool = True) -> Iterator[Life]:
    """Live, and give each life when it is over."""
    chance = random.Random(seed)
    files: Files = {}
    before: Books | None = None
    for number in range(lives):
        with tempfile.TemporaryDirectory(dir=scratch()) as folder:
            for name, content in files.items():
                (Path(folder) / name).write_bytes(content)
            found = books(Path(folder), seed * 100 + number)
            if before is not None:
                for name in ("clock", "sequence", "totals", "wh", "orders", "reversed_nano", "reversals"):
                    setattr(found, name, deepcopy(getattr(before, name)))
            life = _lived(files, found, steps, f"boot-{seed}-{number}", clean=chance.random() < 0.5)
        yield life
        before = life.books
        medium = Medium(life.files, flushes=flushes)
        for op in life.ops[: chance.randrange(len(life.ops) // 2, len(life.ops))]:
            medium.play(op)
        files = medium.some(chance, 512)


def _lived(files: Files, found: Books, steps: int, boot: str, *, clean: bool) -> Life:
    recorder = Recorder(known=set(files))
    life = Life(files, recorder.ops, {}, 0, found, boot)

    def told(content: verdict.Content) -> None:
        life.states[content.commits] = content
        recorder.committed(content.commits)

    async def main() -> None:
        opened = Store.open

        async def starting(path: Path) -> Store:
            store = await opened(path)
            content = await store._database.run(verdict.content)
            life.states[content.commits] = content
            return store

        with mock.patch.object(Store, "open", starting):
            await found.start(*ACCOUNTS)
        await found.deliver_all()
        for _ in range(steps):
            await found.step()
        await (found.stop() if clean else found.crash())

    with mock.patch.object(mark, "boot_id", return_value=boot), witnessed(recorder), observed(told):
        asyncio.run(main())
    life.told = min(life.states)
    life.books = Books(found.path, found.clock, found.sequence, found.totals, wh=found.wh, orders=found.orders)
    life.books.reversed_nano, life.books.reversals = found.reversed_nano, found.reversals
    return life


class Examiner:
    """Opens images in one folder, one after the other."""

    def __init__(self, folder: Path, found: Found, *, lying: bool = False) -> None:
        self._path = folder / "store.db"
        self._found = found
        self._lying = lying

    async def examine(self, life: Life, files: Files, told: int, where: str) -> None:
        """Open one image and hold what is in it against the states the life went through."""
        self._found.images += 1
        for old in self._path.parent.iterdir():
            old.unlink()
        for name, content in files.items():
            (self._path.parent / name).write_bytes(content)
        try:
            store = await Store.open(self._path)
        except StoreError as error:
            self._found.refused += 1
            if not self._lying:
                self._found.wrong.append(f"{where}: refused: {error}")
            return
        held = await store._database.run(verdict.content)
        await store.close()
        if held != life.states.get(held.commits):
            self._found.wrong.append(f"{where}: a state that never was ({held.commits} commits)")
        elif held.commits < told:
            self._found.older += 1
            if not self._lying:
                self._found.wrong.append(f"{where}: commit {told} was told, only {held.commits} are there")
        elif held.commits > told + 1:
            self._found.wrong.append(f"{where}: more commits than were begun")
        if self._found.images % RESUMED_EVERY == 0 and not self._lying:
            await self._resume(life, where)

    async def _resume(self, life: Life, where: str) -> None:
        """Go on with it: every command is delivered again and is carried out once in all."""
        found = books(self._path.parent, 0)
        for name in ("clock", "sequence", "totals", "wh", "orders", "reversed_nano", "reversals"):
            setattr(found, name, deepcopy(getattr(life.books, name)))
        try:
            await found.start(*ACCOUNTS)
            await found.deliver_all()
            found.settle()
            await found.stop()
        except AssertionError as error:
            self._found.wrong.append(f"{where}: resumed: {error}")
        self._found.resumed += 1


def examine(seed: int, images: int, *, flushes: bool = True, share: float = 1.0, lives: int = LIVES) -> Found:
    """Rebuild and open up to so many images of the lives of one seed; `share` of the moments, the others are skipped.

    Without `flushes` the medium ignores them: then an image may be refused or be older, but never be wrong.
    """
    found = Found()

    async def main(folder: Path) -> None:
        examiner = Examiner(folder, found, lying=not flushes)
        for number, life in enumerate(lived):
            medium = Medium(life.files, flushes=flushes)
            medium.told = life.told
            for place, op in enumerate(life.ops):
                medium.play(op)
                chance = random.Random(f"{seed}/{number}/{place}")
                if op.kind == "commit" or chance.random() >= share:
                    continue
                for variant, files in enumerate(medium.images(chance, IMAGES_PER_OP)):
                    if found.images >= images:
                        return
                    where = f"seed {seed}, life {number}, operation {place} ({op.kind} {op.name}), variant {variant}"
                    await examiner.examine(life, files, medium.told, where)

    lived = list(record(seed, lives))
    with tempfile.TemporaryDirectory(dir=scratch()) as name, ExitStack() as stack:
        stack.enter_context(mock.patch.object(mark, "boot_id", return_value="another boot"))
        stack.enter_context(inline())
        stack.enter_context(mock.patch.object(wal, "_summed", lru_cache(4096)(wal._summed)))  # the same pages for ever
        asyncio.run(main(Path(name)))
    return found


def many(seed: int, images: int, processes: int = 2) -> tuple[Found, float]:
    """As many seeds as it takes, on so many processes; gives the counts and the images per second."""
    began = time.monotonic()
    found = Found()
    with multiprocessing.Pool(processes) as pool:
        share = max(images // processes, 1)
        for each in pool.starmap(_until, [(seed + 1_000_000 * n, share) for n in range(processes)]):
            found.add(each)
    return found, found.images / (time.monotonic() - began)


def _until(seed: int, images: int) -> Found:
    found = Found()
    while found.images < images and not found.wrong:
        try:
            found.add(examine(seed, images - found.images))
        except StoreError as error:
            found.wrong.append(f"seed {seed}: a life cannot go on: {error}")
        seed += 1
    return found
