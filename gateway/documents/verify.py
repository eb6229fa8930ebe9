"""Whether a file is what a gateway signed, offline: statements, load curves, registers, evidence, one function."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.documents.evidence import proven_rows
from gateway.documents.seal import BESIDE, CSV, HTML, JSON, JSON_LINES, Seal, opened, parted
from gateway.errors import NotGenuine
from gateway.prepayment.export import DocumentKind

_INSIDE = {JSON: True, JSON_LINES: True, CSV: False, HTML: False}


@dataclass(frozen=True, slots=True)
class Verified:
    """A document that is whole. `rows` counts those of the journal whose chain was checked (evidence)."""

    seal: Seal
    content: bytes
    rows: int = 0


def verified(data: bytes, beside: bytes | None = None, key: Ed25519PublicKey | None = None) -> Verified:
    """Check a file's bytes, with those of the `.jws` beside it if it has one. Raises NotGenuine."""
    found = parted(data)
    if found is None:
        if beside is None:
            raise NotGenuine(f"carries no seal, and there is no {BESIDE} file beside it")
        if not beside.endswith(b"\n"):
            raise NotGenuine("the seal beside it is written in another way than a gateway writes it")
        found = beside.removesuffix(b"\n"), data
    seal, content = found
    claims = opened(seal, content, key)
    if _INSIDE.get(claims.content_type) is not (content is not data):
        raise NotGenuine(f"a document of type {claims.content_type} is not kept like this")
    rows = proven_rows(content) if claims.kind == DocumentKind.EVIDENCE else 0
    return Verified(claims, content, rows)


def verified_file(path: Path, key: Ed25519PublicKey | None = None) -> Verified:
    """Check a file of this disk. Raises NotGenuine, OSError."""
    beside = path.with_name(path.name + BESIDE)
    return verified(path.read_bytes(), beside.read_bytes() if beside.exists() else None, key)
