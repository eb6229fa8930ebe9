"""Commands that protect a customer, or somebody at work on the line: holds, outages and the safety lock-out."""

from __future__ import annotations

from typing import Annotated, assert_never

from msgspec import Meta, Struct

from gateway.commands.claims import Instant, Label, Money, Name, Reason, utc_ms_of
from gateway.errors import CommandRefused
from gateway.prepayment.events import HoldKind, HoldReleased, HoldSet, LockoutReleased, LockoutSet, Moment
from gateway.prepayment.money import parse_money
from gateway.prepayment.outages import OutageCancelled, OutagePlanned
from gateway.prepayment.supply import SupplyState

Rungs = Annotated[tuple[SupplyState, ...], Meta(max_length=3)]
"""Of LIMITED, SUSPENDED and TERMINATED those that a hold keeps from; none: all."""


class HoldSetBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A reason not to escalate; without `until` it lasts until released. docs/holds.md tells what each kind does.

    `amount` is what a dispute is about, in the account's currency: it needs one, no other kind has one. `notice_at` is
    when its reconstruction was notified in writing: after 30 days it needs `override`. `rungs`: which it keeps from
    (none: all). `set_by` is the person at the issuer, `reason` the reference of the case.
    """

    account_id: Name
    hold_id: Name
    kind: HoldKind
    until: Instant | None = None
    amount: Money = "0.00"
    rungs: Rungs = ()
    set_by: Label = ""
    reason: Label = ""
    notice_at: Instant | None = None
    override: bool = False


class HoldReleaseBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The hold no longer applies; the record says who released it and why."""

    account_id: Name
    hold_id: Name
    released_by: Label = ""
    reason: Label = ""


class OutagePlanBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The network is off in this window, 31 days at most: terms stand still, nothing gets worse, no alarm of silence.

    The same `outage_id` again may only make the window longer.
    """

    account_id: Name
    outage_id: Name
    begins: Instant
    ends: Instant
    reference: Label = ""
    set_by: Label = ""


class OutageCancelBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The outage does not take place, or is over; what has passed of it stays counted."""

    account_id: Name
    outage_id: Name
    cancelled_by: Label = ""
    reason: Label = ""


class LockoutSetBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The supply opens for safety or work and stays open whatever the credit (decision 13)."""

    account_id: Name
    reason: Label


class LockoutReleaseBody(Struct, frozen=True, forbid_unknown_fields=True):
    """An authorised person releases the safety lock-out."""

    account_id: Name


def event_of(
    body: HoldSetBody | HoldReleaseBody | LockoutSetBody | LockoutReleaseBody, jti: str, at: Moment, issuer: str
) -> HoldSet | HoldReleased | LockoutSet | LockoutReleased:
    """What the account is asked to do by this issuer. Raises CommandRefused(bad_payload)."""
    match body:
        case HoldSetBody():
            return _hold_set(body, jti, at, issuer)
        case HoldReleaseBody():
            return HoldReleased(at, jti, body.hold_id, _who(issuer, body.released_by), body.reason)
        case LockoutSetBody():
            return LockoutSet(at, jti, body.reason)
        case LockoutReleaseBody():
            return LockoutReleased(at, jti)
        case _ as never:
            assert_never(never)


def outage_of(
    body: OutagePlanBody | OutageCancelBody, jti: str, at: Moment, issuer: str
) -> OutagePlanned | OutageCancelled:
    """What the account is asked to do by this issuer. Raises CommandRefused(bad_payload)."""
    match body:
        case OutagePlanBody():
            begins_utc_ms, ends_utc_ms = utc_ms_of(body.begins), utc_ms_of(body.ends)
            assert begins_utc_ms is not None
            assert ends_utc_ms is not None
            who = _who(issuer, body.set_by)
            return OutagePlanned(at, jti, body.outage_id, begins_utc_ms, ends_utc_ms, body.reference, who)
        case OutageCancelBody():
            return OutageCancelled(at, jti, body.outage_id, _who(issuer, body.cancelled_by), body.reason)
        case _ as never:
            assert_never(never)


def _hold_set(body: HoldSetBody, jti: str, at: Moment, issuer: str) -> HoldSet:
    amount_nano, dispute = parse_money(body.amount), body.kind is HoldKind.DISPUTE
    if dispute != (amount_nano > 0):
        hint = "a dispute says its amount, in the account's currency; no other hold has one"
        raise CommandRefused(Reason.BAD_PAYLOAD, kind=body.kind.value, amount=body.amount, hint=hint)
    if not dispute and (body.notice_at is not None or body.override):
        hint = "notice_at and override belong to a dispute of a reconstruction"
        raise CommandRefused(Reason.BAD_PAYLOAD, kind=body.kind.value, hint=hint)
    return HoldSet(
        at,
        jti,
        body.hold_id,
        body.kind,
        utc_ms_of(body.until),
        amount_nano,
        body.rungs,
        _who(issuer, body.set_by),
        body.reason,
        utc_ms_of(body.notice_at),
        body.override,
    )


def _who(issuer: str, person: str) -> str:
    """The issuer whose key signed, and the person it names."""
    return f"{issuer}/{person}" if person else issuer
