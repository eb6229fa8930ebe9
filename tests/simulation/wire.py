"""The wires: what the gateway's `ModbusLink` is to it, over simulated meters, in virtual time.

The physics, register maps and faults are firmware_sim's. Framing is not played here (the real adapter has its own tests
and fuzzers): a frame that a checksum or a length would give away is refused, as the adapter does.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Sequence

from firmware_sim import wire as pdus
from firmware_sim.device import Spoil
from firmware_sim.line import Line
from gateway.errors import MeterAnswerRefused, MeterSilent
from gateway.meters.meter import LineAway
from tests.simulation.medium import PowerCut

ANSWER_S = 0.02
TIMEOUT_S = 0.5


class Wire:
    """One bus of one life of the gateway. `heard` is told each write before it is carried out."""

    def __init__(self, line: Line, heard: Callable[[int, bytes], None]) -> None:
        self.bus_id = line.id
        self.where = f"tcp {line.id}"
        self.serial = False
        self.dead = False
        self._line = line
        self._heard = heard
        self._lock = asyncio.Lock()

    async def read(self, unit: int, fc: int, address: int, count: int) -> bytes:
        """See `ModbusLink`."""
        answer = await self._ask(unit, struct.pack(">BHH", fc, address, count))
        expected = 2 * count if fc in (3, 4) else (count + 7) // 8
        if len(answer) != 2 + expected or answer[1] != expected:
            raise MeterAnswerRefused(f"bus {self.bus_id} unit {unit} register {address}: {len(answer)} bytes")
        return answer[2:]

    async def write_registers(self, unit: int, address: int, words: Sequence[int]) -> None:
        """See `ModbusLink`."""
        head = struct.pack(">BHHB", 16, address, len(words), 2 * len(words))
        await self._write(unit, head + struct.pack(f">{len(words)}H", *words), struct.pack(">HH", address, len(words)))

    async def write_register(self, unit: int, address: int, word: int) -> None:
        """See `ModbusLink`."""
        body = struct.pack(">HH", address, word)
        await self._write(unit, b"\x06" + body, body)

    async def write_coil(self, unit: int, address: int, *, on: bool) -> None:
        """See `ModbusLink`."""
        body = struct.pack(">HH", address, 0xFF00 if on else 0)
        await self._write(unit, b"\x05" + body, body)

    def keep_gap(self, gap_ms: int) -> None:
        """Gaps are not played."""

    async def close(self) -> None:
        """Nothing is open."""

    async def _write(self, unit: int, pdu: bytes, echo: bytes) -> None:
        if not self.dead:
            self._heard(unit, pdu)
        if (await self._ask(unit, pdu))[1:] != echo:
            raise MeterAnswerRefused(f"bus {self.bus_id} unit {unit}: acknowledges another write")

    async def _ask(self, unit: int, pdu: bytes) -> bytes:
        async with self._lock:
            if self.dead:
                raise PowerCut
            if not self._line.plugged:
                raise LineAway(self.bus_id, f"bus {self.bus_id}: the port is gone")
            found = self._line.exchange(unit, pdu)
            delay_s = TIMEOUT_S if found is None else ANSWER_S + found[1].delay_ns / 1e9
            await asyncio.sleep(min(delay_s, TIMEOUT_S))
            if self.dead:
                raise PowerCut
        if found is None or delay_s >= TIMEOUT_S:
            raise MeterSilent(f"bus {self.bus_id} unit {unit}: no answer")
        reply = found[1]
        if reply.spoil is not Spoil.NOTHING or reply.unit != unit:
            raise MeterAnswerRefused(f"bus {self.bus_id} unit {unit}: no answer of this unit")
        if reply.pdu[0] != pdu[0]:
            code = reply.pdu[1] if reply.pdu[0] == pdu[0] | 0x80 else pdus.ILLEGAL_FUNCTION
            raise MeterAnswerRefused(f"bus {self.bus_id} unit {unit}: refused ({code})")
        return reply.pdu
