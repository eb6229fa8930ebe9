"""What a medium may hold after a power cut: everything that was written is recorded, and rebuilt in every way allowed.

What was flushed is there. What was not may be there, wholly, partly, sector by sector, or not at all, in any order. A
new or deleted file shows once its folder was flushed, or earlier. A medium that ignores flushes keeps what it likes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

Files = dict[str, bytes]
SECTORS = (512, 4096)


@dataclass(frozen=True)
class Op:
    """One thing that happened: write, truncate, sync, create, delete, or commit (told to the outside: `at` counts)."""

    kind: str
    name: str = ""
    at: int = 0
    data: bytes = b""
    sync: bool = False


@dataclass
class Recorder:
    """A witness that lets everything happen and remembers it."""

    ops: list[Op] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    journals: set[str] = field(default_factory=set)

    def opened(self, path: str, *, created: bool, journal: bool) -> int:
        """A file may be new."""
        name = Path(path).name
        if created or name not in self.known:
            self.ops.append(Op("create", name))
            self.known.add(name)
        if created and journal:
            self.journals.add(name)
        return 0

    def write(self, path: str, offset: int, data: bytes) -> int:
        """Bytes."""
        self.opened(path, created=False, journal=False)
        self.ops.append(Op("write", Path(path).name, offset, data))
        return 0

    def truncate(self, path: str, size: int) -> int:
        """A size."""
        self.ops.append(Op("truncate", Path(path).name, size))
        return 0

    def sync(self, path: str) -> int:
        """A flush; the first one of a new log or journal flushes its folder, too."""
        name = Path(path).name
        self.ops.append(Op("sync", name, sync=name in self.journals))
        self.journals.discard(name)
        return 0

    def delete(self, path: str, *, sync: bool) -> int:
        """A name goes."""
        name = Path(path).name
        self.ops.append(Op("delete", name, sync=sync))
        self.known.discard(name)
        self.journals.discard(name)
        return 0

    def committed(self, commits: int) -> None:
        """The outside was told of this commit."""
        self.ops.append(Op("commit", at=commits))


@dataclass
class _File:
    """One file, whatever its name: what is certainly on the medium, and what may be."""

    flushed: bytes = b""
    pending: list[Op] = field(default_factory=list)


class Medium:
    """Plays a recording and gives, at any moment, what may be left if the power goes."""

    def __init__(self, files: Files, *, flushes: bool = True) -> None:
        self.told = 0
        self._flushes = flushes
        self._flushed_names = {name: _File(content) for name, content in files.items()}
        self._names = dict(self._flushed_names)
        self._name_ops: list[tuple[str, _File | None]] = []

    def play(self, op: Op) -> None:
        """The next thing happens."""
        match op.kind:
            case "commit":
                self.told = op.at
            case "create":
                self._rename(op.name, self._names.get(op.name) or _File())
            case "delete":
                self._rename(op.name, None)
                self._flush_names(op.sync)
            case "sync":
                if self._flushes:
                    file = self._names[op.name]
                    file.flushed, file.pending = _applied(file.flushed, file.pending), []
                self._flush_names(op.sync)
            case _:
                self._names[op.name].pending.append(op)

    def nothing(self) -> Files:
        """Only what was flushed."""
        return {name: file.flushed for name, file in self._flushed_names.items()}

    def everything(self) -> Files:
        """All of it."""
        return {name: _applied(file.flushed, file.pending) for name, file in self._names.items()}

    def some(self, chance: random.Random, sector: int | None) -> Files:
        """Any part of what was not flushed; with `sector`, writes are torn at its multiples."""
        names = dict(self._flushed_names)
        for name, file in self._name_ops[: chance.randint(0, len(self._name_ops))]:
            if file is None:
                names.pop(name, None)
            else:
                names[name] = file
        share = chance.choice((0.1, 0.5, 0.9))
        return {name: _partly(file, chance, share, sector) for name, file in names.items()}

    def images(self, chance: random.Random, count: int) -> Iterator[Files]:
        """The two extremes, then as many others as wanted."""
        yield self.nothing()
        yield self.everything()
        for number in range(count - 2):
            yield self.some(chance, (None, *SECTORS)[number % 3])

    def _rename(self, name: str, file: _File | None) -> None:
        self._name_ops.append((name, file))
        if file is None:
            del self._names[name]
        else:
            self._names[name] = file

    def _flush_names(self, flush: bool) -> None:
        if flush and self._flushes:
            self._flushed_names = dict(self._names)
            self._name_ops = []


def _applied(content: bytes, ops: list[Op]) -> bytes:
    if not ops:
        return content
    image = bytearray(content)
    for op in ops:
        _apply(image, op.kind, op.at, op.data)
    return bytes(image)


def _apply(image: bytearray, kind: str, at: int, data: bytes) -> None:
    if kind == "truncate":
        del image[at:]
    if len(image) < at:
        image.extend(bytes(at - len(image)))
    if kind == "write":
        image[at : at + len(data)] = data


def _partly(file: _File, chance: random.Random, share: float, sector: int | None) -> bytes:
    if not file.pending:
        return file.flushed
    image = bytearray(file.flushed)
    for op in file.pending:
        if op.kind == "truncate" or sector is None:
            if chance.random() < share:
                _apply(image, op.kind, op.at, op.data)
            continue
        start = op.at
        while start < op.at + len(op.data):
            end = min((start // sector + 1) * sector, op.at + len(op.data))
            if chance.random() < share:
                _apply(image, "write", start, op.data[start - op.at : end - op.at])
            start = end
    return bytes(image)
