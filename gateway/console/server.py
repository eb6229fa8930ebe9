"""The console's lines: one ask at a time on each, and nothing a line does holds the rest."""

from __future__ import annotations

import asyncio
import pwd
import socket
import struct

import msgspec

from gateway.console.actions import ACTIONS
from gateway.console.codes import code_of
from gateway.console.desk import Desk, answer
from gateway.console.session import Session
from gateway.console.wire import LINE_MAX_BYTES, Answer, Ask

IDLE_S = 15 * 60.0
"""A line on which nothing is asked for so long is closed, and with it ends the session."""
WRITE_S = 10.0
"""A reader that has not taken an answer by then is gone."""
PAUSE_S = 0.005
"""After each answer: a flood of asks leaves the loop to the meters."""
_NOBODY_ASKED = 0


class Lines:
    """Serves lines at one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer until the line is closed, idle or lost; whoever was logged in is not any more."""
        session = Session(_peer(writer))
        writer.transport.set_write_buffer_limits(high=0)
        cause = "gone"
        try:
            cause = await self._talk(session, reader, writer)
            writer.close()
        except (ConnectionError, TimeoutError):
            pass  # nobody reads any more
        await self._desk.access.leave(session, cause)

    async def _talk(self, session: Session, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
        """Answer what is asked; why it ended. Raises ConnectionError, or TimeoutError when nobody takes an answer."""
        while True:
            try:
                async with asyncio.timeout(IDLE_S):
                    line = await reader.readuntil(b"\n")
            except TimeoutError:
                return "idle"
            except asyncio.IncompleteReadError:
                return "gone"
            except asyncio.LimitOverrunError:
                await _send(writer, _refused("line_too_long"))
                return "line_too_long"
            await _send(writer, await reply(self._desk, session, line))
            await self._desk.clock.sleep(PAUSE_S)


async def reply(desk: Desk, session: Session, line: bytes) -> Answer:
    """The answer to one line, whatever it is."""
    try:
        ask = msgspec.json.decode(line, type=Ask)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _refused("not_json")
    return await answer(desk, session, ask, ACTIONS)


async def _send(writer: asyncio.StreamWriter, said: Answer) -> None:
    writer.write(_written(said))
    async with asyncio.timeout(WRITE_S):
        await writer.drain()


def _written(said: Answer) -> bytes:
    data = msgspec.json.encode(said)
    if len(data) >= LINE_MAX_BYTES:
        data = msgspec.json.encode(_refused("answer_too_long", said.id))
    return data + b"\n"


def _refused(reason: str, ask: int = _NOBODY_ASKED) -> Answer:
    return Answer(ask, ok=False, code=code_of(reason), reason=reason)


def _peer(writer: asyncio.StreamWriter) -> str:
    """The user of this machine at the other end (SO_PEERCRED); the kernel says it, not the peer."""
    other: socket.socket = writer.get_extra_info("socket")
    _, user_id, _ = struct.unpack("3i", other.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return f"uid-{user_id}"
