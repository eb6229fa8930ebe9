"""Commands that protect a customer, or somebody at work on the line: holds, outages and the safety lock-out."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from gateway.commands.claims import Body, Instant, Label, Money, Name, Reason, Said, utc_ms_of
from gateway.errors import CommandRefused
from gateway.prepayment.events import HoldKind, HoldReleased, HoldSet, LockoutReleased, LockoutSet
from gateway.prepayment.money import parse_money
from gateway.prepayment.outages import Outage, OutageCancelled, OutagePlanned
from gateway.prepayment.supply import SupplyState

Rungs = Annotated[tuple[SupplyState, ...], Meta(max_length=3)]
"""Of LIMITED, SUSPENDED and TERMINATED those that a hold keeps from; none: all."""


class HoldSetBody(Body, frozen=True):
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


class HoldReleaseBody(Body, frozen=True):
    """The hold no longer applies; the record says who released it and why."""

    account_id: Name
    hold_id: Name
    released_by: Label = ""
    reason: Label = ""


class OutagePlanBody(Body, frozen=True):
    """The network is off in this window, 31 days at most: terms stand still, nothing gets worse, no alarm of silence.

    The same `outage_id` again may only make the window longer.
    """

    account_id: Name
    outage_id: Name
    begins: Instant
    ends: Instant
    reference: Label = ""
    set_by: Label = ""


class OutageCancelBody(Body, frozen=True):
    """The outage does not take place, or is over; what has passed of it stays counted."""

    account_id: Name
    outage_id: Name
    cancelled_by: Label = ""
    reason: Label = ""


class LockoutSetBody(Body, frozen=True):
    """The supply opens for safety or work and stays open whatever the credit (decision 13)."""

    account_id: Name
    reason: Label


class LockoutReleaseBody(Body, frozen=True):
    """An authorised person releases the safety lock-out."""

    account_id: Name


def hold_set(body: HoldSetBody, said: Said) -> HoldSet:
    """The hold. Raises CommandRefused(bad_payload)."""
    amount_nano, dispute = parse_money(body.amount), body.kind is HoldKind.DISPUTE
    if dispute != (amount_nano > 0):
        hint = "a dispute says its amount, in the account's currency; no other hold has one"
        raise CommandRefused(Reason.BAD_PAYLOAD, kind=body.kind.value, amount=body.amount, hint=hint)
    if not dispute and (body.notice_at is not None or body.override):
        hint = "notice_at and override belong to a dispute of a reconstruction"
        raise CommandRefused(Reason.BAD_PAYLOAD, kind=body.kind.value, hint=hint)
    return HoldSet(
        said.at,
        said.command_id,
        body.hold_id,
        body.kind,
        utc_ms_of(body.until),
        amount_nano,
        body.rungs,
        _who(said, body.set_by),
        body.reason,
        utc_ms_of(body.notice_at),
        body.override,
    )


def hold_release(body: HoldReleaseBody, said: Said) -> HoldReleased:
    """The hold that is over."""
    return HoldReleased(said.at, said.command_id, body.hold_id, _who(said, body.released_by), body.reason)


def outage_plan(body: OutagePlanBody, said: Said) -> OutagePlanned:
    """The window without network. Raises CommandRefused(bad_payload)."""
    begins_utc_ms, ends_utc_ms = utc_ms_of(body.begins), utc_ms_of(body.ends)
    assert begins_utc_ms is not None
    assert ends_utc_ms is not None
    outage = Outage(body.outage_id, begins_utc_ms, ends_utc_ms, body.reference, _who(said, body.set_by))
    return OutagePlanned(said.at, said.command_id, outage)


def outage_cancel(body: OutageCancelBody, said: Said) -> OutageCancelled:
    """The outage that does not take place, or is over."""
    return OutageCancelled(said.at, said.command_id, body.outage_id, _who(said, body.cancelled_by), body.reason)


def lockout_set(body: LockoutSetBody, said: Said) -> LockoutSet:
    """The lock-out."""
    return LockoutSet(said.at, said.command_id, body.reason)


def lockout_release(_body: LockoutReleaseBody, said: Said) -> LockoutReleased:
    """The end of the lock-out."""
    return LockoutReleased(said.at, said.command_id)


def _who(said: Said, person: str) -> str:
    """The issuer whose key signed, and the person it names."""
    return f"{said.issuer}/{person}" if person else said.issuer
