"""The command that says how often an account is billed."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from gateway.commands.claims import Body, Name, Said
from gateway.prepayment.periods import BillingClass
from gateway.prepayment.schedule import Rule, ScheduleSet, Service


class ServiceBody(Struct, frozen=True, forbid_unknown_fields=True):
    """One service on the bill. `fixed` needs `billing`, a gas rule the yearly consumption in Smc (m3 x C)."""

    rule: Rule
    billing: BillingClass | None = None
    smc_per_year: Annotated[int, Meta(ge=0, le=1_000_000_000)] | None = None
    constant_instalments: bool = False


class ScheduleSetBody(Body, frozen=True):
    """Close the account's billing periods as often as the most frequent of these services asks for."""

    account_id: Name
    services: Annotated[tuple[ServiceBody, ...], Meta(min_length=1, max_length=8)]


def schedule_set(body: ScheduleSetBody, said: Said) -> ScheduleSet:
    """How often to bill."""
    services = tuple(
        Service(item.rule, item.billing, item.smc_per_year, item.constant_instalments) for item in body.services
    )
    return ScheduleSet(said.at, said.command_id, services)
