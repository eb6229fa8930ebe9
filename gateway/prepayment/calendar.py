"""Holidays as data, and the two questions the ladder asks of them: when does a term end, when may one act.

A calendar says which years it covers. For any other year it raises `CalendarNotCovered` instead of guessing, and an
escalation that needs the answer is refused (requirements 4.4). Rules of counting: requirements 2.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from gateway.prepayment import civil
from gateway.prepayment.policy import DayKind, Slots

_SATURDAY = 5
_SUNDAY = 6
_SEARCH_DAYS = 366  # a term or a slot further away than this is a mistake in the policy


class CalendarNotCovered(Exception):
    """The calendar says nothing about this year."""

    def __init__(self, name: str, year: int) -> None:
        self.name = name
        self.year = year
        super().__init__(f"calendar {name} does not cover {year}")


@dataclass(frozen=True, slots=True)
class Calendar:
    """The holidays (ISO dates) of the years it covers; Sundays count as such without being listed."""

    name: str
    years: tuple[int, ...]
    holidays: frozenset[str]

    def covers(self, year: int) -> bool:
        """The list is complete for this year."""
        return year in self.years

    def is_holiday(self, day: date) -> bool:
        """A listed holiday; raises CalendarNotCovered."""
        if day.year not in self.years:
            raise CalendarNotCovered(self.name, day.year)
        return day.isoformat() in self.holidays

    def is_working_day(self, day: date) -> bool:
        """Giorno lavorativo: Monday to Friday, not a holiday."""
        return not self.is_holiday(day) and day.weekday() < _SATURDAY

    def is_feriale(self, day: date) -> bool:
        """Giorno feriale: Monday to Saturday, not a holiday."""
        return not self.is_holiday(day) and day.weekday() < _SUNDAY


def day_term_end(start: date, days: int, kind: DayKind, calendar: Calendar) -> date:
    """The first date on which action is allowed after an N-day term from an event on `start`.

    The day of the event is not counted; the term ends at 24:00 of the Nth counted day and the date returned is the
    day after it, whatever kind of day that is. Raises CalendarNotCovered (working days only).
    """
    if kind is DayKind.CALENDAR:
        return start + timedelta(days=days + 1)
    day = start
    left = days
    while left > 0:
        day += timedelta(days=1)
        left -= calendar.is_working_day(day)
    return day + timedelta(days=1)


def slot_open(slots: Slots, utc_ms: int, zone: str, calendar: Calendar) -> bool:
    """An escalation may be carried out at this instant; raises CalendarNotCovered if holidays matter."""
    minute = civil.local_minute(utc_ms, zone)
    return slots.from_minute <= minute < slots.to_minute and _day_open(slots, civil.local_date(utc_ms, zone), calendar)


def next_slot_utc_ms(slots: Slots, utc_ms: int, zone: str, calendar: Calendar) -> int | None:
    """The first instant from `utc_ms` on at which a slot is open; None when there is none within a year.

    Raises CalendarNotCovered when the search leaves the years the calendar covers.
    """
    if slot_open(slots, utc_ms, zone, calendar):
        return utc_ms
    today = civil.local_date(utc_ms, zone)
    for offset in range(_SEARCH_DAYS):
        day = today + timedelta(days=offset)
        begins = civil.utc_ms_at(day, slots.from_minute, zone)
        if begins >= utc_ms and slots.from_minute < slots.to_minute and _day_open(slots, day, calendar):
            return begins
    return None


def _day_open(slots: Slots, day: date, calendar: Calendar) -> bool:
    if day.weekday() in slots.closed_weekdays:
        return False
    if slots.closed_on_holidays and calendar.is_holiday(day):
        return False
    return not (slots.closed_on_eves and calendar.is_holiday(day + timedelta(days=1)))
