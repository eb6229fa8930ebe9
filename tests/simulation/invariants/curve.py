"""The load curve: every Wh rated since the time was known is in a stored quarter-hour or in the open one (I6, I19)."""

from __future__ import annotations

from typing import Any

from tests.simulation.invariants.witness import Witness


class Curve:
    """Adds up the stored quarter-hours at the end. A resync moves the register: those runs are left out.

    What was used before the time was known for the first time belongs to no quarter-hour; `_before_wh` is that.
    """

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._before_wh: dict[str, int] = {}
        witness.after(self.began)
        witness.world.on.settled.append(self.adds_up)

    def began(self) -> None:
        """The first snapshot with a dated reading says what came before it."""
        for account_id, account in self._witness.accounts.items():
            if account_id not in self._before_wh and account["intervals"].get("at_utc_ms") is not None:
                missing_wh = self._missing_wh(account_id, account)
                if missing_wh is not None:
                    self._before_wh[account_id] = missing_wh

    def adds_up(self) -> None:
        """What a statement is made from is complete."""
        witness = self._witness
        if witness.restores or any(row.get("what") == "rollback.resynced" for row in witness.rows):
            return
        for account_id, before_wh in self._before_wh.items():
            missing_wh = self._missing_wh(account_id, witness.accounts[account_id])
            if missing_wh not in (None, before_wh):
                witness.world.violated("I6", f"{account_id}: {missing_wh - before_wh} Wh are in no quarter-hour")

    def _missing_wh(self, account_id: str, account: dict[str, Any]) -> int | None:
        rows = self._witness.quarters(account_id)
        if rows is None:
            return None
        stored_wh = sum(row["import_wh"] for _, row in rows)
        if account["supply"]["state"] == "TERMINATED":  # its last quarter-hour is finished with it
            return int(account["usage"]["wh"] - stored_wh)
        state = account["intervals"]
        return int(state["register_wh"] - stored_wh - state["open_import_wh"])


def attach(witness: Witness) -> None:
    """Watch the load curve."""
    Curve(witness)
