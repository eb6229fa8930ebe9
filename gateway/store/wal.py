"""Look at the write-ahead log before SQLite reads it: it may break off in an unfinished commit and nowhere else.

SQLite takes a log as far as its checksums go and drops the rest without a word. After a power cut that is right: only
the last transaction, the one that was being written, can be broken. A log that goes on with another transaction
behind the break has lost commits that were flushed and acknowledged: that is rot, and the file is left as it is.

Each frame's checksum goes on from the one before, so a frame that fits the stored checksum of its predecessor was
written after it. Format: https://www.sqlite.org/fileformat2.html#walformat
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gateway.errors import StoreDamaged
from gateway.store.life import ADVICE

_HEADER = struct.Struct(">8I")
_FRAME = struct.Struct(">6I")
_LITTLE, _BIG = 0x377F0682, 0x377F0683
_MASK = 0xFFFFFFFF

_Sum = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Frame:
    """One page in the log. `ours`: it carries the log's salts; `fits`: and goes on from the sum of the frame before."""

    ends: bool
    ours: bool
    fits: bool


def check(store: Path) -> bool:
    """Raise StoreDamaged when transactions that were complete would be dropped; changes nothing.

    True when the last transaction is broken: it was being written when the power went, or it has rotted since.
    """
    try:
        log = store.with_name(store.name + "-wal").open("rb")
    except FileNotFoundError:
        return False
    with log:
        broken, ended, dropped = False, False, False
        for frame in _frames(store, log):
            if broken and ended and frame.fits:
                raise StoreDamaged(
                    f"{store}: its write-ahead log breaks off before its end, so commits that were stored would be "
                    f"lost. {ADVICE}"
                )
            broken = broken or not frame.fits
            ended = frame.ends
            dropped = dropped or (broken and frame.ours)
    return dropped


def _frames(store: Path, log: BinaryIO) -> Iterator[_Frame]:
    header = log.read(_HEADER.size)
    if not header.strip(b"\0"):
        return  # created, and nothing was flushed into it
    magic, _, page_bytes, _, *salts = _HEADER.unpack(header.ljust(_HEADER.size, b"\0"))
    order = "<" if magic == _LITTLE else ">"
    before: _Sum = (salts[2], salts[3])
    if magic not in (_LITTLE, _BIG) or _summed((0, 0), header[:24], order) != before:
        raise StoreDamaged(f"{store}: the header of its write-ahead log is not what was written. {ADVICE}")
    while len(frame := log.read(_FRAME.size + page_bytes)) == _FRAME.size + page_bytes:
        _, pages_after, first_salt, second_salt, *own = _FRAME.unpack(frame[: _FRAME.size])
        sums = _summed(_summed(before, frame[:8], order), frame[_FRAME.size :], order)
        before = (own[0], own[1])
        ours = [first_salt, second_salt] == salts[:2]
        yield _Frame(pages_after > 0, ours, ours and sums == before)


def _summed(before: _Sum, data: bytes, order: str) -> _Sum:
    one, two = before
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for left, right in zip(words[::2], words[1::2], strict=True):
        one = (one + left + two) & _MASK
        two = (two + right + one) & _MASK
    return one, two
