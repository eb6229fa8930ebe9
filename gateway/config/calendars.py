"""Calendar files (`config/calendars/*.toml`) -> `Calendar`. The legal calendar and the one of the tariff bands differ.

The same document is what a signed calendar update would carry, so an unattended gateway outlives the lists it was
shipped with (requirements 4.4).
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from gateway.config import document
from gateway.config.quantities import parse_date, parse_name
from gateway.prepayment.calendar import Calendar


class CalendarDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every holiday (date -> name) of the years it covers; a year without a holiday is taken for a mistake."""

    calendar: str
    description: str
    source: str
    years: tuple[int, ...]
    holidays: dict[str, str]


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
