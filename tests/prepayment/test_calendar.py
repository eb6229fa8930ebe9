from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import shipped
from gateway.config.calendars import load_calendar
from gateway.prepayment import civil
from gateway.prepayment.calendar import Calendar, CalendarNotCovered, day_term_end, next_slot_utc_ms, slot_open
from gateway.prepayment.policy import DayKind, Slots

ROME = "Europe/Rome"
ITALY = load_calendar(shipped.folder() / "calendars" / "it.toml")
SLOTS = Slots(
    closed_weekdays=(4, 5, 6), closed_on_holidays=True, closed_on_eves=True, from_minute=8 * 60, to_minute=15 * 60
)


def day(text: str) -> date:
    """A date of 2026 written "04-07"."""
    return date.fromisoformat(f"2026-{text}")


def first_slot(start: date) -> str:
    """The local start of the first slot on or after a date, "04-07T08:00"."""
    found = next_slot_utc_ms(SLOTS, civil.midnight_utc_ms(start, ROME), ROME, ITALY)
    assert found is not None
    return civil.local_time(found, ROME).strftime("%m-%dT%H:%M")


@pytest.mark.parametrize(
    ("final_term", "first_legal", "limit", "after_10", "after_15"),
    [
        pytest.param("03-31", "04-04", "04-07", "04-20", "04-23", id="V1-easter"),
        pytest.param("04-21", "04-25", "04-27", "05-11", "05-13", id="V2-25-april"),
    ],
)
def test_three_working_days_then_a_slot_then_the_limit_term(
    final_term: str, first_legal: str, limit: str, after_10: str, after_15: str
) -> None:
    """Requirements 2.7, V1 and V2: holidays, Fridays and eves move what may be done, never forward in time."""
    legal = day_term_end(day(final_term), 3, DayKind.WORKING, ITALY)
    assert legal == day(first_legal)
    assert first_slot(legal) == f"{limit}T08:00"
    for days, suspended in ((10, after_10), (15, after_15)):
        assert first_slot(day_term_end(day(limit), days, DayKind.CALENDAR, ITALY)) == f"{suspended}T08:00"


def test_the_later_of_two_terms_rules() -> None:
    """V8: 25 days from notification outlast 3 working days after the final term; 15 days of limit follow."""
    after_notice = day_term_end(day("03-02"), 25, DayKind.CALENDAR, ITALY)
    after_final = day_term_end(day("03-20"), 3, DayKind.WORKING, ITALY)
    assert (after_notice, after_final) == (day("03-28"), day("03-26"))
    assert first_slot(max(after_notice, after_final)) == "03-30T08:00"
    assert first_slot(day_term_end(day("03-30"), 15, DayKind.CALENDAR, ITALY)) == "04-15T08:00"


def test_twenty_days_before_a_termination() -> None:
    """V10: suspended on 20 April, terminable from 11 May."""
    assert day_term_end(day("04-20"), 20, DayKind.CALENDAR, ITALY) == day("05-11")


def test_twenty_and_forty_days_from_both_anchors() -> None:
    """V11: notice from 21 February; suspension from 13 March (due date) or 3 April (notice), each at its slot."""
    notice = day_term_end(day("01-31"), 20, DayKind.CALENDAR, ITALY)
    from_due = day_term_end(day("01-31"), 40, DayKind.CALENDAR, ITALY)
    from_notice = day_term_end(notice, 40, DayKind.CALENDAR, ITALY)
    assert (notice, from_due, from_notice) == (day("02-21"), day("03-13"), day("04-03"))
    assert (first_slot(from_due), first_slot(from_notice)) == ("03-16T08:00", "04-07T08:00")


def test_the_new_italian_holiday_counts() -> None:
    """4 October is no working day from 2026 on: neither it nor its eve has a slot (requirements 4.4)."""
    assert ITALY.is_holiday(day("10-04"))
    monday = date(2027, 10, 4)
    assert not ITALY.is_working_day(monday)
    assert not ITALY.is_feriale(monday)
    assert day_term_end(date(2027, 10, 1), 1, DayKind.WORKING, ITALY) == date(2027, 10, 6)
    eve = civil.utc_ms_at(date(2028, 10, 3), 9 * 60, ROME)  # a Tuesday
    assert not slot_open(SLOTS, eve, ROME, ITALY)


def test_saturday_is_feriale_but_no_working_day() -> None:
    """Two words, two rules (requirements 2.2)."""
    saturday = day("03-07")
    assert ITALY.is_feriale(saturday)
    assert not ITALY.is_working_day(saturday)


def test_a_year_that_is_not_covered_is_no_guess() -> None:
    """Past the end of the calendar the question is refused, so that escalation is too (requirements 4.4)."""
    assert not ITALY.covers(2033)
    with pytest.raises(CalendarNotCovered, match="it does not cover 2033"):
        day_term_end(date(2032, 12, 31), 3, DayKind.WORKING, ITALY)
    eve = civil.utc_ms_at(date(2032, 12, 31), 9 * 60, ROME)
    with pytest.raises(CalendarNotCovered):
        slot_open(replace(SLOTS, closed_weekdays=()), eve, ROME, ITALY)


def test_calendar_days_and_open_slots_need_no_calendar() -> None:
    """Who counts plain days and has no slots is not stopped by the end of a list."""
    empty = Calendar("none", (), frozenset())
    assert day_term_end(date(2031, 1, 1), 10, DayKind.CALENDAR, empty) == date(2031, 1, 12)
    assert slot_open(Slots(), civil.midnight_utc_ms(date(2031, 1, 1), ROME), ROME, empty)


@pytest.mark.parametrize(("hour", "minute", "allowed"), [(7, 59, False), (8, 0, True), (14, 59, True), (15, 0, False)])
def test_a_slot_begins_and_ends_by_the_wall_clock(hour: int, minute: int, *, allowed: bool) -> None:
    """08:00-15:00 is local time, its end not included, in winter as in summer."""
    for month in (1, 7):
        local = datetime(2026, month, 14, hour, minute, tzinfo=ZoneInfo(ROME))
        assert slot_open(SLOTS, int(local.timestamp() * 1000), ROME, ITALY) is allowed


@given(
    st.integers(
        min_value=civil.midnight_utc_ms(day("01-01"), ROME), max_value=civil.midnight_utc_ms(day("12-01"), ROME)
    )
)
def test_the_next_slot_is_open_and_the_first(utc_ms: int) -> None:
    """The instant found is open, and no quarter-hour before it is."""
    found = next_slot_utc_ms(SLOTS, utc_ms, ROME, ITALY)
    assert found is not None
    assert found >= utc_ms
    assert slot_open(SLOTS, found, ROME, ITALY)
    quarters = range(utc_ms, found, civil.QUARTER_MS)
    assert not any(slot_open(SLOTS, quarter, ROME, ITALY) for quarter in quarters)


def test_slots_that_never_open_are_found_out() -> None:
    """A policy whose slots exclude everything gets None, not an endless search."""
    never = Slots(closed_weekdays=(0, 1, 2, 3, 4, 5, 6))
    assert next_slot_utc_ms(never, civil.midnight_utc_ms(day("01-01"), ROME), ROME, ITALY) is None
