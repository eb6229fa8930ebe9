"""The customer: uses power by habit and chance, buys credit when it suits.

Honest here; what dishonest ones do is in `incidents/cheat.py`. Each run draws one way to live and one way to pay.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.simulation.center import NANO

if TYPE_CHECKING:
    from tests.simulation.world import World

Use = Callable[[random.Random], tuple[int, float]]
"""Watts, and for how many seconds."""
Buy = Callable[[], tuple[int, float]]
"""Nano-units, and the seconds until the next time."""
_HABITS_W = (0, 60, 120, 120, 250, 400, 900, 2000, 3500, 6000)
_LIMIT_W = (940, 985, 995, 1010, 1080)
"""Just below and above 15 % of 6.6 kW: with these a limited supply trips, or just does not."""
_AMOUNTS_NANO = (5 * NANO, 10 * NANO, 10 * NANO, 20 * NANO, 1_234_560_000)
_HOUR_S = 3600.0
_BELOW_ZERO = ("GRACE", "LIMITED", "SUSPENDED")


class Household:
    """Starts by itself, and buys nothing more when the run is being settled."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = chance = world.chance("household")
        self._thrift_s = chance.choice((8, 20, 40, 90)) * _HOUR_S
        use = chance.choice((self._habits, self._habits, self._habits, self._near_the_limit, self._heat_pump))
        buy = chance.choice((self._buy_by_habit, self._buy_by_habit, self._buy_when_it_hurts, self._buy_much))
        world.tell(f"household {use.__name__} {buy.__name__}")
        self._away_until_s = 0.0
        self._live(use)
        world.later(chance.uniform(0.2, 1.5) * self._thrift_s, lambda: self._pay(buy))

    def _live(self, use: Use) -> None:
        chance, world = self._chance, self._world
        if chance.random() < 0.002:
            self._away_until_s = world.loop.time() + chance.uniform(1, 14) * 24 * _HOUR_S
        watts, for_s = use(chance)
        away = world.loop.time() < self._away_until_s
        world.use(chance.choice((0, 0, 15)) if away else watts)
        world.later(for_s, lambda: self._live(use))

    def _habits(self, chance: random.Random) -> tuple[int, float]:
        """This and that."""
        return chance.choice(_HABITS_W) + chance.randrange(40), chance.uniform(300, 9000)

    def _near_the_limit(self, chance: random.Random) -> tuple[int, float]:
        """They know the limit and live by it."""
        watts = chance.choice(_LIMIT_W) if chance.random() < 0.7 else chance.choice(_HABITS_W)
        return watts, chance.uniform(60, 5000)

    def _heat_pump(self, chance: random.Random) -> tuple[int, float]:
        """A heat pump from 22 to 6, little by day."""
        hour = self._world.machine.true_utc_ms() // 3_600_000 % 24
        night = hour >= 22 or hour < 6
        return (2400 if night else 150) + chance.randrange(60), chance.uniform(1200, 2 * _HOUR_S)

    def _pay(self, buy: Buy) -> None:
        if not self._world.healed:
            amount_nano, wait_s = buy()
            if amount_nano and self._world.center.sell(self._world.center.account_id, amount_nano) is not None:
                self._world.tell(f"buy {amount_nano}")
            self._world.later(wait_s, lambda: self._pay(buy))

    def _buy_by_habit(self) -> tuple[int, float]:
        """Some credit, now and then."""
        return self._chance.choice(_AMOUNTS_NANO), self._chance.uniform(0.2, 1.8) * self._thrift_s

    def _buy_when_it_hurts(self) -> tuple[int, float]:
        """Poor: nothing until the supply is limited or off, and then the least that helps."""
        chance, center = self._chance, self._world.center
        hurts = center.supply.get(center.account_id) in _BELOW_ZERO
        amount_nano = chance.choice((2, 3, 5, 9)) * NANO if hurts and chance.random() < 0.15 else 0
        return amount_nano, chance.uniform(0.5, 4) * _HOUR_S

    def _buy_much(self) -> tuple[int, float]:
        """Rich: much, and seldom; up to the cap of one top-up and sometimes above it."""
        amount_nano = self._chance.choice((50, 100, 499, 500, 501)) * NANO
        return amount_nano, self._chance.uniform(1, 5) * 24 * _HOUR_S
