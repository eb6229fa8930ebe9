"""What must hold of terms and slots whatever the calendar: nothing that protects a customer makes anything earlier."""

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.prepayment import civil
from gateway.prepayment.calendar import (
    Calendar,
    Moratorium,
    day_term_end,
    earliest,
    next_slot_utc_ms,
    slot_open,
)
from gateway.prepayment.events import Moment, TimeTrust
from gateway.prepayment.ladder import situation_of, term_left_ms
from gateway.prepayment.policy import DayKind, Slots, Term
from gateway.prepayment.supply import Commodity
from tests.prepayment.worlds import TERMS, opened

ROME = "Europe/Rome"
HOUR_MS = 3_600_000
YEARS = tuple(range(2024, 2034))
CHANGES = [
    date(year, month, day) for year, month, day in ((2026, 3, 29), (2026, 10, 25), (2028, 3, 26), (2028, 10, 29))
]

days = st.one_of(
    st.dates(date(2024, 1, 1), date(2031, 12, 31)),
    st.builds(lambda near, off: near + timedelta(days=off), st.sampled_from(CHANGES), st.integers(-2, 1)),
)
kinds = st.sampled_from(DayKind)
holidays = st.frozensets(st.builds(lambda base, off: base + timedelta(days=off), days, st.integers(0, 40)), max_size=30)


@st.composite
def instants(draw: st.DrawFn) -> int:
    """A UTC instant, often on a day the clocks change."""
    return civil.midnight_utc_ms(draw(days), ROME) + draw(st.integers(0, 25 * HOUR_MS))


