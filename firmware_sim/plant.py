"""What a scenario describes, as plain values: lines, meters, relay boards, loads and timed actions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from firmware_sim import control

if TYPE_CHECKING:
    from collections.abc import Mapping

    from firmware_sim.load import Profile


@dataclass(frozen=True, slots=True)
class LineSpec:
    """One line: `path` and `baud` of a pty, or `host` and `port` of a TCP gateway."""

    id: str
    kind: str
    path: str = ""
    baud: int = 9600
    line_time: bool = False
    host: str = "127.0.0.1"
    port: int = 0


@dataclass(frozen=True, slots=True)
class MeterSpec:
    """One meter as the scenario wants it; `load` is a power in mW or the name of a profile."""

    id: str
    line: str
    unit: int
    model: str
    serial: int
    start_wh: int
    start_export_wh: int
    load: int | str
    voltage_v: float
    power_factor: float
    relay_closed: bool
    wraps_at_wh: int
    answer_ms: int
    trip_after_ms: int
    hold_ms: int
    clock_offset_s: int
    clock_drift_ppm: int


@dataclass(frozen=True, slots=True)
class Drive:
    """A channel of a relay board in front of a meter's load."""

    channel: int
    meter: str
    energised_closes: bool
    closed: bool


@dataclass(frozen=True, slots=True)
class RelaySpec:
    """One relay board."""

    id: str
    line: str
    unit: int
    model: str
    channels: int
    latching: bool
    answer_ms: int
    drives: tuple[Drive, ...]


@dataclass(frozen=True, slots=True)
class ModemSpec:
    """One modem on a pty of its own; `pin` empty: its SIM asks for none. `reference` is the first one it gives."""

    id: str
    path: str
    pin: str = ""
    sim: bool = True
    network: str = "home"
    reports: str = "delivered"
    takes_cnmi: bool = True
    reference: int = 0


@dataclass(frozen=True, slots=True)
class TimedAction:
    """What happens so many ns after the start."""

    at_ns: int
    action: control.Action


@dataclass(frozen=True, slots=True)
class Scenario:
    """A whole plant, checked: every name resolves, no unit id is used twice on a line."""

    file: str
    name: str
    description: str
    time_factor: int
    start_of_day_s: int | None
    lines: tuple[LineSpec, ...]
    meters: tuple[MeterSpec, ...]
    relays: tuple[RelaySpec, ...]
    profiles: Mapping[str, Profile]
    actions: tuple[TimedAction, ...]
    modems: tuple[ModemSpec, ...] = ()

    def names(self) -> control.Names:
        """What control lines may name."""
        return control.Names(
            lines=[line.id for line in self.lines],
            meters=[meter.id for meter in self.meters],
            boards=[relay.id for relay in self.relays],
            profiles=list(self.profiles),
            modems=[modem.id for modem in self.modems],
        )
