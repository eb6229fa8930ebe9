"""Commands of a technician's override towards full supply (decision 13)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from gateway.commands.claims import Body, Label, Name, Said
from gateway.prepayment.override import ENERGY_MAX_WH, HOURS_MAX, OverrideEnded, OverrideSet


class OverrideSetBody(Body, frozen=True):
    """Full supply for at most `hours` of running and about `energy_wh` (litres of gas), whatever the credit."""

    account_id: Name
    technician: Label
    reason: Label
    hours: Annotated[int, Meta(ge=1, le=HOURS_MAX)] = 24
    energy_wh: Annotated[int, Meta(ge=1, le=ENERGY_MAX_WH)] = 10_000


class OverrideEndBody(Body, frozen=True):
    """The override ends before its bounds."""

    account_id: Name
    technician: Label
    reason: Label


def override_set(body: OverrideSetBody, said: Said) -> OverrideSet:
    """The override."""
    return OverrideSet(said.at, said.command_id, body.technician, body.reason, body.hours, body.energy_wh)


def override_end(body: OverrideEndBody, said: Said) -> OverrideEnded:
    """Its end."""
    return OverrideEnded(said.at, said.command_id, body.technician, body.reason)
