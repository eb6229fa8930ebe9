"""Clients of the tests: they speak Modbus with `struct` and a CRC of their own, never with the simulator's code."""

from __future__ import annotations

import asyncio
import os
import select
import struct
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PLANT = """
[[line]]
id = "lan"
kind = "tcp"

[[line]]
id = "bus"
kind = "rtu"
baud = 19200

[[meter]]
id = "sdm"
line = "lan"
unit = 1
model = "sdm630"
serial = 21457003
start_kwh = 5120.5
load = 3000

[[meter]]
id = "iem"
line = "lan"
unit = 2
model = "iem3155"
start_kwh = 40210.777
load = 3000

[[relay]]
id = "board"
line = "lan"
unit = 17

[[relay.drives]]
channel = 0
meter = "sdm"

[[meter]]
id = "dds"
line = "bus"
unit = 1
model = "dds238"
start_kwh = 1234.56
load = 1000

[[meter]]
id = "acrel"
line = "bus"
unit = 2
model = "ddsy1352"
start_kwh = 88.1
load = 500
"""


def crc(data: bytes) -> bytes:
    """CRC-16/MODBUS, bit by bit as in the specification's flow chart."""
    register = 0xFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            carry = register & 1
            register >>= 1
            if carry:
                register ^= 0xA001
    return bytes((register & 0xFF, register >> 8))


class TcpClient:
    """One Modbus TCP connection, raw."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, port: int) -> TcpClient:
        """To loopback."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def send(self, unit: int, pdu: str, transaction: int = 1) -> None:
        """Write one request; `pdu` in hexadecimal."""
        body = bytes.fromhex(pdu)
        self._writer.write(struct.pack(">HHHB", transaction, 0, len(body) + 1, unit) + body)

    async def receive(self, wait_s: float = 5) -> bytes:
        """One whole frame as it came; b"" after `wait_s` of silence. Garbage that is no frame comes as it is."""
        try:
            async with asyncio.timeout(wait_s):
                return await self._reader.read(512)
        except TimeoutError:
            return b""

    async def ask(self, unit: int, pdu: str, wait_s: float = 5) -> bytes:
        """The answer frame without its transaction, protocol and length: unit id and PDU."""
        self.send(unit, pdu)
        return (await self.receive(wait_s))[6:]

    async def float32(self, unit: int, address: int, function: int = 4) -> float:
        """One float, high word first."""
        answer = await self.ask(unit, f"{function:02x}{address:04x}0002")
        (value,) = struct.unpack(">f", answer[3:7])
        return float(value)

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        await self._writer.wait_closed()


def rtu_ask(path: Path, frame: bytes, wait_s: float = 5, quiet_s: float = 0.02) -> bytes:
    """Open the port, write, collect until it is quiet, close. Blocking: call it in a thread."""
    port = os.open(path, os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(port, frame)
        return rtu_collect(port, wait_s, quiet_s)
    finally:
        os.close(port)


def rtu_collect(port: int, wait_s: float, quiet_s: float = 0.02) -> bytes:
    """What arrives, from the first byte within `wait_s` until `quiet_s` of silence."""
    received = b""
    end_s = time.monotonic() + wait_s
    while select.select([port], [], [], quiet_s if received else max(0, end_s - time.monotonic()))[0]:
        received += os.read(port, 512)
    return received


async def rtu(path: Path, unit: int, pdu: str, wait_s: float = 5) -> bytes:
    """One exchange: the answer with its CRC checked and taken off; b"" = silence."""
    body = bytes((unit,)) + bytes.fromhex(pdu)
    answer = await asyncio.to_thread(rtu_ask, path, body + crc(body), wait_s)
    if not answer:
        return b""
    assert crc(answer[:-2]) == answer[-2:], answer.hex(" ")
    return answer[:-2]
