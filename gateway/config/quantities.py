"""Quantities as people write them: "72h", "3 kW", "100 kWh", "10 calendar days", "08:00-15:00", "8.1".

Every parser returns an integer in the unit at the end of its name, or raises ValueError with a sentence that shows
what would be right. Nothing is rounded: a quantity that is not a whole number of its unit is refused.
"""

from __future__ import annotations

import re
from datetime import date
from fractions import Fraction
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.prepayment.policy import DayKind, Term

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_NUMBER = r"([0-9]{1,12}(?:\.[0-9]{1,9})?)"
_QUANTITY = re.compile(_NUMBER + r" ?([A-Za-z%]+)", re.ASCII)
_TERM_DAYS = re.compile(r"([0-9]{1,4}) +(calendar|working|feriali) +days?", re.ASCII)
_ANY_DAYS = re.compile(r"[0-9]{1,4} *d(ays?)?", re.ASCII)
_HOURS = re.compile(r"([0-2][0-9]):([0-5][0-9])-([0-2][0-9]):([0-5][0-9])", re.ASCII)
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)

_MS = {"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000}
_W = {"W": 1, "kW": 1000, "MW": 1_000_000}
_WH = {"Wh": 1, "kWh": 1000, "MWh": 1_000_000}
_MAX_DURATION_MS = 10 * 366 * 24 * 3_600_000
_DAY_MIN = 24 * 60
_PPM_PER_PERCENT = 10_000


def parse_duration_ms(text: str) -> int:
    """Milliseconds of "72h", "15 min", "6s", "500 ms"; at most ten years."""
    ms = _scaled(text, _MS, "72h", "a duration")
    if ms > _MAX_DURATION_MS:
        raise ValueError(f"{text!r} is longer than ten years")
    return ms


def parse_power_w(text: str) -> int:
    """Watts of "3 kW" or "3000 W"."""
    return _scaled(text, _W, "3 kW", "a power")


def parse_energy_wh(text: str) -> int:
    """Watt-hours of "100 kWh" or "250 Wh"."""
    return _scaled(text, _WH, "100 kWh", "an energy")


def parse_percent_ppm(text: str) -> int:
    """Parts per million of "8.1" or "8.1%"; at most 100, at most 4 decimals."""
    bare = text.removesuffix("%").strip()
    if re.fullmatch(_NUMBER, bare, re.ASCII) is None:
        raise ValueError(f'{text!r} is not a percentage like "8.1"')
    ppm = Fraction(bare) * _PPM_PER_PERCENT
    if ppm.denominator != 1 or ppm > 100 * _PPM_PER_PERCENT:
        raise ValueError(f"{text!r} is not between 0 and 100 with at most 4 decimals")
    return int(ppm)


def parse_term(text: str) -> Term:
    """A term of hours ("72h", counted while running) or of days ("10 calendar days", "3 working days").

    Working days are Monday to Friday, "feriali days" Monday to Saturday, both without holidays (requirements 2.2).
    """
    if days := _TERM_DAYS.fullmatch(text):
        if int(days[1]) == 0:
            raise ValueError(f'{text!r}: a term of days has at least one; for no term at all write "0s"')
        return Term(days=int(days[1]), day_kind=DayKind(days[2]))
    if _ANY_DAYS.fullmatch(text):
        raise ValueError(f'{text!r} does not say which days; write "10 calendar days", "3 working days" or hours')
    return Term(duration_ms=parse_duration_ms(text))


def parse_hours_min(text: str) -> tuple[int, int]:
    """Minutes of the day of "08:00-15:00"; the end is not included and may be 24:00; not across midnight."""
    match = _HOURS.fullmatch(text)
    if match is None:
        raise ValueError(f'{text!r} is not a stretch of a day like "08:00-15:00"')
    begin, end = int(match[1]) * 60 + int(match[2]), int(match[3]) * 60 + int(match[4])
    if not begin < end <= _DAY_MIN:
        raise ValueError(f"{text!r} is empty or passes midnight; write two stretches, up to 24:00 and from 00:00")
    return begin, end


def parse_weekday(text: str) -> int:
    """0 for "mon" to 6 for "sun"."""
    if text not in WEEKDAYS:
        raise ValueError(f"{text!r} is not a weekday; they are {', '.join(WEEKDAYS)}")
    return WEEKDAYS.index(text)


def parse_date(text: str) -> str:
    """An ISO date, as it came; ValueError for one that does not exist."""
    try:
        exact = date.fromisoformat(text).isoformat() == text
    except ValueError:
        exact = False
    if not exact:
        raise ValueError(f"{text!r} is not a date like 2026-01-31")
    return text


def parse_zone(text: str) -> str:
    """A zone of the IANA list such as "Europe/Zurich"."""
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f'{text!r} is not a time zone like "Europe/Zurich"') from None
    return text


def parse_currency(text: str) -> str:
    """Three capital letters (ISO 4217)."""
    if _CURRENCY.fullmatch(text) is None:
        raise ValueError(f'{text!r} is not a currency like "CHF"')
    return text


def parse_name(text: str) -> str:
    """An id that is safe in topics, file names and references: a-z 0-9 _ -, at most 48."""
    if _NAME.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a name: a-z, 0-9, - and _, at most 48, the first a letter or digit")
    return text


def _scaled(text: str, scales: dict[str, int], example: str, what: str) -> int:
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not {what} like {example!r}")
    number, unit = match.groups()
    if unit not in scales:
        raise ValueError(f"{text!r}: unknown unit {unit!r}; {what} is in {', '.join(scales)}")
    scaled = Fraction(number) * scales[unit]
    if scaled.denominator != 1:
        raise ValueError(f"{text!r} is not a whole number of {next(iter(scales))}")
    return int(scaled)
