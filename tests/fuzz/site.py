"""A whole gateway in virtual time for the fuzzer, and a line at its console: the real daemon, nothing of it is faked.

It is made once and goes on from input to input, so what one of them leaves behind meets the next ones.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.console.session import Session
from gateway.console.wire import Role
from tests.simulation.console import Line, LineLost, patched
from tests.simulation.incidents.technician import REAL
from tests.simulation.loop import VirtualLoop
from tests.simulation.run import fell
from tests.simulation.who_may import ACTIONS, RANKS, Touches, may
from tests.simulation.world import World, setting_of

_SEED = 1
_WARM_S = 300.0
_BARRED = ("not_allowed_here", "code_needed", "not_json", "session_ended")
LOGGED_IN = ("nobody", "nobody", "viewer", "technician")


class Gateway:
    """One gateway and whoever asks it."""

    def __init__(self, folder: Path) -> None:
        self._loop = VirtualLoop()
        self._world = self._loop.run_until_complete(_begun(folder, self._loop))

    def line(self, role: str) -> Fuzzed:
        """Somebody has logged in as this, without a one-time code."""
        return Fuzzed(self, role)

    def play(self, line: Line, raw: bytes) -> dict[str, Any]:
        """One line of bytes to the daemon, and its answer."""
        world = self._world
        with world.medium.worker(), patched():
            try:
                answer = self._loop.run_until_complete(world.process.console.tell(line, raw))
            except LineLost as error:
                raise AssertionError(f"the daemon is gone: {world.violations}") from error
        assert not world.violations, world.violations
        return answer

    def sit(self, role: str) -> Line:
        """A line of the console, and who is at it."""
        world = self._world
        line = world.process.console.line("fuzz")
        assert world.process.clock is not None
        now_ms = world.process.clock.monotonic_ms()
        who = "" if role == "nobody" else "fuzz"
        line.life, line.session = world.process.life, Session("fuzz", who, Role(role), since_ms=now_ms)
        line.session.active_ms = now_ms
        return line


class Fuzzed:
    """One line; every answer is held against who may what."""

    def __init__(self, gateway: Gateway, role: str) -> None:
        self._gateway = gateway
        self._line = gateway.sit(role)
        self._role = role

    def ask(self, do: str, args: Mapping[str, object]) -> dict[str, Any]:
        """One ask, as the terminal writes it."""
        return self.raw(json.dumps({"id": 1, "do": do, "args": args}).encode())

    def raw(self, raw: bytes) -> dict[str, Any]:
        """Any bytes; gives the answer. Fails where a privilege was gained, or one was refused that is due."""
        do = _asks_for(raw)
        if do is not None and may(do, self._role, proven=False) and not _can_be_played(do):
            return {"ok": False, "code": "", "reason": "not played", "detail": {}}
        answer = self._gateway.play(self._line, raw)
        role = self._line.session.role.value
        assert RANKS.index(role) <= RANKS.index(self._role), f"{self._role} became {role} by {raw!r}"
        assert not self._line.session.proven, f"proven by {raw!r}"
        allowed = do is not None and may(do, self._role, proven=False)
        assert not answer["ok"] or allowed, f"{self._role} was answered {raw!r}"
        refused = answer.get("reason") in ("not_allowed_here", "code_needed")
        assert not refused or not allowed, f"{self._role} was refused {raw!r}"
        barred = do in ACTIONS and not allowed
        assert not barred or answer["ok"] or answer["reason"] in _BARRED, f"{self._role} was let through to {raw!r}"
        self._role = role
        return answer


def _asks_for(raw: bytes) -> str | None:
    """What the line asks for, read by the standard library; None for nonsense."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    do = found.get("do") if isinstance(found, dict) else None
    return do if isinstance(do, str) else None


def _can_be_played(do: str) -> bool:
    """What needs a machine is not asked for by those who may have it; and buses are slow."""
    return do not in REAL and ACTIONS[do].touches is not Touches.WIRES


async def _begun(folder: Path, loop: VirtualLoop) -> World:
    world = World(setting_of(_SEED, 7.0, poll_s=900), folder / "site", loop)
    loop.set_exception_handler(lambda _loop, context: fell(world, context))
    with world.medium.worker(), patched():
        world.machine.synchronise()
        world.process.start()
        await asyncio.sleep(_WARM_S)
    return world


@functools.cache
def gateway() -> Gateway:
    """The one of this process."""
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(dir=shared if shared.is_dir() else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Gateway(folder)
