"""The console's Unix socket, and nothing else of the console: what a line needs is loaded when the first one is opened.

A gateway whose console nobody opens does not pay for it in memory. Only who may open the socket gets here (its group);
nothing that happens at it ends or holds the daemon.
"""

from __future__ import annotations

import asyncio
import grp
import os
import socket
import stat
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from gateway.clock import SystemClock
from gateway.config.loader import SOCKET_MAX_BYTES, Configuration
from gateway.console.wire import LINE_MAX_BYTES

if TYPE_CHECKING:
    from gateway.console.access import Outside
    from gateway.console.desk import Desk
    from gateway.console.server import Lines

LINES_MAX = 4
AGAIN_S = 60.0
_FULL = b'{"id":0,"ok":false,"code":"E-ASK-05","reason":"too_many_lines"}\n'

log = structlog.get_logger()


class OpenDesk(Protocol):
    """Makes the desk, when it is first needed."""

    def __call__(self, outside: Outside | None = None) -> Desk:
        """`outside`: what is not deterministic."""
        ...


Front = Callable[[Configuration, SystemClock, OpenDesk], Coroutine[Any, Any, None]]
"""Serves the console until cancelled."""


async def serve(configuration: Configuration, clock: SystemClock, open_desk: OpenDesk) -> None:
    """Serve until cancelled; a socket that cannot be made is tried again, and the gateway goes on without it."""
    path = configuration.console
    listening = None
    said = ""
    while listening is None:
        try:
            listening = listen(path, configuration.settings.console.group)
        except OSError as error:
            if str(error) != said:
                said = str(error)
                log.warning("console.away", socket=str(path), reason=said)
            await clock.sleep(AGAIN_S)
    log.info("console.open", socket=str(path))
    mine = _inode(path)
    try:
        async with asyncio.TaskGroup() as group:
            await _Door(open_desk, group).accept(listening)
    finally:
        listening.close()
        if mine is not None and _inode(path) == mine:
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


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:
        return None


class _Door:
    """Lets a few lines in at a time; an error of the daemon itself ends the group."""

    def __init__(self, open_desk: OpenDesk, group: asyncio.TaskGroup) -> None:
        self._open_desk = open_desk
        self._group = group
        self._open = 0
        self._lines: Lines | None = None
        self._loading = asyncio.Lock()

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
            writer.write(_FULL)
            writer.close()
            return
        self._open += 1
        self._group.create_task(self._line(reader, writer), name="console.line")

    async def _line(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await (await self._loaded()).line(reader, writer)
        finally:
            self._open -= 1
            writer.transport.abort()

    async def _loaded(self) -> Lines:
        """What serves a line; loading it takes a moment, so it happens beside the loop."""
        async with self._loading:
            if self._lines is None:
                self._lines = await asyncio.to_thread(self._load)
            return self._lines

    def _load(self) -> Lines:
        from gateway.console.server import Lines

        return Lines(self._open_desk())
