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


@incident(FAMILY, 0.2)
def clone(world: World, chance: random.Random) -> None:
    """A copy of the card runs in a second gateway at the same time, for hours (threat 4)."""
    twin = world.clone(world.take_image())
    world.center.clone_alive = True

    def found() -> None:
        world.center.clone_alive = False
        twin.end()

    world.meanwhile(chance.uniform(0.2, 20) * HOUR_S, found)
    world.on.healed.append(twin.end)


@incident(FAMILY, 0.3)
def rotten_card(world: World, chance: random.Random) -> None:
    """Bits of the card turn while it is off; somebody brings a copy if the gateway has none (threat 7)."""
    archive = world.take_image()
    world.cut(30.0)
    world.medium.flip(chance, chance.choice((1, 3, 40)))
    world.rotten(archive, chance.uniform(1, 6) * HOUR_S)


@incident(FAMILY, 0.15)
def empty_card(world: World, chance: random.Random) -> None:
    """A person puts a new card in, with the configuration and without the books."""
    del chance
    if world.center.account_id != "A1":
        return  # the configuration opens the first account only
    world.cut(60.0)
    world.medium.wipe()
    world.restored("an empty card")
