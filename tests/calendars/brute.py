"""A calendar made by hand to hold the product's against: its own Easter, holidays, clock changes and way of counting.

Imports nothing of the gateway, no zone database and not the package the shipped files come from. Time is a number of
UTC minutes since 1970. Days are found by walking the clock and looking at what it shows; nothing is computed that can
be counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

DAY_MIN = 1440
_EPOCH = date(1970, 1, 1)
_MON, _THU, _SAT, _SUN = 0, 3, 5, 6


def easter(year: int) -> date:
    """Easter Sunday by Gauss with the Gregorian corrections (Lichtenberg 1997)."""
    century = year // 100
    moon = 15 + (3 * century + 3) // 4 - (8 * century + 13) // 25
    sun = 2 - (3 * century + 3) // 4
    golden = year % 19
    seed = (19 * golden + moon) % 30
    excess = (seed + golden // 11) // 29
    border = 21 + seed - excess
    first_sunday = 7 - (year + year // 4 + sun) % 7
    return date(year, 3, 1) + timedelta(days=border + 7 - (border - first_sunday) % 7 - 1)


def nth(year: int, month: int, weekday: int, number: int) -> date:
    """The number-th such weekday of a month; -1 is the last."""
    found = [day for day in _year(year) if day.month == month and day.weekday() == weekday]
    return found[number - 1 if number > 0 else number]


def _year(year: int) -> list[date]:
    return [
        date(year, 1, 1) + timedelta(days=n) for n in range(366) if (date(year, 1, 1) + timedelta(days=n)).year == year
    ]


def _fixed(year: int, days: str) -> set[date]:
    return {date(year, int(text[3:]), int(text[:2])) for text in days.split()}


def _from_easter(year: int, *offsets: int) -> set[date]:
    return {easter(year) + timedelta(days=offset) for offset in offsets}


def _italy(year: int, patron: str = "") -> set[date]:
    francis = "04.10" if year >= 2026 else ""
    fixed = f"01.01 06.01 25.04 01.05 02.06 15.08 {francis} 01.11 08.12 25.12 26.12 {patron}"
    return _fixed(year, fixed) | _from_easter(year, 0, 1)


def _bands(year: int) -> set[date]:
    return _fixed(year, "01.01 06.01 25.04 01.05 02.06 15.08 01.11 08.12 25.12 26.12") | _from_easter(year, 1)


def _ticino(year: int) -> set[date]:
    fixed = "01.01 06.01 19.03 01.05 29.06 01.08 15.08 01.11 08.12 25.12 26.12"
    return _fixed(year, fixed) | _from_easter(year, 1, 39, 50, 60)


def _geneva(year: int) -> set[date]:
    fast = nth(year, 9, _SUN, 1) + timedelta(days=4)
    return _fixed(year, "01.01 01.08 25.12 31.12") | _from_easter(year, -2, 1, 39, 50) | {fast}


def _vaud(year: int) -> set[date]:
    fast = nth(year, 9, _SUN, 3) + timedelta(days=1)
    return _fixed(year, "01.01 02.01 01.08 25.12") | _from_easter(year, -2, 1, 39, 50) | {fast}


PLACES: dict[str, Callable[[int], set[date]]] = {
    "it": _italy,
    "it-bands": _bands,
    "it-bs": lambda year: _italy(year, "15.02"),
    "it-mi": lambda year: _italy(year, "07.12"),
    "it-pd": lambda year: _italy(year, "13.06"),
    "it-rm": lambda year: _italy(year, "29.06"),
    "it-ts": lambda year: _italy(year, "03.11"),
    "ch-ti": _ticino,
    "ch-be": lambda year: _fixed(year, "01.01 02.01 01.08 25.12 26.12") | _from_easter(year, -2, 1, 39, 50),
    "ch-ge": _geneva,
    "ch-gr": lambda year: _fixed(year, "01.01 01.08 25.12 26.12") | _from_easter(year, 1, 39, 50),
    "ch-vd": _vaud,
    "ch-zh": lambda year: _fixed(year, "01.01 01.05 01.08 25.12 26.12") | _from_easter(year, -2, 1, 39, 50),
}


@cache
def off(place: str, year: int) -> frozenset[date]:
    """The holidays of a place in a year."""
    return frozenset(PLACES[place](year))


def holiday(place: str, day: date) -> bool:
    """A holiday there."""
    return day in off(place, day.year)


@cache
def _summer(year: int) -> tuple[int, int]:
    """The minutes at which summer time begins and ends: 01:00 UTC on the last Sunday of March and of October."""
    march, october = nth(year, 3, _SUN, -1), nth(year, 10, _SUN, -1)
    return (march - _EPOCH).days * DAY_MIN + 60, (october - _EPOCH).days * DAY_MIN + 60


def shown(minute: int) -> tuple[date, int]:
    """What a wall clock in Italy or Switzerland shows: the date and the minute of the day."""
    begins, ends = _summer(_date(minute // DAY_MIN).year)
    days, wall = divmod(minute + (120 if begins <= minute < ends else 60), DAY_MIN)
    return _date(days), wall


@cache
def _date(days: int) -> date:
    return _EPOCH + timedelta(days=days)


@cache
def minutes_of(day: date) -> tuple[int, ...]:
    """The UTC minutes of a civil day, 1380 to 1500 of them, found by looking at the clock for longer than any day."""
    noon = (day - _EPOCH).days * DAY_MIN + DAY_MIN // 2
    return tuple(minute for minute in range(noon - 900, noon + 900) if shown(minute)[0] == day)


def counted(place: str, day: date, kind: str) -> bool:
    """A day that a term of this kind counts."""
    if kind == "calendar":
        return True
    last = _SAT if kind == "feriali" else _SAT - 1
    return day.weekday() <= last and not holiday(place, day)


def term_ends(place: str, event: int, days: int, kind: str) -> int:
    """The minute from which one may act: the first of the day after the last counted one. Walks the clock."""
    minute, left = event, days
    today = shown(minute)[0]
    while True:
        minute += 1
        if shown(minute)[0] == today:
            minute = minutes_of(today)[-1]  # the rest of today shows today
            continue
        if left == 0:
            return minute
        today = shown(minute)[0]
        left -= counted(place, today, kind)


@dataclass(frozen=True)
class Rules:
    """When somebody may be cut, as a person would say it; hours are pairs of minutes of the day."""

    not_on: frozenset[int] = frozenset()
    holidays: bool = False
    eves: bool = False
    hours: tuple[int, int] = (0, DAY_MIN)
    seasons: tuple[str, ...] = ()
    help_hours: tuple[tuple[int, int], ...] = ()
    help_min: int = 0


SEASONS = {"winter": ({11, 12, 1, 2, 3}, {"electricity", "gas"}), "heat": ({7, 8}, {"electricity"})}


def forbidden(place: str, rules: Rules, day: date, commodity: str) -> bool:
    """Nobody is cut on this day, whatever the hour."""
    tomorrow = day + timedelta(days=1)
    season = any(day.month in SEASONS[name][0] and commodity in SEASONS[name][1] for name in rules.seasons)
    return (
        day.weekday() in rules.not_on
        or (rules.holidays and holiday(place, day))
        or (rules.eves and holiday(place, tomorrow))
        or season
    )


@cache
def _help_after(rules: Rules, day: date) -> dict[int, int]:
    """For each minute of the day how many minutes of help there are from it on."""
    hours = rules.help_hours or (rules.hours,)
    left, found = 0, {}
    for minute in reversed(minutes_of(day)):
        left += any(begin <= shown(minute)[1] < end for begin, end in hours)
        found[minute] = left
    return found


def may_cut(place: str, rules: Rules, minute: int, commodity: str) -> bool:
    """Whether somebody may be cut in this minute."""
    day, wall = shown(minute)
    if forbidden(place, rules, day, commodity) or not rules.hours[0] <= wall < rules.hours[1]:
        return False
    return rules.help_min == 0 or _help_after(rules, day)[minute] >= rules.help_min


def next_cut(place: str, rules: Rules, minute: int, commodity: str) -> int:
    """The first minute from this one on in which somebody may be cut; walks the clock."""
    while not may_cut(place, rules, minute, commodity):
        day = shown(minute)[0]
        if forbidden(place, rules, day, commodity):
            minute = minutes_of(day)[-1]
        minute += 1
    return minute


def interesting(places: Iterable[str], years: range) -> list[date]:
    """Days around which calendars are wrong: holidays, clock changes, the ends of months, leap days."""
    found: set[date] = set()
    for year in years:
        for place in places:
            found |= off(place, year)
        found |= {nth(year, 3, _SUN, -1), nth(year, 10, _SUN, -1)}
        found |= {day for day in _year(year) if (day + timedelta(days=1)).day == 1}
    return sorted(found)
