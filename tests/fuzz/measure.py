"""How long one input takes, in a way that a busy machine cannot make a finding of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

LIMIT_MS = 50.0
_NOT_WORTH_A_SECOND_LOOK_MS = 0.2


class TooSlow(AssertionError):
    """An input cost more than the limit each time it was tried."""


class Stopwatch:
    """Runs a check on one input after the other and remembers the slowest, in ms of CPU."""

    def __init__(self, check: Callable[[bytes], None], limit_ms: float = LIMIT_MS) -> None:
        self._check = check
        self._limit_ms = limit_ms
        self.slowest_ms = 0.0
        self.slowest = b""

    def run(self, data: bytes) -> bool:
        """Check one input; True when it is the slowest so far. Raises what the check raises, and TooSlow."""
        began = time.perf_counter()
        self._check(data)
        ms = (time.perf_counter() - began) * 1000
        if ms <= max(self.slowest_ms, _NOT_WORTH_A_SECOND_LOOK_MS):
            return False
        ms = min(self._cpu_ms(data) for _ in range(3))
        if ms > self._limit_ms:
            raise TooSlow(f"{ms:.0f} ms of CPU, best of three; at most {self._limit_ms:.0f} ms are allowed")
        if ms <= self.slowest_ms:
            return False
        self.slowest_ms, self.slowest = ms, data
        return True

    def note(self, path: Path) -> None:
        """Write the slowest input down, for the process that reads it with `noted`."""
        path.write_bytes(f"{self.slowest_ms:.2f}\n".encode() + self.slowest)

    def _cpu_ms(self, data: bytes) -> float:
        began = time.thread_time()
        self._check(data)
        return (time.thread_time() - began) * 1000


def noted(path: Path) -> tuple[float, bytes]:
    """What another process wrote down of its slowest input; nothing when each was over at once."""
    ms, _, data = path.read_bytes().partition(b"\n") if path.exists() else (b"0", b"", b"")
    return float(ms), data
