"""The installation as the files describe it: every meter with its model, its requests, its switch and its limiter.

`survey` joins gateway.toml with the meter profiles and reports what only both together can tell: a limiter the model
does not have, a poll that takes longer than its period, meters that want different lines. `app` builds from the
result and `plan` prints it, so what `check` shows is what runs.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    ThresholdLimiter,
)
from gateway.errors import ConfigError
from gateway.meters import planner, profile
from gateway.meters.planner import Line
from gateway.meters.profile import Capability, Profile, WhenDead
from gateway.point import Models, Point, busy_share, point_of
from gateway.prepayment.account import Terms
from gateway.prepayment.events import AccountOpened, Moment
from gateway.prepayment.money import parse_money

_BUSY_SHARE = 0.8
"""A bus needs room for time-outs and repeats: above this share of its time `check` warns."""
_MINI_UARTS = ("/dev/serial0", "/dev/ttyS0")


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
        point = point_of(table, bus, own, configuration, lines)
        _check_point(point, where, findings)
        points.append(point)
    _check_load(points, where, findings)
    keys = _keys(configuration.keys, findings)
    return Installation(configuration, tuple(points), lines, keys, tuple(findings.warnings))


def _keys(file: Path, findings: Findings) -> Keyring:
    """Whose signatures count; a missing file was reported with the other files."""
    try:
        return parse_keys(file.read_text(encoding="utf-8"), str(file)) if loader.is_file(file) else {}
    except UnicodeDecodeError as error:
        findings.refuse(f"byte {error.start} is not UTF-8", file=str(file), hint="save it as UTF-8")
    except OSError as error:
        findings.refuse(f"cannot be read: {error.strerror}", file=str(file))
    except ConfigError as error:
        findings.errors.append(error)
    return {}


def _profiles(table: MeterTable, configuration: Configuration, where: str, findings: Findings) -> Models | None:
    key = f"[[meter]] {table.id!r}"
    meter = _profile(table.model, f"{key} model", configuration, where, findings)
    relay = None
    if isinstance(table.switch, RelaySwitch):
        relay = _profile(table.switch.model, f"{key} switch.model", configuration, where, findings)
        if relay is None:
            return None
    if meter is None:
        return None
    return Models(
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
        return profile.read(path, model), path
    except ConfigError as error:
        if str(error) not in map(str, findings.errors):  # two meters of one model: say it once
            findings.errors.append(error)
        return None


def _lines(
    configuration: Configuration, found: Mapping[str, Models | None], where: str, findings: Findings
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


def terms(point: Point, installation: Installation) -> Terms:
    """What the core must know of a delivery point."""
    return Terms(
        rated_power_w=point.table.rated_power_w,
        can_disconnect=point.table.switch is not None,
        can_limit=point.table.limiter is not None,
        calendars=installation.configuration.calendars,
        wraps_at_wh=point.profile.wraps_at_wh,
        voltages=point.profile.voltages,
        serial=point.table.serial,
    )


def opening(table: AccountTable, installation: Installation, at: Moment) -> AccountOpened:
    """How an account of the file begins when the store has never seen it."""
    configuration = installation.configuration
    serial = next((point.table.serial for point in installation.points if point.table.id == table.meter), None)
    return AccountOpened(
        at=at,
        command_id=f"file:{table.id}",
        account_id=table.id,
        meter_id=table.meter,
        currency=table.currency,
        contract_power_w=table.contract_power_w,
        policy=configuration.policies[table.policy],
        tariff=configuration.tariffs[table.tariff],
        opening_balance_nano=parse_money(table.opening_balance),
        opening_register_wh=table.opening_register_wh,
        delivery_point=table.delivery_point,
        commodity=table.commodity,
        voltage=table.voltage,
        domestic=table.domestic,
        plant_power_w=table.plant_power_w,
        meter_serial=serial,
    )
