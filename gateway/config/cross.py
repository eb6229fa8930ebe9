"""What the tables of gateway.toml must agree on among themselves; needs no other file and no knowledge of models."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.config.document import nearest
from gateway.config.findings import Findings
from gateway.config.settings import (
    AccountTable,
    HeadendTable,
    MeterSwitch,
    MeterTable,
    OutputSwitch,
    RelaySwitch,
    RtuBus,
    Settings,
    SwitchedLimiter,
)
from gateway.prepayment.money import parse_money

_LEAST_W = 100  # less is a power in kW under a name that says W
_LOOPBACK = ("localhost", "127.", "::1")
_NUMBERED_PORTS = ("/dev/ttyUSB", "/dev/ttyACM")


def check(settings: Settings, file: str, findings: Findings) -> None:
    """Report every contradiction between the tables."""
    _check_zone(settings, file, findings)
    for name, ids in (
        ("bus", [bus.id for bus in settings.bus]),
        ("meter", [meter.id for meter in settings.meter]),
        ("account", [account.id for account in settings.account]),
    ):
        for repeated in _repeated(ids):
            findings.refuse("this id stands twice", file=file, key=f"[[{name}]] {repeated!r} id", hint="ids are unique")
    _check_ports(settings, file, findings)
    _check_addresses(settings, file, findings)
    for meter in settings.meter:
        _check_meter(meter, settings, file, findings)
    for account in settings.account:
        _check_account(account, settings, file, findings)
    for meter_id in _repeated([account.meter for account in settings.account]):
        users = [account.id for account in settings.account if account.meter == meter_id]
        findings.refuse(
            f"meter {meter_id!r} is used by {' and '.join(map(repr, users))}",
            file=file,
            key=f"[[account]] {users[-1]!r} meter",
            hint="one account is one delivery point with one meter (decision 3)",
        )
    _check_headend(settings.headend, file, findings)


def _repeated(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    again: dict[str, None] = {}
    for name in names:
        if name in seen:
            again[name] = None
        seen.add(name)
    return list(again)


def _check_zone(settings: Settings, file: str, findings: Findings) -> None:
    try:
        ZoneInfo(settings.gateway.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        findings.refuse(
            f"{settings.gateway.timezone!r} is not a time zone",
            file=file,
            key="[gateway] timezone",
            hint='a name like "Europe/Zurich" or "Europe/Rome"',
        )


def _check_ports(settings: Settings, file: str, findings: Findings) -> None:
    owners: dict[str, str] = {}
    for bus in settings.bus:
        # Two names may lead to one device: a link is followed before it is compared.
        port = str(Path(bus.port).resolve()) if isinstance(bus, RtuBus) else f"{bus.host}:{bus.port}"
        key = f"[[bus]] {bus.id!r} port"
        if port in owners:
            findings.refuse(
                f"{port} already belongs to bus {owners[port]!r}",
                file=file,
                key=key,
                hint="one bus is one port; put these meters under one [[bus]]",
            )
        owners.setdefault(port, bus.id)
        if isinstance(bus, RtuBus) and bus.port.startswith(_NUMBERED_PORTS):
            findings.warn(
                f"{bus.port} may be another adapter after the next start; use the name below /dev/serial/by-id/",
                key=key,
            )
        elif isinstance(bus, RtuBus) and bus.port.startswith("/dev/serial/by-path/"):
            findings.warn("a by-path name follows the USB socket, not the adapter; do not move the plug", key=key)


def _check_addresses(settings: Settings, file: str, findings: Findings) -> None:
    """A bus address has one device; a relay board may serve several meters, each on a channel of its own."""
    meters: dict[tuple[str, int], str] = {}
    boards: dict[tuple[str, int], tuple[str, str]] = {}
    channels: dict[tuple[str, int, int], str] = {}
    for meter in settings.meter:
        place = (meter.bus, meter.address)
        if place in meters:
            findings.refuse(
                f"{meter.address} on bus {meter.bus!r} is already meter {meters[place]!r}",
                file=file,
                key=f"[[meter]] {meter.id!r} address",
                hint="each device on a bus has its own address; set it at the meter",
            )
        meters.setdefault(place, meter.id)
    for meter in settings.meter:
        if not isinstance(meter.switch, RelaySwitch):
            continue
        board = meter.switch
        place, key = (board.bus, board.address), f"[[meter]] {meter.id!r} switch"
        if place in meters:
            findings.refuse(
                f"address {board.address} on bus {board.bus!r} is already meter {meters[place]!r}",
                file=file,
                key=f"{key}.address",
                hint="each device on a bus has its own address",
            )
        model, first = boards.setdefault(place, (board.model, meter.id))
        if model != board.model:
            findings.refuse(
                f"the board at address {board.address} is {model!r} for meter {first!r} and {board.model!r} here",
                file=file,
                key=f"{key}.model",
                hint="it is one board",
            )
        other = channels.setdefault((*place, board.channel), meter.id)
        if other != meter.id:
            findings.refuse(
                f"channel {board.channel} of this board already switches meter {other!r}",
                file=file,
                key=f"{key}.channel",
                hint="one channel switches one supply",
            )


def _check_meter(meter: MeterTable, settings: Settings, file: str, findings: Findings) -> None:
    buses = [bus.id for bus in settings.bus]
    key = f"[[meter]] {meter.id!r}"
    if meter.bus not in buses:
        findings.refuse(f"there is no bus {meter.bus!r}", file=file, key=f"{key} bus", hint=nearest(meter.bus, buses))
    if isinstance(meter.switch, RelaySwitch) and meter.switch.bus not in buses:
        findings.refuse(
            f"there is no bus {meter.switch.bus!r}",
            file=file,
            key=f"{key} switch.bus",
            hint=nearest(meter.switch.bus, buses),
        )
    if isinstance(meter.limiter, SwitchedLimiter):
        _check_limiter(meter, meter.limiter, file, findings)
    if meter.id not in [account.meter for account in settings.account]:
        findings.warn("no [[account]] of this file uses it: it is read, nothing is charged", key=key)


def _check_limiter(meter: MeterTable, limiter: SwitchedLimiter, file: str, findings: Findings) -> None:
    key = f"[[meter]] {meter.id!r} limiter"
    if meter.switch is None:
        findings.refuse(
            'kind = "switched" needs a switch and the meter has none',
            file=file,
            key=key,
            hint="add switch = { ... } or leave the limiter out",
        )
    if isinstance(meter.switch, RelaySwitch | OutputSwitch) and meter.switch.when_dead == "opens":
        findings.refuse(
            'the relay opens when the gateway is dead (when_dead = "opens")',
            file=file,
            key=key,
            hint="limit by switching only with an actuator that holds or closes (decision 15)",
        )
    if limiter.warn_s >= limiter.window_s:
        findings.refuse(
            f"{limiter.warn_s} is not shorter than window_s = {limiter.window_s}",
            file=file,
            key=f"{key}.warn_s",
            hint="the warning comes inside the window",
        )
    if limiter.cooldown_s < limiter.open_s:
        findings.refuse(
            f"{limiter.cooldown_s} is shorter than open_s = {limiter.open_s}",
            file=file,
            key=f"{key}.cooldown_s",
            hint="the last trip of an hour stays open longer than the others",
        )


def _check_account(account: AccountTable, settings: Settings, file: str, findings: Findings) -> None:
    key = f"[[account]] {account.id!r}"
    try:
        parse_money(account.opening_balance)
    except ValueError as error:
        findings.refuse(str(error), file=file, key=f"{key} opening_balance")
    meter = next((meter for meter in settings.meter if meter.id == account.meter), None)
    if meter is None:
        known = [meter.id for meter in settings.meter]
        findings.refuse(
            f"there is no meter {account.meter!r}", file=file, key=f"{key} meter", hint=nearest(account.meter, known)
        )
        return
    if meter.switch is None:
        findings.refuse(
            f"no_actuator: meter {meter.id!r} has no switch, so this account could never be suspended (S0-11)",
            file=file,
            key=f"{key} meter",
            hint="add switch = { ... } to the meter, or take the account out",
        )
    if account.contract_power_w < _LEAST_W:
        findings.refuse(
            f"{account.contract_power_w} W is less than any contract",
            file=file,
            key=f"{key} contract_power_w",
            hint="powers are W: 3000 for 3 kW",
        )
    if account.contract_power_w > meter.rated_power_w:
        findings.refuse(
            f"{account.contract_power_w} W is more than the {meter.rated_power_w} W meter {meter.id!r} is rated for",
            file=file,
            key=f"{key} contract_power_w",
            hint="honest readings would be held back as impossible; correct this or rated_power_w",
        )
    if isinstance(meter.switch, MeterSwitch) and isinstance(meter.limiter, SwitchedLimiter):
        findings.warn(
            "limiting moves the relay inside the meter, which is built for few operations; a contactor lasts longer",
            key=f"[[meter]] {meter.id!r} limiter",
        )


def _check_headend(headend: HeadendTable, file: str, findings: Findings) -> None:
    if bool(headend.cert) != bool(headend.key):
        findings.refuse(
            "cert and key belong together",
            file=file,
            key="[headend] cert, key",
            hint="give both for a client certificate, neither without one",
        )
    if not headend.tls and (headend.ca or headend.cert):
        findings.refuse("false, yet certificates are given", file=file, key="[headend] tls", hint="remove tls = false")
    if not headend.tls and not headend.host.startswith(_LOOPBACK):
        findings.warn(
            f"the connection to {headend.host} is not encrypted: anybody on the way reads what customers use",
            key="[headend] tls",
        )
    if not headend.host.strip():
        findings.refuse("is empty", file=file, key="[headend] host", hint='the name of the MQTT broker: "mqtt.example"')
    if headend.password_file and not headend.username:
        findings.refuse("a password needs a name", file=file, key="[headend] username", hint="add username")
