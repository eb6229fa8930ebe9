"""Who is cut can still reach somebody: to the millisecond, and on the days the clocks change."""

from dataclasses import replace
from datetime import date

import pytest

from gateway.prepayment import civil
from gateway.prepayment.calendar import next_slot_utc_ms, slot_open
from gateway.prepayment.policy import Slots
from tests.prepayment.worlds import CALENDAR

ZONE = "Europe/Zurich"
MINUTE_MS = 60_000
DAYS = [date(2026, 3, 2), date(2026, 3, 29), date(2026, 10, 25)]  # an ordinary one, of 23 hours, of 25
OFFICE = Slots(from_minute=9 * 60, to_minute=17 * 60)


def is_open(slots: Slots, utc_ms: int) -> bool:
    """Somebody may act at this instant; the first instant from then on says the same."""
    first = next_slot_utc_ms(slots, utc_ms, ZONE, CALENDAR)
    found = slot_open(slots, utc_ms, ZONE, CALENDAR)
    assert (first == utc_ms) is found
    return found


@pytest.mark.parametrize("day", DAYS, ids=str)
@pytest.mark.parametrize("last_minute", [16 * 60, 16 * 60 + 20])
def test_the_time_that_is_left_for_help_counts_to_the_millisecond(day: date, last_minute: int) -> None:
    """S0-07: an hour is enough when an hour is left, whole quarter-hours or not, also where an hour is missing."""
    slots = replace(OFFICE, help_hours=((9 * 60, last_minute + 60),), min_open_after_ms=60 * MINUTE_MS)
    last_ms = civil.utc_ms_at(day, last_minute, ZONE)
    assert is_open(slots, last_ms)
    assert not is_open(slots, last_ms + 1)
    whole = replace(OFFICE, help_hours=((9 * 60, 11 * 60),), min_open_after_ms=120 * MINUTE_MS)
    assert is_open(whole, civil.utc_ms_at(day, 9 * 60, ZONE))
    assert not is_open(replace(whole, min_open_after_ms=120 * MINUTE_MS + 1), civil.utc_ms_at(day, 9 * 60, ZONE))


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_hours_that_have_passed_help_nobody(day: date) -> None:
    """S0-07: of a morning and an afternoon only what is left counts, none of it negative and none of it a little."""
    hours = ((9 * 60, 10 * 60), (14 * 60, 15 * 60))
    slots = replace(OFFICE, help_hours=hours, min_open_after_ms=60 * MINUTE_MS)
    begins_ms = civil.utc_ms_at(day, 14 * 60, ZONE)
    assert is_open(slots, begins_ms)
    assert not is_open(slots, begins_ms + 1)


def test_the_least_that_can_be_asked_for_is_asked_for() -> None:
    """S0-07: one millisecond of help is not none, and none asks nothing."""
    closed = replace(OFFICE, help_hours=((9 * 60, 10 * 60),))
    after_ms = civil.utc_ms_at(DAYS[0], 10 * 60, ZONE)
    assert is_open(closed, after_ms)
    assert not is_open(replace(closed, min_open_after_ms=1), after_ms)
    assert is_open(replace(closed, min_open_after_ms=1), after_ms - 1)
