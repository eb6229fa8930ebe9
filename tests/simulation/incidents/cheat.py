"""What a household tries that would rather not pay (threats 12, 19, 24): nothing of it gains more than the caps.

A cheat watches its own notices: it acts when the supply is about to get worse, and keeps at it for a day or some.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.simulation.broker import Weather
from tests.simulation.incidents import incident
from tests.simulation.world import DAY_S, HOUR_S, World

FAMILY = "cheat"
_BELOW_ZERO = ("GRACE", "LIMITED", "SUSPENDED")


def _below_zero(world: World) -> bool:
    return world.center.supply.get(world.center.account_id) in _BELOW_ZERO


def _for_days(world: World, chance: random.Random, every_s: float, act: Callable[[], None]) -> None:
    """Act now and then, while credit is gone, for some days."""
    for number in range(round(chance.uniform(0.5, 3) * DAY_S / every_s)):
        world.meanwhile(number * every_s + chance.uniform(0, every_s), lambda: act() if _below_zero(world) else None)


@incident(FAMILY, 0.4)
def pulls_the_aerial(world: World, chance: random.Random) -> None:
    """No connection as long as credit is gone: "without the head-end nobody cuts me off" (threat 19)."""
    every_s = 2 * HOUR_S
    _for_days(world, chance, every_s, lambda: world.weather(Weather(reachable=False), every_s))


@incident(FAMILY, 0.4)
def pulls_the_plug(world: World, chance: random.Random) -> None:
    """The gateway is off most of the time as long as credit is gone: "without time no term ends" (threat 24)."""
    every_s, off = HOUR_S, chance.choice((0.3, 0.8, 0.95))
    _for_days(world, chance, every_s, lambda: world.cut(every_s * off))


@incident(FAMILY, 0.3)
def starts_it_again_and_again(world: World, chance: random.Random) -> None:
    """The plug is pulled every few minutes as long as credit is gone (threat 24)."""
    _for_days(world, chance, chance.choice((300.0, 900.0)), lambda: world.cut(3.0))


@incident(FAMILY, 0.3)
def turns_the_clock(world: World, chance: random.Random) -> None:
    """A time server of their own tells that it is last week, or an hour when nobody cuts (threats 12, 13)."""

    def turn() -> None:
        world.machine.ntp_ahead_ms = -round(chance.choice((HOUR_S, DAY_S, 8 * DAY_S)) * 1000)
        world.machine.ask_servers()

    _for_days(world, chance, 6 * HOUR_S, turn)
    world.meanwhile(4 * DAY_S, lambda: setattr(world.machine, "ntp_ahead_ms", 0))
