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
from gateway.prepayment.events import Detail, Moment
from gateway.prepayment.ledger import Happening, Record, Verdict, VerdictStatus
from gateway.prepayment.money import wire_money
from gateway.prepayment.policy import Anchor
from gateway.prepayment.supply import Commodity, SupplyState
from gateway.prepayment.taken import Taken, refused

_LEFT = "what is unpaid of the claim after this payment, 0.00 when nothing is"
_GROWN = "a claim only falls: what comes on top is a claim with an id of its own"


def noticed(account: Account, request: ArrearsNoticed, terms: Terms) -> Taken | Verdict:
    """A claim with its notice; refused when a date is missing, contradicts another or leaves too little time to pay."""
    refusal = _notice_refusal(account, request)
    if refusal is not None:
        return refusal
    claim = request.claim
    others = tuple(one for one in account.arrears if one.arrears_id != claim.arrears_id)
    if len(others) >= ARREARS_MAX:
        return refused("too_many_arrears")
    try:
        bars = legal.request_bars(account, claim, terms)
        first = max(bars, key=lambda bar: bar.day)
        _covered(account, terms, (claim.due_on, claim.issued_on, claim.final_term_on), first.day)
    except (KeyError, CalendarNotCovered):
        return refused("calendar_not_covered", calendar=account.policy.calendar)
    detail = (*facts(claim), ("legal_from", first.day.isoformat()), ("rule", first.rule))
    happening = Happening(request.at, account.account_id, "arrears.noticed", detail)
    answer = Verdict(VerdictStatus.APPLIED, "", (("legal_from", first.day.isoformat()), ("rule", first.rule)))
    return Taken(lambda a: replace(a, arrears=(*others, claim)), answer, told=lambda _before, _after: (happening,))


def stated(account: Account, claims: tuple[Arrears, ...], at: Moment) -> Verdict | None:
    """Why the claims of a resync cannot stand: each is held against what a notice must show; None when they can."""
    if len({one.arrears_id for one in claims}) != len(claims):
        return refused("arrears_exist", hint="each claim once")
    for claim in claims:
        refusal = _foreign(account, claim) or _undated(account, claim, at) or _too_short(account, claim)
        if refusal is not None:
            detail = (("arrears", claim.arrears_id), *refusal.detail, ("hint", "leave it out and give notice anew"))
            return replace(refusal, detail=detail)
    return None


def _notice_refusal(account: Account, request: ArrearsNoticed) -> Verdict | None:
    claim = request.claim
    refusal = _foreign(account, claim)
    if refusal is not None:
        return refusal
    if request.currency != account.currency:
        return refused("wrong_currency", expected=account.currency, got=request.currency)
    if not request.at.trust.proven:
        return refused("clock_untrusted")
    refusal = _undated(account, claim, request.at)
    if refusal is not None:
        return refusal
    known = next((one for one in account.arrears if one.arrears_id == claim.arrears_id), None)
    if known is not None and claim.amount_nano > known.amount_nano:
        # Else a payment that comes again could not be told from one of what came on top.
        owed = f"{wire_money(known.amount_nano)} {account.currency}"
        return refused("arrears_exist", arrears=known.arrears_id, owed=owed, hint=_GROWN)
    if known is not None and _brings_forward(known, claim):
        return refused("arrears_exist", arrears=known.arrears_id)
    return _too_short(account, claim)


def _foreign(account: Account, claim: Arrears) -> Verdict | None:
    """Not a claim against this account."""
    if account.policy.delinquency is None:
        return refused("not_applicable", initiator=account.policy.initiator.value)
    if claim.commodity is not account.commodity:
        return refused("other_commodity_debt", commodity=claim.commodity.value)
    return refused("invalid_amount") if claim.amount_nano <= 0 else None


def _undated(account: Account, claim: Arrears, at: Moment) -> Verdict | None:
    """A date is missing, contradicts another, or, where the time is proven, lies ahead."""
    missing = _missing(account, claim)
    if missing:
        return refused("incomplete_evidence", missing=missing)
    today = civil.local_date(at.utc_ms, account.policy.time_zone).isoformat()
    told = [day for day in (claim.issued_on, claim.sent_on, claim.notified_on) if day is not None]
    if [claim.due_on, *told] != sorted([claim.due_on, *told]) or (at.trust.proven and told[-1] > today):
        return refused("dates_contradict", today=today)
    return None


