"""The card as an attacker's tool and as a casualty: old images, clones, rot, an empty one (threats 3, 4, 6 and 7)."""

from __future__ import annotations

import random

from tests.simulation.incidents import incident
from tests.simulation.world import DAY_S, HOUR_S, World

FAMILY = "image"


@incident(FAMILY, 0.6)
def old_image(world: World, chance: random.Random) -> None:
    """The card as it was some hours ago is put back (threat 3)."""
    image = world.take_image()
    world.meanwhile(chance.choice((600, HOUR_S, 8 * HOUR_S, DAY_S)) * chance.uniform(0.5, 1.5), image.put_back)


@incident(FAMILY, 0.25)
def the_same_old_image_again(world: World, chance: random.Random) -> None:
    """A household keeps one image and puts it back whenever it suits (threat 24)."""
    image = world.take_image()
    at_s = 0.0
    for _ in range(chance.randint(2, 5)):
        at_s += chance.uniform(1, 20) * HOUR_S
        world.meanwhile(at_s, image.put_back)
