"""A journal as it was received or exported: the chain takes only what follows, by a second computation here (I7)."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator

from gateway.reference.chain import Chain, Taken, verify_lines
from tests.fuzz.mutation import mutate_bytes, mutate_json
from tests.fuzz.rows import ROWS
from tests.fuzz.target import Target


def check(data: bytes) -> None:
    lines = data.split(b"\n")
    chain = Chain()
    head, seq = "0" * 64, 0
    for line in lines:
        try:
            taken, rows = chain.take(line)
        except ValueError:
            continue
        assert rows if taken is Taken.NEXT else taken is Taken.BROKEN or not rows
        for row in rows:
            seq += 1
            assert (row.seq, row.body["prev"]) == (seq, head), "a row was taken that does not follow"
            head = row.hash
    assert (chain.seq, chain.head) == (seq, head)
    reached, wrong = verify_lines(lines)
    assert isinstance(wrong, str)
    assert reached.seq >= 0
    if not wrong and any(line.strip() for line in lines):
        _follows([line.strip() for line in lines if line.strip()])


def _follows(lines: list[bytes]) -> None:
    """What was found in order is in order by the published rule."""
    previous = json.loads(lines[0])["prev"]
    for line in lines:
        place = json.loads(line)
        assert place["prev"] == previous
        previous = hashlib.sha256(bytes.fromhex(previous) + line).hexdigest()


def seeds() -> Iterator[bytes]:
    yield b"\n".join(ROWS[:4])
    yield b"\n".join((ROWS[0], ROWS[2], ROWS[1]))
    yield b"\n".join(ROWS[2:5])
    yield from ROWS


def mutate(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    at, kind = chance.randrange(len(lines)), chance.randrange(6)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(chance.randrange(len(lines)), chance.choice(ROWS))
    elif kind == 2:
        lines[at] = mutate_bytes(lines[at], chance)
    else:
        lines[at] = mutate_json(lines[at], chance)
    return b"\n".join(lines[:20])


TARGET = Target(check, seeds, mutate, max_bytes=8000)
