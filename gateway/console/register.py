"""`access.json`: who has a password, and how often it was guessed wrong. One file of mode 0600 in the data folder.

Written whole beside itself, flushed, renamed, and the folder flushed: after a power cut there is the old one or the new
one. The digest tells rot, not malice: who can write to the medium can do anything to this gateway.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct, field

from gateway.console.lock import Lock
from gateway.console.passwords import Kept
from gateway.console.wire import Role
from gateway.errors import StoreError

NAME = "access.json"
BYTES_MAX = 65_536
ASIDE_MAX = 8


class User(Struct, frozen=True):
    """Somebody with a password. `changed_ms`: the running time of the person's own last change (S4-24)."""

    role: Role
    kept: Kept
    changed_ms: int | None = None


class Register(Struct, frozen=True):
    """All that the file holds; `locks` by what is guessed at."""

    format: Literal[1] = 1
    users: dict[str, User] = field(default_factory=dict)
    locks: dict[str, Lock] = field(default_factory=dict)


class _Sealed(Struct, frozen=True):
    digest: str
    register: msgspec.Raw


def load(folder: Path) -> Register | None:
    """What the file of this folder holds; None when there is none. Raises StoreError when it cannot be believed."""
    path = folder / NAME
    try:
        data = path.read_bytes() if path.stat().st_size <= BYTES_MAX else b""
        sealed = msgspec.json.decode(data, type=_Sealed)
        if sealed.digest != _digest(bytes(sealed.register)):
            raise StoreError(f"{path}: the digest does not fit")
        return msgspec.json.decode(sealed.register, type=Register)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise StoreError(f"{path}: cannot be read ({error})") from error


def save(folder: Path, register: Register) -> None:
    """Put it on the medium. Raises OSError; then the file is as it was."""
    body = msgspec.json.encode(register, order="deterministic")
    draft = folder / f"{NAME}.new"
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(_Sealed(_digest(body), msgspec.Raw(body))))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / NAME)
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def set_aside(folder: Path) -> None:
    """Keep a file that cannot be believed for a person to look at. Raises OSError."""
    names = [f"{NAME}.damaged-{number}" for number in range(1, ASIDE_MAX + 1)]
    free = next((name for name in names if not (folder / name).exists()), names[-1])
    (folder / NAME).replace(folder / free)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
