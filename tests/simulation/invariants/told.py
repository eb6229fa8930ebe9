"""Commit, then speak: whatever the gateway lets go of is already in the store, byte for byte (I4, I24).

Asked at the instant the message leaves the daemon, before the network can hide it. A verdict names the receipt that
makes it durable; since rows never disappear (witness.py), what was acknowledged once is true for ever.
"""

from __future__ import annotations

import json

from tests.simulation.invariants.witness import Witness

UNRECORDED = frozenset({"ack", "resend", "time", "document"})
"""Commands about the exchange itself, which change nothing that could be lost; what is made for one is on record."""


class Told:
    """Compares each message with the store."""

    def __init__(self, witness: Witness) -> None:
        self.refused: dict[str, int] = {}
        """By reason: refusals without a receipt; they must be on record, or counted, at the end."""
        self._witness = witness

    def said(self, topic: str, payload: bytes) -> None:
        """One message leaves the gateway."""
        what = topic.rpartition("/")[2]
        if what == "journal":
            self._journal(payload)
        elif what == "verdict":
            self._verdict(json.loads(payload))
        elif what == "interval":
            self._interval(payload)
        elif what == "status":
            self._status(json.loads(payload))

    def _journal(self, payload: bytes) -> None:
        witness, seq = self._witness, json.loads(payload)["seq"]
        if seq > len(witness.bodies):
            witness.world.violated("I4", f"row {seq} was told, the store ends at {len(witness.bodies)}")
        elif witness.bodies[seq - 1].encode() != payload:
            witness.world.violated("I7", f"row {seq} was told otherwise than it is stored")

    def _verdict(self, verdict: dict[str, object]) -> None:
        witness, seq = self._witness, verdict.get("journal_seq")
        if not isinstance(seq, int):
            if verdict["status"] != "refused" and verdict.get("typ") not in UNRECORDED:
                witness.world.violated("I4", f"{verdict['status']} of {verdict['jti']} was told without a receipt")
            if verdict["status"] == "refused" and verdict.get("typ") not in UNRECORDED:
                reason = str(verdict.get("reason"))
                self.refused[reason] = self.refused.get(reason, 0) + 1
            return
        row = witness.rows[seq - 1] if seq <= len(witness.rows) else {}
        named = (row.get("type"), row.get("command_id"), row.get("status"), row.get("reason"))
        if named != ("receipt", verdict["jti"], verdict["status"], verdict.get("reason", "")):
            witness.world.violated("I4", f"{verdict['status']} was told of {verdict['jti']}, but row {seq} is {named}")

    def _interval(self, payload: bytes) -> None:
        number = json.loads(payload)["number"]
        found = self._witness.query("SELECT body FROM interval WHERE number = ?", number)
        if self._witness.raw is not None and [(payload.decode(),)] != found:
            self._witness.world.violated("I4", f"interval {number} was told and is not stored so")

    def _status(self, status: dict[str, object]) -> None:
        witness = self._witness
        if not status.get("online"):
            return
        seq = status["seq"]
        assert isinstance(seq, int)
        if seq > len(witness.rows) or witness.hashes[seq] != status["head"]:
            witness.world.violated("I4", f"the status names a head at {seq} that is not stored")


class Refusals:
    """At the end each refusal is a receipt, an event of its own, or counted in a summary (I24)."""

    def __init__(self, witness: Witness, told: Told) -> None:
        self._witness = witness
        self._told = told

    def settled(self) -> None:
        """Nothing was refused in silence; forks and busy resends have their own traces."""
        world, rows = self._witness.world, [*self._witness.lost, *self._witness.rows]
        noted = {row["detail"].get("reason") for row in rows if row.get("what") == "headend.refused"}
        for row in rows:
            if row.get("what") == "headend.junk":
                noted |= set(row["detail"])
        forks = any(row.get("what") == "headend.fork" for row in rows)
        for reason in sorted(self._told.refused):
            quiet = reason == "busy" or (reason == "fork" and forks)
            if reason not in noted and not quiet and "power" not in world.faulted:
                world.violated("I24", f"{self._told.refused[reason]} commands were refused as {reason}, none on record")


def attach(witness: Witness) -> None:
    """Listen to everything that is said."""
    told = Told(witness)
    witness.world.on.said.append(told.said)
    witness.world.on.settled.append(Refusals(witness, told).settled)
