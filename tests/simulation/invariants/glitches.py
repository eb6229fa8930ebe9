"""A register that reads nonsense once or twice and then the truth is a glitch, not a new beginning (decision 6)."""

from __future__ import annotations

from tests.simulation.incidents import KINDS
from tests.simulation.invariants.witness import Row, Witness

SHORT = frozenset({"reads_zero", "reads_nan", "reads_ones"})
DISTURB = frozenset(
    {"values", "register", "fieldwork", "false_report", "meter", "image", "power", "clock", "cheat", "medium"}
)
"""Families that may leave a difference open for good reasons, but for the short glitches."""


class Glitches:
    """Follows the rows: no case may be opened in a run whose registers were disturbed by short glitches at most."""

    def __init__(self, witness: Witness) -> None:
        self._world = witness.world
        witness.follow(self)

    def begin(self) -> None:
        """Nothing is remembered."""

    def row(self, row: Row, true_ms: int) -> None:
        """A row was committed."""
        if row["type"] != "event" or row["what"] != "register.discontinuity":
            return
        if not any(KINDS[kind].family in DISTURB for kind in self._world.played - SHORT):
            self._world.violated("I6", f"row {row['seq']}: a case, and nothing lasting disturbed the register")


def attach(witness: Witness) -> None:
    """Watch for cases nobody can explain."""
    Glitches(witness)