@st.composite
def slots(draw: st.DrawFn) -> Slots:
    """Slots that open at least on one weekday, at any hour, also at night; sometimes with hours of help."""
    begin = draw(st.integers(0, 1439))
    end = draw(st.integers(begin + 1, 1440))
    split = draw(st.integers(begin, end))
    return Slots(
        closed_weekdays=tuple(sorted(draw(st.sets(st.integers(0, 6), max_size=5)))),
        closed_on_holidays=draw(st.booleans()),
        closed_on_eves=draw(st.booleans()),
        from_minute=begin,
        to_minute=end,
        help_hours=((begin, split), (split, end)) if begin < split < end and draw(st.booleans()) else (),
        min_open_after_ms=draw(st.integers(0, (end - begin) * 60_000 // 2)),
    )


def calendar(*off: frozenset[date]) -> Calendar:
    """A calendar with these holidays."""
    return Calendar("drawn", YEARS, frozenset(day.isoformat() for some in off for day in some))


@given(start=days, count=st.integers(0, 60), kind=kinds, known=holidays, added=holidays)
def test_another_holiday_never_ends_a_term_earlier(
    start: date, count: int, kind: DayKind, known: frozenset[date], added: frozenset[date]
) -> None:
    """Requirements 2.8, invariant 6: a list that grows only ever protects longer."""
    before = day_term_end(start, count, kind, calendar(known))
    after = day_term_end(start, count, kind, calendar(known, added))
    assert after >= before > start
    assert kind is not DayKind.CALENDAR or after == before


@given(start=days, count=st.integers(1, 60), known=holidays)
def test_working_days_outlast_feriali_and_these_plain_days(start: date, count: int, known: frozenset[date]) -> None:
    """Requirements 2.2: each kind counts fewer days than the one before it, and a longer term never ends earlier."""
    ends = {kind: day_term_end(start, count, kind, calendar(known)) for kind in DayKind}
    assert ends[DayKind.CALENDAR] <= ends[DayKind.FERIALI] <= ends[DayKind.WORKING]
    assert all(day_term_end(start, count - 1, kind, calendar(known)) < end for kind, end in ends.items())


@given(
    anchors=st.lists(st.tuples(days, st.builds(Term, days=st.integers(1, 40), day_kind=kinds)), min_size=1, max_size=4),
    known=holidays,
)
def test_no_term_ends_after_the_last_of_them(anchors: list[tuple[date, Term]], known: frozenset[date]) -> None:
    """V8: the first day that every term allows is the end of one of them, in whatever order they are given."""
    ends = [day_term_end(start, term.days or 0, term.day_kind, calendar(known)) for start, term in anchors]
    assert earliest(anchors, calendar(known)) == max(ends)
    assert earliest(anchors[::-1], calendar(known)) == max(ends)


@given(at=instants(), rules=slots(), known=holidays)
def test_the_next_slot_is_open_and_stays_the_next(at: int, rules: Slots, known: frozenset[date]) -> None:
    """I8: the slot found is open, was closed an instant before, and asking again from then on finds the same."""
    found = next_slot_utc_ms(rules, at, ROME, calendar(known))
    assert found is not None
    assert found >= at
    assert slot_open(rules, found, ROME, calendar(known))
    assert next_slot_utc_ms(rules, found, ROME, calendar(known)) == found
    if found > at:
        assert not slot_open(rules, found - 1, ROME, calendar(known))
        between = at + (found - at) // 2
        assert next_slot_utc_ms(rules, between, ROME, calendar(known)) == found


@given(at=instants(), rules=slots(), known=holidays, added=holidays, weeks=st.integers(1, 20))
def test_nothing_that_protects_makes_a_slot_earlier(
    at: int, rules: Slots, known: frozenset[date], added: frozenset[date], weeks: int
) -> None:
    """Requirements 2.8, invariant 1: holidays, a season or more help asked for move a slot back, never forward."""
    plain = next_slot_utc_ms(replace(rules, min_open_after_ms=0), at, ROME, calendar(known))
    helped = next_slot_utc_ms(rules, at, ROME, calendar(known))
    more = next_slot_utc_ms(rules, at, ROME, calendar(known, added))
    assert plain is not None
    assert helped is not None
    assert more is not None
    first = civil.local_date(at, ROME)
    period = (first.isoformat(), (first + timedelta(weeks=weeks)).isoformat())
    season = Moratorium("season", (Commodity.GAS,), YEARS, (period,))
    protected = replace(calendar(known), moratoria=(season,))
    named = replace(rules, moratoria=("season",))
    gas = next_slot_utc_ms(named, at, ROME, protected, Commodity.GAS)
    assert gas is not None
    assert plain <= helped <= more
    assert helped <= gas
    assert civil.local_date(gas, ROME).isoformat() > period[1]
    assert next_slot_utc_ms(named, at, ROME, protected, Commodity.ELECTRICITY) == helped


@given(at=instants(), hours=st.integers(1, 200), passed_ms=st.integers(0, 200 * HOUR_MS), step_ms=st.integers(-2, 2))
def test_no_change_of_the_clocks_shortens_a_term_of_hours(at: int, hours: int, passed_ms: int, step_ms: int) -> None:
    """Requirements 2.2, I16: 72 h are 72 h that have passed, over both Sundays, and when the wall clock is moved."""
    account = opened()
    began = Moment(at, TimeTrust.AUTHENTICATED, 5)
    account = replace(account, supply=replace(account.supply, since=began))
    now = Moment(at + passed_ms + step_ms * HOUR_MS, TimeTrust.AUTHENTICATED, 5 + passed_ms)
    left_ms = term_left_ms(Term(duration_ms=hours * HOUR_MS), situation_of(account, TERMS, now))
    assert left_ms == max(hours * HOUR_MS - passed_ms, 0)


@given(near=st.sampled_from(CHANGES), asked_min=st.integers(1, 600), at_min=st.integers(0, 23 * 60 - 1))
def test_hours_of_help_are_hours_that_pass(near: date, asked_min: int, at_min: int) -> None:
    """S0-07: on a day of 23 or 25 hours the help that must be left is counted as it passes, not by the labels."""
    rules = Slots(min_open_after_ms=asked_min * 60_000)
    at = civil.midnight_utc_ms(near, ROME) + at_min * 60_000
    ends = civil.midnight_utc_ms(near + timedelta(days=1), ROME)
    assert slot_open(rules, at, ROME, calendar()) is (ends - at >= asked_min * 60_000)
