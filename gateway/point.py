"""A delivery point as it is installed: one meter with its bus, model, relay and account, and what its polls ask.

Pure joining of what `config` and the meter profiles say; what may not be so is judged in `installation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.config.loader import Configuration
from gateway.config.settings import (
    AccountTable,
    MeterSwitch,
    MeterTable,
    OutputSwitch,
    RelaySwitch,
    RtuBus,
    TcpBus,
    ThresholdLimiter,
)
from gateway.meters import planner
from gateway.meters.planner import Line, Span
from gateway.meters.profile import Profile, Relay, Switch, WhenDead


@dataclass(frozen=True, slots=True)
class Models:
    """The profiles of one meter: its own, the file it came from, and that of the device that switches it."""

    meter: Profile
    file: Path
    relay: Profile | None


@dataclass(frozen=True, slots=True)
class Point:
    """A delivery point as it is installed; `account` None: nobody is charged here by the file.

    `fast` is what each poll asks of the meter, `full` what it asks when the slow values are due too. `bus_ms` is the
    time of a fast poll on the meter's bus, `relay_ms` that of reading its relay board on the board's bus.
    """

    table: MeterTable
    bus: RtuBus | TcpBus
    profile: Profile
    profile_file: Path
    relay: Profile | None
    when_dead: WhenDead | None
    fast: tuple[Span, ...]
    full: tuple[Span, ...]
    bus_ms: float
    relay_ms: float
    account: AccountTable | None


def point_of(
    table: MeterTable, bus: RtuBus | TcpBus, own: Models, configuration: Configuration, lines: Mapping[str, Line]
) -> Point:
    """Join one meter with its models, its bus and its account."""
    if isinstance(table.switch, RelaySwitch | OutputSwitch):
        when_dead: WhenDead | None = WhenDead(table.switch.when_dead)
    else:
        when_dead = None if table.switch is None else own.meter.when_dead
    fast, full = requests_of(own.meter, table)
    account = next((account for account in configuration.settings.account if account.meter == table.id), None)
    bus_ms = planner.bus_time_ms(fast, lines.get(bus.id), gap_ms(bus, own.meter))
    relay_ms = 0.0
    if (ask := _relay_request(table, own)) is not None and own.relay is not None:
        board_bus = next((one for one in configuration.settings.bus if one.id == relay_bus(table)), bus)
        relay_ms = planner.bus_time_ms([ask], lines.get(board_bus.id), gap_ms(board_bus, own.relay))
    return Point(table, bus, own.meter, own.file, own.relay, when_dead, fast, full, bus_ms, relay_ms, account)


def busy_share(points: Sequence[Point], bus_id: str) -> float:
    """Which part of the time of a bus its polls take (1 is all of it)."""
    share = 0.0
    for point in points:
        period_ms = point.table.poll_s * 1000
        if point.bus.id == bus_id:
            share += point.bus_ms / period_ms
        if relay_bus(point.table) == bus_id:
            share += point.relay_ms / period_ms
    return share


def relay_bus(table: MeterTable) -> str | None:
    """The bus on which the supply switch is read by itself; None when it is read with the meter or there is none."""
    match table.switch:
        case RelaySwitch(bus=bus_id):
            return bus_id
        case OutputSwitch():
            return table.bus
        case _:
            return None


def _relay_request(table: MeterTable, own: Models) -> Span | None:
    match table.switch, own.relay:
        case ((RelaySwitch(channel=channel) | OutputSwitch(channel=channel)), Profile(relay=Relay() as outputs)):
            return Span(outputs.fc_read, outputs.base + channel, 1)
        case RelaySwitch(), Profile(switch=Switch() as inside):
            return Span(inside.fc_read, inside.address, len(inside.open))
        case _:
            return None


def gap_ms(bus: RtuBus | TcpBus, model: Profile) -> int:
    """The pause a model wants between two requests; networks need none."""
    return max(model.min_gap_ms, bus.gap_ms) if isinstance(bus, RtuBus) else 0


def requests_of(model: Profile, table: MeterTable) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """What a fast and a full poll ask; a test holds this against what `ModbusMeter` really asks."""

    def span(name: str) -> Span:
        register = model.registers[name]
        return Span(register.fc or model.read_fc, register.address, register.words)

    fast = {span(name) for name in (model.energy, model.energy_export, model.power, *model.fast) if name}
    if isinstance(table.switch, MeterSwitch) and model.switch is not None:
        fast.add(Span(model.switch.fc_read, model.switch.address, len(model.switch.open)))
    if isinstance(table.limiter, ThresholdLimiter) and model.limit is not None:
        fast.add(Span(model.limit.fc_read, model.limit.enabled_address, 1))
        fast.add(Span(model.limit.fc_read, model.limit.threshold.address, model.limit.threshold.words))
        if model.limit.output_address is not None:
            fast.add(Span(model.limit.fc_read, model.limit.output_address, 1))
    readable = {span(name) for name in model.registers}

    def cover(wanted: set[Span]) -> tuple[Span, ...]:
        limit = model.max_registers_per_request
        return tuple(planner.plan(wanted, max_registers=limit, bridge=model.bridge, readable=readable))

    return cover(fast), cover(fast | {span(name) for name in model.slow})
