"""The machine's clocks: one that shows the truth and one that says whatever the faults make it say."""

from __future__ import annotations

from collections.abc import Callable

from gateway.clock import Kernel

HONEST_AFTER_S = 120.0


class Machine:
    """The clocks of the gateway's computer. True time is `started_utc_ms` plus the loop's time.

    `ahead_ms` is by how much the wall clock is wrong; without a battery it starts at each boot where the last shutdown
    left it (`has_rtc` False), and `synchronised` is what the kernel claims.
    """

    def __init__(self, time_s: Callable[[], float], started_utc_ms: int, *, has_rtc: bool) -> None:
        self.has_rtc = has_rtc
        self.ahead_ms = 0
        self.synchronised = False
        self.drift_ppm = 0
        self._time_s = time_s
        self._started_utc_ms = started_utc_ms
        self._booted_s = 0.0
        self._saved_wall_ms = started_utc_ms

    def true_utc_ms(self) -> int:
        """What a good clock shows."""
        return self._started_utc_ms + round(self._time_s() * 1000)

    def wall_ms(self) -> int:
        """What this machine's clock shows."""
        return self.true_utc_ms() + self.ahead_ms + self._drifted_ms()

    def monotonic_ms(self) -> int:
        """Since the boot, by the machine's crystal."""
        return round((self._time_s() - self._booted_s) * 1000) + self._drifted_ms()

    def boot(self) -> None:
        """The power is back."""
        if not self.has_rtc:
            self.ahead_ms = self._saved_wall_ms - self.true_utc_ms()
        self._booted_s = self._time_s()
        self.synchronised = False

    def save(self) -> None:
        """What timesyncd does each minute: a file's date is all that is left after a power cut."""
        self._saved_wall_ms = self.wall_ms()

    def synchronise(self) -> None:
        """A time server was reached."""
        self.ahead_ms = -self._drifted_ms()
        self.synchronised = True

    def kernel(self) -> Kernel:
        """The seam of `SystemClock`."""
        return Kernel(wall_ms=self.wall_ms, monotonic_ms=self.monotonic_ms, synchronised=lambda: self.synchronised)

    def _drifted_ms(self) -> int:
        return int((self._time_s() - self._booted_s) * self.drift_ppm / 1000)
