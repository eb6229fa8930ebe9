"""The gate before the signature check: how fast strangers may knock, and what is remembered of their junk.

Checking a signature costs about a tenth of a millisecond, so messages are let through at a bounded rate; those of a
trusted sender only wait. Junk is counted and put on record as a sum now and then, never one by one (decision 7); only
the first of each kind in a run is told at once, so that a power cut does not take the trace of it away (I24).
"""

from __future__ import annotations

from collections import Counter

from gateway.clock import Clock
from gateway.prepayment.events import Detail


class Bucket:
    """A token bucket: `burst` at once, `per_s` in the long run."""

    def __init__(self, clock: Clock, *, per_s: float, burst: int) -> None:
        self._clock = clock
        self._per_s = per_s
        self._burst = burst
        self._level = float(burst)
        self._at_ms = clock.monotonic_ms()

    def take(self) -> bool:
        """Take one token if there is one."""
        now_ms = self._clock.monotonic_ms()
        self._level = min(self._burst, self._level + (now_ms - self._at_ms) * self._per_s / 1000)
        self._at_ms = now_ms
        if self._level < 1:
            return False
        self._level -= 1
        return True

    async def wait(self) -> None:
        """Wait for a token."""
        while not self.take():
            await self._clock.sleep(1 / self._per_s)


class Junk:
    """What was refused without a good signature, and was not told yet."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._known: set[str] = set()

    def count(self, reason: str) -> Detail:
        """One more; gives what is to be told at once, empty when it can wait for the summary."""
        if reason in self._known:
            self._counts[reason] += 1
            return ()
        self._known.add(reason)
        return ((reason, 1),)

    def summary(self) -> Detail:
        """The counts by reason, starting again from nothing; empty when there was no junk."""
        counts, self._counts = self._counts, Counter()
        return tuple(sorted(counts.items()))
