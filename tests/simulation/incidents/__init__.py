"""What can go wrong, one function each. A new incident is a function with `@incident` in a file of this folder.

An incident acts on the `World` and ends by itself; it draws from `chance`, its own random stream. `family` names what
is wrong in a word, for promises that hold only without it. `a_week` is how often it happens in a week of a run.
"""

from __future__ import annotations

import importlib
import pkgutil
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.world import Setting, World

DAY_S = 86_400.0
FAMILY_SHARE = 0.4
"""In this share of the runs a family of incidents is there at all."""
POST_PAID = "claims"
"""The family of what happens in every post-paid run, and in no other."""
GAS = "gas"
"""The same where the meter counts gas."""
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
    """One thing that happens in one run: the `count`th of its kind, which stays so when other kinds are added."""

    kind: str
    count: int
    at_s: float
    stream: str

    @property
    def name(self) -> str:
        """By which a replay names it: "power_cut:2"."""
        return f"{self.kind}:{self.count}"

    def play(self, world: World) -> None:
        """Let it happen."""
        kind = KINDS[self.kind]
        world.faulted.add(kind.family)
        world.played.add(self.kind)
        if kind.family not in (POST_PAID, GAS):  # what is asked there is asked of a gateway that is well, and in time
            world.disturb(0.0)
        world.tell(f"incident {self.name}")
        kind.act(world, random.Random(self.stream))


def plan_of(setting: Setting, kinds: Sequence[str] = (), often: float = 1.0) -> list[Incident]:
    """The incidents of a run, by time, `often` times as many as usual.

    Each run has only some families, so that hardly two have the same mix, or just the `kinds` that are asked for.
    """
    load()
    if unknown := set(kinds) - set(KINDS):
        raise ValueError(f"no such kind of incident: {', '.join(sorted(unknown))}")
    found: list[Incident] = []
    for name in sorted(KINDS):
        kind = KINDS[name]
        there = random.Random(f"{setting.seed}/family/{kind.family}").random() < FAMILY_SHARE
        if kind.family in (POST_PAID, GAS):
            there = True
            if not (setting.gas if kind.family == GAS else setting.post_paid is not None):
                continue
        if name not in kinds if kinds else not there:
            continue
        own = random.Random(f"{setting.seed}/plan/{name}")
        a_second = kind.a_week / (7 * DAY_S) * setting.pace * often
        at_s, count = own.expovariate(a_second), 0
        while at_s < setting.days * DAY_S:
            count += 1
            found.append(Incident(name, count, at_s, f"{setting.seed}/{name}/{count}"))
            at_s += own.expovariate(a_second)
    return sorted(found, key=lambda one: (one.at_s, one.name))


def load() -> None:
    """Every file of this folder registers its kinds when it is imported."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
