"""An event loop whose time passes only when nothing is left to do: a week takes seconds, and each run is the same.

There is no operating system below it: no sockets, no threads, no signals. What would need one raises, so nothing that
cannot be repeated slips in unseen.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
from collections.abc import Callable
from typing import Any


class Deadlock(Exception):
    """Everything waits for something and no timer runs: in the real world the process would hang for ever."""


class _Idle:
    """The selector of a loop without a world: waiting is what makes time pass."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        """Let `timeout` seconds pass at once."""
        self._loop.steps += 1
        if timeout is None:
            raise Deadlock("every task waits and no timer runs")
        if timeout > 0:
            self._loop.skip()
        return []

    def close(self) -> None:
        """Nothing to close."""


class _InTurn(asyncio.TimerHandle):
    """Timers of the same instant run in the order they were made, whatever else waits for later.

    A heap that compares instants alone orders them by what else is in it: a run replayed with fewer incidents to come
    would differ before the first one that is missing.
    """

    __slots__ = ("turn",)
    turn: int

    def __lt__(self, other: _InTurn) -> bool:  # type: ignore[override]
        if self._when == other._when:  # type: ignore[attr-defined]
            return self.turn < other.turn
        return bool(self._when < other._when)  # type: ignore[attr-defined]


class VirtualLoop(asyncio.BaseEventLoop):
    """`time()` counts virtual seconds from 0; `steps` counts its rounds."""

    def __init__(self) -> None:
        super().__init__()
        self._turns = 0
        self.steps = 0
        self._now_s = 0.0
        self._selector = _Idle(self)
        self._clock_resolution = 1e-7  # more than a float's step after 17 years: else a timer that is due never runs

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now_s

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """As any loop, and timers of one instant in turn."""
        timer = _InTurn(when, callback, args, self, context)
        timer.turn = self._turns = self._turns + 1
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]
        timer._scheduled = True  # type: ignore[attr-defined]
        return timer

    def skip(self) -> None:
        """To the next timer."""
        self._now_s = max(self._now_s, self._scheduled[0].when())  # type: ignore[attr-defined]

    def leap(self, seconds: float) -> None:
        """The whole machine stands still for so long; what was due meanwhile runs afterwards."""
        self._now_s += seconds

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Any:  # type: ignore[override]
        """A thread would run in real time, so there is none."""
        raise NotImplementedError(f"{func} wants a thread, which cannot be repeated")

    def _process_events(self, event_list: list[Any]) -> None:
        """There are no events but timers."""

    def _write_to_self(self) -> None:
        """Nobody sleeps in another thread."""
