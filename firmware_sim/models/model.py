"""What distinguishes one meter model from another: its register maps, its relay, and what writing to it does."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from firmware_sim.physics import OverloadContact
    from firmware_sim.registers import RegisterMap


class SwitchKind(StrEnum):
    """What opens the supply inside (or under the command of) the meter."""

    NONE = "none"
    RELAY = "relay"
    OVERLOAD_OUTPUT = "overload output"


class Writable(Protocol):
    """What a model's write rule may do to its meter."""

    @property
    def overload(self) -> OverloadContact | None:
        """The overload contactor, where the model has one."""

    def command_relay(self, *, closed: bool) -> None:
        """Command the internal relay, through whatever fault it has."""

    def remember(self, quantity: str, value: float) -> None:
        """A register of the model's own now reads this."""

    def wipe_energy(self) -> None:
        """All energy registers to 0."""

    def now_ns(self) -> int:
        """The instant of the write."""


@dataclass(frozen=True, slots=True)
class Model:
    """One meter model.

    `write(meter, address, words)` carries out FC16 or raises `Refusal`; FC06 is refused by all of them
    (`ILLEGAL_FUNCTION`). `settings` adds quantities of the model's own that never change (a float, or "serial"/"unit"
    filled in by the meter).
    """

    name: str
    vendor: str
    phases: int
    serial_line: str
    maps: Mapping[int, RegisterMap]
    modulus_wh: int
    quantum_wh: int
    switch: SwitchKind = SwitchKind.NONE
    write: Callable[[Writable, int, tuple[int, ...]], None] | None = None
    settings: Mapping[str, float] = field(default_factory=dict)

    def has_floats(self) -> bool:
        """Whether a NaN could show."""
        return any(register.kind == "float32" for bank in self.maps.values() for register in bank.registers)
