"""Another meter: with consent, as reported, and exact across the change (S4-09, S2-21).

Used across it is (end of the old - its last reading) + (reading of the new - its start); money.py holds both halves
against the charges around it, energy.py the whole against what was delivered.
"""

from __future__ import annotations

from tests.simulation.invariants.witness import Row, Witness

FIGURES = ("old_serial", "old_end_wh", "new_serial", "new_start_wh", "consent", "technician")


class Replacements:
    """Follows every report of another meter."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._fresh: list[Row] = []
        witness.follow(self)
        witness.after(self.compare)

    def begin(self) -> None:
        """See `Reader`."""
        self._fresh = []

    def row(self, row: Row, true_ms: int) -> None:
        """See `Reader`."""
        del true_ms
        if row.get("what") == "meter.replaced":
            self._fresh.append(row)

    def compare(self) -> None:
        """The transaction of the report, all rows of it."""
        fresh, self._fresh = self._fresh, []
        for row in fresh:
            detail, at = row["detail"], row["at"]["running_ms"]
            same = [one for one in self._witness.rows if one["at"]["running_ms"] == at and one["epoch"] == row["epoch"]]
            mine = [one for one in same if one.get("account_id") == row["account_id"]]
            self._said(row, mine)
            begins, ends = int(detail["new_start_wh"]), int(detail["old_end_wh"])
            cases = [one for one in mine if one.get("reference", "").startswith("case:")]
            wh = 0
            for case in cases:
                wh += ends - int(case["from_register_wh"]) + int(case["to_register_wh"]) - begins
            charged = [one for one in mine if one.get("kind") == "charge" and one.get("to_register_wh") == ends]
            if cases and _wh(cases) != wh:
                self._violated("I6", row, f"{_wh(cases)} Wh are charged across the change, {wh} were used")
            elif not cases and detail["charged_wh"] > _wh(charged):
                self._violated("I6", row, f"{detail['charged_wh']} Wh are reported as charged, {_wh(charged)} are")

    def _said(self, row: Row, mine: list[Row]) -> None:
        detail = row["detail"]
        orders = [self._witness.order_of(one["command_id"]) for one in mine if one["type"] == "receipt"]
        order = next((one for one in orders if one is not None and one.typ == "meter_replace"), None)
        if order is None:
            self._violated("I14", row, "nobody reported another meter")
            return
        body = order.body
        if not body.get("consent", "").strip():
            self._violated("I14", row, "nobody agreed to the last reading (S2-21)")
        if any(detail[name] != body[name] for name in FIGURES):
            self._violated("I14", row, f"on record is {detail}, reported was {body}")
        made = {one["certificate_id"] for one in mine if one["type"] == "certificate"}
        if not {f"{order.jti}.old", f"{order.jti}.new"} <= made:
            self._violated("I14", row, f"certified are {sorted(made)}, two belong to {order.jti}")

    def _violated(self, invariant: str, row: Row, what: str) -> None:
        self._witness.world.violated(invariant, f"row {row['seq']}, another meter: {what}")


def _wh(rows: list[Row]) -> int:
    return sum(int(line["wh"]) for row in rows for line in row["lines"] if line["component"] == "energy")


def attach(witness: Witness) -> None:
    """Watch the fitter."""
    Replacements(witness)
