"""The only file that may ask the time or sleep, and the place where the time's trust level is decided.

Everything else gets a `Moment` as an argument. `running_ms` counts the time observed while running over the whole
life of the gateway: the value saved at the last checkpoint plus the monotonic clock since this start.

Time is a claim (decision 16). A signed answer to our own nonce makes it AUTHENTICATED: from then on it advances with
the monotonic clock alone, whatever the kernel's clock does, until it is too old to be worth that. Otherwise the kernel
is believed as far as it goes. Below everything lies a bound: the latest instant that is certainly past. It never goes
back (I17) and rises only with signed time and with time observed, so a forged time server cannot push it ahead. One
wrong signed answer could, for good; so an answer counts at once only if one of our own clocks shows the same and none
contradicts it, else it must be given again for an hour. What the kernel, the battery clock (RTC) and the meters show
never proves anything by itself: witnesses confirm an answer or delay it.
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
"""How long signed answers must agree with each other before one that nobody else shows is believed (threat 13)."""
AGREE_MS = 2 * ROUND_TRIP_MAX_MS
"""How far such answers may differ: they were on the way for different times."""
VETO_MS = 14 * 3_600_000 + CORRECTION_MAX_MS
"""Beyond this a meter or an RTC contradicts an answer; below, it may show the local time of some zone."""
WITNESS_WAIT_MS = 120_000
"""How long after the start an answer waits for the meters that have a clock."""
LOOK_MAX_MS = 120_000
"""A longer time between two looks at the monotonic clock counts only as far as the wall clock shows it, too."""
LAST_UTC_MS = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * 1000
"""An answer beyond this is a fault of the head-end; dates end somewhere, and so would the process."""
DRIFT_PARTS = 1000
"""The bound advances by the time observed less one part in this many, so that a fast crystal never overtakes UTC."""
_KEPT = 16
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_TIMESYNCD_MARK = Path("/run/systemd/timesync/synchronized")
_RTC = Path("/sys/class/rtc/rtc0/since_epoch")


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
    rtc_ms: Callable[[], int | None] = lambda: None
    slept_ms: Callable[[], int] = lambda: 0


@dataclass(frozen=True, slots=True)
class Step:
    """The kernel's clock jumped by `by_ms` (what it shows less what it should); changes nothing by itself (I16)."""

    at: Moment
    by_ms: int


@dataclass(frozen=True, slots=True)
class Doubt:
    """A signed answer that must be confirmed: `by` contradicts it, or is "nobody" when no clock of ours shows it."""

    at: Moment
    by: str
    ahead_ms: int


@dataclass(frozen=True, slots=True)
class _Shown:
    """What some clock showed at an instant of ours."""

    utc_ms: int
    monotonic_ms: int

    def at(self, monotonic_ms: int) -> int:
        """What it shows at another."""
        return self.utc_ms + monotonic_ms - self.monotonic_ms


@dataclass(frozen=True, slots=True)
class _Witness:
    """A clock that is asked about an answer; `veto_ms` is the difference at which it contradicts (None: never)."""

    shown: _Shown
    veto_ms: int | None
    vouches: bool


