"""The supply ladders: one engine and two tables. Prepaid decides by itself, post-paid only carries out orders.

How it works. A `Rule` says: from these states, to that state, when all these *conditions* hold. There are three
effects. INFORM tells the customer something and leaves the supply alone. RESTORE makes things better: its conditions
are all there is, nothing may delay it (decision 11). ESCALATE makes things worse: besides its conditions every
*guard* must let it pass, and in a policy whose initiator is central it also needs an order for exactly that state.
`decide` looks at one account at one instant and returns at most one rule: one rung at a time. It changes nothing;
an event that fits no rule leaves the account where it is.

This is the machine of *policy*. The position of the switch is another machine, physics, and lives with the meter
(supply.py says why). A safety lock-out is not a rung either: it dominates `control` whatever the rung (decision 13).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from gateway.prepayment import civil, legal
from gateway.prepayment.account import Account, Terms
from gateway.prepayment.calendar import CalendarNotCovered, next_slot_utc_ms, slot_open
from gateway.prepayment.events import Moment
from gateway.prepayment.holds import (
    blocked_by,
    disputed_nano,
    frozen_days,
    frozen_ms,
    protecting,
)
from gateway.prepayment.outages import paused_term_end
from gateway.prepayment.policy import Initiator, Term
from gateway.prepayment.rollback import reckoned_nano, unanswered, vouched
from gateway.prepayment.supply import Commodity, SupplyState

_S = SupplyState


class Effect(StrEnum):
    """What a rule does to the customer."""

    INFORM = "inform"
    RESTORE = "restore"
    ESCALATE = "escalate"


class Condition(StrEnum):
    """A fact about the account that a rule waits for."""

    NEGATIVE = "balance below zero"
    NOT_NEGATIVE = "balance at least zero"
    RESTORE_MIN = "balance at least the restore minimum"
    LOW = "credit low"
    CLEAR_OF_LOW = "credit clear of low"
    GRACE_OVER = "grace over or debt cap reached"
    LIMIT_OVER = "limit term over or second debt cap reached"
    CAN_LIMIT = "limiting possible and wanted"
    CANNOT_LIMIT = "limiting impossible or not wanted"
    CAN_DISCONNECT = "supply switch present"
    PROTECTED = "protective hold"
    OUT_OF_REACH = "head-end or proven time missing too long, or books not confirmed two minutes after the start"
    OFFLINE_DEBT_CAP = "offline debt cap reached"
    NOT_CONFIRMED = "books not confirmed since the start, or rollback suspected"
    TWICE_OFFLINE_CAP = "twice the offline debt cap reached"
    ARREARS = "arrears beyond what is disputed"
    NO_ARREARS = "no arrears beyond what is disputed"
    LIMIT_FIRST = "electricity at low voltage, limiting possible and wanted"
    NO_LIMIT_FIRST = "not electricity at low voltage, or limiting impossible or not wanted"


class Guard(StrEnum):
    """What must not be in the way of an escalation; the value is the reason code given when it is."""

    ROLLBACK = "rollback_suspected"
    CLOCK = "clock_untrusted"
    METER = "meter_untrusted"
    POLICY = "policy_missing"
    REACH = "offline"
    DEBT = "debt_floor"
    TERMS = "too_early"
    HOLD = "held"
    NOTICE = "notice_too_young"
    DWELL = "dwell"
    SLOT = "slot_blocked"


@dataclass(frozen=True, slots=True)
class Rule:
    """One arrow of a ladder."""

    name: str
    sources: tuple[SupplyState, ...]
    target: SupplyState
    effect: Effect
    when: tuple[Condition, ...]
    guards: tuple[Guard, ...] = ()


ORDER_GUARDS = tuple(guard for guard in Guard if guard is not Guard.NOTICE)
"""An order has dates instead of an age of the notice: its terms are computed again (requirements 2.4)."""
ALL_GUARDS = tuple(guard for guard in Guard if guard not in (Guard.DEBT, Guard.TERMS))
OFFLINE_GUARDS = (Guard.METER, Guard.HOLD, Guard.NOTICE, Guard.DWELL)
"""Out of reach neither clock nor slot can be asked: money alone bounds the loss, down to LIMITED (decision 12)."""
UNCONFIRMED_GUARDS = (Guard.METER, Guard.HOLD)
"""Books that may be an old image may also have forgotten a notice: then money bounds the loss without one."""

_C = Condition
PREPAID: tuple[Rule, ...] = (
    Rule("restored", (_S.LIMITED, _S.SUSPENDED), _S.NORMAL, Effect.RESTORE, (_C.RESTORE_MIN, _C.CLEAR_OF_LOW)),
    Rule("restored_low", (_S.LIMITED, _S.SUSPENDED), _S.LOW_CREDIT, Effect.RESTORE, (_C.RESTORE_MIN,)),
    Rule("protected", (_S.LIMITED, _S.SUSPENDED), _S.GRACE, Effect.RESTORE, (_C.PROTECTED,)),
    Rule("credit_back", (_S.GRACE,), _S.NORMAL, Effect.RESTORE, (_C.NOT_NEGATIVE, _C.CLEAR_OF_LOW)),
    Rule("credit_back_low", (_S.GRACE,), _S.LOW_CREDIT, Effect.RESTORE, (_C.NOT_NEGATIVE,)),
    Rule("low_cleared", (_S.LOW_CREDIT,), _S.NORMAL, Effect.RESTORE, (_C.CLEAR_OF_LOW,)),
    Rule("credit_gone", (_S.NORMAL, _S.LOW_CREDIT), _S.GRACE, Effect.INFORM, (_C.NEGATIVE,)),
    Rule("credit_low", (_S.NORMAL,), _S.LOW_CREDIT, Effect.INFORM, (_C.LOW,)),
    Rule(
        "grace_over", (_S.GRACE,), _S.LIMITED, Effect.ESCALATE, (_C.NEGATIVE, _C.GRACE_OVER, _C.CAN_LIMIT), ALL_GUARDS
    ),
    Rule(
        "grace_over_no_limit",
        (_S.GRACE,),
        _S.SUSPENDED,
        Effect.ESCALATE,
        (_C.NEGATIVE, _C.GRACE_OVER, _C.CANNOT_LIMIT, _C.CAN_DISCONNECT),
        ALL_GUARDS,
    ),
    Rule(
        "offline_debt_cap",
        (_S.GRACE,),
        _S.LIMITED,
        Effect.ESCALATE,
        (_C.OUT_OF_REACH, _C.OFFLINE_DEBT_CAP, _C.CAN_LIMIT),
        OFFLINE_GUARDS,
    ),
    Rule(
        "unconfirmed_debt_cap",
        (_S.GRACE,),
        _S.LIMITED,
        Effect.ESCALATE,
        (_C.NOT_CONFIRMED, _C.TWICE_OFFLINE_CAP, _C.CAN_LIMIT),
        UNCONFIRMED_GUARDS,
    ),
    Rule(
        "limit_over",
        (_S.LIMITED,),
        _S.SUSPENDED,
        Effect.ESCALATE,
        (_C.NEGATIVE, _C.LIMIT_OVER, _C.CAN_DISCONNECT),
        ALL_GUARDS,
    ),
)

DELINQUENCY: tuple[Rule, ...] = (
    Rule("paid", (_S.NOTICED,), _S.REGULAR, Effect.RESTORE, (_C.NO_ARREARS,)),
    Rule("paid_restored", (_S.LIMITED, _S.SUSPENDED), _S.REGULAR, Effect.RESTORE, (_C.NO_ARREARS,)),
    Rule("protected", (_S.LIMITED, _S.SUSPENDED), _S.NOTICED, Effect.RESTORE, (_C.PROTECTED,)),
    Rule("noticed", (_S.REGULAR,), _S.NOTICED, Effect.INFORM, (_C.ARREARS,)),
    Rule("ordered_limit", (_S.NOTICED,), _S.LIMITED, Effect.ESCALATE, (_C.LIMIT_FIRST,), ORDER_GUARDS),
    Rule("ordered_suspend", (_S.LIMITED,), _S.SUSPENDED, Effect.ESCALATE, (_C.CAN_DISCONNECT,), ORDER_GUARDS),
    Rule(
        "ordered_suspend_direct",
        (_S.NOTICED,),
        _S.SUSPENDED,
        Effect.ESCALATE,
        (_C.NO_LIMIT_FIRST, _C.CAN_DISCONNECT),
        ORDER_GUARDS,
    ),
)
"""Every arrow that makes things worse also needs a signed order for exactly that state (2.8, invariant 12)."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What a rule may look at: the account, its installation and the instant. Nothing here is stored.

    `balance_nano` is the balance as if nothing in dispute had been charged (requirements 2.8, invariant 7), and less
    while books that nobody has confirmed hold energy not charged yet. `toward`: the rung a guard is asked about.
    """

    account: Account
    terms: Terms
    at: Moment
    balance_nano: int
    toward: SupplyState | None = None


def situation_of(account: Account, terms: Terms, at: Moment) -> Situation:
    """The situation of an account now."""
    return Situation(account, terms, at, reckoned_nano(account) + disputed_nano(account, at))


@dataclass(frozen=True, slots=True)
class Decision:
    """The rule to carry out, or why the first rule that wanted to escalate was held (`blocked` is a reason code)."""

    rule: Rule | None = None
    blocked: str = ""


def by_state(table: Iterable[Rule]) -> dict[SupplyState, tuple[Rule, ...]]:
    """The table sorted by the state it leaves; the order of the rules is kept, the first that fits wins."""
    rules = tuple(table)
    return {state: tuple(rule for rule in rules if state in rule.sources) for state in SupplyState}


def decide(rules: tuple[Rule, ...], situation: Situation, *, ordered: SupplyState | None = None) -> Decision:
    """Return the one rule that applies now; `ordered` is the state a central order asks for (decision 10)."""
    blocked = ""
    central = situation.account.policy.initiator is Initiator.CENTRAL
    for rule in rules:
        if rule.effect is Effect.ESCALATE and central and ordered is not rule.target:
            continue
        if not all(_CONDITIONS[condition](situation) for condition in rule.when):
            continue
        aimed = replace(situation, toward=rule.target) if rule.guards else situation
        obstacle = next((guard for guard in rule.guards if not _GUARDS[guard](aimed)), None)
        if obstacle is None:
            return Decision(rule)
        blocked = blocked or obstacle.value
    return Decision(blocked=blocked)


def days_left(account: Account, balance_nano: int) -> int | None:
    """Whole days the credit lasts at the mean of the last complete days; None while there is none (S0-16)."""
    spent_nano = sum(account.spending.days_nano)
    if spent_nano <= 0:
        return None
    return max(balance_nano, 0) * len(account.spending.days_nano) // spent_nano


def term_left_ms(term: Term, situation: Situation) -> int | None:
    """How long until a term counted from the entry into the present state is over; 0 when it is, None when unknown.

    A duration counts observed running time; days count from a proven civil date and stand still without one. Both
    stand still in an outage.
    """
    account, at = situation.account, situation.at
    if term.duration_ms is not None:
        return max(account.supply.since.running_ms + term.duration_ms + frozen_ms(account, at) - at.running_ms, 0)
    if term.days is None or account.supply.dated_on is None or not at.trust.proven:
        return None
    try:
        calendar = situation.terms.calendars[account.policy.calendar]
        began, paused = date.fromisoformat(account.supply.dated_on), frozen_days(account, at)
        end = paused_term_end(began, term.days, term.day_kind, calendar, paused)
    except (KeyError, CalendarNotCovered):
        return None
    return max(civil.midnight_utc_ms(end, account.policy.time_zone) - at.utc_ms, 0)


def slot_left_ms(situation: Situation) -> int | None:
    """How long until escalation is allowed by the hour and day; 0 now, None when it cannot be known."""
    policy = situation.account.policy
    calendar = situation.terms.calendars.get(policy.calendar)
    if calendar is None:
        return None
    try:
        opens_ms = next_slot_utc_ms(
            policy.slots, situation.at.utc_ms, policy.time_zone, calendar, situation.account.commodity
        )
    except CalendarNotCovered:
        return None
    return None if opens_ms is None else opens_ms - situation.at.utc_ms


def _low(s: Situation) -> bool:
    policy = s.account.policy
    if s.balance_nano <= policy.low_credit_nano:
        return True
    days = days_left(s.account, s.balance_nano)
    return policy.low_credit_days is not None and days is not None and days <= policy.low_credit_days


def _clear_of_low(s: Situation) -> bool:
    policy = s.account.policy
    if s.balance_nano <= policy.low_credit_nano + policy.low_credit_hysteresis_nano:
        return False
    days = days_left(s.account, s.balance_nano)
    return policy.low_credit_days is None or days is None or days > policy.low_credit_days


def over(term: Term, cap_nano: int | None, s: Situation) -> bool:
    """A term is over, or the debt cap that shortens it is reached (decision 11)."""
    if cap_nano is not None and s.balance_nano <= -cap_nano:
        return True
    return term_left_ms(term, s) == 0


def can_limit(s: Situation) -> bool:
    """Reduced power is possible here and wanted by the policy (decision 15)."""
    return s.account.policy.limit_enabled and s.terms.can_limit and s.account.commodity is Commodity.ELECTRICITY


def _owes(s: Situation) -> bool:
    return legal.net_nano(s.account, s.at) > 0


def _out_of_reach(s: Situation) -> bool:
    return s.at.running_ms - s.account.contact_running_ms > s.account.policy.max_offline_ms


_CONDITIONS: dict[Condition, Callable[[Situation], bool]] = {
    Condition.NEGATIVE: lambda s: s.balance_nano < 0,
    Condition.NOT_NEGATIVE: lambda s: s.balance_nano >= 0,
    Condition.RESTORE_MIN: lambda s: s.balance_nano >= s.account.policy.restore_min_nano,
    Condition.LOW: _low,
    Condition.CLEAR_OF_LOW: _clear_of_low,
    Condition.GRACE_OVER: lambda s: over(s.account.policy.grace, s.account.policy.grace_debt_cap_nano, s),
    Condition.LIMIT_OVER: lambda s: over(s.account.policy.limit_term, s.account.policy.limit_debt_cap_nano, s),
    Condition.CAN_LIMIT: can_limit,
    Condition.CANNOT_LIMIT: lambda s: not can_limit(s),
    Condition.CAN_DISCONNECT: lambda s: s.terms.can_disconnect,
    Condition.PROTECTED: lambda s: protecting(s.account, s.at) is not None,
    Condition.OUT_OF_REACH: lambda s: _out_of_reach(s) or unanswered(s.account),
    Condition.OFFLINE_DEBT_CAP: lambda s: s.balance_nano <= -s.account.policy.offline_debt_cap_nano,
    Condition.NOT_CONFIRMED: lambda s: not vouched(s.account),
    Condition.TWICE_OFFLINE_CAP: lambda s: s.balance_nano <= -2 * s.account.policy.offline_debt_cap_nano,
    Condition.ARREARS: _owes,
    Condition.NO_ARREARS: lambda s: not _owes(s),
    Condition.LIMIT_FIRST: lambda s: legal.limited_first(s.account, s.terms),
    Condition.NO_LIMIT_FIRST: lambda s: not legal.limited_first(s.account, s.terms),
}


def _meter_trusted(s: Situation) -> bool:
    register = s.account.register
    if not register.trusted or register.at is None:
        return False
    return s.at.running_ms - register.at.running_ms <= s.account.policy.max_reading_age_ms


def _policy_valid(s: Situation) -> bool:
    policy = s.account.policy
    today = civil.local_date(s.at.utc_ms, policy.time_zone)
    calendar = s.terms.calendars.get(policy.calendar)
    if calendar is None or not calendar.covers(today.year):
        return False
    return policy.valid_from <= today.isoformat() and (policy.valid_to is None or today.isoformat() <= policy.valid_to)


def _notice_old_enough(s: Situation) -> bool:
    notice_ms = s.account.supply.notice_running_ms
    return notice_ms is not None and s.at.running_ms - notice_ms >= s.account.policy.min_after_notice_ms


def _slot_open(s: Situation) -> bool:
    policy = s.account.policy
    try:
        calendar = s.terms.calendars[policy.calendar]
        return slot_open(policy.slots, s.at.utc_ms, policy.time_zone, calendar, s.account.commodity)
    except (KeyError, CalendarNotCovered):
        return False


def _above_floor(s: Situation) -> bool:
    order = s.account.ordered
    assert order is not None, "a guard of orders"
    return legal.net_nano(s.account, s.at, order.arrears_id) > legal.rules_of(s.account).debt_floor_nano


def _terms_over(s: Situation) -> bool:
    """The first legal day of the order's rung has come; the clock has a guard of its own."""
    order = s.account.ordered
    assert order is not None, "a guard of orders"
    claim = next(one for one in s.account.arrears if one.arrears_id == order.arrears_id)
    try:
        bar = legal.first_legal(s.account, claim, order.target, s.terms, s.at)
    except (KeyError, CalendarNotCovered):
        return False
    return civil.local_date(s.at.utc_ms, s.account.policy.time_zone) >= bar.day


_GUARDS: dict[Guard, Callable[[Situation], bool]] = {
    Guard.ROLLBACK: lambda s: s.account.suspicion is None,
    Guard.CLOCK: lambda s: s.at.trust.proven,
    Guard.METER: _meter_trusted,
    Guard.POLICY: _policy_valid,
    Guard.REACH: lambda s: not _out_of_reach(s),
    Guard.DEBT: _above_floor,
    Guard.TERMS: _terms_over,
    Guard.HOLD: lambda s: not blocked_by(s.account, s.at, s.toward),
    Guard.NOTICE: _notice_old_enough,
    Guard.DWELL: lambda s: s.at.running_ms - s.account.supply.since.running_ms >= s.account.policy.min_dwell_ms,
    Guard.SLOT: _slot_open,
}
