"""A top-up in 40 digits, to be read out on the phone: no network, no paper, no file (docs/credit-code.md).

    12345 67890 12345 67890 12345 67890 12345 67890

Eight groups of four digits and a check digit. The check digit also depends on the place of its group, so a mistake
names the group it is in, and two groups that changed places are both named. The 32 digits are a number of 104 bits: a
tag of 60 bits, and the account's own sequence and its lifetime total, hidden by a mask that the tag makes (so the
digits look like chance: no row of zeros to miscount, and nobody reads the total out of them).

The tag is an HMAC over gateway, account, currency, sequence and total. The code brings no amount: what it credits is
the difference to what the account already has (decision 4), so a code and a signed top-up never credit the same twice.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.errors import CommandRefused
from gateway.prepayment.money import CENT_NANO

GROUPS = 8
GROUP_DIGITS = 5
DIGITS = GROUPS * GROUP_DIGITS
SEQUENCE_BITS, TOTAL_BITS, TAG_BITS = 14, 30, 60
SEQUENCE_MAX = 2**SEQUENCE_BITS - 1
TOTAL_MAX_NANO = (2**TOTAL_BITS - 1) * CENT_NANO
TEXT_MAX = 200
"""More than 40 digits with anything between them; a longer text is refused unread."""

_FORM = b"prepaid-credit-code/1\0"
_HIDDEN_BITS = SEQUENCE_BITS + TOTAL_BITS
_BETWEEN = re.compile(r"[ \t._/-]+")
_ASCII_DIGITS = re.compile(r"[0-9]+")
# Damm's table: a quasigroup that is totally anti-symmetric, so from whatever state one begins, every wrong digit and
# every exchange of two neighbours ends elsewhere. Each group begins in the state of its place.
_TABLE = (
    "0317598642",
    "7092154863",
    "4206871359",
    "1750983426",
    "6123045978",
    "3674209581",
    "5869720134",
    "8945362017",
    "9438617205",
    "2581436790",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a code counts, and nowhere else."""

    gateway_id: str
    account_id: str
    currency: str


@dataclass(frozen=True, slots=True)
class Credit:
    """What a code says: the account's own sequence, and its lifetime total after it (decision 4)."""

    sequence: int
    total_nano: int


def encode(key: bytes, place: Place, credit: Credit) -> str:
    """The code, in groups. Raises CommandRefused(code_range) for what 40 digits cannot say."""
    total_minor, finer = divmod(credit.total_nano, CENT_NANO)
    if finer or not (0 < credit.sequence <= SEQUENCE_MAX and 0 < credit.total_nano <= TOTAL_MAX_NANO):
        raise CommandRefused(
            "code_range",
            sequence=credit.sequence,
            sequence_max=SEQUENCE_MAX,
            hint="a code says whole hundredths, 10737418.23 in all",
        )
    plain = credit.sequence << TOTAL_BITS | total_minor
    tag = _tag(key, place, plain)
    number = tag << _HIDDEN_BITS | plain ^ _mask(key, tag)
    data = f"{number:0{GROUPS * (GROUP_DIGITS - 1)}d}"
    step = GROUP_DIGITS - 1
    parts = (data[at : at + step] for at in range(0, len(data), step))
    return " ".join(part + _check_digit(place_no, part) for place_no, part in enumerate(parts, start=1))


def decode(key: bytes, place: Place, text: str) -> Credit:
    """What a code says at this place.

    Raises CommandRefused: code_characters, code_length or code_groups (a slip of the pen: no guess); code_not_genuine:
    40 right digits that nobody made for this place (one made for another place cannot be told from a guess).
    """
    number = int("".join(group[:-1] for group in groups_of(text)))
    tag, hidden = number >> _HIDDEN_BITS, number & (1 << _HIDDEN_BITS) - 1
    plain = hidden ^ _mask(key, tag)
    sequence, total_minor = plain >> TOTAL_BITS, plain & (1 << TOTAL_BITS) - 1
    # Compared as a whole, so a number beyond 104 bits is wrong as well; and in constant time.
    genuine = hmac.compare_digest(tag.to_bytes(16, "big"), _tag(key, place, plain).to_bytes(16, "big"))
    if not genuine or not sequence or not total_minor:
        raise CommandRefused("code_not_genuine")
    return Credit(sequence, total_minor * CENT_NANO)


def groups_of(text: str) -> tuple[str, ...]:
    """The groups as they were typed, each with its right check digit. Raises CommandRefused, naming what is wrong."""
    if len(text) > TEXT_MAX:
        raise CommandRefused("code_length", digits=len(text), digits_right=DIGITS)
    parts = [part for part in _BETWEEN.split(text.strip()) if part]
    if any(_ASCII_DIGITS.fullmatch(part) is None for part in parts):
        raise CommandRefused("code_characters")
    digits = "".join(parts)
    if len(parts) == GROUPS and (uneven := [place for place, part in enumerate(parts, 1) if len(part) != GROUP_DIGITS]):
        raise _wrong_groups(uneven)
    if len(digits) != DIGITS:
        raise CommandRefused("code_length", digits=len(digits), digits_right=DIGITS)
    groups = tuple(digits[at : at + GROUP_DIGITS] for at in range(0, DIGITS, GROUP_DIGITS))
    wrong = [place for place, group in enumerate(groups, 1) if _check_digit(place, group[:-1]) != group[-1]]
    if wrong:
        raise _wrong_groups(wrong)
    return groups


@dataclass(frozen=True, slots=True)
class Scheme:
    """A kind of token that a person may type; both raise CommandRefused."""

    check: Callable[[str], object]
    """Refuses what is only a slip of the pen, without a key: that is no guess."""
    decode: Callable[[bytes, Place, str], Credit]


SCHEMES: Mapping[int, Scheme] = {DIGITS: Scheme(groups_of, decode)}
"""By the number of digits. STS (20) and OpenPAYGO (9, 15) will be lines here (docs/credit-code.md, the seam)."""


def scheme_of(text: str) -> Scheme:
    """The kind of token this is; one of no known length is for the credit code to complain about."""
    return SCHEMES.get(sum(map(str.isdigit, text[:TEXT_MAX])), SCHEMES[DIGITS])


def _wrong_groups(places: list[int]) -> CommandRefused:
    return CommandRefused("code_groups", groups=" ".join(str(place) for place in places))


def _check_digit(place: int, digits: str) -> str:
    state = place
    for digit in digits:
        state = int(_TABLE[state][int(digit)])
    return str(state)


def _tag(key: bytes, place: Place, plain: int) -> int:
    where = f"{place.gateway_id}\0{place.account_id}\0{place.currency}".encode()
    digest = hmac.digest(key, _FORM + b"tag\0" + where + b"\0" + plain.to_bytes(8, "big"), hashlib.sha256)
    return int.from_bytes(digest[:8], "big") >> (64 - TAG_BITS)


def _mask(key: bytes, tag: int) -> int:
    digest = hmac.digest(key, _FORM + b"mask\0" + tag.to_bytes(16, "big"), hashlib.sha256)
    return int.from_bytes(digest[:8], "big") >> (64 - _HIDDEN_BITS)
