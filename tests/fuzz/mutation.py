"""Small changes of good inputs, all from a given `Random`: to bytes, to a JSON document, to a TOML file."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from typing import Any

from tests.fuzz.target import Mutate

NUMBERS = ("0", "-1", "1", "255", "65535", "65536", "-2147483649", "9007199254740993", "18446744073709551616", "1e400")
HOSTILE = (
    *NUMBERS,
    "9" * 5000,
    "-" + "9" * 4299,
    "1e999999999",
    "1e-999999999",
    "0.1",
    "-0.0",
    "inf",
    "nan",
    "true",
    "null",
    '""',
    '"\\u0000"',
    '"\\ud800"',
    '"~nobody"',
    '"../../x"',
    '"' + "a" * 300 + '"',
    '"1e5"',
    '"-1"',
    '"0.000000001"',
    '"999999999.999999999"',
    '"\\u0661"',
    "[]",
    "{}",
    "[[]]",
    "[" * 3000,
    '{"a":' * 3000,
    '"9999-12-31"',
    '"0001-01-01"',
    '"10 working days"',
    '"87840h"',
    '"00:00-24:00"',
    '"Europe"',
    '"9999-12-31T23:59:59-23:59"',
    "1979-05-27",
    "1979-05-27T07:32:00.999999-23:59",
    "'''",
    '"""',
    "0x" + "f" * 4000,
    "[[a]]",
    "[a.b.c]",
    "a.b.c = 1",
)
_VALUE = re.compile(rb"(?<= = )[^\n,}]*")
_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    1,
    -1,
    2**31,
    2**53,
    2**53 + 1,
    2**63,
    2**64,
    10**400,
    0.5,
    1e308,
    "",
    "0",
    "-0",
    "1e5",
    "0.00",
    "999999999.999999999",
    "-0.01",
    "\x00",
    "\ud800",
    "\u0661",
    "a" * 300,
    "~nobody",
    "2026-02-30",
    "9999-12-31",
    "0001-01-01",
    "Europe",
    "Europe/Zurich",
    "UTC",
    "10 working days",
    "9999 calendar days",
    "87840h",
    "0s",
    "00:00-24:00",
    "mon-sun",
    "holiday",
    "2026-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999999-23:59",
    [],
    {},
    [[]],
    [{}],
    {"": 0},
)


def mutate_bytes(data: bytes, chance: random.Random) -> bytes:
    """One change that knows nothing of the content."""
    if not data:
        return chance.randbytes(chance.randint(1, 16))
    at, kind = chance.randrange(len(data)), chance.randrange(8)
    if kind == 0:
        return data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
    if kind == 1:
        return data[:at] + bytes([chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))]) + data[at + 1 :]
    if kind == 2:
        return data[:at] + chance.randbytes(chance.choice((1, 1, 2, 4, 8))) + data[at:]
    end = min(len(data), at + chance.choice((1, 1, 2, 4, 8, 32)))
    if kind == 3:
        return data[:at] + data[end:]
    if kind == 4:
        return data[:at] + data[at:end] * chance.choice((2, 3, 16)) + data[end:]
    if kind == 5:
        return data[:at]
    other = chance.randrange(len(data))
    if kind == 6:
        return data[:at] + data[other : other + end - at] + data[end:]
    return data[:at] + chance.choice(HOSTILE).encode() + data[end:]


def mutate_json(data: bytes, chance: random.Random) -> bytes:
    """One change of a JSON document: a value, a key, a member more or less, a key twice; of the bytes now and then."""
    if chance.random() < 0.15:
        return mutate_bytes(data, chance)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return mutate_bytes(data, chance)
    places = list(_places(document))
    if not places:
        return json.dumps(chance.choice(_VALUES)).encode()
    holder, key = chance.choice(places)
    _change(holder, key, places, chance)
    text = json.dumps(document)
    if chance.random() < 0.05:  # a key that stands twice, which no dictionary can hold
        text = text.replace("{", '{"' + str(key) + '":' + json.dumps(chance.choice(_VALUES)) + ",", 1)
    return text.encode("utf-8", "surrogatepass")


def mutate_toml(data: bytes, chance: random.Random) -> bytes:
    """One change of a TOML file: a value, a line more, less or elsewhere; of the bytes now and then."""
    if chance.random() < 0.2:
        return mutate_bytes(data, chance)
    values = list(_VALUE.finditer(data))
    if values and chance.random() < 0.7:
        place = chance.choice(values)
        before = place[0]
        others = (chance.choice(HOSTILE).encode(), chance.choice(values)[0], mutate_bytes(before, chance))
        return data[: place.start()] + chance.choice(others) + data[place.end() :]
    lines = data.split(b"\n")
    at, other, kind = chance.randrange(len(lines)), chance.randrange(len(lines)), chance.randrange(4)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(other, lines[at])
    elif kind == 2:
        lines[at], lines[other] = lines[other], lines[at]
    else:
        lines[at] = lines[at].partition(b" = ")[0] + b" = " + lines[other].partition(b" = ")[2]
    return b"\n".join(lines)


def several(mutate: Mutate, data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """One to four changes, now and then the beginning of another input with this one's end."""
    if others and chance.random() < 0.05:
        other = chance.choice(others)
        data = other[: chance.randint(0, len(other))] + data[chance.randint(0, len(data)) :]
    for _ in range(chance.choice((1, 1, 2, 4))):
        data = mutate(data, chance)
    return data


def after(prefix_bytes: int, mutate: Mutate) -> Mutate:
    """Mostly change what follows a prefix that only selects, now and then the prefix too."""

    def changed(data: bytes, chance: random.Random) -> bytes:
        if chance.random() < 0.1:
            return chance.randbytes(prefix_bytes) + data[prefix_bytes:]
        return data[:prefix_bytes] + mutate(data[prefix_bytes:], chance)

    return changed


def _places(document: Any, depth: int = 0) -> list[tuple[Any, Any]]:
    if depth > 40 or not isinstance(document, dict | list):
        return []
    found: list[tuple[Any, Any]] = []
    for key, value in document.items() if isinstance(document, dict) else enumerate(document):
        found.append((document, key))
        found += _places(value, depth + 1)
    return found


def _change(holder: Any, key: Any, places: list[tuple[Any, Any]], chance: random.Random) -> None:
    kind = chance.randrange(6)
    if kind == 0:
        del holder[key]
    elif kind == 1 and isinstance(holder, list):
        holder.append(holder[key])
    elif kind == 1:
        holder[chance.choice([str(other) for _, other in places] + ["x", ""])] = holder.pop(key)
    elif kind == 2:
        other, place = chance.choice(places)
        holder[key] = json.loads(json.dumps(other[place]))
    elif kind == 3 and isinstance(holder[key], int | float):
        holder[key] = chance.choice(_NEAR)(holder[key])
    elif kind == 3 and isinstance(holder[key], str):
        text = holder[key].encode("utf-8", "surrogatepass")
        holder[key] = mutate_bytes(text, chance).decode("utf-8", "replace")[:600]
    else:
        holder[key] = json.loads(json.dumps(chance.choice(_VALUES)))


_NEAR: tuple[Callable[[Any], Any], ...] = (
    lambda n: n + 1,
    lambda n: n - 1,
    lambda n: -n,
    lambda n: n * 2,
    str,
    lambda n: float(min(n, 10**300)),
)
