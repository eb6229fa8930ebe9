"""Whoever is let in was let in by a code of the service centre or a password, and does no more than he may (I14).

A model of every line, kept from what was asked and answered: challenges, one-time codes, passwords, roles. An answer
that this model does not allow, and a role that the gateway thinks higher, is a privilege gained.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.simulation.by_hand import ORDER
from tests.simulation.invariants.witness import Row, Witness
from tests.simulation.site import GATEWAY
from tests.simulation.who_may import ACTIONS, ORDERS, RANKS, Touches, may

if TYPE_CHECKING:
    from tests.simulation.console import Asked, Line

VALID_MS = 30 * 60_000
IDLE_MS = 15 * 60_000
LONGEST_MS = 12 * 3_600_000


@dataclass(slots=True)
class Sitting:
    """One line, as far as it may have come."""

    life: int = -1
    who: str = ""
    role: str = "nobody"
    proven: bool = False
    since_ms: int = 0
    active_ms: int = 0
    shown: dict[str, Any] = field(default_factory=dict)
    shown_ms: int = 0


class Sessions:
    """Follows every line of the console."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._sittings: dict[Line, Sitting] = {}
        self._passwords: dict[str, set[tuple[str, str]]] = {}
        """By name: every role and password that somebody was ever given."""
        self._given: list[tuple[str, str]] = []
        """Orders that somebody gave: action and who."""
        witness.follow(self)
        witness.world.on.asked.append(self.asked)

    def begin(self) -> None:
        """See `Reader`."""

    def row(self, row: Row, true_ms: int) -> None:
        """See `Reader`. What was done at the console has a row that says who (I24)."""
        if row.get("what") == "console.order":
            self._known(row)
        elif row.get("what") == "console.switch_trial" and ("meter.try", row["detail"]["by"]) not in self._given:
            self._violated("I14", f"row {row['seq']}: {row['detail']['by']} is said to have tried the switch")
        if row["type"] != "receipt" or not row["command_id"].startswith(ORDER):
            return
        order = self._witness.order_of(row["command_id"])
        if order is None or order.typ != row["command"]:
            self._violated("I24", f"row {row['seq']}: nobody is on record for {row['command']} at the console")

    def _known(self, row: Row) -> None:
        """The row names somebody who gave just such an order."""
        detail = row["detail"]
        fit = [do for do, who in self._given if who and ORDERS.get(do) == detail["command"] and who == detail["who"]]
        if not fit:
            self._violated("I14", f"row {row['seq']}: {detail['who']} is said to have ordered {detail['command']}")

    def asked(self, asked: Asked) -> None:
        """Before an ask, and after its answer."""
        sitting = self._sitting(asked.line)
        now_ms = self._witness.world.machine.monotonic_ms()
        if asked.answer is None:
            self._before(asked, sitting)
            return
        known = ACTIONS.get(asked.do)
        if asked.answer["ok"]:
            self._allowed(asked, sitting, now_ms)
        elif known is not None and asked.answer["reason"] == "session_ended":
            sitting.who, sitting.role, sitting.proven = "", "nobody", False
        elif asked.answer["reason"] == "code_not_genuine":
            self._sold(asked)
        elif asked.answer["reason"] == "wrong_code" and sitting.shown:
            self._wrongly(asked, sitting)
        sitting.active_ms = now_ms
        if asked.answer["ok"]:
            self._learn(asked, sitting, now_ms)

    def _wrongly(self, asked: Asked, sitting: Sitting) -> None:
        """The right answer was called wrong: it is computed otherwise, without the gateway's name for example."""
        shown = sitting.shown
        if asked.args["code"] == self._witness.world.phone.answer(
            GATEWAY, shown["name"], shown["role"], shown["challenge"]
        ):
            self._violated("I14", f"the right one-time code of {shown['name']} was refused as wrong")

    def _sold(self, asked: Asked) -> None:
        """What was read out to this very customer is genuine."""
        world, digits = self._witness.world, asked.args["code"]
        if not asked.args["account"] and any(one.typ == "account_rollover" for one in world.center.orders.values()):
            return  # the account that is open there may be the next holder's, and nobody has told the centre yet
        if (world.center.account_id, digits) in world.phone.texts and asked.args["account"] in (
            "",
            world.center.account_id,
        ):
            self._violated("I14", "a code that was sold is said not to be genuine")

    def _sitting(self, line: Line) -> Sitting:
        """Another life of the daemon knows nothing of the line."""
        sitting = self._sittings.setdefault(line, Sitting())
        if sitting.life != line.life:
            sitting = self._sittings[line] = Sitting(line.life)
        return sitting

    def _before(self, asked: Asked, sitting: Sitting) -> None:
        if asked.do in ORDERS or asked.do == "meter.try":
            self._given.append((asked.do, sitting.who))
        if asked.do in ("user.add", "passwd") and sitting.role != "nobody":
            name = asked.args.get("name", sitting.who)
            role = asked.args.get("role", sitting.role)
            password = asked.args.get("password", asked.args.get("new", ""))
            self._passwords.setdefault(name, set()).add((role, password))

    def _allowed(self, asked: Asked, sitting: Sitting, now_ms: int) -> None:
        """An answer was given: to somebody who may have it."""
        told = f"{asked.do} was done for {sitting.role} ({'' if sitting.proven else 'not '}proven)"
        if not may(asked.do, sitting.role, proven=sitting.proven):
            self._violated("I14", told)
        known = ACTIONS.get(asked.do)
        if known is None:
            return
        if known.touches in (Touches.MONEY, Touches.SUPPLY) and not (sitting.proven or known.itself or known.safety):
            self._violated("I14", f"{told} without a one-time code")
        if known.role != "nobody" and now_ms - sitting.active_ms > IDLE_MS + 1000:
            self._violated("I14", f"{told} after {(now_ms - sitting.active_ms) // 60_000} idle minutes")
        if known.role != "nobody" and now_ms - sitting.since_ms > LONGEST_MS + 1000:
            self._violated("I14", f"{told} in a session of {(now_ms - sitting.since_ms) // 3_600_000} hours")

    def _learn(self, asked: Asked, sitting: Sitting, now_ms: int) -> None:
        assert asked.answer is not None
        data = asked.answer.get("data") or {}
        if asked.do == "challenge":
            sitting.shown, sitting.shown_ms = data, now_ms
        elif asked.do == "login":
            self._logged_in(asked, sitting, data, now_ms)
        elif asked.do == "logout":
            sitting.who, sitting.role, sitting.proven = "", "nobody", False
        if asked.do in ("hello", "whoami", "login", "logout"):
            rank = RANKS.index(data["role"])
            if rank > RANKS.index(sitting.role) or (data["proven"] and not sitting.proven):
                self._violated("I14", f"{data['who']!r} is {data['role']}, the line proved {sitting.role}")
            sitting.who, sitting.role, sitting.proven = data["who"], data["role"], data["proven"]

    def _logged_in(self, asked: Asked, sitting: Sitting, data: dict[str, Any], now_ms: int) -> None:
        """By a code that answers this line's last challenge, once and in time; or by a password that was given."""
        args, shown = asked.args, sitting.shown
        if args.get("code"):
            phone = self._witness.world.phone
            if not shown:
                self._violated("I14", f"{data['who']} was let in by a code and no challenge")
                return
            right = phone.answer(GATEWAY, shown["name"], shown["role"], shown["challenge"])
            if "".join(filter(str.isdigit, args["code"])) != right:
                self._violated("I14", f"{data['who']} was let in by a code that does not answer the challenge")
            if now_ms - sitting.shown_ms > VALID_MS + 1000:
                self._violated("I14", f"a code was taken {(now_ms - sitting.shown_ms) // 60_000} minutes later")
            sitting.who, sitting.role, sitting.proven = shown["name"], shown["role"], True
            sitting.shown = {}
        else:
            given = [role for role, known in self._passwords.get(args["name"], ()) if known == args["password"]]
            if not given:
                self._violated("I14", f"{args['name']} was let in by a password that nobody gave")
                return
            sitting.who, sitting.proven = args["name"], False
            sitting.role = max(given, key=RANKS.index)
        sitting.since_ms = now_ms

    def _violated(self, invariant: str, what: str) -> None:
        self._witness.world.violated(invariant, what)


def attach(witness: Witness) -> None:
    """Follow the lines."""
    Sessions(witness)
