"""What is ordered for a later instant happens at it: not before, not twice, not after it was cancelled (S2-06, S2-33).

And the contract power is at every instant what the last such row says.
"""

from __future__ import annotations

from typing import Any

from tests.simulation.invariants.witness import Row, Witness, agreed
from tests.simulation.protections import utc_ms

LATE_MS = 120_000
OVERDUE_MS = 2 * 3_600_000
DATED = ("power_set", "reading_certificate", "account_rollover")
DONE = {"power.set_done": "power_set", "account.rolled_over": "account_rollover", "rollover.failed": "account_rollover"}
SEEDED_W = 6000


class Dues:
    """Follows what was done, by the command that ordered it."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._done: set[str] = set()
        self._cancelled: set[str] = set()
        self._power_w: dict[str, int] = {}
        witness.follow(self)
        witness.after(self.look)
        witness.world.on.settled.append(self.settled)

    def begin(self) -> None:
        """See `Reader`."""
        self._done, self._cancelled, self._power_w = set(), set(), {}

    def row(self, row: Row, true_ms: int) -> None:
        """See `Reader`."""
        what = row.get("what", "")
        if row["type"] == "receipt" and (row["command"], row["status"]) == ("due_cancel", "applied"):
            self._cancelled.add(self._witness.order_of(row["command_id"]).body["due_id"])
        elif row["type"] == "certificate":
            self._carried_out(row, row["certificate_id"], true_ms, once=False)
        elif what in DONE:
            order = self._witness.order_of(row["detail"]["command_id"])
            if order is None or (order.typ, order.body["account_id"]) != (DONE[what], row["account_id"]):
                self._violated("I14", row, f"nobody ordered {what} {row['detail']}")
                return
            self._carried_out(row, order.jti, true_ms, once=True)
            if what == "power.set_done":
                self._powered(row, order)
        elif row["type"] == "entry" and row["kind"] == "opening":
            order = self._witness.order_of(row["reference"])
            self._power_w[row["account_id"]] = SEEDED_W if order is None else agreed(order)["contract_power_w"]
        elif what == "agenda.dropped":
            self._cancelled |= set(row["detail"]["due_ids"].split())

    def look(self) -> None:
        """Nobody has another power than the rows say."""
        for account_id, account in self._witness.accounts.items():
            power_w = self._power_w.get(account_id, account["contract_power_w"])
            if account["contract_power_w"] != power_w:
                told = f"{account['contract_power_w']} W, its rows say {power_w} W"
                self._witness.world.violated("I14", f"{account_id} has {told}")

    def settled(self) -> None:
        """What was due hours ago was done."""
        world, ended = self._witness.world, {"TERMINATED"}
        if self._witness.restores:
            return  # an old image forgets what waits
        for jti, order in world.center.orders.items():
            wanted = order.body.get("at")
            if order.typ not in DATED or wanted is None or order.status != "applied":
                continue
            account = self._witness.accounts.get(str(order.body["account_id"]))
            over = world.machine.true_utc_ms() - OVERDUE_MS < utc_ms(wanted)
            if over or account is None or account["supply"]["state"] in ended:
                continue
            if jti not in self._done and jti not in self._cancelled:
                world.violated("I23", f"{order.typ} {jti} was due at {wanted} and was not done")

    def _carried_out(self, row: Row, jti: str, true_ms: int, *, once: bool) -> None:
        order = self._witness.order_of(jti)
        if order is None:
            return  # certificates.py says so
        if jti in self._cancelled:
            self._violated("I14", row, f"{order.typ} {jti} was cancelled")
        if once and jti in self._done:
            self._violated("I3", row, f"{order.typ} {jti} was done before")
        self._done.add(jti) if once or order.typ == "reading_certificate" else None
        wanted = order.body.get("at")
        if wanted is not None and true_ms + LATE_MS < utc_ms(wanted) and not self._witness.head_lied:
            self._violated("I16", row, f"{order.typ} {jti} is for {wanted}")

    def _powered(self, row: Row, order: Any) -> None:
        detail, before_w = row["detail"], self._power_w.get(row["account_id"])
        if detail["to_w"] != order.body["contract_power_w"] or before_w not in (None, detail["from_w"]):
            self._violated("I14", row, f"from {before_w} W: {detail}, ordered {order.body['contract_power_w']} W")
        self._power_w[row["account_id"]] = detail["to_w"]

    def _violated(self, invariant: str, row: Row, what: str) -> None:
        self._witness.world.violated(invariant, f"row {row['seq']}: {what}")


def attach(witness: Witness) -> None:
    """Watch the instants."""
    Dues(witness)
