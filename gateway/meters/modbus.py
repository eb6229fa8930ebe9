"""Modbus RTU and TCP: the only file that knows pymodbus (decision 19).

pymodbus builds and recognises frames; everything about trust is here, because 3.16 would accept a late answer for
the next request, a wrong number of registers, or send a write again. So:

* one transaction at a time on a bus, nothing is ever sent twice by this layer;
* an answer must come from the unit asked, for the function asked, with the count (or the written echo) asked;
* after a timeout, a cancel or an unbelievable answer the line is dirty: the *next* request waits until the late answer
  has come or one more timeout has passed, and until the line is quiet; what arrives meanwhile is thrown away;
* on RTU the gap between frames is kept; a port that vanished is opened again with a growing pause.

The transaction manager of pymodbus is used below its client class: half the CPU, and its silent re-connects and
re-sends cannot happen.
"""

from __future__ import annotations

import asyncio
import logging
import os
import struct
import termios
from collections.abc import Callable, Sequence

from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.bit_message import ReadCoilsRequest, ReadDiscreteInputsRequest, WriteSingleCoilRequest
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)
from pymodbus.transaction import TransactionManager
from pymodbus.transport import CommParams, CommType

from gateway.clock import Clock
from gateway.errors import DeviceRefuses, MeterAnswerRefused, MeterSilent
from gateway.meters.meter import LineAway
from gateway.meters.planner import Line
from gateway.meters.tap import EXCEPTIONS, Tap

RECONNECT_FIRST_MS = 200
RECONNECT_MAX_MS = 10_000
_TIMEOUTS_UNTIL_REOPENED = {"tcp": 3, "serial": 30}
_NOISE_SHOWN_BYTES = 24

# Every failure is raised with more detail here; pymodbus' own log would tell it a second time.
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL + 1)


class _RawResponse(ModbusPDU):
    """An answer whose data stays bytes: decoding is compiled by our own planner, and checked by us."""

    payload: bytes = b""

    def decode(self, data: bytes) -> None:
        """Keep the data of a read answer if its byte count tells the truth, else nothing."""
        self.payload = data[1:] if data and data[0] == len(data) - 1 else b""

    def __str__(self) -> str:
        """Short: pymodbus renders every answer for a debug line that nobody reads."""
        return self.__class__.__name__


class _RawCoils(_RawResponse):
    function_code = 1
    rtu_byte_count_pos = 2


class _RawDiscretes(_RawResponse):
    function_code = 2
    rtu_byte_count_pos = 2


class _RawHolding(_RawResponse):
    function_code = 3
    rtu_byte_count_pos = 2


class _RawInput(_RawResponse):
    function_code = 4
    rtu_byte_count_pos = 2


class _RawEcho(_RawResponse):
    """The answer to a write as it came: pymodbus would take any coil value but 0 for on."""

    rtu_frame_size = 8

    def decode(self, data: bytes) -> None:
        """Keep everything, to be compared as a whole."""
        self.payload = data


_ECHOES = tuple(type("_RawEchoOf", (_RawEcho,), {"function_code": code}) for code in (5, 6, 16))
_READS: dict[int, type[ModbusPDU]] = {
    1: ReadCoilsRequest,
    2: ReadDiscreteInputsRequest,
    3: ReadHoldingRegistersRequest,
    4: ReadInputRegistersRequest,
}


