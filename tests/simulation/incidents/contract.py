"""Contract operations: reading certificates, the change of holder, what is ordered for a later instant (2.3, 2.4).

A command belongs to nobody's fault: invariants hold as with none. Bad ones are refused and change nothing.
"""

from __future__ import annotations

import random
import tomllib
from datetime import UTC, datetime
from functools import partial
from typing import Any

from firmware_sim.faults import Kind
from tests.simulation.center import NANO
from tests.simulation.incidents import incident
from tests.simulation.protections import utc_ms
from tests.simulation.site import policy_text, tariff_text
from tests.simulation.world import DAY_S, HOUR_S, World

FAMILY = "contract"
LOOKS = 400
LOOK_S = 600.0
BELOW_ZERO = ("LIMITED", "SUSPENDED")


def instant(world: World, seconds: float) -> str:
    """So many seconds from now, as it stands in a command."""
    return datetime.fromtimestamp(int(world.machine.true_utc_ms() / 1000 + seconds), UTC).isoformat()


@incident(FAMILY, 2.0)
def reading_certificate(world: World, chance: random.Random) -> None:
    """The register now, at an instant gone by, at one to come, or at one that nobody can know."""
    reason = chance.choice(("switch", "billing", "conguaglio", "check"))
    body: dict[str, Any] = {"account_id": world.center.account_id, "reason": reason, "reference": "case 7"}
    when = chance.choice(("now", "now", "past", "past", "future", "absurd"))
    if when != "now":
        past_s = -chance.choice((300, HOUR_S, 9 * HOUR_S, DAY_S, 3 * DAY_S)) * chance.uniform(0.5, 1.5)
        to_come_s = chance.choice((60, 900, 7 * HOUR_S, 30 * HOUR_S)) * chance.uniform(0.5, 1.5)
        absurd_s = chance.choice((-3650, 3650)) * DAY_S
        body["at"] = instant(world, {"past": past_s, "future": to_come_s}.get(when, absurd_s))
    for _ in range(chance.choice((1, 1, 4))):
        world.center.insist("reading_certificate", body)


@incident("values", 0.4)
def certificate_of_a_glitch(world: World, chance: random.Random) -> None:
    """A certificate is asked for in the very seconds in which the register reads nonsense (threat 15)."""
    meter, kind = world.meter, chance.choice((Kind.ZERO, Kind.JUMP))
    meter.faults.start(kind, meter.now_ns(), value=1_000_000, times=2)
    world.disturb(10 * world.setting.poll_s)
    body = {"account_id": world.center.account_id, "reason": "check"}

    def look(left: int) -> None:
        fault = meter.faults.active(kind, meter.now_ns())
        if fault is None or fault.left == 1:
            world.center.command("reading_certificate", body)
        elif left:
            world.later(0.1, partial(look, left - 1))

    look(20 * world.setting.poll_s)


def next_holder(world: World) -> dict[str, Any]:
    """The contract of whoever comes after the present holder."""
    leaving = world.center.account_id
    return {
        "account_id": f"A{int(leaving[1:]) + 1}", "currency": "CHF", "contract_power_w": 4500,
        "policy": tomllib.loads(policy_text(world.setting.terms, world.setting.post_paid, gas=world.setting.gas)),
        "tariff": tomllib.loads(tariff_text(gas=world.setting.gas)),
        "opening_balance": "4.00", "contract_id": "second",
    }  # fmt: skip


def hand_over(world: World, chance: random.Random, *, at: str | None) -> None:
    """Order it, and from the day it is done on deal with the next holder; the one before pays in vain."""
    center = world.center
    leaving, to = center.account_id, next_holder(world)
    body: dict[str, Any] = {"account_id": leaving, "kind": chance.choice(("voltura", "voltura_mortis_causa")), "to": to}
    center.insist("account_rollover", body if at is None else body | {"at": at})

    def look(left: int) -> None:
        done = any(row.get("rule") == "rolled_over" and row["account_id"] == leaving for row in reversed(center.rows))
        if not done and left:
            world.later(LOOK_S, partial(look, left - 1))
        elif done and center.account_id == leaving:
            center.account_id = str(to["account_id"])
            center.sell(leaving, 5 * NANO)
            center.sell(center.account_id, 5 * NANO)

    world.later(30.0, partial(look, LOOKS))


