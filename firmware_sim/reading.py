"""What a meter measures at one instant: all of it follows from power, voltage, power factor and two energy registers.

Units: V, A, W, VA, var, Hz, degrees; energy in whole Wh and varh. Phases share the load evenly, the first takes the
remainder.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SQRT3 = math.sqrt(3)


@dataclass(slots=True)
class Reading:
    """One instant. `settings` are the model's own registers (serial, relay position, thresholds ...) by name."""

    power_mw: int
    import_wh: int
    export_wh: int
    phases: int
    voltage_v: float
    power_factor: float
    frequency_hz: float
    settings: Mapping[str, float] = field(default_factory=dict)

    def value(self, quantity: str) -> float:
        """The value of a quantity named in a register map."""
        if quantity in self.settings:
            return self.settings[quantity]
        stem, _, last = quantity.rpartition("_")
        if last in _PHASES:
            return _BY_PHASE[stem](self, self._share_mw(_PHASES[last]), _PHASES[last])
        return _TOTALS[quantity](self)

    def apparent_va(self, power_mw: int) -> float:
        """|P| / cos phi."""
        return abs(power_mw) / 1000 / self.power_factor

    def reactive_var(self, power_mw: int) -> float:
        """Inductive, never negative."""
        return abs(power_mw) / 1000 * self.tangent()

    def factor(self) -> float:
        """The power factor shown: 1 without current."""
        return self.power_factor if self.power_mw else 1.0

    def tangent(self) -> float:
        """Reactive over active."""
        return math.sqrt(1 - self.power_factor**2) / self.power_factor

    def _share_mw(self, phase: int) -> int:
        return share(self.power_mw, phase, self.phases)


def share(whole: int, phase: int, phases: int) -> int:
    """The part of `whole` in one phase (0-based); the parts add up exactly."""
    if phase >= phases:
        return 0
    part = whole // phases
    return part if phase else whole - part * (phases - 1)


_PHASES = {"l1": 0, "l2": 1, "l3": 2}

_TOTALS: Mapping[str, Callable[[Reading], float]] = {
    "voltage": lambda r: r.voltage_v,
    "current": lambda r: r.apparent_va(r.power_mw) / r.voltage_v / r.phases,
    "current_n": lambda _: 0.0,
    "power_active": lambda r: r.power_mw / 1000,
    "power_apparent": lambda r: r.apparent_va(r.power_mw),
    "power_reactive": lambda r: r.reactive_var(r.power_mw),
    "power_factor": lambda r: r.factor(),
    "phase_angle": lambda r: math.degrees(math.acos(r.factor())),
    "frequency": lambda r: r.frequency_hz,
    "energy_import": lambda r: r.import_wh,
    "energy_export": lambda r: r.export_wh,
    "energy_total": lambda r: r.import_wh + r.export_wh,
    "energy_reactive_import": lambda r: int(r.import_wh * r.tangent()),
    "energy_reactive_export": lambda r: int(r.export_wh * r.tangent()),
    "energy_reactive_total": lambda r: int(r.import_wh * r.tangent()) + int(r.export_wh * r.tangent()),
    # Acrel counts per tariff; the simulated meter knows one tariff and books everything as flat.
    "energy_tariff_sharp": lambda _: 0,
    "energy_tariff_peak": lambda _: 0,
    "energy_tariff_flat": lambda r: r.import_wh,
    "energy_tariff_valley": lambda _: 0,
    "energy_tariff_deep_valley": lambda _: 0,
    "zero": lambda _: 0,
}

_BY_PHASE: Mapping[str, Callable[[Reading, int, int], float]] = {
    "voltage": lambda r, _mw, _phase: r.voltage_v,
    "voltage_l1": lambda r, _mw, _phase: r.voltage_v * SQRT3,
    "voltage_l2": lambda r, _mw, _phase: r.voltage_v * SQRT3,
    "voltage_l3": lambda r, _mw, _phase: r.voltage_v * SQRT3,
    "current": lambda r, mw, _phase: r.apparent_va(mw) / r.voltage_v,
    "power_active": lambda _, mw, _phase: mw / 1000,
    "power_apparent": lambda r, mw, _phase: r.apparent_va(mw),
    "power_reactive": lambda r, mw, _phase: r.reactive_var(mw),
    "power_factor": lambda r, _mw, _phase: r.factor(),
    "energy_import": lambda r, _mw, phase: share(r.import_wh, phase, r.phases),
    "energy_export": lambda r, _mw, phase: share(r.export_wh, phase, r.phases),
    "energy_total": lambda r, _mw, phase: share(r.import_wh, phase, r.phases) + share(r.export_wh, phase, r.phases),
}