class SystemClock:
    """The production clock. Call `resume` with what the store saved before anything is put on record."""

    def __init__(self, kernel: Kernel | None = None) -> None:
        self._kernel = kernel or system_kernel()
        self._looked_ms = self._kernel.monotonic_ms()
        self._looked_wall_ms = self._kernel.wall_ms()
        self._slept_ms = self._kernel.slept_ms()
        self._started_ms = self._observed_ms = self._looked_ms
        self._running_ms = 0
        self._bound_utc_ms = BUILD_UTC_MS
        self._bound_at_ms = self._started_ms
        self._answer: _Shown | None = None
        self._anchor: _Shown | None = None
        self._leap: _Shown | None = None
        self._expected: set[str] = set()
        self._witnesses: dict[str, _Witness] = {}
        rtc_ms = self._kernel.rtc_ms()
        if rtc_ms is not None:
            self._witnesses["rtc"] = _Witness(_Shown(rtc_ms, self._started_ms), VETO_MS, vouches=True)
        self._steps: deque[Step] = deque(maxlen=_KEPT)
        self._doubts: deque[Doubt] = deque(maxlen=_KEPT)
        self._doubted_by: set[str] = set()

    def resume(self, running_ms: int, bound_utc_ms: int) -> None:
        """Continue the gateway's life from what was saved (`Store.saved`)."""
        self._running_ms = max(self._running_ms, running_ms)
        self._bound_utc_ms = max(self._bound_utc_ms, bound_utc_ms)

    def now(self) -> Moment:
        """The instant with its trust level; `utc_ms` of UNKNOWN time is the bound."""
        return self._moment(self._look())

    def monotonic_ms(self) -> int:
        """Milliseconds since an arbitrary start; never jumps."""
        return self._look()

    async def sleep(self, seconds: float) -> None:
        """Give way for at least this long."""
        await asyncio.sleep(seconds)

    @property
    def bound_utc_ms(self) -> int:
        """The latest instant that is certainly past; never decreases (I17)."""
        return self._bound_ms(self._look())

    def expect(self, witness: str) -> None:
        """A meter with a clock will be read soon: no answer counts before, within reason."""
        self._expected.add(witness)

    def witness(self, name: str, utc_ms: int | None) -> None:
        """What the clock of a meter shows now (None: it has none after all). It never vouches, it may contradict."""
        self._expected.discard(name)
        if utc_ms is not None:
            self._witnesses[name] = _Witness(_Shown(utc_ms, self._look()), VETO_MS, vouches=False)

    def authenticate(self, utc_ms: int, at_monotonic_ms: int, rtt_ms: int) -> bool:
        """Take a signed answer to our nonce that arrived at `at_monotonic_ms`, `rtt_ms` after we asked.

        False, and nothing changes, when it took too long to be worth anything, lies far below the bound or beyond all
        dates, or is doubted and was not yet confirmed by answers over an hour.
        """
        now_ms = self._look()
        if not 0 <= rtt_ms <= ROUND_TRIP_MAX_MS or utc_ms > LAST_UTC_MS:
            return False
        if utc_ms < self._bound_ms(at_monotonic_ms) - CORRECTION_MAX_MS:
            return False
        if self._expected and now_ms - self._started_ms < WITNESS_WAIT_MS:
            return False
        answer = _Shown(utc_ms, at_monotonic_ms)
        doubt = self._doubt(answer)
        if doubt is not None and not self._confirmed(answer):
            self._tell(doubt)
            return False
        if doubt is not None or self._anchor is None or _age_ms(self._anchor, answer) > AUTHENTIC_MS:
            self._anchor = answer
        self._leap = None
        self._doubted_by.clear()
        self._bound_utc_ms = max(self._bound_ms(now_ms), utc_ms)
        self._bound_at_ms = now_ms
        self._answer = _Shown(utc_ms + rtt_ms // 2, at_monotonic_ms)
        return True

    def steps(self) -> list[Step]:
        """The jumps of the kernel's clock since the last call, oldest first; at most 16 are kept."""
        found = list(self._steps)
        self._steps.clear()
        return found

    def doubts(self) -> list[Doubt]:
        """The doubted answers since the last call, each doubter once until an answer counts; at most 16 are kept."""
        found = list(self._doubts)
        self._doubts.clear()
        return found

    def _look(self) -> int:
        """The monotonic clock as far as it can be believed: all time in this class is counted by it.

        It never goes back. A leap ahead that the wall clock knows nothing of is no time observed while running; a
        process that was merely stopped for a while has a wall clock that says so, too.
        """
        monotonic_ms, wall_ms = self._kernel.monotonic_ms(), self._kernel.wall_ms()
        passed_ms, wall_passed_ms = monotonic_ms - self._looked_ms, wall_ms - self._looked_wall_ms
        self._looked_ms, self._looked_wall_ms = monotonic_ms, wall_ms
        self._observed_ms += max(0, min(passed_ms, max(wall_passed_ms, LOOK_MAX_MS)))
        slept_ms, self._slept_ms = self._slept_ms, self._kernel.slept_ms()
        if self._slept_ms - slept_ms > STEP_MS:
            self._answer = self._anchor = None  # the monotonic clock stood still, and so would what it proves
        if abs(wall_passed_ms - passed_ms) > STEP_MS:
            self._steps.append(Step(self._moment(self._observed_ms), wall_passed_ms - passed_ms))
        return self._observed_ms

    def _doubt(self, answer: _Shown) -> tuple[str, int] | None:
        """Who contradicts an answer and by how much it is ahead of them; None when it may count at once.

        While the time is proven the proof alone is asked, at its oldest: corrections of a day add up to one.
        """
        anchor, bound_ms, vouched = self._anchor, self._bound_ms(answer.monotonic_ms), False
        if anchor is not None:
            ahead_ms = answer.utc_ms - anchor.at(answer.monotonic_ms)
            if _age_ms(anchor, answer) <= AUTHENTIC_MS:
                return ("proven", ahead_ms) if ahead_ms > CORRECTION_MAX_MS else None
            vouched = abs(ahead_ms) <= CORRECTION_MAX_MS
        kernel_veto_ms = CORRECTION_MAX_MS if self._kernel.synchronised() else None
        kernel = _Witness(_Shown(self._looked_wall_ms, self._observed_ms), kernel_veto_ms, vouches=True)
        for name, witness in {"kernel": kernel, **self._witnesses}.items():
            shown_ms = witness.shown.at(answer.monotonic_ms)
            if shown_ms < bound_ms - CORRECTION_MAX_MS:
                continue  # a clock that lost its time says nothing
            ahead_ms = answer.utc_ms - shown_ms
            if witness.veto_ms is not None and abs(ahead_ms) > witness.veto_ms:
                return name, ahead_ms
            vouched = vouched or (witness.vouches and abs(ahead_ms) <= CORRECTION_MAX_MS)
        return None if vouched else ("nobody", answer.utc_ms - bound_ms)

    def _confirmed(self, answer: _Shown) -> bool:
        """Answers have said the same for an hour; one that says another time begins the hour again."""
        first = self._leap
        if first is None or abs(answer.utc_ms - first.at(answer.monotonic_ms)) > AGREE_MS:
            self._leap = answer
            return False
        return _age_ms(first, answer) >= LEAP_CONFIRMED_MS

    def _tell(self, doubt: tuple[str, int]) -> None:
        by, ahead_ms = doubt
        if by not in self._doubted_by:
            self._doubted_by.add(by)
            self._doubts.append(Doubt(self._moment(self._observed_ms), by, ahead_ms))

    def _moment(self, monotonic_ms: int) -> Moment:
        running_ms = self._running_ms + monotonic_ms - self._started_ms
        answer = self._answer
        if answer is not None and monotonic_ms - answer.monotonic_ms <= AUTHENTIC_MS:
            return Moment(answer.at(monotonic_ms), TimeTrust.AUTHENTICATED, running_ms)
        bound_ms, wall_ms = self._bound_ms(monotonic_ms), self._looked_wall_ms
        if wall_ms < bound_ms:
            return Moment(bound_ms, TimeTrust.UNKNOWN, running_ms)
        trust = TimeTrust.SYNCHRONISED if self._kernel.synchronised() else TimeTrust.RESTORED
        return Moment(wall_ms, trust, running_ms)

    def _bound_ms(self, monotonic_ms: int) -> int:
        return bound_after(self._bound_utc_ms, max(0, monotonic_ms - self._bound_at_ms))


def bound_after(bound_utc_ms: int, observed_ms: int) -> int:
    """The bound when so much time has been observed since, by a crystal that may be fast."""
    return bound_utc_ms + observed_ms - -(-observed_ms // DRIFT_PARTS)


def _age_ms(earlier: _Shown, later: _Shown) -> int:
    return later.monotonic_ms - earlier.monotonic_ms


def system_kernel() -> Kernel:
    """The clocks of this machine."""
    return Kernel(
        wall_ms=lambda: time.time_ns() // 1_000_000,
        monotonic_ms=lambda: time.monotonic_ns() // 1_000_000,
        synchronised=kernel_synchronised,
        rtc_ms=read_rtc,
        slept_ms=slept_ms,
    )


def slept_ms() -> int:
    """How long this machine was suspended since it booted."""
    return (time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()) // 1_000_000


def read_rtc() -> int | None:
    """What the battery clock of this machine shows; None when there is none or it cannot be read."""
    try:
        return int(_RTC.read_text()) * 1000
    except (OSError, ValueError):
        return None


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
