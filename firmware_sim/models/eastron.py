"""Eastron SDM630-Modbus: three phases, float32 input registers, a serial number, no relay.

A float32 of kWh carries 24 bits: 1 Wh steps up to 16.7 MWh, 8 Wh at 100 MWh. Reads must not cut a parameter in two
and take at most 80 registers; unused input registers inside a block read 0. Wraps at 10,000,000 kWh (seven digits on
the display).
"""

from __future__ import annotations

from firmware_sim.models.model import Model
from firmware_sim.registers import Register, RegisterMap
from firmware_sim.wire import READ_HOLDING, READ_INPUT

_WH_PER_KWH = 1000
_PHASE_BLOCKS = {
    0: "voltage",
    6: "current",
    12: "power_active",
    18: "power_apparent",
    24: "power_reactive",
    30: "power_factor",
}
_SINGLES = {
    52: "power_active",
    56: "power_apparent",
    60: "power_reactive",
    62: "power_factor",
    66: "phase_angle",
    70: "frequency",
    224: "current_n",
}
_LINE_VOLTAGES = {200: "voltage_l1_l2", 202: "voltage_l2_l3", 204: "voltage_l3_l1"}
_ENERGIES = {
    72: "energy_import",
    74: "energy_export",
    76: "energy_reactive_import",
    78: "energy_reactive_export",
    342: "energy_total",
    344: "energy_reactive_total",
}
_PHASE_ENERGIES = {346: "energy_import", 352: "energy_export", 358: "energy_total"}


def _by_phase(blocks: dict[int, str], step: float = 1) -> tuple[Register, ...]:
    return tuple(
        Register(first + 2 * phase, "float32", f"{stem}_l{phase + 1}", step)
        for first, stem in blocks.items()
        for phase in range(3)
    )


_INPUT = (
    *_by_phase(_PHASE_BLOCKS),
    *(Register(address, "float32", quantity) for address, quantity in (_SINGLES | _LINE_VOLTAGES).items()),
    *(Register(address, "float32", quantity, _WH_PER_KWH) for address, quantity in _ENERGIES.items()),
    *_by_phase(_PHASE_ENERGIES, _WH_PER_KWH),
)

_HOLDING = (
    Register(12, "float32", "relay_pulse_width"),
    Register(18, "float32", "parity_stop"),
    Register(20, "float32", "unit"),
    Register(28, "float32", "baud_index"),
    Register(64512, "uint32", "serial"),
)

SDM630 = Model(
    name="sdm630",
    vendor="Eastron",
    phases=3,
    serial_line="9600 8N1",
    maps={
        READ_INPUT: RegisterMap(_INPUT, ((0, 89), (200, 225), (342, 363)), most_words=80, whole=True),
        READ_HOLDING: RegisterMap(_HOLDING, ((12, 13), (18, 21), (28, 29), (64512, 64513)), most_words=80, whole=True),
    },
    modulus_wh=10_000_000_000,
    quantum_wh=1,
    settings={"relay_pulse_width": 100, "parity_stop": 0, "baud_index": 2},
)
