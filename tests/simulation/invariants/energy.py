"""Energy against physics: never more charged than delivered, at any instant, and at the end nothing lost (I6).

What the meter really delivered is known here and to nobody else in the house. Where a fault makes a register say what
was not delivered (a stable jump, a swap), only the register is a witness, and money.py holds the charges against it.
"""

from __future__ import annotations

import bisect
from collections import Counter, deque
from fractions import Fraction
from typing import Any

from tests.simulation.invariants.witness import Row, Witness, lifetime, posted_nano
from tests.simulation.site import PRICE_NANO_PER_WH, RATED_W

QUANTUM_WH = {"inside": 10, "board": 1, "threshold": 1}
UNREAD_WH = 230
"""What a poll a minute has not seen yet at 13.8 kW."""
REGISTER_FAULTS = frozenset({"register", "false_report"})
"""Families of incidents after which a register need not say what was delivered."""
GLITCHES = frozenset({"values", "meter"})
"""A nonsense value within what the rated power allows cannot be told from a true one; at the end it is an open case."""

OTHER_MONEY = frozenset({"posting", "bonus_set", "tariff_set"})
"""Where books were put back a resync brings what a branch given up has posted, or charged at another price."""
OVERLOAD = Fraction(5, 4)
"""What a supply may carry for hours, of its rated power."""
REFRESH_MS = 60_000
"""Some meters renew their register only now and then."""
SLACK_WH = 60
HOUR_MS = 3_600_000


