"""A meter that does not answer while the network is known to be off is no news (S4-06)."""

import asyncio
from dataclasses import replace

from gateway.prepayment.events import Hold, HoldKind
from gateway.prepayment.outages import Outage

from .scene import scene

HOUR_MS = 3_600_000


def test_silence_in_a_planned_outage_raises_no_alarm_and_after_it_it_does() -> None:
    """S4-06: no `meter.silent` inside the window; a meter that stays silent is told when the window is over."""

    async def scenario() -> None:
        async with scene("inside") as s:
            await s.polls()
            assert s.book.current is not None
            now_ms = s.clock.now().utc_ms
            window = Outage("o", now_ms - HOUR_MS, now_ms + HOUR_MS)
            s.book.current = replace(s.book.current, outages=(window,))
            await s.sim.do("fault hiking silence")
            await s.polls(6)
            assert s.book.words() == []
            s.book.current = replace(s.book.current, outages=(replace(window, ends_utc_ms=now_ms),))
            await s.polls(1)
            assert s.book.words() == ["meter.silent"]
            await s.sim.do("clear hiking")
            await s.polls(2)
            assert s.book.words() == ["meter.silent", "meter.back"]

    asyncio.run(scenario())


def test_silence_in_an_unplanned_outage_raises_no_alarm_and_what_returns_is_read() -> None:
    """S4-06: the same while a hold says so; a meter that comes back within it is simply read again."""

    async def scenario() -> None:
        async with scene("inside") as s:
            await s.polls()
            assert s.book.current is not None
            s.book.current = replace(s.book.current, holds=(Hold("storm", HoldKind.OUTAGE, None),))
            await s.sim.do("fault hiking silence")
            await s.polls(6)
            await s.sim.do("clear hiking")
            await s.polls(2)
            assert s.book.words() == []
            assert len(s.book.readings) >= 2

    asyncio.run(scenario())
