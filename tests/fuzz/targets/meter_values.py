"""Registers with any content, in an answer of the right length: an `Observation` that can be sent, or MeterError."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import lru_cache
from math import isfinite
from typing import cast

import msgspec

from gateway.errors import MeterError
from gateway.meters import profile
from gateway.meters.device import ModbusMeter
from gateway.meters.meter import Observation
from gateway.meters.modbus import ModbusLink
from gateway.meters.profile import Capability, Profile
from gateway.meters.switch import MeterSwitch
from tests.fuzz.mutation import after, mutate_bytes
from tests.fuzz.target import Target
from tests.fuzz.virtual import LineLoop, VirtualClock

MODELS = [name for name in profile.known_models() if profile.load(name).can_bill]
_CLOCK = VirtualClock(LineLoop())
_PATTERNS = (
    "7fff",
    "ffff",
    "8000",
    "0000",
    "7fc00000",
    "7f800000",
    "ff800000",
    "7f7fffff",
    "00000001",
    "4b189680",
    "7fffffff",
)


class Answers:
    """A link that answers with the bytes it is given, over and over, in the length that is asked for."""

    content = b"\0"

    async def read(self, unit: int, fc: int, address: int, count: int) -> bytes:
        size = 2 * count if fc in (3, 4) else (count + 7) // 8
        offset = 2 * address % len(self.content)
        return ((self.content * (size // len(self.content) + 2))[offset:])[:size]


def _meter(model: Profile, link: Answers) -> ModbusMeter:
    switch = MeterSwitch(cast("ModbusLink", link), 1, model) if model.switch is not None else None
    threshold = Capability.SET_LIMIT in model.capabilities
    bus = cast("ModbusLink", link)
    return ModbusMeter("m", bus, 1, model, clock=_CLOCK, switch=switch, threshold=threshold, slow_every_ms=0)


@lru_cache
def _ready(number: int) -> tuple[ModbusMeter, Answers]:
    link = Answers()
    return _meter(profile.load(MODELS[number]), link), link


def observe(meter: ModbusMeter) -> Observation | None:
    """One poll, which never waits here."""
    meter._serial_at_ms = 0
    poll = meter.read()
    try:
        poll.send(None)
    except StopIteration as done:
        return cast("Observation", done.value)
    except MeterError:
        return None
    raise AssertionError("a poll waited for something")


def judge(seen: Observation) -> None:
    """What is read may be stored and sent; a register that cannot be believed charges nothing (decision 6)."""
    assert (seen.import_wh is None) == (seen.defect is not None), seen
    assert seen.import_wh is None or seen.import_wh >= 0, seen
    assert seen.quantum_wh >= 1, seen
    assert seen.export_wh is None or seen.export_wh >= 0, seen
    assert all(isfinite(value) for value in seen.values.values()), seen
    msgspec.json.encode(seen.values)


def check(data: bytes) -> None:
    meter, link = _ready(data[0] % len(MODELS) if data else 0)
    link.content = data[1:] or b"\0"
    seen = observe(meter)
    if seen is not None:
        judge(seen)


def seeds() -> Iterator[bytes]:
    for number in range(len(MODELS)):
        for pattern in _PATTERNS:
            yield bytes([number]) + bytes.fromhex(pattern)
        yield bytes([number]) + bytes(range(1, 251))


def mutate(data: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.4 and len(data) > 1:
        pattern, at = bytes.fromhex(chance.choice(_PATTERNS)), chance.randrange(1, len(data))
        return data[:at] + pattern + data[at + len(pattern) :]
    return after(1, mutate_bytes)(data, chance)


TARGET = Target(check, seeds, mutate, max_bytes=400)
