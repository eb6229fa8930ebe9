"""The installation as the files describe it: every meter with its model, its requests, its switch and its limiter.

`survey` joins gateway.toml with the meter profiles and reports what only both together can tell: a limiter the model
does not have, a poll that takes longer than its period, meters that want different lines. `app` builds from the
result and `plan` prints it, so what `check` shows is what runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.commands.keys import Keyring, parse_keys
from gateway.config import document, loader
from gateway.config.findings import Findings
from gateway.config.loader import Configuration
from gateway.config.settings import (
    AccountTable,
    MeterSwitch,
    MeterTable,
    OutputSwitch,
    RelaySwitch,
    RtuBus,
    SwitchedLimiter,
    TcpBus,
    ThresholdLimiter,
)
from gateway.errors import ConfigError
from gateway.meters import planner, profile
from gateway.meters.planner import Line, Span
from gateway.meters.profile import Capability, Profile, Relay, Switch, WhenDead

_BUSY_SHARE = 0.8
"""A bus needs room for time-outs and repeats: above this share of its time `check` warns."""
_MINI_UARTS = ("/dev/serial0", "/dev/ttyS0")


@dataclass(frozen=True, slots=True)
class Point:
    """One meter of the installation with everything known about it.

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


@dataclass(frozen=True, slots=True)
class Installation:
    """A configuration that fits its meters; `lines` are the serial settings by bus id."""

    configuration: Configuration
    points: tuple[Point, ...]
    lines: Mapping[str, Line]
    keys: Keyring
    warnings: tuple[str, ...]


def load(file: Path) -> Installation:
    """The whole configuration of one gateway; ConfigError with every mistake found."""
    findings = Findings()
    installation = survey(file, findings)
    findings.raise_if_any()
    assert installation is not None, "without a mistake there is an installation"
    return installation


def survey(file: Path, findings: Findings) -> Installation | None:
    """Read and compare everything; mistakes go to `findings`. None when gateway.toml itself is not usable."""
    configuration = loader.load(file, findings)
    if configuration is None:
        return None
    where = str(file)
    found = {table.id: _profiles(table, configuration, where, findings) for table in configuration.settings.meter}
    lines = _lines(configuration, found, where, findings)
    points = []
    for table in configuration.settings.meter:
        bus = next((bus for bus in configuration.settings.bus if bus.id == table.bus), None)
        own = found[table.id]
        if bus is None or own is None:
            continue
        point = _point(table, bus, own, configuration, lines)
        _check_point(point, where, findings)
        points.append(point)
    _check_load(points, where, findings)
    keys = _keys(configuration.keys, findings)
    return Installation(configuration, tuple(points), lines, keys, tuple(findings.warnings))


def _keys(file: Path, findings: Findings) -> Keyring:
    """Whose signatures count; a missing file was reported with the other files."""
    try:
        return parse_keys(file.read_text(encoding="utf-8"), str(file)) if file.is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        findings.refuse(f"cannot be read: {error}", file=str(file))
    except ConfigError as error:
        findings.errors.append(error)
    return {}


@dataclass(frozen=True, slots=True)
class _Models:
    meter: Profile
    file: Path
    relay: Profile | None


def _profiles(table: MeterTable, configuration: Configuration, where: str, findings: Findings) -> _Models | None:
    key = f"[[meter]] {table.id!r}"
    meter = _profile(table.model, f"{key} model", configuration, where, findings)
    relay = None
    if isinstance(table.switch, RelaySwitch):
        relay = _profile(table.switch.model, f"{key} switch.model", configuration, where, findings)
        if relay is None:
            return None
    if meter is None:
        return None
    return _Models(
        meter[0], meter[1], relay[0] if relay else meter[0] if isinstance(table.switch, OutputSwitch) else None
    )


def _profile(
    model: str, key: str, configuration: Configuration, where: str, findings: Findings
) -> tuple[Profile, Path] | None:
    path = loader.find("meters", model, configuration.folders)
    if path is None:
        hint = document.nearest(model, loader.known("meters", configuration.folders))
        findings.refuse(f"no profile for the model {model!r}", file=where, key=key, hint=f"{hint}; see docs/meters.md")
        return None
    try:
        return profile.parse(path.read_bytes(), str(path), model), path
    except ConfigError as error:
        if str(error) not in map(str, findings.errors):  # two meters of one model: say it once
            findings.errors.append(error)
        return None


