"""One simulated meter with its poll, and a desk that keeps what it is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import cast

from firmware_sim.rtu import RtuLine
from firmware_sim.simulation import Simulation
from firmware_sim.tcp import TcpLine
from gateway.errors import MeterError
from gateway.meters import profile
from gateway.meters.build import MeterSpec, SwitchSpec, build_meter, build_serial_bus, build_tcp_bus
from gateway.meters.device import ModbusMeter
from gateway.meters.limiter import LimiterRules
from gateway.meters.meter import Observation
from gateway.meters.poll import Poll
from gateway.prepayment.account import Account, Outcome, Terms
from gateway.prepayment.arrears import Reconnected
from gateway.prepayment.events import MeterEvent, Reading
from gateway.prepayment.supply import SupplyState
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
        self.reconnections = 0

    def stand(self, state: SupplyState) -> None:
        """Put the account on a rung."""
        assert self.current is not None
        self.current = replace(self.current, supply=replace(self.current.supply, state=state))

    def arm(self) -> None:
        """Entitled again, but somebody on site has to say so."""
        self.stand(SupplyState.NORMAL)
        assert self.current is not None
        self.current = replace(self.current, armed=True)

    async def post(self, meter_id: str, event: Reading | MeterEvent | Reconnected) -> Outcome:
        """Keep it."""
        assert self.current is not None
        if isinstance(event, Reading):
            self.readings.append(event)
        elif isinstance(event, Reconnected):
            self.current = replace(self.current, armed=False)
            self.reconnections += 1
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


def observation(*, limit_w: int | None) -> Observation:
    """A poll that saw nothing but a threshold."""
    return Observation(None, None, 1, None, None, None, None, limit_w, None, {})


class Scene:
    """A poll of one simulated meter."""

    def __init__(self, sim: Simulation, poll: Poll, meter: ModbusMeter, book: Book, clock: HurriedClock) -> None:
        self.sim, self.poll, self.meter, self.book, self.clock = sim, poll, meter, book, clock
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
        serial = build_serial_bus("rs485", str(rtu.path), "19200 8N1", clock=clock, timeout_ms=250, gap_ms=2)
        lan = build_tcp_bus("lan", tcp.host, tcp.port, clock=clock, timeout_ms=250)
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
        stage = Scene(sim, poll, meter, book, clock)
        stage.seen = seen
        try:
            yield stage
        finally:
            await serial.link.close()
            await lan.link.close()
