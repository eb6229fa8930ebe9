"""Rating at the edge of a day and of what is spread, and the standing charge at both ends of the world."""

from dataclasses import replace
from datetime import date

import pytest

from gateway.prepayment import civil, rating
from gateway.prepayment.civil import QUARTER_MS
from gateway.prepayment.events import Moment, TimeTrust
from gateway.prepayment.rating import Rated, Usage, rate, standing
from gateway.prepayment.tariff import Price, Tariff

ZONE = "Europe/Zurich"
DAY_MS = 24 * 3_600_000
OLD = Tariff("old", 1, "CHF", ZONE, "2020-01-01", None, (Price(0, "all", 1_000),))


def at(utc_ms: int) -> Moment:
    """A moment whose date is known."""
    return Moment(utc_ms, TimeTrust.AUTHENTICATED, 0)


def wh_by_tariff(rated: Rated) -> dict[str, int]:
    """What was used at each price."""
    return {line.tariff_ref: line.wh for line in rated.lines if line.component == "energy"}


@pytest.mark.parametrize(
    ("hours", "old_wh", "new_wh"),
    [
        pytest.param(23, 13_000, 10_000, id="as it passed: each hour alike"),
        pytest.param(24, 13_000, 11_000, id="a day, as it passed"),
        pytest.param(25, 12_745, 12_255, id="more than a day: 13 of the 25 hours are 12.48 of a day of 24"),
    ],
)
def test_more_than_a_day_is_spread_over_civil_days(hours: int, old_wh: int, new_wh: int) -> None:
    """S3-07: from 11:00 of the day of 25 hours on, a kWh an hour: up to a day as it passed, then by days."""
    new = replace(OLD, tariff_id="new", valid_from="2026-10-26")
    end = civil.midnight_utc_ms(date(2026, 10, 26), ZONE) + (hours - 13) * 3_600_000
    rated = rate(Usage(), at(end - hours * 3_600_000), at(end), hours * 1_000, (OLD, new), {})
    assert wh_by_tariff(rated) == {"old@1": old_wh, "new@1": new_wh}


@pytest.mark.parametrize(("beyond_ms", "alarms"), [(-1, ()), (0, ()), (1, ("span_too_long",))])
def test_the_longest_span_is_still_spread(
    beyond_ms: int, alarms: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decision 5, I20: exactly as long as is spread at most is spread, at the price of each part."""
    monkeypatch.setattr(rating, "MAX_SPREAD_MS", 2 * QUARTER_MS)
    change = civil.midnight_utc_ms(date(2026, 7, 1), ZONE)
    new = replace(OLD, tariff_id="new", valid_from="2026-07-01")
    rated = rate(Usage(), at(change - QUARTER_MS), at(change + QUARTER_MS + beyond_ms), 200, (OLD, new), {})
    assert (rated.alarms, rated.estimated, len(rated.lines)) == (alarms, True, 1 if alarms else 2)


@pytest.mark.parametrize("zone", ["Etc/GMT+12", "Pacific/Honolulu", ZONE, "Pacific/Noumea", "Etc/GMT-11"])
def test_a_day_has_its_own_standing_charge_in_every_zone(zone: str) -> None:
    """S3-07: twelve hours behind UTC as eleven ahead of it, the price of a day is that of its civil date."""
    old = replace(OLD, time_zone=zone, valid_to="2026-03-31", standing_nano_per_day=333)
    new = replace(old, tariff_id="new", valid_from="2026-04-01", valid_to=None, standing_nano_per_day=777)
    noon = at(civil.utc_ms_at(date(2026, 4, 2), 720, zone))
    lines = standing(Usage(standing_through="2026-03-30"), noon, (old, new), {}).lines
    assert [(one.tariff_ref, one.days, one.amount_nano) for one in lines] == [("old@1", 1, 333), ("new@1", 2, 1_554)]
