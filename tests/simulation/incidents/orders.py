"""What the utility commands, well and badly: prices, policies, holds, lock-outs, reversals, closing (threats 1, 2).

A command belongs to nobody's fault: invariants hold as with none. Bad ones are refused and change nothing.
"""

from __future__ import annotations

import random
import tomllib
from datetime import UTC, datetime
from functools import partial
from typing import Any

from tests.simulation.center import NANO, Till, money
from tests.simulation.incidents import incident
from tests.simulation.site import policy_text, price_key, tariff_text
from tests.simulation.world import DAY_S, HOUR_S, World

FAMILY = "orders"
PROTECTIVE = ("non_disconnectable", "life_support")
KINDS = ("non_disconnectable", "life_support", "complaint", "payment_proof", "moratorium", "field_work")


def _body(world: World, **fields: object) -> dict[str, Any]:
    return {"account_id": world.center.account_id, **fields}


def _day(world: World, days: int) -> str:
    return datetime.fromtimestamp(world.machine.true_utc_ms() / 1000 + days * DAY_S, UTC).date().isoformat()


def _policy(world: World) -> dict[str, Any]:
    return tomllib.loads(policy_text(world.setting.terms, world.setting.post_paid, gas=world.setting.gas))


def _tariff(world: World, chance: random.Random) -> dict[str, Any]:
    document = tomllib.loads(tariff_text(gas=world.setting.gas))
    price = chance.choice(("0.1000", "0.2995", "0.3247", "0.4120", "0.9999"))
    document["block"] = [{price_key(gas=world.setting.gas): {"all": price}}]
    document["version"] = 2 + sum(order.typ == "tariff_set" for order in world.center.orders.values())
    return document


@incident(FAMILY, 0.6)
def new_price(world: World, chance: random.Random) -> None:
    """A new price from today or one of the next days; one for the past, or an old version, is refused."""
    document = _tariff(world, chance)
    document["valid_from"] = _day(world, chance.choice((0, 0, 1, 1, 3, 30, -1, -400)))
    if chance.random() < 0.15:
        document["version"] = 1
    world.center.insist("tariff_set", _body(world, tariff=document))


@incident(FAMILY, 0.4)
def new_policy(world: World, chance: random.Random) -> None:
    """Another version of the policy, sometimes a stale one."""
    document = _policy(world)
    document["version"] = 2 + sum(order.typ == "policy_set" for order in world.center.orders.values())
    part, name = ("grace", "debt_cap") if world.setting.post_paid is None else ("delinquency", "debt_floor")
    document[part][name] = chance.choice(("3.00", "4.00", "6.00"))
    document["limit"]["percent"] = chance.choice((10, 15, 15, 30))
    if chance.random() < 0.15:
        document["version"] = 1
    world.center.insist("policy_set", _body(world, policy=document))


@incident(FAMILY, 0.4)
def new_power(world: World, chance: random.Random) -> None:
    """Another contract power; some are none that is sold."""
    power_w = chance.choice((3000, 4500, 6000, 9000, 3333, 1))
    world.center.insist("power_set", _body(world, contract_power_w=power_w))


@incident(FAMILY, 0.6)
def hold(world: World, chance: random.Random) -> None:
    """A reason not to escalate, for hours or days, with an end or released by hand (S0-14, 2.5)."""
    hold_id, days = f"h{chance.randrange(4)}", chance.choice((0.1, 1, 3))
    body = _body(world, hold_id=hold_id, kind=chance.choice(KINDS))
    if chance.random() < 0.3:
        end_s = world.machine.true_utc_ms() / 1000 + days * DAY_S
        body["until"] = datetime.fromtimestamp(int(end_s), UTC).isoformat()
    world.center.insist("hold_set", body)
    release = _body(world, hold_id=hold_id)
    world.later(days * DAY_S, partial(world.center.insist, "hold_release", release))
    world.on.healed.append(partial(world.center.insist, "hold_release", release))


