"""The only file that may ask the time or sleep, and the place where the time's trust level is decided.

Everything else gets a `Moment` as an argument. `running_ms` counts the time observed while running over the whole
life of the gateway: the value saved at the last checkpoint plus the monotonic clock since this start.

Time is a claim (decision 16). A signed answer to our own nonce makes it AUTHENTICATED: from then on it advances with
the monotonic clock alone, whatever the kernel's clock does, until it is too old to be worth that. Otherwise the kernel
is believed as far as it goes. Below everything lies a bound: the latest instant that is certainly past. It never goes
back (I17) and rises only with signed time and with time observed, so a forged time server cannot push it ahead. One
wrong signed answer could, for good; so an answer ahead of what is known must be given again an hour later.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from gateway.prepayment.events import Moment, TimeTrust

BUILD_UTC_MS = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1000
"""No clock is right that shows less; raised with releases."""
STEP_MS = 10_000
"""A jump of the kernel's clock beyond this is put on record (as SMETS2 meters do)."""
AUTHENTIC_MS = 24 * 3_600_000
"""How long a signed answer lasts: a poor crystal drifts by 9 s in that time."""
ROUND_TRIP_MAX_MS = 10_000
CORRECTION_MAX_MS = 300_000
"""How far below the bound a signed answer may lie: the head-end's own clock was corrected."""
LEAP_CONFIRMED_MS = 3_600_000
"""How long signed answers must agree with each other before a leap ahead of a known time is believed (threat 13)."""
LAST_UTC_MS = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * 1000
"""An answer beyond this is a fault of the head-end; dates end somewhere, and so would the process."""
DRIFT_PARTS = 1000
"""The bound advances by the time observed less one part in this many, so that a fast crystal never overtakes UTC."""
_STEPS_KEPT = 16
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_TIMESYNCD_MARK = Path("/run/systemd/timesync/synchronized")


class Clock(Protocol):
    """What the program knows of time; the simulation has its own."""

    def now(self) -> Moment:
        """The instant with its trust level."""
        ...

    def monotonic_ms(self) -> int:
        """Milliseconds since an arbitrary start; never jumps."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Give way for at least this long."""
        ...


@dataclass(frozen=True, slots=True)
class Kernel:
    """What the operating system says; tests put their own in."""

    wall_ms: Callable[[], int]
    monotonic_ms: Callable[[], int]
    synchronised: Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Step:
    """The kernel's clock jumped by `by_ms` (what it shows less what it should); changes nothing by itself (I16)."""

    at: Moment
    by_ms: int


@dataclass(frozen=True, slots=True)
class _Answer:
    utc_ms: int
    monotonic_ms: int


