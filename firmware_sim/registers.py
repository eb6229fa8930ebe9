"""Register maps as data: where a quantity lives, how it is encoded, and what a device answers for any (address, count).

A map refuses what the real device refuses: an address outside its segments, a gap that is not readable, too many words.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from firmware_sim.wire import ILLEGAL_ADDRESS, ILLEGAL_VALUE, MAX_READ_WORDS, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from firmware_sim.reading import Reading

Kind = Literal["float32", "int16", "uint16", "uint32", "int64"]
_WORDS: Mapping[Kind, int] = {"float32": 2, "int16": 1, "uint16": 1, "uint32": 2, "int64": 4}
_NAN_WORDS = (0x7FC0, 0x0000)


@dataclass(frozen=True, slots=True)
class Register:
    """One quantity at one 0-based wire address; its value in the unit of `Reading` is the raw number * `step`."""

    address: int
    kind: Kind
    quantity: str
    step: float = 1

    @property
    def words(self) -> int:
        """How many 16-bit registers it takes."""
        return _WORDS[self.kind]

    @property
    def is_energy(self) -> bool:
        """Whether a read of it counts for the faults that last so many reads."""
        return self.quantity.startswith("energy")


@dataclass(frozen=True, slots=True)
class RegisterMap:
    """All registers behind one function code, high word first.

    `segments` are the readable (first, last) ranges, gaps inside them read 0; `whole` = a read must not cut a
    register in two.
    """

    registers: tuple[Register, ...]
    segments: tuple[tuple[int, int], ...]
    most_words: int = MAX_READ_WORDS
    whole: bool = False

    def plan(self, address: int, count: int) -> Plan:
        """What a read of `count` words at `address` touches; `Refusal` where the device would refuse."""
        return _plan(self, address, count)

    def __hash__(self) -> int:
        """Identity: a map is a constant; hashing its contents at every read would cost more than the read."""
        return id(self)


@dataclass(frozen=True, slots=True)
class Plan:
    """A read worked out: registers with their place relative to the first word asked for (negative: begins before)."""

    count: int
    parts: tuple[tuple[int, Register], ...]
    has_energy: bool

    def words(self, reading: Reading) -> list[int]:
        """Encode."""
        answer = [0] * self.count
        for place, register in self.parts:
            for index, word in enumerate(encode(register, reading.value(register.quantity)), start=place):
                if 0 <= index < self.count:
                    answer[index] = word
        return answer

    def spoil_with_nan(self, words: list[int]) -> None:
        """Every float register in `words` becomes NaN."""
        for place, register in self.parts:
            if register.kind == "float32" and place >= 0 and place + 1 < self.count:
                words[place : place + 2] = _NAN_WORDS


def encode(register: Register, value: float) -> tuple[int, ...]:
    """The words of one value, high word first; integers are cut down to the register's step and wrap like a counter."""
    if register.kind == "float32":
        raw = struct.pack(">f", value / register.step)
    else:
        whole = _in_steps(value, register.step)
        size_bits = register.words * 16
        whole &= (1 << size_bits) - 1
        raw = whole.to_bytes(register.words * 2, "big")
    return struct.unpack(f">{register.words}H", raw)


def _in_steps(value: float, step: float) -> int:
    """Energy (an int in an int step) is floored, as a counter does; what is measured is rounded."""
    if isinstance(value, int) and isinstance(step, int):
        return value // step
    return round(value / step)


@lru_cache(maxsize=4096)
def _plan(registers: RegisterMap, address: int, count: int) -> Plan:
    if count > registers.most_words:
        raise Refusal(ILLEGAL_VALUE)
    end = address + count
    if not any(first <= address and end - 1 <= last for first, last in registers.segments):
        raise Refusal(ILLEGAL_ADDRESS)
    touched = [r for r in registers.registers if r.address < end and address < r.address + r.words]
    if registers.whole and any(r.address < address or r.address + r.words > end for r in touched):
        raise Refusal(ILLEGAL_ADDRESS)
    parts = tuple((register.address - address, register) for register in touched)
    return Plan(count, parts, any(register.is_energy for register in touched))
