"""All verbs of the console in one table, by name."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.terminal.verbs import Verb
from gateway.terminal.views import access, alerts, field, look, topup, visit, wires

AREAS: tuple[tuple[Verb, ...], ...] = (
    access.VERBS,
    alerts.VERBS,
    field.VERBS,
    look.VERBS,
    topup.VERBS,
    visit.VERBS,
    wires.VERBS,
)
"""The `VERBS` of each file in `views/`."""

VERBS: Mapping[str, Verb] = {verb.name: verb for area in AREAS for verb in area}
