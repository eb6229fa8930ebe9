"""The simulated broker does to messages what its weather says: the faults of the network are not in name only."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise

import pytest

from gateway.headend.link import Broker as Address
from gateway.headend.link import Will
from tests.simulation.broker import LATE_S, SimBroker, SimLink, Weather
from tests.simulation.loop import VirtualLoop

MESSAGES = 60


def _inversions(order: list[int]) -> int:
    """How often a message came straight after one that was sent later."""
    return sum(after < before for before, after in pairwise(order))


async def _exchanged(weather: Weather) -> tuple[list[int], list[int]]:
    """A message each second both ways while connected; in which order they came down and up."""
    broker = SimBroker(random.Random(7))
    down, up = list[int](), list[int]()
    broker.to_center = lambda _topic, payload: up.append(int(payload))
    link = SimLink(broker, Address("broker", 1883, "gw"), (), Will("status", b"0"), lambda _why: None)
    tasks = [asyncio.create_task(link.run()), asyncio.create_task(_read(link, down))]
    await link.connected()
    broker.begin(weather)
    for number in range(1, MESSAGES + 1):
        broker.send_down("command", str(number).encode())
        await link.send("journal", str(number).encode())
        await asyncio.sleep(1)
    await asyncio.sleep(2 * LATE_S[1])
    for task in tasks:
        task.cancel()
    return down, up


async def _read(link: SimLink, into: list[int]) -> None:
    async for message in link.messages():
        into.append(int(message.payload))
        message.ack()


@pytest.mark.parametrize(
    ("weather", "shuffled_down", "shuffled_up"),
    [
        pytest.param(Weather(), False, False, id="fine"),
        pytest.param(Weather(reorder_down=0.2), True, False, id="some down"),
        pytest.param(Weather(reorder_up=0.2), False, True, id="some up"),
        pytest.param(Weather(reorder_down=1.0, reorder_up=1.0), True, True, id="all"),
    ],
)
def test_messages_change_places_while_connected(weather: Weather, shuffled_down: bool, shuffled_up: bool) -> None:
    """Threat 20, I3: what is on its way is overtaken by what was sent later, and all of it comes, once."""
    loop = VirtualLoop()
    try:
        down, up = loop.run_until_complete(_exchanged(weather))
    finally:
        loop.close()
    everything = list(range(1, MESSAGES + 1))
    assert sorted(down) == sorted(up) == everything
    assert (_inversions(down) >= 5) is shuffled_down
    assert (_inversions(up) >= 5) is shuffled_up
    assert (down == everything) is not shuffled_down
    assert (up == everything) is not shuffled_up
