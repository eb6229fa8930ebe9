"""A difference of the register that nobody was charged for, and the posting that settles it (docs/postings.md)."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

from tests.simulation.desk import post
from tests.simulation.incidents import incident
from tests.simulation.incidents.postings import civil
from tests.simulation.incidents.register import FAMILY
from tests.simulation.world import HOUR_S, World

OPENED = "register.discontinuity"
LOOKS = 40


def _open_cases(world: World, account_id: str) -> list[int]:
    """As the rows tell it; some of them may be settled by now."""
    rows = world.center.rows
    mine = [row for row in rows if row.get("what") == OPENED and row["account_id"] == account_id]
    return [int(row["detail"]["case_id"]) for row in mine]


def _settling(world: World, chance: random.Random, case_id: int) -> dict[str, Any]:
    """One posting of a kind that may settle a case."""
    kind = chance.choice(("adjustment", "conguaglio", "reconstruction"))
    fields: dict[str, Any] = {"kind": kind, "amount": chance.choice(("-0.75", "-4.00", "1.10")), "case_id": case_id}
    if kind != "adjustment":
        fields |= {"from": civil(world, -1).isoformat(), "to": civil(world).isoformat()}
    if kind == "reconstruction":
        fields |= {"credit": "2.00", "debit": "1.25", "amount": "0.75", "test_day": civil(world).isoformat()}
    return fields


@incident(FAMILY, 0.6)
def case_settled(world: World, chance: random.Random) -> None:
    """The register leaps; somebody looks into it and posts what it comes to, then once more by mistake."""
    account_id = world.center.account_id
    leap_wh = chance.choice((900, 40_000, -700))
    world.meter.set_register_wh(max(0, world.meter.import_wh + leap_wh))

    def look(left: int) -> None:
        cases = _open_cases(world, account_id)
        if not cases and left and not world.healed:
            world.later(HOUR_S / 2, partial(look, left - 1))
        elif cases:
            fields = _settling(world, chance, cases[-1])
            post(world, account_id, fields)
            world.later(chance.uniform(1, 5) * HOUR_S, partial(post, world, account_id, dict(fields)))

    world.later(HOUR_S / 2, partial(look, LOOKS))


@incident(FAMILY, 0.6)
def case_settled_badly(world: World, chance: random.Random) -> None:
    """A case that there is not, one of another account, or by what settles none: refused."""
    account_id = world.center.account_id
    cases = _open_cases(world, account_id) or [1]
    good = _settling(world, chance, chance.choice(cases))
    bad: list[dict[str, Any]] = [
        good | {"case_id": cases[-1] + 50},
        {"kind": "fee", "amount": "-1.00", "case_id": cases[-1]},
        {"kind": "compensation", "amount": "1.00", "case_id": cases[-1]},
        {"kind": "setoff", "amount": "0.00", "credit": "1.00", "debit": "1.00", "case_id": cases[-1]},
        {"kind": "adjustment", "amount": "-1.00", "case_id": 0},
    ]
    post(world, account_id, chance.choice(bad))
