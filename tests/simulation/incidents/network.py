"""What goes wrong between gateway and head-end: the line, the broker, the head-end itself (threats 19, 20 and 23)."""

from __future__ import annotations

import random

from tests.simulation.broker import Weather
from tests.simulation.incidents import incident
from tests.simulation.world import DAY_S, HOUR_S, World

FAMILY = "network"


def away(world: World, seconds: float) -> None:
    """No connection for so long; a spell of its own, so that spells overlap."""
    world.weather(Weather(reachable=False), seconds)


@incident(FAMILY, 1.5)
def broker_away(world: World, chance: random.Random) -> None:
    """The line is down for seconds, minutes or hours."""
    away(world, chance.choice((3, 60, 900, HOUR_S, 8 * HOUR_S)) * chance.uniform(0.5, 1.5))


@incident(FAMILY, 0.3)
def broker_away_for_days(world: World, chance: random.Random) -> None:
    """The line is down for days."""
    away(world, chance.uniform(1, 4) * DAY_S)


@incident(FAMILY, 0.03)
def broker_away_for_weeks(world: World, chance: random.Random) -> None:
    """The SIM card was not paid for (threat 19): up to 60 days."""
    away(world, chance.choice((7, 14, 30, 60)) * DAY_S)


@incident(FAMILY, 0.7)
def flapping(world: World, chance: random.Random) -> None:
    """The connection breaks every few seconds or minutes, for an hour."""
    for _ in range(chance.randint(5, 40)):
        world.meanwhile(chance.uniform(0, HOUR_S), world.broker.cut)


@incident(FAMILY, 0.8)
def duplicates(world: World, chance: random.Random) -> None:
    """Messages come twice, both ways (threat 20)."""
    spell = Weather(duplicate_up=chance.choice((0.1, 0.5, 1.0)), duplicate_down=chance.choice((0.1, 0.5, 1.0)))
    world.weather(spell, chance.uniform(1, 24) * HOUR_S)


@incident(FAMILY, 0.8)
def reordered(world: World, chance: random.Random) -> None:
    """What waits at the broker and what is on its way comes in another order, down, up or both (threat 20)."""
    down, up = chance.choice(((0.2, 0.0), (1.0, 0.0), (0.0, 0.5), (0.2, 0.2), (1.0, 1.0)))
    world.weather(Weather(reorder_down=down, reorder_up=up), chance.uniform(1, 24) * HOUR_S)


@incident(FAMILY, 0.8)
def pubacks_lost(world: World, chance: random.Random) -> None:
    """The broker takes messages and its acknowledgements get lost, so the connection breaks over it."""
    world.weather(Weather(lose_puback=chance.choice((0.02, 0.2, 0.7))), chance.uniform(0.2, 6) * HOUR_S)


@incident(FAMILY, 0.6)
def slow_line(world: World, chance: random.Random) -> None:
    """A message takes seconds, up to longer than an answer may take."""
    most_s = chance.choice((2.0, 8.0, 25.0))
    world.weather(Weather(delay_s=(most_s / 10, most_s)), chance.uniform(0.2, 12) * HOUR_S)


@incident(FAMILY, 0.6)
def broker_forgets(world: World, chance: random.Random) -> None:
    """The broker starts again without its memory, once or a few times (threat 20)."""
    world.broker.forget()
    for _ in range(chance.choice((0, 0, 1, 5))):
        world.meanwhile(chance.uniform(1, HOUR_S), world.broker.forget)


@incident("center", 0.6)
def center_away(world: World, chance: random.Random) -> None:
    """The head-end is away while the broker takes everything; what came meanwhile waits for it, or is lost."""
    world.center.leave(keeps=chance.random() < 0.5)
    world.meanwhile(chance.choice((60, HOUR_S, 20 * HOUR_S)) * chance.uniform(0.5, 1.5), world.center.come_back)


@incident("center", 0.3)
def center_away_for_days(world: World, chance: random.Random) -> None:
    """The same, for longer than `guards.max_offline`."""
    world.center.leave(keeps=chance.random() < 0.5)
    world.meanwhile(chance.uniform(1, 3) * DAY_S, world.center.come_back)


@incident("center", 0.4)
def center_restored(world: World, chance: random.Random) -> None:
    """The head-end comes back from its backup: it forgot rows that it had acknowledged (threat 23)."""
    world.center.restore(chance.randint(0, len(world.center.rows)))


@incident("center", 0.5)
def center_answers_no_time(world: World, chance: random.Random) -> None:
    """Everything works but the time: date-based terms stand still (decision 12)."""
    world.center.answers_time = False

    def again() -> None:
        world.center.answers_time = True

    world.meanwhile(chance.choice((HOUR_S, 10 * HOUR_S, 3 * DAY_S)) * chance.uniform(0.5, 1.5), again)
