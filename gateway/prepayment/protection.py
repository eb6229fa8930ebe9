"""What protects a customer, or somebody at work on the line: holds and the safety lock-out (decisions 11, 13)."""

from __future__ import annotations

from dataclasses import replace

from gateway.prepayment import civil
from gateway.prepayment.account import Account, Terms
from gateway.prepayment.calendar import CalendarNotCovered, day_term_end
from gateway.prepayment.events import Hold, HoldKind, HoldReleased, HoldSet, LockoutSet
from gateway.prepayment.ladder import holds_in_force
from gateway.prepayment.ledger import Verdict
from gateway.prepayment.policy import DayKind
from gateway.prepayment.taken import Taken, refused

HOLDS_MAX = 16


def hold_set(account: Account, request: HoldSet, terms: Terms) -> Taken | Verdict:
    """Accept a hold unless it would take something away: that is a release, which must prove freshness."""
    now = holds_in_force(account, request.at)
    others = tuple(hold for hold in now if hold.hold_id != request.hold_id)
    of_its_kind = [hold for hold in others if hold.kind.protective or not request.kind.protective]
    if len(of_its_kind) >= HOLDS_MAX:
        return refused("too_many_holds")
    until_utc_ms = request.until_utc_ms
    if until_utc_ms is None and request.kind is HoldKind.PAYMENT_PROOF:
        until_utc_ms = _proof_ends_ms(account, request, terms)
    hold = Hold(request.hold_id, request.kind, until_utc_ms)
    if any(_weaker(hold, than=known) for known in now if known.hold_id == request.hold_id):
        return refused("hold_exists", hold=request.hold_id)
    return Taken(lambda a: replace(a, holds=(*others, hold)))


def _weaker(hold: Hold, *, than: Hold) -> bool:
    if than.kind.protective and not hold.kind.protective:
        return True
    return hold.until_utc_ms is not None and (than.until_utc_ms is None or hold.until_utc_ms < than.until_utc_ms)


def _proof_ends_ms(account: Account, request: HoldSet, terms: Terms) -> int | None:
    """A proof of payment holds for a few working days unless the command says otherwise (requirements 2.5)."""
    policy = account.policy
    calendar = terms.calendars.get(policy.calendar)
    if calendar is None or not request.at.trust.dated:
        return None
    today = civil.local_date(request.at.utc_ms, policy.time_zone)
    try:
        end = day_term_end(today, policy.payment_proof_working_days, DayKind.WORKING, calendar)
    except CalendarNotCovered:
        return None
    return civil.midnight_utc_ms(end, policy.time_zone)


def hold_released(account: Account, request: HoldReleased) -> Taken | Verdict:
    """End a hold; refused when there is none of this id."""
    if all(hold.hold_id != request.hold_id for hold in account.holds):
        return refused("no_hold", hold=request.hold_id)
    return Taken(lambda a: replace(a, holds=tuple(hold for hold in a.holds if hold.hold_id != request.hold_id)))


def lockout_set(account: Account, request: LockoutSet) -> Taken | Verdict:
    """Open the supply for safety or work; a second reason does not replace the first."""
    if account.lockout is not None and account.lockout != request.reason:
        return refused("locked_out", by=account.lockout)  # one release would end both, over somebody's head
    return Taken(lambda a: replace(a, lockout=request.reason))


def lockout_released(account: Account) -> Taken | Verdict:
    """End a lock-out; under a suspicion also one that these books may have forgotten."""
    suspicion = account.suspicion
    if account.lockout is None and suspicion is None:
        return refused("no_lockout")
    freed = None if suspicion is None else replace(suspicion, leaves_switch=False)
    return Taken(lambda a: replace(a, lockout=None, suspicion=freed))
