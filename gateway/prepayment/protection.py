"""What protects a customer, or somebody at work on the line: holds, outages and the lock-out (decisions 11, 13)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from gateway.prepayment import civil
from gateway.prepayment.account import Account, Terms
from gateway.prepayment.calendar import Calendar, CalendarNotCovered, day_term_end
from gateway.prepayment.events import Detail, Hold, HoldKind, HoldReleased, HoldSet, LockoutSet, Moment
from gateway.prepayment.holds import HELD_RUNGS, blocked_by, tidied, window
from gateway.prepayment.ledger import Happening, Record, Verdict, VerdictStatus
from gateway.prepayment.outages import OUTAGE_MAX_MS, OUTAGES_MAX, Outage, OutageCancelled, OutagePlanned
from gateway.prepayment.policy import DayKind
from gateway.prepayment.taken import Taken, refused

HOLDS_MAX = 16
DISPUTE_DAYS = 30
"""From the written notice of a reconstruction, the last day included (S2-22)."""
SAME_DAY_UNTIL_MINUTE = 18 * 60
"""A proof of payment that comes later is handled on the next giorno feriale (requirements 2.2)."""


def hold_set(account: Account, request: HoldSet, terms: Terms) -> Taken | Verdict:
    """Accept a hold unless it would take something away: that is a release, which must prove freshness."""
    account = tidied(account, request.at)
    others = tuple(hold for hold in account.holds if hold.hold_id != request.hold_id)
    of_its_kind = [hold for hold in others if hold.kind.protective or not request.kind.protective]
    if len(of_its_kind) >= HOLDS_MAX:
        return refused("too_many_holds")
    refusal = _hold_refusal(account, request)
    if refusal is not None:
        return refusal
    hold = _hold(account, request, terms)
    known = next((known for known in account.holds if known.hold_id == request.hold_id), None)
    if known is not None and _weaker(hold, than=known):
        return refused("hold_exists", hold=request.hold_id)
    if known is not None and known.kind is HoldKind.OUTAGE:
        hold = replace(hold, began=known.began)
    return Taken(
        lambda a: replace(tidied(a, request.at), holds=(*others, hold)),
        told=lambda _before, after: (_told(after, request.at, "hold.set", _facts(hold, request.command_id)),),
    )


def _hold_refusal(account: Account, request: HoldSet) -> Verdict | None:
    """What no hold of this kind can be; dates are only judged by a proven clock, for a hold helps."""
    if (request.amount_nano > 0) and request.kind is not HoldKind.DISPUTE:
        return refused("not_applicable", field="amount", kind=request.kind.value)
    if request.rungs and (request.kind.protective or request.kind in (HoldKind.DISPUTE, HoldKind.OUTAGE)):
        return refused("not_applicable", field="rungs", kind=request.kind.value)
    if any(rung not in HELD_RUNGS for rung in request.rungs):
        return refused("not_applicable", field="rungs", allowed=" ".join(rung.value for rung in HELD_RUNGS))
    if not request.at.trust.proven:
        return None
    if request.until_utc_ms is not None and request.until_utc_ms <= request.at.utc_ms:
        return refused("hold_over", until_utc_ms=request.until_utc_ms)
    return None if request.notice_utc_ms is None else _dispute_refusal(account, request, request.notice_utc_ms)


def _dispute_refusal(account: Account, request: HoldSet, notice_utc_ms: int) -> Verdict | None:
    """Thirty days from the written notice to contest it, longer by the central system's word (S2-22)."""
    if notice_utc_ms > request.at.utc_ms:
        return refused("notice_ahead", notice_utc_ms=notice_utc_ms)
    zone = account.policy.time_zone
    last = civil.local_date(notice_utc_ms, zone) + timedelta(days=DISPUTE_DAYS)
    if request.override or civil.local_date(request.at.utc_ms, zone) <= last:
        return None
    return refused("dispute_too_late", last_day=last.isoformat(), hint="override: true accepts it all the same")


