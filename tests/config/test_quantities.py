from collections.abc import Callable

import pytest

from gateway.config import quantities
from gateway.prepayment.policy import DayKind, Term


@pytest.mark.parametrize(
    ("parser", "text", "value"),
    [
        (quantities.parse_duration_ms, "72h", 259_200_000),
        (quantities.parse_duration_ms, "15 min", 900_000),
        (quantities.parse_duration_ms, "0.5s", 500),
        (quantities.parse_power_w, "3 kW", 3000),
        (quantities.parse_power_w, "3000 W", 3000),
        (quantities.parse_power_w, "16.5kW", 16_500),
        (quantities.parse_energy_wh, "100 kWh", 100_000),
        (quantities.parse_percent_ppm, "8.1%", 81_000),
        (quantities.parse_term, "3 working days", Term(days=3, day_kind=DayKind.WORKING)),
        (quantities.parse_term, "1 calendar day", Term(days=1)),
        (quantities.parse_term, "3 feriali days", Term(days=3, day_kind=DayKind.FERIALI)),
        (quantities.parse_term, "6s", Term(duration_ms=6000)),
        (quantities.parse_hours_min, "00:00-24:00", (0, 1440)),
    ],
)
def test_quantities_are_read_as_people_write_them(parser: Callable[[str], object], text: str, value: object) -> None:
    """Each becomes an integer of the unit in the parser's name."""
    assert parser(text) == value


@pytest.mark.parametrize(
    ("parser", "text", "says"),
    [
        (quantities.parse_duration_ms, "-1h", "not a duration"),
        (quantities.parse_duration_ms, "100000h", "longer than ten years"),
        (quantities.parse_duration_ms, "1.0001s", "not a whole number of ms"),
        (quantities.parse_power_w, "3 kVA", "unknown unit 'kVA'"),
        (quantities.parse_power_w, "3 kw", "unknown unit 'kw'"),
        (quantities.parse_power_w, "0.5 W", "not a whole number of W"),
        (quantities.parse_power_w, "NaN W", "not a power"),
        (quantities.parse_energy_wh, "1e3 kWh", "not an energy"),
        (quantities.parse_percent_ppm, "1e1", "not a percentage"),
        (quantities.parse_percent_ppm, "8.12345", "at most 4 decimals"),
        (quantities.parse_term, "10d", "which days"),
        (quantities.parse_term, "0 working days", "at least one"),
        (quantities.parse_hours_min, "08:00-24:15", "passes midnight"),
        (quantities.parse_hours_min, "08:00-08:00", "empty"),
        (quantities.parse_zone, "Locarno", "not a time zone"),
        (quantities.parse_zone, "", "not a time zone"),
        (quantities.parse_name, "a/b", "not a name"),
        (quantities.parse_name, "x" * 49, "not a name"),
        (quantities.parse_date, "20260131", "not a date"),
    ],
)
def test_what_is_unclear_is_refused(parser: Callable[[str], object], text: str, says: str) -> None:
    """Nothing is rounded, guessed or read by its first digits; the sentence says what would be right."""
    with pytest.raises(ValueError, match=says):
        parser(text)
