"""A calendar document: ConfigError that names the key, or a Calendar that can be stored."""

import re
from pathlib import Path

import msgspec

from gateway.config.calendars import load_calendar
from gateway.prepayment.calendar import Calendar
from tests.fuzz import documents


def load(path: Path) -> None:
    found = load_calendar(path)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Calendar) == found


def one_year(text: str) -> str:
    """A calendar of one year is whole, and short."""
    lines = [line for line in text.splitlines() if re.match(r"20(?!26)", line) is None]
    return re.sub(r"years = .*", "years = [2026]", "\n".join(lines))


TARGET = documents.target("calendars", load, one_year)
