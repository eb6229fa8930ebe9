"""Acrel DDSY1352 prepaid meter: energy per tariff in 10 Wh steps, the relay forced by two words at 0x0057.

[1, 1] forces open, [1, 0] forces closed, [0, x] hands the relay back to the meter's own prepaid logic (simulated as:
closed). FC03 and FC16 only. There is no public register for power or voltage, so there is none here.
"""

from __future__ import annotations

from firmware_sim.models.model import Model, SwitchKind, Writable
from firmware_sim.registers import Register, RegisterMap
from firmware_sim.wire import ILLEGAL_ADDRESS, ILLEGAL_VALUE, READ_HOLDING, Refusal

_FORCED = 0x0057
_STEP_WH = 10
_MAP = RegisterMap(
    (
        Register(0x0000, "uint32", "energy_total", _STEP_WH),
        Register(0x0002, "uint32", "energy_tariff_sharp", _STEP_WH),
        Register(0x0004, "uint32", "energy_tariff_peak", _STEP_WH),
        Register(0x0006, "uint32", "energy_tariff_flat", _STEP_WH),
        Register(0x0008, "uint32", "energy_tariff_valley", _STEP_WH),
        Register(0x0038, "uint16", "ct_ratio"),
        Register(_FORCED, "uint16", "relay_forced"),
        Register(_FORCED + 1, "uint16", "relay_open"),
        Register(0x5030, "uint32", "energy_tariff_deep_valley", _STEP_WH),
    ),
    segments=((0x0000, 0x0009), (0x0038, 0x0038), (_FORCED, _FORCED + 1), (0x5030, 0x5031)),
)


def _write(meter: Writable, address: int, words: tuple[int, ...]) -> None:
    match address, words:
        case 0x0057, (1, 0 | 1 as opened):
            meter.remember("relay_forced", 1)
            meter.command_relay(closed=not opened)
        case 0x0057, (0, 0 | 1):
            meter.remember("relay_forced", 0)
            meter.command_relay(closed=True)
        case 0x0057, (_, _):
            raise Refusal(ILLEGAL_VALUE)
        case _:
            raise Refusal(ILLEGAL_ADDRESS)


DDSY1352 = Model(
    name="ddsy1352",
    vendor="Acrel",
    phases=1,
    serial_line="9600 8N1",
    maps={READ_HOLDING: _MAP},
    modulus_wh=(1 << 32) * _STEP_WH,
    quantum_wh=_STEP_WH,
    switch=SwitchKind.RELAY,
    write=_write,
    settings={"ct_ratio": 1, "relay_forced": 0},
)
