"""The command that asks for ten-minute means of voltage."""

from __future__ import annotations

from msgspec import Struct

from gateway.commands.claims import Instant, Label, Name, utc_ms_of
from gateway.prepayment.events import Moment
from gateway.prepayment.voltage import VoltageCheckBegun


class VoltageCheckBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Keep the ten-minute means of each phase until `to`, at most 8 days ahead (S4-12)."""

    account_id: Name
    check_id: Name
    to: Instant
    case_id: Label = ""


def event_of(body: VoltageCheckBody, jti: str, at: Moment) -> VoltageCheckBegun:
    """What the account is asked to do. Raises CommandRefused(bad_payload)."""
    to_utc_ms = utc_ms_of(body.to)
    assert to_utc_ms is not None
    return VoltageCheckBegun(at, jti, body.check_id, to_utc_ms, body.case_id)
