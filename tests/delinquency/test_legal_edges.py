"""The minimum terms of a post-paid supply at their edges: whose claim, which term, which supply; and what is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.prepayment import legal
from gateway.prepayment.account import Spending
from gateway.prepayment.calendar import Calendar
from gateway.prepayment.events import Hold, HoldKind
from gateway.prepayment.ledger import Notice, Transition
from gateway.prepayment.notices import notice
from gateway.prepayment.policy import Anchor, Policy, Term
from gateway.prepayment.supply import Commodity, SupplyState
from tests.delinquency.debtor import TERMS, Debtor, debtor, shipped, utc_ms
from tests.prepayment.worlds import HOUR_MS, NANO

S = SupplyState
OPEN_DAY = "2026-04-07"
"""The first day on which the usual notice lets the supply be limited, in an open slot."""
LIMIT_OVER = "2026-04-20"
"""A Monday on which the ten days of reduced power are over."""


def _ready(*more: dict[str, Any], **changes: Any) -> Debtor:
    """Noticed of the usual claim and of more, on the first day on which an order for the usual one is legal."""
    home = debtor(**changes)
    for claim in ({}, *more):
        assert home.notice(**claim).reason == ""
    home.stand(OPEN_DAY)
    return home


def _limited(*more: dict[str, Any], **changes: Any) -> Debtor:
    home = _ready(*more, **changes)
    assert home.limit().reason == ""
    return home


def _rules(**changes: Any) -> Policy:
    """The usual policy with other post-paid terms."""
    chosen = shipped("estenergy-electricity")
    assert chosen.delinquency is not None
    return replace(chosen, delinquency=replace(chosen.delinquency, **changes))


def _told(home: Debtor) -> dict[str, str | int]:
    """What a notice of reduced power says now."""
    return dict(notice(home.account, home.terms, home.at(), "limited").detail)


LATER = {"arrears_id": "a-2", "amount_nano": 5 * NANO, "final_term_on": "2026-06-30"}
"""A smaller claim, whose final term ends after the reduced power."""


def test_gas_is_never_limited_first_whatever_policy_and_meter_can() -> None:
    """S1-10: gas under a policy that reduces power, at a meter that could, is suspended directly."""
    home = _ready(commodity=Commodity.GAS)
    assert home.account.policy.limit_enabled
    assert home.terms.can_limit
    assert home.suspend().reason == ""
    assert home.moves()[-1] == ("ordered_suspend_direct", OPEN_DAY)


@pytest.mark.parametrize(("anchor", "days"), [(Anchor.DUE, 90), (Anchor.NOTICE, 60)])
def test_days_before_a_suspension_have_the_name_of_what_they_count_from(anchor: Anchor, days: int) -> None:
    """3.1, 2.4: 90 days from 31 January and 60 from 2 March end with 1 May; the slot is the Monday after."""
    home = _ready(policy=_rules(anchor=anchor, suspend_after_days=days))
    refusal = home.limit()
    assert (refusal.reason, dict(refusal.detail)) == (
        "too_early",
        {
            "rule": f"after_{anchor.value}",
            "legal_from": "2026-05-02",
            "not_before_utc_ms": utc_ms("2026-05-04", "08:00"),
        },
    )


def test_reduced_power_shortens_no_term_of_another_claim() -> None:
    """2.8, 12: limited for one claim, a suspension for a later one waits for the terms of that one."""
    home = _limited(LATER)
    home.stand(LIMIT_OVER)
    refusal = home.suspend(arrears_id="a-2")
    assert (refusal.reason, dict(refusal.detail)) == (
        "too_early",
        {"rule": "final_term", "legal_from": "2026-07-04", "not_before_utc_ms": utc_ms("2026-07-06", "08:00")},
    )
    assert home.suspend().reason == ""


def test_the_days_of_reduced_power_are_a_term_of_the_suspension_only() -> None:
    """S1-12: they come after the limit; what made the limit legal does not move when it is there."""
    home = _ready()
    (claim,) = home.account.arrears
    before = legal.first_legal(home.account, claim, S.LIMITED, home.terms, home.at())
    assert home.limit().reason == ""
    assert legal.first_legal(home.account, claim, S.LIMITED, home.terms, home.at()) == before
    after = legal.first_legal(home.account, claim, S.SUSPENDED, home.terms, home.at())
    assert (after.rule, after.day.isoformat()) == ("limited", "2026-04-18")


def test_nothing_follows_reduced_power_whose_term_has_no_days() -> None:
    """S1-12, requirements 0.7: a post-paid term is one of days; without them nobody can say when it is over."""
    home = _limited(policy=shipped("estenergy-electricity", limit_term=Term(duration_ms=HOUR_MS)))
    home.stand(LIMIT_OVER)
    refusal = home.suspend()
    assert (refusal.reason, dict(refusal.detail)) == ("calendar_not_covered", {"calendar": "it"})


@pytest.mark.parametrize("calendars", [{}, {"it": Calendar("it", (2025,), frozenset())}])
def test_a_slot_that_no_calendar_knows_is_not_named(calendars: dict[str, Calendar]) -> None:
    """Requirements 0.7: without the calendar, or outside its years, there is no first instant."""
    home = _ready()
    (claim,) = home.account.arrears
    day = legal.first_legal(home.account, claim, S.LIMITED, home.terms, home.at()).day
    assert legal.first_instant_ms(home.account, day, home.terms, home.at()) == home.now_ms
    assert legal.first_instant_ms(home.account, day, replace(TERMS, calendars=calendars), home.at()) is None


@pytest.mark.parametrize(("floor_nano", "reason"), [(5 * NANO - 1, ""), (5 * NANO, "debt_floor")])
def test_an_order_counts_the_claim_it_names(floor_nano: int, reason: str) -> None:
    """2.8, 7 and 11: one for a small claim needs that one to be above the floor, and its row says how much it is."""
    small = {**LATER, "final_term_on": "2026-03-31"}
    home = _ready(small, policy=_rules(debt_floor_nano=floor_nano))
    answer = home.limit(arrears_id="a-2")
    assert (answer.reason, dict(answer.detail)) == (reason, {"arrears": "a-2"} if reason else {})
    if not reason:
        told = dict([record for record in home.records if isinstance(record, Transition)][-1].detail)
        assert (told["arrears"], told["net_nano"]) == ("a-2", 5 * NANO)


def test_a_dispute_counts_until_its_end() -> None:
    """S2-22, 2.8, 7: up to its last millisecond it is not owed, from then on it is; of all claims and of one."""
    home = _ready(LATER)
    dispute = Hold("d", HoldKind.DISPUTE, home.now_ms + 1, 2 * NANO)
    account, now = replace(home.account, holds=(dispute,)), home.at()
    then = replace(now, utc_ms=now.utc_ms + 1)
    assert [legal.net_nano(account, at) for at in (now, then)] == [123 * NANO, 125 * NANO]
    assert [legal.net_nano(account, at, "a-2") for at in (now, then)] == [3 * NANO, 5 * NANO]


def test_reduced_power_is_told_with_the_first_day_of_any_claim() -> None:
    """S1-12, 4.6: of two claims the one that lets the supply be suspended first; ten days, then the next slot."""
    home = _limited(LATER)
    (told,) = [record for record in home.records if isinstance(record, Notice)]
    assert (told.template, dict(told.detail)) == (
        "limited",
        {
            "limit_w": 495,
            "limit_percent": 15,
            "unpaid_nano": 125 * NANO,
            "not_before_utc_ms": utc_ms(LIMIT_OVER, "08:00"),
        },
    )
    assert _told(home) == dict(told.detail)


def test_nobody_is_told_a_day_that_nobody_knows() -> None:
    """Requirements 0.7, 4.6: reduced on a day that is not known, without the calendar, or with no claim at all."""
    home = _limited()
    assert "not_before_utc_ms" in _told(home)
    terms, account = home.terms, home.account
    home.terms = replace(terms, calendars={})
    assert "not_before_utc_ms" not in _told(home)
    home.terms = terms
    home.account = replace(account, supply=replace(account.supply, dated_on=None))
    assert "not_before_utc_ms" not in _told(home)
    home.account = replace(account, arrears=())
    assert "not_before_utc_ms" not in _told(home)


def test_a_post_paid_household_is_told_no_days_of_credit() -> None:
    """S0-16, 4.6: it has no credit that could last; what it used each day changes nothing in what it is told."""
    home = _limited()
    told = _told(home)
    home.account = replace(home.account, spending=Spending("2026-04-07", 0, (NANO,)))
    assert _told(home) == told
    assert "days_left" not in told
