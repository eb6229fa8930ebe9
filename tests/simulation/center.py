"""The central system as a utility would build it from docs/mqtt.md alone: it shares no code with the gateway.

It signs commands, sells credit until the sale is answered, checks the chain of rows, asks for what is missing,
acknowledges, and answers the time. What it keeps is the truth the invariants compare the gateway with.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.signer import Order, Signer

NANO = 1_000_000_000
GENESIS = "0" * 64
ACK_AFTER_S = 2.0
OFFER_AGAIN_S = 600.0
SIGN_AGAIN_S = 300.0
TRIES_MAX = 12
RESEND_AGAIN_S = 60.0
STALE = frozenset({"stale_command", "expired", "out_of_sequence", "crashed_before", "clock_untrusted", "busy"})
"""Refusals that say nothing of the command itself: it is signed again."""
Later = Callable[[float, Callable[[], None]], None]


@dataclass(slots=True)
class Till:
    """The credit sold for one account: entry n of `totals_nano` is the lifetime total after sale n.

    `reversed_nano` is the same for what was taken back.
    """

    totals_nano: list[int] = field(default_factory=lambda: [0])
    confirmed: int = 0
    open_sale: Order | None = None
    reversed_nano: list[int] = field(default_factory=lambda: [0])
    reversals: int = 0
    open_reversal: Order | None = None


@dataclass(slots=True)
class Wish:
    """A command that is sent until it is answered for good."""

    order: Order
    tries: int = 1


class Center:
    """One utility's head-end for one gateway. `send` publishes (topic, payload); `later` and `now_ms` are the clock."""

    def __init__(
        self,
        gateway_id: str,
        chance: random.Random,
        *,
        send: Callable[[str, bytes], None],
        later: Later,
        now_ms: Callable[[], int],
    ) -> None:
        self.gateway_id = gateway_id
        self.account_id = "A1"
        """Whoever has the contract now."""
        self.answers_time = True
        self.time_error_ms = 0
        self.time_late_s = 0.0
        self.orders: dict[str, Order] = {}
        self.tills: dict[str, Till] = {}
        self.rows: list[dict[str, Any]] = []
        self.hashes = [GENESIS]
        self.intervals: dict[int, dict[str, Any]] = {}
        self.interval_number = 0
        """All quarter-hours up to this one are here."""
        self.forked = False
        self.status: dict[str, Any] = {}
        self.supply: dict[str, str] = {}
        """The state of each account as its rows told it."""
        self.signer = Signer(gateway_id, chance, now_ms)
        self._away = False
        self._backlog: list[tuple[str, bytes]] | None = None
        self._publish = send
        self._later = later
        self._now_ms = now_ms
        self._wishes: dict[str, Wish] = {}
        self._held: dict[int, tuple[dict[str, Any], bytes]] = {}
        self._ack_due = False
        self._resend_asked_ms = -(10**9)
        self._topic = f"prepaid/1/{gateway_id}/"

    # -- faults

    def leave(self, *, keeps: bool) -> None:
        """The head-end is away while the broker is there; what arrives meanwhile is kept for it, or lost."""
        self._away, self._backlog = True, [] if keeps else None

    def come_back(self) -> None:
        """It is there again."""
        self._away = False
        backlog, self._backlog = self._backlog or [], None
        for topic, payload in backlog:
            self.heard(topic, payload)

    def restore(self, rows: int) -> None:
        """From its own backup: the rows after these are forgotten; what it signed is kept elsewhere (threat 23)."""
        del self.rows[rows:], self.hashes[rows + 1 :]
        self._held.clear()
        self._ask_again()

    def heal(self) -> None:
        """Everything about it is right again."""
        self.answers_time, self.time_error_ms, self.time_late_s = True, 0, 0.0
        self.come_back()

    # -- commands

    def sign(self, typ: str, body: dict[str, Any], *, fresh: bool = True, life_s: int = 3600) -> Order:
        """A signed command; `fresh` adds the gateway's challenge as last heard."""
        challenge = self.status.get("challenge") if fresh else None
        return self.signer.sign(typ, body, challenge=challenge, life_s=life_s)

    def keys(self) -> str:
        """The gateway's key file."""
        return self.signer.keys()

    def command(self, typ: str, body: dict[str, Any]) -> Order:
        """Sign and send a command, once."""
        order = self.sign(typ, body)
        self.orders[order.jti] = order
        self._send("command", order.token)
        return order

    def insist(self, typ: str, body: dict[str, Any]) -> Order:
        """Sign a command and send it until it is answered; signed again when only its freshness was refused."""
        order = self.sign(typ, body)
        self.orders[order.jti] = order
        self._wishes[order.jti] = Wish(order)
        self._offer(order)
        return order

    def sell(self, account_id: str, amount_nano: int, currency: str = "CHF") -> Order | None:
        """Sell credit, once the sale before it is answered (None: it is not). Sent again until there is a verdict."""
        till = self.tills.setdefault(account_id, Till())
        if till.open_sale is not None:
            return None
        till.totals_nano.append(till.totals_nano[-1] + amount_nano)
        return self._sale(account_id, till, currency)

    def take_back(self, account_id: str, amount_nano: int) -> Order | None:
        """Reverse some of what was sold; None when another reversal is open or nothing is left to take back."""
        till = self.tills.setdefault(account_id, Till())
        left_nano = till.totals_nano[till.confirmed] - till.reversed_nano[-1]
        if till.open_reversal is not None or left_nano < amount_nano:
            return None
        till.reversed_nano.append(till.reversed_nano[-1] + amount_nano)
        return self._reversal(account_id, till)

    def _sale(self, account_id: str, till: Till, currency: str) -> Order:
        number = till.confirmed + 1
        body = {
            "account_id": account_id, "sequence": number, "currency": currency, "channel": "web",
            "amount": money(till.totals_nano[number] - till.totals_nano[number - 1]),
            "total": money(till.totals_nano[number]),
        }  # fmt: skip
        order = self.sign("top_up", body, fresh=False)
        self.orders[order.jti] = order
        till.open_sale = order
        self._offer(order)
        return order

    def _reversal(self, account_id: str, till: Till) -> Order:
        number = till.reversals + 1
        body = {
            "account_id": account_id, "sequence": number, "currency": "CHF", "reason": "paid by a stolen card",
            "amount": money(till.reversed_nano[number] - till.reversed_nano[number - 1]),
            "total": money(till.reversed_nano[number]),
        }  # fmt: skip
        till.open_reversal = order = self.sign("top_up_reverse", body)
        self.orders[order.jti] = order
        self._offer(order)
        return order

    def _offer(self, order: Order) -> None:
        """Send it, and again until there is a verdict; not to a gateway that is known to be away."""
        if order.verdicts:
            return
        if self.status.get("online", True):
            self._send("command", order.token)
        self._later(OFFER_AGAIN_S, lambda: self._offer(order))

    # -- what the gateway says

    def heard(self, topic: str, payload: bytes) -> None:
        """A message of the gateway."""
        if self._away:
            if self._backlog is not None:
                self._backlog.append((topic, payload))
            return
        what = topic.removeprefix(self._topic)
        if what == "journal":
            self._row(payload)
        elif what == "interval":
            self._interval(json.loads(payload))
        elif what == "verdict":
            self._verdict(json.loads(payload))
        elif what == "status":
            self._hear_status(json.loads(payload))
        elif what == "time/ask" and self.answers_time:
            nonce = json.loads(payload)["nonce"]
            self._later(self.time_late_s, lambda: self._tell_time(nonce))

    def _tell_time(self, nonce: str) -> None:
        self._tell("time/answer", "time", {"nonce": nonce, "utc_ms": self._now_ms() + self.time_error_ms})

    def _hear_status(self, status: dict[str, Any]) -> None:
        news = status.get("epoch") != self.status.get("epoch")
        self.status = status
        if status.get("online") and news and self.rows:
            self._acknowledge()  # what we know of it, at the first contact of each of its lives
        self._ask_again()

    def _verdict(self, verdict: dict[str, Any]) -> None:
        order = self.orders.get(verdict["jti"])
        if order is None:
            return
        order.verdicts.append(verdict)
        if len(order.verdicts) > 1 and order.jti not in self._wishes:
            order.verdicts[1:] = [verdict]
        account_id = str(order.body.get("account_id", ""))
        till = self.tills.get(account_id)
        if till is not None and till.open_sale is order:
            self._sale_answered(account_id, till, verdict)
        elif till is not None and till.open_reversal is order:
            self._reversal_answered(account_id, till, verdict)
        elif order.jti in self._wishes:
            self._wish_answered(self._wishes.pop(order.jti), verdict)

    def _sale_answered(self, account_id: str, till: Till, verdict: dict[str, Any]) -> None:
        order, till.open_sale = till.open_sale, None
        assert order is not None
        if verdict["status"] in ("applied", "already_included"):
            till.confirmed += 1
        elif verdict["reason"] in STALE:
            self._sale(account_id, till, str(order.body["currency"]))
        else:
            till.totals_nano.pop()  # the customer gets the money back

    def _reversal_answered(self, account_id: str, till: Till, verdict: dict[str, Any]) -> None:
        till.open_reversal = None
        if verdict["status"] in ("applied", "already_included"):
            till.reversals += 1
        elif verdict["reason"] in STALE:
            till.open_reversal = Order("", "", {}, b"")  # nothing else until it is signed again
            self._later(SIGN_AGAIN_S, lambda: self._reversal(account_id, till) and None)
        else:
            till.reversed_nano.pop()

    def _wish_answered(self, wish: Wish, verdict: dict[str, Any]) -> None:
        if verdict["status"] == "refused" and verdict["reason"] in STALE and wish.tries < TRIES_MAX:
            wish.tries += 1
            self._later(SIGN_AGAIN_S, lambda: self._sign_again(wish))

    def _sign_again(self, wish: Wish) -> None:
        wish.order = order = self.sign(wish.order.typ, wish.order.body)
        self.orders[order.jti] = order
        self._wishes[order.jti] = wish
        self._offer(order)

    def _row(self, payload: bytes) -> None:
        row = json.loads(payload)
        seq = row["seq"]
        if seq <= len(self.rows):
            digest = hashlib.sha256(bytes.fromhex(row["prev"]) + payload).hexdigest()
            self.forked = self.forked or digest != self.hashes[seq]
            self._ack_soon()
            return
        self._held[seq] = (row, payload)
        while (found := self._held.get(len(self.rows) + 1)) is not None:
            row, payload = found
            if row["prev"] != self.hashes[-1]:
                self.forked = True
                break
            del self._held[row["seq"]]
            self._take(row, payload)
        self._ask_again()
        self._ack_soon()

    def _take(self, row: dict[str, Any], payload: bytes) -> None:
        self.rows.append(row)
        self.hashes.append(hashlib.sha256(bytes.fromhex(row["prev"]) + payload).hexdigest())
        if row["type"] == "transition":
            self.supply[row["account_id"]] = row["target"]

    def _interval(self, interval: dict[str, Any]) -> None:
        self.intervals[interval["number"]] = interval
        while self.interval_number + 1 in self.intervals:
            self.interval_number += 1
        self._ack_soon()

    def _ask_again(self) -> None:
        """Ask for the rows that are missing, as far as the gateway said that there are any."""
        newest = max(self._held, default=0)
        if self.status.get("online"):
            newest = max(newest, self.status["seq"])
        due = self._now_ms() - self._resend_asked_ms > RESEND_AGAIN_S * 1000
        if newest > len(self.rows) and not self.forked and due:
            self._resend_asked_ms = self._now_ms()
            self._tell("resend", "resend", {"from_seq": len(self.rows) + 1, "to_seq": newest})

    def _ack_soon(self) -> None:
        if not self._ack_due:
            self._ack_due = True
            self._later(ACK_AFTER_S, self._acknowledge)

    def _acknowledge(self) -> None:
        self._ack_due = False
        if self.rows:
            body = {"epoch": self.rows[-1]["epoch"], "seq": len(self.rows), "head": self.hashes[-1]}
            if self.interval_number:
                body["interval_number"] = self.interval_number
            self._tell("ack", "ack", body)

    def _tell(self, topic: str, typ: str, body: dict[str, Any]) -> None:
        self._send(topic, self.sign(typ, body, fresh=False).token)

    def _send(self, topic: str, token: bytes) -> None:
        if not self._away:
            self._publish(self._topic + topic, token)


def money(nano: int) -> str:
    """Decimal text of nano-units."""
    return f"{nano // NANO}.{nano % NANO:09d}"


def nano_of(text: str) -> int:
    """Nano-units of decimal text."""
    whole, _, part = text.lstrip("-").partition(".")
    value = int(whole) * NANO + int(part.ljust(9, "0"))
    return -value if text.startswith("-") else value