@incident(FAMILY, 0.5)
def voltura(world: World, chance: random.Random) -> None:
    """Somebody else becomes the holder, at once or at an instant to come; nobody is without supply for it."""
    wait_s = chance.choice((0, 0, 600, 5 * HOUR_S, 26 * HOUR_S))
    hand_over(world, chance, at=instant(world, wait_s * chance.uniform(0.5, 1.5)) if wait_s else None)


@incident(FAMILY, 0.25)
def voltura_locked_out(world: World, chance: random.Random) -> None:
    """The holder changes while somebody works on the line: the lock-out stays, whoever pays (decision 13)."""
    center, leaving = world.center, world.center.account_id
    center.insist("lockout_set", {"account_id": leaving, "reason": "work on the line"})
    world.later(chance.uniform(60, HOUR_S), lambda: hand_over(world, chance, at=None))
    for release_s in (chance.uniform(2, 9) * HOUR_S, 12 * HOUR_S):
        world.later(release_s, lambda: center.insist("lockout_release", {"account_id": center.account_id}))
    world.on.healed.append(lambda: center.insist("lockout_release", {"account_id": center.account_id}))


@incident(FAMILY, 0.25)
def voltura_in_debt(world: World, chance: random.Random) -> None:
    """The holder changes while the supply is limited or off for the debts of the one who leaves."""
    center, leaving = world.center, world.center.account_id

    def once_it_hurts(looks: int) -> None:
        if world.healed or not looks or center.account_id != leaving:
            return
        if center.supply.get(leaving) in BELOW_ZERO:
            hand_over(world, chance, at=None)
        else:
            world.later(HOUR_S, partial(once_it_hurts, looks - 1))

    once_it_hurts(72)


@incident(FAMILY, 0.4)
def bad_voltura(world: World, chance: random.Random) -> None:
    """To oneself, to another delivery point, for yesterday, in ten years, in another currency: refused."""
    leaving, to = world.center.account_id, next_holder(world)
    to["account_id"] = "X9"
    bad: list[dict[str, Any]] = [
        {"to": to | {"account_id": leaving}},
        {"to": to | {"delivery_point": "IT001E12345678"}},
        {"to": to, "at": instant(world, -DAY_S)},
        {"to": to, "at": instant(world, 3650 * DAY_S)},
        {"to": to | {"currency": "EUR"}},
    ]
    body = {"account_id": leaving, "kind": "voltura"}
    world.center.command("account_rollover", body | chance.choice(bad))


@incident(FAMILY, 1.0)
def power_later(world: World, chance: random.Random) -> None:
    """Another contract power from an instant to come; some are none that is sold, some instants are gone."""
    power_w = chance.choice((3000, 4500, 6000, 9000, 9000, 3333))
    wait_s = chance.choice((-HOUR_S, 900, 3 * HOUR_S, 25 * HOUR_S)) * chance.uniform(0.5, 1.5)
    body = {"account_id": world.center.account_id, "contract_power_w": power_w, "at": instant(world, wait_s)}
    world.center.insist("power_set", body)


@incident(FAMILY, 0.6)
def due_cancel(world: World, chance: random.Random) -> None:
    """What waits for its instant shall not happen; sometimes it has happened already, or nobody knows of it."""
    now_ms = world.machine.true_utc_ms()
    dated = {jti: order for jti, order in world.center.orders.items() if "at" in order.body}
    waiting = [jti for jti, one in dated.items() if one.status == "applied" and utc_ms(one.body["at"]) > now_ms]
    due_id = chance.choice(waiting or [*dated, "nothing"]) if chance.random() < 0.8 else "nothing"
    world.center.insist("due_cancel", {"account_id": world.center.account_id, "due_id": due_id})
