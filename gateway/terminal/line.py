"""The line somebody sits at: a terminal, a serial port, or a script's pipe. Nothing here ever waits without end.

A write that makes no progress for `WEDGED_S` (a cable pulled out with flow control on, a terminal held with Ctrl-S)
ends the session: whoever comes next finds nobody logged in.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import termios
import tty
from contextlib import suppress
from types import FrameType
from typing import Any, Protocol

from gateway.terminal.ticks import ticks_ms
from gateway.terminal.verbs import Stopped

WEDGED_S = 60.0
CHUNK_BYTES = 4096


class Gone(Stopped):
    """The line is gone: hung up, closed, or nothing can be written to it."""


class Line(Protocol):
    """Where the person types and reads."""

    person: bool
    """A person sits there: prompts, echo and paging make sense."""
    newline: bytes

    def fileno(self) -> int:
        """What to wait at for something typed."""
        ...

    def read(self, seconds: float) -> bytes:
        """What was typed, b"" when nothing was for so long; Gone at the end."""
        ...

    def write(self, data: bytes) -> None:
        """Send all of it; Gone when it cannot be."""
        ...

    def close(self) -> None:
        """Leave the line as it was found."""
        ...


def write_all(fd: int, data: bytes, wedged_s: float) -> None:
    """Write to a descriptor that does not block; Gone when it takes nothing for so long."""
    view = memoryview(data)
    until_ms = ticks_ms() + int(wedged_s * 1000)
    while view:
        _, ready, _ = select.select([], [fd], [], min(1.0, wedged_s))
        if ready:
            try:
                view = view[os.write(fd, view[:CHUNK_BYTES]) :]
                until_ms = ticks_ms() + int(wedged_s * 1000)
                continue
            except BlockingIOError:
                pass
            except OSError as error:
                raise Gone(f"cannot write to the line: {error.strerror}") from error
        if ticks_ms() >= until_ms:
            raise Gone(f"the line took nothing for {wedged_s:.0f} s")


def read_some(fd: int, seconds: float) -> bytes:
    """Read what is there within so long; Gone at the end of the line."""
    ready, _, _ = select.select([fd], [], [], seconds)
    if not ready:
        return b""
    try:
        data = os.read(fd, CHUNK_BYTES)
    except BlockingIOError:
        return b""
    except OSError as error:
        raise Gone("the line was hung up") from error
    if not data:
        raise Gone("the end of the line")
    return data


class Terminal:
    """The terminal this process was started at, raw while we have it."""

    person = True
    newline = b"\r\n"

    def __init__(self, fd_in: int = 0, fd_out: int = 1, *, wedged_s: float = WEDGED_S) -> None:
        self._wedged_s = wedged_s
        self._fds = (fd_in, fd_out)
        self._kept: list[Any] = termios.tcgetattr(fd_in)
        self._blocking = (os.get_blocking(fd_in), os.get_blocking(fd_out))
        self._signals: dict[signal.Signals, Any] = {}
        tty.setraw(fd_in, termios.TCSANOW)  # nothing here may wait for a screen that is held
        flags = termios.tcgetattr(fd_in)
        flags[0] = (flags[0] | termios.BRKINT) & ~termios.IGNBRK  # a break on a serial line is a hang-up: SIGINT
        termios.tcsetattr(fd_in, termios.TCSANOW, flags)
        for fd in self._fds:
            os.set_blocking(fd, False)
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
            self._signals[number] = signal.signal(number, _hung_up)

    def fileno(self) -> int:
        """The keyboard."""
        return self._fds[0]

    def read(self, seconds: float) -> bytes:
        """What was typed, b"" when nothing was for so long."""
        return read_some(self._fds[0], seconds)

    def write(self, data: bytes) -> None:
        """Send all of it to the screen."""
        write_all(self._fds[1], data, self._wedged_s)

    def close(self) -> None:
        """Give the terminal back as it was."""
        for fd, blocking in zip(self._fds, self._blocking, strict=True):
            with suppress(OSError):
                os.set_blocking(fd, blocking)
        with suppress(termios.error, OSError):
            termios.tcsetattr(self._fds[0], termios.TCSANOW, self._kept)
        for number, handler in self._signals.items():
            signal.signal(number, handler)
        self._signals.clear()


class Pipe:
    """A script on standard input: no prompt, no echo, and its end is the end."""

    person = False
    newline = b"\n"

    def __init__(self, fd_in: int = 0, fd_out: int = 1) -> None:
        self._fds = (fd_in, fd_out)
        self._ended = self._open = False

    def fileno(self) -> int:
        """The script."""
        return self._fds[0]

    def read(self, seconds: float) -> bytes:
        """The next piece of the script; its last line is one without a newline, too."""
        if self._ended:
            raise Gone("the end of the script")
        if not select.select([self._fds[0]], [], [], seconds)[0]:
            return b""
        data = os.read(self._fds[0], CHUNK_BYTES)
        self._ended = not data
        if self._ended and not self._open:
            raise Gone("the end of the script")
        self._open = not data.endswith((b"\n", b"\r"))
        return data or b"\n"

    def write(self, data: bytes) -> None:
        """Send all of it to whoever reads the answers."""
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fds[1], view) :]
        except OSError as error:
            reason = "nobody reads" if error.errno == errno.EPIPE else str(error.strerror)
            raise Gone(f"cannot write the answers: {reason}") from error

    def close(self) -> None:
        """Nothing was changed, nothing is put back."""


def _hung_up(number: int, _: FrameType | None) -> None:
    raise Gone(f"ended by {signal.Signals(number).name}")
