"""Reading certificates: ordered by somebody, made once, and what the meter really showed at that instant (S2-33).

The registers are asked of the simulated meter each minute. Where a fault makes the meter itself, or the clock, say
something else, a certificate may repeat it; a value that this meter never showed is invented whatever the fault.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.simulation.invariants.energy import GLITCHES, OVERLOAD, QUANTUM_WH, REGISTER_FAULTS
from tests.simulation.invariants.witness import Row, Witness
from tests.simulation.protections import utc_ms
from tests.simulation.site import RATED_W

EVERY_S = 60.0
LATE_MS = 120_000
GLITCH_WH = int(OVERLOAD * RATED_W * 3)
"""A nonsense value that three hours of full load could explain cannot be told from a true one."""
CLOSING, SCHEDULE = "closing-", "schedule"
REASONS = {
    "account_rollover": "voltura", "account_close": "termination", "account_open": "activation",
    "meter_replace": "replacement", "reading_validate": "self_reading",
}  # fmt: skip


ZONE = ZoneInfo("Europe/Zurich")
"""Rome keeps the same hours."""


class Registers:
    """What the meter showed, minute by minute, in true time."""

    def __init__(self, witness: Witness) -> None:
        self.shown: list[tuple[int, int]] = []
        self._world = witness.world
        self._world.on.started.append(self._begin)

    def bounds(self, from_ms: int, to_ms: int) -> tuple[int, int] | None:
        """The least and the most that it showed in this time and a minute around it; None when nobody looked."""
        around = range(from_ms - LATE_MS // 2, to_ms + LATE_MS // 2)
        found = [wh for at_ms, wh in self.shown if at_ms in around]
        return (min(found), max(found)) if found else None

    def look(self) -> None:
        """Read the display."""
        self.shown.append((self._world.machine.true_utc_ms(), self._world.meter.import_wh))

    def _begin(self) -> None:
        if not self.shown:
            self._again()

    def _again(self) -> None:
        self.look()
        self._world.later(EVERY_S, self._again)


class Certificates:
    """Follows every certificate."""

    def __init__(self, witness: Witness, registers: Registers) -> None:
        self._witness = witness
        self._registers = registers
        self._made: set[tuple[str, str]] = set()
        witness.follow(self)

    def begin(self) -> None:
        """See `Reader`."""
        self._made = set()

    def row(self, row: Row, true_ms: int) -> None:
        """See `Reader`."""
        if row["type"] != "certificate":
            return
        name = (row["certificate_id"], row["account_id"])
        if name in self._made:
            self._violated("I3", row, f"{name} was made before")
        self._made.add(name)
        if row["certificate_id"].startswith(CLOSING):
            self._closing(row, true_ms)
            return
        order = self._witness.order_of(row["certificate_id"].partition(".")[0])
        if order is None or row["account_id"] not in _accounts(order):
            self._violated("I14", row, f"nobody asked for {name}")
            return
        if row["reason"] != REASONS.get(order.typ, order.body.get("reason")):
            self._violated("I14", row, f"{order.typ} was asked for, it is one for {row['reason']}")
        if row["quality"] == "declared":
            self._declared(row, order)
            return
        wanted = order.body.get("at")
        if wanted is not None and utc_ms(row["asked"]) != utc_ms(wanted):
            self._violated("I14", row, f"for {row['asked']}, asked was {wanted}")
        if wanted is not None and not self._witness.head_lied and true_ms + LATE_MS < utc_ms(wanted):
            self._violated("I16", row, f"made before its instant {wanted}")
        self._shown(row)

    def _closing(self, row: Row, true_ms: int) -> None:
        """A period closes at midnight of the first of a month of its class, and somebody has signed the schedule."""
        day = date.fromisoformat(row["certificate_id"].removeprefix(CLOSING))
        orders = self._witness.world.center.orders.values()
        mine = [one for one in orders if one.typ == "schedule_set" and one.body["account_id"] == row["account_id"]]
        if not any(order.applied or not order.verdicts for order in mine) or row["reference"] != SCHEDULE:
            self._violated("I14", row, "no schedule was ever signed for it")
        due_ms = round(datetime.combine(day, datetime.min.time(), ZONE).timestamp() * 1000)
        if day.day != 1 or utc_ms(row["asked"]) != due_ms or row["reason"] not in ("billing", "conguaglio"):
            self._violated("I14", row, f"a period that closes on {day}, for {row['asked']}, as {row['reason']}")
        if true_ms + LATE_MS < due_ms and not self._witness.head_lied:
            self._violated("I16", row, f"made before {day} began")
        self._shown(row)

    def _declared(self, row: Row, order: Any) -> None:
        """A person said so: then it is what that person signed."""
        body = order.body
        if order.typ == "meter_replace":
            said = body["old_end_wh"] if row["certificate_id"].endswith(".old") else body["new_start_wh"]
        else:
            read = self._witness.order_of(body["reading_id"])
            said = read.body["value_wh"] if read is not None and body["accept"] else None
        if row.get("import_wh") != said:
            self._violated("I14", row, f"{row.get('import_wh')} Wh are certified, {said} were declared")

    def _shown(self, row: Row) -> None:
        """Held against the meter at the instant it names."""
        witness, world = self._witness, self._witness.world
        if "import_wh" not in row:
            self._never_read(row)
            return
        if world.faulted & REGISTER_FAULTS or not self._registers.shown:
            return
        self._registers.look()
        slack_wh = QUANTUM_WH[world.setting.variant.name] + 1 + (GLITCH_WH if world.faulted & GLITCHES else 0)
        first_ms, last_ms = self._registers.shown[0][0], self._registers.shown[-1][0]
        stands = row.get("stands")
        lies = witness.head_lied or "clock" in world.faulted
        if stands is not None and row["quality"] != "estimated" and not lies:
            poll_ms = 2000 * world.setting.poll_s
            first_ms, last_ms = utc_ms(stands) - poll_ms - LATE_MS // 2, utc_ms(stands) + poll_ms
        bounds = self._registers.bounds(first_ms, last_ms)
        if bounds is None or not bounds[0] - slack_wh <= row["import_wh"] <= bounds[1] + slack_wh:
            self._violated("I6", row, f"{row['import_wh']} Wh ({row['quality']}) at {stands}, it showed {bounds}")

    def _never_read(self, row: Row) -> None:
        """Who names no register has never had one: a contract that ends before the first reading."""
        before = self._witness.rows[: row["seq"] - 1]
        charged = (one for one in before if one.get("account_id") == row["account_id"] and one.get("kind") == "charge")
        if any("to_register_wh" in one for one in charged):
            self._violated("I6", row, "no register is certified, and there were charges by one before")

    def _violated(self, invariant: str, row: Row, what: str) -> None:
        self._witness.world.violated(invariant, f"row {row['seq']}, certificate: {what}")


def _accounts(order: Any) -> set[str]:
    next_id = order.body["to"]["account_id"] if order.typ == "account_rollover" else ""
    return {str(order.body["account_id"]), next_id} if order.typ in {*REASONS, "reading_certificate"} else set()


def attach(witness: Witness) -> None:
    """Read the meter, and every certificate."""
    Certificates(witness, Registers(witness))
