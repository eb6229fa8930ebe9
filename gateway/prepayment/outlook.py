"""What an account has before it: the next step that makes things worse, when at the earliest, and what would help.

The ladder decides with facts of this instant; people ask about the next one. Everything here is a forecast that the
ladder may only make later, never earlier, unless more is consumed: a debt cap shortens a term (decision 11).
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.prepayment import civil, legal
from gateway.prepayment.account import Account, Terms
from gateway.prepayment.calendar import CalendarNotCovered, next_slot_utc_ms
from gateway.prepayment.events import Moment
from gateway.prepayment.ladder import Situation, can_limit, over, situation_of, term_left_ms
from gateway.prepayment.supply import SupplyState

_S = SupplyState


@dataclass(frozen=True, slots=True)
class Outlook:
    """The forecast of one account at one instant.

    `next_state` is the rung that comes next if nothing is paid (None: none by itself); `left_ms` how long that takes
    at least, counted on running time (None: nobody can know, the term stands still); `not_before_utc_ms` the instant
    that makes, in an allowed slot (None while the time is not dated or no slot is known). `held_by` is the reason why
    it waits although its term may be over ("" for none). `missing_nano` is the least payment that makes the supply
    whole again; 0 when it is.
    """

    next_state: SupplyState | None
    left_ms: int | None
    not_before_utc_ms: int | None
    held_by: str
    missing_nano: int


def outlook(account: Account, terms: Terms, at: Moment) -> Outlook:
    """The forecast of this account now."""
    situation = situation_of(account, terms, at)
    if account.policy.delinquency is not None:
        return _postpaid(situation)
    target = _next(situation)
    left_ms = None if target is None else _left_ms(situation)
    opens_ms = None if left_ms is None else _slot_ms(situation, left_ms)
    return Outlook(target, left_ms, opens_ms, account.supply.held_by, missing_nano(situation))


def missing_nano(situation: Situation) -> int:
    """The least payment that makes the supply whole again: all of it, not merely not worse; 0 when it is whole."""
    account = situation.account
    match account.supply.state:
        case _S.LIMITED | _S.SUSPENDED if account.policy.delinquency is None:
            return max(account.policy.restore_min_nano - situation.balance_nano, 0)
        case _S.GRACE:
            return max(-situation.balance_nano, 0)
        case _S.NOTICED | _S.LIMITED | _S.SUSPENDED:
            return max(legal.net_nano(account, situation.at), 0)
        case _:
            return 0


def _next(s: Situation) -> SupplyState | None:
    """The rung that follows; only a debt goes further, and only where meter and policy can."""
    if s.balance_nano >= 0:
        return None
    suspended = _S.SUSPENDED if s.terms.can_disconnect else None
    match s.account.supply.state:
        case _S.GRACE:
            return _S.LIMITED if can_limit(s) else suspended
        case _S.LIMITED:
            return suspended
        case _:
            return None


def _left_ms(s: Situation) -> int | None:
    """The longest of what must pass: the term unless its debt cap is reached, the age of the notice, the dwell."""
    policy, supply = s.account.policy, s.account.supply
    grace = supply.state is _S.GRACE
    term = policy.grace if grace else policy.limit_term
    cap_nano = policy.grace_debt_cap_nano if grace else policy.limit_debt_cap_nano
    term_ms = 0 if over(term, cap_nano, s) else term_left_ms(term, s)
    if term_ms is None or supply.notice_running_ms is None:
        return None
    notice_ms = supply.notice_running_ms + policy.min_after_notice_ms - s.at.running_ms
    dwell_ms = supply.since.running_ms + policy.min_dwell_ms - s.at.running_ms
    return max(term_ms, notice_ms, dwell_ms)  # the term is never below zero


def _slot_ms(s: Situation, left_ms: int) -> int | None:
    policy = s.account.policy
    calendar = s.terms.calendars.get(policy.calendar)
    if calendar is None or not s.at.trust.dated:
        return None
    earliest_ms = s.at.utc_ms + left_ms
    try:
        opens_ms = next_slot_utc_ms(policy.slots, earliest_ms, policy.time_zone, calendar, s.account.commodity)
    except CalendarNotCovered:
        return None
    if opens_ms is None or not calendar.covers(civil.local_date(opens_ms, policy.time_zone).year):
        return None
    return opens_ms


def _postpaid(s: Situation) -> Outlook:
    """Only an order changes a post-paid supply; one that is kept says itself for which slot (decision 10)."""
    order = s.account.ordered
    missing = missing_nano(s)
    if order is None:
        return Outlook(None, None, None, s.account.supply.held_by, missing)
    left_ms = None if order.slot_utc_ms is None else max(order.slot_utc_ms - s.at.utc_ms, 0)
    return Outlook(order.target, left_ms, order.slot_utc_ms, s.account.supply.held_by, missing)
