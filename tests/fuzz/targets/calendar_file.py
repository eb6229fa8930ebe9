"""A calendar document: ConfigError that names the key, or a Calendar that can be stored."""

from pathlib import Path

import msgspec

from gateway.config.calendars import load_calendar
from gateway.prepayment.calendar import Calendar
from tests.fuzz import documents


def load(path: Path) -> None:
    found = load_calendar(path)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Calendar) == found


TARGET = documents.target("calendars", load)
