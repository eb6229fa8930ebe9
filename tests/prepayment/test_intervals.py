from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prepayment import civil
from gateway.prepayment.civil import QUARTER_MS
from gateway.prepayment.events import Moment, TimeTrust
from gateway.prepayment.intervals import MAX_QUARTERS, Interval, IntervalState, Quality, advance, rebase

START_MS = civil.midnight_utc_ms(date(2026, 3, 29), "Europe/Rome")
MINUTE_MS = 60_000


def at(utc_ms: int, trust: TimeTrust = TimeTrust.SYNCHRONISED) -> Moment:
    """A moment; intervals do not look at the running time."""
    return Moment(utc_ms, trust, 0)


def begun(utc_ms: int = START_MS, import_wh: int = 1000, export_wh: int | None = None) -> IntervalState:
    """The state after a first reading."""
    return advance(IntervalState(), at(utc_ms), import_wh, export_wh)[0]


@pytest.mark.parametrize(("day", "rows"), [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100), (date(2026, 7, 1), 96)])
def test_a_day_has_as_many_rows_as_quarter_hours(day: date, rows: int) -> None:
    """Polled every five minutes a civil day gives 92, 96 or 100 rows named by their UTC start (requirements 4.3)."""
    start, end = (
        civil.midnight_utc_ms(date(day.year, day.month, number), "Europe/Rome") for number in (day.day, day.day + 1)
    )
    state, finished = begun(start), list[Interval]()
    for number, now in enumerate(range(start, end + 1, 5 * MINUTE_MS)):
        state, more = advance(state, at(now), 1000 + number * 10)
        finished += more
    assert [interval.start_utc_ms for interval in finished] == [start + QUARTER_MS * row for row in range(rows)]
    assert {(interval.import_wh, interval.quality) for interval in finished} == {(30, Quality.ACTUAL)}


readings = st.lists(
    st.tuples(st.integers(-3 * QUARTER_MS, 12 * QUARTER_MS), st.integers(0, 5000), st.sampled_from(TimeTrust)),
    max_size=25,
)


@given(readings)
def test_nothing_is_lost_and_nothing_given_twice(events: list[tuple[int, int, TimeTrust]]) -> None:
    """Finished and open quarter-hours hold all the register says up to the last dated reading, under rising labels."""
    state, now, register_wh, finished = begun(START_MS + 1), START_MS + 1, 1000, list[Interval]()
    for step_ms, wh, trust in events:
        now += step_ms
        register_wh += wh
        state, more = advance(state, at(now, trust), register_wh)
        finished += more
    assert sum(interval.import_wh for interval in finished) + state.open_import_wh == state.register_wh - 1000
    labels = [interval.start_utc_ms for interval in finished]
    assert labels == sorted(set(labels))
    assert all(label % QUARTER_MS == 0 for label in labels)
    assert all(interval.import_wh >= 0 for interval in finished)


def test_a_gap_is_spread_evenly_and_flagged() -> None:
    """An hour without the gateway is four equal estimates; the quarter-hour it ends in is one as well (S3-05)."""
    state, finished = advance(begun(), at(START_MS + 4 * QUARTER_MS + 1), 1400)
    assert [interval.import_wh for interval in finished] == [100, 100, 100, 100]
    assert {interval.quality for interval in finished} == {Quality.ESTIMATED}
    _, (next_one,) = advance(state, at(START_MS + 5 * QUARTER_MS), 1500)
    assert (next_one.import_wh, next_one.quality) == (100, Quality.ESTIMATED)


def test_a_gap_that_ends_on_the_quarter_leaves_the_next_one_actual() -> None:
    """What is read from its very start on is no estimate, whatever came before."""
    state, _ = advance(begun(), at(START_MS + 4 * QUARTER_MS), 1400)
    _, (next_one,) = advance(state, at(START_MS + 5 * QUARTER_MS), 1500)
    assert (next_one.import_wh, next_one.quality) == (100, Quality.ACTUAL)


def test_a_quarter_hour_that_was_not_seen_from_its_start_is_an_estimate() -> None:
    """The first one after the opening holds less than the quarter-hour used, and says so (S3-05)."""
    state, (first,) = advance(begun(START_MS + 10 * MINUTE_MS), at(START_MS + 20 * MINUTE_MS), 1010)
    assert (first.import_wh, first.quality) == (5, Quality.ESTIMATED)
    _, (second,) = advance(state, at(START_MS + 30 * MINUTE_MS), 1020)
    assert (second.import_wh, second.quality) == (15, Quality.ACTUAL)


