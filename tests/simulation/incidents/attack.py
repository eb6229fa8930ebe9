"""Somebody at the broker who has no key forges, replays, floods (threats 1, 2, 25): nothing of it changes anything."""

from __future__ import annotations

import json
import random
from functools import partial
from typing import Any

from tests.simulation.incidents import incident
from tests.simulation.signer import Signer
from tests.simulation.world import HOUR_S, World

FAMILY = "attack"
BELOW = "prepaid/1/gw-sim/"
TOPICS = ("command", "ack", "resend", "time/answer")


def _wanted(world: World, chance: random.Random) -> tuple[str, dict[str, Any]]:
    account_id = world.center.account_id
    top_up = {"account_id": account_id, "sequence": 1, "currency": "CHF", "amount": "400.00", "total": "400.00"}
    return chance.choice(
        (
            ("top_up", top_up),
            ("power_set", {"account_id": account_id, "contract_power_w": 500}),
            ("lockout_set", {"account_id": account_id, "reason": "mine"}),
            ("ack", {"epoch": "12345678", "seq": 5, "head": "0" * 64}),
            ("time", {"nonce": "0" * 24, "utc_ms": 4_000_000_000_000}),
        )
    )


@incident(FAMILY, 0.8)
def forged(world: World, chance: random.Random) -> None:
    """Signed by a key of the attacker's own, under the name of a good one or another (threat 2)."""
    signer = Signer("gw-sim", chance, world.machine.true_utc_ms, kid=chance.choice(("k1", "k2", "k0")))
    for _ in range(chance.choice((1, 3, 30))):
        typ, body = _wanted(world, chance)
        topic = {"ack": "ack", "time": "time/answer"}.get(typ, "command")
        world.broker.send_down(BELOW + topic, signer.sign(typ, body).token)


@incident(FAMILY, 0.5)
def with_a_lesser_key(world: World, chance: random.Random) -> None:
    """The time server's key was stolen: it may tell the time, and nothing else (threat 2)."""
    typ, body = _wanted(world, chance)
    if typ != "time":
        order = world.center.timekeeper.sign(typ, body, challenge=world.center.status.get("challenge"))
        world.broker.send_down(BELOW + ("ack" if typ == "ack" else "command"), order.token)


@incident(FAMILY, 0.5)
def altered(world: World, chance: random.Random) -> None:
    """A good message with one bit turned (threat 2)."""
    if world.broker.history:
        topic, payload = chance.choice(tuple(world.broker.history))
        changed = bytearray(payload)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        world.broker.send_down(topic, bytes(changed))


@incident(FAMILY, 0.4)
def for_another(world: World, chance: random.Random) -> None:
    """A message that the utility really signed, for another gateway of its own."""
    typ, body = _wanted(world, chance)
    world.broker.send_down(BELOW + "command", world.center.signer.sign(typ, body, aud="gw-other").token)


@incident(FAMILY, 1.0)
def replayed(world: World, chance: random.Random) -> None:
    """What was heard before is sent again, now or later, on its own topic or another (threats 1, 3)."""
    heard = tuple(world.broker.history)
    for topic, payload in chance.sample(heard, min(len(heard), chance.choice((1, 10, 60)))):
        other = BELOW + chance.choice(TOPICS) if chance.random() < 0.3 else topic
        delay_s = chance.choice((0.0, 0.0, HOUR_S, 40 * HOUR_S))
        world.meanwhile(delay_s, partial(world.broker.send_down, other, payload))


@incident(FAMILY, 0.5)
def retained(world: World, chance: random.Random) -> None:
    """A good command is published with *retain*, so that the broker repeats it at each connection."""
    good = [payload for topic, payload in world.broker.history if topic.endswith("/command")]
    if good:
        world.broker.send_down(BELOW + "command", chance.choice(good), retained=True)


@incident(FAMILY, 0.5)
def junk(world: World, chance: random.Random) -> None:
    """Random bytes, texts, and messages larger than any command."""
    for _ in range(chance.choice((1, 20))):
        payload = chance.choice(
            (
                chance.randbytes(chance.choice((0, 1, 60, 3000))),
                b"a.b.c",
                json.dumps({"typ": "top_up"}).encode(),
                b"x" * 17_000,
                b".".join((b"e30", b"e30", b"AA")),
            )
        )
        world.broker.send_down(BELOW + chance.choice(TOPICS), payload)


@incident(FAMILY, 0.1)
def flood(world: World, chance: random.Random) -> None:
    """Hundreds of junk messages within seconds, some times (threat 25)."""
    payload = chance.randbytes(200)
    for number in range(chance.randint(200, 900)):
        world.meanwhile(number * 0.01, lambda: world.broker.send_down(BELOW + "command", payload))
