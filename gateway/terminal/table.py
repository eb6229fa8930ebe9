"""All verbs of the console in one table, by name."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.terminal.verbs import Verb

AREAS: tuple[tuple[Verb, ...], ...] = ()
"""The `VERBS` of each file in `views/`."""

VERBS: Mapping[str, Verb] = {verb.name: verb for area in AREAS for verb in area}
