"""The seal of a document: a compact JWS (EdDSA) over canonical JSON that names the content by its SHA-256.

One seal for every kind. Where the content can carry it, it travels inside: a JSON document is
`{"document": ..., "seal": "..."}`, evidence has it in its first line. A CSV file or a page has it beside itself, in a
file of the same name with `.jws` after it. No byte of either form is outside of what is checked.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta, Struct

from gateway.documents.key import DeviceKey, kid_of, read_public
from gateway.errors import NotGenuine
from gateway.prepayment.civil import instant
from gateway.prepayment.events import Moment
from gateway.prepayment.export import DocumentKind
from gateway.store.codec import canonical

FORMAT: Literal["prepaid-document/1"] = "prepaid-document/1"
JSON, JSON_LINES, CSV, HTML = "application/json", "application/jsonl", "text/csv", "text/html"
SEAL_BYTES_MAX = 8192
BESIDE = ".jws"
"""What a detached seal's file has after the name of the document."""

_SHAPE = re.compile(rb"[A-Za-z0-9_-]{1,200}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}")
_FIRST_LINE = re.compile(rb'\{"seal":"([A-Za-z0-9_.-]+)"\}')
_WRONG_JSON = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
Fact = str | int | bool


class Header(Struct, frozen=True, forbid_unknown_fields=True):
    """The only header there is."""

    alg: Literal["EdDSA"]
    kid: str
    typ: Literal["prepaid-document+jws"] = "prepaid-document+jws"


class Seal(Struct, frozen=True, forbid_unknown_fields=True):
    """What the gateway says of a document by its signature. `facts` depend on the kind (account, period, rows)."""

    typ: Literal["prepaid-document/1"]
    kind: str
    gateway_id: str
    public: str
    made_at: str
    trust: str
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,199}$(?!\n)")]
    content_type: str
    bytes: int
    sha256: str
    facts: Mapping[str, Fact]


@dataclass(frozen=True, slots=True)
class Document:
    """Content with its seal, as `sealed` made it."""

    name: str
    content_type: str
    content: bytes
    seal: bytes

    @property
    def files(self) -> dict[str, bytes]:
        """The files it is kept in, by name."""
        match self.content_type:
            case "application/json":
                return {self.name: _within(self.content, self.seal)}
            case "application/jsonl":
                return {self.name: b'{"seal":"' + self.seal + b'"}\n' + self.content}
            case _:
                return {self.name: self.content, self.name + BESIDE: self.seal + b"\n"}


class ReportKind(StrEnum):
    """Documents that nobody asks for: they are made when something is done (`report.py`)."""

    FIELD_REPORT = "field_report"


@dataclass(frozen=True, slots=True)
class Draft:
    """A document before it is sealed."""

    kind: DocumentKind | ReportKind
    name: str
    content_type: str
    content: bytes
    facts: Mapping[str, Fact] = field(default_factory=dict)


def sealed(draft: Draft, key: DeviceKey, gateway_id: str, made: Moment) -> Document:
    """Seal a draft; the same draft at the same moment gives the same bytes."""
    claims = Seal(
        FORMAT,
        draft.kind.value,
        gateway_id,
        key.public,
        instant(made.utc_ms),
        made.trust.value,
        draft.name,
        draft.content_type,
        len(draft.content),
        hashlib.sha256(draft.content).hexdigest(),
        draft.facts,
    )
    header = msgspec.json.encode(Header("EdDSA", key.kid), order="sorted")
    signed = _encoded(header) + b"." + _encoded(msgspec.json.encode(claims, order="sorted"))
    return Document(draft.name, draft.content_type, draft.content, signed + b"." + _encoded(key.sign(signed)))


def opened(seal: bytes, content: bytes, key: Ed25519PublicKey | None = None) -> Seal:
    """What a seal says of this content. Raises NotGenuine.

    Without `key` the one in the seal is taken: then the content is whole, but by whom it was made is not proven.
    """
    claims = signed_claims(seal, key)
    if (claims.bytes, claims.sha256) != (len(content), hashlib.sha256(content).hexdigest()):
        raise NotGenuine("the content is not what was sealed: it was changed after it was made")
    return claims


def signed_claims(seal: bytes, key: Ed25519PublicKey | None = None) -> Seal:
    """What a seal says, its signature checked and its content not. Raises NotGenuine."""
    if len(seal) > SEAL_BYTES_MAX or _SHAPE.fullmatch(seal) is None:
        raise NotGenuine("the seal is not a compact JWS")
    signed, _, signature_text = seal.rpartition(b".")
    head, _, payload = signed.partition(b".")
    try:
        header = msgspec.json.decode(_decoded(head), type=Header)
        claims = msgspec.json.decode(_decoded(payload), type=Seal)
        named = read_public(claims.public)
    except (*_WRONG_JSON, ValueError) as error:
        raise NotGenuine(f"the seal cannot be read ({str(error)[:120]})") from error
    signature = _decoded(signature_text)
    try:
        (named if key is None else key).verify(signature, signed)
    except InvalidSignature as error:
        raise NotGenuine("the signature is not good: changed, or made with another key") from error
    if _encoded(signature) != signature_text or header.kid != kid_of(named):
        raise NotGenuine("the seal is written in another way than a gateway writes it")
    return claims


def parted(data: bytes) -> tuple[bytes, bytes] | None:
    """Seal and content of a file that carries its seal; None for one that does not. Raises NotGenuine."""
    first, newline, rest = data.partition(b"\n")
    found = _FIRST_LINE.fullmatch(first)
    if found is not None and newline:
        return found.group(1), rest
    if not data.startswith(b'{"document":'):
        return None
    try:
        whole = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        seal = msgspec.json.decode(whole["seal"], type=str).encode("ascii")
        content = bytes(whole["document"])
    except (*_WRONG_JSON, KeyError, UnicodeEncodeError) as error:
        raise NotGenuine(f"is no signed document ({str(error)[:120]})") from error
    if _within(content, seal) != data:
        raise NotGenuine("is written in another way than a gateway writes it")
    return seal, content


def json_content(value: dict[str, object]) -> bytes:
    """The canonical bytes of a JSON document."""
    return canonical(value)


def _within(content: bytes, seal: bytes) -> bytes:
    return b'{"document":' + content + b',"seal":"' + seal + b'"}'


def _encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def _decoded(part: bytes) -> bytes:
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
