"""Free text in commands holds no card numbers: a number that could be one is masked before anything keeps it (S0-09).

Only text for people is looked at, never an id: an account, a delivery point or a reference that commands are matched
by stays as it is. The first six and the last four digits stay, as on a receipt.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TypeVar

import msgspec
from msgspec import Struct, inspect

from gateway.commands.claims import LABEL_MAX

_NUMBER = re.compile(r"(?<![0-9])[2-6](?:[ -]?[0-9]){12,18}(?![0-9])")
_B = TypeVar("_B", bound=Struct)


def masked(body: _B) -> _B:
    """The body with every card number in its labels masked, however deep; the same object when there is none."""
    labels, found = _labels(type(body)), {}
    for name in body.__struct_fields__:
        value = getattr(body, name)
        plain = _NUMBER.sub(_mask, value) if name in labels and isinstance(value, str) else _parts(value)
        if plain != value:
            found[name] = plain
    return msgspec.structs.replace(body, **found) if found else body


def _parts(value: object) -> object:
    """What a field holds, with the labels of the bodies in it masked: the holds of a position, one by one."""
    if isinstance(value, tuple):
        return tuple(_parts(one) for one in value)
    return masked(value) if isinstance(value, Struct) else value


def _mask(match: re.Match[str]) -> str:
    text = match[0]
    if not _luhn([int(digit) for digit in text if digit.isdigit()]):
        return text
    places = [place for place, character in enumerate(text) if character.isdigit()]
    hidden = set(places[6:-4])
    return "".join("*" if place in hidden else character for place, character in enumerate(text))


def _luhn(digits: list[int]) -> bool:
    """ISO/IEC 7812: every second digit from the right doubled, the sum of all digits a multiple of ten."""
    doubled = [2 * digit - 9 * (digit > 4) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


@cache
def _labels(body: type[Struct]) -> tuple[str, ...]:
    """The fields of a body that are one line of text for people."""
    fields = inspect.type_info(body)
    assert isinstance(fields, inspect.StructType)
    return tuple(field.name for field in fields.fields if _is_label(field.type))


def _is_label(kind: inspect.Type) -> bool:
    if isinstance(kind, inspect.UnionType):
        return any(_is_label(one) for one in kind.types)
    return isinstance(kind, inspect.StrType) and kind.max_length == LABEL_MAX