@incident(FAMILY, 0.4)
def lockout(world: World, chance: random.Random) -> None:
    """The supply is opened for work on it and released afterwards (decision 13)."""
    body = _body(world, reason=chance.choice(("work on the line", "danger")))
    world.center.insist("lockout_set", body)
    release = _body(world)
    world.later(chance.uniform(0.3, 20) * HOUR_S, partial(world.center.insist, "lockout_release", release))
    world.on.healed.append(partial(world.center.insist, "lockout_release", release))


@incident(FAMILY, 0.3)
def override(world: World, chance: random.Random) -> None:
    """A technician gives full supply for some hours, or asks for it where nothing is off; some end it by hand."""
    hours, energy_wh = chance.choice((1, 3, 12)), chance.choice((200, 2_000))
    body = _body(world, technician="anna", reason="ill child", hours=hours, energy_wh=energy_wh)
    world.center.insist("override_set", body)
    if chance.random() < 0.3:
        end = _body(world, technician="anna", reason="settled")
        world.later(chance.uniform(0.2, 2) * HOUR_S, partial(world.center.insist, "override_end", end))


@incident(FAMILY, 0.6)
def reversal(world: World, chance: random.Random) -> None:
    """Some of what was sold is taken back: a stolen card."""
    world.center.take_back(world.center.account_id, chance.choice((1, 5, 20)) * NANO)


@incident(FAMILY, 0.3)
def everything_taken_back(world: World, chance: random.Random) -> None:
    """All that was ever sold was paid by stolen cards: the debt is above every cap at once."""
    del chance
    till = world.center.tills.get(world.center.account_id)
    if till is not None and (left_nano := till.totals_nano[till.confirmed] - till.reversed_nano[-1]):
        world.center.take_back(world.center.account_id, left_nano)


@incident(FAMILY, 0.3)
def protected_by_mistake(world: World, chance: random.Random) -> None:
    """Somebody limited or cut turns out not to be disconnectable, and minutes later that was an error (S0-14)."""
    hold_id, release_s = f"m{chance.randrange(10**6)}", chance.choice((300.0, 1200.0, 3 * HOUR_S))
    body = _body(world, hold_id=hold_id, kind=chance.choice(PROTECTIVE))
    release = {"account_id": body["account_id"], "hold_id": hold_id}

    def once_it_hurts(looks: int) -> None:
        if world.healed or not looks or world.center.account_id != body["account_id"]:
            return
        if world.center.supply.get(world.center.account_id) not in ("LIMITED", "SUSPENDED"):
            world.later(HOUR_S, partial(once_it_hurts, looks - 1))
            return
        world.center.insist("hold_set", body)
        world.later(release_s, partial(world.center.insist, "hold_release", release))
        world.on.healed.append(partial(world.center.insist, "hold_release", release))

    once_it_hurts(72)


@incident(FAMILY, 0.4)
def other_currency(world: World, chance: random.Random) -> None:
    """Right in everything but the currency: nobody changes francs for euros here."""
    center, account_id = world.center, world.center.account_id
    till = center.tills.get(account_id, Till())
    credit = {"account_id": account_id, "currency": "EUR", "amount": "1.00"}
    sold_nano, back_nano = till.totals_nano[till.confirmed] + NANO, till.reversed_nano[-1] + NANO
    tariff = _tariff(world, chance) | {"currency": "EUR", "valid_from": _day(world, 0)}
    policy = _policy(world) | {
        "currency": "EUR",
        "version": 1000,
    }
    bad: list[tuple[str, dict[str, Any]]] = [
        ("top_up", credit | {"sequence": till.confirmed + 1, "total": money(sold_nano)}),
        ("top_up_reverse", credit | {"sequence": till.reversals + 1, "total": money(back_nano), "reason": "stolen"}),
        ("tariff_set", _body(world, tariff=tariff)),
        ("policy_set", _body(world, policy=policy)),
    ]
    typ, body = chance.choice(bad)
    center.command(typ, body)


@incident(FAMILY, 0.8)
def read_now(world: World, chance: random.Random) -> None:
    """The call centre wants to see the meter, sometimes many times."""
    for _ in range(chance.choice((1, 1, 5))):
        world.center.command("read_now", _body(world))


