"""The only file that asks the time. Physics never does: it is told.

`now_ns` counts from the start of the simulation (0 at start) so that a run with a hand-driven clock and a real one
look alike.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


class Clock(Protocol):
    """What the simulation needs to know about time."""

    def now_ns(self) -> int:
        """Nanoseconds since the simulation started; never runs backwards."""

    async def sleep_until(self, instant_ns: int) -> None:
        """Wait for that instant."""

    def started_unix_s(self) -> int:
        """Unix time, in seconds, of the start of the simulation: for time-of-day loads and the meters' own clocks."""


class SystemClock:
    """The machine's monotonic clock."""

    def __init__(self) -> None:
        self._origin_ns = time.monotonic_ns()
        self._started_unix_s = int(time.time())

    def now_ns(self) -> int:
        """See `Clock`."""
        return time.monotonic_ns() - self._origin_ns

    async def sleep_until(self, instant_ns: int) -> None:
        """See `Clock`."""
        await asyncio.sleep(max(0, instant_ns - self.now_ns()) / NS_PER_S)

    def started_unix_s(self) -> int:
        """See `Clock`."""
        return self._started_unix_s


class ManualClock:
    """Time that moves only when a test says so; days pass in milliseconds."""

    def __init__(self, started_unix_s: int = 1_700_000_000) -> None:
        self._now_ns = 0
        self._started_unix_s = started_unix_s

    def now_ns(self) -> int:
        """See `Clock`."""
        return self._now_ns

    async def sleep_until(self, instant_ns: int) -> None:
        """For ever: whoever moves the clock (`Simulation.advance`) also does what is due."""
        del instant_ns
        await asyncio.Event().wait()

    def started_unix_s(self) -> int:
        """See `Clock`."""
        return self._started_unix_s

    def advance_ns(self, step_ns: int) -> None:
        """Move on by `step_ns` >= 0."""
        if step_ns < 0:
            message = "time does not run backwards"
            raise ValueError(message)
        self._now_ns += step_ns
