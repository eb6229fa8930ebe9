"""What a broker may deliver to the reference head-end: nothing ends it, what is wrong is told as trouble."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import msgspec

from gateway.errors import LinkError
from gateway.headend.link import Broker, Inbound
from gateway.headend.payloads import Live, Status, TimeAsk, VerdictMessage
from gateway.reference.book import Book, Content
from gateway.reference.headend import HeadEnd
from gateway.reference.sign import Signer
from gateway.store.codec import wire_interval
from tests.fuzz.documents import FILE
from tests.fuzz.mutation import mutate_json
from tests.fuzz.names import GATEWAY
from tests.fuzz.rows import INTERVAL, ROWS
from tests.fuzz.target import Target
from tests.fuzz.virtual import LineLoop

_LOOP = LineLoop()


class Stamp:
    """A private key whose signatures cost nothing; nobody checks them here."""

    def sign(self, data: bytes) -> bytes:
        return bytes(64)


class Away:
    """A link that is down: whatever is sent did not go."""

    async def send(self, topic: str, payload: bytes, *, retain: bool = False) -> Any:
        raise LinkError("away")


class Memory(Book):
    """A book that is not written down: files are not the subject here."""

    def __init__(self) -> None:
        super().__init__(FILE.with_name("book.json"))
        self.content = Content()
        self.branches: list[str] = []

    def read(self) -> Content:
        return self.content

    def keep_other(self, epoch: str, row: bytes) -> None:
        assert re.fullmatch(r"[A-Za-z0-9_-]*", epoch), "the name of a file comes from the wire"
        self.branches.append(epoch)

    @contextmanager
    def change(self) -> Iterator[Content]:
        yield self.content


def _fresh() -> HeadEnd:
    """A head-end that has seen two rows of the journal and waits for one verdict."""
    signer = Signer(cast("Any", Stamp()), "k1", "utility")
    headend = HeadEnd(Broker("127.0.0.1", 1, "fuzz"), GATEWAY, signer, Memory())
    headend.link = cast("Any", Away())
    return headend


def check(data: bytes) -> None:
    """One to four messages, each a topic number, a length in two bytes and a payload."""
    _LOOP.play(_deliver(data))


async def _deliver(data: bytes) -> None:
    headend = _fresh()
    topics = (*headend.topics.outbound[:5], headend.topics.live("CH-1"), "")
    headend._waiting["jti-1"] = asyncio.get_running_loop().create_future()
    at, count = 0, 0
    while at < len(data) and count < 4:
        size = int.from_bytes(data[at + 1 : at + 3], "big")
        payload = data[at + 3 : at + 3 + size]
        topic = topics[data[at] % len(topics)]
        await headend._take(Inbound(topic, payload, False, lambda: None))
        at, count = at + 3 + size, count + 1
    assert len(headend.rows) <= count
    assert len(headend.intervals) <= count
    for row in headend.rows:
        assert isinstance(row.body, dict)


def _message(topic: int, payload: bytes) -> bytes:
    return bytes([topic]) + len(payload).to_bytes(2, "big") + payload


def seeds() -> Iterator[bytes]:
    status = Status(
        GATEWAY, online=True, epoch="e", seq=9, head="0" * 64, challenge="c" * 24, version="1", at="x", trust="x"
    )
    yield _message(0, msgspec.json.encode(status))
    for row in ROWS:
        yield _message(1, row)
    yield b"".join(_message(1, row) for row in (ROWS[0], ROWS[2], ROWS[1]))
    yield _message(2, wire_interval("CH-1", 1, INTERVAL))
    yield _message(
        3, msgspec.json.encode(VerdictMessage("jti-1", "applied", "x", "top_up", "utility", 1, detail={"a": 1}))
    )
    yield _message(4, msgspec.json.encode(TimeAsk("nonce-nonce")))
    yield _message(5, msgspec.json.encode(Live("CH-1", "x", "1.00", "CHF", "NORMAL", values={"v": 230.1})))


def mutate(data: bytes, chance: random.Random) -> bytes:
    size = int.from_bytes(data[1:3], "big")
    first, rest = data[3 : 3 + size], data[3 + size :]
    if rest and chance.random() < 0.5:
        return data[: 3 + size] + mutate(rest, chance)
    topic = data[0] if data and chance.random() < 0.95 else chance.randrange(7)
    return _message(topic, mutate_json(first, chance)[:60_000]) + rest


TARGET = Target(check, seeds, mutate, max_bytes=8000)
