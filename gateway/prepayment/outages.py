"""Windows in which the network is known to be off (S4-06): what they are, and how terms stand still in them. Pure.

A window is said by the head-end in wall-clock time, so its overlap with a term is counted on the wall clock, from the
earliest instant at which the term can have begun. Time within an outage that the gateway was off for is therefore
added to an hour term once more: in doubt a term ends later, never earlier.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from gateway.prepayment import civil
from gateway.prepayment.calendar import Calendar, day_term_end
from gateway.prepayment.events import Moment
from gateway.prepayment.policy import DayKind

OUTAGES_MAX = 16
OUTAGE_MAX_MS = 31 * 24 * 3_600_000
"""A longer window is a mistake: it would keep a term from ever ending."""

Window = tuple[int, int]
"""From, to (exclusive), in ms since 1970."""


@dataclass(frozen=True, slots=True)
class Outage:
    """A time without supply from the network: terms stand still, nothing gets worse, a silent meter is no alarm."""

    outage_id: str
    begins_utc_ms: int
    ends_utc_ms: int
    reference: str = ""
    set_by: str = ""


@dataclass(frozen=True, slots=True)
class OutagePlanned:
    """The network operator announces an outage, or a longer one under the same id."""

    at: Moment
    command_id: str
    outage: Outage


@dataclass(frozen=True, slots=True)
class OutageCancelled:
    """It does not take place, or is over already: what has passed of it stays counted."""

    at: Moment
    command_id: str
    outage_id: str
    cancelled_by: str = ""
    reason: str = ""


def overlap_ms(windows: Iterable[Window], begin_ms: int, end_ms: int) -> int:
    """How much of [begin, end) lies in any of the windows; where they overlap it counts once."""
    total_ms, reached_ms = 0, begin_ms
    for opens_ms, closes_ms in sorted(windows):
        first_ms, last_ms = max(opens_ms, reached_ms), min(closes_ms, end_ms)
        if first_ms < last_ms:
            total_ms += last_ms - first_ms
            reached_ms = last_ms
    return total_ms


def days_touched(windows: Iterable[Window], begin_ms: int, zone: str) -> frozenset[date]:
    """The civil days of which any part from `begin_ms` on lies in a window."""
    days: set[date] = set()
    for opens_ms, closes_ms in windows:
        if max(opens_ms, begin_ms) < closes_ms:
            day, last = (civil.local_date(ms, zone) for ms in (max(opens_ms, begin_ms), closes_ms - 1))
            while day <= last:
                days.add(day)
                day += timedelta(days=1)
    return frozenset(days)


def paused_term_end(start: date, days: int, kind: DayKind, calendar: Calendar, paused: frozenset[date]) -> date:
    """`day_term_end`, one day of its kind later for each day from `start` to the end that an outage touched.

    Raises CalendarNotCovered (working days only).
    """
    added = 0
    while True:  # each round adds days that are in `paused`, which is finite
        end = day_term_end(start, days + added, kind, calendar)
        touched = sum(start <= day < end for day in paused)
        if touched == added:
            return end
        added = touched
