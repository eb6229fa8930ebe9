"""The power of the gateway: cuts at any instant and at any write, long absences, restarts (threats 5 and 24)."""

from __future__ import annotations

import random
from functools import partial

from tests.simulation.incidents import incident
from tests.simulation.world import DAY_S, HOUR_S, World

FAMILY = "power"


@incident(FAMILY, 2.0)
def power_cut(world: World, chance: random.Random) -> None:
    """The power goes for seconds to hours."""
    world.cut(chance.choice((1, 20, 600, 2 * HOUR_S)) * chance.uniform(0.5, 1.5))


@incident(FAMILY, 2.0)
def cut_at_a_write(world: World, chance: random.Random) -> None:
    """The power goes just before or just after something is written, one of the next writes (threat 5)."""
    world.medium.cut_at_write(chance.choice((1, 2, 3, 5, 20, 100)), after=chance.random() < 0.5)


@incident(FAMILY, 0.5)
def cut_at_each_write(world: World, chance: random.Random) -> None:
    """Every few writes the power goes again, for an hour: also in the middle of starting (threats 5 and 24)."""
    for number in range(chance.randint(4, 20)):
        count, after = chance.choice((1, 1, 2, 4, 9)), chance.random() < 0.5
        world.meanwhile(number * 180.0, partial(world.medium.cut_at_write, count, after=after))


@incident(FAMILY, 0.5)
def cut_while_starting(world: World, chance: random.Random) -> None:
    """The power comes back only for an instant, some times."""
    at_s = 0.0
    for _ in range(chance.randint(1, 8)):
        world.meanwhile(at_s, lambda: world.cut(1.0))
        at_s += 1.0 + chance.choice((0.001, 0.02, 0.3, 2.0)) * chance.uniform(0.3, 3)


@incident(FAMILY, 0.3)
def plug_pulled_again_and_again(world: World, chance: random.Random) -> None:
    """The household pulls the plug every half minute for an hour (threat 24)."""
    every_s = chance.choice((10.0, 30.0, 75.0))
    for number in range(round(HOUR_S / every_s)):
        world.meanwhile(number * every_s, lambda: world.cut(2.0))


@incident(FAMILY, 0.2)
def off_for_days(world: World, chance: random.Random) -> None:
    """Nobody is there, or nobody cares."""
    seconds = chance.uniform(1, 4) * DAY_S
    world.disturb(seconds)
    world.cut(seconds)


@incident(FAMILY, 0.02)
def off_for_weeks(world: World, chance: random.Random) -> None:
    """A holiday flat in winter."""
    seconds = chance.uniform(10, 60) * DAY_S
    world.disturb(seconds)
    world.cut(seconds)


@incident(FAMILY, 0.8)
def restart(world: World, chance: random.Random) -> None:
    """A clean stop and a new start: an update, or a person."""
    world.process.restart()
    for _ in range(chance.choice((0, 0, 2))):
        world.meanwhile(chance.uniform(0, 60), world.process.restart)


@incident(FAMILY, 0.6)
def killed(world: World, chance: random.Random) -> None:
    """The watchdog, or the kernel for want of memory, kills the process; the machine stays up."""
    world.process.kill()
    for _ in range(chance.choice((0, 0, 3))):
        world.meanwhile(chance.uniform(0, 120), world.process.kill)
