"""Decision 14: a supply that is armed waits open for somebody on site, whatever opens and closes it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.prepayment.supply import SupplyState, SwitchState
from tests.meters.scene import Scene, scene

KINDS = {"inside": "hiking", "relay": "eastron"}


def closed(s: Scene, kind: str) -> bool | None:
    """What the supply really is."""
    return s.sim.meter(KINDS[kind]).supply_closed


@pytest.mark.parametrize("kind", KINDS)
def test_an_open_switch_stays_open_until_the_command(kind: str) -> None:
    """Decision 14: paid, and still open at every poll; the signed word from the site closes it at the next one."""

    async def scenario() -> None:
        async with scene(kind) as s:
            await s.polls()
            s.book.stand(SupplyState.SUSPENDED)
            await s.polls()
            s.book.arm()
            await s.polls(3)
            assert closed(s, kind) is False
            assert s.book.reconnections == 0
            assert s.book.current is not None
            s.book.current = replace(s.book.current, armed=False)
            await s.polls()
            assert closed(s, kind) is True
            assert s.book.words() == ["switch.opened", "switch.closed"]

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", KINDS)
def test_a_switch_that_was_never_opened_is_left_closed(kind: str) -> None:
    """Decision 14: paid before the switch moved; nothing is taken away, and nothing waits any more."""

    async def scenario() -> None:
        async with scene(kind) as s:
            await s.polls()
            s.book.arm()
            await s.polls(2)
            assert closed(s, kind) is True
            assert s.book.reconnections == 1
            assert s.book.words() == []

    asyncio.run(scenario())


def test_a_button_on_the_meter_is_somebody_on_site() -> None:
    """Decision 14: the meter's own relay, closed by hand while it waits, is the confirmation."""

    async def scenario() -> None:
        async with scene("inside") as s:
            await s.polls()
            s.book.stand(SupplyState.SUSPENDED)
            await s.polls()
            s.book.arm()
            await s.polls()
            await s.sim.do("relay hiking close")
            await s.polls(2)
            assert s.seen[-1].switch is SwitchState.CONNECTED
            assert s.book.reconnections == 1
            assert s.book.words() == ["switch.opened", "switch.moved_by_others"]

    asyncio.run(scenario())


def test_a_relay_that_lets_go_is_nobody_on_site() -> None:
    """Decision 14: a board that closes by itself is opened again, also when the gateway has just started."""

    async def scenario() -> None:
        async with scene("relay") as s:
            s.book.arm()
            await s.polls()
            assert closed(s, "relay") is False, "first seen closed: nobody knows by whom"
            await s.meter.set_switch(SwitchState.CONNECTED)  # another master of that board
            await s.polls()
            assert closed(s, "relay") is False
            assert s.book.reconnections == 0

    asyncio.run(scenario())
