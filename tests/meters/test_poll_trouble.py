from __future__ import annotations

import asyncio
from dataclasses import replace

from gateway.errors import WriteNotConfirmed
from gateway.meters.limiter import LimiterRules
from gateway.prepayment.supply import SupplyState
from tests.meters.scene import observation, scene


def test_silence_is_told_once_and_so_is_the_return() -> None:
    """A silent meter is one line in the record, not one at every poll."""

    async def scenario() -> None:
        async with scene("inside") as s:
            await s.polls()
            await s.sim.do("fault hiking silence")
            await s.polls(6)
            await s.sim.do("clear hiking")
            await s.polls(2)
            assert s.book.words() == ["meter.silent", "meter.back"]

    asyncio.run(scenario())


def test_a_top_up_closes_a_separate_relay_although_the_meter_is_silent() -> None:
    """Decision 11: to restore, enough credit is needed and nothing else, not even a reading."""

    async def scenario() -> None:
        async with scene("relay") as s:
            s.book.stand(SupplyState.SUSPENDED)
            await s.polls()
            await s.sim.do("fault eastron silence")
            s.book.stand(SupplyState.NORMAL)
            s.poll.wake()
            await s.polls()
            assert s.book.words() == ["switch.opened", "switch.closed"]

    asyncio.run(scenario())


def test_a_trip_ends_although_the_meter_went_dark_with_the_supply() -> None:
    """Decision 15: every opening ends by itself, also of a meter that is fed from behind the contactor it opens."""

    async def scenario() -> None:
        rules = LimiterRules(window_s=1, warn_s=0, open_s=1, cooldown_s=1)
        async with scene("relay", limiter=rules) as s:
            s.book.stand(SupplyState.LIMITED)
            while "switch.opened" not in s.book.words():
                await s.polls()
                await asyncio.sleep(0.05)
            await s.sim.do("fault eastron silence")
            await s.polls()
            assert s.sim.meter("eastron").supply_closed is False, "the trip was cut short"
            s.clock.ahead_ms += 1000
            await s.polls()
            assert s.sim.meter("eastron").supply_closed is True
            assert s.book.words()[-2:] == ["limit.reclosed", "switch.closed"]

    asyncio.run(scenario())


def test_what_is_owed_is_tried_again_long_before_the_period_is_over() -> None:
    """Decision 15: a trip ends in time and a restoration is retried soon, also with a poll every quarter of an hour."""

    async def scenario() -> None:
        rules = LimiterRules(window_s=1, warn_s=0, open_s=30, cooldown_s=30)
        async with scene("relay", limiter=rules) as s:
            s.book.stand(SupplyState.LIMITED)
            again_ms = None
            while "switch.opened" not in s.book.words():
                again_ms = await s.poll.run()
                await asyncio.sleep(0.05)
            assert again_ms is not None
            assert 29_000 <= again_ms <= 30_000
            await s.sim.do("fault board stuck")
            s.book.stand(SupplyState.NORMAL)
            assert [await s.poll.run() for _ in range(3)] == [1000, 2000, 4000]
            await s.sim.do("clear board")
            assert await s.poll.run() is None

    asyncio.run(scenario())


def test_a_silent_meter_is_never_cut_off_but_closed_when_its_relay_is_back() -> None:
    """Decision 11, I8: a cut-off needs a reading; a restoration that met a dead relay is tried until it is done."""

    async def scenario() -> None:
        async with scene("relay") as s:
            await s.polls()
            await s.sim.do("fault eastron silence")
            s.book.stand(SupplyState.SUSPENDED)
            s.poll.wake()
            await s.polls(3)
            assert s.sim.meter("eastron").supply_closed is True
            await s.sim.do("coil board 0 off")
            await s.sim.do("fault board silence")
            s.book.stand(SupplyState.NORMAL)
            s.poll.wake()
            await s.polls()
            await s.sim.do("clear board")
            await s.polls()
            assert s.sim.meter("eastron").supply_closed is True

    asyncio.run(scenario())


