"""How often an account is billed, and a week of voltages (S1-01 to S1-04, S4-12): commands, nobody's fault."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from functools import partial
from typing import Any

from tests.simulation.incidents import incident
from tests.simulation.world import DAY_S, HOUR_S, World

FAMILY = "billing"
CLASSES = ("yearly", "half_yearly", "four_monthly", "five", "two_monthly", "monthly")


@incident(FAMILY, 1.5)
def billed_as_often(world: World, chance: random.Random) -> None:
    """The closings of an account, by a class or by the rules of its services; later perhaps another."""
    services: list[dict[str, Any]] = [
        {"rule": "fixed", "billing": "monthly"},
        {"rule": "fixed", "billing": chance.choice(CLASSES)},
        {"rule": "estenergy_gas", "smc_per_year": chance.choice((100, 500, 9000))},
        {"rule": "multiservice_electricity"},
    ]
    body = {"account_id": world.center.account_id, "services": services[: chance.choice((1, 1, 2, 4))]}
    world.center.insist("schedule_set", body)


@incident(FAMILY, 0.5)
def bad_schedule(world: World, chance: random.Random) -> None:
    """A rule without its figure, a class there is not, no service at all: refused."""
    bad: list[list[dict[str, Any]]] = [
        [{"rule": "fixed"}],
        [{"rule": "estenergy_gas"}],
        [{"rule": "fixed", "billing": "weekly"}],
        [],
    ]
    world.center.command("schedule_set", {"account_id": world.center.account_id, "services": chance.choice(bad)})


@incident(FAMILY, 1.0)
def voltage_check(world: World, chance: random.Random) -> None:
    """Ten-minute means for hours or days, sometimes again while one runs, or for an end that cannot be."""
    end_s = chance.choice((600, 5 * HOUR_S, 3 * DAY_S, 7.5 * DAY_S, -HOUR_S, 20 * DAY_S))
    to_s = int(world.machine.true_utc_ms() / 1000 + end_s)
    body = {
        "account_id": world.center.account_id, "check_id": f"v{chance.randrange(10**6)}", "case_id": "c9",
        "to": datetime.fromtimestamp(to_s, UTC).isoformat(),
    }  # fmt: skip
    world.center.insist("voltage_check", body)
    if chance.random() < 0.3:
        world.later(chance.uniform(1, 9) * HOUR_S, partial(world.center.command, "voltage_check", body))