def opening_after(world: World, leaving: str) -> dict[str, Any]:
    """The next contract at this meter, with somebody else."""
    opening = {
        "account_id": f"A{int(leaving[1:]) + 1}", "meter_id": "m1", "currency": "CHF", "contract_power_w": 6000,
        "policy": _policy(world), "opening_balance": "3.00",
        "tariff": tomllib.loads(tariff_text(gas=world.setting.gas)),
    }  # fmt: skip
    if world.setting.post_paid is not None:  # what the other one owes is not theirs
        opening |= {"opening_balance": "0.00", "voltage": world.setting.post_paid.voltage}
        opening |= {"kind": "subentro", "contract_id": f"C{opening['account_id']}"}
    return opening | ({"commodity": "gas"} if world.setting.gas else {})


@incident(FAMILY, 0.12)
def moves_out(world: World, chance: random.Random) -> None:
    """The contract ends; some hours later somebody else moves in (S1-15)."""
    center = world.center
    leaving = center.account_id
    closing = center.insist("account_close", {"account_id": leaving, "reason": "moves out"})
    opening = opening_after(world, leaving)

    def open_next() -> None:
        if closing.status == "applied" and center.account_id == leaving:
            center.account_id = str(opening["account_id"])
            center.insist("account_open", opening)

    world.later(chance.uniform(0.2, 12) * HOUR_S, open_next)


@incident(FAMILY, 1.0)
def bad_command(world: World, chance: random.Random) -> None:
    """A command with a mistake in it, well signed: refused, and nothing changes."""
    account_id = world.center.account_id
    till = world.center.tills.get(account_id)
    number, total_nano = (till.confirmed, till.totals_nano[till.confirmed]) if till is not None else (0, 0)
    top_up = {"account_id": account_id, "currency": "CHF", "channel": "web", "sequence": number + 2000}
    top_up |= {"amount": "1.00", "total": money(total_nano + 2000 * NANO)}
    bad: list[tuple[str, dict[str, Any]]] = [
        ("top_up", top_up),
        ("top_up", top_up | {"sequence": number + 1, "currency": "EUR"}),
        ("top_up", top_up | {"sequence": number + 1, "amount": "900.00", "total": money(total_nano + 900 * NANO)}),
        ("top_up", top_up | {"sequence": number + 1, "amount": "1.00", "total": money(total_nano + 3 * NANO)}),
        ("top_up", top_up | {"sequence": number + 1, "amount": "-1.00"}),
        ("top_up", top_up | {"account_id": "B7"}),
        ("power_set", {"account_id": "B7", "contract_power_w": 6000}),
        ("hold_release", {"account_id": account_id, "hold_id": "unknown"}),
        ("account_open", {"account_id": account_id}),
        ("tariff_set", _body(world, tariff=_tariff(world, chance) | {"currency": "EUR", "valid_from": _day(world, 1)})),
        ("self_destruct", {"account_id": account_id}),
    ]
    typ, body = chance.choice(bad)
    world.center.command(typ, body)


@incident(FAMILY, 0.6)
def sent_again(world: World, chance: random.Random) -> None:
    """Old commands are sent again, in any order, as often as one likes (threat 1)."""
    orders = list(world.center.orders.values())
    for order in chance.sample(orders, min(len(orders), chance.randint(1, 12))):
        delay_s = chance.choice((0.0, 5.0, HOUR_S))
        world.later(delay_s, partial(world.broker.send_down, "prepaid/1/gw-sim/command", order.token))


@incident(FAMILY, 0.4)
def signed_long_ago(world: World, chance: random.Random) -> None:
    """A command was signed and lay about: its challenge is old and its time is over."""
    order = world.center.sign("power_set", _body(world, contract_power_w=2000), life_s=600)
    world.center.orders[order.jti] = order
    delay_s = chance.uniform(2, 40) * HOUR_S
    world.later(delay_s, partial(world.broker.send_down, "prepaid/1/gw-sim/command", order.token))
