"""What only ever grows: sequences, cursors, observed time and the bound of proven time (I15, I16, I17).

An image of the card that somebody put back takes them back with it; from then on they grow again.
"""

from __future__ import annotations

from typing import Any

from tests.simulation.invariants.witness import Row, Witness

SLACK_MS = 10_000
WRITTEN_MS = 60_000
"""How much later than its instant a row may be seen: an old card takes its time.

So what a poll saw (a switch that moved) may be written after a receipt that was given while it waited for the card.
"""
GAINED_PPM = 200_000
"""What a crystal, or a clock that leapt, may add to observed time: more would end terms early."""


class Counters:
    """Compares each transaction with the one before."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._restores = 0
        self._held: dict[str, int] = {}
        witness.after(self.look)

    def look(self) -> None:
        """Nothing of it has become less."""
        witness = self._witness
        now = {"running_ms": witness.life[0], "bound_utc_ms": witness.life[1]}
        for account_id, account in witness.accounts.items():
            now |= {f"{account_id} {name}": account[name] for name in ("top_up_sequence", "reversal_sequence")}
            now |= {f"{account_id} {name}": account[name] for name in ("top_up_total_nano", "reversal_total_nano")}
            now[f"{account_id} postings"] = account.get("postings", {}).get("numbers", {}).get("highest", 0)
            now[f"{account_id} charged"] = account["usage"]["net_nano"] + account["usage"]["vat_nano"]
        for name, position in witness.query("SELECT name, position FROM cursor ORDER BY name"):
            now[f"cursor {name}"] = position
            own = name.startswith("alerts.")  # of the gateway itself: it has read so far
            acknowledged = len(witness.rows) if own else witness.world.center.acknowledged[name]
            if position > acknowledged:
                told = f"the cursor {name} is at {position}, {acknowledged} is as far as it may be"
                witness.world.violated("I23", told)
        if witness.restores != self._restores:
            self._restores, self._held = witness.restores, {}
        for name, was in self._held.items():
            if now.get(name, 0) < was:
                witness.world.violated(_invariant(name), f"{name} was {was} and is {now.get(name, 0)}")
        self._held = now
        if not witness.head_lied and witness.life[1] > witness.world.machine.true_utc_ms() + SLACK_MS:
            witness.world.violated("I17", f"time is said to be proven at {witness.life[1]}, which is still to come")


def _invariant(name: str) -> str:
    if name in ("running_ms", "bound_utc_ms"):
        return "I17"
    return "I5" if name.endswith("charged") else "I15"


class ObservedTime:
    """Observed time never runs ahead of true time, whatever the clocks do: so no term can be cut short (I16)."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._began: tuple[int, int] | None = None
        self._before_ms = 0
        witness.follow(self)

    def begin(self) -> None:
        """See `Reader`."""
        self._began, self._before_ms = None, 0

    def row(self, row: Row, true_ms: int) -> None:
        """See `Reader`."""
        running_ms = row["at"]["running_ms"]
        went_ms = self._before_ms - running_ms
        if went_ms > (0 if row["type"] == "epoch" else WRITTEN_MS):
            self._witness.world.violated("I16", f"row {row['seq']}: observed time went back by {went_ms} ms")
        self._before_ms = max(self._before_ms, running_ms)
        if row["type"] == "epoch" or self._began is None:
            self._began = (running_ms, true_ms)
        passed_ms, true_passed_ms = running_ms - self._began[0], true_ms - self._began[1]
        if passed_ms > true_passed_ms + true_passed_ms * GAINED_PPM // 1_000_000 + WRITTEN_MS:
            told = f"{passed_ms} ms were observed while {true_passed_ms} ms passed"
            self._witness.world.violated("I16", f"row {row['seq']}: {told}")


class Commands:
    """The answers given stay given, and an issuer's numbers rise (I15)."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._restores = 0
        self._newest: dict[str, int] = {}
        witness.world.on.hourly.append(self.look)
        witness.world.on.settled.append(self.look)

    def look(self) -> None:
        """Compare with what was there an hour ago."""
        witness = self._witness
        found: list[Any] = witness.query(
            "SELECT issuer, max(sequence) FROM command WHERE own_sequence = 0 AND answer IS NOT NULL GROUP BY issuer"
        )
        if witness.restores != self._restores:
            self._restores, self._newest = witness.restores, {}
        for issuer, sequence in found:
            if sequence < self._newest.get(issuer, 0):
                witness.world.violated("I15", f"{issuer} was at {self._newest[issuer]} and is at {sequence}")
            self._newest[issuer] = sequence


def attach(witness: Witness) -> None:
    """Watch what only grows."""
    Counters(witness)
    ObservedTime(witness)
    Commands(witness)
