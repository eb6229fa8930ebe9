"""The central system as a utility would build it from docs/mqtt.md alone: it shares no code with the gateway.

It signs commands, sells credit until the sale is answered, checks the chain of rows, asks for what is missing,
acknowledges, and answers the time. What it keeps is the truth the invariants compare the gateway with.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import partial
from typing import Any

from tests.simulation.chain import Chain
from tests.simulation.kept import Kept
from tests.simulation.known import position
from tests.simulation.signer import Order, Signer
from tests.simulation.till import NANO, Till, Wish, money, nano_of

__all__ = ["NANO", "Center", "Order", "Till", "money", "nano_of"]

ACK_AFTER_S = 2.0
OFFER_AGAIN_S = 600.0
SIGN_AGAIN_S = 300.0
TRIES_MAX = 12
RESEND_AGAIN_S = 60.0
PERSON_AFTER_S = 1500.0
"""How long until a person looks at a fork."""
UNREADY = {"clock_untrusted", "books_unconfirmed", "crashed_before", "busy"}
STALE = frozenset({"stale_command", "expired", "out_of_sequence", *UNREADY})
"""Refusals that say nothing of the command itself: it is signed again."""
Later = Callable[[float, Callable[[], object]], None]


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
        self.read_out: set[tuple[str, int]] = set()
        """Sales that were told as a code: they cannot be taken back."""
        self.chain = Chain()
        self.intervals: dict[int, dict[str, Any]] = {}
        self.interval_number = 0
        """All quarter-hours up to this one are here."""
        self.clone_alive = False
        """A second gateway answers to the same name: nobody resyncs before it is found (threat 4)."""
        self.resyncs = 0
        self.status: dict[str, Any] = {}
        self.supply: dict[str, str] = {}
        """The state of each account as its rows told it."""
        self.signer = Signer(gateway_id, chance, now_ms)
        self.timekeeper = Signer(gateway_id, random.Random("a time server"), now_ms, kid="k3", roles=("time",))
        """A key for less, of another machine of the utility's; it is stolen sometimes."""
        self.acknowledged = {"journal": 0, "interval": 0}
        """The newest row and quarter-hour that were ever acknowledged."""
        self._away = False
        self._backlog: list[tuple[str, bytes]] | None = None
        self._publish = send
        self._later = later
        self._now_ms = now_ms
        self._wishes: dict[str, Wish] = {}
        self._signed: dict[str, Kept] = {}
        self._person_comes = False
        self._resynced: set[str] = set()
        self._ack_due = False
        self._resend_asked_ms = -(10**9)
        self._topic = f"prepaid/1/{gateway_id}/"

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The journal as it is believed."""
        return self.chain.rows

    @property
    def hashes(self) -> list[str]:
        """The hash after each row; the first is that of no row."""
        return self.chain.hashes

    @property
    def forked(self) -> bool:
        """Rows came that do not continue these, and nobody has looked at it yet."""
        return self.chain.forked

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
        self.chain.forget(rows)
        self._ask_again()

    def heal(self) -> None:
        """Everything about it is right again."""
        self.answers_time, self.time_error_ms, self.time_late_s = True, 0, 0.0
        self.clone_alive = False
        self.come_back()

    # -- commands

    def sign(self, typ: str, body: dict[str, Any], *, fresh: bool = True, life_s: int = 3600) -> Order:
        """A signed command; `fresh` adds the gateway's challenge as last heard."""
        challenge = self.status.get("challenge") if fresh else None
        return self.signer.sign(typ, body, challenge=challenge, life_s=life_s)

    def keys(self) -> str:
        """The gateway's key file."""
        return self.signer.keys() + self.timekeeper.keys()

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
        self.status = status
        if status.get("online"):
            self._acknowledge(run=status["epoch"])  # what we know of it, so that an old image is found out at once
            self._call_somebody()
        self._ask_again()

    def _verdict(self, verdict: dict[str, Any]) -> None:
        order = self.orders.get(verdict["jti"])
        if order is None:
            return
        if verdict["status"] == "applied" and order.status != "applied":
            self._remember(order)
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
            till.last_sale = order
        elif (account_id, till.confirmed + 1) in self.read_out:
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
            self._later(SIGN_AGAIN_S, partial(self._reversal, account_id, till))
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
        self._learn(self.chain.take(payload))
        self._call_somebody()
        self._ask_again()
        self._ack_soon()

    def _learn(self, rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if row["type"] == "transition":
                self.supply[row["account_id"]] = row["target"]

    # -- a lost or doubled gateway

    def _remember(self, order: Order) -> None:
        """What rows do not tell: lock-outs and holds that we signed."""
        body = order.body
        kept = self._signed.setdefault(str(body.get("account_id", "")), Kept())
        kept.take(order.typ, body)
        if order.typ == "account_resync":
            self._resynced.add(body["account_id"])

    def _call_somebody(self) -> None:
        """A fork or a suspicion is for a person, who comes after a while, and again until it is settled."""
        if not self._person_comes and (self.forked or self.status.get("rollback")):
            self._person_comes = True
            self._later(PERSON_AFTER_S, self._person)

    def _person(self) -> None:
        self._person_comes = False
        if self._away or self.clone_alive or not self.status.get("online"):
            pass
        elif self.status.get("rollback"):
            for account_id in sorted({row["account_id"] for row in self.rows if row.get("account_id")}):
                self._resync(account_id)
        elif self.forked and (self._resynced or self.chain.other_resynced):
            self._go_on_with_the_other()
        elif self.forked and self.status["head"] in self.hashes:
            self.chain.ignore_other()  # those of a clone that is gone
            self._sell_again()
        self._ask_again()
        self._call_somebody()

    def _resync(self, account_id: str) -> None:
        kept = self._signed.get(account_id, Kept())
        body = {
            "account_id": account_id, "run": self.status["epoch"], "currency": "CHF",
            "epoch": self.rows[-1]["epoch"], "seq": len(self.rows), "head": self.hashes[-1],
        }  # fmt: skip
        resyncs = [order for order in self.orders.values() if order.typ == "account_resync"]
        dated = {order.jti: order.body.get("position", {}).get("at") for order in resyncs}
        if (known := position(self.rows, account_id, kept.signed(), kept.carried, dated)) is not None:
            body["position"] = known
        for typ, again in kept.contracts(account_id, known):
            self.command(typ, again)
        self.command("account_resync", body)

    def _go_on_with_the_other(self) -> None:
        rows = self.chain.adopt()
        if rows is None:
            return
        self._learn(rows)
        self._resynced.clear()
        self.resyncs += 1
        self.intervals.clear()
        self.interval_number = -1
        self._sell_again()

    def _sell_again(self) -> None:
        """The last sale of each account: it was applied by the branch that is lost, perhaps."""
        for till in self.tills.values():
            if till.last_sale is not None:
                self._send("command", till.last_sale.token)

    def _interval(self, interval: dict[str, Any]) -> None:
        if self.interval_number < 0:
            self.interval_number = interval["number"] - 1  # the first one of another branch
        self.intervals[interval["number"]] = interval
        while self.interval_number + 1 in self.intervals:
            self.interval_number += 1
        self._ack_soon()

    def _ask_again(self) -> None:
        """Ask for the rows that are missing, as far as the gateway said that there are any."""
        missing = self.chain.missing(self.status["seq"] if self.status.get("online") else 0)
        if missing is not None and self._now_ms() - self._resend_asked_ms > RESEND_AGAIN_S * 1000:
            self._resend_asked_ms = self._now_ms()
            self._tell("resend", "resend", {"from_seq": missing[0], "to_seq": missing[1]})

    def _ack_soon(self) -> None:
        if not self._ack_due:
            self._ack_due = True
            self._later(ACK_AFTER_S, self._acknowledge)

    def _acknowledge(self, run: str = "") -> None:
        self._ack_due = False
        if not self.rows and not run:
            return
        epoch = self.rows[-1]["epoch"] if self.rows else ""
        body: dict[str, Any] = {"epoch": epoch, "seq": len(self.rows), "head": self.hashes[-1]}
        if run:
            body["run"] = run
        if self.interval_number > 0:
            body["interval_number"] = self.interval_number
        for name, number in (("journal", len(self.rows)), ("interval", self.interval_number)):
            self.acknowledged[name] = max(self.acknowledged[name], number)
        self._tell("ack", "ack", body)

    def _tell(self, topic: str, typ: str, body: dict[str, Any]) -> None:
        self._send(topic, self.sign(typ, body, fresh=False).token)

    def _send(self, topic: str, token: bytes) -> None:
        if not self._away:
            self._publish(self._topic + topic, token)
