"""What a broker may deliver to the reference head-end: nothing ends it, what is wrong is told as trouble.

Parts of documents go on to files, as with `headend watch --save`: under plain names, and each holds only what parts
that say the same of themselves said, put together here a second time.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import msgspec

from gateway.documents.seal import CSV, JSON, JSON_LINES
from gateway.errors import LinkError
from gateway.headend.link import Broker, Inbound
from gateway.headend.payloads import DocumentPart, Live, Status, TimeAsk, VerdictMessage
from gateway.reference.book import Book, Content
from gateway.reference.headend import HeadEnd
from gateway.reference.parcels import Parcels
from gateway.reference.sign import Signer
from gateway.store.codec import wire_interval
from tests.fuzz.documents import FILE
from tests.fuzz.mutation import mutate_json
from tests.fuzz.names import GATEWAY
from tests.fuzz.rows import INTERVAL, ROWS
from tests.fuzz.target import Target
from tests.fuzz.virtual import LineLoop

_LOOP = LineLoop()
_SAVED = FILE.with_name("saved")
_SAVED.mkdir()
_DOCUMENT = 7
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


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
    told: list[str] = []
    headend.on_document = Parcels(_SAVED, told.append).take
    topics = (*headend.topics.outbound[:5], headend.topics.live("CH-1"), "", headend.topics.document("doc-1"))
    parts: list[DocumentPart] = []
    headend._waiting["jti-1"] = asyncio.get_running_loop().create_future()
    at, count = 0, 0
    while at < len(data) and count < 4:
        size = int.from_bytes(data[at + 1 : at + 3], "big")
        payload = data[at + 3 : at + 3 + size]
        topic = topics[data[at] % len(topics)]
        await headend._take(Inbound(topic, payload, False, lambda: None))
        if topics.index(topic) == _DOCUMENT and not headend.trouble:
            parts.append(msgspec.json.decode(payload, type=DocumentPart))
        headend.trouble = ""
        at, count = at + 3 + size, count + 1
    assert len(headend.rows) <= count
    assert len(headend.intervals) <= count
    for row in headend.rows:
        assert isinstance(row.body, dict)
    _saved(parts, told)


def _saved(parts: list[DocumentPart], told: list[str]) -> None:
    """Each part is answered or kept, and the files are what the parts allow; they go away again."""
    files = {path.name: path.read_bytes() for path in _SAVED.iterdir()}
    for name in files:
        (_SAVED / name).unlink()
        assert _PLAIN.fullmatch(name), "a name from the wire is no path"
    assert len(told) <= len(parts)
    assert bool(files) == any("`verify` says whose it is" in line for line in told)
    allowed = {file for whole in _possible(parts) for file in whole.items()}
    assert files.items() <= allowed, "a file holds what no parts said"


def _possible(parts: list[DocumentPart]) -> Iterator[dict[str, bytes]]:
    """The files that can come of these parts, whatever their order."""
    alike: dict[Any, dict[int, list[bytes]]] = defaultdict(lambda: defaultdict(list))
    for part in parts:
        try:
            data = base64.b64decode(part.data, validate=True)
        except ValueError:
            continue
        if hashlib.sha256(data).hexdigest() == part.sha256:
            alike[part.id, part.parts, part.name, part.content_type, part.seal][part.part].append(data)
    for (_, count, name, kind, seal), numbered in alike.items():
        if 1 <= count <= len(numbered) and all(number in numbered for number in range(1, count + 1)):
            for chosen in itertools.product(*(numbered[number] for number in range(1, count + 1))):
                yield _files(name, kind, seal.encode(), b"".join(chosen))


def _files(name: str, kind: str, seal: bytes, content: bytes) -> dict[str, bytes]:
    if kind == "application/json":
        return {name: b'{"document":%b,"seal":"%b"}' % (content, seal)}
    if kind == "application/jsonl":
        return {name: b'{"seal":"%b"}\n%b' % (seal, content)}
    return {name: content, name + ".jws": seal + b"\n"}


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
    yield from _documents()


def _documents() -> Iterator[bytes]:
    """One in a single part of each form, one in two parts that come the other way round, one that was not made."""
    for kind, content in ((JSON, b'{"a":1}'), (JSON_LINES, b'{"a":1}\n'), (CSV, b"a;b\r\n1;2\r\n")):
        yield _message(_DOCUMENT, _part(1, 1, kind, content))
    yield _message(_DOCUMENT, _part(2, 2, CSV, b"3;4\r\n")) + _message(_DOCUMENT, _part(1, 2, CSV, b"1;2\r\n"))
    yield _message(_DOCUMENT, msgspec.json.encode(DocumentPart("doc-1", 0, 0, reason="too_old", detail={"days": 9})))


def _part(number: int, parts: int, kind: str, content: bytes) -> bytes:
    data, sha256 = base64.b64encode(content).decode(), hashlib.sha256(content).hexdigest()
    return msgspec.json.encode(DocumentPart("doc-1", number, parts, "october", kind, "a.b.c", sha256, data))


def mutate(data: bytes, chance: random.Random) -> bytes:
    size = int.from_bytes(data[1:3], "big")
    first, rest = data[3 : 3 + size], data[3 + size :]
    if rest and chance.random() < 0.5:
        return data[: 3 + size] + mutate(rest, chance)
    topic = data[0] if data and chance.random() < 0.95 else chance.randrange(_DOCUMENT + 1)
    if topic == _DOCUMENT and chance.random() < 0.4:
        return _message(topic, _resealed(first, chance)) + chance.choice((rest, data))
    return _message(topic, mutate_json(first, chance)[:60_000]) + rest


def _resealed(first: bytes, chance: random.Random) -> bytes:
    """Another content or place with its own digest: blind changes would seldom get past it."""
    try:
        part = msgspec.json.decode(first, type=DocumentPart)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _part(1, 1, CSV, first[:200])
    content = chance.choice((first[:100], b"", part.data.encode("utf-8", "replace")))
    number, parts = chance.choice(((1, 1), (1, 2), (2, 2), (part.part, part.parts)))
    return _part(number, parts, chance.choice((JSON, JSON_LINES, CSV, part.content_type)), content)


TARGET = Target(check, seeds, mutate, max_bytes=8000)
