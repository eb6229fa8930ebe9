"""Everything on the wires, built from an `Installation`: buses, meters and their polls, joined to the teller.

A poll knows its meter; which account that meter serves is looked up at each step, so an account that is opened or
closed by a command is found at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.clock import SystemClock
from gateway.config.settings import (
    MeterSwitch,
    MeterTable,
    OutputSwitch,
    RelaySwitch,
    RtuBus,
    SwitchedLimiter,
    TcpBus,
    ThresholdLimiter,
)
from gateway.headend.live import LivePublisher
from gateway.installation import Installation
from gateway.meters.build import LimiterKind, MeterSpec, SwitchSpec, build_meter, build_serial_bus, build_tcp_bus
from gateway.meters.bus import Bus
from gateway.meters.limiter import LimiterRules
from gateway.meters.meter import Meter, Observation
from gateway.meters.poll import Poll
from gateway.meters.profile import WhenDead
from gateway.meters.registers import WordOrder
from gateway.meters.trial import Trial
from gateway.point import Point
from gateway.prepayment.account import Account, Outcome, Terms
from gateway.prepayment.arrears import Reconnected
from gateway.prepayment.delinquency import phase_of
from gateway.prepayment.events import MeterEvent, Moment, Reading
from gateway.prepayment.ledger import Transition
from gateway.teller import Teller


@dataclass(frozen=True, slots=True)
class Seen:
    """What a poll saw last of a meter, and at which running time; what is read more seldom as it was read last."""

    running_ms: int
    observed: Observation
    serial: str
    values: Mapping[str, float | int]

    def age_ms(self, at: Moment) -> int:
        """How long ago that was, in running time."""
        return at.running_ms - self.running_ms


BusFactory = Callable[[RtuBus | TcpBus, Installation, SystemClock], Bus]


class Plant:
    """The buses of an installation with their meters; `buses` are run by whoever owns the task group."""

    def __init__(
        self, installation: Installation, teller: Teller, clock: SystemClock, bus_factory: BusFactory | None = None
    ) -> None:
        self._teller = teller
        self._clock = clock
        self._live: LivePublisher | None = None
        self._bus_of: dict[str, Bus] = {}
        self._polls: dict[str, Poll] = {}
        self._witnesses: set[str] = set()
        self._latest: dict[str, Seen] = {}
        make = bus_factory or build_bus
        self.buses: Mapping[str, Bus] = {
            bus.id: make(bus, installation, clock) for bus in installation.configuration.settings.bus
        }
        desk = _Desk(teller)
        for point in installation.points:
            table = point.table
            poll = Poll(
                _meter(point, self.buses, clock),
                desk,
                clock,
                period_ms=table.poll_s * 1000,
                limiter=_limiter_rules(table),
                seen=self._seen,
            )
            self.buses[table.bus].add(poll)
            self._polls[table.id] = poll
            self._bus_of[table.id] = self.buses[table.bus]
            if point.profile.clock is not None:
                self._witnesses.add(table.id)
                clock.expect(f"meter:{table.id}")
        teller.subscribe(self._told)

    def watch(self, live: LivePublisher) -> None:
        """Publish what each poll sees from now on."""
        self._live = live

    def latest(self, meter_id: str) -> Seen | None:
        """What was seen last of this meter in this run; None when it has not answered yet."""
        return self._latest.get(meter_id)

    async def try_switch(self, meter_id: str) -> Trial | None:
        """Open and close the supply switch of a meter: see `meters.trial`. Raises MeterError, KeyError."""
        asked = self._polls[meter_id].trials.ask()
        self._bus_of[meter_id].wake(meter_id)
        return await asked

    def _told(self, _account_id: str, account: Account, outcome: Outcome) -> None:
        """A command or a change of rung concerns the meter now, not at its next poll."""
        if outcome.verdict is not None or any(isinstance(record, Transition) for record in outcome.records):
            bus = self._bus_of.get(account.meter_id)
            if bus is not None:
                bus.wake(account.meter_id)

    def _seen(self, meter_id: str, observed: Observation) -> None:
        before = self._latest.get(meter_id)
        serial = observed.serial or ("" if before is None else before.serial)
        values = observed.values if before is None else {**before.values, **observed.values}
        at = self._clock.now()
        self._latest[meter_id] = Seen(at.running_ms, observed, serial, values)
        if meter_id in self._witnesses:
            self._clock.witness(f"meter:{meter_id}", observed.clock_ms)
        account = self._teller.account_of_meter(meter_id)
        if account is None or self._live is None:
            return
        self._live.publish(
            account,
            at,
            switch=observed.switch,
            power_w=observed.power_w,
            limit_w=observed.limit_w,
            import_wh=observed.import_wh,
            defect=observed.defect,
            values=observed.values,
            phase=phase(account, self._teller.terms(account.account_id), at),
        )


def phase(account: Account, terms: Terms, at: Moment) -> str | None:
    """What an order could do now to a post-paid supply; for the people who look, never for the record."""
    return None if account.policy.delinquency is None else phase_of(account, terms, at).value


class _Desk:
    """The teller as a poll sees it: by meter. KeyError for a meter without an account."""

    def __init__(self, teller: Teller) -> None:
        self._teller = teller

    def account(self, meter_id: str) -> Account | None:
        """The account this meter serves now."""
        return self._teller.account_of_meter(meter_id)

    def terms(self, meter_id: str) -> Terms:
        """The terms of that account."""
        return self._teller.terms(self._serving(meter_id))

    async def post(self, meter_id: str, event: Reading | MeterEvent | Reconnected) -> Outcome:
        """Hand the event to that account."""
        return await self._teller.post(self._serving(meter_id), event)

    def _serving(self, meter_id: str) -> str:
        account = self._teller.account_of_meter(meter_id)
        if account is None:
            raise KeyError(meter_id)
        return account.account_id


def build_bus(bus: RtuBus | TcpBus, installation: Installation, clock: SystemClock) -> Bus:
    """A bus of the settings; nothing is opened before the first poll."""
    if isinstance(bus, TcpBus):
        return build_tcp_bus(bus.id, bus.host, bus.port, clock=clock, timeout_ms=bus.timeout_ms)
    line = installation.lines[bus.id]
    text = f"{line.baud} {line.bits}{line.parity}{line.stop_bits}"
    return build_serial_bus(bus.id, bus.port, text, clock=clock, timeout_ms=bus.timeout_ms, gap_ms=bus.gap_ms)


def _meter(point: Point, buses: Mapping[str, Bus], clock: SystemClock) -> Meter:
    table = point.table
    spec = MeterSpec(
        table.id,
        table.address,
        point.profile,
        poll_s=table.poll_s,
        slow_every_s=table.slow_s,
        word_order=None if table.word_order is None else WordOrder(table.word_order),
        limiter=_limiter_kind(table),
        accept_unverified=table.accept_unverified,
    )
    return build_meter(spec, buses[table.bus], clock=clock, switch=_switch_spec(point, buses))


def _limiter_rules(table: MeterTable) -> LimiterRules | None:
    match table.limiter:
        case SwitchedLimiter() as limiter:
            return LimiterRules(
                window_s=limiter.window_s,
                warn_s=limiter.warn_s,
                open_s=limiter.open_s,
                trips_per_hour=limiter.trips_per_hour,
                cooldown_s=limiter.cooldown_s,
            )
        case _:
            return None


def _limiter_kind(table: MeterTable) -> LimiterKind | None:
    match table.limiter:
        case ThresholdLimiter():
            return "threshold"
        case SwitchedLimiter():
            return "switched"
        case None:
            return None


def _switch_spec(point: Point, buses: Mapping[str, Bus]) -> SwitchSpec | None:
    match point.table.switch:
        case None:
            return None
        case MeterSwitch():
            return SwitchSpec("meter")
        case OutputSwitch() as output:
            dead = WhenDead(output.when_dead)
            return SwitchSpec("output", channel=output.channel, energised=output.energised, when_dead=dead)
        case RelaySwitch() as relay:
            return SwitchSpec(
                "relay",
                profile=point.relay,
                bus=buses[relay.bus],
                address=relay.address,
                channel=relay.channel,
                energised=relay.energised,
                when_dead=WhenDead(relay.when_dead),
            )
