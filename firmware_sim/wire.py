"""Modbus PDUs as a slave sees them: bytes to `Request`, answers to bytes, and the CRC of RTU.

Written from the Modbus application protocol 1.1b3 and on purpose not shared with `gateway`: a decoder bug must not
hide on both sides.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

READ_COILS = 1
READ_HOLDING = 3
READ_INPUT = 4
WRITE_COIL = 5
WRITE_REGISTER = 6
WRITE_COILS = 15
WRITE_REGISTERS = 16

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3

MAX_PDU_BYTES = 253
MAX_READ_WORDS = 125
MAX_READ_COILS = 2000
MAX_WRITE_WORDS = 123
MAX_WRITE_COILS = 1968
COIL_ON = 0xFF00
COIL_OFF = 0x0000
_HEAD_BYTES = 5
_MULTIPLE_HEAD_BYTES = 6


class Refusal(Exception):
    """The device answers with a Modbus exception; `code` is the exception code."""

    def __init__(self, code: int) -> None:
        self.code = code
        super().__init__(f"Modbus exception {code}")


@dataclass(frozen=True, slots=True)
class Request:
    """One decoded request; `words` and `coils` are what is to be written, empty for a read."""

    function: int
    address: int
    count: int
    words: tuple[int, ...] = ()
    coils: tuple[bool, ...] = ()


def parse(pdu: bytes) -> Request:
    """Decode a request PDU; `Refusal` says which exception a real slave would answer."""
    if not pdu:
        raise Refusal(ILLEGAL_FUNCTION)
    function = pdu[0]
    if function not in (READ_COILS, READ_HOLDING, READ_INPUT, WRITE_COIL, WRITE_REGISTER, WRITE_COILS, WRITE_REGISTERS):
        raise Refusal(ILLEGAL_FUNCTION)
    if len(pdu) < _HEAD_BYTES:
        raise Refusal(ILLEGAL_VALUE)
    address, second = struct.unpack_from(">HH", pdu, 1)
    match function:
        case 5:
            if len(pdu) != _HEAD_BYTES or second not in (COIL_ON, COIL_OFF):
                raise Refusal(ILLEGAL_VALUE)
            return Request(function, address, 1, coils=(second == COIL_ON,))
        case 6:
            if len(pdu) != _HEAD_BYTES:
                raise Refusal(ILLEGAL_VALUE)
            return Request(function, address, 1, words=(second,))
        case 15:
            data = _written_bytes(pdu, second, MAX_WRITE_COILS, (second + 7) // 8)
            return Request(
                function, address, second, coils=tuple(bool(data[i // 8] >> (i % 8) & 1) for i in range(second))
            )
        case 16:
            data = _written_bytes(pdu, second, MAX_WRITE_WORDS, second * 2)
            return Request(function, address, second, words=struct.unpack(f">{second}H", data))
        case _:
            most = MAX_READ_COILS if function == READ_COILS else MAX_READ_WORDS
            if len(pdu) != _HEAD_BYTES or not 1 <= second <= most:
                raise Refusal(ILLEGAL_VALUE)
            return Request(function, address, second)


def words_answer(function: int, words: Sequence[int]) -> bytes:
    """The answer to a register read."""
    return struct.pack(f">BB{len(words)}H", function, len(words) * 2, *words)


def coils_answer(function: int, coils: Sequence[bool]) -> bytes:
    """The answer to a coil read: first coil in the lowest bit."""
    packed = bytearray((len(coils) + 7) // 8)
    for index, on in enumerate(coils):
        packed[index // 8] |= on << (index % 8)
    return bytes((function, len(packed))) + bytes(packed)


def written_answer(request: Request) -> bytes:
    """The answer to a write: single writes echo the value, multiple writes the count."""
    if request.function == WRITE_COIL:
        second = COIL_ON if request.coils[0] else COIL_OFF
    elif request.function == WRITE_REGISTER:
        second = request.words[0]
    else:
        second = request.count
    return struct.pack(">BHH", request.function, request.address, second)


def refusal(function: int, code: int) -> bytes:
    """The exception answer."""
    return bytes((function | 0x80, code))


def crc16(data: bytes) -> bytes:
    """CRC-16/MODBUS of `data`, in the order it goes over the wire (low byte first)."""
    crc = 0xFFFF
    for byte in data:
        crc = (crc >> 8) ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return struct.pack("<H", crc)


def _written_bytes(pdu: bytes, count: int, most: int, size: int) -> bytes:
    if not 1 <= count <= most or len(pdu) != _MULTIPLE_HEAD_BYTES + size or pdu[5] != size:
        raise Refusal(ILLEGAL_VALUE)
    return pdu[_MULTIPLE_HEAD_BYTES:]


def _crc_entry(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return value


_CRC_TABLE = tuple(_crc_entry(value) for value in range(256))
