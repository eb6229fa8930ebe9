"""The command that asks for ten-minute means of voltage."""

from __future__ import annotations

from gateway.commands.claims import Body, Instant, Label, Name, Said, utc_ms_of
from gateway.prepayment.voltage import VoltageCheckBegun


class VoltageCheckBody(Body, frozen=True):
    """Keep the ten-minute means of each phase until `to`, at most 8 days ahead (S4-12)."""

    account_id: Name
    check_id: Name
    to: Instant
    case_id: Label = ""


def voltage_check(body: VoltageCheckBody, said: Said) -> VoltageCheckBegun:
    """The means to keep. Raises CommandRefused(bad_payload)."""
    to_utc_ms = utc_ms_of(body.to)
    assert to_utc_ms is not None
    return VoltageCheckBegun(said.at, said.command_id, body.check_id, to_utc_ms, body.case_id)
