"""A line that answers what the fuzzer says, at the times it says, below the real adapter and pymodbus' real framer.

An input is a script: one byte that picks two questions, then pieces of (kind and delay, length, bytes). A piece is raw
bytes, or bytes whose check sum is put right, or the right answer with some of its bytes changed: blind bytes would
seldom get past the check sum. The oracle is written here from the Modbus documents and shares nothing with the
adapter: what is accepted as an answer must have stood, whole and right, in what the line said after that question.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from pymodbus.transport import transport as pymodbus_transport

from gateway.errors import MeterError
from gateway.meters.modbus import ModbusLink, open_serial, open_tcp
from gateway.meters.planner import parse_line
from tests.fuzz.mutation import mutate_bytes
from tests.fuzz.virtual import LineLoop, VirtualClock

UNIT = 17
TIMEOUT_MS = 200
STEP_MS = 12
# Two waits for the line to become clean and quiet, the question itself, and the gaps between.
PATIENCE_MS = 5 * TIMEOUT_MS
_TABLE = [0] * 256
for _byte in range(256):
    _crc = _byte
    for _ in range(8):
        _crc = _crc >> 1 ^ 0xA001 if _crc & 1 else _crc >> 1
    _TABLE[_byte] = _crc

Ask = Callable[[ModbusLink], Coroutine[Any, Any, None]]
_READS = ((3, 0, 2), (4, 72, 10), (1, 0, 9), (3, 0x100, 125), (2, 7, 1))
_WRITES: tuple[tuple[bytes, Ask], ...] = (
    (struct.pack(">BHH", 16, 0x57, 2), lambda link: link.write_registers(UNIT, 0x57, [1, 0])),
    (struct.pack(">BHH", 6, 0x1A, 1), lambda link: link.write_register(UNIT, 0x1A, 1)),
    (struct.pack(">BHH", 5, 3, 0xFF00), lambda link: link.write_coil(UNIT, 3, on=True)),
)


def crc(data: bytes) -> bytes:
    """The check sum of an RTU frame as it goes over the line."""
    value = 0xFFFF
    for byte in data:
        value = value >> 8 ^ _TABLE[(value ^ byte) & 0xFF]
    return value.to_bytes(2, "little")


class Line:
    """The far end: delivers the script and remembers what it said since the last question."""

    def __init__(self, loop: LineLoop, *, tcp: bool) -> None:
        self.tcp = tcp
        self.asked = b""
        self.said = b""
        self._loop = loop
        self._protocol: Any = None

    def connect(self, factory: Callable[[], Any]) -> tuple[Line, Any]:
        """What opening the port gives: this as the transport, and the adapter's protocol."""
        self._protocol = factory()
        self._protocol.connection_made(self)
        return self, self._protocol

    def write(self, data: bytes) -> None:
        """A question; what was said before belongs to another one."""
        self.asked, self.said = data, b""

    def close(self) -> None:
        """Nothing is held."""

    def is_closing(self) -> bool:
        return False

    def say(self, kind: int, data: bytes) -> None:
        """One piece of the script."""
        if self._protocol is None or self._protocol.transport is None:
            return
        if kind == 6:
            self._protocol.connection_lost(None)
            return
        spoken = self._spoken(kind, data)
        if spoken:
            self.said += spoken
            self._protocol.data_received(spoken)

    def _spoken(self, kind: int, data: bytes) -> bytes:
        if kind in (0, 7) or not self.asked:
            return data
        if kind == 1:
            return self.frame(data)
        body = bytearray(bytes([UNIT]) + answer_to(self._question()))
        if kind == 3:  # some bytes changed, the check sum or the length right again
            for at, flip in zip(data[::2], data[1::2], strict=False):
                body[at % len(body)] ^= flip
        if kind == 5:  # as for another question
            body = bytearray([UNIT]) + answer_to(struct.pack(">BHH", data[0] & 7 if data else 3, 0, len(data) + 1))
        whole = self.frame(bytes(body))
        return whole[: -(data[0] % 16) or None] if kind == 4 and data else whole

    def frame(self, body: bytes) -> bytes:
        """Unit and PDU with what the line puts around them."""
        if not self.tcp:
            return body + crc(body)
        return self.asked[:2] + b"\0\0" + len(body).to_bytes(2, "big") + body

    def _question(self) -> bytes:
        return self.asked[7:] if self.tcp else self.asked[1:-2]


