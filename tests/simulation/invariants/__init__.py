"""The promises, checked from outside. A new one is a file of this folder with `attach(witness)`.

Nothing here imports the gateway: money, chain and ladder are computed again from docs/mqtt.md and the rules. The
`Witness` reads each journal row once, when it is committed, and hands it on.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

from tests.simulation.invariants.witness import Witness

if TYPE_CHECKING:
    from tests.simulation.world import World


def names() -> list[str]:
    """The files of this folder that check something."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in found if name != "witness")


def attach(world: World) -> None:
    """Let every file of this folder watch this run."""
    witness = Witness(world)
    for name in names():
        importlib.import_module(f"{__name__}.{name}").attach(witness)
