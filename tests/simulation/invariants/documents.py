"""What the gateway hands out is what it holds: asked for, on record, sealed, and right to the last row (S4-07, S4-17).

Each document is opened and added up again as its receiver would (`papers.py`), and compared with the rows and
quarter-hours that were stored when it was made.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from tests.simulation import paper_books, paper_curve
from tests.simulation.invariants.witness import Row, Witness
from tests.simulation.papers import Arriving, Paper, Shelf, opened

CURVES = frozenset({"load_curve", "month"})
NEVER = frozenset({"books_do_not_add_up", "row_unreadable"})
"""Reasons for which no document is ever missing while the store is sound."""
DISTURBING = frozenset({
    "power", "network", "medium", "image", "clock", "cheat", "attack", "meter", "values", "register", "relay", "center",
})  # fmt: skip
"""Families after which a document may have been lost on its way; who lacks it asks again."""


class Documents:
    """Follows each document from the request to its last part."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._asked: dict[str, tuple[int, int]] = {}
        """By request: the number of its row, and that of the newest quarter-hour then."""
        self._sent: dict[tuple[str, str], int] = {}
        """The row that says it leaves, by request and SHA-256 of the seal."""
        self._failed: set[tuple[str, str]] = set()
        self._months: dict[tuple[str, str], str] = {}
        self._public = ""
        self._arriving: dict[tuple[str, str], Arriving] = {}
        self._handed_out: dict[tuple[str, str], tuple[str, bytes]] = {}
        self._answered: set[str] = set()
        witness.follow(self)
        witness.world.on.published.append(self.published)
        witness.world.on.settled.append(self.settled)

    def begin(self) -> None:
        """See `Reader`."""
        self._asked, self._sent, self._failed, self._months = {}, {}, set(), {}

    def row(self, row: Row, true_ms: int) -> None:
        """See `Reader`."""
        del true_ms
        what, detail = row.get("what", ""), row.get("detail", {})
        if what == "device.key":
            self._public = detail["public"]
        elif what == "document.asked":
            found = self._witness.query("SELECT max(number) FROM interval")
            self._asked[detail["jti"]] = (row["seq"], found[0][0] or 0 if found else 0)
        elif what == "document.sent":
            self._sent[detail["jti"], detail["seal_sha256"]] = row["seq"]
        elif what == "document.failed":
            self._failed.add((detail["jti"], detail["reason"]))
        elif what == "document.month":
            name = (detail["account"], detail["month"])
            if self._months.setdefault(name, detail["sha256"]) != detail["sha256"]:
                self._violated(f"row {row['seq']}: {name} was handed out before, and is another now")

    def published(self, topic: str, payload: bytes) -> None:
        """One part has reached the broker."""
        kind, _, jti = topic.rpartition("/")
        if not kind.endswith("/document"):
            return
        part, order = json.loads(payload), self._witness.order_of(jti)
        if order is None or order.typ != "document" or part["id"] != jti or jti not in self._asked:
            self._witness.world.violated("I14", f"a document {jti} came that nobody asked for")
            return
        if not part["parts"]:
            self._refused(jti, order.body, part["reason"])
            return
        arriving = self._arriving.setdefault((jti, part["seal"]), Arriving())
        if why := arriving.take(part):
            self._violated(f"{jti}: {why}")
            return
        content = arriving.whole()
        if content is not None and part["part"] == part["parts"]:
            self._whole(jti, order.body, part, content)

    def settled(self) -> None:
        """Where nothing went wrong, whatever was granted has come."""
        world = self._witness.world
        if world.process.life > 1 or world.faulted & DISTURBING:
            return
        for jti, order in world.center.orders.items():
            if order.typ == "document" and order.status == "applied" and jti not in self._answered:
                world.violated("I23", f"the document {jti} was granted and never came")

    def _refused(self, jti: str, body: dict[str, Any], reason: str) -> None:
        self._answered.add(jti)
        if (jti, reason) not in self._failed:
            self._witness.world.violated("I24", f"the document {jti} is refused as {reason}, which is on no record")
        leapt = self._witness.restores or any(row.get("what") == "rollback.resynced" for row in self._witness.rows)
        never = reason in NEVER and not (reason == "row_unreadable" and self._witness.world.rots)
        if never or (reason == "month_changed" and not leapt):
            self._violated(f"{jti}: {body['kind']} cannot be made: {reason}")

    def _whole(self, jti: str, body: dict[str, Any], part: dict[str, Any], content: bytes) -> None:
        self._answered.add(jti)
        sent = self._sent.get((jti, hashlib.sha256(part["seal"].encode()).hexdigest()))
        if sent is None:
            self._witness.world.violated("I24", f"the document {jti} is on its way, which is on no record")
            return
        paper, why = opened(jti, part, content, self._public)
        if paper is not None:
            why = self._content(paper, body, sent)
        if why:
            self._violated(f"{body['kind']} {jti} of {body}: {why}")

    def _content(self, paper: Paper, body: dict[str, Any], sent: int) -> str:
        claims, kind, account_id = paper.claims, body["kind"], body["account_id"]
        if (claims["kind"], claims["facts"].get("account_id"), claims["gateway_id"]) != (kind, account_id, "gw-sim"):
            return f"its seal says {claims}"
        zone, shelf = self._zone(account_id), self._shelf(paper.jti, account_id, sent)
        if shelf is None:
            return ""  # a part of it has rotted since, or lay outside the period that was asked for
        if kind == "month":
            return self._month(paper, (account_id, claims["facts"]["month"])) or paper_curve.wrong(
                paper, body, shelf, zone
            )
        if kind in CURVES:
            return paper_curve.wrong(paper, body, shelf, zone)
        return paper_books.wrong(paper, body, shelf, zone, self._witness.order_of)

    def _month(self, paper: Paper, name: tuple[str, str]) -> str:
        """The month leaves as it left the first time, seal and all, and that is on record."""
        if self._months.get(name) != paper.claims["sha256"]:
            return f"{name} is not on record as it leaves"
        known = self._handed_out.setdefault(name, (paper.seal, paper.content))
        again = known == (paper.seal, paper.content) or self._witness.restores
        return "" if again else f"{name} was handed out otherwise before"

    def _shelf(self, jti: str, account_id: str, sent: int) -> Shelf | None:
        witness, (asked, numbered) = self._witness, self._asked[jti]
        quarters = witness.quarters(account_id)
        return (
            None
            if quarters is None
            else Shelf(witness.rows, witness.bodies, witness.hashes, asked, sent, quarters, numbered)
        )

    def _zone(self, account_id: str) -> str:
        account = self._witness.accounts.get(account_id)
        return "UTC" if account is None else str(account["policy"]["time_zone"])

    def _violated(self, what: str) -> None:
        self._witness.world.violated("I19", what)


def attach(witness: Witness) -> None:
    """Receive what is handed out."""
    Documents(witness)