def test_a_lockout_waits_neither_for_a_reading_nor_for_a_dwell() -> None:
    """Decision 13: safety dominates: a silent meter's relay is opened, also right after a closing."""

    async def scenario() -> None:
        async with scene("relay") as s:
            await s.sim.do("coil board 0 off")
            await s.polls()
            assert s.book.words() == ["switch.closed"]
            await s.sim.do("fault eastron silence")
            assert s.book.current is not None
            s.book.current = replace(s.book.current, lockout="fire brigade")
            s.poll.wake()
            await s.polls()
            assert s.sim.meter("eastron").supply_closed is False

    asyncio.run(scenario())


def test_a_dead_relay_is_an_event_and_the_meter_is_still_charged() -> None:
    """Readings go on while the actuator is silent; its trouble is told once."""

    async def scenario() -> None:
        async with scene("relay") as s:
            await s.sim.do("fault board silence")
            await s.polls(6)
            assert len(s.book.readings) == 6
            assert s.book.words() == ["switch.unreadable", "switch.not_confirmed"]

    asyncio.run(scenario())


def test_a_loose_wire_does_not_fill_the_record() -> None:
    """I20, decision 7: a device that comes and goes is told twice in a quarter of an hour, then again if it stays."""

    async def scenario() -> None:
        async with scene("relay") as s:
            for _ in range(5):
                await s.sim.do("fault board silence")
                await s.polls()
                await s.sim.do("clear board")
                s.poll.wake()
                await s.polls()
                s.clock.ahead_ms += 2000
            told = ["switch.unreadable", "switch.not_confirmed", "switch.unreadable.over", "switch.not_confirmed.over"]
            assert sorted(s.book.words()) == sorted(told)
            await s.sim.do("fault board silence")
            await s.polls(2)
            assert len(s.book.told) == 4
            s.clock.ahead_ms += 900_000
            await s.polls()
            assert s.book.words()[4:] == ["switch.unreadable", "switch.not_confirmed"]

    asyncio.run(scenario())


def test_a_board_that_lets_go_between_polls_is_corrected_each_time_and_told_seldom() -> None:
    """I20: a relay with a watchdog of its own, or somebody with a screwdriver, must not wear out the flash."""

    async def scenario() -> None:
        async with scene("relay") as s:
            await s.polls()
            for _ in range(5):
                await s.sim.do("coil board 0 off")
                await s.polls()
                assert s.sim.meter("eastron").supply_closed is True
            assert s.book.words() == ["switch.moved_by_others", "switch.closed"]
            s.clock.ahead_ms += 900_000
            await s.sim.do("coil board 0 off")
            await s.polls()
            assert s.book.words()[2:] == ["switch.moved_by_others", "switch.closed"]
            blind = observation(limit_w=None)
            for _ in range(3):
                await s.poll._reconcile_switch(blind)
            assert s.book.words()[4:] == ["switch.unreadable"]
            s.book.stand(SupplyState.SUSPENDED)
            s.clock.ahead_ms += 10_000
            await s.polls()
            assert s.book.words()[5:] == ["switch.unreadable.over", "switch.opened"]

    asyncio.run(scenario())


def test_a_threshold_that_does_not_take_is_not_written_for_ever() -> None:
    """Decision 15: setting is tried with growing pauses (the memory wears out), lifting each minute at least."""

    async def scenario() -> None:
        async with scene("threshold") as s:
            writes = 0
            real = s.meter.set_limit_w

            async def ignored(limit_w: int | None) -> None:
                nonlocal writes
                writes += 1
                raise WriteNotConfirmed("was told, shows another")

            s.meter.set_limit_w = ignored  # type: ignore[method-assign]
            s.book.stand(SupplyState.LIMITED)
            for _ in range(600):
                await s.poll._reconcile_limit(495, observation(limit_w=None))
                s.clock.ahead_ms += 1000
            assert (writes, s.book.words()) == (10, ["limit.not_confirmed"])
            for _ in range(600):
                await s.poll._reconcile_limit(None, observation(limit_w=495))
                s.clock.ahead_ms += 1000
            assert 10 + 600 // 60 <= writes <= 10 + 600 // 60 + 8
            s.meter.set_limit_w = real  # type: ignore[method-assign]
            s.poll.wake()
            await s.polls()
            assert s.seen[-1].limit_w == 495

    asyncio.run(scenario())
