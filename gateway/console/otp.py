"""One-time codes: the gateway shows a challenge, the utility's service centre answers it on the phone.

The challenge is 10 digits drawn by chance and 2 check digits. The answer is a MAC over gateway, name, role and
challenge as 12 digits, and 2 check digits: 39.9 bits, so one guess is right once in 10^12. A slip of the finger shows
in the check digits and costs no attempt; who guesses can compute these and gains nothing. No network, no wall clock.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from gateway.console.wire import Role
from gateway.errors import CommandRefused

NONCE_DIGITS = 10
CODE_DIGITS = 12
CHECK_DIGITS = 2
VALID_MS = 30 * 60_000
"""How long a challenge can be answered (S4-23)."""
TEXT_MAX = 100
_BETWEEN = str.maketrans("", "", " .-_/\t")


@dataclass(frozen=True, slots=True)
class Subject:
    """Who asks to be let in, where, and as what: all of it is in the code."""

    gateway_id: str
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a line was shown last; `shown_ms` is of the monotonic clock."""

    subject: Subject
    digits: str
    shown_ms: int


def new_challenge(draw: Callable[[int], int]) -> str:
    """Twelve digits; `draw(n)` gives a number from 0 to n - 1 that nobody foresees."""
    return _with_check(f"{draw(10**NONCE_DIGITS):0{NONCE_DIGITS}d}")


def answer(key: bytes, subject: Subject, challenge: str) -> str:
    """The code that the service centre tells, 14 digits. Raises CommandRefused(code_mistyped) for a wrong challenge."""
    digits = read(challenge, NONCE_DIGITS + CHECK_DIGITS)
    said = f"{subject.gateway_id}\0{subject.name}\0{subject.role.value}\0{digits}".encode()
    number = int.from_bytes(hmac.digest(key, said, "sha256"), "big") % 10**CODE_DIGITS
    return _with_check(f"{number:0{CODE_DIGITS}d}")


def read(text: str, digits: int = CODE_DIGITS + CHECK_DIGITS) -> str:
    """The digits that somebody typed, in groups or not. Raises CommandRefused(code_mistyped)."""
    found = text.translate(_BETWEEN) if len(text) <= TEXT_MAX else ""
    if len(found) != digits or not (found.isascii() and found.isdigit()) or int(found) % 97 != 1:
        raise CommandRefused("code_mistyped", digits=digits)
    return found


def _with_check(digits: str) -> str:
    """The digits and their check digits (ISO 7064, MOD 97-10): one wrong digit or two exchanged ones never fit."""
    return f"{digits}{98 - int(digits) * 100 % 97:02d}"
