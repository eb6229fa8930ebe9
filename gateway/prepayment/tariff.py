"""A tariff as data: what one Wh, one day and the tax on them cost, from which day on, in which zone.

A quarter-hour has one *band* (day and hour in the tariff's own zone, so it follows the change of the clocks) and each
Wh one *block* (how much was used this civil month). The price of a Wh is `price(block, band)` plus every surcharge.
Money is nano-units of `currency`; prices are nano per Wh, so 0.3247/kWh is 324 700 and rating is exact (decision 1).
A tariff of gas has prices per standard litre and a coefficient from the litres of the register to those (`gas`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.prepayment import civil
from gateway.prepayment.calendar import Calendar
from gateway.prepayment.gas import COEFFICIENT_PPM
from gateway.prepayment.supply import Commodity

HOLIDAY = 7  # stands beside the weekdays 0 (Monday) to 6 (Sunday) in `Window.days`
QUARTER_MIN = 15
ONE_PPM = 1_000_000
"""A coefficient of one: what the register counts is what is priced."""


@dataclass(frozen=True, slots=True)
class Window:
    """On these days, from minute to minute of the local day, `band` is in force; the end is not included."""

    band: str
    days: tuple[int, ...]
    from_minute: int = 0
    to_minute: int = civil.MINUTES_PER_DAY


@dataclass(frozen=True, slots=True)
class Price:
    """What a Wh costs in one block (0 is the first) and one band."""

    block: int
    band: str
    nano_per_wh: int


@dataclass(frozen=True, slots=True)
class Surcharge:
    """A named price added to every Wh, whatever its band (an eco product of S0-08, a grid fee)."""

    name: str
    nano_per_wh: int


@dataclass(frozen=True, slots=True)
class Tariff:
    """One version of one tariff; raises ValueError when built with something that could not be rated.

    `valid_from` and `valid_to` are civil dates in `time_zone`, both included; `valid_to` None: until replaced.
    `calendar` names the holiday list of the *bands* (None: no holidays), which is not the legal one (requirements 4.4).
    `windows` are tried in order, else `default_band`. `blocks_wh` are monthly limits in rising order: n limits make
    n + 1 blocks. `vat_ppm` is parts per million of the net amount and 0 when `prices_include_vat`. `coefficient_ppm` is
    the C of gas, one for electricity; a tariff of gas has one block.
    """

    tariff_id: str
    version: int
    currency: str
    time_zone: str
    valid_from: str
    valid_to: str | None
    prices: tuple[Price, ...]
    calendar: str | None = None
    default_band: str = "all"
    windows: tuple[Window, ...] = ()
    blocks_wh: tuple[int, ...] = ()
    surcharges: tuple[Surcharge, ...] = ()
    standing_nano_per_day: int = 0
    vat_ppm: int = 0
    prices_include_vat: bool = True
    example: bool = False
    commodity: Commodity = Commodity.ELECTRICITY
    coefficient_ppm: int = ONE_PPM

    def __post_init__(self) -> None:
        _check_dates(self)
        _check_commodity(self)
        _check_windows(self)
        _check_prices(self)

    @property
    def ref(self) -> str:
        """How entries name the tariff that priced them: id and version."""
        return f"{self.tariff_id}@{self.version}"

    @property
    def bands(self) -> tuple[str, ...]:
        """Every band once, the default last."""
        named = dict.fromkeys(window.band for window in self.windows)
        named.pop(self.default_band, None)
        return (*named, self.default_band)

    def began(self, day: str) -> bool:
        """The tariff has begun by this ISO date."""
        return self.valid_from <= day

    def valid_on(self, day: str) -> bool:
        """The ISO date lies within the validity."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)

    def price_nano_per_wh(self, block: int, band: str) -> int:
        """The energy price alone, without surcharges; KeyError for an unknown block or band."""
        for price in self.prices:
            if price.block == block and price.band == band:
                return price.nano_per_wh
        raise KeyError((block, band))

    @property
    def cheapest_band(self) -> str:
        """The band whose first block costs least: what a Wh of unknown time is charged at (decision 12)."""
        return min(self.bands, key=lambda band: self.price_nano_per_wh(0, band))


def band_at(tariff: Tariff, utc_ms: int, calendar: Calendar | None) -> str:
    """The band in force at the instant. A year the calendar does not cover has no holidays but its Sundays."""
    day = civil.local_date(utc_ms, tariff.time_zone)
    minute = civil.local_minute(utc_ms, tariff.time_zone)
    holiday = calendar is not None and calendar.covers(day.year) and calendar.is_holiday(day)
    kind = HOLIDAY if holiday else day.weekday()
    for window in tariff.windows:
        if kind in window.days and window.from_minute <= minute < window.to_minute:
            return window.band
    return tariff.default_band


