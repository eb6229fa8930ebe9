"""Money, civil time, calendars and tariffs at the value where their answer changes."""

from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.prepayment import civil, money
from gateway.prepayment.calendar import Calendar, CalendarNotCovered, day_term_end, next_slot_utc_ms, slot_open
from gateway.prepayment.policy import DayKind, Slots
from gateway.prepayment.tariff import (
    HOLIDAY,
    QUARTER_MIN,
    Price,
    Surcharge,
    Tariff,
    Window,
    band_at,
    calendar_of,
    tariff_at,
)
from tests.prepayment.worlds import tariff

ZURICH = "Europe/Zurich"
CALENDAR = Calendar("test", (2025, 2026), frozenset({"2026-01-06", "2026-12-25"}))


def ms(day: date, minute: int = 0) -> int:
    """A wall clock minute in Zurich."""
    return civil.utc_ms_at(day, minute, ZURICH)


def test_the_units_are_these() -> None:
    """Decisions 1, 2 and 5: nano-units, Wh, quarter-hours."""
    assert (money.NANO, money.WH_PER_KWH) == (10**9, 1000)
    assert (money.CENT_NANO, money.FIVE_RAPPEN_NANO) == (10**7, 5 * 10**7)
    assert (civil.QUARTER_MS, civil.MINUTES_PER_DAY) == (900_000, 1440)
    assert (HOLIDAY, QUARTER_MIN) == (7, 15)


@pytest.mark.parametrize(
    ("nano", "wire", "cents"),
    [
        (0, "0.00", "0.00"),
        (1, "0.000000001", "0.00"),
        (-1, "-0.000000001", "0.00"),
        (-4_999_999, "-0.004999999", "0.00"),
        (-5_000_000, "-0.005", "-0.01"),
        (5_000_000, "0.005", "0.01"),
        (4_999_999, "0.004999999", "0.00"),
        (-999_999_999, "-0.999999999", "-1.00"),
        (10_010_000_000, "10.01", "10.01"),
        (100_000_000, "0.10", "0.10"),
        (-1_200_000_000, "-1.20", "-1.20"),
    ],
)
def test_the_sign_and_the_digits_of_money(nano: int, wire: str, cents: str) -> None:
    """Decision 1: the sign belongs to every amount below zero, however small, and to no other."""
    assert money.wire_money(nano) == wire
    assert money.format_money(nano, rounded=True) == cents
    assert money.format_money(nano, 9) == money.format_money(nano, 9, rounded=True)
    assert money.format_money(nano, 9).startswith("-") == (nano < 0)


@pytest.mark.parametrize(("decimals", "text"), [(0, "-1"), (1, "-1.2"), (2, "-1.23"), (9, "-1.234567891")])
def test_money_has_the_decimals_asked_for(decimals: int, text: str) -> None:
    """Requirements 4.2: no dot without decimals; what does not fit is refused with what it is."""
    assert money.format_money(-1_234_567_891, decimals, rounded=True) == text
    if decimals < 9:
        with pytest.raises(ValueError, match=rf"^-1\.234567891 does not fit {decimals} decimals"):
            money.format_money(-1_234_567_891, decimals)
    with pytest.raises(ValueError, match="does not fit 2 decimals"):
        money.format_money(1)


@pytest.mark.parametrize(
    ("nano", "cent", "rappen"),
    [
        (24_999_999, 20_000_000, 0),
        (25_000_000, 30_000_000, 50_000_000),
        (-24_999_999, -20_000_000, 0),
        (-25_000_000, -30_000_000, -50_000_000),
        (15_000_000, 20_000_000, 0),
        (74_999_999, 70_000_000, 50_000_000),
        (75_000_000, 80_000_000, 100_000_000),
    ],
)
def test_half_is_rounded_away_from_zero(nano: int, cent: int, rappen: int) -> None:
    """Requirements 4.2: to the cent, and to five Rappen at a counter."""
    assert (money.round_cent(nano), money.round_5_rappen(nano)) == (cent, rappen)


@pytest.mark.parametrize(
    ("text", "nano_per_wh"), [("0.000001", 1), ("0.3247", 324_700), ("-0.1", -100_000), ("12", 12 * 10**6)]
)
def test_a_price_is_exact_for_each_wh(text: str, nano_per_wh: int) -> None:
    """Decision 1: six decimals per kWh, and back."""
    assert money.parse_price_per_kwh(text) == nano_per_wh
    assert money.parse_money(money.format_price_per_kwh(nano_per_wh)) == money.parse_money(text)


