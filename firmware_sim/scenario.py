"""A scenario is a TOML file: lines, meters, relay boards, modems, loads, and what happens when, in words of `control`.

`read` turns text into a checked `Scenario`; every error is a `ScenarioError` that names file, key and what would be
right.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from firmware_sim import control
from firmware_sim.clock import NS_PER_S
from firmware_sim.fields import Fields, ScenarioError, nearest
from firmware_sim.models import METER_MODELS, RELAY_MODELS
from firmware_sim.plant import Drive, LineSpec, MeterSpec, ModemSpec, RelaySpec, Scenario, TimedAction
from firmware_sim.profiles import read_profile, time_of_day_s

if TYPE_CHECKING:
    from collections.abc import Mapping

    from firmware_sim.load import Profile

_MOST_KWH = 10**15
_LAST_UNIT = 247
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def parse_toml(text: str, file: str) -> dict[str, object]:
    """TOML with exact decimals."""
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(file, "", f"is not TOML: {error}", "correct the line named") from error


def read(text: str, file: str, profiles: Mapping[str, Profile]) -> Scenario:
    """Read a scenario; `profiles` are the loads it may name besides its own `[loads.NAME]`."""
    top = Fields(parse_toml(text, file), file, "")
    own = {name: read_profile(name, fields) for name, fields in top.named_tables("loads").items()}
    scenario = Scenario(
        file=file,
        name=top.text("name", "unnamed"),
        description=top.text("description", "no description"),
        time_factor=top.whole("time_factor", 1, least=1, most=1_000_000),
        start_of_day_s=time_of_day_s(top, "start_time") if top.has("start_time") else None,
        lines=tuple(_line(fields) for fields in top.tables("line")),
        meters=tuple(meter for fields in top.tables("meter") for meter in _meters(fields)),
        relays=tuple(_relay(fields) for fields in top.tables("relay")),
        modems=tuple(_modem(fields) for fields in top.tables("modem")),
        profiles={**profiles, **own},
        actions=(),
    )
    at = top.tables("at")
    top.done()
    _check(scenario, file)
    names = scenario.names()
    actions = sorted((_timed(fields, names) for fields in at), key=lambda timed: timed.at_ns)
    return replace(scenario, actions=tuple(actions))


def _line(fields: Fields) -> LineSpec:
    line_id = _id(fields)
    kind = fields.text("kind", choices=("rtu", "tcp"))
    if kind == "tcp":
        host = fields.text("host", "127.0.0.1")
        spec = LineSpec(line_id, kind, host=host, port=fields.whole("port", 0, most=65_535))
    else:
        spec = LineSpec(
            line_id,
            kind,
            path=fields.text("path", f"tty-{line_id}"),
            baud=fields.whole("baud", 9600, least=300, most=1_000_000),
            line_time=fields.flag("line_time", default=False),
        )
    fields.done()
    return spec


def _meters(fields: Fields) -> list[MeterSpec]:
    """One meter, or `count` of them with `{n}` in the id and unit and serial counting up."""
    count = fields.whole("count", 1, least=1, most=_LAST_UNIT)
    pattern = fields.text("id")
    if count > 1 and "{n}" not in pattern:
        raise fields.error("id", f'"{pattern}" would be used {count} times', 'put {n} in it, as in id = "m{n}"')
    specs = [_meter(fields, pattern.replace("{n}", str(n + 1)), n) for n in range(count)]
    fields.done()
    return specs


def _meter(fields: Fields, meter_id: str, n: int) -> MeterSpec:
    unit = fields.whole("unit", least=1, most=_LAST_UNIT) + n
    if unit > _LAST_UNIT:
        raise fields.error("unit", f"{unit} is beyond the last unit id", f"begin so that all fit into 1-{_LAST_UNIT}")
    return MeterSpec(
        id=_valid_id(fields, meter_id),
        line=fields.text("line"),
        unit=unit,
        model=fields.text("model", choices=METER_MODELS),
        serial=fields.whole("serial", 21_000_000 + unit, most=0xFFFF_FFFF) + (n if fields.has("serial") else 0),
        start_wh=_wh(fields, "start_kwh"),
        start_export_wh=_wh(fields, "start_export_kwh"),
        load=_load(fields),
        voltage_v=float(fields.number("voltage_v", Decimal(230), least=50, most=500)),
        power_factor=_power_factor(fields),
        relay_closed=fields.text("relay", "closed", choices=("closed", "open")) == "closed",
        wraps_at_wh=_wh(fields, "wraps_at_kwh"),
        answer_ms=fields.whole("answer_ms", 0, most=60_000),
        trip_after_ms=fields.whole("trip_after_ms", 500, least=100, most=600_000),
        hold_ms=fields.whole("hold_ms", 10_000, least=100, most=86_400_000),
        clock_offset_s=fields.whole("clock_offset_s", 0, least=-(10**9), most=10**9),
        clock_drift_ppm=fields.whole("clock_drift_ppm", 0, least=-100_000, most=100_000),
    )


def _power_factor(fields: Fields) -> float:
    factor = fields.number("power_factor", Decimal(1), least=0, most=1)
    if factor < Decimal("0.1"):
        raise fields.error("power_factor", f"{factor} does not fit", "write a number from 0.1 to 1")
    return float(factor)


def _load(fields: Fields) -> int | str:
    if not fields.has("load"):
        fields.whole("load", 0, most=0)
        return 0
    load = fields.raw("load")
    if isinstance(load, str):
        return load
    return int(fields.number("load", least=-(10**7), most=10**7) * 1000)


def _relay(fields: Fields) -> RelaySpec:
    spec = RelaySpec(
        id=_id(fields),
        line=fields.text("line"),
        unit=fields.whole("unit", least=1, most=_LAST_UNIT),
        model=fields.text("model", RELAY_MODELS[0], choices=RELAY_MODELS),
        channels=fields.whole("channels", 8, least=1, most=256),
        latching=fields.flag("latching", default=False),
        answer_ms=fields.whole("answer_ms", 0, most=60_000),
        drives=tuple(_drive(drive) for drive in fields.tables("drives")),
    )
    for drive in spec.drives:
        if drive.channel >= spec.channels:
            raise fields.error(
                "drives", f"channel {drive.channel} is not on the board", f"use 0 to {spec.channels - 1}"
            )
    fields.done()
    return spec


def _drive(fields: Fields) -> Drive:
    drive = Drive(
        channel=fields.whole("channel", most=255),
        meter=fields.text("meter"),
        energised_closes=fields.text("energised", "closed", choices=("closed", "open")) == "closed",
        closed=fields.text("start", "closed", choices=("closed", "open")) == "closed",
    )
    fields.done()
    return drive


def _modem(fields: Fields) -> ModemSpec:
    modem_id = _id(fields)
    spec = ModemSpec(
        id=modem_id,
        path=fields.text("path", f"tty-{modem_id}"),
        pin=fields.text("pin") if fields.has("pin") else "",
        sim=fields.flag("sim", default=True),
        network=fields.text("network", "home", choices=control.NETWORKS),
        reports=fields.text("reports", "delivered", choices=[*control.REPORTS, "none"]),
        takes_cnmi=fields.flag("takes_cnmi", default=True),
        reference=fields.whole("reference", 0, most=255),
    )
    fields.done()
    return spec


def _timed(fields: Fields, names: control.Names) -> TimedAction:
    at_ns = int(fields.number("s", least=0, most=10**9) * NS_PER_S)
    line = fields.text("do")
    fields.done()
    try:
        action = control.parse(line)
        control.check(action, names)
    except control.ControlError as error:
        raise fields.error("do", f'"{line}" cannot be done', str(error)) from error
    return TimedAction(at_ns, action)


def _check(scenario: Scenario, file: str) -> None:
    """Names resolve and are unique; unit ids are unique on their line."""
    line_ids = [line.id for line in scenario.lines]
    devices: list[MeterSpec | RelaySpec] = [*scenario.meters, *scenario.relays]
    modem_ids = [modem.id for modem in scenario.modems]
    _unique([("line", line_id) for line_id in [*line_ids, *modem_ids]], file)
    _unique([("device", name) for name in [*(device.id for device in devices), *modem_ids]], file)
    _unique([(f"unit on line {device.line}", str(device.unit)) for device in devices], file)
    _unique([(f"channel of {r.id}", str(drive.channel)) for r in scenario.relays for drive in r.drives], file)
    if not line_ids and not modem_ids:
        raise ScenarioError(file, "line", "is missing", "add at least one [[line]] or [[modem]]")
    for device in devices:
        _known(file, f"{device.id}.line", device.line, line_ids)
    for meter in scenario.meters:
        if isinstance(meter.load, str):
            _known(file, f"{meter.id}.load", meter.load, scenario.profiles)
    for relay in scenario.relays:
        for drive in relay.drives:
            _known(file, f"{relay.id}.drives.meter", drive.meter, [meter.id for meter in scenario.meters])


def _known(file: str, key: str, value: str, known: Mapping[str, object] | list[str]) -> None:
    if value not in known:
        raise ScenarioError(file, key, f'"{value}" is not there', nearest(value, known))


def _unique(named: list[tuple[str, str]], file: str) -> None:
    seen: set[tuple[str, str]] = set()
    for what, value in named:
        if (what, value) in seen:
            raise ScenarioError(file, what, f'"{value}" is used twice', "give each its own")
        seen.add((what, value))


def _id(fields: Fields) -> str:
    return _valid_id(fields, fields.text("id"))


def _valid_id(fields: Fields, value: str) -> str:
    if _ID.fullmatch(value) is None:
        raise fields.error("id", f'"{value}" is not an id', "use letters, digits, dot, dash and underscore, at most 64")
    return value


def _wh(fields: Fields, key: str) -> int:
    return int(fields.number(key, Decimal(0), least=0, most=_MOST_KWH) * control.WH_PER_KWH)
