"""The device key: an Ed25519 key made once in the data folder, which never leaves it.

What the gateway hands out is signed with it; its public half is on record and in the status, so that the utility pins
it when the gateway is enrolled. A key is on record before it is put in its place: one that is there is known.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.errors import StoreError
from gateway.prepayment.events import Detail

NAME = "device-key.pem"
MADE = "device.key"
"""The journal's event that puts a new key on record."""
SET_ASIDE_MAX = 8
_PKCS8 = bytes.fromhex("302e020100300506032b657004220420")
"""What stands before the 32 bytes of an Ed25519 key in PKCS #8 (RFC 8410, section 7). Here because the library's
own reader loads every other kind of key as well: two megabytes of memory for good."""
_BEGIN, _END = b"-----BEGIN PRIVATE KEY-----", b"-----END PRIVATE KEY-----"
_KID = b"kid:"
"""Begins our own line after the key, which every reader of PEM passes over: a turned bit makes another good key."""

Note = Callable[[str, Detail], Awaitable[None]]
"""Puts something on record (`Teller.note`)."""


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """The gateway's own key; `sign` is all that is ever done with it."""

    private: Ed25519PrivateKey

    @property
    def public(self) -> str:
        """The public half as base64url, 43 characters."""
        return written(self.private.public_key())

    @property
    def kid(self) -> str:
        """A short name that follows from the public half."""
        return kid_of(self.private.public_key())

    def sign(self, data: bytes) -> bytes:
        """The signature of `data`, 64 bytes."""
        return self.private.sign(data)


def written(public: Ed25519PublicKey) -> str:
    """A public key as base64url."""
    return base64.urlsafe_b64encode(public.public_bytes_raw()).rstrip(b"=").decode()


PUBLIC_CHARS = 43
"""32 bytes as base64url."""


def read_public(text: str) -> Ed25519PublicKey:
    """The key that `written` wrote; raises ValueError."""
    raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    return Ed25519PublicKey.from_public_bytes(raw)


def kid_of(public: Ed25519PublicKey) -> str:
    """The short name of a key: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(public.public_bytes_raw()).hexdigest()[:16]


def load(folder: Path) -> DeviceKey | None:
    """The key in this folder; None when there is none. Raises StoreError when it cannot be read or used."""
    path = folder / NAME
    try:
        if path.stat().st_mode & 0o077:
            raise StoreError(f"{path}: others may read this private key, so it proves nothing any more")
        private = _private(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: cannot be read as a key ({error})") from error
    return DeviceKey(private)


async def load_or_make(folder: Path, note: Note) -> DeviceKey:
    """The key of this folder; a new one is on record before it is in its place. Raises StoreError.

    A key that cannot be used, or that others may read, is set aside and replaced: the meters go on, and the head-end
    sees another key than the one it pinned.
    """
    cause = "first"
    try:
        known = load(folder)
    except StoreError as error:
        _set_aside(folder / NAME, error)
        known, cause = None, "replaced"
    if known is not None:
        return known
    key = DeviceKey(Ed25519PrivateKey.generate())
    draft = folder / f"{NAME}.new"
    try:
        _write(draft, _pem(key.private))
        await note(MADE, (("kid", key.kid), ("public", key.public), ("cause", cause)))
        draft.replace(folder / NAME)
        _flush(folder)
    except OSError as error:
        raise StoreError(f"{folder / NAME}: cannot be written ({error})") from error
    return key


def _pem(private: Ed25519PrivateKey) -> bytes:
    """The key as every tool reads it (RFC 7468), and its kid."""
    body, kid = base64.b64encode(_PKCS8 + private.private_bytes_raw()), kid_of(private.public_key()).encode()
    return b"\n".join((_BEGIN, body, _END, _KID + b" " + kid, b""))


def _private(content: bytes) -> Ed25519PrivateKey:
    """The key in such a file; raises ValueError for anything else. Only a file that we wrote ends with the kid."""
    pem, ours, kid = content.partition(b"\n" + _KID)
    private = _parsed(pem)
    if ours and kid.strip() != kid_of(private.public_key()).encode():
        raise ValueError("not the key that its kid names")
    return private


def _parsed(pem: bytes) -> Ed25519PrivateKey:
    lines = pem.split()
    body = b"".join(lines[3:-3])
    if b" ".join(lines[:3]) != _BEGIN or b" ".join(lines[-3:]) != _END:
        raise ValueError("not a PEM file with a private key")
    der = base64.b64decode(body, validate=True)
    if not der.startswith(_PKCS8) or len(der) != len(_PKCS8) + 32:
        raise ValueError("not an Ed25519 key")
    return Ed25519PrivateKey.from_private_bytes(der[len(_PKCS8) :])


def _write(path: Path, data: bytes) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _set_aside(path: Path, cause: StoreError) -> None:
    for number in range(1, SET_ASIDE_MAX + 1):
        aside = path.with_name(f"{path.name}.damaged-{number}")
        if not aside.exists():
            try:
                path.rename(aside)
            except OSError as error:
                raise StoreError(f"{cause}; and it cannot be set aside ({error})") from error
            return
    raise StoreError(f"{cause}; {SET_ASIDE_MAX} such files lie beside it already: look at them and remove them")


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
