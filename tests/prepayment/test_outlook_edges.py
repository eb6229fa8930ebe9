"""The forecast at its edges: a debt of nothing, terms long over, a slot that never opens; and what a notice takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.prepayment.account import Account, Supply
from gateway.prepayment.arrears import Ordered
from gateway.prepayment.calendar import Moratorium
from gateway.prepayment.events import Tick
from gateway.prepayment.notices import notice
from gateway.prepayment.outlook import Outlook, outlook
from gateway.prepayment.policy import Slots
from gateway.prepayment.posting import Numbers, Postings
from gateway.prepayment.supply import Commodity, SupplyState
from tests.delinquency.debtor import debtor
from tests.prepayment.worlds import (
    CALENDAR,
    DAY_MS,
    HOUR_MS,
    MONDAY_MS,
    NANO,
    TERMS,
    World,
    at,
    opened,
    policy,
    world,
)

S = SupplyState


def standing(state: SupplyState, balance_nano: int, **changes: object) -> Account:
    """An account on a rung since Monday morning, told of it then."""
    made = opened(balance_nano, policy=policy(**changes))
    return replace(made, supply=Supply(state, at(), notice_running_ms=0, dated_on="2026-03-02"))


@pytest.mark.parametrize("over_nano", [-1, 0, 1, 9 * NANO])
@pytest.mark.parametrize(("state", "whole_nano"), [(S.GRACE, 0), (S.LIMITED, 5 * NANO), (S.SUSPENDED, 5 * NANO)])
def test_what_is_missing_is_never_less_than_nothing(state: SupplyState, whole_nano: int, over_nano: int) -> None:
    """Decision 11: to the last unit what makes the supply whole, and nothing once it is there or there is more."""
    account = standing(state, whole_nano + over_nano, restore_min_nano=5 * NANO)
    assert outlook(account, TERMS, at()).missing_nano == (1 if over_nano < 0 else 0)


@pytest.mark.parametrize(("disputed", "missing"), [(119, NANO), (120, 0), (121, 0)])
def test_what_is_unpaid_is_never_less_than_nothing(disputed: int, missing: int) -> None:
    """2.8, invariant 7: a dispute over more than a post-paid household owes leaves nothing to pay."""
    home = debtor()
    home.notice()
    assert home.account.supply.state is S.NOTICED
    charged = replace(home.account, arrears=(replace(home.account.arrears[0], amount_nano=(120 - disputed) * NANO),))
    assert outlook(charged, home.terms, home.at()).missing_nano == missing


@pytest.mark.parametrize("state", [S.GRACE, S.LIMITED])
@pytest.mark.parametrize(("balance_nano", "follows"), [(-1, True), (0, False), (1, False)])
def test_only_a_debt_goes_further(state: SupplyState, balance_nano: int, follows: bool) -> None:
    """S0-16: at exactly nothing nothing comes next; one unit below something does."""
    told = outlook(standing(state, balance_nano), TERMS, at())
    assert (told.next_state is not None, told.left_ms is not None) == (follows, follows)


@pytest.mark.parametrize(
    ("balance_nano", "now_ms", "left_ms"),
    [
        (-1, 72 * HOUR_MS - 1, 1),
        (-1, 72 * HOUR_MS, 0),
        (-1, 90 * HOUR_MS, 0),
        (-15 * NANO, 24 * HOUR_MS - 1, 1),
        (-15 * NANO, 24 * HOUR_MS, 0),
        (-15 * NANO, 25 * HOUR_MS, 0),
    ],
)
def test_what_is_over_takes_no_more_time(balance_nano: int, now_ms: int, left_ms: int) -> None:
    """Decision 11: a grace that is over, or shortened by its debt cap: to the millisecond, and never below zero."""
    told = outlook(standing(S.GRACE, balance_nano), TERMS, at(now_ms))
    assert (told.left_ms, told.not_before_utc_ms) == (left_ms, MONDAY_MS + now_ms + left_ms)


@pytest.mark.parametrize("ahead_ms", [-1, 0, 1])
def test_a_kept_order_whose_slot_has_begun_takes_no_more_time(ahead_ms: int) -> None:
    """Decision 10: until its slot, and never below zero."""
    home = debtor()
    home.notice()
    slot_ms = home.now_ms + ahead_ms
    order = Ordered(S.LIMITED, "a-1", "c", "L", home.at(), slot_ms)
    told = outlook(replace(home.account, ordered=order), home.terms, home.at())
    assert told == Outlook(S.LIMITED, max(ahead_ms, 0), slot_ms, "", 120 * NANO)


def test_a_moratorium_for_gas_delays_gas_alone() -> None:
    """S0-07: the instant counts the moratoria of its own commodity; frost until Sunday lets gas wait until Monday."""
    frost = Moratorium("frost", (Commodity.GAS,), CALENDAR.years, (("2026-03-02", "2026-03-08"),))
    terms = replace(TERMS, calendars={"test": replace(CALENDAR, moratoria=(frost,))})
    account = standing(S.GRACE, -1)
    account = replace(account, policy=policy(slots=Slots(moratoria=("frost",))))
    assert outlook(account, terms, at()).not_before_utc_ms == MONDAY_MS + 72 * HOUR_MS
    gas = replace(account, commodity=Commodity.GAS)
    assert outlook(gas, terms, at()).not_before_utc_ms == MONDAY_MS + 7 * DAY_MS - 9 * HOUR_MS


def test_a_slot_that_never_opens_has_no_instant() -> None:
    """S0-07: the term is known all the same."""
    never = standing(S.GRACE, -1, slots=Slots(closed_weekdays=tuple(range(7))))
    assert outlook(never, TERMS, at()) == Outlook(S.LIMITED, 72 * HOUR_MS, None, "", 1)


def test_only_a_warning_says_what_comes_next_and_when() -> None:
    """4.6: supply that is back in the protection of a hold is told as good news, without the cut that may follow."""
    account = standing(S.GRACE, -3 * NANO)
    told = dict(notice(account, TERMS, at(), "restored").detail)
    assert told == {"missing_nano": 3 * NANO}
    assert set(notice(account, TERMS, at(), "grace").detail) > set(told.items())


@pytest.mark.parametrize(
    ("top_ups", "postings", "again"), [(1, 2, False), (2, 2, True), (1, 3, True), (2, 3, True), (3, 4, True)]
)
def test_low_credit_is_told_again_after_any_money(top_ups: int, postings: int, again: bool) -> None:
    """S0-18: after a top-up, a posting, or as many of both; not while none came."""
    w = world()
    w.account = _came(w, 1, 2)
    w.use(44_000, hours=5)
    assert w.notices() == ["low"]
    w.account = replace(_came(w, top_ups, postings), supply=Supply(S.NORMAL, w.now()))
    w.post(Tick(w.now()))
    assert w.account.supply.state is S.LOW_CREDIT
    assert w.notices() == ["low"] * (2 if again else 1)


def _came(w: World, top_ups: int, postings: int) -> Account:
    """The account after so many top-ups and postings, which added nothing in all."""
    return replace(w.account, top_up_sequence=top_ups, postings=Postings(Numbers(postings)))


def test_without_a_notice_nobody_says_when() -> None:
    """S1-11: the term runs from the notice; a rung that was taken back from an old image may have none."""
    account = standing(S.GRACE, -NANO)
    silent = replace(account, supply=replace(account.supply, notice_running_ms=None))
    assert outlook(account, TERMS, at()).left_ms is not None
    assert outlook(silent, TERMS, at()).left_ms is None
