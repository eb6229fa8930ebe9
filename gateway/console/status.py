"""The state of everything on one screen: what a technician looks at first.

Numbers are as the daemon has them; the age of what was seen of a meter is told with it, so nobody takes old for new.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from gateway import __version__
from gateway.console.codes import NOTES
from gateway.console.desk import Action, Desk, Nothing, Session
from gateway.console.wire import Role
from gateway.installation import Installation
from gateway.plant import Seen
from gateway.point import Point
from gateway.prepayment.account import Account
from gateway.prepayment.civil import instant
from gateway.prepayment.entitlement import control
from gateway.prepayment.events import Moment
from gateway.prepayment.holds import holds_in_force, outages_in_force
from gateway.prepayment.ladder import days_left
from gateway.prepayment.money import wire_money
from gateway.prepayment.supply import SwitchState
from gateway.store import INTERVAL, JOURNAL

SILENT_PERIODS = 3
"""A meter that has not answered for so many of its periods is called silent, as the poll does after three misses."""


class Status(Struct, frozen=True):
    """One screen. `waiting_*` is what the head-end has not acknowledged; `attention` says where to look, in order."""

    gateway: str
    version: str
    at: str
    trust: str
    running_s: int
    connected: bool
    waiting_rows: int
    waiting_quarters: int
    points: tuple[PointStatus, ...]
    attention: tuple[Attention, ...]


class PointStatus(Struct, frozen=True, omit_defaults=True):
    """One meter and the account it serves; `seen_s` is how long ago it answered (absent: never in this run)."""

    meter: str
    bus: str
    period_s: int
    silent: bool
    seen_s: int | None = None
    power_w: int | None = None
    switch: SwitchState | None = None
    wanted: SwitchState | None = None
    account: str = ""
    state: str = ""
    balance: str = ""
    currency: str = ""
    days_left: int | None = None
    limit_w: int | None = None
    lockout: str = ""
    holds: tuple[str, ...] = ()
    commodity: str = ""


class Attention(Struct, frozen=True, omit_defaults=True):
    """One thing that is not as it should be: its code, a key of the catalogue (`attention.<what>`), its subject."""

    code: str
    what: str
    meter: str = ""
    account: str = ""
    fact: str = ""


async def _status(desk: Desk, _session: Session, _: Nothing) -> Status:
    at, store = desk.clock.now(), desk.store
    points = tuple(_point(desk, point) for point in _points(desk.installation))
    connected = desk.headend.connected
    return Status(
        gateway=desk.settings.gateway.id,
        version=__version__,
        at=instant(at.utc_ms),
        trust=at.trust.value,
        running_s=at.running_ms // 1000,
        connected=connected,
        waiting_rows=store.head.seq - await store.cursor(JOURNAL),
        waiting_quarters=await store.last_interval() - await store.cursor(INTERVAL),
        points=points,
        attention=tuple(_attention(desk, points, connected=connected)),
    )


def _points(installation: Installation) -> tuple[Point, ...]:
    return tuple(sorted(installation.points, key=lambda point: point.table.id))


def _point(desk: Desk, point: Point) -> PointStatus:
    table, at = point.table, desk.clock.now()
    seen = desk.plant.latest(table.id)
    seen_s = None if seen is None else seen.age_ms(at) // 1000
    observed = None if seen is None else seen.observed
    account = desk.teller.account_of_meter(table.id)
    shown = PointStatus(
        table.id,
        table.bus,
        table.poll_s,
        silent(point, seen, at),
        seen_s,
        power_w=None if observed is None else observed.power_w,
        switch=None if observed is None else observed.switch,
    )
    return shown if account is None else _with_account(desk, shown, account)


def silent(point: Point, seen: Seen | None, at: Moment) -> bool:
    """The meter has not answered for too long, or never in this run."""
    return seen is None or seen.age_ms(at) > 1000 * SILENT_PERIODS * point.table.poll_s


def _with_account(desk: Desk, shown: PointStatus, account: Account) -> PointStatus:
    at, terms = desk.clock.now(), desk.teller.terms(account.account_id)
    wanted = control(account, terms)
    return replace(
        shown,
        wanted=wanted.switch if terms.can_disconnect else None,
        account=account.account_id,
        state=account.supply.state.value,
        balance=wire_money(account.balance_nano),
        currency=account.currency,
        days_left=days_left(account, account.balance_nano) if account.policy.delinquency is None else None,
        limit_w=wanted.limit_w,
        lockout=account.lockout or "",
        holds=tuple(hold.kind.value for hold in holds_in_force(account, at)),
        commodity=account.commodity.value,
    )


def _attention(desk: Desk, points: tuple[PointStatus, ...], *, connected: bool) -> Iterator[Attention]:
    """What to look at, the most urgent first: people without supply, then meters, then books, clock and link."""
    at = desk.clock.now()
    for point in points:
        yield from _of_point(point)
    for account in desk.teller.accounts.values():
        yield from _of_account(account, at)
    if not at.trust.proven:
        yield _note("clock", fact=at.trust.value)
    if not connected:
        yield _note("link", fact=desk.headend.away)


def _note(what: str, meter: str = "", account: str = "", fact: str = "") -> Attention:
    return Attention(NOTES[f"attention.{what}"], what, meter, account, fact)


def _of_point(point: PointStatus) -> Iterator[Attention]:
    meter, account = point.meter, point.account
    if point.lockout:
        yield _note("lockout", meter, account, point.lockout)
    if point.wanted is not None and point.switch is not None and point.wanted is not point.switch:
        yield _note("switch_differs", meter, account, point.wanted.value)
    if point.silent:
        yield _note("meter_silent", meter, account, "" if point.seen_s is None else str(point.seen_s))
    if not account:
        yield _note("no_account", meter)


def _of_account(account: Account, at: Moment) -> Iterator[Attention]:
    register, meter, account_id = account.register, account.meter_id, account.account_id
    if account.suspicion is not None:
        yield _note("rollback_suspected", meter, account_id, account.suspicion.cause.value)
    if register.trouble:
        yield _note("register_trouble", meter, account_id, register.trouble)
    if register.cases:
        yield _note("open_cases", meter, account_id, str(len(register.cases)))
    if account.armed:
        yield _note("waits_on_site", meter, account_id)
    if account.override is not None:
        yield _note("override", meter, account_id, account.override.technician)
    for alarm in account.alarms:
        yield _note("alarm", meter, account_id, alarm)
    for outage in outages_in_force(account, at):
        yield _note("outage", meter, account_id, outage.outage_id)


ACTIONS = (Action("status", Role.VIEWER, _status),)
