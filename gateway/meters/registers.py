"""Raw Modbus words to numbers, compiled once per request.

A register value is exact until the last step: integers stay integers, a float32 is the exact binary fraction it is,
and energy becomes integer Wh through a `Fraction` (decision 2). `compile_decoder` turns the layout of one request
into a single `struct.Struct`; words of little-endian order are first put in order by one `itemgetter`, so that
decoding ten values costs a few microseconds and no branch per byte.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from math import ceil, frexp, isfinite
from operator import itemgetter


class RegisterType(StrEnum):
    """How the words of one value are read."""

    UINT16 = "uint16"
    INT16 = "int16"
    UINT32 = "uint32"
    INT32 = "int32"
    UINT64 = "uint64"
    INT64 = "int64"
    FLOAT32 = "float32"


class WordOrder(StrEnum):
    """Which word of a 32- or 64-bit value comes first; bytes inside a word are always big-endian."""

    BIG = "big"
    LITTLE = "little"


_CODE = {
    RegisterType.UINT16: ("H", 1),
    RegisterType.INT16: ("h", 1),
    RegisterType.UINT32: ("I", 2),
    RegisterType.INT32: ("i", 2),
    RegisterType.UINT64: ("Q", 4),
    RegisterType.INT64: ("q", 4),
    RegisterType.FLOAT32: ("f", 2),
}

_WH_PER_UNIT = {"Wh": 1, "kWh": 1_000, "MWh": 1_000_000}
_W_PER_UNIT = {"W": 1, "kW": 1_000}
_FLOAT32_DIGITS = 24

type_words = {kind: words for kind, (_, words) in _CODE.items()}
"""Number of 16-bit words of each type."""


def all_ones(kind: RegisterType) -> int | None:
    """The raw value of an unsigned register with every bit set (None for types where that is a usual value)."""
    if kind in (RegisterType.UINT16, RegisterType.UINT32, RegisterType.UINT64):
        return int((1 << (16 * type_words[kind])) - 1)
    return None


def not_available(kind: RegisterType) -> int | None:
    """The pattern by which ABB-like meters say "no value": unsigned 0xFFFF.., signed 0x7FFF.. (None for floats)."""
    if kind in (RegisterType.INT16, RegisterType.INT32, RegisterType.INT64):
        return int((1 << (16 * type_words[kind] - 1)) - 1)
    return all_ones(kind)


def compile_decoder(
    spans: Iterable[tuple[int, RegisterType]], count: int, word_order: WordOrder
) -> Callable[[bytes], tuple[int | float, ...]]:
    """A function from the `2 * count` payload bytes of one answer to the raw values at `spans` (word offset, type).

    Raw values come back in the order of `spans`; nothing is scaled and nothing is judged.
    """
    layout = list(spans)
    if not layout:
        return lambda _payload: ()
    order: list[int] = []
    for offset, kind in layout:
        words = [offset + k for k in range(type_words[kind])]
        if not 0 <= offset <= count - len(words):
            raise ValueError(f"{kind} at word {offset} does not fit into an answer of {count} words")
        for word in reversed(words) if word_order is WordOrder.LITTLE else words:
            order += (2 * word, 2 * word + 1)
    unpack = struct.Struct(">" + "".join(_CODE[kind][0] for _, kind in layout)).unpack
    if order == list(range(2 * count)):
        return unpack
    if order == list(range(order[0], order[0] + len(order))):
        cut = slice(order[0], order[0] + len(order))
        return lambda payload: unpack(payload[cut])
    pick = itemgetter(*order)
    return lambda payload: unpack(bytes(pick(payload)))


def encode_words(kind: RegisterType, value: float, word_order: WordOrder = WordOrder.BIG) -> tuple[int, ...]:
    """The words that hold `value`; `ValueError` when it does not fit the type."""
    code, words = _CODE[kind]
    try:
        data = struct.pack(">" + code, value if kind is RegisterType.FLOAT32 else int(value))
    except (struct.error, OverflowError) as reason:
        raise ValueError(f"{value} does not fit {kind}: {reason}") from None
    plain = struct.unpack(f">{words}H", data)
    return plain if word_order is WordOrder.BIG else tuple(reversed(plain))


def energy_scale(unit: str, scale: Decimal) -> Fraction:
    """Wh per raw step, exact; `ValueError` for a unit that is no energy."""
    if unit not in _WH_PER_UNIT:
        raise ValueError(f"{unit!r} is no unit of energy, use one of {', '.join(_WH_PER_UNIT)}")
    return Fraction(scale) * _WH_PER_UNIT[unit]


def power_scale(unit: str, scale: Decimal) -> Fraction:
    """W per raw step, exact; `ValueError` for a unit that is no active power."""
    if unit not in _W_PER_UNIT:
        raise ValueError(f"{unit!r} is no unit of active power, use one of {', '.join(_W_PER_UNIT)}")
    return Fraction(scale) * _W_PER_UNIT[unit]


def to_wh(raw: float, wh_per_raw: Fraction) -> int:
    """Energy in whole Wh, rounded to the nearest (a float32 is taken as the exact fraction it is)."""
    if wh_per_raw.denominator == 1:
        # exact for a float32 too: 24 digits times a factor below 2**29 fit into a double
        return round(raw * wh_per_raw.numerator)
    return round(Fraction(raw) * wh_per_raw)


def quantum_wh(raw: float, kind: RegisterType, wh_per_raw: Fraction) -> int:
    """The step of the register at this value, in whole Wh and at least 1: no smaller difference can be seen."""
    if kind is not RegisterType.FLOAT32:
        return max(1, ceil(wh_per_raw))
    _, exponent = frexp(raw)
    shift = exponent - _FLOAT32_DIGITS
    over, under = wh_per_raw.numerator << max(shift, 0), wh_per_raw.denominator << max(-shift, 0)
    return max(1, -(-over // under))


def energy_defect(raw: float, kind: RegisterType, *, marks_unavailable: bool) -> str | None:
    """Why an energy register cannot be believed by itself (decision 6), or None."""
    if raw != raw:  # noqa: PLR0124 - the definition of NaN
        return "nan"
    if marks_unavailable and raw == not_available(kind):
        return "not_available"
    if raw == all_ones(kind) or (raw == -1 and kind is not RegisterType.FLOAT32):
        return "all_ones"
    if raw < 0 or not isfinite(raw):
        return "out_of_range"
    return None
