"""When the faults are over, both sides agree: rows, sales, totals and money (I4, I23)."""

from __future__ import annotations

from tests.simulation.invariants.witness import Witness, lifetime
from tests.simulation.till import nano_of

MOMENT_MS = 120_000
"""The newest rows may still be on their way."""


class Agreed:
    """Asked once, six quiet hours after the last fault was healed."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        witness.world.on.settled.append(self.settled)

    def settled(self) -> None:
        """Compare the head-end's books with the store."""
        if not self._witness.world.process.running:
            self._witness.world.violated("I19", "the daemon does not run although nothing is wrong any more")
            return
        self._rows()
        self._sales()
        self._money()

    def _rows(self) -> None:
        witness, world = self._witness, self._witness.world
        now_ms = world.machine.true_utc_ms()
        old = [row for row in witness.rows if now_ms - witness.seen_ms(row) > MOMENT_MS]
        head = len(old)
        center = world.center
        told = [row for row in center.rows if row["seq"] <= head]
        if told != old:
            at = next((n for n, pair in enumerate(zip(told, old, strict=False)) if pair[0] != pair[1]), len(told))
            world.violated("I23", f"the head-end has {len(center.rows)} rows, row {at + 1} of {head} is not among them")
        for (position,) in witness.query("SELECT position FROM cursor WHERE name = 'journal'"):
            if position < head:
                world.violated("I23", f"row {position + 1} of {head} is not acknowledged")

    def _sales(self) -> None:
        world = self._witness.world
        for account_id, till in world.center.tills.items():
            if till.open_sale is not None:
                world.violated("I23", f"{account_id}: the sale {till.open_sale.jti} has no verdict")
        for jti, order in world.center.orders.items():
            if order.typ == "top_up" and order.status == "applied" and not self._receipt(jti):
                world.violated("I4", f"the sale {jti} was acknowledged and has no receipt")

    def _receipt(self, jti: str) -> bool:
        rows = [*self._witness.rows, *self._witness.lost]
        if "image" in self._witness.world.faulted:
            rows += self._witness.world.center.chain.lost  # a clone may have taken it; the resync brought the credit
        return any(row["type"] == "receipt" and row["command_id"] == jti for row in rows)

    def _money(self) -> None:
        """What was sold and confirmed is what the account was credited with (I3, I23)."""
        world = self._witness.world
        for account_id, account in self._witness.accounts.items():
            till = world.center.tills.get(account_id)
            sold_nano = 0 if till is None else till.totals_nano[till.confirmed]
            if account["supply"]["state"] != "TERMINATED" and account["top_up_total_nano"] != sold_nano:
                credited_nano = account["top_up_total_nano"]
                world.violated("I23", f"{account_id}: {sold_nano} were sold and confirmed, {credited_nano} credited")
            if account.get("withheld_nano", 0):
                world.violated("I23", f"{account_id}: {account['withheld_nano']} of a sale are still withheld")
            last = next((row for row in reversed(self._witness.rows) if row["type"] == "entry"), None)
            credit_nano, _ = lifetime(account)
            if last is not None and last["account_id"] == account_id:
                settled_nano = credit_nano - account["settled_charge_nano"]
                said = last["balance"]
                if nano_of(said) != settled_nano:
                    world.violated("I23", f"{account_id}: the last row says {said}, the account {settled_nano}")


def attach(witness: Witness) -> None:
    """Wait for the end."""
    Agreed(witness)
