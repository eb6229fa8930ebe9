"""The central system as a utility would build it from docs/mqtt.md alone: it shares no code with the gateway.

It signs commands, sells credit until the sale is answered, checks the chain of rows, asks for what is missing,
acknowledges, and answers the time. What it keeps is the truth the invariants compare the gateway with.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

NANO = 1_000_000_000
ROLES = ("topup", "supply", "tariff", "account", "time", "ack")
GENESIS = "0" * 64
ACK_AFTER_S = 2.0
SALE_AGAIN_S = 600.0
RESEND_AGAIN_S = 60.0
Later = Callable[[float, Callable[[], None]], None]


@dataclass(slots=True)
class Order:
    """A signed command and what became of it."""

    jti: str
    typ: str
    body: dict[str, Any]
    token: bytes
    verdicts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def status(self) -> str:
        """The last verdict, "" while there is none."""
        return str(self.verdicts[-1]["status"]) if self.verdicts else ""


@dataclass(slots=True)
class Till:
    """The credit sold for one account: entry n of `totals_nano` is the lifetime total after sale n."""

    totals_nano: list[int] = field(default_factory=lambda: [0])
    confirmed: int = 0
    open_sale: Order | None = None


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
        self.answers_time = True
        self.time_error_ms = 0
        self.orders: dict[str, Order] = {}
        self.tills: dict[str, Till] = {}
        self.rows: list[dict[str, Any]] = []
        self.hashes = [GENESIS]
        self.forked = False
        self.status: dict[str, Any] = {}
        self._private = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
        self._chance = chance
        self._send = send
        self._later = later
        self._now_ms = now_ms
        self._sequence = 0
        self._held: dict[int, tuple[dict[str, Any], bytes]] = {}
        self._ack_due = False
        self._resend_asked_ms = -(10**9)
        self._topic = f"prepaid/1/{gateway_id}/"

    def keys(self) -> str:
        """The gateway's key file."""
        raw = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        roles = ", ".join(f'"{role}"' for role in ROLES)
        return f'[[key]]\nkid = "k1"\nissuer = "utility"\npublic = "{_text(raw)}"\nroles = [{roles}]\n'

    def sign(self, typ: str, body: dict[str, Any], *, fresh: bool = True, life_s: int = 3600) -> Order:
        """A signed command; `fresh` adds the gateway's challenge as last heard."""
        self._sequence = max(self._sequence + 1, self._now_ms())
        jti = self._chance.randbytes(12).hex()
        now_s = self._now_ms() // 1000
        claims = {
            "iss": "utility", "aud": self.gateway_id, "typ": typ, "jti": jti, "seq": self._sequence,
            "iat": now_s, "exp": now_s + life_s, "body": body,
        }  # fmt: skip
        if fresh and self.status.get("challenge"):
            claims["challenge"] = self.status["challenge"]
        return Order(jti, typ, body, self.token(json.dumps(claims).encode()))

    def token(self, payload: bytes) -> bytes:
        """A good signature over anything."""
        signed = f"{_text(json.dumps({'alg': 'EdDSA', 'kid': 'k1'}).encode())}.{_text(payload)}".encode()
        return signed + b"." + _text(self._private.sign(signed)).encode()

    def command(self, typ: str, body: dict[str, Any]) -> Order:
        """Sign and send a command."""
        order = self.sign(typ, body)
        self.orders[order.jti] = order
        self._send(self._topic + "command", order.token)
        return order

    def sell(self, account_id: str, amount_nano: int, currency: str = "CHF") -> Order | None:
        """Sell credit, once the sale before it is answered (None: it is not). Sent again until there is a verdict."""
        till = self.tills.setdefault(account_id, Till())
        if till.open_sale is not None:
            return None
        till.totals_nano.append(till.totals_nano[-1] + amount_nano)
        return self._sale(account_id, till, currency)

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
        self._offer(account_id, order)
        return order

    def _offer(self, account_id: str, order: Order) -> None:
        till = self.tills[account_id]
        if till.open_sale is not order:
            return
        self._send(self._topic + "command", order.token)
        self._later(SALE_AGAIN_S, lambda: self._offer(account_id, order))

    def heard(self, topic: str, payload: bytes) -> None:
        """A message of the gateway."""
        what = topic.removeprefix(self._topic)
        if what == "journal":
            self._row(payload)
        elif what == "verdict":
            self._verdict(json.loads(payload))
        elif what == "status":
            self._hear_status(json.loads(payload))
        elif what == "time/ask" and self.answers_time:
            utc_ms = self._now_ms() + self.time_error_ms
            self._tell("time/answer", "time", {"nonce": json.loads(payload)["nonce"], "utc_ms": utc_ms})

    def _hear_status(self, status: dict[str, Any]) -> None:
        news = status.get("epoch") != self.status.get("epoch")
        self.status = status
        if status.get("online") and news and self.rows:
            self._acknowledge()  # what we know of it, at the first contact of each of its lives

    def _verdict(self, verdict: dict[str, Any]) -> None:
        order = self.orders.get(verdict["jti"])
        if order is None:
            return
        order.verdicts.append(verdict)
        till = self.tills.get(verdict.get("account_id", ""))
        if till is None or till.open_sale is not order:
            return
        till.open_sale = None
        if verdict["status"] in ("applied", "already_included"):
            till.confirmed += 1
        elif verdict["reason"] == "crashed_before":
            self._sale(verdict["account_id"], till, str(order.body["currency"]))
        else:
            till.totals_nano.pop()  # the customer gets the money back

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
            self.rows.append(row)
            self.hashes.append(hashlib.sha256(bytes.fromhex(row["prev"]) + payload).hexdigest())
        if self._held and not self.forked and self._now_ms() - self._resend_asked_ms > RESEND_AGAIN_S * 1000:
            self._resend_asked_ms = self._now_ms()
            self._tell("resend", "resend", {"from_seq": len(self.rows) + 1, "to_seq": max(self._held)})
        self._ack_soon()

    def _ack_soon(self) -> None:
        if not self._ack_due:
            self._ack_due = True
            self._later(ACK_AFTER_S, self._acknowledge)

    def _acknowledge(self) -> None:
        self._ack_due = False
        if self.rows:
            body = {"epoch": self.rows[-1]["epoch"], "seq": len(self.rows), "head": self.hashes[-1]}
            self._tell("ack", "ack", body)

    def _tell(self, topic: str, typ: str, body: dict[str, Any]) -> None:
        self._send(self._topic + topic, self.sign(typ, body, fresh=False).token)


def money(nano: int) -> str:
    """Decimal text of nano-units."""
    return f"{nano // NANO}.{nano % NANO:09d}"


def nano_of(text: str) -> int:
    """Nano-units of decimal text."""
    whole, _, part = text.lstrip("-").partition(".")
    value = int(whole) * NANO + int(part.ljust(9, "0"))
    return -value if text.startswith("-") else value


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
