"""What customers and the system operator are owed: load curves, months, statements, top-ups, evidence (S4-07, S4-17).

Each is asked for by a signed command and comes in parts on a topic of its own. Asking belongs to nobody's fault.
"""

from __future__ import annotations

import random
from datetime import timedelta
from functools import partial
from typing import Any

from tests.simulation.incidents import incident
from tests.simulation.incidents.postings import civil
from tests.simulation.world import HOUR_S, World

FAMILY = "documents"
KINDS = ("load_curve", "load_curve", "statement", "statement", "topups", "certificates", "evidence", "month")
FORMS = {
    "load_curve": ("csv", "csv_it", "json", None), "statement": ("json", "html", None), "topups": ("csv", "json", None),
}  # fmt: skip
DAYS = (1, 1, 2, 3, 7, 7, 30, 170)


def _request(world: World, chance: random.Random, kind: str) -> dict[str, Any]:
    """A good request, for a time that is over or goes on."""
    first, last = civil(world, -chance.choice(DAYS)), civil(world, chance.choice((0, 1)))
    if kind == "month":
        last = civil(world, -chance.choice((0, 0, 20))).replace(day=1)
        first = (last - timedelta(days=1)).replace(day=1)
    body: dict[str, Any] = {
        "account_id": world.center.account_id, "kind": kind,
        "from_day": first.isoformat(), "to_day": last.isoformat(),
    }  # fmt: skip
    if (form := chance.choice(FORMS.get(kind, (None,)))) is not None:
        body["form"] = form
    if kind == "load_curve":
        body["resolution"] = chance.choice(("quarter", "quarter", "hour", "day", "month"))
        body["channels"] = chance.choice(([], ["import"], ["export"], ["import", "export"]))
    elif kind == "statement":
        body |= {"five_rappen": chance.random() < 0.3, "locale": chance.choice(("it_CH", "de_CH", "en_GB"))}
    elif kind == "evidence" and chance.random() < 0.3:
        body["account_id"] = ""
    return body


@incident(FAMILY, 5.0)
def document(world: World, chance: random.Random) -> None:
    """Somebody entitled asks for one, and a little later for the same again, under another id."""
    body = _request(world, chance, chance.choice(KINDS))
    world.center.insist("document", body)
    if chance.random() < 0.3:
        world.later(chance.uniform(1, 3 * HOUR_S), partial(world.center.insist, "document", dict(body)))


@incident(FAMILY, 1.0)
def document_of_who_left(world: World, chance: random.Random) -> None:
    """The last bill of each who ever had the contract."""
    body = _request(world, chance, chance.choice(("statement", "evidence", "topups", "load_curve")))
    for number in range(1, int(world.center.account_id[1:]) + 1):
        world.center.insist("document", body | {"account_id": f"A{number}"})


@incident(FAMILY, 1.0)
def month_again_and_again(world: World, chance: random.Random) -> None:
    """The system operator fetches the last month, and again: it must leave as it left, byte for byte (S4-17)."""
    body = _request(world, chance, "month")
    for hours in (0.0, chance.uniform(0.01, 3), chance.uniform(3, 30)):
        world.later(hours * HOUR_S, partial(world.center.insist, "document", dict(body)))


@incident(FAMILY, 1.0)
def documents_in_a_heap(world: World, chance: random.Random) -> None:
    """More at once than wait in line: some are refused, and asked for again."""
    for _ in range(chance.choice((4, 14))):
        world.center.insist("document", _request(world, chance, chance.choice(KINDS)))


@incident(FAMILY, 1.0)
def document_again(world: World, chance: random.Random) -> None:
    """Its receiver lost parts of it: the same command again, also while it is still on its way."""
    asked = [order for order in world.center.orders.values() if order.typ == "document"]
    for order in chance.sample(asked, min(2, len(asked))):
        for delay_s in (0.0, chance.choice((0.05, 2.0, HOUR_S))):
            world.later(delay_s, partial(world.broker.send_down, "prepaid/1/gw-sim/command", order.token))


@incident(FAMILY, 1.5)
def bad_document(world: World, chance: random.Random) -> None:
    """Of nobody, of days to come, of none, of too many, in a form there is not: refused with a reason."""
    good = _request(world, chance, "load_curve")
    today, before = civil(world), civil(world, -1)
    bad: list[dict[str, Any]] = [
        {"account_id": "B7"},
        {"account_id": ""},
        {"from_day": today.isoformat(), "to_day": before.isoformat()},
        {"from_day": today.isoformat(), "to_day": civil(world, 2).isoformat()},
        {"from_day": civil(world, -250).isoformat()},
        {"from_day": civil(world, -700).isoformat(), "to_day": civil(world, -690).isoformat()},
        {"form": "html"},
        {"kind": "month", "form": "csv", "from_day": before.isoformat()},
        {"kind": "statement", "form": "csv"},
        {"kind": "statement", "form": "json", "from_day": civil(world, -800).isoformat()},
        {"kind": "month", "from_day": today.replace(day=1).isoformat(), "to_day": "2050-01-01"},
    ]
    world.center.command("document", good | chance.choice(bad))
