"""When to leave a silent device alone: after three failures in a row, 1, 2, 4 .. polls, up to a cap. Pure."""

from __future__ import annotations

FAILURES_UNTIL_SILENT = 3
LONGEST_POLLS = 64
LONGEST_MS = 300_000


class Breaker:
    """Counts failures of one device and says when the next try is due; time is an argument."""

    def __init__(self, period_ms: int, *, longest_ms: int = LONGEST_MS) -> None:
        self.failures = 0
        self._period_ms = period_ms
        self._longest_ms = max(longest_ms, period_ms)
        self._open_until_ms: int | None = None

    @property
    def silent(self) -> bool:
        """The device has failed often enough to be called silent."""
        return self.failures >= FAILURES_UNTIL_SILENT

    def failed(self, now_ms: int) -> None:
        """One more failure in a row."""
        self.failures += 1
        if self.silent:
            polls = min(1 << min(self.failures - FAILURES_UNTIL_SILENT, 16), LONGEST_POLLS)
            self._open_until_ms = now_ms + min(polls * self._period_ms, self._longest_ms)

    def answered(self) -> None:
        """The device is back."""
        self.failures = 0
        self._open_until_ms = None

    def wake(self) -> None:
        """Try at once, whatever the back-off says."""
        self._open_until_ms = None

    def wait_ms(self, now_ms: int) -> int:
        """How long to leave the device alone; 0 when it may be tried."""
        return 0 if self._open_until_ms is None else max(0, self._open_until_ms - now_ms)
