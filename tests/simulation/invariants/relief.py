"""A technician's override gives no more than its bounds, and only to whom less would be due (decision 13)."""

from __future__ import annotations

from tests.simulation.invariants.witness import Witness


class Relief:
    """Looks at each committed snapshot, and at the rows that say that an override is over."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        witness.after(self.look)

    def look(self) -> None:
        """In force, it has energy left, and stands on a rung that it lifts above."""
        for account_id, account in self._witness.accounts.items():
            override = account.get("override")
            if override is None:
                continue
            used_wh = account["usage"]["wh"] - override["from_wh"]
            if used_wh >= override["cap_wh"]:
                self._violated(f"{account_id}: an override of {override['cap_wh']} Wh goes on after {used_wh} Wh")
            if account["supply"]["state"] not in ("LIMITED", "SUSPENDED"):
                self._violated(f"{account_id}: an override on {account['supply']['state']}")
            if account.get("suspicion") is not None and account["suspicion"]["leaves_switch"]:
                self._violated(f"{account_id}: an override in books that may have forgotten a lock-out")

    def _violated(self, what: str) -> None:
        self._witness.world.violated("I9", what)


def attach(witness: Witness) -> None:
    """Watch the overrides."""
    Relief(witness)