class SystemClock:
    """The production clock. Call `resume` with what the store saved before anything is put on record."""

    def __init__(self, kernel: Kernel | None = None) -> None:
        self._kernel = kernel or system_kernel()
        self._started_ms = self._kernel.monotonic_ms()
        self._running_ms = 0
        self._bound_utc_ms = BUILD_UTC_MS
        self._bound_at_ms = self._started_ms
        self._answer: _Answer | None = None
        self._leap: _Answer | None = None
        self._offset_ms = self._kernel.wall_ms() - self._started_ms
        self._steps: deque[Step] = deque(maxlen=_STEPS_KEPT)

    def resume(self, running_ms: int, bound_utc_ms: int) -> None:
        """Continue the gateway's life from what was saved (`Store.saved`)."""
        self._running_ms = max(self._running_ms, running_ms)
        self._bound_utc_ms = max(self._bound_utc_ms, bound_utc_ms)

    def now(self) -> Moment:
        """The instant with its trust level; `utc_ms` of UNKNOWN time is the bound."""
        monotonic_ms = self._kernel.monotonic_ms()
        wall_ms = self._kernel.wall_ms()
        moment = self._moment(monotonic_ms, wall_ms)
        offset_ms = wall_ms - monotonic_ms
        if abs(offset_ms - self._offset_ms) > STEP_MS:
            self._steps.append(Step(moment, offset_ms - self._offset_ms))
        self._offset_ms = offset_ms
        return moment

    def monotonic_ms(self) -> int:
        """Milliseconds since an arbitrary start; never jumps."""
        return self._kernel.monotonic_ms()

    async def sleep(self, seconds: float) -> None:
        """Give way for at least this long."""
        await asyncio.sleep(seconds)

    @property
    def bound_utc_ms(self) -> int:
        """The latest instant that is certainly past; never decreases (I17)."""
        return self._bound_ms(self._kernel.monotonic_ms())

    def authenticate(self, utc_ms: int, at_monotonic_ms: int, rtt_ms: int) -> bool:
        """Take a signed answer to our nonce that arrived at `at_monotonic_ms`, `rtt_ms` after we asked.

        False, and nothing changes, when it took too long to be worth anything, lies far below the bound, beyond all
        dates, or far ahead of a time that is known and was not confirmed by answers over an hour.
        """
        now_ms = self._kernel.monotonic_ms()
        if not 0 <= rtt_ms <= ROUND_TRIP_MAX_MS or utc_ms > LAST_UTC_MS:
            return False
        if utc_ms < self._bound_ms(at_monotonic_ms) - CORRECTION_MAX_MS:
            return False
        if self._leaps(_Answer(utc_ms, at_monotonic_ms)):
            return False
        self._bound_utc_ms = max(self._bound_ms(now_ms), utc_ms)
        self._bound_at_ms = now_ms
        self._answer = _Answer(utc_ms + rtt_ms // 2, at_monotonic_ms)
        return True

    def _leaps(self, answer: _Answer) -> bool:
        """The answer is far ahead of a known time, and no earlier one an hour ago said the same."""
        known = self._moment(answer.monotonic_ms, self._kernel.wall_ms())
        if not known.trust.dated or answer.utc_ms - known.utc_ms <= CORRECTION_MAX_MS:
            self._leap = None
            return False
        first = self._leap
        waited_ms = 0 if first is None else answer.monotonic_ms - first.monotonic_ms
        if first is None or abs(answer.utc_ms - first.utc_ms - waited_ms) > CORRECTION_MAX_MS:
            self._leap = answer
            return True
        if waited_ms < LEAP_CONFIRMED_MS:
            return True
        self._leap = None
        return False

    def steps(self) -> list[Step]:
        """The jumps of the kernel's clock since the last call, oldest first; at most 16 are kept."""
        found = list(self._steps)
        self._steps.clear()
        return found

    def _moment(self, monotonic_ms: int, wall_ms: int) -> Moment:
        running_ms = self._running_ms + monotonic_ms - self._started_ms
        answer = self._answer
        if answer is not None and monotonic_ms - answer.monotonic_ms <= AUTHENTIC_MS:
            return Moment(answer.utc_ms + monotonic_ms - answer.monotonic_ms, TimeTrust.AUTHENTICATED, running_ms)
        bound_ms = self._bound_ms(monotonic_ms)
        if wall_ms < bound_ms:
            return Moment(bound_ms, TimeTrust.UNKNOWN, running_ms)
        trust = TimeTrust.SYNCHRONISED if self._kernel.synchronised() else TimeTrust.RESTORED
        return Moment(wall_ms, trust, running_ms)

    def _bound_ms(self, monotonic_ms: int) -> int:
        observed_ms = max(0, monotonic_ms - self._bound_at_ms)
        return self._bound_utc_ms + observed_ms - observed_ms // DRIFT_PARTS


def system_kernel() -> Kernel:
    """The clocks of this machine."""
    return Kernel(
        wall_ms=lambda: time.time_ns() // 1_000_000,
        monotonic_ms=lambda: time.monotonic_ns() // 1_000_000,
        synchronised=kernel_synchronised,
    )


def kernel_synchronised() -> bool:
    """Something keeps this machine's clock right; False when nobody can be asked.

    adjtimex(2) says so, read only. The hardened unit forbids that call together with setting the clock, so there the
    mark counts that systemd-timesyncd leaves at each synchronisation since boot.
    """
    timex = (ctypes.c_long * 64)()  # struct timex is 208 bytes on 64-bit, 128 on 32-bit; all zero only asks
    state = _adjtimex(timex)
    return _TIMESYNCD_MARK.exists() if state < 0 else state != _TIME_ERROR


def _no_adjtimex(_timex: object) -> int:
    return -1


_adjtimex: Callable[[object], int] = (
    getattr(ctypes.CDLL(None), "adjtimex", _no_adjtimex) if os.name == "posix" else _no_adjtimex
)
