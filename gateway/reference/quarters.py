"""Follows the numbered quarter-hours, so that none that a broker lost is acknowledged with those after it.

Their numbers have no gaps but one: what is past its retention is deleted, whether it was acknowledged or not. The
gateway repeats the first one after its cursor while an acknowledgement is owed. So a number that keeps coming although
earlier ones are missing is the first there is, and what is missing before it exists no more.
"""

from __future__ import annotations

from typing import Any

WAITING_MAX = 5000
REPEATS = 2
"""How often the first waiting one comes again before the ones missing before it are given up ..."""
REPEAT_AFTER_S = 2.0
"""... each time at least so much later: QoS 1 may deliver twice at once."""


class Quarters:
    """What arrived in order after `number`; those that come too early wait."""

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self._early: dict[int, dict[str, Any]] = {}
        self._repeated: tuple[int, int, float] = (0, 0, 0.0)

    def take(self, interval: dict[str, Any], now_s: float) -> list[dict[str, Any]]:
        """Take one; gives those that now follow. Raises ValueError for what is no quarter-hour."""
        number = interval.get("number")
        if not isinstance(number, int) or number < 1:
            raise ValueError(f"is no quarter-hour: its number is {number!r:.40}")
        if number <= self.number:
            return []
        if number != self.number + 1:
            if len(self._early) < WAITING_MAX or number in self._early:
                self._early[number] = interval
            if not self._early or number != min(self._early) or not self._given_up(number, now_s):
                return []
            self.number = number - 1
        self._early[number] = interval
        follow = []
        while (next_one := self._early.pop(self.number + 1, None)) is not None:
            self.number += 1
            follow.append(next_one)
        return follow

    def _given_up(self, number: int, now_s: float) -> bool:
        """The first waiting one came once more; True when that was often enough."""
        first, repeats, last_s = self._repeated
        if first != number:
            self._repeated = (number, 0, now_s)
        elif now_s - last_s >= REPEAT_AFTER_S:
            self._repeated = (number, repeats + 1, now_s)
        return self._repeated[1] >= REPEATS
