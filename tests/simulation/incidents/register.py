"""The register itself is wrong, for long or for ever: frozen, reset, back, ahead, wrapped (threats 14 and 15).

The difference becomes an open case of the register; nobody is charged for it by a machine.
"""

from __future__ import annotations

import random

from firmware_sim.faults import Kind
from tests.simulation.incidents import incident
from tests.simulation.incidents.meter import for_seconds
from tests.simulation.world import World

FAMILY = "register"


@incident(FAMILY, 0.4)
def frozen(world: World, chance: random.Random) -> None:
    """The register stands still for hours while the customer uses energy, then shows it all at once."""
    for_seconds(world, world.meter, Kind.FROZEN, chance.choice((120, 1800, 6 * 3600)) * chance.uniform(0.5, 1.5))
    world.meter.freeze()


@incident(FAMILY, 0.25)
def reads_zero_for_hours(world: World, chance: random.Random) -> None:
    """The register reads 0, stably, and then what it read before."""
    for_seconds(world, world.meter, Kind.ZERO, chance.uniform(600, 20_000))


@incident(FAMILY, 0.25)
def reads_elsewhere_for_hours(world: World, chance: random.Random) -> None:
    """The register reads far off, stably, and then what it read before."""
    away_wh = chance.choice((30, 2000, 400_000)) * chance.choice((1, -1))
    for_seconds(world, world.meter, Kind.JUMP, chance.uniform(600, 20_000), away_wh)


@incident(FAMILY, 0.2)
def reset(world: World, chance: random.Random) -> None:
    """Somebody wipes the meter: it counts from 0 again."""
    del chance
    world.meter.wipe_energy()


@incident(FAMILY, 0.2)
def goes_back(world: World, chance: random.Random) -> None:
    """The register goes back by some energy (a meter that lost its last save, or fraud)."""
    back_wh = chance.choice((1, 20, 700, 30_000))
    world.meter.set_register_wh(max(0, world.meter.import_wh - back_wh))


@incident(FAMILY, 0.2)
def goes_ahead(world: World, chance: random.Random) -> None:
    """The register jumps ahead and stays there."""
    world.meter.set_register_wh(world.meter.import_wh + chance.choice((25, 800, 30_000, 2_000_000)))


@incident(FAMILY, 0.2)
def about_to_wrap(world: World, chance: random.Random) -> None:
    """The register is set just below its end, and soon begins again from 0 (threat 14)."""
    world.meter.set_register_wh(world.meter.supply.modulus_wh - chance.randrange(1, 8000))


@incident(FAMILY, 0.15)
def swapped(world: World, chance: random.Random) -> None:
    """Another meter hangs there for some hours, with its own serial number and register (threat 11)."""
    meter = world.meter
    own_wh, serial = meter.import_wh, meter.serial
    meter.swap(serial + chance.choice((0, 1, 1, 1)), chance.choice((0, 7_000, own_wh + 5000)))
    world.meanwhile(chance.uniform(300, 30_000), lambda: meter.swap(serial, own_wh))
    world.on.healed.append(lambda: meter.swap(serial))
