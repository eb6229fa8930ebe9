"""What can go wrong, one function each. A new incident is a function with `@incident` in a file of this folder.

An incident acts on the `World` and ends by itself; it draws from `chance`, its own random stream. `family` names what
is wrong in a word, for promises that hold only without it. `a_week` is how often it happens in a week of a run.
"""

from __future__ import annotations

import importlib
import pkgutil
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.world import Setting, World

DAY_S = 86_400.0
Act = Callable[["World", random.Random], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of incident."""

    name: str
    family: str
    a_week: float
    act: Act


KINDS: dict[str, Kind] = {}


def incident(family: str, a_week: float) -> Callable[[Act], Act]:
    """Register a function as a kind of incident; its name is the incident's."""

    def register(act: Act) -> Act:
        KINDS[act.__name__] = Kind(act.__name__, family, a_week, act)
        return act

    return register


@dataclass(frozen=True, slots=True)
class Incident:
    """One thing that happens in one run."""

    number: int
    at_s: float
    kind: str
    stream: str

    def play(self, world: World) -> None:
        """Let it happen."""
        kind = KINDS[self.kind]
        world.faulted.add(kind.family)
        world.disturb(0.0)
        world.tell(f"incident {self.number} {self.kind}")
        kind.act(world, random.Random(self.stream))


def plan_of(setting: Setting) -> list[Incident]:
    """The incidents of a run, by time. Each run has only some families, so that each is also seen alone."""
    _load()
    chance = random.Random(f"{setting.seed}/plan")
    families = sorted({kind.family for kind in KINDS.values()})
    bad = {family for family in families if chance.random() < 0.4}
    found: list[tuple[float, str]] = []
    for name in sorted(KINDS):
        kind = KINDS[name]
        own = random.Random(f"{setting.seed}/plan/{name}")
        at_s = own.expovariate(kind.a_week / (7 * DAY_S))
        while at_s < setting.days * DAY_S:
            if kind.family in bad:
                found.append((at_s, name))
            at_s += own.expovariate(kind.a_week / (7 * DAY_S))
    return [
        Incident(number, at_s, name, f"{setting.seed}/{name}/{at_s:.3f}")
        for number, (at_s, name) in enumerate(sorted(found), start=1)
    ]


def _load() -> None:
    """Every file of this folder registers its kinds when it is imported."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
