"""Post-paid: orders, why one is refused, and the word from the site (requirements 2.4). Claims are in `unpaid.py`.

Nothing here makes a supply worse by itself: a rung is only taken on an order, and only when the account's own policy,
calendar, holds, clock and meter let it (`ladder.DELINQUENCY`). An order that is refused for the slot alone may wait for
the next one; everything is asked again then, and an order that fails then is dropped and put on record.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from gateway.prepayment import civil, legal
from gateway.prepayment.account import Account, Outcome, Terms
from gateway.prepayment.arrears import Arrears, Ordered, ReconnectAllowed, Reconnected, SupplyOrdered
from gateway.prepayment.calendar import CalendarNotCovered
from gateway.prepayment.events import Detail, Moment
from gateway.prepayment.holds import blocked_by
from gateway.prepayment.ladder import (
    DELINQUENCY,
    Decision,
    Guard,
    Rule,
    Situation,
    by_state,
    decide,
    situation_of,
)
from gateway.prepayment.ledger import Happening, Record, Verdict, VerdictStatus
from gateway.prepayment.rollback import vouched
from gateway.prepayment.supply import Commodity, SupplyState, Voltage
from gateway.prepayment.taken import Taken, refused
from gateway.prepayment.unpaid import facts

RULES = by_state(DELINQUENCY)
_S = SupplyState


class Phase(StrEnum):
    """Where a post-paid supply stands: its rung, and what its dates allow at this instant.

    An invoice that is overdue without a notice is known to the central system alone.
    """

    REGULAR = "REGULAR"
    NOTICED = "NOTICED"
    REQUESTABLE = "REQUESTABLE"
    LIMITED = "LIMITED"
    SUSPENDED = "SUSPENDED"
    TERMINABLE = "TERMINABLE"
    TERMINATED = "TERMINATED"


def phase_of(account: Account, terms: Terms, at: Moment) -> Phase:
    """The phase now; without proven time no term is over."""
    state = account.supply.state
    today = civil.local_date(at.utc_ms, account.policy.time_zone)
    if state is _S.SUSPENDED and at.trust.proven:
        end = legal.terminable_from(account, account.arrears, at)
        return Phase.TERMINABLE if end is not None and today >= end else Phase.SUSPENDED
    if state is _S.NOTICED and at.trust.proven:
        target = _S.LIMITED if legal.limited_first(account, terms) else _S.SUSPENDED
        days = [
            bar.day for one in account.arrears if (bar := _first_legal(account, one, target, terms, at)) is not None
        ]
        return Phase.REQUESTABLE if any(today >= day for day in days) else Phase.NOTICED
    return Phase(state.value)


def ordered(account: Account, request: SupplyOrdered, terms: Terms) -> Taken | Verdict:
    """Limit or suspend, now or (queued) in the next slot; a refusal names the first legal instant."""
    order = Ordered(request.target, request.arrears_id, request.command_id, request.legal_ref, request.at)
    refusal = _inapplicable(account, order, terms)
    if refusal is None and legal.rules_of(account).hearing_required and not request.affected_heard:
        refusal = refused("no_hearing")
    if refusal is not None:
        return refusal
    situation = situation_of(replace(account, ordered=order), terms, request.at)
    decision = decide(RULES[account.supply.state], situation, ordered=order.target)
    if decision.rule is not None and decision.rule.target is order.target:
        before = _replaced(account, request.at)
        return Taken(lambda a: replace(a, ordered=order), transition=decision.rule, told=lambda _before, _after: before)
    if decision.blocked != Guard.SLOT or not request.queue:
        return _blocked(situation, order, decision.blocked)
    slot_ms = _slot_ms(situation)
    if slot_ms is None:
        return refused("calendar_not_covered", calendar=account.policy.calendar)
    queued = replace(order, slot_utc_ms=slot_ms)
    answer = Verdict(VerdictStatus.APPLIED, "queued", (("next_slot_utc_ms", slot_ms),))
    happening = Happening(request.at, account.account_id, "supply.order_queued", _named(queued))
    told = (*_replaced(account, request.at), happening)
    return Taken(lambda a: replace(a, ordered=queued), answer, told=lambda _before, _after: told)


def _inapplicable(account: Account, order: Ordered, terms: Terms) -> Verdict | None:  # noqa: PLR0911 - one per reason
    """Why this order could not be carried out at any time, as things stand."""
    state, limits = account.supply.state, order.target is _S.LIMITED
    if account.policy.delinquency is None:
        return refused("not_applicable", initiator=account.policy.initiator.value)
    if limits and (account.commodity is Commodity.GAS or account.voltage is not Voltage.LV):
        return refused("not_applicable", commodity=account.commodity.value, voltage=account.voltage.value)
    if limits and not account.policy.limit_enabled:
        return refused("not_applicable", policy=account.policy.policy_id)
    if limits and not terms.can_limit:
        return refused("cannot_limit")
    if not limits and not terms.can_disconnect:
        return refused("no_actuator")
    if not account.arrears:
        return refused("no_notice")
    if all(one.arrears_id != order.arrears_id for one in account.arrears):
        return refused("no_arrears", arrears=order.arrears_id)
    if state is _S.REGULAR:
        return refused("debt_floor", arrears=order.arrears_id)  # all of it is disputed
    if state not in ((_S.NOTICED,) if limits else (_S.NOTICED, _S.LIMITED)):
        return refused("not_applicable", state=state.value)
    if not limits and state is _S.NOTICED and legal.limited_first(account, terms):
        return refused("not_applicable", state=state.value, needs="supply_limit")
    return None


def _blocked(situation: Situation, order: Ordered, reason: str) -> Verdict:
    """The refusal with what helps: the first legal instant, the hold, the next slot."""
    account, terms, at = situation.account, situation.terms, situation.at
    match reason:
        case Guard.TERMS:
            claim = next(one for one in account.arrears if one.arrears_id == order.arrears_id)
            bar = _first_legal(account, claim, order.target, terms, at)
            if bar is None:
                return refused("calendar_not_covered", calendar=account.policy.calendar)
            return _too_early(account, bar, terms, at)
        case Guard.DWELL:
            wait_ms = account.supply.since.running_ms + account.policy.min_dwell_ms - at.running_ms
            over = replace(at, utc_ms=at.utc_ms + wait_ms)
            over_on = civil.local_date(over.utc_ms, account.policy.time_zone)
            slot_ms = legal.first_instant_ms(account, over_on, terms, over)
            return refused("too_early", rule="dwell", **({} if slot_ms is None else {"not_before_utc_ms": slot_ms}))
        case Guard.HOLD:
            return refused("held", hold=blocked_by(account, at, order.target))
        case Guard.SLOT:
            slot_ms = _slot_ms(situation)
            return refused("slot_blocked") if slot_ms is None else refused("slot_blocked", next_slot_utc_ms=slot_ms)
        case Guard.DEBT:
            return refused("debt_floor", arrears=order.arrears_id)
        case "":
            return refused("held")  # a protective hold is about to restore the supply
        case _:
            return refused(reason)


def _too_early(account: Account, bar: legal.Bar, terms: Terms, at: Moment) -> Verdict:
    instant_ms = legal.first_instant_ms(account, bar.day, terms, at)
    if instant_ms is None:
        return refused("too_early", rule=bar.rule, legal_from=bar.day.isoformat())
    return refused("too_early", rule=bar.rule, legal_from=bar.day.isoformat(), not_before_utc_ms=instant_ms)


def _first_legal(account: Account, claim: Arrears, target: SupplyState, terms: Terms, at: Moment) -> legal.Bar | None:
    try:
        return legal.first_legal(account, claim, target, terms, at)
    except (KeyError, CalendarNotCovered):
        return None


def _slot_ms(situation: Situation) -> int | None:
    today = civil.local_date(situation.at.utc_ms, situation.account.policy.time_zone)
    return legal.first_instant_ms(situation.account, today, situation.terms, situation.at)


def review(outcome: Outcome, terms: Terms, at: Moment) -> tuple[Outcome, Decision]:
    """What the post-paid ladder does without a new order: restore, or carry out a kept order whose slot has begun.

    The order waits while nobody vouches for the books: old ones may have forgotten a payment.
    """
    account = outcome.account
    rules, order = RULES[account.supply.state], account.ordered
    begins_ms = None if order is None else order.slot_utc_ms
    if order is None or begins_ms is None or at.utc_ms < begins_ms or not at.trust.proven or not vouched(account):
        return outcome, decide(rules, situation_of(account, terms, at))
    situation = situation_of(account, terms, at)
    refusal = _inapplicable(account, order, terms)
    decision = Decision() if refusal is not None else decide(rules, situation, ordered=order.target)
    if decision.rule is not None:
        return outcome, decision
    if decision.blocked == Guard.SLOT and (slot_ms := _slot_ms(situation)) is not None:
        return replace(outcome, account=replace(account, ordered=replace(order, slot_utc_ms=slot_ms))), Decision()
    refusal = refusal or _blocked(situation, order, decision.blocked)
    dropped = (*_named(order), ("reason", refusal.reason), *refusal.detail)
    happening = Happening(at, account.account_id, "supply.order_refused", dropped)
    outcome = replace(outcome, account=replace(account, ordered=None), records=(*outcome.records, happening))
    return outcome, decide(rules, situation_of(outcome.account, terms, at))


def queue_left_ms(account: Account, at: Moment) -> int | None:
    """How long until the slot of a kept order begins; None when there is none, or it waits for something else."""
    if account.ordered is None or account.ordered.slot_utc_ms is None:
        return None
    left_ms = account.ordered.slot_utc_ms - at.utc_ms
    return left_ms if left_ms > 0 else None


def _named(order: Ordered) -> Detail:
    slot: Detail = () if order.slot_utc_ms is None else (("next_slot_utc_ms", order.slot_utc_ms),)
    named = (("command_id", order.command_id), ("target", order.target.value), ("arrears", order.arrears_id))
    return (*named, ("legal_ref", order.legal_ref), *slot)


def evidence(account: Account, rule: Rule, terms: Terms, at: Moment) -> Detail:
    """What a person would ask about an order that was carried out (2.8, invariant 11)."""
    order = account.ordered
    if rule.target is _S.TERMINATED:
        return facts(account.arrears[0]) if account.arrears else ()
    claim = next((one for one in account.arrears if order is not None and one.arrears_id == order.arrears_id), None)
    if order is None or claim is None or rule.target is not order.target:
        return ()
    bar = _first_legal(account, claim, order.target, terms, at)
    legal_from: Detail = () if bar is None else (("legal_from", bar.day.isoformat()), ("term", bar.rule))
    net = ("net_nano", legal.net_nano(account, at, claim.arrears_id))
    return (("command_id", order.command_id), ("legal_ref", order.legal_ref), *facts(claim), net, *legal_from)


def dropped(account: Account, rule: Rule, at: Moment) -> tuple[Record, ...]:
    """A kept order that another change of rung makes pointless, on record."""
    order = account.ordered
    return () if order is None or rule.target is order.target else _replaced(account, at, rule.name)


def _replaced(account: Account, at: Moment, reason: str = "replaced") -> tuple[Record, ...]:
    """A kept order that something else ends before its slot, on record."""
    order = account.ordered
    if order is None or order.slot_utc_ms is None:
        return ()
    return (Happening(at, account.account_id, "supply.order_refused", (*_named(order), ("reason", reason))),)


def close_refusal(account: Account, at: Moment) -> Verdict | None:
    """Why the contract may not end for arrears yet (S1-14); None when it may."""
    if account.policy.delinquency is None or account.supply.state is not _S.SUSPENDED:
        return refused("not_applicable", state=account.supply.state.value)
    if not account.arrears:
        return refused("no_notice")
    if account.suspicion is not None:  # the day of suspension may be another's, and the claim paid
        return refused(Guard.ROLLBACK.value)
    if not at.trust.proven:
        return refused("clock_untrusted")
    held = blocked_by(account, at, _S.TERMINATED)
    if held:
        return refused("held", hold=held)
    if legal.net_nano(account, at) <= account.policy.delinquency.debt_floor_nano:
        return refused("debt_floor")
    end = legal.terminable_from(account, account.arrears, at)
    today = civil.local_date(at.utc_ms, account.policy.time_zone)
    if end is None or today < end:
        since = "" if end is None else end.isoformat()
        return refused("too_early", rule="suspended", not_before=since)
    return None


def reconnect_allowed(account: Account, request: ReconnectAllowed) -> Taken | Verdict:
    """Somebody on site says the supply may close (decision 14)."""
    if not account.armed:
        return refused("not_armed", state=account.supply.state.value)
    if account.lockout is not None:
        return refused("locked_out", by=account.lockout)
    happening = Happening(request.at, account.account_id, "supply.reconnected", (("by", request.confirmed_by),))
    return Taken(lambda a: replace(a, armed=False), told=lambda _before, _after: (happening,))


def reconnected(account: Account, event: Reconnected) -> Outcome:
    """The switch is closed, by somebody's hand or because it never was open: nothing waits for it any more."""
    if not account.armed:
        return Outcome(account)
    happening = Happening(event.at, account.account_id, "supply.reconnected", (("by", ""),))
    return Outcome(replace(account, armed=False), (happening,))