@pytest.mark.parametrize(
    ("utc_ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (-1, "1970-01-01T00:00:00.000Z"),
        (1_772_366_400_000, "2026-03-01T12:00:00.000Z"),
        (253_402_300_799_998, "9999-12-31T23:59:59.998Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (253_402_300_800_000, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_an_instant_has_one_form(utc_ms: int, text: str) -> None:
    """Decision 7: milliseconds always, Z always, and no integer that cannot be written."""
    assert civil.instant(utc_ms) == text


def test_civil_time_is_the_zones() -> None:
    """Requirements 4.3: the date, the minute, the month and the wall clock at both sides of local midnight."""
    midnight = ms(date(2026, 3, 1))
    assert midnight == 1_772_319_600_000
    assert (civil.local_date(midnight - 1, ZURICH), civil.local_date(midnight, ZURICH)) == (
        date(2026, 2, 28), date(2026, 3, 1),
    )  # fmt: skip
    assert (civil.local_minute(midnight - 1, ZURICH), civil.local_minute(midnight + 59_999, ZURICH)) == (1439, 0)
    assert civil.local_minute(midnight + 60_000 * 75, ZURICH) == 75
    assert civil.local_time(midnight + 1, ZURICH).isoformat() == "2026-03-01T00:00:00.001000+01:00"
    assert civil.local_time(midnight, ZURICH).tzinfo == ZoneInfo(ZURICH)
    assert civil.month_of(date(2026, 3, 1)) == "2026-03"
    assert civil.midnight_utc_ms(date(2026, 3, 1), ZURICH) == midnight


def test_a_year_nobody_knows_is_said_to_be_unknown() -> None:
    """Requirements 4.4: no guess; the name and the year are in the message."""
    with pytest.raises(CalendarNotCovered, match=r"^calendar test does not cover 2027$") as error:
        CALENDAR.is_holiday(date(2027, 1, 1))
    assert (error.value.name, error.value.year) == ("test", 2027)
    assert [CALENDAR.covers(year) for year in (2024, 2025, 2026, 2027)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("day", "working", "feriale"),
    [
        ("2026-01-02", True, True),  # a Friday
        ("2026-01-03", False, True),
        ("2026-01-04", False, False),
        ("2026-01-05", True, True),
        ("2026-01-06", False, False),  # a holiday on a Tuesday
    ],
)
def test_the_kinds_of_days(day: str, working: bool, feriale: bool) -> None:
    """Requirements 2.2: Saturday is feriale and no working day, a holiday is neither."""
    assert CALENDAR.is_working_day(date.fromisoformat(day)) is working
    assert CALENDAR.is_feriale(date.fromisoformat(day)) is feriale


@pytest.mark.parametrize(
    ("days", "kind", "end"),
    [
        (0, DayKind.CALENDAR, "2026-01-03"),
        (1, DayKind.CALENDAR, "2026-01-04"),
        (10, DayKind.CALENDAR, "2026-01-13"),
        (0, DayKind.WORKING, "2026-01-03"),
        (1, DayKind.WORKING, "2026-01-06"),
        (2, DayKind.WORKING, "2026-01-08"),
    ],
)
def test_a_term_of_days_from_a_friday_before_a_holiday(days: int, kind: DayKind, end: str) -> None:
    """Requirements 2.2: the day of the event is not counted, and action is allowed the day after the last."""
    assert day_term_end(date(2026, 1, 2), days, kind, CALENDAR) == date.fromisoformat(end)


OPEN = Slots(closed_weekdays=(4, 5, 6), closed_on_holidays=True, closed_on_eves=True, from_minute=480, to_minute=720)


@pytest.mark.parametrize(
    ("day", "minute", "opens"),
    [
        ("2026-01-07", 479, False),  # Wednesday
        ("2026-01-07", 480, True),
        ("2026-01-07", 719, True),
        ("2026-01-07", 720, False),
        ("2026-01-09", 500, False),  # a Friday
        ("2026-01-06", 500, False),  # a holiday
        ("2026-01-05", 500, False),  # its eve
    ],
)
def test_a_slot_opens_and_closes_at_a_minute(day: str, minute: int, opens: bool) -> None:
    """S1-11: from the first minute until before the last, never on closed days, holidays and their eves."""
    assert slot_open(OPEN, ms(date.fromisoformat(day), minute), ZURICH, CALENDAR) is opens


@pytest.mark.parametrize(
    ("day", "minute", "then", "at_minute"),
    [
        ("2026-01-07", 479, "2026-01-07", 480),
        ("2026-01-07", 500, "2026-01-07", 500),
        ("2026-01-07", 720, "2026-01-08", 480),
        ("2026-01-08", 720, "2026-01-12", 480),
        ("2026-01-05", 480, "2026-01-07", 480),
    ],
)
def test_the_next_slot_is_the_first_that_opens(day: str, minute: int, then: str, at_minute: int) -> None:
    """S1-11: now if it is open, else the opening of the next day that is not closed."""
    found = next_slot_utc_ms(OPEN, ms(date.fromisoformat(day), minute), ZURICH, CALENDAR)
    assert found == ms(date.fromisoformat(then), at_minute)


def test_a_slot_that_never_opens_is_not_found() -> None:
    """Requirements 2.2: a year is searched, not for ever; an empty slot opens on no day."""
    start = ms(date(2026, 1, 7), 0)
    assert next_slot_utc_ms(Slots(from_minute=480, to_minute=480), start, ZURICH, CALENDAR) is None
    assert next_slot_utc_ms(Slots(closed_weekdays=tuple(range(7))), start, ZURICH, CALENDAR) is None
    with pytest.raises(CalendarNotCovered):
        next_slot_utc_ms(
            Slots(closed_on_holidays=True, closed_weekdays=(0, 1, 2, 3, 4)), ms(date(2026, 12, 31)), ZURICH, CALENDAR
        )


def test_the_search_for_a_slot_is_a_year_long() -> None:
    """Requirements 2.2: a slot on the 365th day from now is found, one on the 366th is not."""
    start = date(2025, 1, 1)
    for days, found in ((365, True), (366, False)):
        opens = start + timedelta(days=days)
        closed = {(start + timedelta(days=day)).isoformat() for day in range(400)} - {opens.isoformat()}
        calendar = Calendar("test", (2025, 2026), frozenset(closed))
        slots = Slots(closed_on_holidays=True, from_minute=60)
        wanted = ms(opens, 60) if found else None
        assert next_slot_utc_ms(slots, ms(start), ZURICH, calendar) == wanted


def version(number: int, valid_from: str, valid_to: str | None = None, tariff_id: str = "t") -> Tariff:
    """One version of one tariff."""
    return tariff(tariff_id=tariff_id, version=number, valid_from=valid_from, valid_to=valid_to)


def test_of_several_tariffs_the_last_to_begin_is_in_force() -> None:
    """Decision 5: then the highest version; an expired neighbour stands in with an alarm, else the first to come."""
    old, new = version(1, "2026-01-01", "2026-03-01"), version(2, "2026-02-01", "2026-03-01")
    later = version(3, "2026-02-01", "2026-03-01")
    cases = (
        ((old, new), "2026-01-31", (old, None)),
        ((new, old), "2026-02-01", (new, None)),
        ((old, later, new), "2026-03-01", (later, None)),
        ((old, new, later), "2026-03-01", (later, None)),
        ((new, old), "2026-03-02", (new, "tariff_expired")),
        ((new, old, later), "2025-12-31", (old, "tariff_not_begun")),
        ((old,), "2026-01-01", (old, None)),
        ((version(9, "2026-01-01", tariff_id="o"), new), "2026-02-02", (new, None)),
    )
    for tariffs, day, wanted in cases:
        assert tariff_at(tariffs, ms(date.fromisoformat(day), 5)) == wanted
    assert new.ref == "t@2"
    assert [old.began("2025-12-31"), old.began("2026-01-01")] == [False, True]
    assert [old.valid_on(f"2026-03-0{day}") for day in (1, 2)] == [True, False]


BANDED = tariff(
    calendar="test",
    windows=(Window("peak", (0, 1, 2, 3, 4), 420, 1140), Window("rest", (HOLIDAY, 6)), Window("peak", (5,), 420, 600)),
    prices=(Price(0, "peak", 300_000), Price(0, "rest", 100_000), Price(0, "all", 200_000)),
)


@pytest.mark.parametrize(
    ("day", "minute", "band"),
    [
        ("2026-01-07", 419, "all"),
        ("2026-01-07", 420, "peak"),
        ("2026-01-07", 1139, "peak"),
        ("2026-01-07", 1140, "all"),
        ("2026-01-10", 420, "peak"),
        ("2026-01-10", 600, "all"),
        ("2026-01-11", 0, "rest"),
        ("2026-01-06", 500, "rest"),
        ("2027-01-06", 500, "peak"),  # no calendar says that it is a holiday
    ],
)
def test_a_band_begins_and_ends_at_a_minute(day: str, minute: int, band: str) -> None:
    """S3-07: windows in order, holidays as a day of their own, the default otherwise."""
    assert band_at(BANDED, ms(date.fromisoformat(day), minute), CALENDAR) == band
    assert band_at(tariff(), ms(date.fromisoformat(day), minute), None) == "all"


def test_bands_and_prices_are_named_once() -> None:
    """Decision 12: the cheapest band is the one of unknown time; an unknown place has no price."""
    assert BANDED.bands == ("peak", "rest", "all")
    assert tariff(windows=(Window("all", (1,)),)).bands == ("all",)
    assert BANDED.cheapest_band == "rest"
    assert BANDED.price_nano_per_wh(0, "peak") == 300_000
    for block, band in ((1, "peak"), (0, "none")):
        with pytest.raises(KeyError, match=rf"\({block}, '{band}'\)"):
            BANDED.price_nano_per_wh(block, band)
    plain = tariff()
    assert (plain.default_band, plain.windows, plain.blocks_wh, plain.surcharges) == ("all", (), (), ())
    assert (plain.standing_nano_per_day, plain.vat_ppm, plain.prices_include_vat) == (0, 0, True)
    assert (plain.calendar, plain.example) == (None, False)
    assert (Window("b", (1,)).from_minute, Window("b", (1,)).to_minute) == (0, 1440)


def test_the_calendar_of_the_bands_is_missed_aloud() -> None:
    """Requirements 4.4: none wanted, none there, one that ends before the year."""
    assert calendar_of(tariff(), 2026, {}) == (None, None)
    assert calendar_of(BANDED, 2026, {}) == (None, "tariff_calendar_missing")
    assert calendar_of(BANDED, 2026, {"test": CALENDAR}) == (CALENDAR, None)
    assert calendar_of(BANDED, 2027, {"test": CALENDAR}) == (CALENDAR, "tariff_calendar_not_covered")


TWO = (Price(0, "all", 1), Price(1, "all", 1))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"time_zone": "Europe/Nowhere"}, "'Europe/Nowhere' is not a known time zone"),
        ({"valid_from": "20260101"}, "'20260101' is not a date"),
        ({"valid_to": "20260101"}, "'20260101' is not a date"),
        ({"valid_from": "2026-01-02", "valid_to": "2026-01-01"}, "lies before valid_from"),
        ({"windows": (Window("all", (1,), 5, 60),)}, "quarter-hour"),
        ({"windows": (Window("all", (1,), 0, 50),)}, "quarter-hour"),
        ({"windows": (Window("all", (1,), 60, 60),)}, "empty or passes midnight"),
        ({"windows": (Window("all", (1,), -15, 60),)}, "empty or passes midnight"),
        ({"windows": (Window("all", (1,), 0, 1455),)}, "empty or passes midnight"),
        ({"windows": (Window("all", ()),)}, "names no day"),
        ({"windows": (Window("all", (8,)),)}, "names no day"),
        ({"windows": (Window("all", (-1,)),)}, "names no day"),
        ({"windows": (Window("all", (1, 8)),)}, "names no day"),
        ({"time_zone": "../zone"}, "is not a known time zone"),
        ({"time_zone": "z" * 300}, "is not a known time zone"),
        (
            {"prices": (), "windows": tuple(Window(f"b{n}", (1,)) for n in range(9))},
            "no price for band 'all' in block 1",
        ),
        ({"blocks_wh": (0,), "prices": TWO}, "must be above zero and rise"),
        ({"blocks_wh": (5, 5), "prices": TWO}, "must be above zero and rise"),
        ({"blocks_wh": (6, 5), "prices": TWO}, "must be above zero and rise"),
        ({"prices": ()}, "no price for band 'all' in block 1"),
        ({"prices": TWO}, "a price for the unknown band 'all' in block 2"),
        ({"prices": (Price(0, "all", 1), Price(0, "all", 2))}, "two prices"),
        ({"prices": (Price(0, "all", -1),)}, "below zero"),
        ({"surcharges": (Surcharge("eco", -1),)}, "below zero"),
        ({"standing_nano_per_day": -1}, "below zero"),
        ({"vat_ppm": -1, "prices_include_vat": False}, "below zero"),
        ({"vat_ppm": 1}, "need no VAT rate"),
    ],
)
def test_a_tariff_that_cannot_be_rated_is_refused(changes: dict[str, Any], says: str) -> None:
    """S0-11, I5: the mistake is named; what stands right beside it is accepted."""
    with pytest.raises(ValueError, match=says):
        tariff(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"valid_from": "2026-01-01", "valid_to": "2026-01-01"},
        {"windows": (Window("all", (0,), 0, 15), Window("all", (7,), 1425, 1440))},
        {"blocks_wh": (1,), "prices": TWO},
        {"blocks_wh": (1, 2), "prices": (*TWO, Price(2, "all", 1))},
        {"prices": (Price(0, "all", 0),), "surcharges": (Surcharge("eco", 0),)},
        {"vat_ppm": 1, "prices_include_vat": False},
    ],
)
def test_a_tariff_at_the_edge_is_accepted(changes: dict[str, Any]) -> None:
    """S0-11: the smallest and the largest that can be rated."""
    assert tariff(**changes).ref == "flat@1"
