"""From plain parameters to buses and meters; the last place to refuse what must not be switched or charged from.

`plant` calls these with values of the settings. `installation` has refused the same mistakes before, with the file and
key they stand under; what reaches this point all the same (a test, another caller) is refused again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from gateway.clock import Clock
from gateway.errors import ConfigError
from gateway.meters.bus import Bus
from gateway.meters.device import ModbusMeter
from gateway.meters.modbus import open_serial, open_tcp
from gateway.meters.planner import parse_line
from gateway.meters.profile import Capability, Profile, WhenDead
from gateway.meters.registers import WordOrder
from gateway.meters.switch import Energised, MeterSwitch, OutputSwitch, SparedSwitch, SwitchDriver

SLOW_EVERY_S = 60

LimiterKind = Literal["threshold", "switched"]


@dataclass(frozen=True, slots=True)
class MeterSpec:
    """A `[[meter]]` of the settings; `word_order` None takes the profile's."""

    meter_id: str
    address: int
    profile: Profile
    poll_s: float = 1.0
    slow_every_s: float = SLOW_EVERY_S
    word_order: WordOrder | None = None
    limiter: LimiterKind | None = None
    accept_unverified: bool = False


@dataclass(frozen=True, slots=True)
class SwitchSpec:
    """The `switch` of a `[[meter]]`.

    `meter`: the relay inside. `relay`: an output of the device `profile` at `address` on `bus`. `output`: an output
    of the meter itself. `when_dead` None takes the profile's.
    """

    kind: Literal["meter", "relay", "output"]
    profile: Profile | None = None
    bus: Bus | None = None
    address: int = 0
    channel: int = 0
    energised: Energised = "open"
    when_dead: WhenDead | None = None


def build_serial_bus(
    bus_id: str, port: str, line: str, *, clock: Clock, timeout_ms: int = 500, gap_ms: int = 50
) -> Bus:
    """A Modbus RTU bus; the port is opened at the first poll."""
    try:
        settings = parse_line(line)
    except ValueError as reason:
        raise ConfigError(str(reason), key=f"bus {bus_id}: line", hint='for example "9600 8N1"') from None
    _check_timeout(bus_id, timeout_ms)
    return Bus(open_serial(bus_id, port, settings, clock, timeout_ms=timeout_ms, gap_ms=gap_ms), clock)


def build_tcp_bus(bus_id: str, host: str, port: int, *, clock: Clock, timeout_ms: int = 500) -> Bus:
    """A Modbus TCP bus; the connection is made at the first poll."""
    _check_timeout(bus_id, timeout_ms)
    return Bus(open_tcp(bus_id, host, port, clock, timeout_ms=timeout_ms), clock)


def build_meter(spec: MeterSpec, bus: Bus, *, clock: Clock, switch: SwitchSpec | None = None) -> ModbusMeter:
    """A billing meter with its switch; `ConfigError` for what the model cannot do or nobody has verified."""
    where = f"meter {spec.meter_id}"
    model = _billable(spec, where)
    bus.claim(spec.address, where, shared=False)
    driver = None if switch is None else _driver(spec, model, bus, switch, clock)
    _check_limiter(spec, model, switch, where)
    if model.min_gap_ms:
        bus.link.keep_gap(model.min_gap_ms)
    return ModbusMeter(
        spec.meter_id,
        bus.link,
        spec.address,
        model,
        clock=clock,
        switch=driver,
        threshold=spec.limiter == "threshold",
        slow_every_ms=round(spec.slow_every_s * 1000),
    )


