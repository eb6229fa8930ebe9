"""An event loop whose time jumps: months of a gateway's life, with real sockets and the real store, in minutes.

When nothing can run, the loop does not wait for the next timer, it moves its time there. Only two things happen outside
this loop and are waited for in real time: SQLite in its thread, and, for a moment, an answer on the loopback wire. So
no question times out because time jumped over its answer.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import aiosqlite

from gateway.clock import Kernel, SystemClock
from gateway.meters import modbus
from gateway.reference import headend

STUCK_S = 30.0
"""Real time after which work outside that does not end is a dead lock."""
WIRE_PATIENCE_S = 0.002
NS_PER_S = 1_000_000_000


class _Selector(selectors.DefaultSelector):
    """Waits for the wires, and moves the loop's time instead of waiting for a timer."""

    loop: HurriedLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready now; else time has passed."""
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        loop = self.loop
        if timeout is None or loop.stored > 0:
            ready = super().select(STUCK_S)
            assert ready, "nothing happened for too long: a dead lock"
            return ready
        if loop.asked > 0 and (ready := super().select(WIRE_PATIENCE_S)):
            return ready
        loop.now_s += max(0.0, timeout)
        return []


class HurriedLoop(asyncio.SelectorEventLoop):
    """`now_s` is its time, from 0; `stored` and `asked` count what is under way outside."""

    def __init__(self) -> None:
        selector = _Selector()
        selector.loop = self
        self.now_s = 0.0
        self.stored = 0
        self.asked = 0
        super().__init__(selector)
        # Timers that lie within this of now are due: without it a jump could stop a hair before its timer for ever.
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Seconds since the loop was made."""
        return self.now_s


class Hurried:
    """The clocks of everybody who lives in one hurried loop; the gateway's wall clock may be stepped."""

    def __init__(self, loop: HurriedLoop, started_utc_s: int, *, synchronised: bool) -> None:
        self._loop = loop
        self._started_utc_s = started_utc_s
        self._synchronised = synchronised
        self.stepped_ms = 0

    def gateway(self) -> SystemClock:
        """The production clock on a kernel of ours."""
        return SystemClock(Kernel(self._wall_ms, lambda: round(self._loop.now_s * 1000), lambda: self._synchronised))

    def _wall_ms(self) -> int:
        return self._started_utc_s * 1000 + round(self._loop.now_s * 1000) + self.stepped_ms

    def now_ns(self) -> int:
        """For the simulator: since the start."""
        return int(self._loop.now_s * NS_PER_S)

    async def sleep_until(self, instant_ns: int) -> None:
        """For the simulator."""
        await asyncio.sleep(max(0, instant_ns - self.now_ns()) / NS_PER_S)

    def started_unix_s(self) -> int:
        """For the simulator."""
        return self._started_utc_s

    def time(self) -> float:
        """For the head-end, in place of the module `time`."""
        return self._started_utc_s + self._loop.now_s

    def time_ns(self) -> int:
        """For the head-end."""
        return int(self.time() * NS_PER_S)

    def monotonic(self) -> float:
        """For the head-end."""
        return self._loop.now_s


@contextmanager
def hurrying(started_utc_s: int, *, synchronised: bool) -> Iterator[tuple[HurriedLoop, Hurried]]:
    """A loop, and what its inhabitants know of time; the store, the wire and the head-end are told of it meanwhile."""
    loop = HurriedLoop()
    clocks = Hurried(loop, started_utc_s, synchronised=synchronised)
    ask, clock = modbus._Wire.ask, vars(headend)["time"]
    database = [(name, getattr(aiosqlite.Connection, name)) for name in ("_connect", "_execute", "close")]

    def counted(call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def stored(*arguments: Any, **named: Any) -> Any:
            loop.stored += 1
            try:
                return await call(*arguments, **named)
            finally:
                loop.stored -= 1

        return stored

    async def counted_ask(self: modbus._Wire, *arguments: Any) -> Any:
        loop.asked += 1
        try:
            return await ask(self, *arguments)
        finally:
            loop.asked -= 1

    swaps: list[tuple[Any, str, Any, Any]] = [
        *((aiosqlite.Connection, name, counted(call), call) for name, call in database),
        (modbus._Wire, "ask", counted_ask, ask),
        (headend, "time", clocks, clock),
    ]
    try:
        for owner, name, ours, _ in swaps:
            setattr(owner, name, ours)
        yield loop, clocks
    finally:
        for owner, name, _, theirs in swaps:
            setattr(owner, name, theirs)
        loop.close()


def took(begun_s: float) -> float:
    """Real seconds since `begun_s`."""
    return round(time.monotonic() - begun_s, 1)