def _hold(account: Account, request: HoldSet, terms: Terms) -> Hold:
    until_utc_ms = request.until_utc_ms
    if until_utc_ms is None and request.kind is HoldKind.PAYMENT_PROOF:
        until_utc_ms = _proof_ends_ms(account, request.at, terms)
    return Hold(
        request.hold_id,
        request.kind,
        until_utc_ms,
        amount_nano=request.amount_nano,
        rungs=request.rungs,
        set_by=request.set_by,
        reason=request.reason,
        began=request.at if request.kind is HoldKind.OUTAGE else None,
    )


def _weaker(hold: Hold, *, than: Hold) -> bool:
    """It would protect, hold, net or freeze less than the one it replaces, or for a shorter time."""
    if hold.until_utc_ms is not None and (than.until_utc_ms is None or hold.until_utc_ms < than.until_utc_ms):
        return True
    if hold.amount_nano < than.amount_nano or (than.kind is HoldKind.OUTAGE and hold.kind is not HoldKind.OUTAGE):
        return True
    if hold.kind.protective or than.kind.protective:
        return not hold.kind.protective
    if hold.rungs and not (than.rungs and set(than.rungs) <= set(hold.rungs)):
        return True
    return hold.kind is HoldKind.DISPUTE and hold.amount_nano > 0 and not (than.kind is hold.kind and than.amount_nano)


def _proof_ends_ms(account: Account, at: Moment, terms: Terms) -> int | None:
    """A proof of payment holds for a few working days unless the command says otherwise (requirements 2.5)."""
    policy = account.policy
    calendar = terms.calendars.get(policy.calendar)
    if calendar is None or not at.trust.dated:
        return None
    try:
        received = _handled_on(at.utc_ms, policy.time_zone, calendar)
        end = day_term_end(received, policy.payment_proof_working_days, DayKind.WORKING, calendar)
    except CalendarNotCovered:
        return None
    return civil.midnight_utc_ms(end, policy.time_zone)


def _handled_on(utc_ms: int, zone: str, calendar: Calendar) -> date:
    """The day a proof is handled: Monday to Saturday until 18:00 the same, else the next giorno feriale."""
    day = civil.local_date(utc_ms, zone)
    if civil.local_minute(utc_ms, zone) >= SAME_DAY_UNTIL_MINUTE:
        day += timedelta(days=1)
    while not calendar.is_feriale(day):
        day += timedelta(days=1)
    return day


def hold_released(account: Account, request: HoldReleased) -> Taken | Verdict:
    """End a hold; refused when there is none of this id. What an outage held up stays held up."""
    known = next((hold for hold in account.holds if hold.hold_id == request.hold_id), None)
    if known is None:
        return refused("no_hold", hold=request.hold_id)
    who = (("released_by", request.released_by), ("release_reason", request.reason))
    return Taken(
        lambda a: _released(a, known, request.at),
        told=lambda _before, after: (
            _told(after, request.at, "hold.released", (*_facts(known, request.command_id), *who)),
        ),
    )


def _released(account: Account, hold: Hold, at: Moment) -> Account:
    left = replace(account, holds=tuple(other for other in account.holds if other != hold))
    if hold.kind is not HoldKind.OUTAGE:
        return left
    over = Outage(hold.hold_id, *window(hold, at), hold.reason, hold.set_by)
    return tidied(replace(left, outages=(*left.outages, over)), at)


def outage_planned(account: Account, request: OutagePlanned) -> Taken | Verdict:
    """Note an outage; under a known id the window may only grow, to shrink it is to cancel it."""
    asked = request.outage
    if not 0 < asked.ends_utc_ms - asked.begins_utc_ms <= OUTAGE_MAX_MS:
        return refused("outage_length", max_ms=OUTAGE_MAX_MS)
    if request.at.trust.proven and asked.ends_utc_ms <= request.at.utc_ms:
        return refused("outage_over", ends_utc_ms=asked.ends_utc_ms)
    account = tidied(account, request.at)
    others = tuple(outage for outage in account.outages if outage.outage_id != asked.outage_id)
    known = next((outage for outage in account.outages if outage.outage_id == asked.outage_id), None)
    if known is not None and not (
        asked.begins_utc_ms <= known.begins_utc_ms and known.ends_utc_ms <= asked.ends_utc_ms
    ):
        return refused("outage_exists", outage=asked.outage_id)
    if sum(outage.ends_utc_ms > request.at.utc_ms for outage in others) >= OUTAGES_MAX:
        return refused("too_many_outages")
    return Taken(
        lambda a: replace(tidied(a, request.at), outages=(*others, asked)),
        told=lambda _before, after: (
            _told(after, request.at, "outage.planned", (*_window_facts(asked), ("command_id", request.command_id))),
        ),
    )


