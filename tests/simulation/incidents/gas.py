"""Gas: a coefficient C that is dated like a price, and a supply that only somebody on site may open again (S1-10).

Only where the meter counts gas, and there in every run: these are commands, nobody's fault.
"""

from __future__ import annotations

import random
import tomllib
from datetime import UTC, datetime
from functools import partial
from typing import Any

from tests.simulation.incidents import GAS, incident
from tests.simulation.site import tariff_text
from tests.simulation.world import DAY_S, HOUR_S, World

FAMILY = GAS


def _tariff(world: World, days: int, **gas: str) -> dict[str, Any]:
    """The tariff from so many days on, with another table `[gas]`."""
    document = tomllib.loads(tariff_text(gas=True)) | {"gas": gas}
    document["version"] = 2 + sum(order.typ == "tariff_set" for order in world.center.orders.values())
    from_s = world.machine.true_utc_ms() / 1000 + days * DAY_S
    return document | {"valid_from": datetime.fromtimestamp(from_s, UTC).date().isoformat()}


@incident(FAMILY, 2.0)
def new_coefficient(world: World, chance: random.Random) -> None:
    """The place has another C from today or one of the next days; what was used before keeps the old one."""
    coefficient = chance.choice(("0.982492", "1.027235", "1.000001", "1", "0.900000", "1.099999"))
    document = _tariff(world, chance.choice((0, 1, 1, 2)), coefficient=coefficient)
    world.center.insist("tariff_set", {"account_id": world.center.account_id, "tariff": document})


@incident(FAMILY, 1.0)
def bad_coefficient(world: World, chance: random.Random) -> None:
    """One of no place on earth, one with too many digits, a price per kWh, a tariff of electricity: refused."""
    good = _tariff(world, 1, coefficient="1.0")
    bad: list[dict[str, Any]] = [
        {"gas": {"coefficient": "10.27235"}},
        {"gas": {"coefficient": "0.1"}},
        {"gas": {"coefficient": "1.0272351"}},
        {"gas": {}},
        {"block": [{"price_per_kwh": {"all": "0.30"}}]},
        tomllib.loads(tariff_text()) | {"version": good["version"], "valid_from": good["valid_from"]},
    ]
    wrong = chance.choice(bad)
    document = wrong if "tariff" in wrong else good | wrong
    world.center.command("tariff_set", {"account_id": world.center.account_id, "tariff": document})


@incident(FAMILY, 6.0)
def fitter_at_the_meter(world: World, chance: random.Random) -> None:
    """Somebody on site lets the gas in again, whether or not it waits for that (decision 14)."""
    body = {"account_id": world.center.account_id, "confirmed_by": "fitter 3"}
    for after_s in (0.0, chance.uniform(2, 20) * HOUR_S):
        world.later(after_s, partial(world.center.command, "reconnect", body))


@incident(FAMILY, 1.0)
def gas_cannot_be_limited(world: World, chance: random.Random) -> None:
    """Reduced power is ordered for a gas meter, or a voltage check: refused, there is none (S1-10)."""
    account_id = world.center.account_id
    limit = {"account_id": account_id, "arrears_id": "any", "legal_ref": "none", "affected_parties_heard": True}
    end_s = world.machine.true_utc_ms() / 1000 + DAY_S
    check = {"account_id": account_id, "check_id": "c", "to": datetime.fromtimestamp(int(end_s), UTC).isoformat()}
    world.center.command(*chance.choice((("supply_limit", limit), ("voltage_check", check))))
