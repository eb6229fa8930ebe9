"""Who may do what at the console, written down from the requirements and not from the gateway (issue 5, point 2).

Nobody: say hello, log in, enter a top-up, which proves itself. A viewer looks. A technician works in the field. A
supervisor does more. What changes supply or money needs a one-time code of the service centre in the same session, or
proves itself; the one exception is towards less, for safety.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

RANKS = ("nobody", "viewer", "technician", "supervisor")


class Touches(StrEnum):
    """What an action changes."""

    NOTHING = "nothing"
    SESSION = "session"
    RECORD = "record"
    """Jobs, readings, tests: on record, and neither money nor supply."""
    WIRES = "wires"
    """It speaks on a bus; a relay test moves the switch of a supply."""
    SUPPLY = "supply"
    MONEY = "money"
    ACCESS = "access"
    """Who is let in."""


@dataclass(frozen=True, slots=True)
class May:
    """One action: the least role, whether the session must be proven, and what it touches."""

    role: str
    touches: Touches = Touches.NOTHING
    proven: bool = False
    itself: bool = False
    """What is brought is itself signed."""
    safety: bool = False
    """Towards less, for safety only."""


def _looks(*names: str, role: str = "viewer") -> dict[str, May]:
    return dict.fromkeys(names, May(role))


ACTIONS: dict[str, May] = {
    "hello": May("nobody"),
    "whoami": May("nobody"),
    "challenge": May("nobody", Touches.SESSION),
    "login": May("nobody", Touches.SESSION),
    "logout": May("nobody", Touches.SESSION),
    "topup.code": May("nobody", Touches.MONEY, itself=True),
    "topup.envelope": May("nobody", Touches.MONEY, itself=True),
    "passwd": May("viewer", Touches.ACCESS),
    "user.list": May("supervisor"),
    **_looks("names", "status", "account.list", "account.show", "account.why", "account.ledger", "account.topups"),
    **_looks("account.usage", "clock.show", "network.show", "meter.list", "meter.show", "bus.list", "alerts"),
    **_looks("job.list", "outage.list"),
    **_looks("config.show", "log.show", "doctor", "replace.look", "stick.list", role="technician"),
    **dict.fromkeys(
        ("meter.registers", "bus.read", "bus.frames", "bus.scan", "bus.identify"), May("technician", Touches.WIRES)
    ),
    **dict.fromkeys(
        ("job.start", "job.done", "test.begin", "test.end", "reading.enter", "stick.export"),
        May("technician", Touches.RECORD),
    ),
    "meter.try": May("technician", Touches.SUPPLY, proven=True),
    "override.set": May("technician", Touches.SUPPLY, proven=True),
    "override.end": May("technician", Touches.SUPPLY, proven=True),
    "safety.on": May("technician", Touches.SUPPLY, safety=True),
    "safety.off": May("technician", Touches.SUPPLY, proven=True),
    "restore": May("technician", Touches.SUPPLY, proven=True),
    "replace.do": May("technician", Touches.MONEY, proven=True),
    "outage.plan": May("technician", Touches.SUPPLY, proven=True),
    "outage.cancel": May("technician", Touches.SUPPLY, proven=True),
    "user.add": May("supervisor", Touches.ACCESS, proven=True),
    "user.remove": May("supervisor", Touches.ACCESS, proven=True),
}
ORDERS = {
    "override.set": "override_set",
    "override.end": "override_end",
    "safety.on": "lockout_set",
    "safety.off": "lockout_release",
    "restore": "reconnect",
    "replace.do": "meter_replace",
    "job.start": "job_state",
    "job.done": "job_state",
    "outage.plan": "outage_plan",
    "outage.cancel": "outage_cancel",
    "test.begin": "meter_test_begin",
    "test.end": "meter_test_end",
    "reading.enter": "reading_manual",
}
"""Actions that become an order of the books, and which."""


def may(action: str, role: str, *, proven: bool) -> bool:
    """Whether somebody of this role gets an answer at all. Nobody may what nobody has thought of."""
    known = ACTIONS.get(action)
    return known is not None and RANKS.index(role) >= RANKS.index(known.role) and (proven or not known.proven)
