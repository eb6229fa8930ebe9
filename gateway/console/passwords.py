"""Passwords: what one must have at least (S4-20), and how it is kept (scrypt: 8 MiB and a moment of work a try)."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from msgspec import Struct

from gateway.config.settings import ConsoleTable
from gateway.errors import CommandRefused

LONGEST = 128
_COST, _BLOCK, _PARALLEL, _BYTES = 2**13, 8, 1, 32
_SALT_BYTES = 16


class Kept(Struct, frozen=True):
    """A password as it is kept; nobody can read it back."""

    salt: str
    hash: str


NOBODYS = Kept("00" * _SALT_BYTES, "00" * _BYTES)
"""What a name that does not exist is compared with: the answer takes as long."""


def check(password: str, table: ConsoleTable) -> None:
    """Raises CommandRefused that says what is missing."""
    if not table.password_length <= len(password) <= LONGEST:
        raise CommandRefused("password_length", shortest=table.password_length, longest=LONGEST)
    if table.password_capital and not any(one.isupper() for one in password):
        raise CommandRefused("password_capital")
    if table.password_digit and not any(one.isdigit() for one in password):
        raise CommandRefused("password_digit")
    if table.password_special and all(one.isalnum() or one.isspace() for one in password):
        raise CommandRefused("password_special")


def keep(password: str) -> Kept:
    """The password to be kept. Takes a moment: not for the event loop."""
    salt = secrets.token_bytes(_SALT_BYTES)
    return Kept(salt.hex(), _hash(password, salt).hex())


def matches(kept: Kept, password: str) -> bool:
    """Whether this is the password. Takes a moment, the same for right and wrong."""
    return hmac.compare_digest(_hash(password, bytes.fromhex(kept.salt)), bytes.fromhex(kept.hash))


def _hash(password: str, salt: bytes) -> bytes:
    text = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(text, salt=salt, n=_COST, r=_BLOCK, p=_PARALLEL, dklen=_BYTES)
