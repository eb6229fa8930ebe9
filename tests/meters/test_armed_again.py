"""Decision 14: a relay that let go is opened again however often that fails; only somebody on site closes it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.errors import MeterError
from gateway.prepayment.account import Start
from gateway.prepayment.supply import SupplyState, SwitchState
from tests.meters.scene import Scene, scene


async def _armed_and_let_go(s: Scene) -> None:
    """Open for money, paid, armed; then the board closes by itself."""
    await s.polls()
    s.book.stand(SupplyState.SUSPENDED)
    await s.polls()
    s.book.arm()
    await s.polls()
    await s.meter.set_switch(SwitchState.CONNECTED)  # another master of that board


def test_one_write_that_fails_is_nobody_on_site(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decision 14, I14: the board does not obey once; it is opened at a later poll, and nobody said "reconnected"."""

    async def scenario() -> None:
        async with scene("relay") as s:
            await _armed_and_let_go(s)
            real, failures = s.meter.set_switch, [1]

            async def once_deaf(state: SwitchState) -> None:
                if failures:
                    failures.pop()
                    raise MeterError("no answer")
                await real(state)

            monkeypatch.setattr(s.meter, "set_switch", once_deaf)
            await s.polls()
            s.clock.ahead_ms += 10_000
            await s.polls()
            assert s.book.reconnections == 0
            assert s.sim.meter("eastron").supply_closed is False

    asyncio.run(scenario())


def test_a_rest_between_tries_is_nobody_on_site() -> None:
    """Decision 14: while a board that does not obey has its rest, what it shows is no word of anybody."""

    async def scenario() -> None:
        async with scene("relay") as s:
            await _armed_and_let_go(s)
            await s.sim.do("fault board stuck")
            for _ in range(8):
                await s.polls()
                s.clock.ahead_ms += 10_000
            assert s.book.reconnections == 0

    asyncio.run(scenario())


def test_a_start_vouches_for_nobody_on_site() -> None:
    """Decision 14, threat 3: a switch left as it was found at a start, while it waits, was not closed all along."""

    async def scenario() -> None:
        async with scene("relay") as s:
            s.book.arm()
            assert s.book.current is not None
            s.book.current = replace(s.book.current, start=Start(0, known=True))
            await s.polls(2)
            assert s.sim.meter("eastron").supply_closed is True, "left as it was found"
            s.book.current = replace(s.book.current, start=None)
            await s.polls()
            assert (s.book.reconnections, s.sim.meter("eastron").supply_closed) == (0, False)

    asyncio.run(scenario())


def test_a_resync_takes_nothing_from_who_has_supply() -> None:
    """Decision 14, threat 3: closed when nothing waited and left as found until the resync arms it: it stays closed."""

    async def scenario() -> None:
        async with scene("relay") as s:
            assert s.book.current is not None
            s.book.current = replace(s.book.current, start=Start(0, known=True))
            await s.polls(2)
            s.book.current = replace(s.book.current, start=None, armed=True)
            await s.polls(2)
            assert (s.book.reconnections, s.sim.meter("eastron").supply_closed) == (1, True)

    asyncio.run(scenario())
