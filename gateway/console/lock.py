"""The lock on guessing: after a few free attempts each failure doubles the wait, up to half a day.

It counts `running_ms`, which neither a reboot nor a clock set by hand moves, and its state is a value that is written
to the medium before an attempt is judged (`access.Access.attempt`): a power cut in between is a failure, too.
"""

from __future__ import annotations

from msgspec import Struct

WAITS_MIN = (0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 720)
"""Minutes to wait after the first, second, third ... failure; after all further ones as after the last."""
FADES_MS = 24 * 3_600_000
"""For each such span without a failure one is forgotten: a year of slips of the finger locks nobody out."""
PER_DAY_MAX = 13
"""No 24 hours of running ever hold more attempts than this; who goes on guessing gets two a day."""


class Lock(Struct, frozen=True):
    """How often it went wrong, and when last (`running_ms`)."""

    failures: int = 0
    last_ms: int = 0

    def wait_ms(self, running_ms: int) -> int:
        """How long until the next attempt is allowed; 0: now."""
        if not self.failures:
            return 0
        wait_ms = WAITS_MIN[min(self.failures, len(WAITS_MIN)) - 1] * 60_000
        return max(0, wait_ms - max(0, running_ms - self.last_ms))

    def failed(self, running_ms: int) -> Lock:
        """The lock after one more failure."""
        faded = max(0, running_ms - self.last_ms) // FADES_MS
        return Lock(min(max(0, self.failures - faded) + 1, len(WAITS_MIN)), running_ms)

    def anchored(self, running_ms: int) -> Lock:
        """The lock for a running time that has gone back (a lost store): the wait begins again, and ends some day."""
        return self if self.last_ms <= running_ms else Lock(self.failures, running_ms)
