"""Days that an outage touched, where it ends as the rung begins."""

import pytest

from gateway.prepayment import civil
from gateway.prepayment.outages import days_touched
from tests.prepayment.worlds import MONDAY_MS

ZONE = "Europe/Zurich"


@pytest.mark.parametrize(
    ("opens_ms", "closes_ms", "touched"), [(-5, -1, 0), (-5, 0, 0), (-5, 1, 1), (0, 1, 1), (3, 3, 0), (-4, -4, 0)]
)
def test_an_outage_that_ends_as_the_rung_begins_touched_no_day_of_it(
    opens_ms: int, closes_ms: int, touched: int
) -> None:
    """S4-06: a rung reached at nine in the morning: an outage to the millisecond before took no day from its term."""
    days = days_touched([(MONDAY_MS + opens_ms, MONDAY_MS + closes_ms)], MONDAY_MS, ZONE)
    assert days == ({civil.local_date(MONDAY_MS, ZONE)} if touched else frozenset())
