"""What a technician does to a supply: full for a while, open for safety, closed again, another meter.

Towards full: proven, with a reason. Towards less only for safety, which is a separate interlock and no debt collection
(requirements 2.4). Each of them is signed with the gateway's key and on record.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from gateway.commands import Command
from gateway.commands.arrears import ReconnectBody
from gateway.commands.claims import Count, Label
from gateway.commands.fieldwork import MeterReplaceBody, Serial
from gateway.commands.override import OverrideEndBody, OverrideSetBody
from gateway.commands.protection import LockoutReleaseBody, LockoutSetBody
from gateway.console.books import AccountBody, account_of
from gateway.console.desk import Action, Desk, Id, Session
from gateway.console.orders import Ordered, Reason, carry_out
from gateway.console.wire import Role
from gateway.errors import CommandRefused
from gateway.plant import Seen
from gateway.prepayment.account import Account
from gateway.prepayment.override import ENERGY_MAX_WH, HOURS_MAX

FRESH_MS = 120_000
"""A new meter must have answered within so long before it is believed to hang there."""


class WhyBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Which account, and why; the account may be left out where there is only one."""

    reason: Reason
    account: Id = ""


class OverrideBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Full supply for so many hours of running and so much energy."""

    reason: Reason
    account: Id = ""
    hours: Annotated[int, Meta(ge=1, le=HOURS_MAX)] = 24
    energy_wh: Annotated[int, Meta(ge=1, le=ENERGY_MAX_WH)] = 10_000


class Hanging(Struct, frozen=True, omit_defaults=True):
    """What the books know of the old meter, and what the one that hangs there says now."""

    account: str
    meter: str
    delivery_point: str
    old_serial: str = ""
    last_wh: int | None = None
    seen_s: int | None = None
    serial: str = ""
    import_wh: int | None = None
    export_wh: int | None = None


class ReplaceBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The report of a replacement (S4-09, S2-21). The new meter hangs, and answers; `consent` is the signed sheet."""

    account: Id
    old_serial: Label
    old_end_wh: Count
    new_serial: Serial
    new_start_wh: Count
    company: Label
    consent: Label
    reason: Reason
    old_export_end_wh: Count | None = None
    new_export_start_wh: Count | None = None
    wraps_at_wh: Count | None = None


async def _override(desk: Desk, session: Session, body: OverrideBody) -> Ordered:
    account = account_of(desk, body.account)
    asked = OverrideSetBody(account.account_id, session.who, body.reason, body.hours, body.energy_wh)
    bounds = (("hours", body.hours), ("energy_wh", body.energy_wh), ("state", account.supply.state.value))
    return await carry_out(desk, session, Command.OVERRIDE_SET, asked, why=body.reason, signed=bounds)


async def _override_end(desk: Desk, session: Session, body: WhyBody) -> Ordered:
    account = account_of(desk, body.account)
    asked = OverrideEndBody(account.account_id, session.who, body.reason)
    return await carry_out(desk, session, Command.OVERRIDE_END, asked, why=body.reason, signed=())


async def _safety_on(desk: Desk, session: Session, body: WhyBody) -> Ordered:
    account = account_of(desk, body.account)
    asked = LockoutSetBody(account.account_id, f"{body.reason} ({session.who})")
    return await carry_out(desk, session, Command.LOCKOUT_SET, asked, why=body.reason, signed=())


async def _safety_off(desk: Desk, session: Session, body: WhyBody) -> Ordered:
    account = account_of(desk, body.account)
    before = (("lockout", account.lockout or ""),)
    asked = LockoutReleaseBody(account.account_id)
    return await carry_out(desk, session, Command.LOCKOUT_RELEASE, asked, why=body.reason, signed=before)


async def _restore(desk: Desk, session: Session, body: WhyBody) -> Ordered:
    """An armed supply: somebody has looked at every appliance, and the switch may close (decision 14)."""
    account = account_of(desk, body.account)
    asked = ReconnectBody(account.account_id, f"{session.who}: {body.reason}")
    return await carry_out(desk, session, Command.RECONNECT, asked, why=body.reason, signed=())


async def _look(desk: Desk, _session: Session, body: AccountBody) -> Hanging:
    account = account_of(desk, body.account)
    seen = desk.plant.latest(account.meter_id)
    shown = Hanging(
        account.account_id,
        account.meter_id,
        account.delivery_point,
        account.meter_serial or "",
        account.register.wh,
    )
    if seen is None:
        return shown
    age_ms = seen.age_ms(desk.clock.now())
    if age_ms > FRESH_MS:  # that was the old meter
        return replace(shown, seen_s=age_ms // 1000)
    return replace(
        shown,
        seen_s=age_ms // 1000,
        serial=seen.serial,
        import_wh=seen.observed.import_wh,
        export_wh=seen.observed.export_wh,
    )


async def _replace(desk: Desk, session: Session, body: ReplaceBody) -> Ordered:
    account = account_of(desk, body.account)
    seen = _answers(desk, account, body)
    asked = MeterReplaceBody(
        account.account_id,
        body.old_serial,
        body.old_end_wh,
        body.new_serial,
        body.new_start_wh,
        body.company,
        session.who,
        body.consent,
        body.reason,
        wraps_at_wh=body.wraps_at_wh,
        old_export_end_wh=body.old_export_end_wh,
        new_export_start_wh=body.new_export_start_wh,
    )
    facts = (
        ("delivery_point", account.delivery_point),
        ("old_serial", body.old_serial),
        ("new_serial", body.new_serial),
        ("company", body.company),
        ("consent", body.consent),
        ("read_serial", seen.serial),
        ("read_wh", -1 if seen.observed.import_wh is None else seen.observed.import_wh),
    )
    return await carry_out(desk, session, Command.METER_REPLACE, asked, why=body.reason, signed=facts)


def _answers(desk: Desk, account: Account, body: ReplaceBody) -> Seen:
    """What the new meter says of itself must be what is written of it. Raises CommandRefused."""
    seen = desk.plant.latest(account.meter_id)
    if seen is None or seen.age_ms(desk.clock.now()) > FRESH_MS:
        raise CommandRefused("new_meter_silent", meter=account.meter_id)
    serial, import_wh = seen.serial, seen.observed.import_wh
    if serial and serial != body.new_serial:
        raise CommandRefused("not_that_meter", reads=serial, typed=body.new_serial)
    if import_wh is None or import_wh < body.new_start_wh:
        raise CommandRefused("start_above_register", reads_wh=-1 if import_wh is None else import_wh)
    return seen


ACTIONS = (
    Action("override.set", Role.TECHNICIAN, _override, OverrideBody, proven=True),
    Action("override.end", Role.TECHNICIAN, _override_end, WhyBody, proven=True),
    Action("safety.on", Role.TECHNICIAN, _safety_on, WhyBody),
    Action("safety.off", Role.TECHNICIAN, _safety_off, WhyBody, proven=True),
    Action("restore", Role.TECHNICIAN, _restore, WhyBody, proven=True),
    Action("replace.look", Role.TECHNICIAN, _look, AccountBody),
    Action("replace.do", Role.TECHNICIAN, _replace, ReplaceBody, proven=True),
)
