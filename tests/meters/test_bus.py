from __future__ import annotations

import asyncio
import random
from typing import cast

import pytest

from firmware_sim.simulation import Simulation
from firmware_sim.tcp import TcpLine
from gateway.errors import MeterError, MeterSilent
from gateway.meters import bus as buses
from gateway.meters import profile
from gateway.meters.breaker import Breaker
from gateway.meters.build import MeterSpec, build_meter, build_serial_bus, build_tcp_bus
from gateway.meters.bus import Bus
from gateway.meters.device import ModbusMeter
from tests.meters.wall import RTU, WallClock


class Watched:
    """A job that reads a real meter and writes down when."""

    def __init__(self, meter_id: str, period_ms: int, meter: ModbusMeter | None, *, cost_s: float = 0.0) -> None:
        self.meter_id = meter_id
        self.period_ms = period_ms
        self.meter = meter
        self.cost_s = cost_s
        self.began_ms: list[int] = []
        self.failures: list[str] = []
        self.extra_ms: int | None = None
        self.read = asyncio.Event()

    async def run(self) -> int | None:
        """One poll."""
        self.began_ms.append(WallClock().monotonic_ms())
        if self.meter is not None:
            await self.meter.read()
        elif self.cost_s:
            await asyncio.sleep(self.cost_s)
            raise MeterSilent(f"{self.meter_id} is silent")
        self.read.set()
        extra_ms, self.extra_ms = self.extra_ms, None
        return extra_ms

    async def failed(self, error: MeterError) -> None:
        """Keep what was said."""
        self.failures.append(str(error))

    def wake(self) -> None:
        """Nothing to forget."""


async def for_a_while(bus: Bus, seconds: float) -> None:
    """Let the bus task run."""
    task = asyncio.create_task(bus.run())
    await asyncio.sleep(seconds)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_neighbours_of_a_dead_and_a_late_unit_keep_their_period() -> None:
    """A silent meter backs off by itself and never costs its neighbours their period."""

    async def scenario() -> None:
        clock = WallClock()
        async with Simulation.start(RTU.replace("19200", "115200")) as sim:
            path = str(sim.line("rs485").path)
            bus = build_serial_bus("rs485", path, "115200 8N1", clock=clock, timeout_ms=80, gap_ms=2)
            good, late, dead = (
                Watched(name, 250, build_meter(MeterSpec(name, unit, profile.load(model)), bus, clock=clock))
                for name, unit, model in (
                    ("good", 1, "chint-ddsu666"),
                    ("late", 2, "acrel-ddsy1352"),
                    ("dead", 9, "chint-ddsu666"),
                )
            )
            good.meter = build_meter(MeterSpec("hiking", 3, profile.load("hiking-dds238")), bus, clock=clock)
            good.meter.unit = 1
            await sim.do("fault acrel late 110")
            for job in (dead, late, good):
                bus.add(job)
            await for_a_while(bus, 4.0)
            gaps = [b - a for a, b in zip(good.began_ms[2:], good.began_ms[3:], strict=False)]
            assert len(good.began_ms) >= 13
            assert sum(gap >= 2 * 250 for gap in gaps) <= 1, "one may be the machine's own pause"
            assert abs(sum(gaps) / len(gaps) - 250) < 30
            assert good.failures == []
            assert len(dead.began_ms) <= 7
            assert len(late.began_ms) <= 7

    asyncio.run(scenario())


def test_the_rate_is_fixed_and_a_stall_makes_no_burst() -> None:
    """Due times stay on the grid: no drift by the poll's own time, no polls made up for after a stall."""

    async def scenario() -> None:
        bus = build_tcp_bus("lan", "127.0.0.1", 1, clock=WallClock())
        job = Watched("m", 50, None)
        bus.add(job)
        task = asyncio.create_task(bus.run())
        await asyncio.sleep(0.5)
        import time

        stalled = len(job.began_ms)
        time.sleep(0.4)  # the whole process stands still
        await asyncio.sleep(0.11)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert 6 <= stalled <= 11
        assert len(job.began_ms) - stalled <= 4
        first = job.began_ms[0]
        offsets = [(at - first) % 50 for at in job.began_ms[1:stalled]]
        assert sum(1 for offset in offsets if min(offset, 50 - offset) <= 15) >= len(offsets) - 3

    asyncio.run(scenario())


def test_wake_polls_now_also_a_meter_that_is_left_alone() -> None:
    """After a top-up nobody waits for a back-off or for the next period (I10)."""

    async def scenario() -> None:
        bus = build_tcp_bus("lan", "127.0.0.1", 1, clock=WallClock())
        job = Watched("m", 600_000, None, cost_s=0.01)
        bus.add(job)
        task = asyncio.create_task(bus.run())
        for count in range(1, 6):
            await asyncio.sleep(0.05)
            assert len(job.began_ms) == count
            assert bus.wake("m")
        assert not bus.wake("nobody")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())


