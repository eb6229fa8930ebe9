"""Listening to a bus: the frames of its own traffic as they went over the wire, decoded for a person.

Nobody pays for it while nobody listens: a tap is put on a link when somebody asks, and takes itself off a minute after
the last time it was asked.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass

FRAMES_MAX = 500
FRAME_MAX_BYTES = 300
LISTENS_MS = 60_000
_MBAP_BYTES = 7
EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge, still working",
    6: "device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target did not answer",
}
"""What a device refuses with (Modbus application protocol, section 7)."""
_READS, _WRITES = (1, 2, 3, 4), (5, 6, 15, 16)


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes that went one way: `number` counts the frames of a tap, `at_ms` is monotonic."""

    number: int
    at_ms: int
    sent: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Decoded:
    """What the bytes say; `fault` is what is wrong with them ("" for nothing), fields that are not there are None."""

    unit: int | None
    function: int | None
    address: int | None = None
    count: int | None = None
    words: tuple[int, ...] = ()
    exception: int | None = None
    fault: str = ""


class Tap:
    """The latest frames of one link; the oldest are forgotten."""

    def __init__(self, now_ms: int) -> None:
        self._frames: deque[Frame] = deque(maxlen=FRAMES_MAX)
        self._number = 0
        self._asked_ms = now_ms

    def heard(self, now_ms: int, data: bytes, *, sent: bool) -> bool:
        """Keep a frame; False when nobody has asked for a minute, so that the tap can be taken off."""
        self._number += 1
        self._frames.append(Frame(self._number, now_ms, sent, data[:FRAME_MAX_BYTES]))
        return now_ms - self._asked_ms < LISTENS_MS

    def after(self, number: int, now_ms: int) -> tuple[Frame, ...]:
        """The frames after this number that are still known."""
        self._asked_ms = now_ms
        return tuple(frame for frame in self._frames if frame.number > number)


def crc16(data: bytes) -> int:
    """The CRC of Modbus RTU (Modbus over serial line, 6.2.2)."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def decoded(frame: Frame, *, serial: bool) -> Decoded:
    """What a frame says. Total: any bytes give an answer, those that are no frame one with a `fault`."""
    data = frame.data
    if serial:
        if len(data) < 4:
            return Decoded(data[0] if data else None, None, fault="short")
        body, (crc,) = data[:-2], struct.unpack("<H", data[-2:])
        if crc16(body) != crc:
            return Decoded(body[0], body[1], fault="crc")
    else:
        if len(data) < _MBAP_BYTES + 1:
            return Decoded(None, None, fault="short")
        protocol, length = struct.unpack(">HH", data[2:6])
        body = data[_MBAP_BYTES - 1 :]
        if protocol != 0 or length != len(body):
            return Decoded(body[0], body[1], fault="length")
    return _said(body[0], body[1], body[2:], sent=frame.sent)


def _said(unit: int, function: int, rest: bytes, *, sent: bool) -> Decoded:
    if function & 0x80:
        return Decoded(unit, function & 0x7F, exception=rest[0] if rest else None, fault="" if rest else "short")
    if function not in (*_READS, *_WRITES):
        return Decoded(unit, function, fault="function")
    if function in _READS and not sent:
        values = rest[1:]
        if not rest or rest[0] != len(values):
            return Decoded(unit, function, fault="length")
        words = struct.unpack(f">{len(values) // 2}H", values[: len(values) // 2 * 2]) if function in (3, 4) else ()
        return Decoded(unit, function, words=words or tuple(values))
    if len(rest) < 4:
        return Decoded(unit, function, fault="short")
    address, second = struct.unpack(">HH", rest[:4])
    if function in (5, 6):
        return Decoded(unit, function, address, words=(second,))
    written = rest[5:] if sent and function in _WRITES else b""
    words = struct.unpack(f">{len(written) // 2}H", written[: len(written) // 2 * 2])
    return Decoded(unit, function, address, second, words)
