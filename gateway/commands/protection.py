"""Commands that protect a customer, or somebody at work on the line: holds and the safety lock-out."""

from __future__ import annotations

from typing import assert_never

from msgspec import Struct

from gateway.commands.claims import Instant, Label, Name, utc_ms_of
from gateway.prepayment.events import HoldKind, HoldReleased, HoldSet, LockoutReleased, LockoutSet, Moment


class HoldSetBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A reason not to escalate; without `until` it lasts until released."""

    account_id: Name
    hold_id: Name
    kind: HoldKind
    until: Instant | None = None


class HoldReleaseBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The hold no longer applies."""

    account_id: Name
    hold_id: Name


class LockoutSetBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The supply opens for safety or work and stays open whatever the credit (decision 13)."""

    account_id: Name
    reason: Label


class LockoutReleaseBody(Struct, frozen=True, forbid_unknown_fields=True):
    """An authorised person releases the safety lock-out."""

    account_id: Name


def event_of(
    body: HoldSetBody | HoldReleaseBody | LockoutSetBody | LockoutReleaseBody, jti: str, at: Moment
) -> HoldSet | HoldReleased | LockoutSet | LockoutReleased:
    """What the account is asked to do. Raises CommandRefused(bad_payload)."""
    match body:
        case HoldSetBody():
            return HoldSet(at, jti, body.hold_id, body.kind, utc_ms_of(body.until))
        case HoldReleaseBody():
            return HoldReleased(at, jti, body.hold_id)
        case LockoutSetBody():
            return LockoutSet(at, jti, body.reason)
        case LockoutReleaseBody():
            return LockoutReleased(at, jti)
        case _ as never:
            assert_never(never)