def tariff_at(tariffs: tuple[Tariff, ...], utc_ms: int) -> tuple[Tariff, str | None]:
    """The tariff for an instant, and an alarm when none is valid and a neighbour stands in (decision 5).

    Of several valid ones the last to begin wins, then the highest version. `tariffs` must not be empty.
    """
    days = [(tariff, civil.local_date(utc_ms, tariff.time_zone).isoformat()) for tariff in tariffs]
    valid = [tariff for tariff, day in days if tariff.valid_on(day)]
    if valid:
        return max(valid, key=_precedence), None
    begun = [tariff for tariff, day in days if tariff.began(day)]
    if begun:
        return max(begun, key=_precedence), "tariff_expired"
    return min(tariffs, key=_precedence), "tariff_not_begun"


def calendar_of(tariff: Tariff, year: int, calendars: Mapping[str, Calendar]) -> tuple[Calendar | None, str | None]:
    """The holiday list of the tariff's bands, and an alarm when it is missing or ends before `year`."""
    if tariff.calendar is None:
        return None, None
    calendar = calendars.get(tariff.calendar)
    if calendar is None:
        return None, "tariff_calendar_missing"
    return calendar, None if calendar.covers(year) else "tariff_calendar_not_covered"


def _precedence(tariff: Tariff) -> tuple[str, int]:
    return tariff.valid_from, tariff.version


def _check_dates(tariff: Tariff) -> None:
    try:
        ZoneInfo(tariff.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{tariff.time_zone!r} is not a known time zone") from None
    for day in (tariff.valid_from, tariff.valid_to):
        if day is not None and date.fromisoformat(day).isoformat() != day:
            raise ValueError(f"{day!r} is not a date like 2026-01-31")
    if tariff.valid_to is not None and tariff.valid_to < tariff.valid_from:
        raise ValueError(f"valid_to {tariff.valid_to} lies before valid_from {tariff.valid_from}")


def _check_commodity(tariff: Tariff) -> None:
    if tariff.commodity is Commodity.ELECTRICITY:
        if tariff.coefficient_ppm != ONE_PPM:
            raise ValueError("a coefficient is for gas: a Wh of the register is a Wh")
        return
    least, most = COEFFICIENT_PPM
    if not least <= tariff.coefficient_ppm <= most:
        raise ValueError(f"a coefficient C lies between {least / ONE_PPM} and {most / ONE_PPM}")
    if tariff.blocks_wh:
        raise ValueError("a tariff of gas has one block")


def _check_windows(tariff: Tariff) -> None:
    for window in tariff.windows:
        if window.from_minute % QUARTER_MIN or window.to_minute % QUARTER_MIN:
            raise ValueError(f"band {window.band!r} does not begin and end on a quarter-hour (decision 5)")
        if not 0 <= window.from_minute < window.to_minute <= civil.MINUTES_PER_DAY:
            raise ValueError(f"a window of band {window.band!r} is empty or passes midnight; split it at 24:00")
        if not window.days or not all(0 <= day <= HOLIDAY for day in window.days):
            raise ValueError(f"a window of band {window.band!r} names no day, or one that does not exist")


def _check_prices(tariff: Tariff) -> None:
    if list(tariff.blocks_wh) != sorted(set(tariff.blocks_wh)) or any(limit <= 0 for limit in tariff.blocks_wh):
        raise ValueError("the monthly limits of the blocks must be above zero and rise")
    needed = {(block, band) for block in range(len(tariff.blocks_wh) + 1) for band in tariff.bands}
    given = [(price.block, price.band) for price in tariff.prices]
    for block, band in sorted(needed.symmetric_difference(given)):
        what = "no price for" if (block, band) in needed else "a price for the unknown"
        raise ValueError(f"{what} band {band!r} in block {block + 1}")
    if len(given) != len(needed):
        raise ValueError("a band has two prices in the same block")
    amounts = [price.nano_per_wh for price in tariff.prices]
    amounts += [surcharge.nano_per_wh for surcharge in tariff.surcharges]
    if min([*amounts, tariff.standing_nano_per_day, tariff.vat_ppm]) < 0:
        raise ValueError("a price below zero would make a charge shrink (I5)")
    if tariff.prices_include_vat and tariff.vat_ppm:
        raise ValueError("prices that include VAT need no VAT rate")
