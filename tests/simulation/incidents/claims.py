"""Post-paid: what a claims office and its customers do, well and badly (requirements 2.4, 2.8).

Only where supply is paid afterwards, and there in every run: these are commands, nobody's fault. Whatever is asked too
early, twice, for another debt or without a notice is refused with a reason, and changes nothing.
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.simulation.claims_office import OPEN_MAX
from tests.simulation.incidents import POST_PAID, incident
from tests.simulation.incidents.orders import opening_after
from tests.simulation.till import NANO, money
from tests.simulation.world import HOUR_S, World

if TYPE_CHECKING:
    from tests.simulation.claims_office import Claim

FAMILY = POST_PAID
LOOKS = 144
"""So often, each half hour, somebody looks whether an order is kept."""
MINUTE_MS = 60_000


@incident(FAMILY, 14.0)
def put_in_default(world: World, chance: random.Random) -> None:
    """An unpaid claim with its notice, followed by orders at any hour until it is paid or given up."""
    if len(world.claims.open_claims()) < OPEN_MAX:
        world.claims.claim(chance, chance.choice((0, 0, 1, 2, 4)))


@incident(FAMILY, 2.0)
def ordered_without_notice(world: World, chance: random.Random) -> None:
    """An order for a claim that nobody has ever noticed."""
    body = {
        "account_id": world.center.account_id, "arrears_id": "nobody", "legal_ref": "none",
        "queue": chance.random() < 0.5, "affected_parties_heard": True,
    }  # fmt: skip
    world.center.command(chance.choice(("supply_limit", "supply_suspend")), body)


@incident("orders", 0.4)
def claimed_from_prepaid(world: World, chance: random.Random) -> None:
    """What only a central policy knows is asked of an account that decides by itself: refused (2.8, 12)."""
    if world.setting.post_paid is None:
        account_id = world.center.account_id
        asked = {"account_id": account_id, "arrears_id": "N1", "legal_ref": "none", "affected_parties_heard": True}
        day = datetime.fromtimestamp(world.machine.true_utc_ms() / 1000, UTC).date()
        notice = {
            "account_id": account_id, "arrears_id": "N1", "commodity": "electricity", "currency": "CHF",
            "amount": "20.00", "due_on": str(day - timedelta(days=90)), "issued_on": str(day - timedelta(days=60)),
            "proof": "unproven", "final_term_on": str(day - timedelta(days=9)), "legal_ref": "letter",
            "sent_on": str(day - timedelta(days=60)), "notified_on": str(day - timedelta(days=55)),
        }  # fmt: skip
        world.center.command("arrears_notice", notice)
        world.later(60.0, partial(world.center.command, chance.choice(("supply_limit", "supply_suspend")), asked))
        ended = {"account_id": account_id, "reason": "arrears", "cause": "delinquency"}
        world.later(120.0, partial(world.center.command, "account_close", ended))


@incident(FAMILY, 4.0)
def bad_notice(world: World, chance: random.Random) -> None:
    """A notice with a mistake in it; orders for it follow all the same."""
    good = world.claims.notice(chance, chance.choice((0, 3)))
    today = world.claims.today()
    sent = date.fromisoformat(good["sent_on"])
    bad: list[dict[str, Any]] = [
        {"final_term_on": (sent - timedelta(days=1)).isoformat()},
        {"proof": "registered_letter", "final_term_on": good["sent_on"]},
        {"due_on": today.isoformat(), "issued_on": today.isoformat()},
        {"notified_on": (today + timedelta(days=1)).isoformat()},
        {"issued_on": (sent + timedelta(days=1)).isoformat()},
        {"commodity": "electricity" if world.setting.gas else "gas"},
        {"currency": "EUR"},
        {"amount": "0.00"},
        {"proof": "certified_mail", "notified_on": None},
        {"proof": "registered_letter", "sent_on": None},
        {"due_on": "2050-01-01", "issued_on": "2050-01-02", "sent_on": None, "notified_on": None, "proof": "unproven"},
        {"final_term_on": "2049-01-01"},
    ]
    notice = good | chance.choice(bad)
    world.center.command("arrears_notice", notice)
    order = {"account_id": notice["account_id"], "arrears_id": notice["arrears_id"], "legal_ref": "none"}
    world.later(60.0, partial(world.center.command, "supply_suspend", order | {"affected_parties_heard": True}))


@incident(FAMILY, 1.5)
def noticed_again(world: World, chance: random.Random) -> None:
    """The same claim again: with more time, or with less, which is refused."""
    one = _one(world, chance)
    if one is not None:
        final = date.fromisoformat(one.notice["final_term_on"]) + timedelta(days=chance.choice((-1, 0, 1)))
        again = one.notice | {"amount": money(one.left_nano), "final_term_on": final.isoformat()}
        world.center.command("arrears_notice", again)


@incident(FAMILY, 2.0)
def paid_in_part(world: World, chance: random.Random) -> None:
    """Some of it is paid, now or in the end all."""
    one = _one(world, chance)
    if one is not None:
        world.claims.paid(one, one.left_nano // chance.choice((2, 4)))


@incident(FAMILY, 1.5)
def paid_in_part_again(world: World, chance: random.Random) -> None:
    """A payment of a part that was made before is signed again, as after a lost verdict: it counts once."""
    if world.claims.parts:
        world.center.command("arrears_paid", chance.choice(world.claims.parts))


@incident(FAMILY, 1.0)
def paid_in_full(world: World, chance: random.Random) -> None:
    """Somebody pays everything at once, at any hour."""
    del chance
    for one in world.claims.open_claims():
        world.claims.paid(one)


@incident(FAMILY, 2.0)
def bad_payment(world: World, chance: random.Random) -> None:
    """In another currency, nothing, of nobody's claim, or with nothing said of the rest: refused. Too much pays all."""
    one = _one(world, chance)
    body = {"account_id": world.center.account_id, "arrears_id": one.arrears_id if one else "nobody"}
    nothing, much = {"amount": "0.00", "left": "0.00"}, {"amount": "9999.00", "left": "0.00"}
    wrong = (much, {"currency": "EUR"}, {"arrears_id": "other"}, nothing, {"amount": "0.01"})
    world.center.command("arrears_paid", body | {"currency": "CHF"} | chance.choice(wrong))


