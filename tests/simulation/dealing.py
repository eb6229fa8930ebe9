"""A site without a gateway whose account has dealings: postings, bonus, certificates, another power, meter, holder."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

from tests.simulation.handwritten import HOUR_MS, Site
from tests.simulation.signer import Order

NANO = 1_000_000_000
NEXT = {"account_id": "A2", "opening_balance": "4.00", "contract_power_w": 4500}
REPORT = {
    "old_serial": "1", "old_end_wh": 1500, "new_serial": "2", "new_start_wh": 10, "consent": "sheet 1",
    "technician": "M. Rossi",
}  # fmt: skip


class Dealing(Site):
    """A prepaid account, opened, and the commands that were signed for it."""

    def __init__(self) -> None:
        super().__init__()
        self.others: dict[str, dict[str, Any]] = {}
        self.snapshot["account_id"] = "A1"
        self.opened()

    @property
    def balance_nano(self) -> int:
        """With what was posted."""
        return super().balance_nano + int(self.snapshot.get("postings", {}).get("total_nano", 0))

    def commit(self) -> None:
        """The accounts of other holders first."""
        for account_id, snapshot in self.others.items():
            self.raw.execute("INSERT OR REPLACE INTO account VALUES (?, ?)", (account_id, json.dumps(snapshot)))
        super().commit()

    def instant(self, hours: float) -> str:
        """So many hours from now."""
        return datetime.fromtimestamp((self.now_ms + hours * HOUR_MS) / 1000, UTC).isoformat()

    def signed(self, typ: str, **body: Any) -> Order:
        """A command and its receipt."""
        order = Order(f"j{len(self.orders)}", typ, {"account_id": "A1"} | body, b"")
        order.verdicts.append({"status": "applied"})
        self.orders[order.jti] = order
        self.row("receipt", command_id=order.jti, command=typ, status="applied", reason="")
        return order

    def entry(self, kind: str, nano: int, jti: str, /, **detail: Any) -> None:
        """One entry of a posting, and what it does to the account."""
        known = self.snapshot.setdefault("postings", {"total_nano": 0, "numbers": {"highest": 0, "missing": []}})
        known["total_nano"] += nano
        texts = {"amount": text_of(nano), "balance": text_of(self.balance_nano)}
        self.row("entry", kind=kind, reference=jti, lines=[], detail=detail, **texts)

    def posted(self, kind: str, nano: int, *, number: int = 1, booked: int | None = None, **body: Any) -> Order:
        """A posting with one entry; the account counts its number."""
        fields = {
            "kind": kind,
            "amount": text_of(nano),
            "sequence": number,
            "reference": f"p{number}",
            "currency": "CHF",
        }
        order = self.signed("posting", **fields | body)
        self.entry(kind, nano if booked is None else booked, order.jti)
        numbers = self.snapshot["postings"]["numbers"]
        numbers["highest"] = max(numbers["highest"], number)
        return order

    def paid(self, order: Order, first: str, last: str, nano: int) -> None:
        """Days of a bonus."""
        self.entry("bonus", nano, order.jti, reference=order.body["reference"], **{"from": first, "to": last})

    def certified(self, jti: str, wh: int, reason: str = "check", **fields: Any) -> None:
        """A certificate of the register now."""
        said = {"quality": "actual", "stands": self.instant(0), "asked": self.instant(0)} | fields
        self.row("certificate", certificate_id=jti, reason=reason, import_wh=wh, **said)

    def powered(self, order: Order, to_w: int) -> None:
        """Another contract power is in force."""
        detail = {"command_id": order.jti, "from_w": self.snapshot["contract_power_w"], "to_w": to_w}
        self.snapshot["contract_power_w"] = to_w
        self.row("event", what="power.set_done", detail=detail)

    def replaced(self, *, charged_wh: int = 0, **other: Any) -> None:
        """Another meter, as reported; `other` is what the record says instead."""
        order = self.signed("meter_replace", **REPORT | {key: other[key] for key in ("consent",) if key in other})
        self.row("event", what="meter.replaced", detail=REPORT | {"charged_wh": charged_wh} | other)
        for name, wh in (("old", 1500), ("new", 10)):
            self.certified(f"{order.jti}.{name}", wh, "replacement", quality="declared")
        self.snapshot["register"]["wh"] = 10

    def rolled_over(self, *, next_wh: int = 1000, **other: Any) -> None:
        """A2 takes over from A1; `other` is what its books hold and should not."""
        order = self.signed("account_rollover", kind="voltura", to=NEXT)
        self.snapshot["settled_register_wh"] = 1000
        came = copy.deepcopy(self.snapshot) | {"account_id": "A2", "opening_nano": 4 * NANO, "contract_power_w": 4500}
        came |= {"usage": {"net_nano": 0, "vat_nano": 0, "wh": 0}, "settled_charge_nano": 0, "holds": []}
        came |= {"supply": {"state": "NORMAL"}, "postings": {"total_nano": 0, "numbers": {"highest": 0, "missing": []}}}
        self.others["A2"] = came | other
        self.certified(order.jti, 1000, "voltura")
        self.row("event", what="account.rolled_over", detail={"command_id": order.jti, "register_wh": 1000})
        opening = {"amount": "4.00", "balance": "4.00", "reference": order.jti, "to_register_wh": next_wh, "lines": []}
        self.row("entry", kind="opening", account_id="A2", **opening)
        self.certified(order.jti, 1000, "voltura", account_id="A2")
        self.moved("rolled_over", "NORMAL", "TERMINATED")

    def holds(self, typ: str, **body: Any) -> None:
        """A hold or an outage was ordered, and the account has it as far as the test needs it."""
        self.signed(typ, **body)
        self.commit()

    def owing(self) -> None:
        """In grace since an hour, for 0.25."""
        self.hours = 1.0
        self.charged(10_000)
        self.moved("credit_gone", "NORMAL", "GRACE")
        self.commit()

    def limited(self, hours: float) -> None:
        """The next rung, at this hour."""
        self.hours = hours
        self.moved("grace_over", "GRACE", "LIMITED")
        self.commit()


def text_of(nano: int) -> str:
    """An amount as it stands in a row."""
    return f"{'-' if nano < 0 else ''}{abs(nano) // NANO}.{abs(nano) % NANO:09d}"