def _too_short(account: Account, claim: Arrears) -> Verdict | None:
    """Written too early, or with too little time to pay."""
    rules = legal.rules_of(account)
    earliest = date.fromordinal(date.fromisoformat(claim.due_on).toordinal() + rules.notice_after_days + 1)
    if claim.issued_on < earliest.isoformat():
        return refused("too_early", rule="due", not_before=earliest.isoformat())
    least = legal.final_term_from(account, claim)
    if claim.final_term_on < least.day.isoformat():
        return refused("final_term_too_short", rule=claim.proof.value, not_before=least.day.isoformat())
    return None


def _brings_forward(known: Arrears, claim: Arrears) -> bool:
    """A notice given again may leave more time, never less."""
    before = (known.due_on, known.issued_on, known.sent_on, known.notified_on, known.final_term_on)
    after = (claim.due_on, claim.issued_on, claim.sent_on, claim.notified_on, claim.final_term_on)
    shorter = any((new or "") < (old or "") for old, new in zip(before, after, strict=True))
    return shorter or claim.letter_days < known.letter_days


def _missing(account: Account, claim: Arrears) -> str:
    """The date without which a term of this policy could not be computed; "" when none is missing."""
    if claim.proof is Proof.REGISTERED_LETTER and claim.sent_on is None:
        return "sent_on"
    rules = legal.rules_of(account)
    days = rules.notified_limited_days or rules.notified_other_days  # a limiter may come or go
    if account.commodity is Commodity.GAS:
        days = rules.notified_gas_days
    counted = days > 0 or (rules.anchor is Anchor.NOTICE and rules.suspend_after_days > 0)
    if claim.notified_on is None and (counted or claim.proof is Proof.CERTIFIED_MAIL):
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
    """A claim, or a part of it, is paid. The supply is back when nothing undisputed is left (S1-14, 2.4).

    What is left decides and not what came: after a rollback neither ids nor numbers tell a payment that comes again,
    and the claim may be of the image, from before it, or of a resync, after it.
    """
    if request.amount_nano is not None and request.left_nano is None:
        return refused("missing_field", field="left", hint=_LEFT)
    if request.currency != account.currency:
        return refused("wrong_currency", expected=account.currency, got=request.currency)
    claim = next((one for one in account.arrears if one.arrears_id == request.arrears_id), None)
    if claim is None:
        return refused("no_arrears", arrears=request.arrears_id)
    came_nano = claim.amount_nano if request.amount_nano is None else request.amount_nano
    if came_nano <= 0:
        owed = f"{wire_money(claim.amount_nano)} {account.currency}"
        return refused("invalid_amount", arrears=claim.arrears_id, owed=owed)
    left = replace(claim, amount_nano=min(claim.amount_nano, request.left_nano or 0))
    amount_nano = claim.amount_nano - left.amount_nano
    detail: Detail = (("arrears", claim.arrears_id), ("unpaid_nano", claim.amount_nano))
    if amount_nano == 0:
        return Verdict(VerdictStatus.ALREADY_INCLUDED, "already_included", detail)
    claims = tuple(left if one is claim else one for one in account.arrears)
    claims = tuple(one for one in claims if one.amount_nano > 0)
    detail = (("arrears", claim.arrears_id), ("paid_nano", amount_nano), ("unpaid_nano", left.amount_nano))
    if came_nano > amount_nano and left.amount_nano == 0:  # too much: whose it is, the central system decides
        detail = (*detail, ("excess_nano", came_nano - amount_nano))
    records: tuple[Record, ...] = (Happening(request.at, account.account_id, "arrears.paid", detail),)
    if account.supply.state is SupplyState.TERMINATED:  # S1-15: paying alone brings nothing back
        happening = Happening(request.at, account.account_id, "restore.refused", (("reason", "no_contract"),))
        records = (*records, happening)
    answer = Verdict(VerdictStatus.APPLIED, "", detail)
    return Taken(lambda a: replace(a, arrears=claims), answer, told=lambda _before, _after: records)
