"""The people of a utility who claim what is unpaid: notices, orders, payments, as docs/mqtt.md says they are sent.

The office knows no calendar and computes no term: it asks early, late, at night and on holidays, and again, as offices
do. What must become of it is for the invariants to say. `incidents/claims.py` decides what the office does when.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tests.simulation.till import NANO, money, nano_of

if TYPE_CHECKING:
    from tests.simulation.signer import Order
    from tests.simulation.world import World

HOUR_S = 3600.0
OPEN_MAX = 3
"""So many claims are followed at once."""
ASKS_MAX = 60
"""After so many orders the office gives a claim up."""
TOLD_AGAIN_MAX = 8
TOLD_AGAIN_S = 6 * HOUR_S
"""How soon the office finds out that a gateway has forgotten its claims."""


@dataclass(slots=True)
class Claim:
    """One unpaid claim as the office keeps it."""

    arrears_id: str
    account_id: str
    notice: dict[str, Any]
    left_nano: int
    over: bool = False
    """Paid, or nobody follows it any more."""
    asked: Order | None = None
    """The last order for it."""


class ClaimsOffice:
    """One for each run; in a prepaid run it has nothing to do."""

    def __init__(self, world: World) -> None:
        self.claims: list[Claim] = []
        self.parts: list[dict[str, Any]] = []
        """Payments of a part, as they were signed."""
        self._world = world
        self._resyncs = 0
        if world.setting.post_paid is not None:
            world.later(TOLD_AGAIN_S, self._look)

    def open_claims(self) -> list[Claim]:
        """What is owed by whoever has the contract."""
        return [one for one in self.claims if not one.over and one.account_id == self._world.center.account_id]

    def today(self) -> date:
        """The day at the customer's."""
        zone = ZoneInfo(self._kind.zone)
        return datetime.fromtimestamp(self._world.machine.true_utc_ms() / 1000, UTC).astimezone(zone).date()

    def notice(self, chance: random.Random, back: int) -> dict[str, Any]:
        """A good notice that reached the customer so many days ago; the final term is as short as it may be, or not."""
        kind, told = self._kind, self.today() - timedelta(days=back)
        proof = chance.choice(("registered_letter", "registered_letter", "certified_mail", "unproven"))
        sent = told - timedelta(days=chance.choice((0, 0, 1)))
        issued = sent - timedelta(days=chance.choice((0, 0, 1)))
        due = issued - timedelta(days=kind.after_due + 1 + chance.choice((0, 0, 2)))
        since, days = {
            "registered_letter": (sent, kind.letters[0]),
            "certified_mail": (told, kind.letters[1]),
            "unproven": (issued, kind.letters[2]),
        }[proof]
        final = since + timedelta(days=days + chance.choice((0, 0, 0, 1)))
        return {
            "account_id": self._world.center.account_id,
            "arrears_id": f"N{len(self.claims) + 1}-{chance.randrange(10**6)}",
            "commodity": "gas" if self._world.setting.gas else "electricity",
            "currency": "CHF",
            "amount": money(chance.choice((4, 20, 180)) * NANO),
            "due_on": due.isoformat(),
            "issued_on": issued.isoformat(),
            "sent_on": sent.isoformat(),
            "notified_on": told.isoformat(),
            "proof": proof,
            "final_term_on": final.isoformat(),
            "legal_ref": "letter 2026/17",
            "letter_days": chance.choice((0, 0, 20, 25)),
            "invoices": ["F1", "F2"],
        }

    def claim(self, chance: random.Random, back: int) -> Claim:
        """Put the customer in default, and follow it until it is paid."""
        notice = self.notice(chance, back)
        one = Claim(notice["arrears_id"], notice["account_id"], notice, nano_of(notice["amount"]))
        self.claims.append(one)
        self._world.center.insist("arrears_notice", notice)
        self._world.later(chance.uniform(0.1, 2) * HOUR_S, partial(self._ask, one, chance, ASKS_MAX))
        self._world.later(chance.choice((14, 40, 90, 200)) * chance.uniform(0.5, 1.5) * HOUR_S, partial(self.paid, one))
        return one

    def paid(self, one: Claim, nano: int | None = None) -> None:
        """The customer pays: all of it, or so much."""
        if one.over:
            return
        body = {"account_id": one.account_id, "arrears_id": one.arrears_id, "currency": "CHF"}
        if nano is not None and nano < one.left_nano:
            one.left_nano -= nano
            body |= {"amount": money(nano), "left": money(one.left_nano)}
            self.parts.append(body)
        else:
            one.over = True
        self._world.center.insist("arrears_paid", body)

    def order(self, one: Claim, typ: str, *, queue: bool, heard: bool = True) -> Order:
        """Ask for one rung, once: nobody insists on what hurts."""
        body = {
            "account_id": one.account_id, "arrears_id": one.arrears_id, "legal_ref": "decision 2026/4",
            "queue": queue, "affected_parties_heard": heard,
        }  # fmt: skip
        one.asked = order = self._world.center.command(typ, body)
        return order

    def queued(self) -> list[tuple[Claim, int]]:
        """Open claims with an order that the gateway keeps, and the instant it was told to be for."""
        now_ms, found = self._world.machine.true_utc_ms(), []
        for one in self.open_claims():
            verdict = one.asked.verdicts[-1] if one.asked is not None and one.asked.verdicts else {}
            if verdict.get("reason") != "queued":
                continue
            slot_ms = round(datetime.fromisoformat(verdict["detail"]["next_slot"]).timestamp() * 1000)
            if slot_ms > now_ms:
                found.append((one, slot_ms))
        return found

    def _ask(self, one: Claim, chance: random.Random, left: int) -> None:
        """The next rung, whenever the clerk thinks of it."""
        world = self._world
        if one.over or world.healed or not left or world.center.account_id != one.account_id:
            return
        state = world.center.supply.get(one.account_id, "REGULAR")
        limits = self._kind.limits and not self._world.setting.gas and state in ("REGULAR", "NOTICED")
        if chance.random() < 0.1:
            limits = not limits
        if state != "SUSPENDED" or chance.random() < 0.1:
            typ = "supply_limit" if limits else "supply_suspend"
            self.order(one, typ, queue=chance.random() < 0.4, heard=chance.random() < 0.9)
        world.later(chance.uniform(0.7, 5) * HOUR_S, partial(self._ask, one, chance, left - 1))

    def _look(self) -> None:
        """A gateway that lost rows has forgotten notices and payments: it is told again (docs/mqtt.md)."""
        center = self._world.center
        if center.resyncs != self._resyncs and not self._world.healed:
            self._resyncs = center.resyncs
            for one in self.claims[-TOLD_AGAIN_MAX:]:
                if one.account_id != center.account_id:
                    continue
                if one.over:
                    paid = {"account_id": one.account_id, "arrears_id": one.arrears_id, "currency": "CHF"}
                    center.insist("arrears_paid", paid)
                else:
                    center.insist("arrears_notice", one.notice | {"amount": money(one.left_nano)})
        self._world.later(TOLD_AGAIN_S, self._look)

    @property
    def _kind(self) -> Any:
        kind = self._world.setting.post_paid
        assert kind is not None
        return kind
