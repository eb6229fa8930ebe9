"""A snapshot from a damaged medium: StoreDamaged, or an account that is written back as it was read (I11)."""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec

from gateway.errors import StoreDamaged
from gateway.store import codec
from tests.fuzz.mutation import mutate_bytes, mutate_json
from tests.fuzz.rows import ACCOUNT
from tests.fuzz.target import Target
from tests.prepayment.worlds import opened


def check(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    try:
        account = codec.restore("CH-1", codec.SNAPSHOT_FORMAT, text)
    except StoreDamaged as damage:
        str(damage)
        return
    again = codec.snapshot(account)
    assert codec.restore("CH-1", codec.SNAPSHOT_FORMAT, again) == account
    kept, told = msgspec.json.decode(again), msgspec.json.decode(text)
    assert not codec._lost(told, kept)


def seeds() -> Iterator[bytes]:
    yield codec.snapshot(ACCOUNT).encode()
    yield codec.snapshot(opened()).encode()


def mutate(data: bytes, chance: random.Random) -> bytes:
    return (mutate_json if chance.random() < 0.8 else mutate_bytes)(data, chance)


TARGET = Target(check, seeds, mutate, max_bytes=8000)
