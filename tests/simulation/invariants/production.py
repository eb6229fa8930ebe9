"""What goes into the grid: every Wh of the export register is in a quarter-hour of that channel alone (S4-16).

Import is energy.py's and money.py's: were export counted there, more would be charged than was delivered.
"""

from __future__ import annotations

from typing import Any

from tests.simulation.invariants.energy import GLITCHES, OVERLOAD, QUANTUM_WH, REGISTER_FAULTS
from tests.simulation.invariants.witness import Witness
from tests.simulation.site import RATED_W

FAST_WH = int(OVERLOAD * RATED_W / 4)
"""More than this nobody can produce in a quarter-hour."""
BOOKS_FAULTS = frozenset({"image", "medium"})


class Production:
    """Adds up the export of each account's quarter-hours, stored and open, from where its first reading stood."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._began_wh: dict[str, int] = {}
        self._last_wh: dict[str, int] = {}
        self._quantum_wh = QUANTUM_WH[witness.world.setting.variant.name]
        witness.after(self.look)
        witness.world.on.settled.append(self.settled)

    def look(self) -> None:
        """Remember where the export register stood, for each account, first and last."""
        for account_id, account in self._witness.accounts.items():
            curve = account["intervals"]
            if curve.get("export_wh") is None:
                continue
            if account_id not in self._began_wh:
                stored_wh = sum(wh or 0 for wh in self._stored(account_id))
                self._began_wh[account_id] = curve["export_wh"] - curve["open_export_wh"] - stored_wh
            self._last_wh[account_id] = curve["export_wh"]

    def settled(self) -> None:
        """At the end: quarter-hours against the register that was read, and that one against the meter's own."""
        world, witness = self._witness.world, self._witness
        if not world.faulted & {"clock"} and not witness.head_lied:
            self._never_faster()
        if world.faulted & (REGISTER_FAULTS | GLITCHES | BOOKS_FAULTS) or "meter_replaced" in world.played:
            return
        for account_id, began_wh in self._began_wh.items():
            account = witness.accounts[account_id]
            there_wh = sum(wh or 0 for wh in self._stored(account_id)) + account["intervals"].get("open_export_wh", 0)
            due_wh = self._last_wh[account_id] - began_wh
            ended = account["supply"]["state"] == "TERMINATED"
            if there_wh < due_wh or (there_wh > due_wh and not ended):
                world.violated("I6", f"{account_id}: {due_wh} Wh went out, {there_wh} are in its quarter-hours")
            if not ended:
                self._read(account_id, account)

    def _read(self, account_id: str, account: dict[str, Any]) -> None:
        """The roof has been dark for hours: what was read last is what the meter shows."""
        meter = self._witness.world.meter
        meter.advance()
        shown_wh, read_wh = meter.supply.export_wh, account["intervals"].get("export_wh")
        if read_wh is not None and not 0 <= shown_wh - read_wh <= self._quantum_wh:
            self._witness.world.violated("I6", f"{account_id}: {read_wh} Wh were read, {shown_wh} Wh went out")

    def _never_faster(self) -> None:
        """Whatever a register shows, nothing is produced faster than a line can carry."""
        for account_id in self._witness.accounts:
            most_wh = max((wh or 0 for wh in self._stored(account_id)), default=0)
            if most_wh > FAST_WH:
                self._witness.world.violated("I6", f"{account_id}: {most_wh} Wh went out in a quarter-hour")

    def _stored(self, account_id: str) -> list[int | None]:
        return [row.get("export_wh") for _, row in self._witness.quarters(account_id) or []]


def attach(witness: Witness) -> None:
    """Watch the roof."""
    Production(witness)
