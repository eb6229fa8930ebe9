"""Documents as they arrive: parts put together, checked, and written as the files that `prepaid-gateway verify` reads.

Each part names its own SHA-256; the seal is for `verify`, with the key that was pinned at enrolment. What a part says
of itself is the wire's word: a name is never a path, and neither a part too many nor one too few makes a file.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from binascii import Error as NotBase64
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gateway.errors import ConfigError
from gateway.headend.payloads import DocumentPart

PARTS_MAX = 4096
OPEN_MAX = 8
"""Documents that are being put together at once; the oldest gives way."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_SEAL = re.compile(r"[A-Za-z0-9_.-]{1,8192}")


@dataclass(slots=True)
class _Open:
    """What every part of a document says alike, and the parts that came."""

    alike: tuple[int, str, str, str]
    parts: dict[int, bytes] = field(default_factory=dict)


class Parcels:
    """Give `take` every part; files go to `folder`, and `tell` hears of each and of what is wrong."""

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        if not folder.is_dir():
            raise ConfigError("is no folder", file=str(folder), key="--save")
        self._folder = folder
        self._out = tell
        self._open: dict[str, _Open] = {}

    def take(self, part: DocumentPart) -> None:
        """One part; the last one that was missing writes the document."""
        if part.parts == 0:
            self._tell(f"document {part.id}: could not be made: {part.reason} {dict(part.detail) or ''}".rstrip())
            return
        data = _checked(part)
        if data is None:
            self._tell(f"document {part.id}, part {part.part} of {part.parts}: damaged on the way; ask for it again")
            return
        alike = (part.parts, part.name, part.content_type, part.seal)
        known = self._open.get(part.id)
        if known is None or known.alike != alike:  # asked for again: it may be another one
            known = self._open[part.id] = _Open(alike)
        known.parts[part.part] = data
        while len(self._open) > OPEN_MAX:
            self._open.pop(next(iter(self._open)))
        if len(known.parts) == part.parts:
            del self._open[part.id]
            self._save(part, b"".join(known.parts[number] for number in range(1, part.parts + 1)))

    def _tell(self, text: str) -> None:
        """As a terminal shows it and does not obey it: the wire's words may hold control characters."""
        self._out("".join(character if character.isprintable() else "?" for character in text))

    def _save(self, part: DocumentPart, content: bytes) -> None:
        for name, written in _files(part, content).items():
            path = self._folder / name
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(written)
            except OSError as error:
                self._tell(f"document {part.id}: {path} cannot be written ({error.strerror}); ask for it again")
                return
        self._tell(f"document {part.id}: {self._folder / part.name}, {len(content)} bytes; `verify` says whose it is")


def _checked(part: DocumentPart) -> bytes | None:
    """The bytes of a part; None when anything about it cannot be."""
    if not 1 <= part.part <= part.parts <= PARTS_MAX:
        return None
    if _NAME.fullmatch(part.name) is None or _SEAL.fullmatch(part.seal) is None:
        return None
    try:
        data = base64.b64decode(part.data, validate=True)
    except (NotBase64, ValueError):
        return None
    return data if hashlib.sha256(data).hexdigest() == part.sha256 else None


def _files(part: DocumentPart, content: bytes) -> dict[str, bytes]:
    """The forms of docs/documents.md, "Checking a document"."""
    seal = part.seal.encode("ascii")
    match part.content_type:
        case "application/json":
            return {part.name: b'{"document":' + content + b',"seal":"' + seal + b'"}'}
        case "application/jsonl":
            return {part.name: b'{"seal":"' + seal + b'"}\n' + content}
        case _:
            return {part.name: content, f"{part.name}.jws": seal + b"\n"}
