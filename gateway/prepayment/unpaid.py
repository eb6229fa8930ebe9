"""The claims against a post-paid account: their notices, judged by the account's own terms, and their payment.

A notice is the base of every order that follows, so nothing is taken that would leave a term uncomputable: a missing
date, dates that contradict each other, too little time to pay, a year the calendar does not know (requirements 2.4).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from gateway.prepayment import civil, legal
from gateway.prepayment.account import Account, Terms
from gateway.prepayment.arrears import ARREARS_MAX, Arrears, ArrearsNoticed, ArrearsPaid, Proof
from gateway.prepayment.calendar import CalendarNotCovered
from gateway.prepayment.events import Detail
from gateway.prepayment.ledger import Happening, Record, Verdict, VerdictStatus
from gateway.prepayment.money import wire_money
from gateway.prepayment.policy import Anchor
from gateway.prepayment.supply import Commodity, SupplyState
from gateway.prepayment.taken import Taken, refused


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
    if known is not None and _brings_forward(known, request):
        return refused("arrears_exist", arrears=known.arrears_id)
    earliest = date.fromordinal(date.fromisoformat(request.due_on).toordinal() + rules.notice_after_days + 1)
    if request.issued_on < earliest.isoformat():
        return refused("too_early", rule="due", not_before=earliest.isoformat())
    least = legal.final_term_from(account, request)
    if request.final_term_on < least.day.isoformat():
        return refused("final_term_too_short", rule=request.proof.value, not_before=least.day.isoformat())
    return None


def _brings_forward(known: Arrears, request: ArrearsNoticed) -> bool:
    """A notice given again may leave more time, never less."""
    before = (known.due_on, known.issued_on, known.sent_on, known.notified_on, known.final_term_on)
    after = (request.due_on, request.issued_on, request.sent_on, request.notified_on, request.final_term_on)
    shorter = any((new or "") < (old or "") for old, new in zip(before, after, strict=True))
    return shorter or request.letter_days < known.letter_days


def _missing(account: Account, request: ArrearsNoticed) -> str:
    """The date without which a term of this policy could not be computed; "" when none is missing."""
    if request.proof is Proof.REGISTERED_LETTER and request.sent_on is None:
        return "sent_on"
    rules = legal.rules_of(account)
    days = rules.notified_limited_days or rules.notified_other_days  # a limiter may come or go
    if account.commodity is Commodity.GAS:
        days = rules.notified_gas_days
    counted = days > 0 or (rules.anchor is Anchor.NOTICE and rules.suspend_after_days > 0)
    if request.notified_on is None and (counted or request.proof is Proof.CERTIFIED_MAIL):
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
    came_nano = claim.amount_nano if request.amount_nano is None else request.amount_nano
    if came_nano <= 0:
        owed = f"{wire_money(claim.amount_nano)} {account.currency}"
        return refused("invalid_amount", arrears=claim.arrears_id, owed=owed)
    amount_nano = min(came_nano, claim.amount_nano)  # who paid too much must not stay cut off for it
    left = replace(claim, amount_nano=claim.amount_nano - amount_nano)
    claims = tuple(left if one is claim else one for one in account.arrears)
    claims = tuple(one for one in claims if one.amount_nano > 0)
    detail: Detail = (("arrears", claim.arrears_id), ("paid_nano", amount_nano), ("unpaid_nano", left.amount_nano))
    if came_nano > amount_nano:  # whose it is, the central system decides
        detail = (*detail, ("excess_nano", came_nano - amount_nano))
    records: tuple[Record, ...] = (Happening(request.at, account.account_id, "arrears.paid", detail),)
    if account.supply.state is SupplyState.TERMINATED:  # S1-15: paying alone brings nothing back
        happening = Happening(request.at, account.account_id, "restore.refused", (("reason", "no_contract"),))
        records = (*records, happening)
    answer = Verdict(VerdictStatus.APPLIED, "", detail)
    return Taken(lambda a: replace(a, arrears=claims), answer, told=lambda _before, _after: records)
