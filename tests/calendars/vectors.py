"""Questions about terms and slots over 2024-2032, drawn by a seed, with the answers of the calendar made by hand.

Half of the days asked about lie within a few days of a holiday, a change of the clocks, the end of a month or a leap
day. Knows nothing of the gateway.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from tests.calendars.brute import PLACES, Rules, interesting, minutes_of, next_cut, shown, term_ends

SEED = 20261122
YEARS = range(2024, 2033)
_LEGAL = [place for place in PLACES if place != "it-bands"]
_KINDS = ("calendar", "working", "feriali")
_LAST = date(2032, 6, 30)  # so that no answer lies beyond the years the files cover
_ODD = interesting(_LEGAL, YEARS)

STRICT = Rules(not_on=frozenset({4, 5, 6}), holidays=True, eves=True, hours=(480, 900))
_COUNTERS = ((510, 720), (810, 1020))
_RULES = (
    STRICT,
    Rules(not_on=frozenset({6}), holidays=True, hours=(480, 780)),
    Rules(),
    Rules(holidays=True, eves=True, hours=(0, 60)),
    Rules(not_on=frozenset({4, 5, 6}), holidays=True, eves=True, hours=(480, 900), seasons=("winter",)),
    Rules(not_on=frozenset({5, 6}), holidays=True, hours=(480, 900), seasons=("heat", "winter")),
    Rules(not_on=frozenset({4, 5, 6}), holidays=True, hours=(480, 1020), help_hours=_COUNTERS, help_min=180),
    Rules(holidays=True, eves=True, hours=(540, 1020), help_min=241),
    Rules(hours=(130, 170)),  # on the days the clocks change this is not there, or twice
    Rules(hours=(60, 240), help_min=61),
    Rules(hours=(1380, 1440)),
)


@dataclass(frozen=True)
class Term:
    """After `days` of a kind from an event at `event_min`: the first minute on which one may act."""

    place: str
    event_min: int
    days: int
    kind: str
    legal_min: int


@dataclass(frozen=True)
class Slot:
    """From `from_min` on: the first minute of a slot."""

    place: str
    rules: Rules
    commodity: str
    from_min: int
    opens_min: int


@dataclass(frozen=True)
class Latest:
    """Several terms, each from its own event: the first minute all of them allow, and the slot after it."""

    place: str
    terms: tuple[tuple[int, int, str], ...]
    rules: Rules
    legal_min: int
    opens_min: int


@cache
def terms(count: int) -> list[Term]:
    """Terms of all three kinds."""
    chance = random.Random(SEED)
    found = []
    for number in range(count):
        place, kind, event = chance.choice(_LEGAL), _KINDS[number % 3], _minute(chance)
        days = chance.choice((1, 2, 3, 3, 5, 10, 15, 20, 25, 40, chance.randint(1, 60)))
        found.append(Term(place, event, days, kind, term_ends(place, event, days, kind)))
    return found


@cache
def slots(count: int) -> list[Slot]:
    """Slots under every set of rules, for both commodities."""
    chance = random.Random(SEED + 1)
    found = []
    for number in range(count):
        place, rules, start = chance.choice(_LEGAL), _RULES[number % len(_RULES)], _minute(chance)
        commodity = chance.choice(("electricity", "gas"))
        found.append(Slot(place, rules, commodity, start, next_cut(place, rules, start, commodity)))
    return found


@cache
def latest(count: int) -> list[Latest]:
    """Two to four terms at once, then a slot."""
    chance = random.Random(SEED + 2)
    found = []
    for _ in range(count):
        place, first = chance.choice(_LEGAL), _day(chance)
        drawn = []
        for _ in range(chance.randint(2, 4)):
            event = chance.choice(minutes_of(first + timedelta(days=chance.randint(0, 25))))
            drawn.append((event, chance.choice((3, 10, 15, 20, 25, 40)), chance.choice(_KINDS)))
        legal = max(term_ends(place, *one) for one in drawn)
        opens = next_cut(place, STRICT, legal, "electricity")
        found.append(Latest(place, tuple(drawn), STRICT, legal, opens))
    return found


def name(minute: int) -> str:
    """A minute as the wall clock shows it, for the name of a test."""
    day, wall = shown(minute)
    return f"{day}T{wall // 60:02d}{wall % 60:02d}"


def _day(chance: random.Random) -> date:
    if chance.random() < 0.5:
        day = chance.choice(_ODD) + timedelta(days=chance.randint(-3, 1))
    else:
        day = date(YEARS[0], 1, 1) + timedelta(days=chance.randrange(366 * len(YEARS)))
    return min(max(day, date(YEARS[0], 1, 1)), _LAST)


def _minute(chance: random.Random) -> int:
    return chance.choice(minutes_of(_day(chance)))
