"""S1-09, S1-12, S1-14, S3-13: terms and slots against a calendar made by hand (requirements 2.2, 2.7, 4.3)."""

from dataclasses import replace
from datetime import date
from functools import cache

import pytest

from gateway import shipped
from gateway.config.calendars import load_calendar, load_moratorium
from gateway.prepayment import civil
from gateway.prepayment.calendar import (
    Calendar,
    day_term_end,
    earliest,
    first_legal_day,
    next_slot_utc_ms,
    slot_open,
)
from gateway.prepayment.policy import DayKind, Slots, Term
from gateway.prepayment.supply import Commodity
from tests.calendars import brute, vectors

ZONES = {"it": "Europe/Rome", "ch": "Europe/Zurich"}


@cache
def calendar_of(place: str) -> Calendar:
    """The shipped calendar of a place with the shipped moratoria."""
    moratoria = tuple(load_moratorium(path) for path in sorted((shipped.folder() / "moratoria").glob("*.toml")))
    return replace(load_calendar(shipped.folder() / "calendars" / f"{place}.toml"), moratoria=moratoria)


def zone_of(place: str) -> str:
    """Where its wall clocks hang."""
    return ZONES[place[:2]]


def slots_of(rules: brute.Rules) -> Slots:
    """The same rules as the core has them."""
    return Slots(
        closed_weekdays=tuple(sorted(rules.not_on)),
        closed_on_holidays=rules.holidays,
        closed_on_eves=rules.eves,
        from_minute=rules.hours[0],
        to_minute=rules.hours[1],
        moratoria=rules.seasons,
        help_hours=rules.help_hours,
        min_open_after_ms=rules.help_min * 60_000,
    )


def local_day(minute: int, place: str) -> date:
    """The civil date of a UTC minute, by the product."""
    return civil.local_date(minute * 60_000, zone_of(place))


@pytest.mark.parametrize("place", brute.PLACES)
def test_the_shipped_holidays_are_those_counted_by_hand(place: str) -> None:
    """Requirements 4.4: every day of every year, by rules that nobody took from the package; 4 October from 2026."""
    calendar = calendar_of(place)
    assert calendar.years == tuple(vectors.YEARS)
    assert calendar.holidays == {day.isoformat() for year in calendar.years for day in brute.off(place, year)}


@pytest.mark.parametrize(
    "asked", vectors.terms(120), ids=lambda v: f"{v.place}-{vectors.name(v.event_min)}-{v.days}-{v.kind}"
)
def test_a_term_of_days_ends_when_counting_says(asked: vectors.Term) -> None:
    """S1-09, S1-12, S1-14: calendar, working and feriali days, over clock changes, leap days and the end of a year."""
    calendar = calendar_of(asked.place)
    start = local_day(asked.event_min, asked.place)
    end = day_term_end(start, asked.days, DayKind(asked.kind), calendar)
    assert civil.midnight_utc_ms(end, zone_of(asked.place)) == asked.legal_min * 60_000
    assert first_legal_day(start, Term(days=asked.days, day_kind=DayKind(asked.kind)), calendar) == end


@pytest.mark.parametrize(
    "asked", vectors.slots(132), ids=lambda v: f"{v.place}-{vectors.name(v.from_min)}-{v.commodity}"
)
def test_the_next_slot_is_the_minute_counting_finds(asked: vectors.Slot) -> None:
    """S0-07, S1-12: holidays, eves, patron's days, seasons, hours of help; hours that a clock skips or shows twice."""
    calendar, zone, slots = calendar_of(asked.place), zone_of(asked.place), slots_of(asked.rules)
    commodity = Commodity(asked.commodity)
    opens = asked.opens_min * 60_000
    assert next_slot_utc_ms(slots, asked.from_min * 60_000, zone, calendar, commodity) == opens
    assert slot_open(slots, opens, zone, calendar, commodity)
    assert slot_open(slots, asked.from_min * 60_000, zone, calendar, commodity) is (asked.opens_min == asked.from_min)
    before = asked.opens_min > asked.from_min
    assert not (before and slot_open(slots, opens - 1, zone, calendar, commodity))


@pytest.mark.parametrize("asked", vectors.latest(40), ids=lambda v: f"{v.place}-{vectors.name(v.legal_min)}")
def test_the_latest_of_several_terms_and_its_slot(asked: vectors.Latest) -> None:
    """V8, S3-13: the last term to end rules, and the slot is searched from its midnight."""
    calendar, zone = calendar_of(asked.place), zone_of(asked.place)
    anchors = [
        (local_day(event, asked.place), Term(days=days, day_kind=DayKind(kind))) for event, days, kind in asked.terms
    ]
    legal_ms = civil.midnight_utc_ms(earliest(anchors, calendar), zone)
    assert legal_ms == asked.legal_min * 60_000
    assert next_slot_utc_ms(slots_of(asked.rules), legal_ms, zone, calendar) == asked.opens_min * 60_000


def test_the_vectors_ask_about_what_goes_wrong() -> None:
    """At least 200 of them, and among their days clock changes, leap days, year ends, Easter and patron's days."""
    asked = [v.event_min for v in vectors.terms(120)] + [v.from_min for v in vectors.slots(132)]
    answers = [v.legal_min for v in vectors.terms(120)] + [v.opens_min for v in vectors.slots(132)]
    days = {brute.shown(minute)[0] for minute in asked + answers}
    assert len(asked) + len(vectors.latest(40)) >= 200
    assert {day.year for day in days} == set(vectors.YEARS)
    assert any(len(brute.minutes_of(day)) == 1380 for day in days)
    assert any(len(brute.minutes_of(day)) == 1500 for day in days)
    assert any((day.month, day.day) == (2, 29) for day in days)
    assert any((day.month, day.day) == (12, 31) for day in days)
    assert any(abs((day - brute.easter(day.year)).days) <= 1 for day in days)
    assert any(v.opens_min > v.from_min + 60 * brute.DAY_MIN for v in vectors.slots(132)), "a whole season was waited"
