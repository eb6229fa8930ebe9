"""Open differences of the register: each is open until a signed posting, or another meter, settles it (I5, I14).

The list is kept again from the rows alone. Energy of an absence is charged by itself (money.py); it is no case here
until the rows say that nothing explains it.
"""

from __future__ import annotations

from tests.simulation.invariants.witness import Row, Witness

KEPT_MAX = 16
"""The account keeps the newest of them; the journal has all."""
SETTLE = frozenset({"adjustment", "reconstruction", "estimate", "conguaglio"})


class Cases:
    """Follows the cases of every account."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._open: dict[str, set[int]] = {}
        self._settled: dict[str, tuple[str, int]] = {}
        """By order: the account and the case that it settled."""
        self._resynced: set[str] = set()
        witness.follow(self)
        witness.after(self.compare)

    def begin(self) -> None:
        """See `Reader`."""
        self._open, self._settled, self._resynced = {}, {}, set()

    def row(self, row: Row, true_ms: int) -> None:
        """See `Reader`."""
        del true_ms
        what, account_id = row.get("what", ""), row.get("account_id", "")
        known = self._open.setdefault(account_id, set())
        if what == "register.discontinuity":
            known.add(int(row["detail"]["case_id"]))
        elif what == "meter.replaced":
            known.discard(int(row["detail"].get("register_case", 0)))
        elif what == "rollback.resynced":
            self._resynced.add(account_id)
        elif row["type"] == "entry" and row["kind"] in SETTLE:
            self._posted(row, known)

    def compare(self) -> None:
        """The account holds what is open, no case more and none less."""
        for account_id, account in self._witness.accounts.items():
            held = [case["case_id"] for case in account["register"]["cases"] if case["kind"] == "discontinuity"]
            known = sorted(self._open.get(account_id, set()))
            full = len(account["register"]["cases"]) >= KEPT_MAX
            if account_id in self._resynced or held == known or (full and held == known[-len(held) :]):
                continue
            self._witness.world.violated("I5", f"{account_id} holds the cases {held}, open by its rows are {known}")

    def _posted(self, row: Row, known: set[int]) -> None:
        order = self._witness.order_of(row["reference"])
        wanted = None if order is None else order.body.get("case_id")
        said = row["detail"].get("case_id")
        if wanted != said:
            self._violated(row, f"it settles case {said}, signed was {wanted}")
        if said is None or self._settled.get(row["reference"]) == (row["account_id"], said):
            return  # the other side of a reconstruction
        if said not in known and row["account_id"] not in self._resynced:
            self._violated(row, f"it settles case {said}, open are {sorted(known)}")
        known.discard(said)
        self._settled[row["reference"]] = (row["account_id"], said)

    def _violated(self, row: Row, what: str) -> None:
        self._witness.world.violated("I14", f"row {row['seq']}: {row['kind']} {row['amount']}: {what}")


def attach(witness: Witness) -> None:
    """Watch what is open."""
    Cases(witness)