class _Wire(TransactionManager):
    """pymodbus' framing with one question at a time and a memory for bytes that were no answer."""

    def __init__(self, params: CommParams, framer: FramerRTU | FramerSocket) -> None:
        super().__init__(params, framer, 0, False, None, None, None)  # noqa: FBT003 - pymodbus' own order
        self.noise = b""
        self.heard_late = False
        self.waiting = False
        self.last_heard_ms: Callable[[], None] = lambda: None
        self.max_until_disconnect = self.count_until_disconnect = 1 << 62

    async def ask(self, request: ModbusPDU, timeout_s: float) -> ModbusPDU:
        """Send once, wait for one answer; `TimeoutError` when none was recognised, `OSError` when the line went."""
        request.transaction_id = self.getNextTID()
        self.noise = b""
        future: asyncio.Future[ModbusPDU] = self.loop.create_future()
        self.response_future = future
        self.waiting = True
        handle = self.loop.call_later(timeout_s, _expire, future)
        try:
            self.pdu_send(request)
            return await future
        finally:
            self.waiting = False
            handle.cancel()

    def callback_data(self, data: bytes, addr: tuple[str, int] | None = None) -> int:
        """Bytes from the line; a frame that pymodbus cannot decode must not kill the transport's reader."""
        self.last_heard_ms()
        late = self.response_future.done()
        try:
            used = int(super().callback_data(data, addr))
        except (ModbusException, ValueError, IndexError, struct.error):
            self.last_pdu, used = None, len(data)
        if self.last_pdu is None:
            self.noise = data[:_NOISE_SHOWN_BYTES]
        elif late:
            self.heard_late = True
        return used

    def callback_disconnected(self, exc: Exception | None) -> None:
        """The port or the peer is gone: whoever waits hears it now, not after the timeout."""
        if self.waiting and not self.response_future.done():
            self.response_future.set_exception(ConnectionResetError(str(exc or "closed by the other side")))


def _expire(future: asyncio.Future[ModbusPDU]) -> None:
    if not future.done():
        future.set_exception(TimeoutError())


