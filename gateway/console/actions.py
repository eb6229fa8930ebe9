"""All actions of the console in one table, by name. Loaded when the first line is opened, not with the daemon."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.console import (
    alerts,
    books,
    buses,
    diagnosis,
    doctor,
    hello,
    login,
    meters,
    site,
    status,
    stick,
    topup,
    visits,
)
from gateway.console.desk import Action

AREAS: tuple[tuple[Action, ...], ...] = (
    hello.ACTIONS,
    login.ACTIONS,
    status.ACTIONS,
    books.ACTIONS,
    diagnosis.ACTIONS,
    meters.ACTIONS,
    buses.ACTIONS,
    doctor.ACTIONS,
    topup.ACTIONS,
    site.ACTIONS,
    visits.ACTIONS,
    stick.ACTIONS,
    alerts.ACTIONS,
)
"""The `ACTIONS` of each area's file."""

ACTIONS: Mapping[str, Action] = {action.name: action for area in AREAS for action in area}
