"""The only file of the terminal that asks the time: how long somebody waited. What time it *is*, the daemon says."""

from __future__ import annotations

import time


def ticks_ms() -> int:
    """Milliseconds since an arbitrary start; never jumps."""
    return time.monotonic_ns() // 1_000_000
