"""Money by command: postings of every kind, well and badly, and the social bonus day by day (S1-16, S2-35)."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from tests.simulation.desk import Desk, desk_of, post
from tests.simulation.incidents import incident
from tests.simulation.world import HOUR_S, World

FAMILY = "postings"
ZONE = ZoneInfo("Europe/Zurich")


def civil(world: World, days: int = 0) -> date:
    """The civil day at the customer's, so many days from today."""
    at = datetime.fromtimestamp(world.machine.true_utc_ms() / 1000, UTC).astimezone(ZONE)
    return at.date() + timedelta(days=days)


def _amount(chance: random.Random) -> str:
    return chance.choice(("0.01", "0.50", "2.35", "7.00", "0.123456789", "35.00"))


def _period(world: World, days: int) -> dict[str, str]:
    return {"from": civil(world, -days).isoformat(), "to": civil(world).isoformat()}


def well_formed(world: World, chance: random.Random, desk: Desk) -> dict[str, Any]:
    """One posting of any kind that should be taken, as far as the balance allows."""
    amount, sign = _amount(chance), chance.choice(("", "-"))
    open_ones = [body for name, body in desk.applied.items() if name not in desk.undone]
    if open_ones and chance.random() < 0.25:
        return _reversing(chance.choice(open_ones))
    estimates = [body for body in open_ones if body["kind"] == "estimate"]
    if estimates and chance.random() < 0.6:
        return _settling(chance.choice(estimates), chance)
    kind = chance.choice(
        ("fee", "interest", "compensation", "indemnity", "reconstruction", "estimate", "conguaglio", "setoff",
         "adjustment", "refund")
    )  # fmt: skip
    match kind:
        case "fee" | "refund":
            return {"kind": kind, "amount": f"-{amount}", "legal_ref": "ARERA 646/2015"}
        case "compensation" | "indemnity":
            return {"kind": kind, "amount": amount}
        case "interest" | "conguaglio":
            return {"kind": kind, "amount": f"{sign}{amount}", **_period(world, chance.choice((0, 3, 400, 800)))}
        case "estimate":
            return {"kind": kind, "amount": "-2.50", "wh": 10_000, **_period(world, 1)}
        case "reconstruction":
            sides = chance.choice((("5.00", "3.10", "1.90"), ("1.00", "4.25", "-3.25"), ("2.00", "2.00", "0.00")))
            day = {"test_day": civil(world).isoformat()}
            return {
                "kind": kind,
                "credit": sides[0],
                "debit": sides[1],
                "amount": sides[2],
                **_period(world, 90),
                **day,
            }
        case "setoff":
            return {"kind": kind, "amount": "0.00", "credit": "40.00", "debit": chance.choice(("55.00", "12.00"))}
        case _:
            return {"kind": kind, "amount": f"{sign}{amount}"}


def _reversing(body: dict[str, Any]) -> dict[str, Any]:
    """It is taken back as a whole."""
    amount = body["amount"]
    opposite = amount[1:] if amount.startswith("-") else amount if float(amount) == 0 else f"-{amount}"
    undone = {"kind": body["kind"], "amount": opposite, "reverses": body["reference"]}
    if "credit" in body:
        undone |= {"credit": body["debit"], "debit": body["credit"]}
    return undone | {name: body[name] for name in ("from", "to", "test_day", "wh") if name in body}


