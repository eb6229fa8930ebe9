"""Schneider iEM3155: three phases, int64 Wh, an overload alarm whose digital output drives a contactor.

Wire addresses are manual register numbers minus 1. The alarm is set through the command interface at manual 5250
(FC16) and read back at 45001-45006. A flag is accepted as 1 or 0x0100 (the public sources differ) and shown as
0x0100.
"""

from __future__ import annotations

import math
import struct

from firmware_sim.models.model import Model, SwitchKind, Writable
from firmware_sim.registers import Register, RegisterMap
from firmware_sim.wire import ILLEGAL_ADDRESS, ILLEGAL_VALUE, READ_HOLDING, Refusal

_W_PER_KW = 1000
_COMMAND_ADDRESS = 5249
_ALARM_IDS = (0, 9)
_FLAGS = {0x0000: False, 0x0001: True, 0x0100: True}
_MOST_KW = 1e6


def _phases(first: int, stem: str, step: float = 1) -> tuple[Register, ...]:
    return tuple(Register(first + 2 * phase, "float32", f"{stem}_l{phase + 1}", step) for phase in range(3))


_MAP = RegisterMap(
    (
        *_phases(2999, "current"),
        *_phases(3027, "voltage"),
        *_phases(3053, "power_active", _W_PER_KW),
        Register(3059, "float32", "power_active", _W_PER_KW),
        Register(3067, "float32", "power_reactive", _W_PER_KW),
        Register(3075, "float32", "power_apparent", _W_PER_KW),
        Register(3109, "float32", "frequency"),
        Register(3203, "int64", "energy_import"),
        Register(3207, "int64", "energy_export"),
        Register(3219, "int64", "energy_reactive_import"),
        Register(3223, "int64", "energy_reactive_export"),
        *(Register(3517 + 4 * phase, "int64", f"energy_import_l{phase + 1}") for phase in range(3)),
        Register(45000, "uint16", "overload_enabled"),
        Register(45001, "float32", "overload_pickup_kw"),
        Register(45003, "uint16", "overload_output"),
        Register(45004, "uint16", "overload_active"),
        Register(45005, "uint16", "overload_unacknowledged"),
    ),
    segments=(
        (2999, 3004),
        (3027, 3032),
        (3053, 3060),
        (3067, 3068),
        (3075, 3076),
        (3109, 3110),
        (3203, 3210),
        (3219, 3226),
        (3517, 3528),
        (45000, 45005),
    ),
)


def _write(meter: Writable, address: int, words: tuple[int, ...]) -> None:
    overload = meter.overload
    if address != _COMMAND_ADDRESS or overload is None:
        raise Refusal(ILLEGAL_ADDRESS)
    match words[0], len(words):
        case 7000, 19 if words[2] in _ALARM_IDS:
            (pickup_kw,) = struct.unpack(">f", struct.pack(">HH", words[7], words[8]))
            if not math.isfinite(pickup_kw) or not 0 <= pickup_kw <= _MOST_KW:
                raise Refusal(ILLEGAL_VALUE)
            pickup_mw = round(pickup_kw * 1_000_000)
            overload.configure(pickup_mw=pickup_mw, enabled=_flag(words[6]), now_ns=meter.now_ns())
        case 20000, 7:
            overload.associate(drives_output=_flag(words[6]), now_ns=meter.now_ns())
        case 20001, 2:
            overload.unacknowledged = False
        case _:
            raise Refusal(ILLEGAL_VALUE)


def _flag(word: int) -> bool:
    if word not in _FLAGS:
        raise Refusal(ILLEGAL_VALUE)
    return _FLAGS[word]


IEM3155 = Model(
    name="iem3155",
    vendor="Schneider Electric",
    phases=3,
    serial_line="19200 8E1",
    maps={READ_HOLDING: _MAP},
    modulus_wh=1 << 63,
    quantum_wh=1,
    switch=SwitchKind.OVERLOAD_OUTPUT,
    write=_write,
)
