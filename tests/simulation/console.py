"""The console of a simulated gateway without its socket: lines of JSON go to the daemon's own desk and come back.

A line lives as long as the daemon's life: when it ends, whoever waits for an answer never gets one. Work beside the
event loop takes a moment here, too, so that a power cut can fall into it; writing `access.json` fails as the card does.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from unittest import mock

import msgspec

from gateway.console import passwords, register
from gateway.console.access import Outside
from gateway.console.door import OpenDesk
from gateway.console.server import reply
from gateway.console.session import Session
from tests.simulation.medium import CARD, PowerCut, Trouble

if TYPE_CHECKING:
    from gateway.console.desk import Desk
    from tests.simulation.process import Process
    from tests.simulation.world import World

T = TypeVar("T")
_DELAYS_S = (0.001, 0.004, 0.03, 0.12)


class LineLost(Exception):
    """The daemon is gone, or was never there."""


@dataclass(eq=False)
class Asked:
    """One ask of a line, as an observer sees it: before it is asked, and again with its answer."""

    line: Line
    do: str
    args: dict[str, Any]
    answer: dict[str, Any] | None = None


@dataclass(eq=False)
class Line:
    """Somebody's line. `session` is the daemon's; another life knows nothing of it."""

    console: Console
    name: str
    life: int = -1
    session: Session = field(default_factory=lambda: Session("sim"))

    async def ask(self, do: str, /, **args: Any) -> dict[str, Any]:
        """The answer of the daemon. Raises LineLost."""
        return await self.console.ask(self, do, args)

    async def hang_up(self) -> None:
        """The person pulls the cable."""
        await self.console.close(self)


class Console:
    """All lines of one process, over its lives."""

    def __init__(self, world: World, process: Process) -> None:
        self._world = world
        self._process = process
        self._chance = world.chance("console")
        self._desk: Desk | None = None
        self._work: asyncio.TaskGroup | None = None

    def line(self, name: str) -> Line:
        """Somebody sits down; the line is opened with the first ask."""
        return Line(self, name)

    async def serve(self, open_desk: OpenDesk) -> None:
        """As long as this life lasts."""
        medium = self._process.computer.medium
        life = medium.life

        async def aside(work: Callable[[], T], /) -> T:
            await asyncio.sleep(self._chance.choice(_DELAYS_S))
            if medium.life != life:
                raise PowerCut
            return work()

        draw = self._world.chance(f"console {self._process.life}").randrange
        try:
            async with asyncio.TaskGroup() as group:
                self._desk, self._work = open_desk(Outside(aside, draw)), group
                await asyncio.get_running_loop().create_future()
        finally:
            self.drop()

    def drop(self) -> None:
        """The life is over: nobody is asked any more."""
        self._desk = self._work = None

    async def ask(self, line: Line, do: str, args: dict[str, Any]) -> dict[str, Any]:
        """One ask, and what it was answered. Raises LineLost."""
        world, asked = self._world, Asked(line, do, args)
        self._opened(line)
        world.hear(world.on.asked, asked)
        try:
            answer = asked.answer = await self.tell(line, json.dumps({"id": 1, "do": do, "args": args}).encode())
        except LineLost:
            world.tell(f"line {line.name} {do} lost")
            raise
        world.tell(f"line {line.name} {do} {answer.get('reason') or 'ok'}")
        world.hear(world.on.asked, asked)
        return answer

    async def tell(self, line: Line, raw: bytes) -> dict[str, Any]:
        """Any bytes that end a line, and the answer. Raises LineLost."""
        desk, answers = self._opened(line), []

        async def work() -> None:
            answers.append(await reply(desk, line.session, raw))

        await self._done(work)
        if not answers:
            raise LineLost
        answer: dict[str, Any] = json.loads(msgspec.json.encode(answers[0]))
        return answer

    async def close(self, line: Line) -> None:
        """What the server does when a line is closed."""
        desk = self._desk
        if desk is not None and line.life == self._process.life:
            await self._done(lambda: desk.access.leave(line.session, "gone"))
        line.life = -1

    def _opened(self, line: Line) -> Desk:
        if self._desk is None:
            raise LineLost
        if line.life != self._process.life:
            line.life, line.session = self._process.life, Session("sim")
        return self._desk

    async def _done(self, work: Callable[[], Any]) -> None:
        """Let the daemon do it; over as well when the daemon ends."""
        over = asyncio.get_running_loop().create_future()
        context = self._process.context
        assert self._work is not None
        assert context is not None
        doing = work()
        try:
            task = self._work.create_task(doing, context=context)
        except RuntimeError as error:  # the daemon is about to end
            doing.close()
            raise LineLost from error

        def ended(_: object) -> None:
            if not over.done():
                over.set_result(None)

        task.add_done_callback(ended)
        await over


@contextmanager
def patched() -> Iterator[None]:
    """A password is checked at once (scrypt would burn real time) and the card is told; its faults are the file's."""
    save, matches = register.save, passwords.matches

    def quick(password: str, salt: bytes) -> bytes:
        return hashlib.sha256(salt + password.encode("utf-8", "surrogatepass")).digest()

    def judged(kept: passwords.Kept, password: str) -> bool:
        right = matches(kept, password)
        CARD.get().judged(right)
        return right

    def saved(folder: Path, changed: register.Register) -> None:
        trouble = CARD.get().trouble
        if trouble in (Trouble.FULL, Trouble.LOST):
            raise OSError(errno.ENOSPC, "no space, or no card")
        save(folder, changed)
        if trouble is Trouble.APPLIED:
            raise OSError(errno.EIO, "written, perhaps")

    with ExitStack() as stack:
        stack.enter_context(mock.patch.object(passwords, "_hash", quick))
        stack.enter_context(mock.patch.object(passwords, "matches", judged))
        stack.enter_context(mock.patch.object(register, "save", saved))
        yield
