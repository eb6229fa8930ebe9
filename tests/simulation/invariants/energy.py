"""Energy against physics: never more charged than delivered, at any instant, and at the end nothing lost (I6).

What the meter really delivered is known here and to nobody else in the house. Where a fault makes a register say what
was not delivered (a stable jump, a swap), only the register is a witness, and money.py holds the charges against it.
"""

from __future__ import annotations

from typing import Any

from tests.simulation.invariants.witness import Witness, lifetime
from tests.simulation.site import PRICE_NANO_PER_WH

QUANTUM_WH = {"inside": 10, "board": 1, "threshold": 1}
UNREAD_WH = 230
"""What a poll a minute has not seen yet at 13.8 kW."""
REGISTER_FAULTS = frozenset({"register"})
"""Families of incidents after which a register need not say what was delivered."""
GLITCHES = frozenset({"values", "meter"})
"""A nonsense value within what the rated power allows cannot be told from a true one; at the end it is an open case."""


class Energy:
    """Compares what was charged with what was delivered."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._quantum_wh = QUANTUM_WH[witness.world.setting.variant.name]
        self._delivered_wh = 0
        """As of the last transaction: what was used since then may be in memory only."""
        witness.after(self.never_more)
        witness.world.on.settled.append(self.nothing_lost)

    def never_more(self) -> None:
        """Whatever crashed, came twice or was put back: nobody pays for what was not delivered."""
        world = self._witness.world
        self._delivered_wh = world.delivered_wh
        if world.faulted & (REGISTER_FAULTS | GLITCHES) or not self._witness.accounts:
            return
        charged_wh = self._charged_wh()
        if charged_wh > world.delivered_wh + self._quantum_wh:
            world.violated("I6", f"{charged_wh} Wh are charged, {world.delivered_wh} Wh were delivered")

    def nothing_lost(self) -> None:
        """At the end everything delivered is charged, or lies open as a case for a person."""
        world, accounts = self._witness.world, self._witness.accounts
        if world.faulted & REGISTER_FAULTS or not accounts:
            return
        if any(account["supply"]["state"] == "TERMINATED" for account in accounts.values()):
            return  # between two contracts nobody is charged
        open_wh = sum(case["wh"] for account in accounts.values() for case in account["register"]["cases"])
        missing_wh = self._delivered_wh - self._charged_wh() - open_wh
        if missing_wh < -self._quantum_wh:
            world.violated("I6", f"{-missing_wh} Wh more than the {self._delivered_wh} delivered are charged or open")
        if missing_wh > self._quantum_wh + UNREAD_WH:
            world.violated("I6", f"{missing_wh} Wh of {world.delivered_wh} are neither charged nor open")

    def _charged_wh(self) -> int:
        """By the money where one price was in force all the time: so no resync can hide energy; else by the Wh."""
        accounts = self._witness.accounts.values()
        if any(len(account["tariffs"]) != 1 or account["tariffs"][0]["tariff_id"] != "sim" for account in accounts):
            return sum(account["usage"]["wh"] for account in accounts)
        return sum(self._paid_nano(account) for account in accounts) // PRICE_NANO_PER_WH

    @staticmethod
    def _paid_nano(account: dict[str, Any]) -> int:
        """What the customer has paid for: everything signed for this account, less what is left of it."""
        credit_nano, charge_nano = lifetime(account)
        given_nano = account["opening_nano"] + account["top_up_total_nano"] - account["reversal_total_nano"]
        return int(given_nano - account.get("withheld_nano", 0) - (credit_nano - charge_nano))


def attach(witness: Witness) -> None:
    """Watch the energy."""
    Energy(witness)
