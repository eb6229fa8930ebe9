from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prepayment import civil

ROME = "Europe/Rome"
instants = st.integers(min_value=1_700_000_000_000, max_value=2_000_000_000_000)


@pytest.mark.parametrize(
    ("day", "quarters"), [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100), (date(2026, 10, 26), 96)]
)
@pytest.mark.parametrize("zone", [ROME, "Europe/Zurich"])
def test_a_day_has_92_96_or_100_quarter_hours(day: date, quarters: int, zone: str) -> None:
    """Requirements 4.3: both zones change on the same instants."""
    assert civil.quarters_of_day(day, zone) == quarters


def test_the_repeated_hour_keeps_its_labels_apart() -> None:
    """On 25 October 02:15 happens twice, an hour apart, with one local minute and two UTC names."""
    first = civil.utc_ms_at(date(2026, 10, 25), 2 * 60 + 15, ROME)
    second = first + 3_600_000
    assert civil.local_minute(first, ROME) == civil.local_minute(second, ROME) == 135
    assert civil.instant(first)[:16] == "2026-10-25T00:15"
    assert civil.instant(second)[:16] == "2026-10-25T01:15"


def test_a_minute_in_the_spring_gap_is_the_instant_after_it() -> None:
    """02:30 does not exist on 29 March: the wall clock shows 03:30 at that instant."""
    assert civil.local_minute(civil.utc_ms_at(date(2026, 3, 29), 150, ROME), ROME) == 210


@given(instants)
def test_the_date_is_the_one_of_the_day_that_holds_the_instant(utc_ms: int) -> None:
    """Midnight of the local date lies at or before the instant, midnight of the next one after it."""
    day = civil.local_date(utc_ms, ROME)
    tomorrow = civil.midnight_utc_ms(day + timedelta(days=1), ROME)
    assert civil.midnight_utc_ms(day, ROME) <= utc_ms < tomorrow


@given(instants)
def test_a_quarter_hour_begins_on_a_local_quarter(utc_ms: int) -> None:
    """Bands may begin on local quarter-hours because those are UTC quarter-hours too."""
    start = utc_ms - utc_ms % civil.QUARTER_MS
    assert civil.local_minute(start, ROME) % 15 == 0
    assert civil.local_minute(utc_ms, ROME) - civil.local_minute(start, ROME) == (utc_ms - start) // 60_000
