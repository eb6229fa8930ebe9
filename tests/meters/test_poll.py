from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import cast

import pytest

from firmware_sim.rtu import RtuLine
from firmware_sim.simulation import Simulation
from firmware_sim.tcp import TcpLine
from gateway.errors import MeterError, MeterSilent
from gateway.meters import poll as polls
from gateway.meters import profile
from gateway.meters.build import MeterSpec, SwitchSpec, build_meter, build_serial_bus, build_tcp_bus
from gateway.meters.limiter import LimiterRules
from gateway.meters.meter import Observation
from gateway.meters.poll import Poll
from gateway.prepayment.account import Account, Outcome, Terms
from gateway.prepayment.events import MeterEvent, Reading
from gateway.prepayment.supply import SupplyState, SwitchState
from tests.meters.wall import RTU, WallClock
from tests.prepayment.worlds import TERMS, opened


class HurriedClock(WallClock):
    """The wall clock plus what a test adds to it."""

    def __init__(self) -> None:
        self.ahead_ms = 0

    def monotonic_ms(self) -> int:
        """Never jumps back."""
        return super().monotonic_ms() + self.ahead_ms


class Book:
    """A desk that keeps what is posted; the account's rung is set by the test."""

    def __init__(self) -> None:
        self.current: Account | None = opened()
        self.readings: list[Reading] = []
        self.told: list[MeterEvent] = []
        self.reread = False

    def stand(self, state: SupplyState) -> None:
        """Put the account on a rung."""
        assert self.current is not None
        self.current = replace(self.current, supply=replace(self.current.supply, state=state))

    async def post(self, meter_id: str, event: Reading | MeterEvent) -> Outcome:
        """Keep it."""
        assert self.current is not None
        if isinstance(event, Reading):
            self.readings.append(event)
        else:
            self.told.append(event)
        return Outcome(self.current, reread=self.reread)

    def account(self, meter_id: str) -> Account | None:
        """The one account."""
        return self.current

    def terms(self, meter_id: str) -> Terms:
        """The installation."""
        return TERMS

    def words(self) -> list[str]:
        """What was told, in order."""
        return [event.what for event in self.told]


class Scene:
    """A poll of one simulated meter."""

    def __init__(self, sim: Simulation, poll: Poll, book: Book, clock: HurriedClock) -> None:
        self.sim, self.poll, self.book, self.clock = sim, poll, book, clock
        self.seen: list[Observation] = []

    async def polls(self, count: int = 1) -> None:
        """As the bus task does it."""
        for _ in range(count):
            try:
                await self.poll.run()
            except MeterError as error:
                await self.poll.failed(error)


@asynccontextmanager
async def scene(kind: str, *, limiter: LimiterRules | None = None) -> AsyncIterator[Scene]:
    """`inside`: DDS238 with its relay; `relay`: SDM630 behind the board; `threshold`: iEM3155."""
    clock, book = HurriedClock(), Book()
    async with Simulation.start(RTU) as sim:
        rtu, tcp = cast("RtuLine", sim.line("rs485")), cast("TcpLine", sim.line("lan"))
        serial = build_serial_bus("rs485", str(rtu.path), "19200 8N1", clock=clock, timeout_ms=60, gap_ms=2)
        lan = build_tcp_bus("lan", tcp.host, tcp.port, clock=clock, timeout_ms=60)
        if kind == "inside":
            spec = MeterSpec("m1", 1, profile.load("hiking-dds238"))
            meter = build_meter(spec, serial, clock=clock, switch=SwitchSpec("meter"))
        elif kind == "relay":
            board = SwitchSpec("relay", profile.load("generic-relay"), lan, 17, 0, "closed")
            meter = build_meter(MeterSpec("m1", 1, profile.load("eastron-sdm630")), lan, clock=clock, switch=board)
        else:
            spec = MeterSpec("m1", 2, profile.load("schneider-iem3155"), limiter="threshold")
            meter = build_meter(spec, lan, clock=clock)
        seen: list[Observation] = []
        poll = Poll(meter, book, clock, period_ms=1000, limiter=limiter, seen=lambda _, shown: seen.append(shown))
        stage = Scene(sim, poll, book, clock)
        stage.seen = seen
        try:
            yield stage
        finally:
            await serial.link.close()
            await lan.link.close()


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


def test_a_quarantined_reading_is_read_again_soon_but_not_for_ever() -> None:
    """Decision 6: half a second later, at most three times."""

    async def scenario() -> None:
        async with scene("inside") as s:
            s.book.reread = True
            assert [await s.poll.run() for _ in range(5)] == [500, 500, 500, None, None]
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
