"""A journal row and the mark of a store from a damaged medium: StoreDamaged or no mark, or what the hash vouches for.

The hash of a row and the check sum of the mark are computed here, so that what lies behind them is reached.
"""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Iterator

import msgspec

from gateway.errors import StoreDamaged
from gateway.prepayment.ledger import GENESIS, chain
from gateway.store import journal, mark
from gateway.store.journal import Head, Row
from tests.fuzz.mutation import after, mutate_json
from tests.fuzz.rows import ROWS
from tests.fuzz.target import Target


def check(data: bytes) -> None:
    kind, body = data[:1], data[1:]
    if kind == b"m":
        mark._decoded(body + b"%08x\n" % zlib.crc32(body))
        mark._decoded(body)
        return
    body = body.decode("utf-8", "replace").encode()  # SQLite gives text
    found = Row(1, "0123456789abcdef", chain(GENESIS, body), body)
    try:
        place = journal._check(Head("", 0, GENESIS), found)
    except StoreDamaged as damage:
        str(damage)
        return
    other = json.loads(body)
    assert (place.seq, place.epoch, place.prev) == (other["seq"], other["epoch"], other["prev"])


def seeds() -> Iterator[bytes]:
    for row in ROWS:
        yield b"j" + row
    yield b"m" + msgspec.json.encode(mark.Said(7, "0" * 64, "boot"))


def mutate(data: bytes, chance: random.Random) -> bytes:
    return after(1, mutate_json)(data, chance)


TARGET = Target(check, seeds, mutate, max_bytes=8000)
