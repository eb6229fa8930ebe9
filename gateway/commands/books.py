"""The command that ends ROLLBACK_SUSPECTED: where the head-end knows an account to stand."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

from gateway.commands.arrears import OwedBody, claim_of
from gateway.commands.claims import (
    Body,
    Count,
    Currency,
    Epoch,
    Hex64,
    Instant,
    Label,
    Money,
    Name,
    Ordinal,
    Said,
    SignedMoney,
    Token,
    iso_day,
    utc_ms_of,
)
from gateway.commands.protection import Rungs
from gateway.prepayment.arrears import ARREARS_MAX
from gateway.prepayment.bonus import BONUSES_MAX
from gateway.prepayment.events import Hold, HoldKind, Moment
from gateway.prepayment.money import parse_money
from gateway.prepayment.outages import OUTAGES_MAX, Outage
from gateway.prepayment.position import Position, Resynced
from gateway.prepayment.posting import MISSING_MAX
from gateway.prepayment.protection import HOLDS_MAX
from gateway.prepayment.supply import SupplyState


class HeldBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A hold in force; without `until` it lasts until released."""

    hold_id: Name
    kind: HoldKind
    until: Instant | None = None
    amount: Money = "0.00"
    rungs: Rungs = ()
    set_by: Label = ""
    reason: Label = ""


class BonusThroughBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The last civil day a bonus was credited for."""

    reference: Name
    through: date


class WindowBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A planned outage, as it was signed last."""

    outage_id: Name
    begins: Instant
    ends: Instant
    reference: Label = ""
    set_by: Label = ""


class PositionBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the head-end's last rows leave an account.

    `balance` is that of its last entry, `register_wh` the newest `to_register_wh` of its entries and `at` when that row
    was written, if its time was known. An entry of a case counts only if it goes on from there or above and no
    discontinuity came since: the balance has paid for it, and a case may be charged late. An entry of a resync tells
    the register of its position, which was read at the `at` of that position and not when the row was written.
    `in_state_ms` and `notice_age_ms` are differences of `running_ms` up to the head-end's last row. `dated_at` is when
    the transition was written, if that time was proven; `standing_at` when the newest entry with a line `standing` was.
    Lock-out and holds: signed, not released. `posting_sequence` is the highest number of its postings and
    `posting_missing` the numbers below it that are not among them. `arrears` are the open claims of a post-paid
    account, which must be there, empty when nothing is owed; `outages` those planned and not cancelled.
    """

    balance: SignedMoney
    state: SupplyState
    in_state_ms: Count
    top_up_sequence: Count = 0
    top_up_total: Money = "0.00"
    reversal_sequence: Count = 0
    reversal_total: Money = "0.00"
    register_wh: Count | None = None
    at: Instant | None = None
    notice_age_ms: Count | None = None
    dated_at: Instant | None = None
    standing_at: Instant | None = None
    lockout: Label | None = None
    holds: Annotated[tuple[HeldBody, ...], Meta(max_length=HOLDS_MAX)] = ()
    posting_sequence: Count = 0
    posting_missing: Annotated[tuple[Ordinal, ...], Meta(max_length=2 * MISSING_MAX)] = ()
    bonuses: Annotated[tuple[BonusThroughBody, ...], Meta(max_length=BONUSES_MAX)] = ()
    arrears: Annotated[tuple[OwedBody, ...], Meta(max_length=ARREARS_MAX)] | None = None
    outages: Annotated[tuple[WindowBody, ...], Meta(max_length=OUTAGES_MAX)] = ()


class AccountResyncBody(Body, frozen=True):
    """Ends ROLLBACK_SUSPECTED: what the head-end knows of the account in rows that this gateway does not have.

    `run` is the `epoch` in the gateway's status, so that it counts in this run only; `epoch`, `seq`, `head` are the
    head-end's last row. Without a `position` the head-end knows nothing of the account, which goes on as it is.
    """

    account_id: Name
    run: Token
    epoch: Epoch
    seq: Count
    head: Hex64
    currency: Currency
    position: PositionBody | None = None


def account_resync(body: AccountResyncBody, said: Said) -> Resynced:
    """Where the head-end knows the account to stand. Raises CommandRefused(bad_payload)."""
    known = None if body.position is None else _position(body.position, said.at)
    return Resynced(said.at, said.command_id, body.run, body.epoch, body.seq, body.head, body.currency, known)


def _held(body: HeldBody) -> Hold:
    amount_nano = parse_money(body.amount)
    return Hold(body.hold_id, body.kind, utc_ms_of(body.until), amount_nano, body.rungs, body.set_by, body.reason)


def _outage(body: WindowBody) -> Outage:
    begins_utc_ms, ends_utc_ms = utc_ms_of(body.begins), utc_ms_of(body.ends)
    assert begins_utc_ms is not None
    assert ends_utc_ms is not None
    return Outage(body.outage_id, begins_utc_ms, ends_utc_ms, body.reference, body.set_by)


def _position(body: PositionBody, at: Moment) -> Position:
    return Position(
        body.register_wh,
        utc_ms_of(body.at),
        parse_money(body.balance),
        body.top_up_sequence,
        parse_money(body.top_up_total),
        body.reversal_sequence,
        parse_money(body.reversal_total),
        body.state,
        body.in_state_ms,
        body.notice_age_ms,
        utc_ms_of(body.dated_at),
        utc_ms_of(body.standing_at),
        body.lockout,
        tuple(_held(hold) for hold in body.holds),
        body.posting_sequence,
        tuple(sorted(set(body.posting_missing))),
        tuple((bonus.reference, iso_day(bonus.through)) for bonus in body.bonuses),
        None if body.arrears is None else tuple(claim_of(owed, at) for owed in body.arrears),
        tuple(_outage(outage) for outage in body.outages),
    )
