"""What a head-end keeps of its own signatures for one account: what the journal's rows do not say again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.simulation.till import money, nano_of


@dataclass(slots=True)
class Kept:
    """What was applied and is still in force; `carried` is the position of the last resync."""

    lockout: str | None = None
    holds: dict[str, dict[str, Any]] = field(default_factory=dict)
    arrears: dict[str, dict[str, Any]] = field(default_factory=dict)
    carried: dict[str, Any] = field(default_factory=dict)
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)

    def take(self, typ: str, body: dict[str, Any]) -> None:
        """A command that was applied."""
        match typ:
            case "lockout_set":
                self.lockout = body["reason"]
            case "lockout_release":
                self.lockout = None
            case "hold_set":
                self.holds[body["hold_id"]] = _without(body, "account_id")
            case "hold_release":
                self.holds.pop(body["hold_id"], None)
            case "arrears_notice":
                self.arrears[body["arrears_id"]] = _without(body, "account_id", "currency")
            case "arrears_paid":
                self._paid(body)
            case "account_open" | "account_close" | "account_rollover":
                self.bodies[typ] = body
            case "account_resync":
                self.carried = body.get("position", {})
            case _:
                pass

    def signed(self) -> dict[str, Any]:
        """Its part of a position."""
        told = {"lockout": self.lockout, "holds": list(self.holds.values())}
        return told | {"arrears": list(self.arrears.values())}

    def contracts(self, account_id: str, known: dict[str, Any] | None) -> list[tuple[str, dict[str, Any]]]:
        """What an image may lack of the contract itself, to be said before its resync (docs/mqtt.md)."""
        found = []
        if (opened := self.bodies.get("account_open")) is not None:
            found.append(("account_open", opened))
        if known is None or known["state"] != "TERMINATED":
            return found
        if (handed := self.bodies.get("account_rollover")) is not None:
            return [*found, ("account_rollover", _without(handed, "at"))]
        ended = {"account_id": account_id, "reason": "ended before"} | self.bodies.get("account_close", {})
        return [*found, ("account_close", ended | {"cause": "customer_request"})]

    def _paid(self, body: dict[str, Any]) -> None:
        claim = self.arrears.pop(body["arrears_id"], None)
        if claim is None or "left" not in body:
            return
        left_nano = min(nano_of(claim["amount"]), nano_of(body["left"]))
        if left_nano > 0:
            self.arrears[body["arrears_id"]] = claim | {"amount": money(left_nano)}


def _without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}