def outage_cancelled(account: Account, request: OutageCancelled) -> Taken | Verdict:
    """An outage that does not take place, or is over: what has passed of it stays counted."""
    known = next((outage for outage in account.outages if outage.outage_id == request.outage_id), None)
    if known is None:
        return refused("no_outage", outage=request.outage_id)
    others = tuple(outage for outage in account.outages if outage is not known)
    begun = known.begins_utc_ms < request.at.utc_ms
    left = (replace(known, ends_utc_ms=min(known.ends_utc_ms, request.at.utc_ms)),) if begun else ()
    who = (("cancelled_by", request.cancelled_by), ("cancel_reason", request.reason))
    facts = (*_window_facts(known), ("command_id", request.command_id), *who)
    return Taken(
        lambda a: tidied(replace(a, outages=(*others, *left)), request.at),
        told=lambda _before, after: (_told(after, request.at, "outage.cancelled", facts),),
    )


def holding(account: Account, at: Moment) -> Detail:
    """Which hold or outage keeps an escalation waiting, for the record; empty when none does."""
    state = account.supply.state
    worse = HELD_RUNGS[HELD_RUNGS.index(state) + 1 :] if state in HELD_RUNGS else HELD_RUNGS
    held = next((found for rung in worse if (found := blocked_by(account, at, rung))), "")
    return (("hold", held),) if held else ()


def _told(account: Account, at: Moment, what: str, detail: Detail) -> Record:
    return Happening(at, account.account_id, what, detail)


def _facts(hold: Hold, command_id: str) -> Detail:
    """Who set it, until when, which rungs, over how much, and why."""
    facts: list[tuple[str, str | int]] = [("hold", hold.hold_id), ("kind", hold.kind.value), ("set_by", hold.set_by)]
    facts.append(("reason", hold.reason))
    if hold.until_utc_ms is not None:
        facts.append(("until_utc_ms", hold.until_utc_ms))
    facts.append(("rungs", " ".join(rung.value for rung in hold.rungs) or "all"))
    if hold.kind is HoldKind.DISPUTE:
        facts.append(("amount_nano", hold.amount_nano))
    return (*facts, ("command_id", command_id))


def _window_facts(outage: Outage) -> Detail:
    return (
        ("outage", outage.outage_id),
        ("begins_utc_ms", outage.begins_utc_ms),
        ("ends_utc_ms", outage.ends_utc_ms),
        ("reference", outage.reference),
        ("set_by", outage.set_by),
    )


def lockout_set(account: Account, request: LockoutSet) -> Taken | Verdict:
    """Open the supply for safety or work; a second reason does not replace the first.

    The receipt names the reason: the head-end learns from it what somebody on site has set, and says it in a resync.
    """
    if account.lockout is not None and account.lockout != request.reason:
        return refused("locked_out", by=account.lockout)  # one release would end both, over somebody's head
    told = Verdict(VerdictStatus.APPLIED, "", (("lockout", request.reason),))
    return Taken(lambda a: replace(a, lockout=request.reason), verdict=told)


def lockout_released(account: Account) -> Taken | Verdict:
    """End a lock-out, also one that these books may have forgotten; a valve still waits for the site (decision 14)."""
    suspicion = account.suspicion
    if account.lockout is None and suspicion is None:
        return refused("no_lockout")
    freed = None if suspicion is None else replace(suspicion, leaves_switch=False)
    return Taken(lambda a: replace(a, lockout=None, suspicion=freed, armed=a.armed or a.waits_on_site))