@incident(FAMILY, 1.0)
def disputed(world: World, chance: random.Random) -> None:
    """The customer contests a claim, wholly or in part: what is contested counts for nothing until it is settled."""
    one = _one(world, chance)
    if one is None:
        return
    nano = chance.choice((one.left_nano, one.left_nano, one.left_nano // 2, one.left_nano - NANO // 2))
    hold_id = f"d{chance.randrange(10**6)}"
    body = {"account_id": one.account_id, "hold_id": hold_id, "kind": "dispute", "amount": money(max(1, nano))}
    world.center.insist("hold_set", body)
    release = {"account_id": one.account_id, "hold_id": hold_id}
    world.later(chance.uniform(2, 60) * HOUR_S, partial(world.center.insist, "hold_release", release))
    world.on.healed.append(partial(world.center.insist, "hold_release", release))


@incident(FAMILY, 1.0)
def held_for_one_rung(world: World, chance: random.Random) -> None:
    """A hold that keeps from some rungs only."""
    rungs = chance.choice((["LIMITED"], ["SUSPENDED"], ["SUSPENDED", "TERMINATED"]))
    hold_id = f"r{chance.randrange(10**6)}"
    body = {"account_id": world.center.account_id, "hold_id": hold_id, "kind": "complaint", "rungs": rungs}
    world.center.insist("hold_set", body)
    release = {"account_id": body["account_id"], "hold_id": hold_id}
    world.later(chance.uniform(5, 50) * HOUR_S, partial(world.center.insist, "hold_release", release))


@incident(FAMILY, 2.0)
def proof_at_the_last_minute(world: World, chance: random.Random) -> None:
    """An order waits for its slot; a minute before it somebody shows that they have paid (S1-12)."""

    def show(one: Claim) -> None:
        body = {"account_id": one.account_id, "hold_id": f"p{chance.randrange(10**6)}", "kind": "payment_proof"}
        if chance.random() < 0.5:
            end_s = world.machine.true_utc_ms() / 1000 + chance.uniform(3, 30) * HOUR_S
            body["until"] = datetime.fromtimestamp(int(end_s), UTC).isoformat()
        world.center.insist("hold_set", body)

    _before_the_slot(world, show, LOOKS)


@incident(FAMILY, 2.0)
def paid_at_the_last_minute(world: World, chance: random.Random) -> None:
    """An order waits for its slot; a minute before it everything is paid, or a part."""
    part = chance.random() < 0.3
    _before_the_slot(world, lambda one: world.claims.paid(one, one.left_nano // 2 if part else None), LOOKS)


@incident(FAMILY, 1.0)
def disputed_at_the_last_minute(world: World, chance: random.Random) -> None:
    """An order waits for its slot; a minute before it the claim is contested."""

    def contest(one: Claim) -> None:
        body = {"account_id": one.account_id, "hold_id": f"l{chance.randrange(10**6)}", "kind": "dispute"}
        world.center.insist("hold_set", body | {"amount": money(one.left_nano)})

    _before_the_slot(world, contest, LOOKS)


@incident(FAMILY, 2.0)
def ended_for_arrears(world: World, chance: random.Random) -> None:
    """The contract is to end for what is unpaid: each few hours, mostly long before it may (S1-14)."""
    account_id = world.center.account_id
    body = {"account_id": account_id, "reason": "arrears", "cause": "delinquency"}

    def ask(left: int) -> None:
        if world.healed or not left or world.center.account_id != account_id:
            return
        if world.center.supply.get(account_id) == "TERMINATED":
            _back_again(world, account_id)
        else:
            world.center.command("account_close", body)
        world.later(chance.uniform(3, 15) * HOUR_S, partial(ask, left - 1))

    ask(80)


@incident(FAMILY, 3.0)
def seen_on_site(world: World, chance: random.Random) -> None:
    """Somebody on site confirms that the supply may close, whether or not anything waits for it (decision 14)."""
    body = {"account_id": world.center.account_id, "confirmed_by": "fitter 7"}
    for after_s in (0.0, chance.uniform(5, 60) * HOUR_S):
        world.later(after_s, partial(world.center.command, "reconnect", body))


def _back_again(world: World, leaving: str) -> None:
    """The same customer asks for a new contract, and is told to pay first; the next time they have (S1-15)."""
    opening = opening_after(world, leaving) | {"kind": "activation"}
    order = world.center.command("account_open", opening)
    for one in world.claims.open_claims():
        world.later(HOUR_S, partial(world.claims.paid, one))

    def open_now() -> None:
        if order.status == "applied" and world.center.account_id == leaving:
            world.center.account_id = str(opening["account_id"])

    world.later(HOUR_S / 2, open_now)


def _one(world: World, chance: random.Random) -> Claim | None:
    claims = world.claims.open_claims()
    return chance.choice(claims) if claims else None


def _before_the_slot(world: World, act: Any, looks: int) -> None:
    """Wait until an order is kept, then act one minute before its instant."""
    if world.healed or not looks:
        return
    now_ms = world.machine.true_utc_ms()
    for one, slot_ms in world.claims.queued():
        if slot_ms - now_ms > MINUTE_MS:
            world.later((slot_ms - now_ms - MINUTE_MS) / 1000, partial(act, one))
            return
    world.later(HOUR_S / 2, partial(_before_the_slot, world, act, looks - 1))
