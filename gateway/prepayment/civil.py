"""Civil time: from a UTC instant in ms to the dates and minutes people and tariffs speak of. No clock in here.

A quarter-hour is named by its UTC start, which is unique; a local label is not (02:00-02:45 happens twice in autumn).
Every zone in use is offset by whole quarter-hours and changes on them, so within one quarter the local date is fixed.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

QUARTER_MS = 15 * 60 * 1000
MINUTES_PER_DAY = 24 * 60
QUARTERS_KEPT = 96
"""Local times remembered: polls ask for the same few again and again; more would only grow for weeks (I20)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_LAST_UTC_MS = 253_402_300_799_999  # 9999-12-31, the last that can be written


def instant(utc_ms: int) -> str:
    """ISO 8601 UTC with milliseconds, "2026-01-31T12:00:00.000Z"; what no calendar has becomes the nearest it has."""
    at = _EPOCH + timedelta(milliseconds=min(max(utc_ms, 0), _LAST_UTC_MS))
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def instant_ms(text: str) -> int:
    """The instant that `instant` wrote, in ms since 1970."""
    return (datetime.fromisoformat(text) - _EPOCH) // _MS


def local_time(utc_ms: int, zone: str) -> datetime:
    """The instant on the wall clock of `zone`; raises ZoneInfoNotFoundError for an unknown zone."""
    return (_EPOCH + timedelta(milliseconds=utc_ms)).astimezone(ZoneInfo(zone))


def local_date(utc_ms: int, zone: str) -> date:
    """The civil date in `zone`."""
    return _quarter(utc_ms // QUARTER_MS, zone).date()


def local_minute(utc_ms: int, zone: str) -> int:
    """Minutes since local midnight as the wall clock shows them (0-1439), not as they elapsed."""
    start = _quarter(utc_ms // QUARTER_MS, zone)
    return start.hour * 60 + start.minute + utc_ms % QUARTER_MS // 60_000


def month_of(day: date) -> str:
    """The month a civil date belongs to, "2026-10"."""
    return day.isoformat()[:7]


@lru_cache(maxsize=512)
def midnight_utc_ms(day: date, zone: str) -> int:
    """UTC instant at which the civil day begins in `zone`."""
    return utc_ms_at(day, 0, zone)


def utc_ms_at(day: date, minute: int, zone: str) -> int:
    """UTC instant of a wall clock minute; the first of two in autumn, the instant after the gap in spring."""
    wall = datetime.combine(day, time(), ZoneInfo(zone)) + timedelta(minutes=minute)
    return (wall - _EPOCH) // _MS


def quarters_of_day(day: date, zone: str) -> int:
    """How many quarter-hours the civil day has: 96, or 92 and 100 when the clocks change (requirements 4.3)."""
    return (midnight_utc_ms(day + timedelta(days=1), zone) - midnight_utc_ms(day, zone)) // QUARTER_MS


@lru_cache(maxsize=QUARTERS_KEPT)
def _quarter(number: int, zone: str) -> datetime:
    return local_time(number * QUARTER_MS, zone)
