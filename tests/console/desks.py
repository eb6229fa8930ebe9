"""The whole daemon in this process with nobody at its wires, and its desk in the test's hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway import app
from gateway.clock import SystemClock
from gateway.config.loader import Configuration
from gateway.console.actions import ACTIONS
from gateway.console.desk import Desk, answer
from gateway.console.door import OpenDesk
from gateway.console.session import Session
from gateway.console.wire import Answer, Ask, Role
from gateway.installation import load
from gateway.meters.meter import Observation
from gateway.prepayment.supply import SwitchState
from tests.config.drafts import GOOD, write


@asynccontextmanager
async def opened(folder: Path, text: str = GOOD, clock: SystemClock | None = None) -> AsyncIterator[Desk]:
    """The desk of a running daemon: real store and rules; no meter answers, no broker is there."""
    (folder / "data").mkdir(exist_ok=True)
    installation = load(write(folder, text))
    loop = asyncio.get_running_loop()
    handed: asyncio.Future[Desk] = loop.create_future()
    stop = asyncio.Event()

    async def front(_: Configuration, __: SystemClock, open_desk: OpenDesk) -> None:
        handed.set_result(open_desk())
        await asyncio.Event().wait()

    running = loop.create_task(app.run(installation, clock=clock or SystemClock(), stop=stop, front=front))
    try:
        running.add_done_callback(lambda _: handed.done() or handed.cancel())
        yield await handed
    finally:
        stop.set()
        await running


def at_line(desk: Desk, role: Role = Role.VIEWER, *, proven: bool = False) -> Session:
    """Somebody who has logged in just now."""
    now_ms = desk.clock.monotonic_ms()
    return Session("test", "rossi", role, proven, since_ms=now_ms, active_ms=now_ms)


async def ask(desk: Desk, session: Session, do: str, **args: Any) -> Answer:
    """One ask through the desk."""
    return await answer(desk, session, Ask(1, do, args), ACTIONS)


def seen(desk: Desk, meter_id: str, **changes: Any) -> None:
    """What the poll would have told of a meter."""
    facts: dict[str, Any] = {
        "import_wh": 1_000,
        "defect": None,
        "quantum_wh": 10,
        "export_wh": None,
        "power_w": 420,
        "switch": SwitchState.CONNECTED,
        "switch_trouble": None,
        "limit_w": None,
        "serial": "21457003",
        "values": {},
    }
    desk.plant._seen(meter_id, Observation(**{**facts, **changes}))