def test_undated_readings_wait_for_a_date() -> None:
    """Without a date nothing moves; the next dated reading spreads all of it (decision 16)."""
    state = begun()
    assert advance(state, at(START_MS + QUARTER_MS, TimeTrust.RESTORED), 1500) == (state, ())
    _, finished = advance(state, at(START_MS + 2 * QUARTER_MS), 1600)
    assert [interval.import_wh for interval in finished] == [300, 300]


def test_a_clock_that_goes_back_gives_nothing_twice() -> None:
    """What was used meanwhile is in the quarter-hours after the one last reached."""
    state, first = advance(begun(), at(START_MS + QUARTER_MS), 1100)
    state, none = advance(state, at(START_MS + 5 * MINUTE_MS), 1150)
    _, second = advance(state, at(START_MS + 2 * QUARTER_MS), 1200)
    assert none == ()
    assert [(interval.start_utc_ms, interval.import_wh) for interval in (*first, *second)] == [
        (START_MS, 100),
        (START_MS + QUARTER_MS, 100),
    ]


def test_a_clock_that_was_a_year_ahead_does_not_stop_the_curve_for_a_year() -> None:
    """A time server that was wrong once costs quality, no quarter-hours and no Wh ("losing a reading")."""
    state, first = advance(begun(), at(START_MS + QUARTER_MS), 1100)
    state, ahead = advance(state, at(START_MS + 365 * 96 * QUARTER_MS + 1, TimeTrust.SYNCHRONISED), 1150)
    state, none = advance(state, at(START_MS + QUARTER_MS + MINUTE_MS), 1160)
    assert none == ()
    state, second = advance(state, at(START_MS + 2 * QUARTER_MS), 1200)
    _, third = advance(state, at(START_MS + 3 * QUARTER_MS), 1300)
    assert [(one.start_utc_ms, one.quality) for one in (*second, *third)] == [
        (START_MS + QUARTER_MS, Quality.ESTIMATED),
        (START_MS + 2 * QUARTER_MS, Quality.ACTUAL),
    ]
    assert sum(one.import_wh for one in (*first, *ahead, *second, *third)) == 300


def test_a_gap_of_more_than_forty_days_ends_in_one_lump() -> None:
    """At most 40 days of rows; what came before them is in the oldest, and no Wh is lost."""
    _, finished = advance(begun(), at(START_MS + (MAX_QUARTERS + 100) * QUARTER_MS), 1000 + (MAX_QUARTERS + 100) * 7)
    assert len(finished) == MAX_QUARTERS
    assert finished[0].start_utc_ms == START_MS + 100 * QUARTER_MS
    assert finished[0].import_wh == 101 * 7
    assert {interval.import_wh for interval in finished[1:]} == {7}


def test_a_register_that_goes_back_is_a_new_baseline() -> None:
    """Whatever the account makes of it, the load curve never shows a negative or an invented value (decision 6)."""
    state, _ = advance(begun(), at(START_MS + MINUTE_MS), 5)
    _, (only,) = advance(state, at(START_MS + QUARTER_MS), 25)
    assert (only.import_wh, only.quality) == (20, Quality.ESTIMATED)


def test_a_new_segment_is_not_consumption() -> None:
    """After `rebase` a register that leapt ahead counts from where it is now."""
    state = rebase(begun(), 900_000)
    _, (only,) = advance(state, at(START_MS + QUARTER_MS), 900_020)
    assert (only.import_wh, only.quality) == (20, Quality.ESTIMATED)


def test_export_is_a_value_of_its_own() -> None:
    """Known all along it is counted; unknown for a while the quarter-hour says None and the next one catches up."""
    state, (first,) = advance(begun(export_wh=50), at(START_MS + QUARTER_MS), 1000, 80)
    assert first.export_wh == 30
    state, (second,) = advance(state, at(START_MS + 2 * QUARTER_MS), 1000, None)
    assert second.export_wh is None
    state, (third,) = advance(state, at(START_MS + 3 * QUARTER_MS), 1000, 100)
    assert third.export_wh == 20
    _, (fourth,) = advance(state, at(START_MS + 4 * QUARTER_MS), 1000, 110)
    assert fourth.export_wh == 10


@given(st.lists(st.tuples(st.integers(0, 3 * QUARTER_MS), st.integers(0, 500), st.booleans()), max_size=20))
def test_no_export_is_lost_while_it_was_not_told(events: list[tuple[int, int, bool]]) -> None:
    """Finished and open quarter-hours hold the export up to the last value the meter told."""
    state, now, register_wh, told_wh, finished_wh = begun(export_wh=0), START_MS, 0, 0, 0
    for step_ms, wh, tells in events:
        now, register_wh = now + step_ms, register_wh + wh
        told_wh = register_wh if tells else told_wh
        state, more = advance(state, at(now), 1000, register_wh if tells else None)
        finished_wh += sum(interval.export_wh or 0 for interval in more)
    assert finished_wh + state.open_export_wh == told_wh
