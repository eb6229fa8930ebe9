"""The way to the customer fails: a mail server or a modem that hangs, rejects, forgets to answer, is away for weeks.

Played where the gateway has a channel (`post.py`); what it must tell is told, once as far as anybody can know.
"""

from __future__ import annotations

import random
from functools import partial

from tests.simulation.incidents import incident
from tests.simulation.post import FAMILY, Mood
from tests.simulation.world import DAY_S, HOUR_S, World


def _spell(world: World, mood: Mood, seconds: float) -> None:
    world.post.set(mood)
    world.meanwhile(seconds, partial(world.post.set, Mood.WELL))


@incident(FAMILY, 0.5)
def post_away(world: World, chance: random.Random) -> None:
    """No network, for an hour or weeks."""
    _spell(world, Mood.AWAY, chance.choice((HOUR_S, DAY_S, 20 * DAY_S)) * chance.uniform(0.5, 1.5))


@incident(FAMILY, 0.6)
def post_hangs(world: World, chance: random.Random) -> None:
    """It takes the message and never says a word."""
    _spell(world, Mood.HANGS, chance.choice((600, 5 * HOUR_S)) * chance.uniform(0.5, 1.5))


@incident(FAMILY, 0.4)
def post_rejects(world: World, chance: random.Random) -> None:
    """There is no such mailbox, it says."""
    _spell(world, Mood.REJECTS, chance.uniform(1, 20) * HOUR_S)


@incident(FAMILY, 0.6)
def post_busy(world: World, chance: random.Random) -> None:
    """Not now, it says, for hours."""
    _spell(world, Mood.BUSY, chance.uniform(0.5, 9) * HOUR_S)


@incident(FAMILY, 0.7)
def post_loses_the_answer(world: World, chance: random.Random) -> None:
    """It delivers, and nobody learns of it."""
    _spell(world, Mood.UNSURE, chance.uniform(0.5, 30) * HOUR_S)


@incident(FAMILY, 0.5)
def post_raves(world: World, chance: random.Random) -> None:
    """Every message meets another mood."""
    _spell(world, Mood.RAVES, chance.uniform(2, 40) * HOUR_S)