def answer_to(question: bytes) -> bytes:
    """The PDU of a right answer."""
    code = question[0]
    count = int.from_bytes(question[3:5], "big")
    if code in (1, 2):
        size = min((count + 7) // 8, 250)
    elif code in (3, 4):
        size = min(2 * count, 250)
    else:
        return question[:5]
    return bytes([code, size]) + bytes(range(size))


def pieces(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Kind, delay in ms and bytes of each piece of a script."""
    at = 1
    while at + 2 <= len(data):
        head, size = data[at], data[at + 1]
        yield head & 7, (head >> 3) * STEP_MS, data[at + 2 : at + 2 + size]
        at += 2 + size


def check(data: bytes, *, tcp: bool) -> None:
    """Play one script against a link that was just opened; the port is the only thing that is not real."""
    names = vars(pymodbus_transport)
    before, names[_OPENS] = names[_OPENS], _serial
    try:
        _LOOP.play(_play(data or b"\0", tcp=tcp))
    finally:
        names[_OPENS] = before


async def _play(data: bytes, *, tcp: bool) -> None:
    clock = VirtualClock(_LOOP)
    line = Line(_LOOP, tcp=tcp)
    _LOOP.connect = line.connect
    if tcp:
        link = open_tcp("b", "192.0.2.1", 502, clock, timeout_ms=TIMEOUT_MS)
    else:
        link = open_serial("b", "/dev/line", _SETTINGS, clock, timeout_ms=TIMEOUT_MS, gap_ms=20)
    when_s = _LOOP.time()
    for kind, delay_ms, content in pieces(data):
        when_s += delay_ms / 1000
        _LOOP.call_at(when_s, line.say, kind, content)
    for question in (data[0] & 7, data[0] >> 3 & 7):
        began_ms = clock.monotonic_ms()
        try:
            expected = await _ask(link, question, line)
        except MeterError:
            expected = b""
        assert clock.monotonic_ms() - began_ms <= PATIENCE_MS, "a question took longer than it may"
        assert expected in line.said, f"accepted {expected.hex()}, which the line did not say: {line.said.hex()}"
    await link.close()


async def _ask(link: ModbusLink, question: int, line: Line) -> bytes:
    """The frame that must have been on the line for what was accepted."""
    if question < len(_READS):
        code, address, count = _READS[question]
        payload = await link.read(UNIT, code, address, count)
        size = 2 * count if code in (3, 4) else (count + 7) // 8
        assert len(payload) == size, f"{len(payload)} bytes for {count} values"
        return line.frame(bytes([UNIT, code, size]) + payload)
    echo, write = _WRITES[question - len(_READS)]
    await write(link)
    return line.frame(bytes([UNIT]) + echo)


async def _serial(_loop: Any, factory: Callable[[], Any], *_: Any, **__: Any) -> tuple[Line, Any]:
    line: tuple[Line, Any] = _LOOP.connect(factory)
    return line


_LOOP = LineLoop()
_SETTINGS = parse_line("9600 8N1")
_OPENS = "create_serial_connection"


def seeds() -> Iterator[bytes]:
    """A right answer to each question, alone, late, in two parts, behind noise, and for another unit."""
    for question in range(8):
        head = bytes([question | question << 3])
        yield head + bytes([2 | 1 << 3, 0, 2 | 2 << 3, 0])
        yield head + bytes([2 | 18 << 3, 0, 2 | 2 << 3, 0])
        yield head + bytes([4 | 1 << 3, 1, 3]) + bytes([0, 2, 7, 9, 2 | 3 << 3, 0])
        yield head + bytes([0 | 1 << 3, 3, 0, 0xFF, UNIT, 2 | 1 << 3, 0])
        yield head + bytes([3 | 1 << 3, 2, 0, 1, 3 | 20 << 3, 2, 1, 0x80])
        yield head + bytes([5 | 1 << 3, 2, 3, 0, 6 | 1 << 3, 0, 1 | 1 << 3, 3, UNIT, 0x83, 2])


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Change a script piece by piece, so that the lengths stay true; its bytes now and then."""
    if chance.random() < 0.3 or not data:
        return mutate_bytes(data, chance)
    script = list(pieces(data))
    kind = chance.randrange(4)
    if kind == 0 or not script:
        fresh = (chance.randrange(8), chance.choice((0, 1, 2, 5, 16, 17, 18, 31)) * STEP_MS, _content(chance))
        script.insert(chance.randint(0, len(script)), fresh)
    elif kind == 1:
        del script[chance.randrange(len(script))]
    else:
        at = chance.randrange(len(script))
        form, delay_ms, content = script[at]
        changed = mutate_bytes(content, chance)[:255]
        script[at] = (chance.randrange(8) if kind == 2 else form, delay_ms, changed)
    head = chance.randrange(64) if chance.random() < 0.1 else data[0]
    return bytes([head]) + b"".join(
        bytes([form | delay_ms // STEP_MS << 3, len(content)]) + content for form, delay_ms, content in script[:24]
    )


def _content(chance: random.Random) -> bytes:
    code = chance.choice((1, 2, 3, 4, 5, 6, 16, 0x83, 0x84, 0x90, 43, 0x2B, 20, 24, 7, 8, 11, 12, 17, 22, 23))
    size = chance.choice((0, 1, 2, 4, 20, 250))
    return (bytes([UNIT, code]) + bytes([size]) * chance.randint(0, 1) + chance.randbytes(size))[:255]
