"""Several claims at once, and terms at the edge: each order stands on its own claim and on the last of its terms."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from gateway.prepayment.account import Account, Supply
from gateway.prepayment.arrears import Arrears, Ordered
from gateway.prepayment.calendar import CalendarNotCovered
from gateway.prepayment.events import Hold, HoldKind
from gateway.prepayment.ladder import Decision, Effect, Guard, Rule, decide, situation_of
from gateway.prepayment.legal import Bar, first_instant_ms, first_legal, limited_first, net_nano, request_bars
from gateway.prepayment.policy import Anchor, Delinquency, Term
from gateway.prepayment.supply import Commodity, SupplyState
from tests.delinquency.debtor import TERMS, Debtor, debtor
from tests.prepayment.worlds import HOUR_MS, NANO

S = SupplyState
OPEN_DAY = "2026-04-07"
"""The first day on which the usual notice lets the supply be limited, in an open slot."""
WITHOUT_CALENDAR = replace(TERMS, calendars={})


def two_claims(**second: Any) -> Debtor:
    """On a day on which the first claim lets the supply be limited, a second one is there, too."""
    home = debtor()
    home.notice()
    home.notice(arrears_id="a-2", **second)
    assert [one.arrears_id for one in home.account.arrears] == ["a-1", "a-2"]
    home.stand(OPEN_DAY)
    return home


def with_rules(account: Account, **changes: Any) -> Account:
    """Under other post-paid terms."""
    rules = account.policy.delinquency
    assert isinstance(rules, Delinquency)
    return replace(account, policy=replace(account.policy, delinquency=replace(rules, **changes)))


def limited() -> tuple[Debtor, Arrears]:
    """A supply that was limited on 7 April, and its claim."""
    home = debtor()
    home.notice()
    home.stand(OPEN_DAY)
    assert home.limit().reason == ""
    assert home.state is S.LIMITED
    return home, home.account.arrears[0]


def test_an_order_waits_for_the_terms_of_its_own_claim() -> None:
    """S1-09, I8: that another claim is due by now hurries nothing."""
    home = two_claims(final_term_on="2026-04-20")
    refusal = home.limit(arrears_id="a-2")
    detail = dict(refusal.detail)
    assert (refusal.reason, detail["rule"], detail["legal_from"]) == ("too_early", "final_term", "2026-04-24")
    assert home.state is S.NOTICED
    assert home.limit().reason == ""


@pytest.mark.parametrize(("second", "floor"), [(50, 50), (50, 51), (120, 120)])
def test_an_order_needs_a_claim_above_the_floor_by_itself(second: int, floor: int) -> None:
    """2.8, invariant 7: what is owed besides does not lift a claim above the floor; one nano-unit more does."""
    home = two_claims(amount_nano=second * NANO)
    home.account = with_rules(home.account, debt_floor_nano=floor * NANO)
    refusal = home.limit(arrears_id="a-2")
    assert (refusal.reason, refusal.detail) == ("debt_floor", (("arrears", "a-2"),))
    home.account = with_rules(home.account, debt_floor_nano=second * NANO - 1)
    assert home.limit(arrears_id="a-2").reason == ""


def test_what_is_unpaid_is_counted_by_claim_or_in_all() -> None:
    """2.8, invariant 7: less what is disputed, until the dispute is proven to be over."""
    home = two_claims(amount_nano=50 * NANO)
    home.account = replace(home.account, holds=(Hold("d", HoldKind.DISPUTE, home.now_ms + 1, 7 * NANO),))
    for disputed in (7, 0):
        found = [net_nano(home.account, home.at(), name) for name in ("a-1", "a-2", None)]
        assert found == [(owed - disputed) * NANO for owed in (120, 50, 170)]
        home.now_ms += 1


@pytest.mark.parametrize(("unpaid_nano", "state"), [(7, S.REGULAR), (8, S.NOTICED)])
def test_the_smallest_arrears_are_arrears(unpaid_nano: int, state: SupplyState) -> None:
    """2.8, invariant 7: one nano-unit beyond what is disputed is owed, and the customer is in default with it."""
    home = debtor()
    home.account = replace(home.account, holds=(Hold("d", HoldKind.DISPUTE, None, 7),))
    assert home.notice(amount_nano=unpaid_nano).reason == ""
    assert home.state is state


def test_a_suspension_waits_for_the_last_of_all_terms() -> None:
    """S1-12: ten days of reduced power, unless the claim's own terms last longer; they bar only what follows it."""
    home, claim = limited()
    later = replace(claim, final_term_on="2026-04-20")
    asked = ((claim, S.SUSPENDED), (later, S.SUSPENDED), (claim, S.LIMITED))
    assert [first_legal(home.account, one, target, TERMS, home.at()) for one, target in asked] == [
        Bar("limited", date(2026, 4, 18)),
        Bar("final_term", date(2026, 4, 24)),
        Bar("final_term", date(2026, 4, 4)),
    ]


@pytest.mark.parametrize("unknown", ["the day", "the days"])
def test_reduced_power_whose_end_is_not_known_has_not_ended(unknown: str) -> None:
    """S1-12: without the day it began, or with a term that is not of days, no first legal day is made up."""
    home, claim = limited()
    if unknown == "the day":
        account = replace(home.account, supply=replace(home.account.supply, dated_on=None))
    else:
        policy = replace(home.account.policy, limit_term=Term(duration_ms=HOUR_MS))
        account = replace(home.account, policy=policy)
    with pytest.raises(CalendarNotCovered, match="calendar it "):
        first_legal(account, claim, S.SUSPENDED, TERMS, home.at())


@pytest.mark.parametrize(
    ("anchor", "bar"),
    [(Anchor.DUE, Bar("after_due", date(2026, 3, 13))), (Anchor.NOTICE, Bar("after_notice", date(2026, 4, 12)))],
)
def test_a_term_is_named_after_what_it_counts_from(anchor: Anchor, bar: Bar) -> None:
    """3.1: forty days from the due day or from the notification, the day itself not counted."""
    home, claim = limited()
    account = with_rules(home.account, anchor=anchor, suspend_after_days=40)
    assert request_bars(account, claim, TERMS) == (Bar("final_term", date(2026, 4, 4)), bar)


def test_without_its_calendar_no_term_is_over_and_no_slot_is_named() -> None:
    """Requirements 4.4: what cannot be computed is not yet; nobody is cut for a file that is missing."""
    home, claim = limited()
    assert first_instant_ms(home.account, date(2026, 4, 20), TERMS, home.at()) is not None
    assert first_instant_ms(home.account, date(2026, 4, 20), WITHOUT_CALENDAR, home.at()) is None
    cut = Rule("cut", (S.NOTICED,), S.LIMITED, Effect.ESCALATE, (), (Guard.TERMS,))
    order = Ordered(S.LIMITED, claim.arrears_id, "o", "letter 7/2026", home.at())
    account = replace(home.account, supply=Supply(S.NOTICED, home.at()), ordered=order)
    answers = [
        decide((cut,), situation_of(account, t, home.at()), ordered=S.LIMITED) for t in (TERMS, WITHOUT_CALENDAR)
    ]
    assert answers == [Decision(cut), Decision(blocked="too_early")]


def test_only_electricity_is_limited_first() -> None:
    """S1-11: whatever policy and meter say, there is no reduced power of anything else."""
    account = debtor().account
    found = {kind: limited_first(replace(account, commodity=kind), TERMS) for kind in Commodity}
    assert found == {kind: kind is Commodity.ELECTRICITY for kind in Commodity}
