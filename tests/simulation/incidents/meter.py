"""What goes wrong on the wire to the meter and to the relay board: silence, lost and wrong answers, reboots (16, 17).

None of it touches a register: when it is over, everything that was used has been charged.
"""

from __future__ import annotations

import random

from firmware_sim.clock import NS_PER_S
from firmware_sim.device import Device
from firmware_sim.faults import Kind
from tests.simulation.incidents import incident
from tests.simulation.world import World

FAMILY = "meter"


def device_of(world: World, chance: random.Random) -> Device:
    """The meter mostly, the board in front of it if there is one."""
    devices = [world.line.devices[unit] for unit in sorted(world.line.devices)]
    return world.meter if chance.random() < 0.7 else chance.choice(devices)


def seconds_of(chance: random.Random) -> float:
    """Seconds mostly, hours sometimes."""
    return chance.choice((2, 20, 90, 400, 3600, 4 * 3600)) * chance.uniform(0.5, 1.5)


def for_seconds(world: World, device: Device, kind: Kind, seconds: float, value: int = 0) -> None:
    """Start a fault of a device that lasts so long."""
    world.disturb(seconds)
    device.faults.start(kind, device.now_ns(), value=value, limit_ns=round(seconds * NS_PER_S))


def for_answers(world: World, chance: random.Random, kind: Kind, value: int = 0) -> None:
    """Start a fault that spoils the next few answers."""
    device = device_of(world, chance)
    times = chance.choice((1, 1, 2, 3, 8, 40))
    world.disturb(times * world.setting.poll_s)
    device.faults.start(kind, device.now_ns(), value=value, times=times)


@incident(FAMILY, 1.0)
def silence(world: World, chance: random.Random) -> None:
    """A device hears nothing for a while (threat 16)."""
    for_seconds(world, device_of(world, chance), Kind.SILENCE, seconds_of(chance))


@incident(FAMILY, 0.15)
def silent_for_days(world: World, chance: random.Random) -> None:
    """The meter's interface is dead until somebody resets it."""
    for_seconds(world, world.meter, Kind.SILENCE, chance.uniform(1, 3) * 86_400)


@incident(FAMILY, 0.8)
def mute(world: World, chance: random.Random) -> None:
    """Requests are carried out, the answers get lost: a write may have happened (threat 17)."""
    for_answers(world, chance, Kind.MUTE)


@incident(FAMILY, 0.8)
def late(world: World, chance: random.Random) -> None:
    """Answers come late, some of them into the next exchange (threat 16)."""
    for_answers(world, chance, Kind.LATE, chance.choice((100, 400, 700, 3000)))


@incident(FAMILY, 0.6)
def stale(world: World, chance: random.Random) -> None:
    """The answer to an earlier request comes instead (threat 16)."""
    for_answers(world, chance, Kind.STALE)


@incident(FAMILY, 0.5)
def garbage(world: World, chance: random.Random) -> None:
    """Noise on the line."""
    for_answers(world, chance, chance.choice((Kind.GARBAGE, Kind.CRC)))


@incident(FAMILY, 0.5)
def wrong_unit(world: World, chance: random.Random) -> None:
    """Another device answers."""
    for_answers(world, chance, Kind.UNIT)


@incident(FAMILY, 0.5)
def wrong_count(world: World, chance: random.Random) -> None:
    """A register is missing from the answer."""
    for_answers(world, chance, Kind.COUNT)


@incident(FAMILY, 0.6)
def exception(world: World, chance: random.Random) -> None:
    """The device is busy, or refuses."""
    for_answers(world, chance, Kind.EXCEPTION, chance.choice((1, 2, 3, 4, 6)))


@incident(FAMILY, 0.5)
def unplugged(world: World, chance: random.Random) -> None:
    """The cable of the bus, or the converter, is out."""
    seconds = seconds_of(chance)
    world.line.plugged = False

    def plug() -> None:
        world.line.plugged = True

    world.meanwhile(seconds, plug)


@incident(FAMILY, 0.5)
def reboot(world: World, chance: random.Random) -> None:
    """A device starts again: silent for a moment; a board that does not latch drops its coils (threat 17)."""
    device = device_of(world, chance)
    for_seconds(world, device, Kind.REBOOT, chance.uniform(0.5, 30))
    device.restart()
