"""The accounts at the console: where one stands and why, its ledger, its top-ups, what was used.

The journal is read backwards in slices, at most `SCAN_ROWS` rows for one ask: whoever wants older ones asks again from
the `before` that the answer names.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from gateway.console.codes import NOTES
from gateway.console.desk import Action, Desk, Id, Nothing, Session
from gateway.console.relief import Relief, relief
from gateway.console.wire import Role
from gateway.documents.rows import Body, Quarter
from gateway.errors import CommandRefused
from gateway.prepayment import legal
from gateway.prepayment.account import Account
from gateway.prepayment.civil import QUARTER_MS, instant
from gateway.prepayment.entitlement import control
from gateway.prepayment.holds import disputed_nano, holds_in_force
from gateway.prepayment.intervals import Quality
from gateway.prepayment.ladder import days_left
from gateway.prepayment.money import up_to_cent, wire_money
from gateway.prepayment.outlook import outlook
from gateway.store import legible

SCAN_ROWS = 5_000
SLICE = 250
ROWS_MAX = 100
HOURS_MAX = 31 * 24

_quarters = msgspec.json.Decoder(Quarter)


class AccountBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Which account; it may be left out where there is only one."""

    account: Id = ""


class RowsBody(Struct, frozen=True, forbid_unknown_fields=True):
    """So many rows of an account, the newest first, from before a row number on (0: from the newest)."""

    account: Id = ""
    count: Annotated[int, Meta(ge=1, le=ROWS_MAX)] = 20
    before: Annotated[int, Meta(ge=0)] = 0


class UsageBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The last so many hours of an account."""

    account: Id = ""
    hours: Annotated[int, Meta(ge=1, le=HOURS_MAX)] = 24


class Accounts(Struct, frozen=True):
    """Every account, in a line each."""

    accounts: tuple[AccountLine, ...]


class AccountLine(Struct, frozen=True):
    """The account in a line."""

    account: str
    meter: str
    state: str
    balance: str
    currency: str


class Shown(Struct, frozen=True, omit_defaults=True):
    """What somebody must know of one account; money is decimal text in `currency`."""

    account: str
    meter: str
    commodity: str
    state: str
    balance: str
    currency: str
    opened_at: str
    contract_power_w: int
    policy: str
    tariffs: tuple[str, ...]
    top_up_total: str
    top_up_sequence: int
    serial: str = ""
    delivery_point: str = ""
    contract: str = ""
    days_left: int | None = None
    register_wh: int | None = None
    read_at: str = ""
    trouble: str = ""
    open_cases: int = 0
    withheld: str = ""
    lockout: str = ""
    armed: bool = False
    holds: tuple[HoldLine, ...] = ()


class HoldLine(Struct, frozen=True, omit_defaults=True):
    """One reason not to make a supply worse."""

    hold: str
    kind: str
    until: str = ""
    amount: str = ""
    set_by: str = ""


class Why(Struct, frozen=True, omit_defaults=True):
    """Why a supply is as it is, what comes next, and what would help; the terminal makes sentences of it.

    `rule` is the rule of the ladder that led here ("" when the scanned rows do not hold it), `code` its stable code.
    `left_s` counts running time; `not_before` is the instant that makes, absent when nobody can know. `held_by` keeps
    the next step away; `missing` is the least payment that makes the supply whole again.
    """

    account: str
    state: str
    since: str
    since_s: int
    balance: str
    currency: str
    switch: str
    reason: str
    rule: str = ""
    code: str = ""
    next_state: str = ""
    left_s: int | None = None
    not_before: str = ""
    held_by: str = ""
    held_code: str = ""
    missing: str = ""
    limit_w: int | None = None
    lockout: str = ""
    armed: bool = False
    disputed: str = ""
    owed: str = ""
    holds: tuple[HoldLine, ...] = ()
    history: tuple[Step, ...] = ()
    override: Relief | None = None


class Step(Struct, frozen=True):
    """One change of the rung, as it is in the journal."""

    at: str
    source: str
    target: str
    rule: str
    balance: str


class Ledger(Struct, frozen=True):
    """Entries, the newest first; `before` continues where this ends, 0 when there is nothing older."""

    account: str
    currency: str
    entries: tuple[EntryLine, ...]
    before: int


class EntryLine(Struct, frozen=True, omit_defaults=True):
    """One movement of money."""

    seq: int
    at: str
    kind: str
    amount: str
    balance: str
    reference: str = ""
    used_wh: int | None = None


class Usage(Struct, frozen=True):
    """Energy by hour, oldest first; None where nothing is known. `balance` is what the account had at its entries."""

    account: str
    from_at: str
    hours: tuple[int | None, ...]
    total_wh: int
    peak_w: int
    estimated: bool


def account_of(desk: Desk, account_id: str) -> Account:
    """The account asked about; the only one when none is named. Raises CommandRefused."""
    accounts = desk.teller.accounts
    if not account_id and len(accounts) == 1:
        return next(iter(accounts.values()))
    found = accounts.get(account_id)
    if found is None:
        raise CommandRefused("unknown_account" if account_id else "account_not_named", account_id=account_id)
    return found


def hold_lines(desk: Desk, account: Account) -> tuple[HoldLine, ...]:
    """The holds in force."""
    return tuple(
        HoldLine(
            hold.hold_id,
            hold.kind.value,
            "" if hold.until_utc_ms is None else instant(hold.until_utc_ms),
            wire_money(hold.amount_nano) if hold.amount_nano else "",
            hold.set_by,
        )
        for hold in holds_in_force(account, desk.clock.now())
    )


async def _accounts(desk: Desk, _session: Session, _: Nothing) -> Accounts:
    return Accounts(
        tuple(
            AccountLine(
                one.account_id, one.meter_id, one.supply.state.value, wire_money(one.balance_nano), one.currency
            )
            for _, one in sorted(desk.teller.accounts.items())
        )
    )


async def _show(desk: Desk, _session: Session, body: AccountBody) -> Shown:
    account = account_of(desk, body.account)
    register, prepaid = account.register, account.policy.delinquency is None
    return Shown(
        account.account_id,
        account.meter_id,
        account.commodity.value,
        account.supply.state.value,
        wire_money(account.balance_nano),
        account.currency,
        instant(account.opened.utc_ms),
        account.contract_power_w,
        f"{account.policy.policy_id}@{account.policy.version}",
        tuple(f"{tariff.tariff_id}@{tariff.version}" for tariff in account.tariffs),
        wire_money(account.top_up_total_nano),
        account.top_up_sequence,
        serial=account.meter_serial or "",
        delivery_point=account.delivery_point,
        contract=account.contract_id,
        days_left=days_left(account, account.balance_nano) if prepaid else None,
        register_wh=register.wh,
        read_at="" if register.at is None else instant(register.at.utc_ms),
        trouble=register.trouble,
        open_cases=len(register.cases),
        withheld=wire_money(account.withheld_nano) if account.withheld_nano else "",
        lockout=account.lockout or "",
        armed=account.armed,
        holds=hold_lines(desk, account),
    )


async def _why(desk: Desk, _session: Session, body: AccountBody) -> Why:
    account = account_of(desk, body.account)
    at, terms = desk.clock.now(), desk.teller.terms(account.account_id)
    wanted, ahead, supply = control(account, terms), outlook(account, terms, at), account.supply
    history = [
        Step(row.at.utc, row.source, row.target, row.rule, row.balance)
        async for row in _newest(desk, account.account_id, "transition", _Scan(), 5)
    ]
    rule = next((step.rule for step in history if step.target == supply.state.value), "")
    disputed_now_nano, owed_nano = disputed_nano(account, at), legal.net_nano(account, at) if account.arrears else 0
    return Why(
        account.account_id,
        supply.state.value,
        instant(supply.since.utc_ms),
        (at.running_ms - supply.since.running_ms) // 1000,
        wire_money(account.balance_nano),
        account.currency,
        "" if wanted.switch is None else wanted.switch.value,
        wanted.reason,
        rule=rule,
        code=NOTES.get(f"why.rule.{rule}", ""),
        next_state="" if ahead.next_state is None else ahead.next_state.value,
        left_s=None if ahead.left_ms is None else ahead.left_ms // 1000,
        not_before="" if ahead.not_before_utc_ms is None else instant(ahead.not_before_utc_ms),
        held_by=ahead.held_by,
        held_code=NOTES.get(f"held.{ahead.held_by}", ""),
        missing=wire_money(up_to_cent(ahead.missing_nano)) if ahead.missing_nano else "",
        limit_w=wanted.limit_w,
        lockout=account.lockout or "",
        armed=account.armed,
        disputed=wire_money(disputed_now_nano) if disputed_now_nano else "",
        owed=wire_money(owed_nano) if owed_nano else "",
        holds=hold_lines(desk, account),
        history=tuple(history),
        override=relief(account, at),
    )


async def _ledger(desk: Desk, _session: Session, body: RowsBody) -> Ledger:
    return await _entries(desk, body, "")


async def _top_ups(desk: Desk, _session: Session, body: RowsBody) -> Ledger:
    return await _entries(desk, body, "top_up")


async def _entries(desk: Desk, body: RowsBody, kind: str) -> Ledger:
    account = account_of(desk, body.account)
    scan = _Scan(body.before)
    entries = [
        EntryLine(
            row.seq,
            row.at.utc,
            row.kind,
            row.amount,
            row.balance,
            row.reference,
            None
            if row.from_register_wh is None or row.to_register_wh is None
            else row.to_register_wh - row.from_register_wh,
        )
        async for row in _newest(desk, account.account_id, "entry", scan, body.count, kind)
    ]
    return Ledger(account.account_id, account.currency, tuple(entries), scan.before)


async def _usage(desk: Desk, _session: Session, body: UsageBody) -> Usage:
    account = account_of(desk, body.account)
    to_utc_ms = desk.clock.now().utc_ms // QUARTER_MS * QUARTER_MS
    from_utc_ms = (to_utc_ms // 3_600_000 - body.hours) * 3_600_000
    hours: list[int | None] = [None] * (body.hours + 1)
    peak_wh, estimated = 0, False
    with legible():
        rows = await desk.store.intervals_of(account.account_id, from_utc_ms, to_utc_ms, limit=4 * (body.hours + 1))
    for quarter in (_quarters.decode(row.body) for row in rows):
        number = (quarter.start_utc_ms - from_utc_ms) // 3_600_000
        hours[number] = (hours[number] or 0) + quarter.import_wh
        peak_wh = max(peak_wh, quarter.import_wh)
        estimated = estimated or quarter.quality is not Quality.ACTUAL
    total_wh = sum(wh for wh in hours if wh is not None)
    return Usage(account.account_id, instant(from_utc_ms), tuple(hours), total_wh, 4 * peak_wh, estimated)


@dataclass(slots=True)
class _Scan:
    """Where a reading backwards stands: rows before this number are still unread, 0 when none is."""

    before: int = 0


async def _newest(
    desk: Desk, account_id: str, kind: str, scan: _Scan, count: int, entry: str = ""
) -> AsyncIterator[_Row]:
    """At most `count` rows of a kind of an account, the newest first; `scan` says afterwards where it ended."""
    before = min(scan.before or desk.store.head.seq + 1, desk.store.head.seq + 1)
    lowest, found = max(before - SCAN_ROWS, 1), 0
    while before > lowest and found < count:
        start = max(before - SLICE, lowest)
        rows = await desk.store.rows_after(start - 1, before - start)
        for row in reversed(rows):
            before = row.seq
            with legible(seq=row.seq):
                body = _all.decode(row.body)
            if body.type == kind and body.account_id == account_id and entry in ("", body.kind):
                found += 1
                yield body
                if found == count:
                    break
    scan.before = before if before > 1 else 0


class _Row(Body, frozen=True):
    """A row with what a transition has besides."""

    source: str = ""
    target: str = ""
    rule: str = ""


_all = msgspec.json.Decoder(_Row)

ACTIONS = (
    Action("account.list", Role.VIEWER, _accounts),
    Action("account.show", Role.VIEWER, _show, AccountBody),
    Action("account.why", Role.VIEWER, _why, AccountBody),
    Action("account.ledger", Role.VIEWER, _ledger, RowsBody),
    Action("account.topups", Role.VIEWER, _top_ups, RowsBody),
    Action("account.usage", Role.VIEWER, _usage, UsageBody),
)
