"""Nothing changes without a signature of somebody who may: every receipt has its order, every change its receipt (I14).

What an account owns besides money (policy, tariffs, power, holds, lock-out) may differ from one transaction to the next
only if that transaction holds an applied receipt of the command that says so.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.simulation.invariants.witness import Row, Witness

HELPFUL = frozenset({
    "top_up", "arrears_paid", "hold_set", "outage_plan", "read_now", "document", "reading_certificate",
    "meter_test_begin", "meter_test_end", "reading_manual", "reading_validate", "job_assign", "job_state",
})  # fmt: skip
"""Everything else can hurt and must prove that it is fresh."""
OWN_SEQUENCE = frozenset({"top_up", "top_up_reverse", "posting"})
"""Numbered by their account, so they may come in any order."""
RESYNCS = frozenset({"account_resync"})
FRESH_MIN = 135
"""A challenge is good for two hours at most; an expiry in these runs is one."""
OWNED = {
    "policy": {"policy_set"},
    "tariffs": {"tariff_set"},
    "contract_power_w": {"power_set"},
    "holds": {"hold_set", "hold_release", "outage_plan", "outage_cancel"},
    "lockout": {"lockout_set", "lockout_release"},
    "override": {"override_set"},
    "outages": {"outage_plan", "outage_cancel", "hold_set", "hold_release"},
    "meter_serial": {"meter_replace"},
    "delivery_point": set(),
    "domestic": set(),
    "contract_id": set(),
    "agenda.tests": {"meter_test_begin", "meter_test_end"},
    "agenda.readings": {"reading_manual", "reading_validate"},
    "agenda.jobs": {"job_assign", "job_state"},
    "arrears": {"arrears_notice", "arrears_paid"},
    "meter_id": set(),
    "currency": set(),
    "opening_nano": set(),
}
"""Any order about holds or outages also puts away those that are over; an override ends by itself, too."""


class Receipts:
    """Each receipt answers something the head-end signed for this account, once."""

    def __init__(self, witness: Witness) -> None:
        self.fresh: set[str] = set()
        """Commands applied since the last look."""
        self._witness = witness
        self._seen: dict[str, str] = {}
        self._sequence = 0
        self._owned: dict[str, dict[str, Any]] = {}
        self._restores = 0
        witness.follow(self)
        witness.after(self.look)

    def begin(self) -> None:
        """See `Reader`."""
        self._seen, self._sequence = {}, 0

    def row(self, row: Row, true_ms: int) -> None:
        """See `Reader`."""
        if row.get("what") == "power.set_done":
            self.fresh.add("power_set")  # whose word it was, and whether it was its time: dues.py
        if row["type"] != "receipt":
            return
        jti, world = row["command_id"], self._witness.world
        if jti in self._seen:
            world.violated("I3", f"row {row['seq']}: {jti} was answered before: {self._seen[jti]}, now {row['status']}")
        self._seen[jti] = row["status"]
        if row["status"] == "refused":
            return
        order = self._witness.order_of(jti)
        account_id = "" if order is None else order.body.get("account_id", "")
        if order is None or order.typ != row["command"] or account_id != row["account_id"]:
            world.violated("I14", f"row {row['seq']}: {row['command']} {jti} for {row['account_id']} was never ordered")
            return
        if row["status"] != "applied":
            return
        self.fresh.add(row["command"])
        if not order.token:
            return
        claims = _claims(order.token)
        if row["command"] not in OWN_SEQUENCE:
            if claims["seq"] <= self._sequence:
                told = f"{row['command']} has the number {claims['seq']}, {self._sequence} was applied before"
                world.violated("I15", f"row {row['seq']}: {told}")
            self._sequence = claims["seq"]
        if row["command"] in HELPFUL or self._witness.head_lied:
            return
        minutes = (true_ms - claims["iat"] * 1000) // 60_000
        if minutes > FRESH_MIN:
            world.violated(
                "I14", f"row {row['seq']}: {row['command']} was applied {minutes} minutes after it was signed"
            )

    def look(self) -> None:
        """What an account owns has changed only by a command."""
        fresh, self.fresh = self.fresh, set()
        if self._witness.restores != self._restores:
            self._restores, self._owned = self._witness.restores, {}
        for account_id, account in self._witness.accounts.items():
            owned = {name: account.get(name) for name in OWNED if "." not in name}
            agenda = account.get("agenda", {}) if account["supply"]["state"] != "TERMINATED" else {}
            owned |= {name: agenda.get(name.partition(".")[2]) for name in OWNED if "." in name}
            before = self._owned.get(account_id)
            owned["override"] = owned["override"] or (before or {}).get("override")
            self._owned[account_id] = owned
            if before is None or owned == before or fresh & RESYNCS:
                continue
            ended = account["supply"]["state"] == "TERMINATED"
            for name, commands in OWNED.items():
                if owned[name] != before[name] and not fresh & commands and not (ended and "." in name):
                    self._witness.world.violated("I14", f"{account_id}: {name} changed and nobody said so")


def _claims(token: bytes) -> dict[str, Any]:
    payload = token.split(b".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4)))
    return found


def attach(witness: Witness) -> None:
    """Check whose word it was."""
    Receipts(witness)
