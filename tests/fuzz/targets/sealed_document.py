"""A file that says a gateway signed it: NotGenuine, or what PyJWT finds signed by the same key, with a whole chain.

The first byte says whether the rest is taken as it is (`r`: two bytes for the length of the seal beside it, that seal,
the file), or as claims and content (`s`) that are sealed here, so that what lies behind the signature is reached too.
"""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Iterator
from typing import Any

import jwt
import msgspec
from msgspec import Struct

from gateway.documents.evidence import draft
from gateway.documents.seal import CSV, JSON, JSON_LINES, Document, Draft, sealed
from gateway.documents.verify import Verified, verified
from gateway.errors import NotGenuine
from gateway.prepayment.events import Moment, TimeTrust
from gateway.prepayment.export import DocumentKind
from gateway.prepayment.ledger import EpochOpened, Happening, Record
from tests.documents.rolls import KEY, at, period, quarter, roll
from tests.fuzz.mutation import mutate_bytes, mutate_json
from tests.fuzz.target import Target

_PUBLIC = KEY.private.public_key()
_OCTOBER = period("2026-10-01", "2026-11-01", "UTC")
_NOON_MS = _OCTOBER.from_utc_ms + 12 * 3_600_000
_MADE = Moment(_NOON_MS, TimeTrust.AUTHENTICATED, 1)
_HEADER = b'{"alg":"EdDSA","kid":"%b","typ":"prepaid-document+jws"}' % KEY.kid.encode()


class _First(Struct):
    before: str


class _Row(Struct):
    hash: str
    body: str | None = None


class _Body(Struct):
    prev: str


def check(data: bytes) -> None:
    file, beside = _resealed(data[1:]) if data[:1] == b"s" else _raw(data[1:])
    for key in (_PUBLIC, None):
        try:
            found = verified(file, beside, key)
        except NotGenuine as error:
            str(error)
            continue
        if key is not None:
            _is_signed(found, file, beside)


def _raw(data: bytes) -> tuple[bytes, bytes | None]:
    size = int.from_bytes(data[:2], "big")
    return data[2 + size :], data[2 : 2 + size] if size else None


def _resealed(data: bytes) -> tuple[bytes, bytes | None]:
    """Claims in the first line and the content behind it, with the size and the digest of that content."""
    head, _, content = data.partition(b"\n")
    try:
        claims = msgspec.json.decode(head, type=dict[str, Any])
        claims |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        payload = msgspec.json.encode(claims)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        payload, claims = head, {}
    text = _encoded(_HEADER) + b"." + _encoded(payload)
    seal = text + b"." + _encoded(KEY.sign(text))
    files = list(Document("x", str(claims.get("content_type")), content, seal).files.values())
    return files[0], files[1] if len(files) > 1 else None


def _is_signed(found: Verified, file: bytes, beside: bytes | None) -> None:
    """Another reader of such signatures, and the published rule of the chain, computed here."""
    assert found.content in file
    whole = file if found.content != file else beside or b""
    seal = whole.rstrip(b"\n") if found.content == file else _inside(whole, found.content)
    claims = jwt.decode(seal, _PUBLIC, algorithms=["EdDSA"])
    assert claims["sha256"] == hashlib.sha256(found.content).hexdigest()
    assert (claims["kind"], claims["name"]) == (found.seal.kind, found.seal.name)
    if found.seal.kind == DocumentKind.EVIDENCE:
        _follows(found.content.split(b"\n"), found.rows)


def _inside(file: bytes, content: bytes) -> bytes:
    around = file.replace(content, b"", 1) if file.startswith(b'{"document"') else file[: len(file) - len(content)]
    return around.rpartition(b'"seal":"')[2].partition(b'"')[0]


def _follows(lines: list[bytes], rows: int) -> None:
    head, count = msgspec.json.decode(lines[0], type=_First).before, 0
    for line in lines[1:]:
        if line.startswith((b'{"body":', b'{"hash":')):
            row = msgspec.json.decode(line, type=_Row)
            if row.body is not None:
                body = row.body.encode()
                assert row.hash == hashlib.sha256(bytes.fromhex(head) + body).hexdigest()
                assert msgspec.json.decode(body, type=_Body).prev == head
            head, count = row.hash, count + 1
    assert count == rows


def _encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def _evidence() -> Document:
    """Two rows of one account, one of a neighbour, and a quarter-hour."""
    records: list[Record] = [
        EpochOpened(at(_NOON_MS), "e1", "0" * 64, "0.1"),
        Happening(at(_NOON_MS + 1), "", "clock.step", (("by_ms", 7),)),
        Happening(at(_NOON_MS + 2), "CH-2", "switch.opened"),
        Happening(at(_NOON_MS + 3), "CH-1", "switch.closed"),
    ]
    made = draft(roll(records), [quarter(_NOON_MS)], gateway_id="gw-1", account_id="CH-1", period=_OCTOBER)
    return sealed(made, KEY, "gw-1", _MADE)


def seeds() -> Iterator[bytes]:
    tables = ((JSON, b'{"total":"1.00"}'), (JSON_LINES, b'{"a":1}\n'), (CSV, b"a;b\r\n1;2\r\n"))
    drafts = (Draft(DocumentKind.STATEMENT, "a", kind, text, {"n": 1}) for kind, text in tables)
    for document in (_evidence(), *(sealed(made, KEY, "gw-1", _MADE) for made in drafts)):
        file, *beside = document.files.values()
        seal = beside[0] if beside else b""
        yield b"r" + len(seal).to_bytes(2, "big") + seal + file
        payload = document.seal.split(b".")[1]
        yield b"s" + base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)) + b"\n" + document.content


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Claims as JSON; of the content a line as JSON or any byte, of a file as it is any byte."""
    if data[:1] != b"s":
        return b"r" + mutate_bytes(data[1:], chance)
    head, _, content = data[1:].partition(b"\n")
    lines = content.split(b"\n")
    at_line, kind = chance.randrange(len(lines)), chance.randrange(5)
    if kind == 0:
        head = mutate_json(head, chance)
    elif kind == 1:
        del lines[at_line]
    elif kind == 2:
        lines.insert(chance.randrange(len(lines)), lines[at_line])
    else:
        lines[at_line] = (mutate_json if kind == 3 else mutate_bytes)(lines[at_line], chance)
    return b"s" + head + b"\n" + b"\n".join(lines)


TARGET = Target(check, seeds, mutate, max_bytes=6000)