def _billable(spec: MeterSpec, where: str) -> Profile:
    model = spec.profile
    if not model.can_bill:
        raise ConfigError(
            f"{model.model} has no energy register that can be charged from: it is an actuator only",
            key=f"{where}: model",
            hint='use it as switch = { kind = "relay", model = ... } of another meter',
        )
    if model.word_order_doubt and spec.word_order is None:
        raise ConfigError(
            f"the word order of {model.model} is in doubt: {model.word_order_doubt}",
            key=f"{where}: word_order",
            hint='compare with the display, then write word_order = "little" or "big"',
        )
    if not 1 <= spec.address <= 247:
        raise ConfigError(f"{spec.address} is no unit address", key=f"{where}: address", hint="1 to 247")
    if not 0.1 <= spec.poll_s <= 3600:
        raise ConfigError(f"{spec.poll_s} s is out of range", key=f"{where}: poll_s", hint="0.1 to 3600")
    return model if spec.word_order is None else msgspec.structs.replace(model, word_order=spec.word_order)


def _driver(spec: MeterSpec, model: Profile, bus: Bus, switch: SwitchSpec, clock: Clock) -> SwitchDriver:
    where = f"meter {spec.meter_id}: switch"
    period_ms = round(spec.poll_s * 1000)
    if switch.kind == "meter":
        if model.switch is None or Capability.DISCONNECT not in model.capabilities:
            raise ConfigError(
                f"{model.model} has no supply relay inside", key=where, hint='use kind = "relay" with a relay board'
            )
        return MeterSwitch(bus.link, spec.address, model)
    device = model if switch.kind == "output" else switch.profile
    if device is None:
        raise ConfigError("a relay needs model, bus and address", key=where)
    if device.relay is None and device.switch is not None and switch.kind == "relay" and switch.bus is not None:
        switch.bus.claim(switch.address, f"relay of {where}", shared=False)
        switch.bus.link.keep_gap(device.min_gap_ms)
        return SparedSwitch(MeterSwitch(switch.bus.link, switch.address, device), clock, period_ms, elsewhere=True)
    if device.relay is None:
        raise ConfigError(f"{device.model} has no output to switch with", key=where, hint='for example "generic-relay"')
    if not 0 <= switch.channel < device.relay.channels:
        raise ConfigError(
            f"{device.model} has no channel {switch.channel}",
            key=f"{where}.channel",
            hint=f"0 to {device.relay.channels - 1}",
        )
    if device.relay.confidence == "low" and not spec.accept_unverified:
        raise ConfigError(
            f"the output register of {device.model} is unverified ({device.relay.note})",
            key=where,
            hint="try it on the bench, then write accept_unverified = true",
        )
    target, address = (bus, spec.address) if switch.kind == "output" else (switch.bus or bus, switch.address)
    if switch.kind == "relay":
        target.claim(address, f"relay {device.model}", shared=True)
        target.link.keep_gap(device.min_gap_ms)
    output = OutputSwitch(target.link, address, device, switch.channel, switch.energised)
    return SparedSwitch(output, clock, period_ms, elsewhere=switch.kind == "relay")


def _check_limiter(spec: MeterSpec, model: Profile, switch: SwitchSpec | None, where: str) -> None:
    """Decision 15: threshold needs the capability; switching needs an actuator that does not open by itself."""
    key = f"{where}: limiter"
    match spec.limiter:
        case None:
            return
        case "threshold":
            if model.limit is None or Capability.SET_LIMIT not in model.capabilities:
                raise ConfigError(
                    f"{model.model} has no power threshold that can be set", key=key, hint='use kind = "switched"'
                )
        case "switched":
            if switch is None:
                raise ConfigError("limiting by switching needs a switch", key=key)
            device = switch.profile if switch.kind == "relay" else model
            dead = switch.when_dead or (WhenDead.UNKNOWN if device is None else device.when_dead)
            if dead is WhenDead.OPENS:
                raise ConfigError(
                    "the switch opens when the gateway is dead, which would cut the supply for a fault of ours",
                    key=key,
                    hint='use an actuator that holds or closes (when_dead = "holds")',
                )


def _check_timeout(bus_id: str, timeout_ms: int) -> None:
    if not 20 <= timeout_ms <= 10_000:
        raise ConfigError(f"{timeout_ms} ms is out of range", key=f"bus {bus_id}: timeout_ms", hint="20 to 10000")