class Energy:
    """Compares what was charged with what was delivered."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._quantum_wh = QUANTUM_WH[witness.world.setting.variant.name]
        self._delivered_wh = 0
        """As of the last transaction: what was used since then may be in memory only."""
        self._told_wh: Counter[str] = Counter()
        """By account: Wh of its charges that still stand."""
        self._returned_wh = 0
        """Charged by books that were put back, for what belonged to the next holder; a resync has paid it back."""
        witness.follow(self)
        witness.after(self.never_more)
        witness.world.on.settled.append(self.nothing_lost)

    def begin(self) -> None:
        """See `Reader`."""
        self._told_wh.clear()
        self._returned_wh = 0

    def row(self, row: Row, true_ms: int) -> None:
        """See `Reader`."""
        del true_ms
        kind, account_id = row.get("kind"), row.get("account_id", "")
        if row["type"] == "entry" and kind == "charge":
            lines = (line for line in row["lines"] if line["component"] == "energy")
            self._told_wh[account_id] += sum(line["wh"] for line in lines)
        elif row["type"] == "entry" and kind == "resync" and "from_register_wh" in row and "to_register_wh" in row:
            back_wh = max(0, int(row["from_register_wh"]) - int(row["to_register_wh"]))
            back_wh = min(back_wh, self._told_wh[account_id])
            self._told_wh[account_id] -= back_wh
            self._returned_wh += back_wh

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
        if any(row.get("target") == "TERMINATED" and row["rule"] != "rolled_over" for row in self._witness.rows):
            return  # between two contracts nobody is charged; a change of holder leaves nothing between
        if any(row.get("rule") == "rolled_over" for row in (*self._witness.lost, *world.center.chain.lost)):
            return  # books put back to before it know nothing of the next holder
        if not self._one_price() and self._witness.world.faulted & {"image", "medium"}:
            return  # books that began anew count their own Wh only, and at two prices money does not tell
        open_wh = sum(case["wh"] for account in accounts.values() for case in account["register"]["cases"])
        missing_wh = self._delivered_wh - self._charged_wh() - open_wh
        if missing_wh < -self._quantum_wh:
            world.violated("I6", f"{-missing_wh} Wh more than the {self._delivered_wh} delivered are charged or open")
        replaced = sum(row.get("what") == "meter.replaced" for row in self._witness.rows)
        if missing_wh > self._quantum_wh * (1 + replaced) + UNREAD_WH:  # a display shows no more
            world.violated("I6", f"{missing_wh} Wh of {world.delivered_wh} are neither charged nor open")

    def _charged_wh(self) -> int:
        """By the money where one price was in force all the time: so no resync can hide energy; else by the Wh."""
        accounts = self._witness.accounts.values()
        if not self._one_price():
            return sum(int(account["usage"]["wh"]) for account in accounts) - self._returned_wh
        return sum(self._paid_nano(account) for account in accounts) // PRICE_NANO_PER_WH

    def _one_price(self) -> bool:
        """And nothing else moved money where books were put back: what a resync took over may be a posting."""
        accounts, orders = self._witness.accounts.values(), self._witness.world.center.orders.values()
        if self._witness.world.setting.gas:
            return False  # a price that no litre divides
        if self._witness.restores and any(order.typ in OTHER_MONEY for order in orders):
            return False
        return all(len(one["tariffs"]) == 1 and one["tariffs"][0]["version"] == 1 for one in accounts)

    @staticmethod
    def _paid_nano(account: dict[str, Any]) -> int:
        """What the customer has paid for: everything signed for this account, less what is left of it."""
        credit_nano, charge_nano = lifetime(account)
        given_nano = account["opening_nano"] + account["top_up_total_nano"] - account["reversal_total_nano"]
        given_nano += posted_nano(account)
        return int(given_nano - account.get("withheld_nano", 0) - (credit_nano - charge_nano))


class Pace:
    """Nothing is charged faster than the installation can use it, whatever a register says: that is a case.

    The time allowed begins with the last reading before, in true time, so hours without the meter, the gateway or its
    power are allowed for; a case that was opened before is allowed for by its own size.
    """

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._restores = 0
        self._before: dict[str, tuple[int, int, int]] = {}
        """By account: Wh charged, true time of the reading behind them, Wh of cases that time may still settle."""
        self._times: deque[tuple[int, int]] = deque(maxlen=400)
        """(observed, true) at the last transactions."""
        self._began_ms: int | None = None
        self._adjusted: dict[str, int] = {}
        self._rows = 0
        witness.after(self.look)

    def look(self) -> None:
        """After each transaction."""
        witness, now_ms = self._witness, self._witness.world.machine.true_utc_ms()
        self._began_ms = now_ms if self._began_ms is None else self._began_ms
        if witness.restores != self._restores:
            self._restores, self._before = witness.restores, {}
            self._times.clear()
            self._times.append((0, self._began_ms))  # when the image was taken is not known here
        reports = self._reports()
        self._times.append((witness.life[0] + (len(self._times) == 1), now_ms))
        for account_id, account in witness.accounts.items():
            register, charged_wh = account["register"], account["usage"]["wh"]
            waiting_wh = sum(case["wh"] for case in register["cases"] if case.get("kind") == "unobserved")
            adjusted = account.get("adjusted_nano", 0)
            before_wh, read_ms, case_wh = self._before.get(account_id, (charged_wh, now_ms, 0))
            case_wh += sum(wh for owner, wh in reports if owner == account_id)
            most_wh = OVERLOAD * RATED_W * (now_ms - read_ms + REFRESH_MS) // HOUR_MS + case_wh + SLACK_WH
            if charged_wh - before_wh > most_wh:
                told = f"{charged_wh - before_wh} Wh are charged for {(now_ms - read_ms) // 1000} s"
                witness.world.violated("I6", f"{account_id}: {told}, {most_wh} can have been used")
            if adjusted != self._adjusted.get(account_id, 0):  # charging goes on from an older register
                self._adjusted[account_id], read_ms = adjusted, self._began_ms
            elif register.get("unobserved") and read_ms == self._began_ms:
                pass  # and the reading after a resync has not come yet
            else:
                read_ms = self._true_ms(register)
            self._before[account_id] = (charged_wh, read_ms, waiting_wh)

    def _reports(self) -> list[tuple[str, int]]:
        """What reports of another meter, if one came just now, say of the time across; replacements.py checks them."""
        rows, self._rows = self._witness.rows[self._rows :], len(self._witness.rows)
        reports = [row for row in rows if row.get("what") == "meter.replaced"]
        return [(row["account_id"], int(row["detail"]["charged_wh"])) for row in reports]

    def _true_ms(self, register: dict[str, Any]) -> int:
        """When its reading was taken, or a little earlier."""
        assert self._began_ms is not None
        if register.get("at") is None:
            return self._began_ms
        observed_ms = register["at"]["running_ms"]
        at = bisect.bisect_left(self._times, (observed_ms, 0))
        if at < len(self._times) and self._times[at][0] == observed_ms:
            return self._times[at][1]
        return self._times[at - 1][1] if at else self._began_ms


def attach(witness: Witness) -> None:
    """Watch the energy."""
    Energy(witness)
    Pace(witness)
