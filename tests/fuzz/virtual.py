"""The virtual loop with a line to open: a time-out of half a second costs microseconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.clock import Clock
from gateway.prepayment.events import Moment, TimeTrust
from tests.simulation.loop import VirtualLoop


class LineLoop(VirtualLoop):
    """`connect` opens the line; what asyncio complains of is a finding."""

    def __init__(self) -> None:
        super().__init__()
        self.complaints: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _, context: self.complaints.append(context))
        self.connect: Callable[[Callable[[], Any]], Any] = lambda _: None

    async def create_connection(self, factory: Callable[[], Any], *_: Any, **__: Any) -> Any:  # type: ignore[override]
        return self.connect(factory)

    def play(self, work: Awaitable[Any]) -> Any:
        """Run to the end and forget every timer that is left."""
        asyncio.set_event_loop(self)
        try:
            result = self.run_until_complete(work)
            assert not self.complaints, f"asyncio complains: {self.complaints}"
            return result
        finally:
            asyncio.set_event_loop(None)
            self.complaints.clear()
            self._scheduled.clear()  # type: ignore[attr-defined]
            self._ready.clear()  # type: ignore[attr-defined]


class VirtualClock(Clock):
    """The gateway's clock on such a loop."""

    def __init__(self, loop: LineLoop) -> None:
        self._loop = loop

    def monotonic_ms(self) -> int:
        return round(self._loop.time() * 1000)

    def now(self) -> Moment:
        return Moment(1_767_225_600_000 + self.monotonic_ms(), TimeTrust.AUTHENTICATED, self.monotonic_ms())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
