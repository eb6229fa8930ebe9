"""The console's Unix socket: a few lines at a time, one ask at a time on each, and nothing a line does holds the rest.

Only who may open the socket gets here (its group), and who that is goes on record. What an ask needs is loaded with the
first line: a gateway whose console nobody opens does not pay for it.
"""

from __future__ import annotations

import asyncio
import grp
import os
import pwd
import socket
import stat
import struct
from pathlib import Path

import msgspec
import structlog

from gateway.config.loader import SOCKET_MAX_BYTES
from gateway.console.codes import code_of
from gateway.console.desk import Desk, answer
from gateway.console.session import Session
from gateway.console.wire import LINE_MAX_BYTES, Answer, Ask

LINES_MAX = 4
IDLE_S = 15 * 60.0
"""A line on which nothing is asked for so long is closed, and with it ends the session."""
WRITE_S = 10.0
"""A reader that has not taken an answer by then is gone."""
PAUSE_S = 0.005
"""After each answer: a flood of asks leaves the loop to the meters."""
AGAIN_S = 60.0
_NOBODY_ASKED = 0

log = structlog.get_logger()


async def serve(desk: Desk) -> None:
    """Serve until cancelled; a socket that cannot be made is tried again, and the gateway goes on without it."""
    path = desk.installation.configuration.console
    group = desk.installation.configuration.settings.console.group
    listening = None
    said = ""
    while listening is None:
        try:
            listening = listen(path, group)
        except OSError as error:
            if str(error) != said:
                said = str(error)
                log.warning("console.away", socket=str(path), reason=said)
            await desk.clock.sleep(AGAIN_S)
    log.info("console.open", socket=str(path))
    mine = os.stat(path).st_ino  # noqa: PTH116 - of the name, once
    try:
        async with asyncio.TaskGroup() as group_of_lines:
            await _Lines(desk, group_of_lines).accept(listening)
    finally:
        listening.close()
        if path.exists() and path.stat().st_ino == mine:
            path.unlink()


def listen(path: Path, group: str = "") -> socket.socket:
    """The listening socket, mode 0660, in its place. Raises OSError, also when somebody listens there already.

    It is made beside its place and renamed: others may never connect, and only what nobody listens on is replaced.
    """
    if len(os.fsencode(path)) > SOCKET_MAX_BYTES:
        raise OSError(f"{path}: is too long for a socket; name a shorter one in [console] socket")
    _refuse_taken(path)
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listening.bind(str(draft))
        draft.chmod(0o600)
        if group:
            os.chown(draft, -1, _group_id(group))
        draft.chmod(0o660)
        listening.listen(LINES_MAX)
        listening.settimeout(0)
        draft.rename(path)
    except OSError:
        listening.close()
        draft.unlink(missing_ok=True)
        raise
    return listening


def _group_id(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError as error:
        raise OSError(f"there is no group {name!r}; see [console] group") from error


def _refuse_taken(path: Path) -> None:
    """Raises OSError unless there is nothing, or a socket that nobody listens on."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(f"{path}: is no socket, and nothing that may be replaced")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return
        except BlockingIOError:
            pass
    raise FileExistsError(f"{path}: another process listens there")


class _Lines:
    """The lines that are open now."""

    def __init__(self, desk: Desk, group: asyncio.TaskGroup) -> None:
        self._desk = desk
        self._group = group
        self._open = 0

    async def accept(self, listening: socket.socket) -> None:
        """Take lines until cancelled."""
        server = await asyncio.start_unix_server(
            self._opened, sock=listening, limit=LINE_MAX_BYTES, start_serving=False
        )
        try:
            await server.start_serving()
            await asyncio.Event().wait()
        finally:
            server.close()

    def _opened(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._open >= LINES_MAX:
            writer.write(_written(_refused("too_many_lines")))
            writer.close()
            return
        self._open += 1
        self._group.create_task(self._line(reader, writer), name="console.line")

    async def _line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(_peer(writer))
        writer.transport.set_write_buffer_limits(high=0)
        cause = "gone"
        try:
            cause = await self._talk(session, reader, writer)
            writer.close()
        except (ConnectionError, TimeoutError):
            pass  # nobody reads any more
        finally:
            self._open -= 1
            writer.transport.abort()
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
    from gateway.console.actions import ACTIONS

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
