"""The contact does not do what it is told, or does it by itself (threats 10 and 17)."""

from __future__ import annotations

import random

from firmware_sim.faults import Kind
from firmware_sim.physics import Contact
from tests.simulation.incidents import incident
from tests.simulation.incidents.meter import for_seconds, seconds_of
from tests.simulation.world import World

FAMILY = "relay"


def _switching(world: World) -> tuple[int, list[Contact]]:
    """The unit that switches the supply, and its contacts."""
    board = world.line.devices.get(17)
    if board is not None:
        return 17, board.contacts()[:1]
    return world.meter.unit, world.meter.contacts()


def _fault(world: World, kind: Kind, seconds: float, value: int = 0) -> None:
    unit, _ = _switching(world)
    for_seconds(world, world.line.devices[unit], kind, seconds, value)


@incident(FAMILY, 0.5)
def stuck(world: World, chance: random.Random) -> None:
    """The relay takes the command and does not move."""
    _fault(world, Kind.STUCK, chance.choice((60, 3600, 30_000)) * chance.uniform(0.5, 1.5))


@incident(FAMILY, 0.4)
def welded(world: World, chance: random.Random) -> None:
    """The relay shows the move and current still flows, until somebody replaces it."""
    seconds = chance.choice((600, 30_000)) * chance.uniform(0.5, 1.5)
    _fault(world, Kind.WELDED, seconds)

    def replaced() -> None:
        for contact in _switching(world)[1]:
            contact.shown_closed = contact.closed

    world.meanwhile(seconds, replaced)


@incident(FAMILY, 0.5)
def slow(world: World, chance: random.Random) -> None:
    """The relay moves seconds later."""
    _fault(world, Kind.SLOW, seconds_of(chance) * 4, chance.choice((300, 2000, 9000)))


@incident(FAMILY, 0.7)
def moved_by_hand(world: World, chance: random.Random) -> None:
    """Somebody presses the button of the relay, once or for an hour again and again."""
    _, contacts = _switching(world)

    def press() -> None:
        for contact in contacts:
            world.meter.advance()
            contact.command(closed=not contact.closed, now_ns=world.meter.now_ns())

    press()
    for _ in range(chance.choice((0, 0, 1, 30))):
        world.meanwhile(chance.uniform(1, 3600), press)


@incident("bypass", 0.5)
def bypassed(world: World, chance: random.Random) -> None:
    """A wire around the meter: the household uses energy that nobody counts (threat 10)."""
    world.bypass(on=True)
    world.meanwhile(chance.uniform(1800, 100_000), lambda: world.bypass(on=False))