def test_who_waits_for_a_meter_does_not_wait_for_its_neighbours() -> None:
    """On a slow line with many meters due, the one that was topped up is read next (I10)."""

    async def scenario() -> None:
        bus = build_tcp_bus("lan", "127.0.0.1", 1, clock=WallClock())
        order: list[str] = []

        class Slow(Watched):
            async def run(self) -> int | None:
                order.append(self.meter_id)
                if self.meter_id == "m1":
                    assert bus.wake("m9")
                await asyncio.sleep(0.005)
                return None

        for number in range(1, 10):
            bus.add(Slow(f"m{number}", 600_000, None))
        await for_a_while(bus, 0.2)
        assert order[:2] == ["m1", "m9"]
        assert sorted(order) == [f"m{number}" for number in range(1, 10)]

    asyncio.run(scenario())


def test_an_extra_poll_does_not_move_the_grid() -> None:
    """A quarantined reading is read again soon (decision 6)."""

    async def scenario() -> None:
        bus = build_tcp_bus("lan", "127.0.0.1", 1, clock=WallClock())
        job = Watched("m", 1_000, None)
        job.extra_ms = 300
        bus.add(job)
        await for_a_while(bus, 1.5)
        offsets = [at - job.began_ms[0] for at in job.began_ms]
        assert all(0 <= at - due < 290 for at, due in zip(offsets, (0, 300, 1_000), strict=True))

    asyncio.run(scenario())


class Noisy(Watched):
    """A job that fails as its dice fall."""

    def __init__(self, meter_id: str, dice: random.Random) -> None:
        super().__init__(meter_id, 60, None)
        self.dice = dice
        self.good = 0

    async def run(self) -> int | None:
        """One poll, one in eight fails."""
        if self.dice.random() < 1 / 8:
            raise MeterSilent("noise")
        self.good += 1
        return None


def test_on_a_noisy_line_nobody_starves() -> None:
    """Peers.md 6: who fails now and then is tried at its next turn; being left alone is for the silent."""

    async def scenario() -> None:
        bus, dice = build_tcp_bus("lan", "127.0.0.1", 1, clock=WallClock()), random.Random(7)
        jobs = [Noisy(f"m{k}", dice) for k in range(12)]
        for job in jobs:
            bus.add(job)
        await for_a_while(bus, 1.5)
        assert min(job.good for job in jobs) > 25 * 5 // 8

    asyncio.run(scenario())


def test_who_waits_for_a_silent_meter_is_served_soon_however_long_its_period(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decision 11: a top-up whose first poll fails does not wait for the next period, nor for a back-off."""
    monkeypatch.setattr(buses, "HURRY_FIRST_MS", 20)

    async def scenario() -> None:
        bus = build_tcp_bus("lan", "127.0.0.1", 1, clock=WallClock())
        silent = Watched("silent", 900_000, None, cost_s=0.001)
        bus.add(silent)
        task = asyncio.create_task(bus.run())
        await asyncio.sleep(0.05)
        assert len(silent.failures) == 1
        bus.wake("silent")
        await asyncio.sleep(0.3)
        assert 4 <= len(silent.failures) <= 7  # after 0, 20, 40, 80, 160 ms
        silent.cost_s = 0
        async with asyncio.timeout(1):
            await silent.read.wait()
        task.cancel()

    asyncio.run(scenario())


def test_a_line_that_is_away_blames_no_meter() -> None:
    """When the peer is back all its meters are polled at once, not after their back-offs."""

    async def scenario() -> None:
        clock = WallClock()
        async with Simulation.start(RTU) as sim:
            line = cast("TcpLine", sim.line("lan"))
            bus = build_tcp_bus("lan", line.host, line.port, clock=clock, timeout_ms=100)
            meter = build_meter(MeterSpec("m", 1, profile.load("eastron-sdm630")), bus, clock=clock)
            job = Watched("m", 50, meter)
            bus.add(job)
            task = asyncio.create_task(bus.run())
            await asyncio.wait_for(job.read.wait(), 2)
            await sim.do("unplug lan")
            await asyncio.sleep(0.6)
            assert len(job.failures) >= 5
            await sim.do("replug lan")
            job.read.clear()
            await asyncio.wait_for(job.read.wait(), 2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(scenario())


def test_back_off_doubles_and_is_capped() -> None:
    """Three failures, then 1, 2, 4 .. 64 polls, never more than five minutes; an answer ends it."""
    breaker = Breaker(1000)
    waits = []
    for _ in range(14):
        breaker.failed(0)
        waits.append(breaker.wait_ms(0))
    assert waits == [0, 0, 1000, 2000, 4000, 8000, 16000, 32000, 64000, 64000, 64000, 64000, 64000, 64000]
    slow = Breaker(60_000)
    for _ in range(20):
        slow.failed(0)
    assert slow.wait_ms(0) == 300_000
    slow.answered()
    assert (slow.wait_ms(0), slow.silent) == (0, False)
