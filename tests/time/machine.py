"""The gateway's computer: what is true, and what its clocks show. One lie each is a method."""

from __future__ import annotations

from gateway.clock import Kernel


class Machine:
    """`true_ms` is UTC as God knows it; `ppm` is what the crystal makes of it. Powered off, only `true_ms` moves."""

    def __init__(self, true_ms: int, ppm: int) -> None:
        self.true_ms = true_ms
        self.wall_ms = true_ms
        self.monotonic_ms = 1_000
        self.slept_ms = 0
        self.synchronised = True
        self.rtc_ms: int | None = true_ms
        self._ppm = ppm
        self._rest = 0

    def kernel(self) -> Kernel:
        """The seam of the production clock."""
        return Kernel(
            wall_ms=lambda: self.wall_ms,
            monotonic_ms=lambda: self.monotonic_ms,
            synchronised=lambda: self.synchronised,
            rtc_ms=lambda: self.rtc_ms,
            slept_ms=lambda: self.slept_ms,
        )

    def run(self, ms: int) -> None:
        """Time passes; the kernel's clocks follow the crystal."""
        self._rest += ms * self._ppm
        drift_ms, self._rest = divmod(self._rest, 1_000_000)
        self.true_ms += ms
        self.wall_ms += ms + drift_ms
        self.monotonic_ms += ms + drift_ms

    def suspend(self, ms: int) -> None:
        """The machine sleeps: its monotonic clock stands still, and the kernel knows for how long."""
        self.true_ms += ms
        self.wall_ms += ms
        self.slept_ms += ms

    def power_cut(self, ms: int, *, rtc: bool) -> None:
        """Off for so long; without a battery the wall clock starts where it stopped (what timesyncd saved)."""
        self.true_ms += ms
        self.monotonic_ms = 1_000
        self.slept_ms = 0
        self.synchronised = False
        self.rtc_ms = self.true_ms if rtc else None
        if rtc:
            self.wall_ms = self.true_ms

    def honest(self) -> None:
        """A time server was reached that tells the truth."""
        self.wall_ms = self.true_ms
        self.synchronised = True
