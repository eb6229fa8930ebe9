"""The promises, checked from outside. A new one is a class with `attach(world)` in a file of this folder.

Nothing here imports the gateway: money, chain and ladder are computed again from docs/mqtt.md and the rules.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.world import World


def attach(world: World) -> None:
    """Let every file of this folder watch this run."""
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda found: found.name):
        importlib.import_module(f"{__name__}.{module.name}").attach(world)
