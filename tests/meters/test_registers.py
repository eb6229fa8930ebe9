from __future__ import annotations

import math
import struct
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.meters.registers import (
    RegisterType,
    WordOrder,
    compile_decoder,
    encode_words,
    energy_defect,
    energy_scale,
    quantum_wh,
    to_wh,
    type_words,
)

RANGES = {
    RegisterType.UINT16: (0, 0xFFFF),
    RegisterType.INT16: (-0x8000, 0x7FFF),
    RegisterType.UINT32: (0, 0xFFFF_FFFF),
    RegisterType.INT32: (-0x8000_0000, 0x7FFF_FFFF),
    RegisterType.UINT64: (0, (1 << 64) - 1),
    RegisterType.INT64: (-(1 << 63), (1 << 63) - 1),
}


@st.composite
def answers(draw: st.DrawFn) -> tuple[list[tuple[int, RegisterType]], int, list[float]]:
    """Values of any type laid out with gaps in one answer."""
    layout, values, offset = [], [], draw(st.integers(0, 3))
    for kind in draw(st.lists(st.sampled_from(RegisterType), min_size=1, max_size=8)):
        layout.append((offset, kind))
        if kind is RegisterType.FLOAT32:
            values.append(draw(st.floats(width=32, allow_nan=False)))
        else:
            values.append(draw(st.integers(*RANGES[kind])))
        offset += type_words[kind] + draw(st.integers(0, 3))
    return layout, offset, values


@given(answers(), st.sampled_from(WordOrder))
def test_decoding_gives_back_what_was_encoded(
    answer: tuple[list[tuple[int, RegisterType]], int, list[float]], order: WordOrder
) -> None:
    """Every type and both word orders, with gaps between values, exactly."""
    layout, count, values = answer
    words = [0xDEAD] * count
    for (offset, kind), value in zip(layout, values, strict=True):
        encoded = encode_words(kind, value, order)
        words[offset : offset + len(encoded)] = encoded
    assert list(compile_decoder(layout, count, order)(struct.pack(f">{count}H", *words))) == values


def test_word_order_as_on_the_wire() -> None:
    """70000 is 0x00011170: big-endian meters send 0001 1170, Carlo Gavazzi sends 1170 0001."""
    read_big = compile_decoder([(0, RegisterType.UINT32)], 2, WordOrder.BIG)
    read_little = compile_decoder([(0, RegisterType.UINT32)], 2, WordOrder.LITTLE)
    assert read_big(bytes.fromhex("00011170")) == (70000,)
    assert read_little(bytes.fromhex("11700001")) == (70000,)


def test_a_value_outside_the_answer_is_refused_when_compiled() -> None:
    """A layout that does not fit fails at start, not at three in the morning."""
    with pytest.raises(ValueError, match="does not fit"):
        compile_decoder([(1, RegisterType.UINT32)], 2, WordOrder.BIG)


@given(st.integers(0, (1 << 63) - 1), st.sampled_from(["0.01", "0.1", "1", "0.001", "0.0001"]))
def test_integer_energy_is_exact(raw: int, scale: str) -> None:
    """A kWh register times a decimal factor becomes the nearest whole Wh, never through a float (decision 2)."""
    exact = Fraction(raw) * Fraction(scale) * 1000
    got = to_wh(raw, energy_scale("kWh", Decimal(scale)))
    assert abs(got - exact) <= Fraction(1, 2)
    if exact.denominator == 1:
        assert got == exact


@given(st.floats(0, 2**26, width=32))
def test_float_energy_is_the_nearest_wh(raw: float) -> None:
    """A float32 kWh register is taken as the exact fraction it is."""
    assert abs(to_wh(raw, Fraction(1000)) - Fraction(raw) * 1000) <= Fraction(1, 2)


def test_float_registers_resolve_as_documented() -> None:
    """float32 kWh: 2 Wh steps at 16 384 kWh and 8 Wh at 100 MWh."""
    scale = Fraction(1000)
    assert quantum_wh(5_120.0, RegisterType.FLOAT32, scale) == 1
    assert quantum_wh(16_384.0, RegisterType.FLOAT32, scale) == 2
    assert quantum_wh(100_000.0, RegisterType.FLOAT32, scale) == 8
    assert quantum_wh(7, RegisterType.UINT32, energy_scale("kWh", Decimal("0.01"))) == 10


@given(st.floats(0, width=32, allow_nan=False, allow_infinity=False), st.sampled_from(("0.001", "0.1", "1", "10")))
def test_the_step_of_a_float_register_is_exact(raw: float, scale: str) -> None:
    """The quantum is the distance of two neighbouring float32 values in Wh, rounded up, at any size (decision 2)."""
    wh_per_raw = energy_scale("kWh", Decimal(scale))
    step = Fraction(2) ** (math.frexp(raw)[1] - 24) * wh_per_raw
    assert quantum_wh(raw, RegisterType.FLOAT32, wh_per_raw) == max(1, math.ceil(step))


@pytest.mark.parametrize(
    ("raw", "kind", "defect"),
    [
        (math.nan, RegisterType.FLOAT32, "nan"),
        (math.inf, RegisterType.FLOAT32, "out_of_range"),
        (-1.0, RegisterType.FLOAT32, "out_of_range"),
        (0xFFFF_FFFF, RegisterType.UINT32, "all_ones"),
        ((1 << 64) - 1, RegisterType.UINT64, "not_available"),
        (-1, RegisterType.INT32, "all_ones"),
        (0x7FFF_FFFF, RegisterType.INT32, "not_available"),
        (-7, RegisterType.INT64, "out_of_range"),
        (0, RegisterType.UINT32, None),
        (123_456, RegisterType.INT64, None),
    ],
)
def test_what_cannot_be_energy_is_named(raw: float, kind: RegisterType, defect: str | None) -> None:
    """NaN, all ones, "not available" and negative energy are told by name and never converted (decision 6)."""
    marks = defect == "not_available"
    assert energy_defect(raw, kind, marks_unavailable=marks) == defect
