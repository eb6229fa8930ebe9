"""Modbus RTU over a pty: a frame ends with 3.5 characters of silence; whatever has no good CRC is ignored.

A pty (`pty.py`) has no baud rate: `line_time` adds the time the bytes of request and answer would take.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, assert_never

from firmware_sim.clock import NS_PER_S
from firmware_sim.device import Spoil
from firmware_sim.line import Line
from firmware_sim.pty import Pty
from firmware_sim.wire import crc16

if TYPE_CHECKING:
    from pathlib import Path

    from firmware_sim.device import Device, Reply

_BITS_PER_CHARACTER = 11
_SILENCE_CHARACTERS = 3.5
_FASTEST_SILENCE_S = 0.00175
_SILENCE_FIXED_ABOVE_BAUD = 19_200
_SHORTEST_FRAME = 4
_LONGEST_FRAME = 256


class RtuLine(Line):
    """A pty under a stable path (a symbolic link)."""

    def __init__(self, line_id: str, path: Path, *, baud: int, line_time: bool) -> None:
        super().__init__(line_id, path=path)
        self._character_s = _BITS_PER_CHARACTER / baud
        self._silence_s = silence_s(baud)
        self._line_time = line_time
        self._pty = Pty(path, self._on_bytes)
        self._buffer = bytearray()
        self._end_of_frame: asyncio.TimerHandle | None = None

    async def replug(self) -> None:
        """See `Line`: a fresh pty under the same path."""
        self._pty.plug()
        self.plugged = True

    async def unplug(self) -> None:
        """See `Line`."""
        if not self.plugged:
            return
        self.plugged = False
        if self._end_of_frame is not None:
            self._end_of_frame.cancel()
        self._buffer.clear()
        self._pty.unplug()

    def endpoint(self) -> dict[str, object]:
        """See `Line`."""
        return {"id": self.id, "pty": str(self.path)}

    def _on_bytes(self, data: bytes) -> None:
        self._buffer += data
        del self._buffer[: max(0, len(self._buffer) - _LONGEST_FRAME - 1)]
        if self._end_of_frame is not None:
            self._end_of_frame.cancel()
        self._end_of_frame = asyncio.get_running_loop().call_later(self._silence_s, self._on_silence)

    def _on_silence(self) -> None:
        frame = bytes(self._buffer)
        self._buffer.clear()
        if not _SHORTEST_FRAME <= len(frame) <= _LONGEST_FRAME or crc16(frame[:-2]) != frame[-2:]:
            return
        answered = self.exchange(frame[0], frame[1:-2])
        if answered is not None:
            self._answer(len(frame), *answered)

    def _answer(self, request_bytes: int, device: Device, reply: Reply) -> None:
        body = bytes((reply.unit,)) + reply.pdu
        checksum = crc16(body)
        match reply.spoil:
            case Spoil.GARBAGE:
                frame = device.garbage()
            case Spoil.CRC:
                frame = body + bytes((checksum[0] ^ 0x55, checksum[1]))
            case Spoil.NOTHING:
                frame = body + checksum
            case _:
                assert_never(reply.spoil)
        delay_s = reply.delay_ns / NS_PER_S
        if self._line_time:
            delay_s += (request_bytes + len(frame)) * self._character_s
        self._pty.say(frame, delay_s)


def silence_s(baud: int) -> float:
    """3.5 characters; fixed at 1.75 ms above 19200 baud (Modbus over serial line 1.02, 2.5.1.1)."""
    return _FASTEST_SILENCE_S if baud > _SILENCE_FIXED_ABOVE_BAUD else _SILENCE_CHARACTERS * _BITS_PER_CHARACTER / baud
