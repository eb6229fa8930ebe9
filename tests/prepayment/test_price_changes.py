"""Prices that change: days count alike, a register at the change decides, taxes and free bands are data."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prepayment import civil
from gateway.prepayment.rating import spread
from gateway.prepayment.tariff import Price
from tests.prepayment.test_rating import DAY_MS, FLAT, NIGHT, START_MS, ZONE, charged, wh_by


@pytest.mark.parametrize(
    ("first", "days", "change", "wh", "old_wh", "new_wh"),
    [
        ("2026-03-01", 59, "2026-04-01", 590_000, 310_000, 280_000),
        ("2026-03-01", 59, "2026-04-01", 500_000, 262_712, 237_288),
        ("2026-10-01", 61, "2026-11-01", 610_000, 310_000, 300_000),
        ("2026-03-28", 2, "2026-03-29", 2_000, 1_000, 1_000),
    ],
)
def test_a_day_of_23_or_25_hours_counts_as_a_day(
    first: str, days: int, change: str, wh: int, old_wh: int, new_wh: int
) -> None:
    """S3-07: daily consumption is conventionally constant, also in the months when the clocks change."""
    new = replace(FLAT, version=2, valid_from=change)
    start = civil.midnight_utc_ms(date.fromisoformat(first), ZONE)
    end = civil.midnight_utc_ms(date.fromordinal(date.fromisoformat(first).toordinal() + days), ZONE)
    rated = charged(start, end, wh, FLAT, new)
    assert wh_by(rated, "tariff_ref") == {"flat@1": old_wh, "flat@2": new_wh}


@given(st.integers(0, 400 * DAY_MS), st.integers(0, 70 * DAY_MS), st.integers(0, 10**7))
def test_a_spread_over_days_sums_exactly(offset_ms: int, span_ms: int, wh: int) -> None:
    """S3-07, I2: no part is negative and the parts sum to the whole, whatever clocks change in between."""
    start = START_MS + offset_ms
    parts = [part for _, part in spread(start, start + DAY_MS + span_ms, wh, ZONE)]
    assert sum(parts) == wh
    assert min(parts) >= 0


def test_a_register_at_the_change_needs_no_estimate() -> None:
    """S3-07: with a reading at the change each side has the price of its day, and nothing is pro rata."""
    new = replace(FLAT, version=2, valid_from="2026-04-01")
    start, change, end = (civil.midnight_utc_ms(date(2026, month, 1), ZONE) for month in (3, 4, 5))
    before = charged(start, change, 100_000, FLAT, new)
    after = charged(change, end, 400_000, FLAT, new, usage=before.usage)
    assert (wh_by(before, "tariff_ref"), wh_by(after, "tariff_ref")) == ({"flat@1": 100_000}, {"flat@2": 400_000})


def test_another_rate_of_tax_is_another_version() -> None:
    """Requirements 4.2: VAT is dated data; each part is taxed at the rate of its day, and the remainder is carried."""
    old = replace(FLAT, vat_ppm=100_000, prices_include_vat=False)
    new = replace(old, version=2, valid_from="2026-02-01", vat_ppm=220_000)
    start = civil.midnight_utc_ms(date(2026, 1, 1), ZONE)
    rated = charged(start, start + 59 * DAY_MS, 590_000, old, new)
    price = FLAT.price_nano_per_wh(0, "all")
    taxes = {line.tariff_ref: line.amount_nano for line in rated.lines if line.component == "vat"}
    assert taxes == {"flat@1": 310_000 * price // 10, "flat@2": 280_000 * price * 22 // 100}
    assert rated.usage.charge_total_nano == 590_000 * price + sum(taxes.values())


def test_a_band_may_be_free() -> None:
    """Issue 4: a free band is a price of zero: its energy is on the bill and costs nothing."""
    free = replace(NIGHT, prices=(Price(0, "day", 250_000), Price(0, "night", 0)))
    rated = charged(START_MS, START_MS + DAY_MS, 96_000, free)
    energy = {line.band: (line.wh, line.amount_nano) for line in rated.lines if line.component == "energy"}
    assert energy["night"][0] > 0
    assert energy["night"][1] == 0
    assert energy["day"] == (96_000 - energy["night"][0], energy["day"][0] * 250_000)
