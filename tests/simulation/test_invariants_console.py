"""The checks of the console and of messages see each of their promises broken: nothing here runs a gateway."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.simulation.console import Asked, Line
from tests.simulation.handwritten import HOUR_MS, Site
from tests.simulation.phone import Phone

ROSSI = {"name": "rossi", "role": "technician", "challenge": "123456789012"}


class Counter(Site):
    """A site with a line, a service centre and a clock of its machine."""

    def __init__(self) -> None:
        super().__init__()
        center = SimpleNamespace(gateway_id="gw-sim", tills={}, read_out=set())
        phone = Phone(cast("Any", center), cast("Any", _Chance()))
        self.world.phone = phone
        self.world.machine.monotonic_ms = lambda: round(self.hours * HOUR_MS)  # type: ignore[method-assign]
        self.line = cast("Line", _Line())
        self.world.center.account_id = "A1"

    def asks(self, do: str, reason: str = "", data: dict[str, Any] | None = None, **args: Any) -> None:
        """One ask and its answer; `reason` when it was refused."""
        asked = Asked(self.line, do, args)
        for answer in (None, {"ok": not reason, "reason": reason, "data": data or {}, "detail": {}}):
            asked.answer = answer
            for call in self.on.asked:
                call(asked)

    def logs_in(self, code: str = "") -> None:
        """By the answer to a challenge, or another code."""
        self.asks("challenge", data=ROSSI, name="rossi", role="technician")
        right = self.world.phone.answer("gw-sim", *ROSSI.values())
        self.asks("login", data={"who": "rossi", "role": "technician", "proven": True}, code=code or right)


class _Line:
    life = 1


class _Chance:
    def randbytes(self, count: int) -> bytes:
        return bytes(count)


@pytest.fixture
def counter() -> Counter:
    """A site that was opened."""
    made = Counter()
    made.opened()
    return made


def test_a_right_log_in_and_its_work_are_no_violation(counter: Counter) -> None:
    """I14: what is allowed is allowed."""
    counter.logs_in()
    counter.asks("safety.off", account="A1", reason="tested")
    assert not counter.violations


@pytest.mark.parametrize(
    ("do", "words"), [("status", "for nobody"), ("safety.off", "without a one-time code"), ("sell.all", "sell.all")]
)
def test_an_answer_without_a_log_in_is_seen(counter: Counter, do: str, words: str) -> None:
    """I14: no role, no proof, or an action nobody has thought of."""
    counter.asks(do)
    assert counter.broken(words)


def test_a_wrong_code_that_lets_in_is_seen(counter: Counter) -> None:
    """I14, S4-23: the code must answer this challenge."""
    counter.logs_in("1" * 14)
    assert counter.broken("does not answer the challenge")


def test_a_code_that_is_late_or_used_is_seen(counter: Counter) -> None:
    """S4-23: 30 minutes, and once."""
    right = counter.world.phone.answer("gw-sim", *ROSSI.values())
    counter.asks("challenge", data=ROSSI, name="rossi", role="technician")
    counter.hours += 0.6
    standing = {"who": "rossi", "role": "technician", "proven": True}
    counter.asks("login", data=standing, code=right)
    assert counter.broken("36 minutes later")
    counter.asks("login", data=standing, code=right)
    assert counter.broken("and no challenge")


def test_a_right_code_that_is_refused_is_seen(counter: Counter) -> None:
    """I14: else a gateway that computes it without its own name would go unseen."""
    counter.asks("challenge", data=ROSSI, name="rossi", role="technician")
    counter.asks("login", "wrong_code", code=counter.world.phone.answer("gw-sim", *ROSSI.values()))
    assert counter.broken("refused as wrong")


def test_too_many_attempts_and_one_too_early_are_seen(counter: Counter) -> None:
    """I18: 13 in a day, and none before the time that was told."""
    for _ in range(14):
        counter.hours += 0.5
        counter.asks("topup.code", "code_not_genuine", code="1", account="A1")
    assert counter.broken("14 attempts for credit in a day")
    counter.told.clear()
    asked = Asked(counter.line, "topup.code", {"code": "1", "account": "A1"})
    asked.answer = {"ok": False, "reason": "locked_out", "detail": {"minutes": 60}}
    for call in counter.on.asked:
        call(asked)
    counter.hours += 0.5
    counter.asks("topup.code", "code_not_genuine", code="1", account="A1")
    assert counter.broken("before the lock-out was over")


def test_an_order_of_nobody_is_seen(counter: Counter) -> None:
    """I24, I14: a row that names somebody who asked for nothing, and a receipt without such a row."""
    detail = {"who": "rossi", "command": "lockout_set", "command_id": "console-1", "account": "A1"}
    counter.row("event", what="console.order", detail=detail)
    counter.row("receipt", command_id="console-2", command="lockout_set", status="applied", reason="")
    counter.commit()
    assert counter.broken("is said to have ordered lockout_set")
    assert counter.broken("nobody is on record for lockout_set")


def test_credit_that_is_low_twice_is_seen(counter: Counter) -> None:
    """S4-22: one alert for a crossing; only credit arms it again."""
    counter.row("notice", template="low")
    counter.commit()
    counter.topped_up("j1", 5_000_000_000)
    counter.row("notice", template="low")
    counter.commit()
    assert not counter.broken("low once more")
    counter.row("notice", template="low")
    counter.commit()
    assert counter.broken("low once more")


def test_a_message_that_is_on_record_and_comes_again_is_seen(counter: Counter) -> None:
    """S4-22: sent is sent, also for the next life; and so many a day."""
    message = SimpleNamespace(message_id="alert.gw-sim.7.abc.1", to="anna@example.org")
    for number in range(13):
        other = SimpleNamespace(message_id=f"alert.gw-sim.{20 + number}.abc.1", to="anna@example.org")
        _reaches(counter, other)
    assert counter.broken("13 messages to one customer in a day")
    counter.row("event", what="alert.sent", detail={"row": 7})
    counter.commit()
    _reaches(counter, message)
    assert counter.broken("on record as sent")


def _reaches(counter: Counter, message: Any) -> None:
    for call in counter.on.posted:
        call(cast("Any", SimpleNamespace(at_s=counter.hours * 3600, life=1, message=message)))
