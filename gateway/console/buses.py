"""The buses at the console: registers as they are, the traffic, who answers, and what an unknown unit could be.

Everything here only reads. A question waits its turn between two polls, and one ask takes a few seconds at most: a scan
is asked for in steps, so that the terminal can show how far it is and stop.
"""

from __future__ import annotations

import asyncio
from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway import shipped
from gateway.console.desk import Action, Desk, Id, Nothing, Session
from gateway.console.wire import Role
from gateway.errors import CommandRefused, ConfigError
from gateway.meters import probe, profile
from gateway.meters.modbus import ModbusLink
from gateway.meters.tap import EXCEPTIONS, decoded

SCAN_STEP = 8
"""Units in one ask: each that is not there costs the bus a time-out."""
MODELS_STEP = 3
FRAMES_MAX = 60
WORDS_MAX = 60

_Unit = Annotated[int, Meta(ge=1, le=247)]


class ReadBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Registers of one unit, as raw words; addresses count from 0 as on the wire."""

    bus: Id
    unit: _Unit
    address: Annotated[int, Meta(ge=0, le=65_535)]
    count: Annotated[int, Meta(ge=1, le=WORDS_MAX)] = 1
    function: Literal[1, 2, 3, 4] = 3


class FramesBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The frames of a bus after a number; the first ask begins to listen."""

    bus: Id = ""
    after: Annotated[int, Meta(ge=0)] = 0


class ScanBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The units of a bus from one on, a few at a time."""

    bus: Id = ""
    unit: _Unit = 1


class IdentifyBody(Struct, frozen=True, forbid_unknown_fields=True):
    """One unit, held against the models from a place in their list on, a few at a time."""

    bus: Id
    unit: _Unit
    model: Annotated[int, Meta(ge=0, le=1_000)] = 0


class Buses(Struct, frozen=True):
    """Every bus in a line."""

    buses: tuple[BusLine, ...]


class BusLine(Struct, frozen=True):
    """A bus and who is on it by the configuration."""

    bus: str
    kind: str
    where: str
    line: str
    meters: tuple[str, ...]


class Raw(Struct, frozen=True):
    """Raw words in hex, from `address` on."""

    bus: str
    unit: int
    address: int
    words: tuple[str, ...]


class Frames(Struct, frozen=True):
    """Frames in their order; `last` is what to ask after next."""

    bus: str
    last: int
    frames: tuple[FrameLine, ...]


class FrameLine(Struct, frozen=True, omit_defaults=True):
    """One frame: bytes in hex, and what they say."""

    number: int
    at_ms: int
    sent: bool
    data: str
    unit: int | None = None
    function: int | None = None
    address: int | None = None
    count: int | None = None
    words: tuple[int, ...] = ()
    refusal: str = ""
    fault: str = ""


class Scanned(Struct, frozen=True):
    """Units that answered among those asked; `next_unit` continues, 0 when the bus was gone through."""

    bus: str
    found: tuple[FoundUnit, ...]
    next_unit: int


class FoundUnit(Struct, frozen=True):
    """A unit that answers, and whose it is by the configuration ("" for nobody's)."""

    unit: int
    meter: str


class Identified(Struct, frozen=True):
    """How well models fit; `next_model` continues, 0 when all have been tried."""

    bus: str
    unit: int
    fits: tuple[FitLine, ...]
    next_model: int


class FitLine(Struct, frozen=True):
    """One model: `score` in per cent, registers believed of asked."""

    model: str
    description: str
    score: int
    believed: int
    asked: int
    word_order: str


def link_of(desk: Desk, bus_id: str) -> tuple[str, ModbusLink]:
    """The bus asked about; the only one when none is named. Raises CommandRefused."""
    buses = desk.plant.buses
    if not bus_id and len(buses) == 1:
        bus_id = next(iter(buses))
    if bus_id not in buses:
        raise CommandRefused("no_such_bus" if bus_id else "which_bus", bus=bus_id)
    return bus_id, buses[bus_id].link


async def _list(desk: Desk, _session: Session, _: Nothing) -> Buses:
    found = []
    for table in desk.settings.bus:
        link = desk.plant.buses[table.id].link
        line = desk.installation.lines.get(table.id)
        text = "" if line is None else f"{line.baud} {line.bits}{line.parity}{line.stop_bits}"
        meters = tuple(point.table.id for point in desk.installation.points if point.table.bus == table.id)
        found.append(BusLine(table.id, "rtu" if link.serial else "tcp", link.where, text, meters))
    return Buses(tuple(found))


async def _read(desk: Desk, _session: Session, body: ReadBody) -> Raw:
    bus_id, link = link_of(desk, body.bus)
    payload = await link.read(body.unit, body.function, body.address, body.count)
    if body.function in (1, 2):
        words = tuple(str(payload[bit // 8] >> bit % 8 & 1) for bit in range(body.count))
    else:
        words = tuple(payload[at : at + 2].hex().upper() for at in range(0, len(payload), 2))
    return Raw(bus_id, body.unit, body.address, words)


async def _frames(desk: Desk, _session: Session, body: FramesBody) -> Frames:
    bus_id, link = link_of(desk, body.bus)
    frames = link.listen().after(body.after, desk.clock.monotonic_ms())[-FRAMES_MAX:]
    lines = []
    for frame in frames:
        said = decoded(frame, serial=link.serial)
        refusal = "" if said.exception is None else EXCEPTIONS.get(said.exception, str(said.exception))
        lines.append(
            FrameLine(
                frame.number,
                frame.at_ms,
                frame.sent,
                frame.data.hex(" ").upper(),
                said.unit,
                said.function,
                said.address,
                said.count,
                said.words,
                refusal,
                said.fault,
            )
        )
    return Frames(bus_id, frames[-1].number if frames else body.after, tuple(lines))


async def _scan(desk: Desk, _session: Session, body: ScanBody) -> Scanned:
    bus_id, link = link_of(desk, body.bus)
    owners = {point.table.address: point.table.id for point in desk.installation.points if point.table.bus == bus_id}
    last = min(body.unit + SCAN_STEP - 1, 247)
    found = [unit for unit in range(body.unit, last + 1) if await probe.present(link, unit)]
    units = tuple(FoundUnit(unit, owners.get(unit, "")) for unit in found)
    return Scanned(bus_id, units, last + 1 if last < 247 else 0)


async def _identify(desk: Desk, _session: Session, body: IdentifyBody) -> Identified:
    bus_id, link = link_of(desk, body.bus)
    models = await asyncio.to_thread(_models, desk)
    some = models[body.model : body.model + MODELS_STEP]
    fits = await probe.fits(link, body.unit, some)
    lines = tuple(
        FitLine(fit.model, fit.description, fit.score, fit.believed, fit.asked, fit.word_order.value) for fit in fits
    )
    after = body.model + MODELS_STEP
    return Identified(bus_id, body.unit, lines, after if after < len(models) else 0)


def _models(desk: Desk) -> list[profile.Profile]:
    """Every billing model there is: the operator's own folders first, then the shipped ones."""
    found: dict[str, profile.Profile] = {}
    for folder in (*desk.installation.configuration.folders, shipped.folder()):
        for path in sorted((folder / "meters").glob("*.toml")):
            if path.stem in found:
                continue
            try:
                model = profile.load(path.stem, path.parent)
            except ConfigError:
                continue  # a file of the operator's that is not in use: `check` tells what is wrong with it
            if model.can_bill:
                found[path.stem] = model
    return [found[name] for name in sorted(found)]


ACTIONS = (
    Action("bus.list", Role.VIEWER, _list),
    Action("bus.read", Role.TECHNICIAN, _read, ReadBody),
    Action("bus.frames", Role.TECHNICIAN, _frames, FramesBody),
    Action("bus.scan", Role.TECHNICIAN, _scan, ScanBody),
    Action("bus.identify", Role.TECHNICIAN, _identify, IdentifyBody),
)
