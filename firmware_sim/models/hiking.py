"""Hiking DDS238-2 ZN/SR: one phase, holding registers, 10 Wh steps, a relay at 0x001A.

Understands FC03 and FC16 only: FC06 is an illegal function. Writing 0 to registers 0-1 erases all energy, as on the
real meter.
"""

from __future__ import annotations

from firmware_sim.models.model import Model, SwitchKind, Writable
from firmware_sim.registers import Register, RegisterMap
from firmware_sim.wire import ILLEGAL_ADDRESS, ILLEGAL_VALUE, READ_HOLDING, Refusal

_RELAY_ADDRESS = 0x001A
_STEP_WH = 10
_MAP = RegisterMap(
    (
        Register(0x0000, "uint32", "energy_total", _STEP_WH),
        Register(0x0008, "uint32", "energy_export", _STEP_WH),
        Register(0x000A, "uint32", "energy_import", _STEP_WH),
        Register(0x000C, "uint16", "voltage", 0.1),
        Register(0x000D, "uint16", "current", 0.01),
        Register(0x000E, "int16", "power_active"),
        Register(0x000F, "uint16", "power_reactive"),
        Register(0x0010, "uint16", "power_factor", 0.001),
        Register(0x0011, "uint16", "frequency", 0.01),
        Register(0x0015, "uint16", "address_and_baud"),
        Register(_RELAY_ADDRESS, "uint16", "relay_closed"),
    ),
    segments=((0x0000, 0x0015), (_RELAY_ADDRESS, _RELAY_ADDRESS)),
)


def _write(meter: Writable, address: int, words: tuple[int, ...]) -> None:
    match address, words:
        case 0x001A, (0 | 1 as closed,):
            meter.command_relay(closed=bool(closed))
        case 0x001A, (_,):
            raise Refusal(ILLEGAL_VALUE)
        case 0x0000, (0, 0):
            meter.wipe_energy()
        case _:
            raise Refusal(ILLEGAL_ADDRESS)


DDS238 = Model(
    name="dds238",
    vendor="Hiking",
    phases=1,
    serial_line="9600 8N1",
    maps={READ_HOLDING: _MAP},
    modulus_wh=(1 << 32) * _STEP_WH,
    quantum_wh=_STEP_WH,
    switch=SwitchKind.RELAY,
    write=_write,
)
