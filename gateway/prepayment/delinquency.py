"""Post-paid: notices, payments and orders, and why an order is refused (requirements 2.4).

Nothing here makes a supply worse by itself: a rung is only taken on an order, and only when the account's own policy,
calendar, holds, clock and meter let it (`ladder.DELINQUENCY`). An order that is refused for the slot alone may wait for
the next one; everything is asked again then, and an order that fails then is dropped and put on record.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from enum import StrEnum

from gateway.prepayment import civil, legal
from gateway.prepayment.account import Account, Outcome, Terms
from gateway.prepayment.arrears import (
    ARREARS_MAX,
    Arrears,
    ArrearsNoticed,
    ArrearsPaid,
    Ordered,
    ReconnectAllowed,
    Reconnected,
    SupplyOrdered,
)
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
from gateway.prepayment.policy import Anchor
from gateway.prepayment.supply import Commodity, SupplyState, Voltage
from gateway.prepayment.taken import Taken, refused

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
        end = legal.terminable_from(account, account.arrears)
        return Phase.TERMINABLE if end is not None and today >= end else Phase.SUSPENDED
    if state is _S.NOTICED and at.trust.proven:
        target = _S.LIMITED if legal.limited_first(account, terms) else _S.SUSPENDED
        days = [
            bar.day for one in account.arrears if (bar := _first_legal(account, one, target, terms, at)) is not None
        ]
        return Phase.REQUESTABLE if any(today >= day for day in days) else Phase.NOTICED
    return Phase(state.value)


def noticed(account: Account, request: ArrearsNoticed, terms: Terms) -> Taken | Verdict:
    """A claim with its notice; refused when a date is missing, contradicts another or leaves too little time to pay."""
    refusal = _notice_refusal(account, request)
    if refusal is not None:
        return refusal
    others = tuple(one for one in account.arrears if one.arrears_id != request.arrears_id)
    if len(others) >= ARREARS_MAX:
        return refused("too_many_arrears")
    claim = Arrears(
        arrears_id=request.arrears_id,
        commodity=request.commodity,
        amount_nano=request.amount_nano,
        due_on=request.due_on,
        issued_on=request.issued_on,
        sent_on=request.sent_on,
        notified_on=request.notified_on,
        proof=request.proof,
        final_term_on=request.final_term_on,
        letter_days=request.letter_days,
        invoices=request.invoices,
        legal_ref=request.legal_ref,
        at=request.at,
    )
    try:
        bars = legal.request_bars(account, claim, terms)
        first = max(bars, key=lambda bar: bar.day)
        _covered(account, terms, (request.due_on, request.issued_on, request.final_term_on), first.day)
    except (KeyError, CalendarNotCovered):
        return refused("calendar_not_covered", calendar=account.policy.calendar)
    detail = (*facts(claim), ("legal_from", first.day.isoformat()), ("rule", first.rule))
    happening = Happening(request.at, account.account_id, "arrears.noticed", detail)
    answer = Verdict(VerdictStatus.APPLIED, "", (("legal_from", first.day.isoformat()), ("rule", first.rule)))
    return Taken(lambda a: replace(a, arrears=(*others, claim)), answer, told=lambda _before, _after: (happening,))


def _notice_refusal(account: Account, request: ArrearsNoticed) -> Verdict | None:  # noqa: PLR0911 - one per reason
    rules = account.policy.delinquency
    if rules is None:
        return refused("not_applicable", initiator=account.policy.initiator.value)
    if request.commodity is not account.commodity:
        return refused("other_commodity_debt", commodity=request.commodity.value)
    if request.currency != account.currency:
        return refused("wrong_currency", expected=account.currency, got=request.currency)
    if request.amount_nano <= 0:
        return refused("invalid_amount")
    if not request.at.trust.proven:
        return refused("clock_untrusted")
    missing = _missing(account, request)
    if missing:
        return refused("incomplete_evidence", missing=missing)
    today = civil.local_date(request.at.utc_ms, account.policy.time_zone).isoformat()
    told = [day for day in (request.issued_on, request.sent_on, request.notified_on) if day is not None]
    if [request.due_on, *told] != sorted([request.due_on, *told]) or told[-1] > today:
        return refused("dates_contradict", today=today)
    known = next((one for one in account.arrears if one.arrears_id == request.arrears_id), None)
    if known is not None and (known.due_on, known.issued_on) > (request.due_on, request.issued_on):
        return refused("arrears_exist", arrears=known.arrears_id)
    earliest = date.fromordinal(date.fromisoformat(request.due_on).toordinal() + rules.notice_after_days + 1)
    if request.issued_on < earliest.isoformat():
        return refused("too_early", rule="due", not_before=earliest.isoformat())
    least = legal.final_term_from(account, request)
    if least is None or request.final_term_on < least.day.isoformat():
        day = "" if least is None else least.day.isoformat()
        return refused("final_term_too_short", rule=request.proof.value, not_before=day)
    return None


def _missing(account: Account, request: ArrearsNoticed) -> str:
    """The date without which a term of this policy could not be computed; "" when none is missing."""
    if request.proof.value == "registered_letter" and request.sent_on is None:
        return "sent_on"
    rules = legal.rules_of(account)
    days = rules.notified_limited_days or rules.notified_other_days  # a limiter may come or go
    if account.commodity is Commodity.GAS:
        days = rules.notified_gas_days
    counted = days > 0 or (rules.anchor is Anchor.NOTICE and rules.suspend_after_days > 0)
    if request.notified_on is None and (counted or request.proof.value == "certified_mail"):
        return "notified_on"
    return ""


def _covered(account: Account, terms: Terms, days: tuple[str, ...], last: date) -> None:
    """Raise CalendarNotCovered unless the calendar knows every year that the notice speaks of."""
    calendar = terms.calendars[account.policy.calendar]
    for year in range(int(min(days)[:4]), last.year + 1):
        if not calendar.covers(year):
            raise CalendarNotCovered(calendar.name, year)


def facts(claim: Arrears) -> Detail:
    """The evidence of a claim, as rows name it."""
    dated = (("sent_on", claim.sent_on), ("notified_on", claim.notified_on))
    return (
        ("arrears", claim.arrears_id),
        ("unpaid_nano", claim.amount_nano),
        ("proof", claim.proof.value),
        ("due_on", claim.due_on),
        ("issued_on", claim.issued_on),
        *((name, day) for name, day in dated if day is not None),
        ("final_term_on", claim.final_term_on),
        ("letter_days", claim.letter_days),
        ("invoices", " ".join(claim.invoices)),
        ("notice_ref", claim.legal_ref),
    )


def paid(account: Account, request: ArrearsPaid) -> Taken | Verdict:
    """A claim, or a part of it, is paid. The supply is back when nothing undisputed is left (S1-14, 2.4)."""
    if request.currency != account.currency:
        return refused("wrong_currency", expected=account.currency, got=request.currency)
    claim = next((one for one in account.arrears if one.arrears_id == request.arrears_id), None)
    if claim is None:
        return refused("no_arrears", arrears=request.arrears_id)
    amount_nano = claim.amount_nano if request.amount_nano is None else request.amount_nano
    if not 0 < amount_nano <= claim.amount_nano:
        return refused("invalid_amount", arrears=claim.arrears_id)
    left = replace(claim, amount_nano=claim.amount_nano - amount_nano)
    claims = tuple(left if one is claim else one for one in account.arrears)
    claims = tuple(one for one in claims if one.amount_nano > 0)
    detail: Detail = (("arrears", claim.arrears_id), ("paid_nano", amount_nano), ("unpaid_nano", left.amount_nano))
    records: tuple[Record, ...] = (Happening(request.at, account.account_id, "arrears.paid", detail),)
    if account.supply.state is _S.TERMINATED:  # S1-15: paying alone brings nothing back
        happening = Happening(request.at, account.account_id, "restore.refused", (("reason", "no_contract"),))
        records = (*records, happening)
    answer = Verdict(VerdictStatus.APPLIED, "", detail)
    return Taken(lambda a: replace(a, arrears=claims), answer, told=lambda _before, _after: records)


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
        return Taken(lambda a: replace(a, ordered=order), transition=decision.rule)
    if decision.blocked != Guard.SLOT or not request.queue:
        return _blocked(situation, order, decision.blocked)
    slot_ms = _slot_ms(situation)
    if slot_ms is None:
        return refused("calendar_not_covered", calendar=account.policy.calendar)
    queued = replace(order, slot_utc_ms=slot_ms)
    answer = Verdict(VerdictStatus.APPLIED, "queued", (("next_slot_utc_ms", slot_ms),))
    happening = Happening(request.at, account.account_id, "supply.order_queued", _named(queued))
    return Taken(lambda a: replace(a, ordered=queued), answer, told=lambda _before, _after: (happening,))


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
            return refused("too_early", rule="dwell", not_before_utc_ms=at.utc_ms + wait_ms)
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
    """What the post-paid ladder does without a new order: restore, or carry out a kept order whose slot has begun."""
    account = outcome.account
    rules, order = RULES[account.supply.state], account.ordered
    if order is None or order.slot_utc_ms is None or not at.trust.proven or at.utc_ms < order.slot_utc_ms:
        return outcome, decide(rules, situation_of(account, terms, at))
    situation = situation_of(account, terms, at)
    refusal = _inapplicable(account, order, terms)
    decision = decide(rules, situation, ordered=order.target)
    if refusal is None and decision.rule is not None:
        return outcome, decision
    if refusal is None and decision.blocked == Guard.SLOT and (slot_ms := _slot_ms(situation)) is not None:
        return replace(outcome, account=replace(account, ordered=replace(order, slot_utc_ms=slot_ms))), Decision()
    refusal = refusal or _blocked(situation, order, decision.blocked)
    dropped = (*_named(order), ("reason", refusal.reason), *refusal.detail)
    happening = Happening(at, account.account_id, "supply.order_refused", dropped)
    outcome = replace(outcome, account=replace(account, ordered=None), records=(*outcome.records, happening))
    return outcome, decide(rules, situation_of(outcome.account, terms, at))


def queue_left_ms(account: Account, at: Moment) -> int | None:
    """How long until a kept order is looked at again; None when there is none."""
    if account.ordered is None or account.ordered.slot_utc_ms is None:
        return None
    return max(account.ordered.slot_utc_ms - at.utc_ms, 1)


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
    if order is None or order.slot_utc_ms is None or rule.target is order.target:
        return ()
    return (Happening(at, account.account_id, "supply.order_refused", (*_named(order), ("reason", rule.name))),)


def close_refusal(account: Account, at: Moment) -> Verdict | None:
    """Why the contract may not end for arrears yet (S1-14); None when it may."""
    if account.policy.delinquency is None or account.supply.state is not _S.SUSPENDED:
        return refused("not_applicable", state=account.supply.state.value)
    if not account.arrears:
        return refused("no_notice")
    if not at.trust.proven:
        return refused("clock_untrusted")
    held = blocked_by(account, at, _S.TERMINATED)
    if held:
        return refused("held", hold=held)
    if legal.net_nano(account, at) <= account.policy.delinquency.debt_floor_nano:
        return refused("debt_floor")
    end = legal.terminable_from(account, account.arrears)
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
