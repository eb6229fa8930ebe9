"""What is told of a trouble: its first poll and its end, and never the same one again within a quarter of an hour.

A loose wire makes a device come and go at every poll. Each telling is a row that is kept for ever and a write to
flash, so a trouble that returns too soon is only counted; if it lasts, it is told when the quarter of an hour is over.
Pure; the time is an argument.
"""

from __future__ import annotations

QUIET_MS = 900_000


class Troubles:
    """The troubles of one meter, by name."""

    def __init__(self) -> None:
        self._polls: dict[str, int] = {}
        self._told: set[str] = set()
        self._told_ms: dict[str, int] = {}

    def seen(self, what: str, now_ms: int) -> bool:
        """One more poll with this trouble; True when it has to be told now."""
        self._polls[what] = self._polls.get(what, 0) + 1
        if what in self._told or now_ms - self._told_ms.get(what, now_ms - QUIET_MS) < QUIET_MS:
            return False
        self._told.add(what)
        self._told_ms[what] = now_ms
        return True

    def over(self, what: str) -> int:
        """The trouble is over; how many polls it lasted if it was told and its end must be too, else 0."""
        polls = self._polls.pop(what, 0)
        if what not in self._told:
            return 0
        self._told.discard(what)
        return polls

    def forget(self, what: str) -> None:
        """The next time is the first time."""
        self._polls.pop(what, None)
        self._told.discard(what)
        self._told_ms.pop(what, None)
