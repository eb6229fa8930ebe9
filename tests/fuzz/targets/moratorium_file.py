"""A moratorium document: ConfigError that names the key, or a Moratorium that answers for any day and can be kept."""

from datetime import date
from pathlib import Path

import msgspec

from gateway.config.calendars import load_moratorium
from gateway.prepayment.calendar import CalendarNotCovered, Moratorium
from tests.fuzz import documents

_DAYS = [date(2026, 1, 1), date(2026, 7, 15), date(2032, 12, 31), date(2033, 1, 1)]


def load(path: Path) -> None:
    found = load_moratorium(path)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Moratorium) == found
    for day in _DAYS:
        try:
            found.in_force(day)
        except CalendarNotCovered:
            assert day.year not in found.years


TARGET = documents.target("moratoria", load)
