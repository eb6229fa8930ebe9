"""Registers that read wrong for a moment, while the meter itself counts on (threats 14, 15, 16)."""

from __future__ import annotations

import random
from functools import partial

from firmware_sim.faults import Kind
from tests.simulation.incidents import incident
from tests.simulation.world import World

FAMILY = "values"
TORN = 1 << 16


def _reads(world: World, chance: random.Random, kind: Kind, value: int = 0, *, most: int = 2) -> None:
    """For fewer reads than make a value stable."""
    times = chance.randint(1, most)
    world.disturb(10 * world.setting.poll_s)
    world.meter.faults.start(kind, world.meter.now_ns(), value=value, times=times)


@incident(FAMILY, 0.6)
def reads_zero(world: World, chance: random.Random) -> None:
    """The energy registers read 0 once or twice: a meter that boots, or a brown-out."""
    _reads(world, chance, Kind.ZERO)


@incident(FAMILY, 0.4)
def reads_nan(world: World, chance: random.Random) -> None:
    """Float registers read "not a number"."""
    _reads(world, chance, Kind.NAN, most=5)


@incident(FAMILY, 0.4)
def reads_ones(world: World, chance: random.Random) -> None:
    """Every register reads 0xFFFF."""
    _reads(world, chance, Kind.ONES, most=2)


@incident(FAMILY, 0.6)
def jumps_for_a_read(world: World, chance: random.Random) -> None:
    """One or two readings are far off, once up and once down."""
    away_wh = chance.choice((40, 900, 12_000, 1_000_000)) * chance.choice((1, -1))
    _reads(world, chance, Kind.JUMP, away_wh)


@incident(FAMILY, 0.6)
def torn_read(world: World, chance: random.Random) -> None:
    """The two halves of a 32-bit register are of different instants."""
    _reads(world, chance, Kind.JUMP, TORN * chance.choice((10, -10, 1, -1)), most=1)


@incident(FAMILY, 0.3)
def flickers(world: World, chance: random.Random) -> None:
    """A loose contact: now and then for an hour a reading is nonsense."""
    for _ in range(chance.randint(3, 12)):
        kind = chance.choice((Kind.ZERO, Kind.JUMP, Kind.NAN))
        value = chance.randrange(-50_000, 50_000)
        world.meanwhile(chance.uniform(0, 3600), partial(_reads, world, chance, kind, value))
