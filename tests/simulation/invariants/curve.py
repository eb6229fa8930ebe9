"""The load curve: every Wh that was rated is in a stored quarter-hour or in the one that is open (I6, I19)."""

from __future__ import annotations

import json

from tests.simulation.invariants.witness import Witness


class Curve:
    """Adds up the stored quarter-hours at the end. A resync moves the register: those runs are left out."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        witness.world.on.settled.append(self.adds_up)

    def adds_up(self) -> None:
        """What a statement is made from is complete."""
        witness = self._witness
        if witness.restores or any(row.get("what") == "rollback.resynced" for row in witness.rows):
            return
        for account_id, account in witness.accounts.items():
            rows = witness.query("SELECT body FROM interval WHERE account_id = ?", account_id)
            stored_wh = sum(json.loads(body)["import_wh"] for (body,) in rows)
            state = account["intervals"]
            missing_wh = state["register_wh"] - stored_wh - state["open_import_wh"]
            if rows and missing_wh:
                witness.world.violated("I6", f"{account_id}: {missing_wh} Wh are in no quarter-hour")


def attach(witness: Witness) -> None:
    """Watch the load curve."""
    Curve(witness)
