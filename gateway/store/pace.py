"""When what is only in memory is saved: readings, and with them how long this gateway has been running."""

from __future__ import annotations

CHECKPOINT_MS = 900_000
"""Running time after which everything is saved."""
FIRST_MS = 15_000
"""A run saves after so long, then after twice that, and so on up to the quarter-hour.

Somebody who pulls the plug every few minutes would else stop observed time, and with it every term, and only terms.
"""
GATHER_MS = 5_000
GATHERED_MAX = 1_000
"""How long, and how many, finished quarter-hours wait in memory, so that all meters end theirs in one transaction."""


class Pace:
    """Of one run; times are running time."""

    def __init__(self, began_ms: int) -> None:
        self._began_ms = self._saved_ms = began_ms
        self._finished_ms = began_ms

    def saved(self, at_ms: int) -> None:
        """Everything is saved."""
        self._saved_ms = at_ms

    def finished(self, at_ms: int) -> None:
        """The first of some quarter-hours has ended and waits."""
        self._finished_ms = at_ms

    def due(self, at_ms: int, waiting: int) -> bool:
        """Whether to save now, with so many quarter-hours waiting; a moment after one ended, all together."""
        every_ms = min(max(self._saved_ms - self._began_ms, FIRST_MS), CHECKPOINT_MS)
        if at_ms - self._saved_ms >= every_ms or waiting >= GATHERED_MAX:
            return True
        return waiting > 0 and at_ms - self._finished_ms >= GATHER_MS