class ModbusLink:
    """One bus: questions and answers, one at a time.

    Errors name bus, unit and register. `MeterSilent`: no answer. `MeterAnswerRefused`: an answer that cannot be
    believed. `LineAway`: the port or the peer itself is missing.
    """

    def __init__(
        self, bus_id: str, params: CommParams, clock: Clock, *, timeout_ms: int, gap_ms: int, where: str
    ) -> None:
        self.bus_id = bus_id
        self._params = params
        self._clock = clock
        self._timeout_ms = timeout_ms
        self._gap_ms = gap_ms
        self._where = where
        self._serial = params.comm_type is CommType.SERIAL
        self._lock = asyncio.Lock()
        self._wire: _Wire | None = None
        self._heard_ms = clock.monotonic_ms() - gap_ms
        self._dirty_until_ms = 0
        self._timeouts = 0
        self._retry_at_ms = 0
        self._retry_pause_ms = RECONNECT_FIRST_MS
        self._tap: Tap | None = None

    @property
    def serial(self) -> bool:
        """RTU on a serial port; else TCP."""
        return self._serial

    @property
    def where(self) -> str:
        """The port, or host and port."""
        return self._where

    def listen(self) -> Tap:
        """The tap on this line, put on now if there is none."""
        self._tap = self._tap or Tap(self._clock.monotonic_ms())
        return self._tap

    async def read(self, unit: int, fc: int, address: int, count: int) -> bytes:
        """The `2 * count` bytes of registers (FC03, FC04), or the packed bits of coils (FC01, FC02)."""
        answer = await self._transact(_READS[fc](dev_id=unit, address=address, count=count))
        payload = answer.payload if isinstance(answer, _RawResponse) else b""
        expected = 2 * count if fc in (3, 4) else (count + 7) // 8
        if len(payload) != expected:
            self._soil()
            raise MeterAnswerRefused(
                f"{self._name(unit, fc, address)}: answer of {len(payload)} bytes for {count} values "
                f"({expected} bytes expected); thrown away"
            )
        return payload

    async def write_registers(self, unit: int, address: int, words: Sequence[int]) -> None:
        """FC16, sent once; returns when the device has acknowledged address and count. The caller reads back."""
        request = WriteMultipleRegistersRequest(dev_id=unit, address=address, registers=list(words))
        await self._write(request, struct.pack(">HH", address, len(words)))

    async def write_register(self, unit: int, address: int, word: int) -> None:
        """FC06, sent once."""
        request = WriteSingleRegisterRequest(dev_id=unit, address=address, registers=[word])
        await self._write(request, request.encode())

    async def write_coil(self, unit: int, address: int, *, on: bool) -> None:
        """FC05, sent once."""
        request = WriteSingleCoilRequest(dev_id=unit, address=address, bits=[on])
        await self._write(request, request.encode())

    def keep_gap(self, gap_ms: int) -> None:
        """A device on this line needs at least this much silence before a request (RTU only)."""
        if self._serial:
            self._gap_ms = max(self._gap_ms, gap_ms)

    async def close(self) -> None:
        """Let go of the port; the next question opens it again."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.close()

    async def _transact(self, request: ModbusPDU) -> ModbusPDU:
        unit, fc, address = request.dev_id, request.function_code, request.address
        async with self._lock:
            wire = await self._ready()
            try:
                answer = await wire.ask(request, self._timeout_ms / 1000)
            except TimeoutError:
                self._soil()
                await self._count_timeout()
                if wire.noise:
                    raise MeterAnswerRefused(
                        f"{self._name(unit, fc, address)}: bytes that are no answer of unit {unit}: "
                        f"{wire.noise.hex(' ')}; check wiring, line settings and addresses"
                    ) from None
                raise MeterSilent(
                    f"{self._name(unit, fc, address)}: no answer in {self._timeout_ms} ms; "
                    "check address, power and wiring"
                ) from None
            except OSError as reason:
                await self.close()
                raise LineAway(self.bus_id, f"bus {self.bus_id} ({self._where}): lost: {reason}") from None
            except asyncio.CancelledError:
                self._soil()
                raise
            self._timeouts = 0
        return self._believed(answer, request)

    def _believed(self, answer: ModbusPDU, request: ModbusPDU) -> ModbusPDU:
        unit, fc, address = request.dev_id, request.function_code, request.address
        if answer.dev_id != unit or answer.transaction_id != request.transaction_id:
            self._soil()
            raise MeterAnswerRefused(f"{self._name(unit, fc, address)}: unit {answer.dev_id} answered instead")
        if answer.function_code == fc:
            return answer
        if answer.function_code == fc | 0x80:
            code = answer.exception_code
            raise DeviceRefuses(
                f"{self._name(unit, fc, address)}: refused by the device: {EXCEPTIONS.get(code, 'exception')} ({code})"
            )
        self._soil()
        raise MeterAnswerRefused(f"{self._name(unit, fc, address)}: answer to function {answer.function_code} instead")

    async def _write(self, request: ModbusPDU, echo: bytes) -> None:
        answer = await self._transact(request)
        if not isinstance(answer, _RawEcho) or answer.payload != echo:
            self._soil()
            where = self._name(request.dev_id, request.function_code, request.address)
            raise MeterAnswerRefused(f"{where}: acknowledges another write than the one sent")

    async def _ready(self) -> _Wire:
        """The open wire, quiet and clean."""
        wire = self._wire
        if wire is None or not wire.is_active():
            wire = await self._open()
        if not self._serial and not self._dirty_until_ms:
            return wire
        if self._dirty_until_ms:
            await self._wait_until_clean(wire)
        quiet_at_ms = self._heard_ms + self._gap_ms
        deadline_ms = self._clock.monotonic_ms() + self._timeout_ms + self._gap_ms
        while self._serial and (pause_ms := quiet_at_ms - (now_ms := self._clock.monotonic_ms())) > 0:
            if now_ms > deadline_ms:
                raise MeterAnswerRefused(
                    f"bus {self.bus_id} ({self._where}): bytes keep coming although nobody was asked "
                    f"({wire.noise.hex(' ')}); look for a second master, a device gone mad, or wrong line settings"
                )
            await self._clock.sleep(pause_ms / 1000)
            quiet_at_ms = self._heard_ms + self._gap_ms
            if not wire.is_active():
                raise LineAway(self.bus_id, f"bus {self.bus_id} ({self._where}): the port went away")
        return wire

    async def _wait_until_clean(self, wire: _Wire) -> None:
        """Until the late answer has come, or nothing has come for as long as an answer may take."""
        deadline_ms = self._dirty_until_ms
        while (left_ms := deadline_ms - self._clock.monotonic_ms()) > 0 and not wire.heard_late:
            await self._clock.sleep(min(left_ms, 10) / 1000)
        self._dirty_until_ms = 0

    def _soil(self) -> None:
        """The line may still bring an answer to an old question; on TCP the transaction id tells them apart."""
        if self._wire is not None:
            self._wire.heard_late = False
        if self._serial:
            self._dirty_until_ms = self._clock.monotonic_ms() + self._timeout_ms

    async def _count_timeout(self) -> None:
        """A TCP peer that went without a word, or an adapter that hangs, shows as timeouts only: open it again."""
        self._timeouts += 1
        if self._timeouts >= _TIMEOUTS_UNTIL_REOPENED["serial" if self._serial else "tcp"]:
            self._timeouts = 0
            await self.close()

    async def _open(self) -> _Wire:
        await self.close()
        now_ms = self._clock.monotonic_ms()
        if now_ms < self._retry_at_ms:
            raise LineAway(self.bus_id, f"bus {self.bus_id} ({self._where}): away, next try soon")
        decoder = DecodePDU(False)  # noqa: FBT003 - pymodbus' own order
        for raw in (_RawCoils, _RawDiscretes, _RawHolding, _RawInput, *_ECHOES):
            decoder.register(raw)
        wire = _Wire(self._params, FramerRTU(decoder) if self._serial else FramerSocket(decoder))
        wire.last_heard_ms = self._note_heard
        wire.trace_packet = self._overheard
        try:
            async with asyncio.timeout(max(self._timeout_ms / 1000, 1.0)):
                wire.transport, _ = await wire.call_create()
        except (OSError, UnicodeError, termios.error) as reason:  # a host that is no name; a pty without parity
            self._retry_at_ms = self._clock.monotonic_ms() + self._retry_pause_ms
            self._retry_pause_ms = min(2 * self._retry_pause_ms, RECONNECT_MAX_MS)
            text = str(reason) or "no answer to the connection request"
            raise LineAway(self.bus_id, f"bus {self.bus_id} ({self._where}): cannot be opened: {text}") from None
        self._wire = wire
        self._retry_pause_ms = RECONNECT_FIRST_MS
        self._timeouts = 0
        self._heard_ms = self._clock.monotonic_ms()
        return wire

    def _overheard(self, sending: bool, data: bytes) -> bytes:  # noqa: FBT001 - pymodbus' own hook
        if self._tap is not None and not self._tap.heard(self._clock.monotonic_ms(), data, sent=sending):
            self._tap = None
        return data

    def _note_heard(self) -> None:
        self._heard_ms = self._clock.monotonic_ms()

    def _name(self, unit: int, fc: int, address: int) -> str:
        return f"bus {self.bus_id} unit {unit} function {fc} register {address} (0x{address:04X})"


def open_serial(
    bus_id: str, port: str, line: Line, clock: Clock, *, timeout_ms: int = 500, gap_ms: int = 50
) -> ModbusLink:
    """Modbus RTU on a serial port, locked for this process; nothing is opened before the first question.

    A pseudo terminal (the simulator's) has no line settings, so parity is left out there.
    """
    pseudo = os.path.realpath(port).startswith("/dev/pts/")
    params = CommParams(
        comm_name=bus_id,
        comm_type=CommType.SERIAL,
        reconnect_delay=0.0,
        host=port,
        baudrate=line.baud,
        bytesize=line.bits,
        parity="N" if pseudo else line.parity,
        stopbits=1 if pseudo else line.stop_bits,
        timeout_connect=timeout_ms / 1000,
    )
    quiet_ms = max(gap_ms, round(3.5 * line.char_ms + 0.5))
    return ModbusLink(bus_id, params, clock, timeout_ms=timeout_ms, gap_ms=quiet_ms, where=port)


def open_tcp(bus_id: str, host: str, port: int, clock: Clock, *, timeout_ms: int = 500) -> ModbusLink:
    """Modbus TCP; nothing is connected before the first question."""
    params = CommParams(
        comm_name=bus_id,
        comm_type=CommType.TCP,
        reconnect_delay=0.0,
        host=host,
        port=port,
        timeout_connect=timeout_ms / 1000,
    )
    return ModbusLink(bus_id, params, clock, timeout_ms=timeout_ms, gap_ms=0, where=f"{host}:{port}")
