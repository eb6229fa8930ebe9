"""What is booked while a poll is busy telling something: it does not carry out what it had decided before."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.meters.limiter import LimiterRules
from gateway.prepayment.account import Outcome
from gateway.prepayment.arrears import Reconnected
from gateway.prepayment.events import MeterEvent, Reading
from gateway.prepayment.supply import SupplyState, SwitchState
from tests.meters.scene import Scene, scene


def _pays_while(s: Scene, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The top-up that this row waited for was committed just before it."""
    real = s.book.post

    async def post(meter_id: str, event: Reading | MeterEvent | Reconnected) -> Outcome:
        if isinstance(event, MeterEvent) and event.what == what:
            s.book.stand(SupplyState.NORMAL)
        return await real(meter_id, event)

    monkeypatch.setattr(s.book, "post", post)


def test_a_top_up_while_a_moved_switch_is_told_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """I10: the switch was closed by others, the credit is there by now: it stays closed."""

    async def scenario() -> None:
        async with scene("relay") as s:
            await s.polls()
            s.book.stand(SupplyState.SUSPENDED)
            await s.polls()
            await s.meter.set_switch(SwitchState.CONNECTED)
            _pays_while(s, "switch.moved_by_others", monkeypatch)
            await s.polls(2)
            assert s.book.words() == ["switch.opened", "switch.moved_by_others"]
            assert s.sim.meter("eastron").supply_closed is True

    asyncio.run(scenario())


def test_a_top_up_while_a_trip_is_told_trips_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """I10, decision 15: full power is due by now, so the limiter's trip is not carried out any more."""

    async def scenario() -> None:
        async with scene("relay", limiter=LimiterRules(window_s=1, warn_s=0)) as s:
            await s.sim.do("load eastron 3000")
            s.book.stand(SupplyState.LIMITED)
            _pays_while(s, "limit.trip", monkeypatch)
            for _ in range(8):
                await asyncio.sleep(0.4)
                await s.polls()
            assert "limit.trip" in s.book.words()
            assert "switch.opened" not in s.book.words()

    asyncio.run(scenario())


def test_a_lock_out_while_a_moved_switch_is_told_closes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decision 13: somebody opened the switch and locks it out to work behind it; it is not closed once more before."""

    async def scenario() -> None:
        async with scene("relay") as s:
            await s.polls()
            await s.meter.set_switch(SwitchState.DISCONNECTED)
            real = s.book.post

            async def post(meter_id: str, event: Reading | MeterEvent | Reconnected) -> Outcome:
                if isinstance(event, MeterEvent) and event.what == "switch.moved_by_others":
                    assert s.book.current is not None
                    s.book.current = replace(s.book.current, lockout="work")
                return await real(meter_id, event)

            monkeypatch.setattr(s.book, "post", post)
            await s.polls(3)
            assert s.book.words() == ["switch.moved_by_others"]
            assert s.sim.meter("eastron").supply_closed is False

    asyncio.run(scenario())
