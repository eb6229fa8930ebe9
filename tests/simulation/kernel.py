"""The machine's clocks: one that shows the truth and one that says whatever the faults make it say."""

from __future__ import annotations

from collections.abc import Callable

from gateway.clock import Kernel

SAVED_EVERY_S = 60


class Machine:
    """The clocks of the gateway's computer. True time is `started_utc_ms` plus the loop's time.

    `ahead_ms` is by how much the wall clock is wrong; without a battery it starts at each boot where timesyncd last
    saved it (`has_rtc` False), and `synchronised` is what the kernel claims.
    """

    def __init__(self, time_s: Callable[[], float], started_utc_ms: int, *, has_rtc: bool) -> None:
        self.has_rtc = has_rtc
        self.ahead_ms = 0
        self.synchronised = False
        self.ntp_ahead_ms: int | None = 0
        """What the time servers it asks are wrong by; None: they cannot be reached."""
        self.rtc_ahead_ms = 0
        """What the battery clock is wrong by."""
        self._ppm = 0
        self._drifted_ms = 0.0
        self._drifting_since_s = 0.0
        self._asleep_s = 0.0
        self._time_s = time_s
        self._started_utc_ms = started_utc_ms
        self._booted_s = 0.0
        self._saved_wall_ms = started_utc_ms

    @property
    def drift_ppm(self) -> int:
        """By how much the crystal is too fast."""
        return self._ppm

    @drift_ppm.setter
    def drift_ppm(self, ppm: int) -> None:
        self._drifted_ms, self._drifting_since_s, self._ppm = self._drift_ms(), self._time_s(), ppm

    def true_utc_ms(self) -> int:
        """What a good clock shows."""
        return self._started_utc_ms + round(self._time_s() * 1000)

    def wall_ms(self) -> int:
        """What this machine's clock shows."""
        return self.true_utc_ms() + self.ahead_ms + int(self._drift_ms())

    def monotonic_ms(self) -> int:
        """Since the boot, by the machine's crystal; a suspended machine does not count."""
        return round((self._time_s() - self._booted_s - self._asleep_s) * 1000) + int(self._drift_ms())

    def rtc_ms(self) -> int | None:
        """What the battery clock shows; None without one."""
        return self.true_utc_ms() + self.rtc_ahead_ms if self.has_rtc else None

    def boot(self) -> None:
        """The power is back."""
        self._booted_s, self._asleep_s = self._time_s(), 0.0
        self._drifted_ms, self._drifting_since_s = 0.0, self._time_s()
        shown_ms = self.rtc_ms()
        if shown_ms is None or shown_ms < self._saved_wall_ms:
            shown_ms = self._saved_wall_ms  # timesyncd never starts before the date it saved
        self.ahead_ms = shown_ms - self.true_utc_ms()
        self.synchronised = False

    def save(self) -> None:
        """What timesyncd does each minute: a file's date is all that is left after a power cut."""
        self._saved_wall_ms = self.wall_ms() - round(self._time_s() % SAVED_EVERY_S * 1000)

    def ask_servers(self) -> None:
        """The time servers are asked, now and then; what they say is believed."""
        if self.ntp_ahead_ms is not None:
            self._set(self.ntp_ahead_ms)
            self.rtc_ahead_ms = self.ntp_ahead_ms

    def synchronise(self) -> None:
        """Everything is right again: servers, battery clock and wall clock."""
        self.ntp_ahead_ms, self.rtc_ahead_ms = 0, 0
        self._set(0)

    def sleep(self, seconds: float) -> None:
        """So many of the last seconds the machine was suspended."""
        self._asleep_s += seconds

    def kernel(self) -> Kernel:
        """The seam of `SystemClock`."""
        return Kernel(
            wall_ms=self.wall_ms,
            monotonic_ms=self.monotonic_ms,
            synchronised=lambda: self.synchronised,
            rtc_ms=self.rtc_ms,
        )

    def _set(self, ahead_ms: int) -> None:
        self.ahead_ms = ahead_ms - int(self._drift_ms())
        self.synchronised = True

    def _drift_ms(self) -> float:
        return self._drifted_ms + (self._time_s() - self._drifting_since_s) * self._ppm / 1000
