"""What somebody types as a credit code: a slip that is named, a wrong code, or what was made here, by a second opinion.

The first byte says whether the digits are taken as they are, or get right check digits first, so that what lies behind
them is reached too. The second opinion computes check digits and tag by itself.
"""

from __future__ import annotations

import hashlib
import hmac
import random
from collections.abc import Iterator

from gateway.commands.creditcode import Credit, Place, decode, encode, groups_of
from gateway.errors import CommandRefused
from gateway.prepayment.money import CENT_NANO
from tests.fuzz.mutation import HOSTILE, mutate_bytes
from tests.fuzz.target import Target

KEY = bytes(range(32))
PLACE = Place("gw-1", "CH-0001", "CHF")
REASONS = ("code_length", "code_characters", "code_groups", "code_not_genuine")
_OPERATION = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)


def check(data: bytes) -> None:
    text = data[1:].decode("utf-8", "surrogateescape")
    if data[:1] == b"s":
        text = _with_check_digits(text)
    reason, groups, credit = "", "", None
    try:
        credit = decode(KEY, PLACE, text)
    except CommandRefused as refusal:
        reason, groups = refusal.reason, str(refusal.detail.get("groups", ""))
    assert reason in ("", *REASONS)
    assert all(1 <= int(place) <= 8 for place in groups.split())
    assert bool(groups) == (reason == "code_groups")
    if reason not in ("", "code_not_genuine"):
        return
    digits = "".join(groups_of(text))
    assert len(digits) == 40
    assert all(sign in "0123456789" for sign in digits)
    assert _genuine(digits) == (credit is not None)
    assert credit is None or encode(KEY, PLACE, credit).replace(" ", "") == digits


def _check_digit(place: int, data: str) -> str:
    state = place
    for sign in data:
        state = _OPERATION[state][int(sign)]
    return str(state)


def _with_check_digits(text: str) -> str:
    kept = "".join(sign for sign in text if sign in "0123456789")[:40].ljust(40, "0")
    groups = [kept[at : at + 4] for at in range(0, 40, 5)]
    return " ".join(group + _check_digit(place, group) for place, group in enumerate(groups, 1))


def _genuine(digits: str) -> bool:
    """The rule of docs/credit-code.md, written again."""
    number = int("".join(digits[at : at + 4] for at in range(0, 40, 5)))
    tag, hidden = divmod(number, 2**44)
    mask = hmac.new(KEY, b"prepaid-credit-code/1\0mask\0" + tag.to_bytes(16, "big"), hashlib.sha256).digest()
    plain = hidden ^ int.from_bytes(mask[:8], "big") // 2**20
    said = b"prepaid-credit-code/1\0tag\0gw-1\0CH-0001\0CHF\0" + plain.to_bytes(8, "big")
    right = int.from_bytes(hmac.new(KEY, said, hashlib.sha256).digest()[:8], "big") // 16
    sequence, minor = divmod(plain, 2**30)
    return tag == right and sequence > 0 and minor > 0


def seeds() -> Iterator[bytes]:
    for sequence, minor in ((1, 2_000), (2, 7_000), (16_383, 2**30 - 1)):
        code = encode(KEY, PLACE, Credit(sequence, minor * CENT_NANO)).encode()
        yield b"r" + code
        yield b"s" + code
        yield b"r" + code.replace(b" ", b"-")


def mutate(data: bytes, chance: random.Random) -> bytes:
    kind, text = data[:1], bytearray(data[1:])
    if text and chance.random() < 0.6:
        at = chance.randrange(len(text))
        text[at : at + 1] = chance.choice((b"0123456789"[chance.randrange(10) :][:1], b"", b" ", text[at : at + 1] * 2))
        return kind + bytes(text)
    if chance.random() < 0.1:
        return kind + chance.choice(HOSTILE).encode("utf-8", "surrogatepass")
    return kind + mutate_bytes(bytes(text), chance)


TARGET = Target(check, seeds, mutate, max_bytes=400)
