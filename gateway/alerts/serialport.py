"""A serial port in the event loop: what arrives is handed on, what is sent is not waited for longer than allowed.

Opening and closing may take seconds in the driver of a device that hangs, so both happen beside the loop.
"""

from __future__ import annotations

import asyncio
import os
import termios
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

import serial

_READ_BYTES = 4096


class PortGone(Exception):
    """The port is not there, is somebody else's, or went away; says what the system said."""


class Port(Protocol):
    """One open port. `PortGone` from `write`; whoever opened it is told by `gone` when it goes by itself."""

    async def write(self, data: bytes) -> None:
        """Send all of it; waits for room as long as the caller lets it."""
        ...

    def close(self) -> Awaitable[None]:
        """Nothing is heard from now on; wait for it to know that the port was given back. What was not sent is lost."""
        ...


Opener = Callable[[Callable[[bytes], None], Callable[[], None]], Awaitable[Port]]
"""Opens the port: what is to hear its bytes, and what to call once when it is gone. Raises PortGone."""


def opener(device: str, baud: int) -> Opener:
    """How the port of this name is opened: 8N1, for ourselves alone."""

    async def open_it(hear: Callable[[bytes], None], gone: Callable[[], None]) -> Port:
        opening = asyncio.ensure_future(asyncio.to_thread(_open, device, baud))
        try:
            return _SerialPort(await asyncio.shield(opening), hear, gone)
        except asyncio.CancelledError:
            opening.add_done_callback(_discard)
            raise

    return open_it


class _SerialPort:
    """A port of pyserial, read and written by its descriptor."""

    def __init__(self, port: serial.Serial, hear: Callable[[bytes], None], gone: Callable[[], None]) -> None:
        self._port = port
        self._open = True
        self._descriptor: int = port.fileno()
        self._hear = hear
        self._gone = gone
        self._loop = asyncio.get_running_loop()
        self._closing: asyncio.Future[None] | None = None
        self._loop.add_reader(self._descriptor, self._read)

    async def write(self, data: bytes) -> None:
        """See `Port`."""
        rest = memoryview(data)
        while rest:
            if not self._open:
                raise PortGone("the port was closed")
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                await self._room()
            except OSError as error:
                raise PortGone(_named(error)) from error

    def close(self) -> Awaitable[None]:
        """See `Port`."""
        if self._closing is None:
            self._open = False
            self._loop.remove_reader(self._descriptor)
            self._loop.remove_writer(self._descriptor)
            self._closing = self._loop.run_in_executor(None, _close, self._port)
        return asyncio.shield(self._closing)

    async def _room(self) -> None:
        room = self._loop.create_future()
        self._loop.add_writer(self._descriptor, _resolve, room)
        try:
            await room
        finally:
            self._loop.remove_writer(self._descriptor)

    def _read(self) -> None:
        try:
            data = os.read(self._descriptor, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._hear(data)
            return
        self.close()
        self._gone()


def _open(device: str, baud: int) -> serial.Serial:
    try:
        return serial.Serial(device, baudrate=baud, timeout=0, exclusive=True)
    except (serial.SerialException, termios.error, OSError, ValueError) as error:
        raise PortGone(_named(error)) from error


def _close(port: serial.Serial) -> None:
    """What was not sent goes first: a driver would wait half a minute for a modem that does not take it."""
    with suppress(serial.SerialException, termios.error, OSError):
        port.reset_output_buffer()
    with suppress(serial.SerialException, termios.error, OSError):
        port.close()


def _discard(opening: asyncio.Future[serial.Serial]) -> None:
    """Nobody waits for this port any more."""
    if not opening.cancelled() and opening.exception() is None:
        _close(opening.result())


def _resolve(room: asyncio.Future[None]) -> None:
    if not room.done():
        room.set_result(None)


def _named(error: Exception) -> str:
    """In words that hold no path: a reason goes into the journal."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if isinstance(number, int) else type(error).__name__
