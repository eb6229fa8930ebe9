"""The meters at the console: what each is and shows, its registers read now, and a trial of its switch."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from gateway.commands.claims import Label
from gateway.console.desk import Action, Desk, Id, Nothing, Session
from gateway.console.wire import Role
from gateway.errors import CommandRefused
from gateway.meters import probe
from gateway.meters.registers import WordOrder
from gateway.point import Point


class MeterBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Which meter; it may be left out where there is only one."""

    meter: Id = ""


class TryBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Which meter, and why its supply is interrupted for a moment."""

    meter: Id
    reason: Label


class Meters(Struct, frozen=True):
    """Every meter in a line."""

    meters: tuple[MeterLine, ...]


class MeterLine(Struct, frozen=True, omit_defaults=True):
    """What a meter is and how to reach it."""

    meter: str
    bus: str
    address: int
    model: str
    account: str = ""
    serial: str = ""
    seen_s: int | None = None


class MeterShown(Struct, frozen=True, omit_defaults=True):
    """What a meter showed last, and how old that is; `serial` as it was read from the meter (S2-28)."""

    meter: str
    model: str
    description: str
    bus: str
    where: str
    address: int
    rated_power_w: int
    poll_s: int
    capabilities: tuple[str, ...]
    account: str = ""
    serial: str = ""
    serial_configured: str = ""
    seen_s: int | None = None
    import_wh: int | None = None
    export_wh: int | None = None
    power_w: int | None = None
    limit_w: int | None = None
    switch: str = ""
    switch_trouble: str = ""
    defect: str = ""
    values: dict[str, float | int] = {}


class Registers(Struct, frozen=True):
    """Every register of the model, read now."""

    meter: str
    registers: tuple[RegisterLine, ...]


class RegisterLine(Struct, frozen=True):
    """One register: address, raw words in hex, and what they mean (None: no value)."""

    name: str
    function: int
    address: int
    words: str
    value: float | None
    unit: str


class Tried(Struct, frozen=True):
    """A trial of the switch: ms from command to confirmed read-back; None: not confirmed, `trouble` says why."""

    meter: str
    opened_ms: int | None
    closed_ms: int | None
    trouble: str


def point_of(desk: Desk, meter_id: str) -> Point:
    """The meter asked about; the only one when none is named. Raises CommandRefused."""
    points = desk.installation.points
    if not meter_id and len(points) == 1:
        return points[0]
    found = next((point for point in points if point.table.id == meter_id), None)
    if found is None:
        raise CommandRefused("no_such_meter" if meter_id else "which_meter", meter=meter_id)
    return found


async def _list(desk: Desk, _session: Session, _: Nothing) -> Meters:
    return Meters(tuple(_line(desk, point) for point in sorted(desk.installation.points, key=lambda p: p.table.id)))


def _line(desk: Desk, point: Point) -> MeterLine:
    table, seen = point.table, desk.plant.latest(point.table.id)
    account = desk.teller.account_of_meter(table.id)
    return MeterLine(
        table.id,
        table.bus,
        table.address,
        table.model,
        "" if account is None else account.account_id,
        (account.meter_serial if account is not None else None) or table.serial or "",
        None if seen is None else seen.age_ms(desk.clock.now()) // 1000,
    )


async def _show(desk: Desk, _session: Session, body: MeterBody) -> MeterShown:
    point = point_of(desk, body.meter)
    table, model, seen = point.table, point.profile, desk.plant.latest(point.table.id)
    line = _line(desk, point)
    shown = MeterShown(
        table.id,
        table.model,
        f"{model.vendor} {model.description}",
        table.bus,
        desk.plant.buses[table.bus].link.where,
        table.address,
        table.rated_power_w,
        table.poll_s,
        tuple(capability.value for capability in model.capabilities),
        account=line.account,
        serial_configured=line.serial,
    )
    if seen is None:
        return shown
    observed = seen.observed
    return replace(
        shown,
        serial=seen.serial,
        seen_s=line.seen_s,
        import_wh=observed.import_wh,
        export_wh=observed.export_wh,
        power_w=observed.power_w,
        limit_w=observed.limit_w,
        switch="" if observed.switch is None else observed.switch.value,
        switch_trouble=observed.switch_trouble or "",
        defect=observed.defect or "",
        values=dict(seen.values),
    )


async def _registers(desk: Desk, _session: Session, body: MeterBody) -> Registers:
    point = point_of(desk, body.meter)
    table = point.table
    order = None if table.word_order is None else WordOrder(table.word_order)
    found = await probe.values(desk.plant.buses[table.bus].link, table.address, point.profile, order)
    return Registers(table.id, tuple(register_line(value) for value in found))


def register_line(value: probe.Value) -> RegisterLine:
    """A register as it is shown."""
    words = " ".join(f"{word:04X}" for word in value.words)
    return RegisterLine(value.name, value.fc, value.address, words, value.value, value.unit)


async def _try(desk: Desk, session: Session, body: TryBody) -> Tried:
    """Open and close the supply for a moment; who did it and why is on record before anything moves."""
    point = point_of(desk, body.meter)
    if not body.reason.strip():
        raise CommandRefused("no_reason")
    if point.table.switch is None:
        raise CommandRefused("no_switch", meter=point.table.id)
    desk.access.count_order()
    detail = (("meter_id", point.table.id), ("by", session.who), ("reason", body.reason))
    await desk.teller.note("console.switch_trial", detail)
    trial = await desk.plant.try_switch(point.table.id)
    if trial is None:
        raise CommandRefused("supply_not_on", meter=point.table.id)
    return Tried(point.table.id, trial.opened_ms, trial.closed_ms, trial.trouble)


ACTIONS = (
    Action("meter.list", Role.VIEWER, _list),
    Action("meter.show", Role.VIEWER, _show, MeterBody),
    Action("meter.registers", Role.TECHNICIAN, _registers, MeterBody),
    Action("meter.try", Role.TECHNICIAN, _try, TryBody, proven=True),
)
