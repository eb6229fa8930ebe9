from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import shipped
from gateway.config.calendars import load_calendar
from gateway.prepayment import civil
from gateway.prepayment.calendar import (
    Calendar,
    CalendarNotCovered,
    day_term_end,
    earliest,
    first_legal_day,
    next_slot_utc_ms,
    slot_open,
)
from gateway.prepayment.policy import DayKind, Slots, Term

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
    """V1, V2, S1-09, S1-12: holidays, Fridays and eves move what may be done, never forward in time."""
    legal = day_term_end(day(final_term), 3, DayKind.WORKING, ITALY)
    assert legal == day(first_legal)
    assert first_slot(legal) == f"{limit}T08:00"
    for days, suspended in ((10, after_10), (15, after_15)):
        assert first_slot(day_term_end(day(limit), days, DayKind.CALENDAR, ITALY)) == f"{suspended}T08:00"


def test_the_later_of_two_terms_rules() -> None:
    """V8, S1-09: 25 days from notification outlast 3 working days after the final term; 15 days of limit follow."""
    after_notice = day_term_end(day("03-02"), 25, DayKind.CALENDAR, ITALY)
    after_final = day_term_end(day("03-20"), 3, DayKind.WORKING, ITALY)
    assert (after_notice, after_final) == (day("03-28"), day("03-26"))
    anchors = [
        (day("03-02"), Term(days=25)),
        (day("03-20"), Term(days=3, day_kind=DayKind.WORKING)),
    ]
    assert earliest(anchors, ITALY) == max(after_notice, after_final)
    assert first_slot(earliest(anchors, ITALY)) == "03-30T08:00"
    assert first_slot(day_term_end(day("03-30"), 15, DayKind.CALENDAR, ITALY)) == "04-15T08:00"


def test_twenty_days_before_a_termination() -> None:
    """V10, S1-14: suspended on 20 April, terminable from 11 May; a letter that says 30 days makes it 21 May."""
    assert day_term_end(day("04-20"), 20, DayKind.CALENDAR, ITALY) == day("05-11")
    both = [(day("04-20"), Term(days=20)), (day("04-20"), Term(days=30))]
    assert earliest(both, ITALY) == day("05-21")


def test_twenty_and_forty_days_from_both_anchors() -> None:
    """V11, S3-13: notice from 21 February; suspension from 13 March (due) or 3 April (notice), each at its slot."""
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
    friday = day("03-06")
    assert day_term_end(friday, 1, DayKind.FERIALI, ITALY) == day("03-08")
    assert day_term_end(friday, 2, DayKind.FERIALI, ITALY) == day("03-10")
    assert day_term_end(friday, 1, DayKind.WORKING, ITALY) == day("03-10")


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


def test_only_days_have_a_first_legal_day() -> None:
    """Requirements 2.2: hours count running time and never pass for days; no term at all is a mistake, not today."""
    assert first_legal_day(day("03-06"), Term(days=3, day_kind=DayKind.WORKING), ITALY) == day("03-12")
    with pytest.raises(ValueError, match="running time, not days"):
        first_legal_day(day("03-06"), Term(duration_ms=72 * 3_600_000), ITALY)
    with pytest.raises(ValueError, match="empty"):
        earliest([], ITALY)


COUNTERS = replace(
    SLOTS,
    to_minute=17 * 60,
    help_hours=((8 * 60 + 30, 12 * 60), (13 * 60 + 30, 17 * 60)),
    min_open_after_ms=3 * 3_600_000,
)


@pytest.mark.parametrize(
    ("local", "seconds", "allowed"),
    [("08:00", 0, True), ("13:59", 59, True), ("14:00", 0, True), ("14:00", 1, False), ("16:59", 0, False)],
)
def test_nobody_is_cut_when_nobody_can_help_any_more(local: str, seconds: int, allowed: bool) -> None:
    """S0-07: counters close at 17:00 and three hours must be left; what is due at 16:59 waits for the next slot."""
    tuesday = civil.midnight_utc_ms(day("03-10"), ROME)
    due = tuesday + (int(local[:2]) * 60 + int(local[3:])) * 60_000 + seconds * 1000
    assert slot_open(COUNTERS, due, ROME, ITALY) is allowed
    found = next_slot_utc_ms(COUNTERS, due, ROME, ITALY)
    assert found == (due if allowed else civil.utc_ms_at(day("03-11"), 8 * 60, ROME))


def test_hours_of_help_are_those_of_the_slot_unless_said() -> None:
    """S0-07: without hours of help of its own, what must be left is left of the slot: 12:00 for 08:00-15:00."""
    slots = replace(SLOTS, min_open_after_ms=3 * 3_600_000)
    noon = civil.utc_ms_at(day("03-10"), 12 * 60, ROME)
    assert slot_open(slots, noon, ROME, ITALY)
    assert not slot_open(slots, noon + 1, ROME, ITALY)
    lunch = replace(COUNTERS, min_open_after_ms=5 * 3_600_000)
    assert not slot_open(lunch, noon, ROME, ITALY), "the lunch break is no help"
    assert not slot_open(lunch, civil.utc_ms_at(day("03-10"), 10 * 60 + 30, ROME) + 1, ROME, ITALY)
    assert slot_open(lunch, civil.utc_ms_at(day("03-10"), 10 * 60, ROME), ROME, ITALY)


def test_too_much_help_asked_for_is_no_slot() -> None:
    """A policy whose hours of help never suffice gets None, not an endless search."""
    greedy = replace(COUNTERS, min_open_after_ms=8 * 3_600_000)
    assert next_slot_utc_ms(greedy, civil.midnight_utc_ms(day("01-01"), ROME), ROME, ITALY) is None


NIGHT = Slots(from_minute=2 * 60 + 10, to_minute=2 * 60 + 50)


def test_a_slot_that_the_clock_skips_or_shows_twice() -> None:
    """Requirements 4.3: 02:10-02:50 is not there on 29 March 2026, and there twice on 25 October."""
    spring = civil.midnight_utc_ms(day("03-29"), ROME)
    assert next_slot_utc_ms(NIGHT, spring, ROME, ITALY) == civil.utc_ms_at(day("03-30"), 130, ROME)
    autumn = civil.utc_ms_at(day("10-25"), 2 * 60 + 50, ROME)
    again = next_slot_utc_ms(NIGHT, autumn, ROME, ITALY)
    assert again == autumn + 20 * 60_000
    assert civil.local_time(again, ROME).isoformat() == "2026-10-25T02:10:00+01:00"
    assert slot_open(NIGHT, again, ROME, ITALY)
