"""Calendar files (`config/calendars/*.toml`) -> `Calendar`, and moratoria (`config/moratoria/*.toml`) -> `Moratorium`.

The legal calendar and the one of the tariff bands differ. The shipped files are written by `make calendars`; the same
document is what a signed calendar update would carry, so an unattended gateway outlives the lists it was shipped with
(requirements 4.4). A moratorium is a file of its own: an operator adds one without copying a calendar, and every
calendar has them all; which count is said by the slots of a policy.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from gateway.config import document
from gateway.config.quantities import parse_date, parse_name
from gateway.prepayment.calendar import Calendar, Moratorium
from gateway.prepayment.supply import Commodity


class CalendarDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every holiday (date -> name) of the years it covers; a year without a holiday is taken for a mistake."""

    calendar: str
    description: str
    source: str
    years: tuple[int, ...]
    holidays: dict[str, str]


class MoratoriumDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Periods (first day -> last day, both included) of the years it covers; a year may have none (no heat yet)."""

    moratorium: str
    description: str
    source: str
    commodities: tuple[Commodity, ...]
    years: tuple[int, ...]
    periods: dict[str, str]
    example: bool = False


def load_calendar(path: Path) -> Calendar:
    """The calendar in a file; ConfigError."""
    return to_calendar(document.load(path, CalendarDocument), str(path))


def to_calendar(doc: CalendarDocument, where: str) -> Calendar:
    """The document as the core wants it; ConfigError names `where` and the key."""
    keys = document.Keys(where)
    keys.parse("calendar", parse_name, doc.calendar)
    for day in doc.holidays:
        keys.parse(f"holidays.{day}", parse_date, day)
    odd = sorted({int(day[:4]) for day in doc.holidays}.symmetric_difference(doc.years))
    if odd:
        hint = "list a year when all of its holidays are listed, and only then"
        raise keys.error("years", f"{odd[0]} is in only one of `years` and `holidays`", hint)
    return Calendar(doc.calendar, tuple(sorted(doc.years)), frozenset(doc.holidays))


def load_moratorium(path: Path) -> Moratorium:
    """The moratorium in a file; ConfigError."""
    return to_moratorium(document.load(path, MoratoriumDocument), str(path))


def to_moratorium(doc: MoratoriumDocument, where: str) -> Moratorium:
    """The document as the core wants it; ConfigError names `where` and the key."""
    keys = document.Keys(where)
    keys.parse("moratorium", parse_name, doc.moratorium)
    if not doc.commodities:
        raise keys.error("commodities", "protects nothing", f"name at least one of {', '.join(Commodity)}")
    if not doc.years:
        raise keys.error("years", "covers no year, so every policy that names it escalates nothing")
    for first, last in doc.periods.items():
        keys.parse(f"periods.{first}", parse_date, first)
        keys.parse(f"periods.{first}", parse_date, last)
        if last < first:
            raise keys.error(f"periods.{first}", f"ends before it begins, on {last}")
        if not any(int(first[:4]) <= year <= int(last[:4]) for year in doc.years):
            hint = "list a year when all of its periods are listed, and only then"
            raise keys.error(f"periods.{first}", "lies in no year of `years`", hint)
    return Moratorium(doc.moratorium, doc.commodities, tuple(sorted(doc.years)), tuple(sorted(doc.periods.items())))
