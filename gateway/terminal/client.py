"""The terminal's end of the wire: one ask, one answer, each bounded in length and in time."""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

import msgspec

from gateway.console.wire import LINE_MAX_BYTES, Answer, Ask
from gateway.terminal.faults import fault
from gateway.terminal.ticks import ticks_ms
from gateway.terminal.verbs import Data, Refused

CONNECT_MAX_S = 5.0
ANSWER_MAX_S = 180.0
"""The longest that is asked for, a scan of a bus, answers piece by piece well below this."""
_LOOK_S = 0.25


class Away(Refused):
    """There is no daemon, or no longer: whoever was logged in is not."""


class Client:
    """One connection to the daemon, made when it is needed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._socket: socket.socket | None = None
        self._held = b""
        self._asked = 0

    @property
    def connected(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._socket is not None

    def fileno(self) -> int | None:
        """What to watch for the end of the connection while nothing is asked."""
        return None if self._socket is None else self._socket.fileno()

    def connect(self) -> None:
        """Make the connection; Away when nobody is there or we may not."""
        if self._socket is not None:
            return
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            made.settimeout(CONNECT_MAX_S)
            made.connect(str(self.path))
            made.setblocking(False)  # noqa: FBT003  (positional only)
        except OSError as error:
            made.close()
            if error.errno in {errno.EACCES, errno.EPERM}:
                raise Away(*fault("socket_denied", socket=str(self.path))) from error
            raise Away(*fault("daemon_away", socket=str(self.path))) from error
        self._socket = made
        self._held = b""

    def close(self) -> None:
        """End the connection, and with it the session."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def ended(self) -> bool:
        """Whether the daemon closed the connection while nothing was asked."""
        if self._socket is None:
            return True
        try:
            while data := self._socket.recv(4096):
                self._held = (self._held + data)[-LINE_MAX_BYTES:]  # the late answer to something given up
        except BlockingIOError:
            return False
        except OSError:
            pass
        self.close()
        return True

    def parting(self) -> Refused | None:
        """Why the daemon closed the connection, if it said so: an answer to nothing."""
        for line in reversed(self._held.split(b"\n")):
            said = _answer(line)
            if said is not None:
                return None if said.id or said.ok else Refused(said.code, said.reason, said.detail)
        return None

    def ask(
        self,
        do: str,
        args: Mapping[str, object],
        look: Callable[[], None] | None = None,
        *,
        within_s: float = ANSWER_MAX_S,
    ) -> Data:
        """Ask and wait. `look` is called now and then while waiting; what it raises gives up the answer.

        Refused is the daemon's no, or that it took too long (`answer_late`). Away: nobody was there (nothing was done),
        or the connection ended before an answer came (`answer_lost`: nobody here knows whether it was done).
        """
        self.connect()
        assert self._socket is not None, "connect() raises otherwise"
        self._asked += 1
        line = msgspec.json.encode(Ask(self._asked, do, dict(args))) + b"\n"
        if len(line) > LINE_MAX_BYTES:
            raise Refused(*fault("line_too_long"))
        until_ms = ticks_ms() + int(within_s * 1000)
        self._send(line, until_ms)
        while True:
            answer = self._next(until_ms, look)
            if answer.id == self._asked or not (answer.id or answer.ok):
                break  # an answer to nothing is why the daemon will not have us
            # Anything else answers what was given up before.
        if not answer.ok:
            raise Refused(answer.code, answer.reason, answer.detail)
        return answer.data if isinstance(answer.data, dict) else {"data": answer.data}

    def _send(self, line: bytes, until_ms: int) -> None:
        assert self._socket is not None, "connected"
        while line:
            _, ready, _ = select.select([], [self._socket], [], _LOOK_S)
            if ready:
                try:
                    line = line[self._socket.send(line) :]
                except BlockingIOError:
                    continue
                except OSError:
                    return  # the daemon may have said why before it closed
            elif ticks_ms() >= until_ms:
                self._lose("answer_lost")

    def _next(self, until_ms: int, look: Callable[[], None] | None) -> Answer:
        assert self._socket is not None, "connected"
        while b"\n" not in self._held:
            if len(self._held) > LINE_MAX_BYTES:
                self._lose("answer_unreadable")
            if ticks_ms() >= until_ms:
                raise Refused(*fault("answer_late"))
            ready, _, _ = select.select([self._socket], [], [], _LOOK_S)
            if look is not None:
                look()
            if not ready:
                continue
            try:
                data = self._socket.recv(65_536)
            except BlockingIOError:
                continue
            except OSError:
                data = b""
            if not data:
                self._lose("answer_lost")
            self._held += data
        line, _, self._held = self._held.partition(b"\n")
        return _answer(line) or self._lose("answer_unreadable")

    def _lose(self, reason: str) -> NoReturn:
        self.close()
        raise Away(*fault(reason))


def _answer(line: bytes) -> Answer | None:
    """The answer on this line, None when it is none."""
    try:
        return msgspec.json.decode(line, type=Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
