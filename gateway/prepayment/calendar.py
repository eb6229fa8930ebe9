"""Holidays and moratoria as data, and the two questions the ladder asks: when does a term end, when may one act.

A calendar says which years it covers. For any other year it raises `CalendarNotCovered` instead of guessing, and an
escalation that needs the answer is refused (requirements 4.4). Rules of counting: requirements 2.2.

For an order that must respect several terms: `earliest` gives the first day that all of them allow, and
`next_slot_utc_ms(slots, max(now, midnight of that day), ...)` the first instant. Both say the same again later: nothing
is remembered here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from gateway.prepayment import civil
from gateway.prepayment.policy import DayKind, Slots, Term
from gateway.prepayment.supply import Commodity

_SATURDAY = 5
_SUNDAY = 6
_SEARCH_DAYS = 366  # a term or a slot further away than this is a mistake in the policy
_MINUTE_MS = 60_000
_ORDINARY_QUARTERS = 96


class CalendarNotCovered(Exception):
    """A calendar, or a moratorium, says nothing about this year."""

    def __init__(self, name: str, year: int, kind: str = "calendar") -> None:
        self.name = name
        self.year = year
        super().__init__(f"{kind} {name} does not cover {year}")


@dataclass(frozen=True, slots=True)
class Moratorium:
    """Days on which nobody is limited or cut, such as frost or heat: periods of civil days, both ends included.

    `commodities` it protects; `years` for which the periods are complete (a period may begin or end outside them).
    """

    name: str
    commodities: tuple[Commodity, ...]
    years: tuple[int, ...]
    periods: tuple[tuple[str, str], ...]

    def protects(self, commodity: Commodity | None) -> bool:
        """It is about this commodity; asked for none in particular, it always is: that errs for the customer."""
        return commodity is None or commodity in self.commodities

    def in_force(self, day: date) -> bool:
        """The day lies in a period; raises CalendarNotCovered."""
        if day.year not in self.years:
            raise CalendarNotCovered(self.name, day.year, "moratorium")
        written = day.isoformat()
        return any(first <= written <= last for first, last in self.periods)


@dataclass(frozen=True, slots=True)
class Calendar:
    """The holidays (ISO dates) of the years it covers; Sundays count as such without being listed.

    `moratoria` are all this gateway knows; which of them count is said by name in the slots of a policy.
    """

    name: str
    years: tuple[int, ...]
    holidays: frozenset[str]
    moratoria: tuple[Moratorium, ...] = ()

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

    def moratorium(self, name: str, year: int) -> Moratorium:
        """The moratorium of this name; one nobody knows covers no year: raises CalendarNotCovered."""
        found = next((known for known in self.moratoria if known.name == name), None)
        if found is None:
            raise CalendarNotCovered(name, year, "moratorium")
        return found


def day_term_end(start: date, days: int, kind: DayKind, calendar: Calendar) -> date:
    """The first date on which action is allowed after an N-day term from an event on `start`.

    The day of the event is not counted; the term ends at 24:00 of the Nth counted day and the date returned is the
    day after it, whatever kind of day that is. Raises CalendarNotCovered (never for plain calendar days).
    """
    if kind is DayKind.CALENDAR:
        return start + timedelta(days=days + 1)
    counts = calendar.is_working_day if kind is DayKind.WORKING else calendar.is_feriale
    day = start
    left = days
    while left > 0:
        day += timedelta(days=1)
        left -= counts(day)
    return day + timedelta(days=1)


def first_legal_day(start: date, term: Term, calendar: Calendar) -> date:
    """`day_term_end` of a term as policies write it; ValueError for one of hours, which has no days to count."""
    if term.days is None:
        raise ValueError("a term of hours counts running time, not days")
    return day_term_end(start, term.days, term.day_kind, calendar)


def earliest(anchors: Iterable[tuple[date, Term]], calendar: Calendar) -> date:
    """The first day that every term allows, each counted from its own event; the last to end rules (V8).

    ValueError without any term; raises CalendarNotCovered when one of them cannot be counted.
    """
    return max(first_legal_day(start, term, calendar) for start, term in anchors)


def slot_open(slots: Slots, utc_ms: int, zone: str, calendar: Calendar, commodity: Commodity | None = None) -> bool:
    """An escalation may be carried out at this instant; raises CalendarNotCovered if the answer needs the calendar.

    Without a commodity the moratoria of every commodity count.
    """
    minute = civil.local_minute(utc_ms, zone)
    if not slots.from_minute <= minute < slots.to_minute:
        return False
    day = civil.local_date(utc_ms, zone)
    return _day_open(slots, day, calendar, commodity) and _help_lasts(slots, utc_ms, day, zone)


def next_slot_utc_ms(
    slots: Slots, utc_ms: int, zone: str, calendar: Calendar, commodity: Commodity | None = None
) -> int | None:
    """The first instant from `utc_ms` on at which a slot is open; None when there is none within a year.

    Raises CalendarNotCovered when the search leaves the years that the calendar or a moratorium covers.
    """
    if slot_open(slots, utc_ms, zone, calendar, commodity):
        return utc_ms
    today = civil.local_date(utc_ms, zone)
    for offset in range(_SEARCH_DAYS):
        day = today + timedelta(days=offset)
        if not _day_open(slots, day, calendar, commodity):
            continue
        for begins, ends in _stretches(slots.from_minute, slots.to_minute, day, zone):
            opens = max(begins, utc_ms)  # the help that is left only shrinks: the first instant is the best one
            if opens < ends and _help_lasts(slots, opens, day, zone):
                return opens
    return None


def _day_open(slots: Slots, day: date, calendar: Calendar, commodity: Commodity | None) -> bool:
    if day.weekday() in slots.closed_weekdays:
        return False
    if slots.closed_on_holidays and calendar.is_holiday(day):
        return False
    if slots.closed_on_eves and calendar.is_holiday(day + timedelta(days=1)):
        return False
    named = [calendar.moratorium(name, day.year) for name in slots.moratoria]
    return not any(one.protects(commodity) and one.in_force(day) for one in named)


def _help_lasts(slots: Slots, utc_ms: int, day: date, zone: str) -> bool:
    """Somebody can be reached for long enough after this instant of the day (S0-07); elapsed time, not wall clock."""
    if slots.min_open_after_ms == 0:
        return True
    hours = slots.help_hours or ((slots.from_minute, slots.to_minute),)
    left_ms = sum(
        max(ends - max(begins, utc_ms), 0)
        for from_minute, to_minute in hours
        for begins, ends in _stretches(from_minute, to_minute, day, zone)
    )
    return left_ms >= slots.min_open_after_ms


def _stretches(from_minute: int, to_minute: int, day: date, zone: str) -> Iterator[tuple[int, int]]:
    """The UTC stretches of a day during which the wall clock shows from_minute up to, not including, to_minute.

    One, except on the days the clocks change: then quarter by quarter, as an hour is missing or comes twice.
    """
    quarters = civil.quarters_of_day(day, zone)
    if quarters == _ORDINARY_QUARTERS:
        yield civil.utc_ms_at(day, from_minute, zone), civil.utc_ms_at(day, to_minute, zone)
        return
    midnight = civil.midnight_utc_ms(day, zone)
    for start in range(midnight, midnight + quarters * civil.QUARTER_MS, civil.QUARTER_MS):
        shown = civil.local_minute(start, zone)
        low, high = max(from_minute, shown), min(to_minute, shown + 15)
        if low < high:
            yield start + (low - shown) * _MINUTE_MS, start + (high - shown) * _MINUTE_MS
