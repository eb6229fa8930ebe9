from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from gateway.errors import MeterSilent
from gateway.meters import poll as polls
from gateway.meters.limiter import LimiterRules
from gateway.prepayment.supply import SupplyState, SwitchState
from tests.meters.scene import scene


@pytest.mark.parametrize("kind", ["inside", "relay"])
def test_supply_follows_the_account_and_is_told_once(kind: str) -> None:
    """Decision 9: suspended: open, once; normal: closed in the next poll; no write while all is as it must be."""

    async def scenario() -> None:
        async with scene(kind) as s:
            await s.polls(2)
            assert s.book.words() == []
            s.book.stand(SupplyState.SUSPENDED)
            await s.polls(3)
            assert s.book.words() == ["switch.opened"]
            assert s.seen[-1].switch is SwitchState.DISCONNECTED
            assert s.sim.meter("hiking" if kind == "inside" else "eastron").supply_closed is False
            s.book.stand(SupplyState.NORMAL)
            await s.polls(2)
            assert s.book.words() == ["switch.opened", "switch.closed"]
            assert len(s.book.readings) == 7

    asyncio.run(scenario())


def test_a_relay_moved_by_hand_is_told_and_corrected() -> None:
    """I12, decision 9: who closes a suspended supply by hand finds it open again after the next poll."""

    async def scenario() -> None:
        async with scene("inside") as s:
            s.book.stand(SupplyState.SUSPENDED)
            await s.polls()
            await s.sim.do("relay hiking close")
            await s.polls()
            assert s.book.words() == ["switch.opened", "switch.moved_by_others", "switch.opened"]

    asyncio.run(scenario())


def test_an_opening_found_at_start_is_closed_first() -> None:
    """Decision 15: an interrupted trip is closed when the gateway starts."""

    async def scenario() -> None:
        async with scene("inside", limiter=LimiterRules()) as s:
            await s.sim.do("relay hiking open")
            s.book.stand(SupplyState.LIMITED)
            await s.polls()
            assert s.book.words() == ["switch.closed"]

    asyncio.run(scenario())


def test_opening_is_tried_five_times_then_an_alarm_and_a_rest() -> None:
    """Decision 15: bounded retries with growing pauses, then an alarm; the alarm is not repeated at every poll."""

    async def scenario() -> None:
        async with scene("inside") as s:
            await s.polls()
            await s.sim.do("fault hiking stuck")
            s.book.stand(SupplyState.SUSPENDED)
            for _ in range(40):
                await s.polls()
                s.clock.ahead_ms += 1000
            assert s.book.words() == ["switch.not_confirmed", "switch.stuck_closed"]

    asyncio.run(scenario())


def test_closing_is_tried_at_every_poll_for_ever() -> None:
    """Decision 11: restoration never waits; the first success ends it and is told."""

    async def scenario() -> None:
        async with scene("inside") as s:
            s.book.stand(SupplyState.SUSPENDED)
            await s.polls()
            await s.sim.do("fault hiking stuck")
            s.book.stand(SupplyState.NORMAL)
            before = s.sim.meter("hiking").requests
            await s.polls(12)
            assert s.sim.meter("hiking").requests - before >= 12 * 4
            await s.sim.do("clear hiking")
            await s.polls()
            assert s.book.words() == [
                "switch.opened", "switch.not_confirmed", "switch.not_confirmed.over", "switch.closed"
            ]  # fmt: skip

    asyncio.run(scenario())


def test_a_dwell_protects_the_contactor() -> None:
    """After a closing ten seconds pass before the same switch opens again (decision 15, I12)."""

    async def scenario() -> None:
        async with scene("inside") as s:
            for state in (SupplyState.SUSPENDED, SupplyState.NORMAL, SupplyState.SUSPENDED):
                s.book.stand(state)
                await s.polls()
            assert s.book.words() == ["switch.opened", "switch.closed"]
            s.clock.ahead_ms += polls.DWELL_AFTER_CLOSE_MS
            await s.polls()
            assert s.book.words()[2:] == ["switch.opened"]

    asyncio.run(scenario())


