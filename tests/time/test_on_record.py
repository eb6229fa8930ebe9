"""What the clocks did is on record, through the ticker that production runs."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace
from typing import Any, cast

from gateway.app import _Supervisor
from gateway.clock import SystemClock
from gateway.notify import Notifier
from gateway.teller import Teller
from tests.headend.world import until

from .machine import Machine
from .plans import DAY_MS, STARTS


class Notes:
    """A teller without accounts that keeps what it is told."""

    def __init__(self) -> None:
        self.accounts: dict[str, Any] = {}
        self.noted: list[tuple[str, dict[str, Any]]] = []

    def subscribe(self, _callback: object) -> None:
        """Nobody calls back."""

    async def note(self, what: str, detail: tuple[tuple[str, Any], ...]) -> None:
        """Keep it; it must be what JSON can say."""
        self.noted.append((what, json.loads(json.dumps(dict(detail)))))


def test_a_doubted_answer_and_a_step_are_rows_of_the_journal() -> None:
    """I24, threat 13: who doubted the head-end's time and by how much, beside the steps of the kernel's clock."""
    machine = Machine(int(STARTS[0].timestamp()) * 1000, 0)
    clock = SystemClock(machine.kernel())
    assert not clock.authenticate(machine.true_ms + DAY_MS, machine.monotonic_ms, 0)
    machine.wall_ms += DAY_MS
    notes = Notes()

    async def scenario() -> None:
        supervisor = _Supervisor(clock, cast("Teller", notes), cast("Any", SimpleNamespace(buses={})), Notifier({}))
        ticker = asyncio.create_task(supervisor.tick())
        await until(lambda: len(notes.noted) == 2)
        ticker.cancel()
        await asyncio.gather(ticker, return_exceptions=True)

    asyncio.run(scenario())
    assert notes.noted == [
        ("clock.step", {"by_ms": DAY_MS}),
        ("clock.doubted", {"by": "kernel", "ahead_ms": DAY_MS}),
    ]
