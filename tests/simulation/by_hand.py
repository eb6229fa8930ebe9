"""What was ordered at the gateway itself, as the invariants know it: credit codes, and orders of a technician.

Nobody signed these; what stands in for the order is what was asked at the line, or sold by telephone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.simulation.signer import Order
from tests.simulation.who_may import ORDERS

if TYPE_CHECKING:
    from tests.simulation.console import Asked
    from tests.simulation.world import World

CODE, ORDER = "code-", "console-"
_NAMES = {"test": "test_id", "job": "job_id", "outage": "outage_id", "case": "case_id", "day": "read_on"}


class ByHand:
    """Orders by the id of their receipt."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._asked: list[Asked] = []
        self._orders: dict[str, Order] = {}
        world.on.asked.append(self._heard)

    def get(self, jti: str) -> Order | None:
        """What was asked for."""
        return self._orders.get(jti)

    def take(self, row: dict[str, Any]) -> None:
        """A row that is new: it may name what was ordered."""
        jti = str(row.get("command_id", ""))
        if row["type"] == "receipt" and jti.startswith(CODE):
            sold = self._world.phone.codes.get((row["account_id"], int(jti.split("-")[1])))
            if sold is not None:
                self._orders[jti] = Order(jti, "top_up", sold.body, b"")
        elif row.get("what") == "console.order":
            detail = row["detail"]
            asked = next((one for one in reversed(self._asked) if ORDERS[one.do] == detail["command"]), None)
            if asked is not None:
                jti = detail["command_id"]
                self._orders[jti] = Order(jti, detail["command"], _body(asked, detail), b"")

    def _heard(self, asked: Asked) -> None:
        if asked.answer is None and asked.do in ORDERS:
            self._asked.append(asked)


def _body(asked: Asked, detail: dict[str, Any]) -> dict[str, Any]:
    """The command's own words for what was asked."""
    body = {_NAMES.get(name, name): value for name, value in asked.args.items() if name != "account"}
    body["account_id"] = detail["account"]
    if asked.do == "safety.on":
        body["reason"] = f"{asked.args['reason']} ({detail['who']})"
    if asked.do == "replace.do":
        body["technician"] = detail["who"]
    return body
