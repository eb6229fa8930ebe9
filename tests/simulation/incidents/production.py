"""The roof produces: what the household does not use goes into the grid, through the same meter (S4-16)."""

from __future__ import annotations

import random
from functools import partial

from tests.simulation.incidents import incident
from tests.simulation.world import HOUR_S, World

FAMILY = "production"
STEPS = 12
"""So often in a day the sun is another."""


@incident(FAMILY, 6.0)
def sunshine(world: World, chance: random.Random) -> None:
    """A day of sun, with clouds; a small roof or a large one."""
    peak_w, hours = chance.choice((600, 3000, 9000)), chance.uniform(4, 14)
    for step in range(STEPS):
        noon = 1 - abs(2 * step / STEPS - 1)
        world.later(step * hours * HOUR_S / STEPS, partial(_gives, world, round(peak_w * noon * chance.random())))
    world.later(hours * HOUR_S, partial(_gives, world, 0))


@incident(FAMILY, 1.0)
def nobody_at_home(world: World, chance: random.Random) -> None:
    """Everything that is produced goes out, evenly, for hours: import stands still."""
    world.produce(chance.choice((7000, 12_000)))
    world.later(chance.uniform(1, 9) * HOUR_S, partial(_gives, world, 0))


def _gives(world: World, watts: int) -> None:
    if not world.healed:
        world.produce(watts)
