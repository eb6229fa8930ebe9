"""The forecast of an account: what comes next, when at the earliest, what would help (issue 5, "why").

It is held against the ladder itself: what it says is never later than what happens, and exact while nothing is used.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.prepayment.account import Account, Supply
from gateway.prepayment.arrears import Ordered
from gateway.prepayment.events import Contact, Hold, HoldKind, TimeTrust
from gateway.prepayment.outlook import Outlook, outlook
from gateway.prepayment.policy import Slots, Term
from gateway.prepayment.supply import SupplyState
from tests.delinquency.debtor import debtor
from tests.prepayment.worlds import DAY_MS, HOUR_MS, MONDAY_MS, NANO, TERMS, World, at, opened, policy, world

MINUTE_MS = 60_000
DAYTIME = Slots(from_minute=9 * 60, to_minute=11 * 60, closed_weekdays=(4, 5, 6))


def standing(state: SupplyState, balance_nano: int, **changes: object) -> Account:
    """An account on a rung since Monday morning, told of it then."""
    made = opened(balance_nano, policy=policy(**changes))
    return replace(made, supply=Supply(state, at(), notice_running_ms=0, dated_on="2026-03-02"))


def test_good_standing_has_nothing_before_it() -> None:
    """S0-16: with credit nothing comes by itself and nothing is missing, in NORMAL and in LOW_CREDIT."""
    for state in (SupplyState.NORMAL, SupplyState.LOW_CREDIT):
        assert outlook(standing(state, NANO), TERMS, at()) == Outlook(None, None, None, "", 0)


def test_grace_says_when_it_ends_and_what_is_missing() -> None:
    """S0-18: 72 hours of grace from Monday 08:00 UTC; what is missing is the debt."""
    account = standing(SupplyState.GRACE, -3 * NANO)
    told = outlook(account, TERMS, at(HOUR_MS))
    assert told == Outlook(SupplyState.LIMITED, 71 * HOUR_MS, MONDAY_MS + 72 * HOUR_MS, "", 3 * NANO)


def test_without_a_limiter_suspension_is_next_and_without_a_switch_nothing() -> None:
    """Decision 15: the next rung is one that the meter can do."""
    account = standing(SupplyState.GRACE, -1)
    assert outlook(account, replace(TERMS, can_limit=False), at()).next_state is SupplyState.SUSPENDED
    assert outlook(account, replace(TERMS, can_limit=False, can_disconnect=False), at()).next_state is None
    limited = standing(SupplyState.LIMITED, -1)
    assert outlook(limited, replace(TERMS, can_disconnect=False), at()).next_state is None


def test_a_reached_debt_cap_shortens_the_term_to_the_age_of_the_notice() -> None:
    """Decision 11: a cap may shorten a grace down to `min_after_notice`, never below."""
    account = standing(SupplyState.GRACE, -15 * NANO)
    assert outlook(account, TERMS, at(HOUR_MS)).left_ms == 23 * HOUR_MS


def test_the_dwell_counts_when_it_is_longest() -> None:
    """One rung at a time, and not before the dwell is over (decision 11)."""
    account = standing(SupplyState.GRACE, -15 * NANO, min_dwell_ms=30 * HOUR_MS)
    assert outlook(account, TERMS, at(HOUR_MS)).left_ms == 29 * HOUR_MS


def test_the_instant_lies_in_an_allowed_slot() -> None:
    """S0-07: 72 hours from Monday 09:00 in Zurich is Thursday 09:00; at 71 h past 12:00 it is the next open day."""
    account = standing(SupplyState.GRACE, -1, slots=DAYTIME)
    assert outlook(account, TERMS, at()).not_before_utc_ms == MONDAY_MS + 72 * HOUR_MS
    later = standing(SupplyState.GRACE, -1, slots=DAYTIME, grace=Term(duration_ms=75 * HOUR_MS))
    assert outlook(later, TERMS, at()).not_before_utc_ms == MONDAY_MS + 7 * DAY_MS


def test_a_term_of_days_without_proven_time_is_not_known() -> None:
    """Decision 12: date-based terms stand still; nobody is told a day that may be wrong."""
    account = standing(SupplyState.LIMITED, -1)
    told = outlook(account, TERMS, at(HOUR_MS, TimeTrust.RESTORED))
    assert (told.next_state, told.left_ms, told.not_before_utc_ms) == (SupplyState.SUSPENDED, None, None)


def test_hours_are_known_without_any_date() -> None:
    """Decision 12: hour-based terms go on, but no instant is named while the clock is only a lower bound."""
    told = outlook(standing(SupplyState.GRACE, -1), TERMS, at(HOUR_MS, TimeTrust.RESTORED))
    assert (told.left_ms, told.not_before_utc_ms) == (71 * HOUR_MS, None)


def test_no_calendar_means_no_instant() -> None:
    """A year that no calendar covers escalates nothing, so no instant is promised."""
    account = standing(SupplyState.GRACE, -1, slots=DAYTIME)
    assert outlook(account, replace(TERMS, calendars={}), at()).not_before_utc_ms is None
    beyond = at(utc_ms=MONDAY_MS + 20 * 366 * DAY_MS)
    assert outlook(standing(SupplyState.GRACE, -1), TERMS, beyond).not_before_utc_ms is None
    assert outlook(account, TERMS, beyond).not_before_utc_ms is None


def test_what_restores_is_the_restore_minimum() -> None:
    """Decision 11: from LIMITED and SUSPENDED it takes `restore_min` above zero, not only the debt."""
    for state in (SupplyState.LIMITED, SupplyState.SUSPENDED):
        assert outlook(standing(state, -2 * NANO, restore_min_nano=5 * NANO), TERMS, at()).missing_nano == 7 * NANO


def test_a_disputed_charge_is_not_asked_for() -> None:
    """2.8, invariant 7: what is disputed counts as if it had not been charged."""
    account = replace(
        standing(SupplyState.GRACE, -3 * NANO), holds=(Hold("d", HoldKind.DISPUTE, None, amount_nano=NANO),)
    )
    assert outlook(account, TERMS, at()).missing_nano == 2 * NANO


def test_a_post_paid_supply_waits_for_an_order() -> None:
    """2.8, invariant 12: nothing comes by itself; a kept order names its rung and slot, the claims what is due."""
    w = debtor()
    w.notice()
    w.stand("2026-03-10")
    told = outlook(w.account, w.terms, w.at())
    assert told == Outlook(None, None, None, "", 120 * NANO)
    slot_ms = w.now_ms + HOUR_MS
    order = Ordered(SupplyState.LIMITED, "a-1", "c", "L", w.at(), slot_ms)
    kept = outlook(replace(w.account, ordered=order), w.terms, w.at())
    assert kept == Outlook(SupplyState.LIMITED, HOUR_MS, slot_ms, "", 120 * NANO)
    waits = outlook(replace(w.account, ordered=replace(order, slot_utc_ms=None)), w.terms, w.at())
    assert waits == Outlook(SupplyState.LIMITED, None, None, "", 120 * NANO)


@settings(max_examples=60, deadline=None)
@given(st.integers(min_value=1, max_value=100), st.integers(min_value=0, max_value=16 * NANO), st.booleans())
def test_the_ladder_does_it_when_the_outlook_says(hours: int, debt_nano: int, slots: bool) -> None:
    """I11: with nothing used meanwhile the step comes at the foretold instant, not a minute before."""
    rules = policy(grace=Term(duration_ms=hours * HOUR_MS), slots=DAYTIME if slots else Slots())
    w = world(-1 - debt_nano, policy=rules)
    assert w.account.supply.state is SupplyState.GRACE
    told = outlook(w.account, w.terms, w.now())
    assert told.not_before_utc_ms is not None
    _wait(w, told.not_before_utc_ms - MINUTE_MS)
    assert w.account.supply.state is SupplyState.GRACE
    _wait(w, told.not_before_utc_ms)
    assert w.account.supply.state is told.next_state


def _wait(w: World, utc_ms: int) -> None:
    """Let time pass at once, with the head-end in contact and the meter read at the end."""
    w.running_ms += utc_ms - w.utc_ms
    w.utc_ms = utc_ms
    w.post(Contact(w.now()))
    w.read()
