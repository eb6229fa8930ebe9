from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from gateway import shipped
from gateway.config.calendars import load_calendar
from gateway.config.tariffs import load_tariff
from gateway.prepayment import civil
from gateway.prepayment.tariff import Price, Surcharge, Tariff, Window, band_at, calendar_of, tariff_at

BANDS = load_calendar(shipped.folder() / "calendars" / "it-bands.toml")
F123 = load_tariff(shipped.folder() / "tariffs" / "it-f123.toml")
HIGH_LOW = load_tariff(shipped.folder() / "tariffs" / "ch-high-low.toml")
FLAT = Tariff("flat", 1, "CHF", "Europe/Zurich", "2026-01-01", None, (Price(0, "all", 250_000),))


@pytest.mark.parametrize(
    ("day", "minute", "band"),
    [
        pytest.param("2026-01-07", 7 * 60 - 1, "f3", id="night"),
        pytest.param("2026-01-07", 7 * 60, "f2", id="morning"),
        pytest.param("2026-01-07", 8 * 60, "f1", id="working-hours"),
        pytest.param("2026-01-07", 19 * 60, "f2", id="evening"),
        pytest.param("2026-01-07", 23 * 60, "f3", id="late"),
        pytest.param("2026-01-10", 12 * 60, "f2", id="saturday"),
        pytest.param("2026-01-11", 12 * 60, "f3", id="sunday"),
        pytest.param("2026-01-06", 12 * 60, "f3", id="epiphany-tuesday"),
        pytest.param("2027-10-04", 12 * 60, "f1", id="4-october-is-not-yet-an-f3-holiday"),
    ],
)
def test_italian_bands(day: str, minute: int, band: str) -> None:
    """F1/F2/F3 of delibera 181/06, with the bands' own holidays (requirements 4.4)."""
    utc_ms = civil.utc_ms_at(date.fromisoformat(day), minute, "Europe/Rome")
    assert band_at(F123, utc_ms, BANDS) == band


def test_bands_follow_the_wall_clock_through_the_change_of_the_clocks() -> None:
    """07:00 begins the high band in winter and in summer, an hour apart in UTC (decision 5)."""
    for day, utc_hour in ((date(2026, 3, 27), 6), (date(2026, 3, 30), 5)):
        begins = civil.midnight_utc_ms(day, "UTC") + utc_hour * 3_600_000
        assert band_at(HIGH_LOW, begins - 1, None) == "low"
        assert band_at(HIGH_LOW, begins, None) == "high"


def test_the_last_valid_tariff_to_begin_is_in_force() -> None:
    """A replacement takes over at local midnight of its first day, a higher version over a lower one."""
    summer = replace(FLAT, version=2, valid_from="2026-07-01")
    corrected = replace(summer, version=3)
    begins = civil.midnight_utc_ms(date(2026, 7, 1), "Europe/Zurich")
    assert tariff_at((FLAT, summer, corrected), begins - 1) == (FLAT, None)
    assert tariff_at((corrected, FLAT, summer), begins) == (corrected, None)


def test_a_late_tariff_leaves_the_last_one_in_force() -> None:
    """No gap in the files makes energy free: the neighbour stands in, with an alarm (decision 5)."""
    ended = replace(FLAT, valid_to="2026-06-30")
    after = civil.midnight_utc_ms(date(2026, 7, 1), "Europe/Zurich")
    assert tariff_at((ended,), after - 1) == (ended, None)
    assert tariff_at((ended,), after) == (ended, "tariff_expired")
    before = civil.midnight_utc_ms(date(2025, 12, 1), "Europe/Zurich")
    assert tariff_at((ended,), before) == (ended, "tariff_not_begun")


def test_a_missing_or_short_holiday_list_is_an_alarm() -> None:
    """Bands go on with weekdays and Sundays, and somebody is told."""
    assert calendar_of(F123, 2026, {"it-bands": BANDS}) == (BANDS, None)
    assert calendar_of(F123, 2026, {}) == (None, "tariff_calendar_missing")
    assert calendar_of(F123, 2034, {"it-bands": BANDS}) == (BANDS, "tariff_calendar_not_covered")
    assert band_at(F123, civil.utc_ms_at(date(2034, 1, 6), 12 * 60, "Europe/Rome"), BANDS) == "f1"


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"windows": (Window("all", (0,), 10, 60),)}, "quarter-hour"),
        ({"windows": (Window("all", (0,), 60, 60),)}, "empty or passes midnight"),
        ({"windows": (Window("all", (), 0, 60),)}, "names no day"),
        ({"windows": (Window("night", (0,), 0, 60),)}, "no price for band 'night' in block 1"),
        ({"blocks_wh": (100, 100), "prices": ()}, "must be above zero and rise"),
        ({"blocks_wh": (100,)}, "no price for band 'all' in block 2"),
        ({"prices": (Price(0, "all", 1), Price(0, "all", 2))}, "two prices"),
        ({"prices": (Price(0, "all", 1), Price(0, "peak", 2))}, "unknown band 'peak'"),
        ({"prices": (Price(0, "all", -1),)}, "below zero"),
        ({"surcharges": (Surcharge("x", -1),)}, "below zero"),
        ({"valid_from": "2026-02-30"}, "day is out of range"),
        ({"valid_to": "2025-12-31"}, "before valid_from"),
        ({"vat_ppm": 81_000}, "need no VAT rate"),
        ({"time_zone": "Europe/Locarno"}, "not a known time zone"),
    ],
)
def test_a_tariff_that_could_not_be_rated_cannot_be_built(change: dict[str, Any], complaint: str) -> None:
    """Whatever a file or a command says, rating only ever sees tariffs that work (decision 5)."""
    with pytest.raises(ValueError, match=complaint):
        replace(FLAT, **change)