def _settling(body: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """10 kWh were estimated at 2.50; so much was used."""
    wh, amount = chance.choice(((9000, "0.25"), (10_000, "0.00"), (16_000, "-1.50")))
    return {"kind": "conguaglio", "amount": amount, "supersedes": body["reference"], "wh": wh}


@incident(FAMILY, 2.5)
def postings(world: World, chance: random.Random) -> None:
    """One posting, or a heap of them in any order, some more than once."""
    account_id = world.center.account_id
    desk = desk_of(world, account_id)
    several = [well_formed(world, chance, desk) for _ in range(chance.choice((1, 1, 2, 6)))]
    numbers = [desk.number() for _ in several]
    chance.shuffle(numbers)
    for fields, number in zip(several, numbers, strict=True):
        order = post(world, account_id, fields, number)
        for _ in range(chance.choice((0, 0, 1, 3))):
            delay_s = chance.choice((0.0, 3.0, 600.0, 5 * HOUR_S))
            world.later(delay_s, partial(world.broker.send_down, "prepaid/1/gw-sim/command", order.token))


@incident(FAMILY, 1.5)
def bad_posting(world: World, chance: random.Random) -> None:
    """A posting with a mistake in it, well signed: refused, and its number stays free."""
    account_id = world.center.account_id
    desk = desk_of(world, account_id)
    desk.sent += 1
    good = {"account_id": account_id, "sequence": desk.next, "currency": "CHF", "reference": f"p{desk.sent}"}
    known = next(iter(desk.applied.values()), {"reference": "nothing", "kind": "fee", "amount": "-1.00"})
    bad: list[dict[str, Any]] = [
        {"kind": "fee", "amount": "1.00"},
        {"kind": "compensation", "amount": "-1.00"},
        {"kind": "gift", "amount": "1.00"},
        {"kind": "bonus", "amount": "1.00"},
        {"kind": "charge", "amount": "-1.00"},
        {"kind": "fee", "amount": "-1.00", "currency": "EUR"},
        {"kind": "adjustment", "amount": "99999.00"},
        {"kind": "refund", "amount": "-1900.00"},
        {"kind": "interest", "amount": "-1.00"},
        {"kind": "interest", "amount": "-1.00", "from": civil(world).isoformat(), "to": civil(world, 3).isoformat()},
        {"kind": "reconstruction", "amount": "9.00", "credit": "2.00", "debit": "1.00", **_period(world, 5)},
        {"kind": "setoff", "amount": "0.00", "credit": "2.00"},
        {"kind": "fee", "amount": "1.00", "reverses": "unknown"},
        {"kind": known["kind"], "amount": "77.77", "reverses": known["reference"]},
        {"kind": "adjustment", "amount": "3.00", "sequence": desk.next + 500},
        {"kind": "adjustment", "amount": "3.33", "sequence": max(1, desk.next - 1)},
    ]  # fmt: skip
    world.center.command("posting", good | chance.choice(bad))


@incident(FAMILY, 0.7)
def bonus(world: World, chance: random.Random) -> None:
    """A social bonus from some day on; later perhaps another amount, or another end, under the same reference."""
    account_id, name = world.center.account_id, f"bonus-{chance.randrange(3)}"
    body: dict[str, Any] = {"account_id": account_id, "reference": name, "currency": "CHF"}
    body |= {"from": civil(world, chance.choice((-40, -2, 0, 1))).isoformat()}
    body |= {"to": civil(world, chance.choice((1, 2, 5, 90))).isoformat()}
    body |= chance.choice(({"total": "10.00"}, {"per_day": "0.46"}, {"total": "0.000000007"}, {"total": "150.00"}))
    world.center.insist("bonus_set", body)
    if chance.random() < 0.4:
        other = {key: value for key, value in body.items() if key not in ("total", "per_day")}
        other |= {"to": civil(world, chance.choice((1, 4))).isoformat(), "per_day": "1.10"}
        world.later(chance.uniform(2, 60) * HOUR_S, partial(world.center.insist, "bonus_set", other))


@incident(FAMILY, 0.5)
def bad_bonus(world: World, chance: random.Random) -> None:
    """One that is over, too long, without an amount or with two, in another currency."""
    body = {"account_id": world.center.account_id, "reference": "bad", "currency": "CHF"}
    over = {"from": civil(world, -30).isoformat(), "to": civil(world, -2).isoformat(), "total": "10.00"}
    now = {"from": civil(world).isoformat(), "to": civil(world, 9).isoformat()}
    bad = [over, now, now | {"total": "1.00", "per_day": "1.00"}, now | {"total": "1.00", "currency": "EUR"}]
    bad.append(now | {"to": civil(world, 1000).isoformat(), "total": "10.00"})
    world.center.command("bonus_set", body | chance.choice(bad))


@incident(FAMILY, 1.0)
def restart_at_midnight(world: World, chance: random.Random) -> None:
    """The gateway starts again around midnight: by itself, by the watchdog, or because the power went."""
    begins = datetime.combine(civil(world, 1), datetime.min.time(), ZONE).timestamp()
    for _ in range(chance.choice((1, 3))):
        delay_s = begins - world.machine.true_utc_ms() / 1000 + chance.choice((-90.0, -5.0, 1.0, 20.0, 70.0, 300.0))
        how = chance.choice((world.process.restart, world.process.kill, partial(world.cut, 30.0)))
        world.meanwhile(max(0.0, delay_s), how)
