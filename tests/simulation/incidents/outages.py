"""Holds with amounts and rungs, and windows without supply from the network (2.5, S2-23, S4-06)."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

from tests.simulation.incidents import incident
from tests.simulation.incidents.contract import instant
from tests.simulation.world import DAY_S, HOUR_S, World

FAMILY = "outages"


@incident(FAMILY, 1.2)
def outage_planned(world: World, chance: random.Random) -> None:
    """A window, made longer sometimes, or shorter (which is refused), or cancelled before or in it."""
    center, begin_s = world.center, chance.choice((-2 * HOUR_S, 0, 4 * HOUR_S, DAY_S)) * chance.uniform(0.5, 1.5)
    end_s = begin_s + chance.choice((0.5, 6, 14, 30)) * HOUR_S
    name = {"account_id": center.account_id, "outage_id": f"o{chance.randrange(10**6)}"}
    body = name | {"begins": instant(world, begin_s), "ends": instant(world, end_s), "set_by": "network"}
    center.insist("outage_plan", body)
    if chance.random() < 0.4:
        other = body | {"ends": instant(world, end_s + chance.choice((-600, 5 * HOUR_S)))}
        world.later(chance.uniform(0.1, 6) * HOUR_S, partial(center.insist, "outage_plan", other))
    if chance.random() < 0.4:
        world.later(chance.uniform(0.1, 20) * HOUR_S, partial(center.insist, "outage_cancel", name))


@incident(FAMILY, 0.4)
def bad_outage(world: World, chance: random.Random) -> None:
    """Over already, of two months, or backwards: refused."""
    begin_s, end_s = chance.choice(((-9 * HOUR_S, -HOUR_S), (0, 60 * DAY_S), (HOUR_S, 0)))
    body = {"account_id": world.center.account_id, "outage_id": "bad"}
    world.center.command("outage_plan", body | {"begins": instant(world, begin_s), "ends": instant(world, end_s)})


@incident(FAMILY, 0.8)
def outage_unplanned(world: World, chance: random.Random) -> None:
    """The network is off and nobody planned it: a hold, released when supply is back."""
    _hold(world, chance, {"kind": "outage"}, chance.choice((0.3, 5, 20)) * HOUR_S)


@incident(FAMILY, 1.0)
def dispute(world: World, chance: random.Random) -> None:
    """An amount is contested: as long as that lasts it counts as if it had never been charged (S2-23)."""
    _hold(world, chance, {"kind": "dispute", "amount": chance.choice(("0.50", "3.00", "50.00"))}, 2 * DAY_S)


@incident(FAMILY, 0.8)
def rung_held(world: World, chance: random.Random) -> None:
    """A moratorium on cutting off alone: the power may be limited, and nothing worse."""
    kind = chance.choice(("complaint", "moratorium", "instalment_plan", "field_work"))
    rungs = chance.choice((["SUSPENDED"], ["SUSPENDED", "TERMINATED"], ["LIMITED"]))
    _hold(world, chance, {"kind": kind, "rungs": rungs}, chance.choice((0.5, 3)) * DAY_S)


@incident(FAMILY, 0.4)
def bad_hold(world: World, chance: random.Random) -> None:
    """A dispute about nothing, an amount where none belongs, rungs that nobody can be kept from: refused."""
    bad: list[dict[str, Any]] = [
        {"kind": "dispute"},
        {"kind": "complaint", "amount": "4.00"},
        {"kind": "complaint", "rungs": ["GRACE"]},
        {"kind": "life_support", "rungs": ["LIMITED"]},
        {"kind": "clock_untrusted"},
    ]
    world.center.command("hold_set", {"account_id": world.center.account_id, "hold_id": "bad"} | chance.choice(bad))


def _hold(world: World, chance: random.Random, what: dict[str, Any], lasts_s: float) -> None:
    center = world.center
    name = {"account_id": center.account_id, "hold_id": f"x{chance.randrange(10**6)}"}
    body = name | what
    if chance.random() < 0.3:
        body |= {"until": instant(world, lasts_s * chance.uniform(0.5, 1.5))}
    center.insist("hold_set", body)
    world.later(lasts_s, partial(center.insist, "hold_release", name))
    world.on.healed.append(partial(center.insist, "hold_release", name))
