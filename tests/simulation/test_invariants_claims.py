"""The invariants of post-paid supply have teeth: each is shown a history in which its promise is broken (2.8, 7 to 12).

The sound history: a notice of Friday 20 February reaches the customer on Saturday, its final term ends on Monday, the
order is carried out on Wednesday the 25th; Thursday is the term of reduced power, and on Friday the supply is off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.simulation.handwritten import CLOSE, Site
from tests.simulation.postpaid import KINDS
from tests.simulation.signer import Order

PROMPT, NO_LIMITER, ARMED = KINDS[0], KINDS[2], KINDS[3]
NOTICE: dict[str, Any] = {
    "account_id": "A1", "arrears_id": "N1", "commodity": "electricity", "currency": "CHF", "amount": "20.00",
    "due_on": "2026-02-19", "issued_on": "2026-02-20", "sent_on": "2026-02-20", "notified_on": "2026-02-21",
    "proof": "registered_letter", "final_term_on": "2026-02-23", "legal_ref": "letter 1", "letter_days": 0,
}  # fmt: skip
RUNGS = {
    ("NOTICED", "LIMITED"): ("ordered_limit", "supply_limit"),
    ("LIMITED", "SUSPENDED"): ("ordered_suspend", "supply_suspend"),
    ("NOTICED", "SUSPENDED"): ("ordered_suspend_direct", "supply_suspend"),
}


class Owing(Site):
    """A post-paid account, with the commands that were signed for it."""

    def __init__(self, kind: Any = PROMPT, *, slowly: bool = False) -> None:
        super().__init__(slowly=slowly, post_paid=kind)
        self.notice = NOTICE
        self.snapshot["supply"]["state"] = "REGULAR"
        self.snapshot |= {"arrears": [], "ordered": None, "voltage": kind.voltage}
        self.snapshot["policy"] |= {"delinquency": {}}
        self.row("entry", kind="opening", amount="3.00", balance="3.00", reference="file:A1", lines=[])
        self.row("event", what="register.opened", detail={"register_wh": 1000})
        self.commit()

    def signed(self, typ: str, body: dict[str, Any], *, reason: str = "", status: str = "applied") -> Order:
        """A command, and the receipt of it; who wrote the receipt says what became of it."""
        order = Order(f"j{len(self.orders)}", typ, {"account_id": "A1"} | body, b"")
        self.orders[order.jti] = order
        self.row("receipt", command_id=order.jti, command=typ, status=status, reason=reason)
        return order

    def noticed(self, **other: Any) -> None:
        """Put in default."""
        self.notice = notice = NOTICE | other
        self.signed("arrears_notice", notice)
        claim = {"arrears_id": notice["arrears_id"], "amount_nano": round(float(notice["amount"]) * 100) * 10_000_000}
        self.snapshot["arrears"].append(claim)
        if self.snapshot["supply"]["state"] == "REGULAR":
            self.stepped("noticed", "REGULAR", "NOTICED")
        self.commit()

    def stepped(self, rule: str, source: str, target: str, **detail: Any) -> None:
        """A change of rung, with what it says of itself."""
        self.snapshot["supply"]["state"] = target
        evidence = {"balance": "3.000000000", "policy": "sim@1", "limit_w": self.limited_w, "register_wh": 1000}
        self.row("transition", rule=rule, source=source, target=target, detail=detail, **evidence)

    def ordered(self, source: str, target: str, *, order: Order | None = None, **body: Any) -> None:
        """An order for the next rung, signed now unless it was before, and carried out."""
        rule, typ = RUNGS[source, target]
        asked = {"arrears_id": "N1", "legal_ref": "decision 1", "affected_parties_heard": True} | body
        order = order or self.signed(typ, asked)
        named = {name: self.notice[name] for name in NOTICE if name.endswith("_on") or name == "proof"}
        named |= {"arrears": order.body["arrears_id"], "command_id": order.jti, "legal_ref": "decision 1"}
        named |= {"reading_age_ms": 0, "legal_from": "", "term": "", "net": "20.00"}
        self.stepped(rule, source, target, **named)

    def limited(self) -> None:
        """Down one rung, as it should be."""
        self.noticed()
        self.hours = 2.0
        self.ordered("NOTICED", "LIMITED")
        self.commit()

    def paid(self) -> None:
        """Everything."""
        self.signed("arrears_paid", {"arrears_id": "N1", "currency": "CHF"})
        self.snapshot["arrears"] = []


def test_a_sound_history_breaks_nothing() -> None:
    """2.8: notice, limit, suspension and payment, each on its order and in its time, are no violation."""
    site = Owing()
    site.limited()
    site.hours = 49.0
    site.ordered("LIMITED", "SUSPENDED")
    site.commit()
    site.hours = 50.0
    site.paid()
    site.stepped("paid_restored", "SUSPENDED", "REGULAR")
    site.commit()
    assert site.violations == []


def _without_an_order(site: Owing) -> None:
    site.noticed()
    site.hours = 2.0
    site.stepped("ordered_limit", "NOTICED", "LIMITED")
    site.commit()


def _without_a_notice(site: Owing) -> None:
    site.noticed()
    site.hours = 2.0
    site.ordered("NOTICED", "LIMITED", arrears_id="N2")
    site.commit()


def _final_term_not_over(site: Owing) -> None:
    site.noticed(final_term_on="2026-02-25")
    site.hours = 2.0
    site.ordered("NOTICED", "LIMITED")
    site.commit()


def _notified_yesterday(site: Owing) -> None:
    site.noticed(notified_on="2026-02-24")
    site.hours = 2.0
    site.ordered("NOTICED", "LIMITED")
    site.commit()


def _limit_term_not_over(site: Owing) -> None:
    site.limited()
    site.hours = 26.0
    site.ordered("LIMITED", "SUSPENDED")
    site.commit()


def _two_rungs_at_once(site: Owing) -> None:
    site.noticed()
    site.hours = 2.0
    site.ordered("NOTICED", "SUSPENDED")
    site.commit()


def _at_once_after_the_notice(site: Owing) -> None:
    site.noticed()
    site.hours = 0.5
    site.ordered("NOTICED", "LIMITED")
    site.commit()


def _held(site: Owing) -> None:
    site.noticed()
    site.signed("hold_set", {"hold_id": "h1", "kind": "payment_proof"})
    site.hours = 2.0
    site.ordered("NOTICED", "LIMITED")
    site.commit()


def _all_of_it_disputed(site: Owing) -> None:
    site.noticed(amount="20.00")
    site.noticed(arrears_id="N2")
    site.signed("hold_set", {"hold_id": "h1", "kind": "dispute", "amount": "20.00"})
    site.snapshot["holds"] = [{"hold_id": "h1", "kind": "dispute", "amount_nano": 20 * 10**9, "until_utc_ms": None}]
    site.hours = 2.0
    site.ordered("NOTICED", "LIMITED")
    site.commit()


def _disputed_and_not_restored(site: Owing) -> None:
    site.limited()
    site.signed("hold_set", {"hold_id": "h1", "kind": "dispute", "amount": "20.00"})
    site.snapshot["holds"] = [{"hold_id": "h1", "kind": "dispute", "amount_nano": 20 * 10**9, "until_utc_ms": None}]
    site.commit()


def _paid_and_not_restored(site: Owing) -> None:
    site.limited()
    site.paid()
    site.commit()


def _paid_too_much_and_not_said(site: Owing) -> None:
    site.noticed()
    site.signed("arrears_paid", {"arrears_id": "N1", "currency": "CHF", "amount": "20.01", "left": "0.00"})
    site.snapshot["arrears"] = []
    site.stepped("paid", "NOTICED", "REGULAR")
    site.commit()


def _regular_and_owing(site: Owing) -> None:
    site.noticed()
    site.stepped("paid", "NOTICED", "REGULAR")
    site.commit()


def _debt_of_nobody(site: Owing) -> None:
    site.noticed()
    site.snapshot["arrears"].append({"arrears_id": "N9", "amount_nano": 10**9})
    site.commit()


def _notice_leaves_no_time(site: Owing) -> None:
    site.noticed(final_term_on="2026-02-20")


def _notice_before_the_due_date(site: Owing) -> None:
    site.noticed(due_on="2026-02-20")


def _notice_of_tomorrow(site: Owing) -> None:
    site.noticed(issued_on="2026-02-26", sent_on="2026-02-26", final_term_on="2026-03-09")


def _debt_of_gas(site: Owing) -> None:
    site.noticed(commodity="gas")


def _nothing_said_of_the_notice(site: Owing) -> None:
    site.noticed()
    site.hours = 2.0
    order = site.signed("supply_limit", {"arrears_id": "N1", "legal_ref": "decision 1"})
    site.stepped("ordered_limit", "NOTICED", "LIMITED", command_id=order.jti, arrears="N1")
    site.commit()


def _refused_without_a_reason(site: Owing) -> None:
    site.signed("supply_limit", {"arrears_id": "N1", "legal_ref": "x"}, status="refused")
    site.commit()


def _kept_and_forgotten(site: Owing) -> None:
    site.noticed()
    site.signed("supply_limit", {"arrears_id": "N1", "legal_ref": "decision 1"}, reason="queued")
    site.commit()


def _kept_for_ever(site: Owing) -> None:
    site.noticed()
    order = site.signed("supply_limit", {"arrears_id": "N1", "legal_ref": "decision 1"}, reason="queued")
    site.snapshot["ordered"] = {"command_id": order.jti, "slot_utc_ms": site.now_ms}
    site.commit()
    site.hours = 9.0
    site.asked_this_hour("claims")


def _kept_and_paid_meanwhile(site: Owing) -> None:
    site.noticed()
    site.noticed(arrears_id="N2")
    order = site.signed("supply_limit", {"arrears_id": "N1", "legal_ref": "decision 1"}, reason="queued")
    site.snapshot["ordered"] = {"command_id": order.jti, "slot_utc_ms": site.now_ms}
    site.commit()
    site.hours = 2.0
    site.signed("arrears_paid", {"arrears_id": "N1", "currency": "CHF"})
    del site.snapshot["arrears"][0]
    site.commit()
    site.hours, site.snapshot["ordered"] = 3.0, None
    site.ordered("NOTICED", "LIMITED", order=order)
    site.commit()


def _contract_ended_too_early(site: Owing) -> None:
    site.limited()
    site.hours = 49.0
    site.ordered("LIMITED", "SUSPENDED")
    site.commit()
    site.hours += 20 * 24.0
    site.signed("account_close", {"reason": "arrears", "cause": "delinquency"})
    site.stepped("closed", "SUSPENDED", "TERMINATED")
    site.commit()


def _claim_changed_by_nobody(site: Owing) -> None:
    site.noticed()
    site.snapshot["arrears"] = [{"arrears_id": "N1", "amount_nano": 20 * 10**9, "final_term_on": "2026-02-01"}]
    site.commit()


def _closed_over_somebody(site: Owing) -> None:
    site.snapshot["armed"] = True
    site.commit()
    site.written(CLOSE)


@pytest.mark.parametrize(
    ("broken", "invariant"),
    [
        (_without_an_order, "I14"),
        (_without_a_notice, "I8"),
        (_final_term_not_over, "I9"),
        (_notified_yesterday, "I9"),
        (_limit_term_not_over, "I9"),
        (_two_rungs_at_once, "I9"),
        (_at_once_after_the_notice, "I12"),
        (_held, "I8"),
        (_all_of_it_disputed, "I8"),
        (_disputed_and_not_restored, "I10"),
        (_paid_and_not_restored, "I10"),
        (_paid_too_much_and_not_said, "I8"),
        (_regular_and_owing, "I9"),
        (_debt_of_nobody, "I14"),
        (_notice_leaves_no_time, "I8"),
        (_notice_before_the_due_date, "I8"),
        (_notice_of_tomorrow, "I8"),
        (_debt_of_gas, "I8"),
        (_nothing_said_of_the_notice, "I24"),
        (_refused_without_a_reason, "I24"),
        (_kept_and_forgotten, "I24"),
        (_kept_for_ever, "I24"),
        (_kept_and_paid_meanwhile, "I8"),
        (_contract_ended_too_early, "I9"),
        (_claim_changed_by_nobody, "I14"),
        (_closed_over_somebody, "I8"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__.strip("_"),
)
def test_each_broken_promise_is_noticed(broken: Callable[[Owing], None], invariant: str) -> None:
    """2.8, 7 to 12, I8 to I14, I24: what is broken by hand is called by its name, and nothing else is."""
    site = Owing()
    broken(site)
    assert set(site.violations) == {invariant}


@pytest.mark.parametrize("rule", ["grace_over", "offline_debt_cap", "limit_over"])
def test_no_rule_of_prepaid_moves_it(rule: str) -> None:
    """2.8, 12: whatever the balance is, a rule that the account decides by itself is not one of post-paid supply."""
    site = Owing()
    site.noticed()
    site.hours = 2.0
    site.stepped(rule, "NOTICED", "LIMITED")
    site.commit()
    assert set(site.violations) == {"I9", "I14"}


def test_an_order_waits_for_its_slot() -> None:
    """2.8, 1: where slots end at 15:00, an order at 16:00 is one too many."""
    found = {}
    for hours in (2.0, 7.0):
        site = Owing(slowly=True)
        site.noticed()
        site.hours = hours
        site.ordered("NOTICED", "LIMITED")
        site.commit()
        found[hours] = site.violations
    assert found == {2.0: [], 7.0: ["I8"]}


def test_where_nothing_can_limit_the_supply_is_suspended_directly() -> None:
    """S1-13: without a limiter there is no reduced power, so an order for it was never possible."""
    found = []
    for target in ("SUSPENDED", "LIMITED"):
        site = Owing(NO_LIMITER)
        site.noticed(due_on="2026-02-16", issued_on="2026-02-20")
        site.hours = 2.0
        site.ordered("NOTICED", target)
        site.commit()
        found.append([one for one in site.violations if one != "I24"])
    assert found == [[], ["I9"]]


def test_who_must_be_heard_is_heard() -> None:
    """2.4: where the policy asks for a hearing, an order without one was not possible."""
    site = Owing(ARMED)
    site.noticed()
    site.hours = 2.0
    site.ordered("NOTICED", "LIMITED", affected_parties_heard=False)
    site.commit()
    assert site.violations == ["I8"]


def test_twenty_days_and_then_the_contract_may_end() -> None:
    """S1-14: off since Friday 27 February, so from Friday 20 March, however late the letter was."""
    site = Owing()
    site.limited()
    site.hours = 49.0
    site.ordered("LIMITED", "SUSPENDED")
    site.commit()
    site.hours += 21 * 24.0
    site.signed("account_close", {"reason": "arrears", "cause": "delinquency"})
    site.stepped("closed", "SUSPENDED", "TERMINATED")
    site.commit()
    assert site.violations == []
