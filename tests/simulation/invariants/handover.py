"""The change of holder: one register for both, nothing of the one in the books of the other (S2-03, S2-11).

That no Wh is lost or charged twice across it is energy.py's: what all accounts were charged is what was delivered.
"""

from __future__ import annotations

from typing import Any

from tests.simulation.invariants.postings import POSTED
from tests.simulation.invariants.witness import Row, Witness
from tests.simulation.till import nano_of

AFTER_THE_END = frozenset({*POSTED, "resync"})
"""What still moves the money of a contract that has ended: its last bill, and what a lost branch knew of it."""
OF_THE_PLACE = frozenset({"field_work", "outage", "shared_point"})
NEW = {
    "top_up_total_nano": 0, "top_up_sequence": 0, "reversal_total_nano": 0, "reversal_sequence": 0, "adjusted_nano": 0,
    "withheld_nano": 0, "unsettled": [], "bonuses": [], "arrears": [], "settled_charge_nano": 0,
}  # fmt: skip
"""What the account of a new holder begins with, whoever lived there before."""


class Handover:
    """Follows every change of holder, and what still comes for the one who left."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._fresh: list[Row] = []
        self._certified: dict[str, list[Row]] = {}
        self._ended: set[str] = set()
        self._came: set[str] = set()
        witness.follow(self)
        witness.after(self.compare)

    def begin(self) -> None:
        """See `Reader`."""
        self._fresh, self._certified, self._ended, self._came = [], {}, set(), set()

    def row(self, row: Row, true_ms: int) -> None:
        """See `Reader`."""
        if row["type"] == "certificate":
            self._certified.setdefault(row["certificate_id"], []).append(row)
        elif row.get("kind") == "opening":
            order = self._witness.order_of(row["reference"])
            self._came |= {row["account_id"]} if order is not None and order.typ == "account_rollover" else set()
        elif row.get("what") == "account.rolled_over" and true_ms == self._witness.world.machine.true_utc_ms():
            self._fresh.append(row)  # books put back are read again, and have gone on since
        elif row.get("what") == "register.opened" and row["account_id"] in self._came:
            self._violated(
                "I5", row, f"{row['account_id']} begins anew, it goes on from the register of the one before"
            )
        elif row["type"] == "transition":
            (self._ended.add if row["target"] == "TERMINATED" else self._ended.discard)(row["account_id"])
        elif row["type"] == "entry" and row["account_id"] in self._ended and row["kind"] not in AFTER_THE_END:
            self._violated("I5", row, f"{row['kind']} of {row['amount']} after the end of {row['account_id']}")

    def compare(self) -> None:
        """The transaction that changed the holder: both books, side by side."""
        fresh, self._fresh = self._fresh, []
        for row in fresh:
            order = self._witness.order_of(row["detail"]["command_id"])
            if order is None or order.typ != "account_rollover":
                continue  # dues.py says so
            to = order.body["to"]
            left, came = (self._witness.accounts.get(name) for name in (row["account_id"], to["account_id"]))
            if left is None or came is None or left["supply"]["state"] != "TERMINATED":
                self._violated("I5", row, f"{to['account_id']} does not follow {row['account_id']}")
                continue
            self._registers(row, left, came, order.jti)
            self._clean(row, left, came, to)

    def _registers(self, row: Row, left: dict[str, Any], came: dict[str, Any], jti: str) -> None:
        wh = row["detail"]["register_wh"]
        pair = [(one["account_id"], one.get("import_wh"), one.get("stands")) for one in self._certified.get(jti, [])]
        if {name for name, *_ in pair} != {left["account_id"], came["account_id"]} or len(set(pair)) != len(pair):
            self._violated("I5", row, f"its certificates are {pair}")
        elif pair[0][1:] != pair[1][1:] or pair[0][1] != wh:
            self._violated("I5", row, f"the certificates differ: {pair}, it was done at {wh} Wh")
        if left["settled_register_wh"] != wh:
            self._violated("I5", row, f"charged until {left['settled_register_wh']} Wh, handed over at {wh} Wh")
        opened = [r for r in self._witness.rows if r.get("kind") == "opening" and r["account_id"] == came["account_id"]]
        if not opened or opened[-1].get("to_register_wh") != wh:
            self._violated("I5", row, f"the next holder begins elsewhere than at {wh} Wh")

    def _clean(self, row: Row, left: dict[str, Any], came: dict[str, Any], to: dict[str, Any]) -> None:
        """Straight after it: the books of the new holder hold what was signed, and what belongs to the place."""
        wrong = {name: came.get(name, empty) for name, empty in NEW.items() if came.get(name, empty) != empty}
        wrong |= {
            name: value for name, value in came["usage"].items() if name in ("wh", "net_nano", "vat_nano") and value
        }
        if came.get("postings", {}).get("total_nano", 0) or came.get("postings", {}).get("kept", []):
            wrong["postings"] = came["postings"]
        if came["register"]["cases"] or came.get("spending", {}).get("days_nano"):
            wrong["past"] = (came["register"]["cases"], came.get("spending"))
        personal = [hold for hold in came["holds"] if hold["kind"] not in OF_THE_PLACE]
        if personal or came["opening_nano"] != nano_of(to.get("opening_balance", "0.00")):
            wrong["holds, opening"] = (personal, came["opening_nano"])
        for name in ("meter_id", "delivery_point", "lockout", "outages", "meter_serial"):
            if came.get(name) != left.get(name):
                wrong[name] = (left.get(name), came.get(name))
        if wrong:
            self._violated("I5", row, f"the next holder begins with {wrong}")

    def _violated(self, invariant: str, row: Row, what: str) -> None:
        self._witness.world.violated(invariant, f"row {row['seq']}: {what}")


def attach(witness: Witness) -> None:
    """Watch the door."""
    Handover(witness)