def test_a_threshold_is_set_when_limited_and_lifted_after() -> None:
    """S1-11: 495 W for a 3 kW contract, set once, lifted at once."""

    async def scenario() -> None:
        async with scene("threshold") as s:
            await s.polls()
            s.book.stand(SupplyState.LIMITED)
            await s.polls(2)
            assert s.seen[-1].limit_w == 495
            s.book.stand(SupplyState.NORMAL)
            await s.polls(2)
            assert s.seen[-1].limit_w is None
            assert s.book.words() == ["limit.set", "limit.set"]

    asyncio.run(scenario())


def test_a_switched_limiter_warns_opens_and_closes_by_itself() -> None:
    """S1-11, decision 15, with a real relay: 3 kW under a 495 W limit."""

    async def scenario() -> None:
        rules = LimiterRules(window_s=1, warn_s=0, open_s=1, cooldown_s=1)
        async with scene("relay", limiter=rules) as s:
            s.book.stand(SupplyState.LIMITED)
            told = ["limit.warning", "limit.trip", "switch.opened", "limit.reclosed", "switch.closed"]
            for _ in range(60):
                await s.polls()
                if s.book.words() == told:
                    break
                assert s.book.words() == told[: len(s.book.told)]
                await asyncio.sleep(0.05)
            assert s.book.words() == told
            assert dict(s.book.told[1].detail)["limit_w"] == 495

    asyncio.run(scenario())


def test_a_second_trip_opens_as_the_first_did() -> None:
    """Decision 15: the dwell that spares a contactor does not let a load over the limit run on after a re-close."""

    async def scenario() -> None:
        rules = LimiterRules(window_s=1, warn_s=0, open_s=1, cooldown_s=1)
        async with scene("relay", limiter=rules) as s:
            s.book.stand(SupplyState.LIMITED)
            began_s = asyncio.get_running_loop().time()
            while s.book.words().count("switch.opened") < 2:
                await s.polls()
                await asyncio.sleep(0.05)
                assert asyncio.get_running_loop().time() - began_s < polls.DWELL_AFTER_CLOSE_MS / 1000

    asyncio.run(scenario())


def test_a_jump_of_the_register_trips_nobody() -> None:
    """Decision 6: a reading in quarantine, and the difference that stays behind as a case, are no load."""

    async def scenario() -> None:
        async with scene("relay", limiter=LimiterRules()) as s:
            await s.sim.do("load eastron 100")
            s.book.stand(SupplyState.LIMITED)
            for poll in range(40):
                if poll == 20:
                    await s.sim.do("register eastron 5120.9")
                s.book.reread = poll in (20, 21, 22)
                if poll == 23 and s.book.current is not None:
                    register = replace(s.book.current.register, cases_opened=1)
                    s.book.current = replace(s.book.current, register=register)
                await s.polls()
                s.clock.ahead_ms += 10_000
            assert s.book.words() == []

    asyncio.run(scenario())


def test_a_quarantined_reading_is_read_again_soon_but_not_for_ever() -> None:
    """Decision 6: five seconds later, at most three times."""

    async def scenario() -> None:
        async with scene("inside") as s:
            s.book.reread = True
            assert [await s.poll.run() for _ in range(5)] == [5_000, 5_000, 5_000, None, None]
            s.book.reread = False
            assert await s.poll.run() is None

    asyncio.run(scenario())


def test_a_meter_without_an_account_is_shown_and_not_charged() -> None:
    """Before `account.open` the meter is read for the live view; nothing is posted and nothing is switched (I11)."""

    async def scenario() -> None:
        async with scene("inside") as s:
            s.book.current = None
            await s.polls(2)
            await s.poll.failed(MeterSilent("x"))
            assert (len(s.seen), s.book.readings, s.book.told) == (2, [], [])

    asyncio.run(scenario())
