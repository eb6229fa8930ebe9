"""The customer: uses power by habit and chance, buys credit when it suits, and may not be honest (see incidents)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.center import NANO

if TYPE_CHECKING:
    from tests.simulation.world import World

_HABITS_W = (0, 60, 120, 120, 250, 400, 900, 2000, 3500, 6000)
_AMOUNTS_NANO = (5 * NANO, 10 * NANO, 10 * NANO, 20 * NANO, 1_234_560_000)


class Household:
    """Starts by itself."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._chance = world.chance("household")
        self._thrift_s = self._chance.choice((8, 20, 40, 90)) * 3600.0
        self._use()
        world.later(self._chance.uniform(0.2, 1.5) * self._thrift_s, self._buy)

    def _use(self) -> None:
        chance = self._chance
        self._world.use(chance.choice(_HABITS_W) + chance.randrange(40))
        self._world.later(chance.uniform(300, 9000), self._use)

    def _buy(self) -> None:
        chance, world = self._chance, self._world
        amount_nano = chance.choice(_AMOUNTS_NANO)
        if world.center.sell("A1", amount_nano) is not None:
            world.tell(f"buy {amount_nano}")
        world.later(chance.uniform(0.2, 1.8) * self._thrift_s, self._buy)
