"""An event loop whose time passes only when everybody waits: a time-out of half a second costs microseconds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.clock import Clock
from gateway.prepayment.events import Moment, TimeTrust


class VirtualLoop(asyncio.BaseEventLoop):
    """Timers only; a wait that no timer ends raises, so a target cannot hang."""

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0
        self._selector = self
        self.complaints: list[dict[str, Any]] = []
        self.set_exception_handler(lambda _, context: self.complaints.append(context))
        self.connect: Callable[[Callable[[], Any]], Any] = lambda _: None

    def select(self, timeout_s: float | None) -> list[Any]:
        """Nobody's file descriptor is ever ready: let the time pass until the next timer."""
        assert timeout_s is not None, "everybody waits and nothing will ever happen"
        self._now_s += timeout_s
        return []

    def time(self) -> float:
        return self._now_s

    def _process_events(self, events: list[Any]) -> None:
        pass

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

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def monotonic_ms(self) -> int:
        return round(self._loop.time() * 1000)

    def now(self) -> Moment:
        return Moment(1_767_225_600_000 + self.monotonic_ms(), TimeTrust.AUTHENTICATED, self.monotonic_ms())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
