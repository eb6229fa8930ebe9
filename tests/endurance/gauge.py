"""How much memory, how many files, threads and tasks: exact enough to see a leak of one byte per poll.

With PYTHONMALLOC=malloc every object, and every buffer of the C libraries (SQLite, msgspec, TLS), comes from the C
library's heap, which knows how many bytes are in use (`mallinfo2`): no sampling, no pages, no free lists of Python's
own. `exact` starts this program again in that way. Garbage is collected before each look, so what is counted is held.

SQLite fills its page cache as the file grows, up to 2 MB of pages; it counts its own memory and has a bound of its own.
"""

from __future__ import annotations

import _sqlite3
import asyncio
import ctypes
import gc
import os
import sys
import threading
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_ENVIRONMENT = {"PYTHONMALLOC": "malloc", "MALLOC_ARENA_MAX": "1", "PYTHONHASHSEED": "0"}
_COLUMNS = ("done", "held_bytes", "sqlite_bytes", "files", "threads", "tasks")
_FIELDS = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")


class _Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in _FIELDS]


@dataclass(frozen=True, slots=True)
class Look:
    """The process at one moment; `done` is the work done so far (polls, connections)."""

    done: int
    held_bytes: int
    sqlite_bytes: int
    files: int
    threads: int
    tasks: int


def exact(arguments: Sequence[str]) -> None:
    """Go on as the same command with the C library's own heap; returns when this process already is that one."""
    if any(os.environ.get(name) != value for name, value in _ENVIRONMENT.items()):
        command = [sys.executable, "-m", "tests.endurance", *arguments]
        os.execve(sys.executable, command, {**os.environ, **_ENVIRONMENT})


class Looks:
    """A row of looks whose memory is taken at the beginning: what measures must not grow either."""

    def __init__(self, most: int) -> None:
        self._numbers = array("q", bytes(8 * len(_COLUMNS) * (most + 2)))
        self._most = most
        self._count = 0

    def due(self, done: int, size: int) -> bool:
        """Whether it is time for the next, if all are to be spread evenly over `size`."""
        return self._count <= self._most and done * self._most >= size * self._count

    def look(self, done: int) -> None:
        """Collect the garbage and look; in a coroutine."""
        gc.collect()
        sqlite_bytes = int(_sqlite_bytes())
        files = sum(1 for _ in Path("/proc/self/fd").iterdir())
        held_bytes = _heap_bytes() - sqlite_bytes
        threads, tasks = threading.active_count(), len(asyncio.all_tasks())
        place = self._count * len(_COLUMNS)
        self._numbers[place : place + len(_COLUMNS)] = array(
            "q", (done, held_bytes, sqlite_bytes, files, threads, tasks)
        )
        self._count += 1

    def taken(self) -> list[Look]:
        """All so far."""
        width = len(_COLUMNS)
        return [Look(*self._numbers[place * width : (place + 1) * width]) for place in range(self._count)]


def slope(looks: Sequence[Look]) -> float:
    """Bytes per unit of work over the second half: the line of least squares through it."""
    half = [one for one in looks if one.done >= (looks[0].done + looks[-1].done) / 2]
    assert len(half) >= 5, "too few looks to tell"
    mean_done = sum(one.done for one in half) / len(half)
    mean_bytes = sum(one.held_bytes for one in half) / len(half)
    spread = sum((one.done - mean_done) ** 2 for one in half)
    return sum((one.done - mean_done) * (one.held_bytes - mean_bytes) for one in half) / spread


def risen(looks: Sequence[Look], what: str) -> int:
    """By how much the smallest count of the last quarter lies above the largest of the first half; 0 is flat."""
    values = [int(getattr(one, what)) for one in looks]
    return max(0, min(values[len(values) * 3 // 4 :]) - max(values[: len(values) // 2]))


_mallinfo2 = ctypes.CDLL(None).mallinfo2
_mallinfo2.restype = _Mallinfo2
_sqlite_bytes = ctypes.CDLL(_sqlite3.__file__).sqlite3_memory_used
_sqlite_bytes.restype = ctypes.c_int64


def _heap_bytes() -> int:
    info = _mallinfo2()
    return int(info.uordblks) + int(info.hblkhd)