def _lines(
    configuration: Configuration, found: Mapping[str, _Models | None], where: str, findings: Findings
) -> dict[str, Line]:
    """The serial settings of each serial bus: as written, else what all its meters are delivered with."""
    lines = {}
    for bus in configuration.settings.bus:
        if not isinstance(bus, RtuBus):
            continue
        key = f"[[bus]] {bus.id!r} line"
        delivered = {
            table.id: models.meter.serial_default
            for table in configuration.settings.meter
            if table.bus == bus.id and (models := found[table.id]) is not None and models.meter.serial_default
        }
        text = bus.line or next(iter(delivered.values()), "")
        if not text:
            findings.refuse(
                "is not known from the meters", file=where, key=key, hint='write it, like line = "9600 8N1"'
            )
            continue
        try:
            lines[bus.id] = planner.parse_line(text)
        except ValueError as error:
            findings.refuse(str(error), file=where, key=key, hint='baud rate, data bits, parity, stop bits: "9600 8N1"')
            continue
        others = [f"{meter} {default}" for meter, default in delivered.items() if default != text]
        if others and not bus.line:
            listed = ", ".join(f"{meter} {default}" for meter, default in delivered.items())
            findings.refuse(
                f"its meters are delivered with different lines: {listed}",
                file=where,
                key=key,
                hint="set all of them to one and write it here",
            )
        elif others:
            findings.warn(f"the line is {text}, as delivered it is: {', '.join(others)}; set it at the meter", key=key)
        if bus.port.startswith(_MINI_UARTS) and (lines[bus.id].parity != "N" or lines[bus.id].stop_bits != 1):
            findings.warn(
                f"on most Raspberry Pi models {bus.port} is the mini-UART, which ignores parity and the second stop "
                "bit without an error: no meter would answer. Use a USB adapter, or /dev/ttyAMA0 with "
                "dtoverlay=disable-bt",
                key=key,
            )
    return lines


def _point(
    table: MeterTable, bus: RtuBus | TcpBus, own: _Models, configuration: Configuration, lines: Mapping[str, Line]
) -> Point:
    if isinstance(table.switch, RelaySwitch | OutputSwitch):
        when_dead: WhenDead | None = WhenDead(table.switch.when_dead)
    else:
        when_dead = None if table.switch is None else own.meter.when_dead
    fast, full = _requests(own.meter, table)
    account = next((account for account in configuration.settings.account if account.meter == table.id), None)
    bus_ms = planner.bus_time_ms(fast, lines.get(bus.id), gap_ms(bus, own.meter))
    relay_ms = 0.0
    if (ask := _relay_request(table, own)) is not None and own.relay is not None:
        board_bus = next((one for one in configuration.settings.bus if one.id == relay_bus(table)), bus)
        relay_ms = planner.bus_time_ms([ask], lines.get(board_bus.id), gap_ms(board_bus, own.relay))
    return Point(table, bus, own.meter, own.file, own.relay, when_dead, fast, full, bus_ms, relay_ms, account)


def relay_bus(table: MeterTable) -> str | None:
    """The bus on which the supply switch is read by itself; None when it is read with the meter or there is none."""
    match table.switch:
        case RelaySwitch(bus=bus_id):
            return bus_id
        case OutputSwitch():
            return table.bus
        case _:
            return None


def _relay_request(table: MeterTable, own: _Models) -> Span | None:
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


def _requests(model: Profile, table: MeterTable) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
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


def _check_point(point: Point, where: str, findings: Findings) -> None:
    """One meter against its model."""
    table, model = point.table, point.profile
    key = f"[[meter]] {table.id!r}"
    if not model.can_bill:
        findings.refuse(
            f"{table.model!r} is an actuator: it has no energy register to charge from",
            file=where,
            key=f"{key} model",
            hint='name the meter here and the actuator in switch = { kind = "relay", ... }',
        )
    moves = {Capability.DISCONNECT, Capability.RECONNECT}
    if isinstance(table.switch, MeterSwitch) and not moves <= set(model.capabilities):
        findings.refuse(
            f"{table.model!r} has no relay that can be told to open and close",
            file=where,
            key=f"{key} switch.kind",
            hint='use a relay board and a contactor: switch = { kind = "relay", model = "generic-relay", ... }',
        )
    if isinstance(table.switch, RelaySwitch | OutputSwitch) and point.relay is not None:
        _check_relay(table, table.switch, point.relay, where, findings)
    if isinstance(table.limiter, ThresholdLimiter) and Capability.SET_LIMIT not in model.capabilities:
        findings.refuse(
            f"{table.model!r} has no power threshold that can be written",
            file=where,
            key=f"{key} limiter.kind",
            hint='limit with the switch: limiter = { kind = "switched" }',
        )
    if isinstance(table.limiter, SwitchedLimiter) and isinstance(table.switch, MeterSwitch):
        _check_dead(point, where, findings)
    _check_doubts(point, where, findings)


