"""The card: full, failing, slow (threats 8 and 9). Old images and clones are in `image.py`."""

from __future__ import annotations

import random

from tests.simulation.incidents import incident
from tests.simulation.medium import Trouble
from tests.simulation.world import HOUR_S, World

FAMILY = "medium"


def _trouble(world: World, trouble: Trouble, writes: int | None = None) -> None:
    world.medium.trouble, world.medium.troubled_writes = trouble, writes
    if trouble is not Trouble.NONE:
        world.disturb(HOUR_S)


@incident(FAMILY, 0.7)
def full(world: World, chance: random.Random) -> None:
    """The card is full for minutes or hours, and then it is free again (threat 8)."""
    _trouble(world, Trouble.FULL)
    world.meanwhile(chance.choice((60, HOUR_S, 6 * HOUR_S)) * chance.uniform(0.5, 1.5), lambda: _end(world))


@incident(FAMILY, 1.2)
def write_lost(world: World, chance: random.Random) -> None:
    """The next writes fail and nothing is written (threat 9)."""
    _trouble(world, Trouble.LOST, chance.choice((1, 1, 2, 5, 30)))


@incident(FAMILY, 1.2)
def write_unknown(world: World, chance: random.Random) -> None:
    """The next writes fail and everything was written: nobody can know (threat 9)."""
    _trouble(world, Trouble.APPLIED, chance.choice((1, 1, 2, 5, 30)))


@incident(FAMILY, 0.3)
def fails_for_hours(world: World, chance: random.Random) -> None:
    """A bad contact of the card: every write fails, one way or the other."""
    _trouble(world, chance.choice((Trouble.LOST, Trouble.APPLIED)))
    world.meanwhile(chance.uniform(0.2, 3) * HOUR_S, lambda: _end(world))


@incident(FAMILY, 0.5)
def slow_card(world: World, chance: random.Random) -> None:
    """An old card: each write takes up to seconds."""
    world.medium.slowness = chance.choice((5.0, 30.0, 100.0))

    def fast() -> None:
        world.medium.slowness = 1.0

    world.meanwhile(chance.uniform(0.5, 10) * HOUR_S, fast)


def _end(world: World) -> None:
    _trouble(world, Trouble.NONE)
