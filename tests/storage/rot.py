"""Rot: bits flip in the files of a store at rest; whatever happens to it then, money and state never change unseen.

A store is taken as a killed process leaves it (log and mark beside it), and as an orderly end does. Any bit of any of
its files is flipped, one or a few at a time. Opened by the production store it must hold exactly what it held, or be
refused. Quarter-hours that were delivered are not looked at: no start checks them, and who asks for them later is told
of the rot (`gateway.store.legible`).
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from unittest import mock

from gateway.errors import StoreDamaged, StoreError
from gateway.store import Store, mark, wal
from tests.storage import verdict
from tests.storage.images import Life, record, scratch
from tests.storage.inline import inline
from tests.storage.recorder import Files, Medium

PER_STORE = 500


@dataclass
class Rotten:
    """What became of the flips."""

    flips: int = 0
    damaged: int = 0
    refused: int = 0
    harmless: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Rotten) -> None:
        """Count another's with ours."""
        self.flips += other.flips
        self.damaged += other.damaged
        self.refused += other.refused
        self.harmless += other.harmless
        self.wrong += other.wrong


def rot(seed: int, flips: int) -> Rotten:
    """Flip, open, compare."""
    found = Rotten()
    while found.flips < flips and not found.wrong:
        for life in record(seed):
            _rot(seed, life, min(found.flips + PER_STORE, flips), found)
        seed += 1
    return found


def _rot(seed: int, life: Life, until: int, found: Rotten) -> None:
    chance = random.Random(seed)
    medium = Medium(life.files)
    medium.told = life.told
    stop = chance.choice([place for place, op in enumerate(life.ops) if op.kind == "commit"])
    for op in life.ops[: len(life.ops) if chance.random() < 0.3 else stop + 1]:
        medium.play(op)
    files, whole = medium.everything(), life.states[medium.told]

    async def main(path: Path) -> None:
        while found.flips < until and not found.wrong:
            found.flips += 1
            rotten, where = _flipped(files, chance)
            for old in path.parent.iterdir():
                old.unlink()
            for name, content in rotten.items():
                (path.parent / name).write_bytes(content)
            await _open(path, whole, f"seed {seed}: {where}", found)

    with tempfile.TemporaryDirectory(dir=scratch()) as folder, ExitStack() as stack:
        stack.enter_context(mock.patch.object(mark, "boot_id", return_value=life.boot))
        stack.enter_context(mock.patch.object(wal, "_summed", lru_cache(4096)(wal._summed)))
        stack.enter_context(inline())
        asyncio.run(main(Path(folder) / "store.db"))


def _flipped(files: Files, chance: random.Random) -> tuple[Files, str]:
    rotten, where = dict(files), []
    names = [name for name, content in files.items() if content]
    for _ in range(chance.choice((1, 1, 1, 2, 8))):
        name = chance.choices(names, [len(files[name]) for name in names])[0]
        content = bytearray(rotten[name])
        place, bit = chance.randrange(len(content)), chance.randrange(8)
        content[place] ^= 1 << bit
        rotten[name] = bytes(content)
        where.append(f"{name} byte {place} bit {bit}")
    return rotten, ", ".join(where)


async def _open(path: Path, whole: verdict.Content, where: str, found: Rotten) -> None:
    try:
        store = await Store.open(path)
    except StoreDamaged:
        found.damaged += 1
        return
    except StoreError:
        found.refused += 1
        return
    held = await store._database.run(verdict.content)
    await store.close()
    if (held.commits, held.needed) == (whole.commits, whole.needed):
        found.harmless += 1
    else:
        found.wrong.append(f"{where}: {whole.commits} commits became {held.commits}")