def _check_relay(
    table: MeterTable, switch: RelaySwitch | OutputSwitch, board: Profile, where: str, findings: Findings
) -> None:
    key = f"[[meter]] {table.id!r} switch"
    if board.relay is None:
        if board.switch is None or isinstance(switch, OutputSwitch):
            findings.refuse(
                f"{board.model!r} has no output to switch with",
                file=where,
                key=f"{key}.model" if isinstance(switch, RelaySwitch) else f"{key}.kind",
                hint='for example kind = "relay" with model = "generic-relay"',
            )
        return
    if switch.channel >= board.relay.channels:
        findings.refuse(
            f"{switch.channel} does not exist: {board.model!r} has {board.relay.channels} channels",
            file=where,
            key=f"{key}.channel",
            hint=f"0 to {board.relay.channels - 1}",
        )
    if board.relay.confidence == "low" and not table.accept_unverified:
        findings.refuse(
            f"the output register of {board.model!r} is unverified ({board.relay.note})",
            file=where,
            key=key,
            hint="try it on the bench, then write accept_unverified = true",
        )


def _check_dead(point: Point, where: str, findings: Findings) -> None:
    key = f"[[meter]] {point.table.id!r} limiter"
    if point.when_dead is WhenDead.OPENS:
        findings.refuse(
            f"the relay of {point.table.model!r} opens when the gateway is dead",
            file=where,
            key=key,
            hint="limit by switching only with an actuator that holds or closes (decision 15)",
        )
    elif point.when_dead is WhenDead.UNKNOWN:
        findings.warn(
            "nobody knows what this relay does when the gateway is dead; try it before relying on it", key=key
        )


def _check_doubts(point: Point, where: str, findings: Findings) -> None:
    """Registers that nobody confirmed must not charge anybody unless somebody on site says they are right."""
    model, table = point.profile, point.table
    key = f"[[meter]] {table.id!r}"
    if model.word_order_doubt and table.word_order is None:
        findings.refuse(
            f"the word order of {table.model!r} is in doubt: {model.word_order_doubt}",
            file=where,
            key=f"{key} word_order",
            hint='compare a reading with the meter\'s display, then write word_order = "little" or "big"',
        )
    energy = model.registers.get(model.energy)
    doubt = "the sources of the profile are weak" if model.confidence == "low" else ""
    if energy is not None and energy.confidence and not doubt:
        doubt = f"the address of its energy register is {energy.confidence}"
    if not doubt or point.account is None:
        return
    if table.accept_unverified:
        findings.warn(f"{table.model!r} is used for charging although {doubt}", key=f"{key} accept_unverified")
    else:
        findings.refuse(
            f"{table.model!r} may be read wrongly: {doubt}",
            file=where,
            key=f"{key} accept_unverified",
            hint="compare a reading with the meter's display; when they agree write accept_unverified = true",
        )


def _check_load(points: list[Point], where: str, findings: Findings) -> None:
    """A bus must have time for all its meters."""
    for bus_id in dict.fromkeys(point.bus.id for point in points):
        share = busy_share(points, bus_id)
        key = f"[[bus]] {bus_id!r}"
        if share > 1:
            mine = [point.table.id for point in points if point.bus.id == bus_id]
            findings.refuse(
                f"its meters need {share:.0%} of the time: {', '.join(mine)}",
                file=where,
                key=key,
                hint="raise poll_s, raise the baud rate, or divide the meters over two buses",
            )
        elif share > _BUSY_SHARE:
            findings.warn(f"its meters need {share:.0%} of the time, which leaves little for repeats", key=key)


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
