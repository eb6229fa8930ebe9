"""The biller's desk: numbers the postings of each account and sends each until it is answered (docs/postings.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from tests.simulation.center import STALE, TRIES_MAX

if TYPE_CHECKING:
    from tests.simulation.signer import Order
    from tests.simulation.world import World

LOOK_AGAIN_S = 900.0


@dataclass(slots=True)
class Desk:
    """Of one account: numbers not used yet, those that came back, and what was posted under which reference."""

    next: int = 1
    free: list[int] = field(default_factory=list)
    applied: dict[str, dict[str, Any]] = field(default_factory=dict)
    undone: set[str] = field(default_factory=set)
    sent: int = 0

    def number(self) -> int:
        """The next number; one that was refused comes first."""
        if self.free:
            return self.free.pop(0)
        self.next += 1
        return self.next - 1


_desks: WeakKeyDictionary[World, dict[str, Desk]] = WeakKeyDictionary()


def desk_of(world: World, account_id: str) -> Desk:
    """The desk of an account of this run."""
    return _desks.setdefault(world, {}).setdefault(account_id, Desk())


def post(world: World, account_id: str, fields: dict[str, Any], number: int | None = None) -> Order:
    """Sign one posting and send it until it is answered; a number that was refused is free again."""
    desk = desk_of(world, account_id)
    desk.sent += 1
    number = desk.number() if number is None else number
    body = {"account_id": account_id, "sequence": number, "currency": "CHF", "reference": f"p{desk.sent}", **fields}
    order = world.center.insist("posting", body)
    world.later(LOOK_AGAIN_S, lambda: _look(world, desk, body))
    return order


def newest(world: World, body: dict[str, Any]) -> Order:
    """The last order that was signed with this very body."""
    return next(order for order in reversed(world.center.orders.values()) if order.body is body)


def _look(world: World, desk: Desk, body: dict[str, Any]) -> None:
    signed = [order for order in world.center.orders.values() if order.body is body]
    verdict = signed[-1].verdicts[-1] if signed[-1].verdicts else {}
    given_up = verdict.get("reason") in STALE and len(signed) >= TRIES_MAX
    if verdict.get("status") == "applied":
        desk.applied[body["reference"]] = body
        desk.undone |= {name for name in (body.get("reverses"), body.get("supersedes")) if name}
        if body.get("reverses"):
            desk.undone.add(body["reference"])
    elif given_up or (verdict.get("status") == "refused" and verdict.get("reason") not in {*STALE, "sequence_used"}):
        desk.free.append(body["sequence"])
    elif not verdict or verdict.get("reason") in STALE:
        world.later(LOOK_AGAIN_S, lambda: _look(world, desk, body))
