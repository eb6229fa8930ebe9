"""Whoever holds the broker holds good commands back: until they are old, or until a later one has overtaken them.

Signed well and for this gateway, so only freshness and order refuse them (threat 1, decision 17).
"""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING

from tests.simulation.incidents import incident
from tests.simulation.world import HOUR_S, World

if TYPE_CHECKING:
    from tests.simulation.signer import Order

FAMILY = "orders"
TIMELESS_S = 600.0


def _power(world: World, chance: random.Random) -> Order:
    """A signed contract power that nobody has sent yet."""
    body = {"account_id": world.center.account_id, "contract_power_w": chance.choice((3000, 4500, 9000))}
    order = world.center.sign("power_set", body)
    world.center.orders[order.jti] = order
    return order


def _deliver(world: World, order: Order) -> None:
    world.broker.send_down("prepaid/1/gw-sim/command", order.token)


@incident(FAMILY, 0.3)
def held_back(world: World, chance: random.Random) -> None:
    """A command comes hours late, to a gateway that has just started and that nobody tells the time.

    No clock can say that it has expired: only its challenge, which is an old one, can.
    """
    order = _power(world, chance)

    def start_without_time() -> None:
        world.center.answers_time = False
        world.process.restart()
        world.meanwhile(TIMELESS_S / 2, partial(_deliver, world, order))
        world.meanwhile(TIMELESS_S, partial(setattr, world.center, "answers_time", True))

    world.meanwhile(chance.uniform(3, 30) * HOUR_S, start_without_time)


@incident(FAMILY, 0.3)
def overtaken(world: World, chance: random.Random) -> None:
    """Two commands signed one after the other come the other way round: the first one is over."""
    first, second = _power(world, chance), _power(world, chance)
    _deliver(world, second)
    world.later(chance.choice((1.0, 60.0, HOUR_S / 2)), partial(_deliver, world, first))
