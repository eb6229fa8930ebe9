"""The social bonus: credited day by day in equal parts that sum exactly, never twice, and never beyond its end (S2-35).

A day is credited when its date is proven, so neither a restart nor a clock that leaps can credit it again: `through`
only moves forward. Days that passed while the gateway was off, or without proven time, come together in one entry.
Before a renewal is due the customer is told once (S2-36).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from gateway.prepayment import civil
from gateway.prepayment.account import Account, Outcome
from gateway.prepayment.events import Moment
from gateway.prepayment.ledger import Entry, EntryKind, Notice, Verdict, VerdictStatus
from gateway.prepayment.money import wire_money
from gateway.prepayment.posting import Bonus, BonusSet
from gateway.prepayment.rollback import vouched
from gateway.prepayment.settle import post_charges
from gateway.prepayment.supply import SupplyState
from gateway.prepayment.taken import Taken, refused

BONUSES_MAX = 8
DAYS_MAX = 732
BACK_DAYS_MAX = 366
TOLD_DAYS = 60
"""Renewal is asked for about a month before the end: told from the first day of the month before the last (S2-36)."""


def bonus_set(account: Account, request: BonusSet) -> Taken | Verdict:
    """Begin a bonus, or change one; refused if it is over, too long or above the cap of a posting."""
    if request.currency != account.currency:
        return refused("wrong_currency", expected=account.currency, got=request.currency)
    if not request.at.trust.dated:
        return refused("clock_untrusted")
    today = civil.local_date(request.at.utc_ms, account.policy.time_zone)
    first, last = date.fromisoformat(request.from_day), date.fromisoformat(request.to_day)
    if not first <= last or (last - first).days >= DAYS_MAX or last < today or (today - first).days > BACK_DAYS_MAX:
        return refused("invalid_period", today=today.isoformat())
    if not 0 < request.total_nano <= account.policy.posting_max_nano:
        return refused("above_cap", cap=f"{wire_money(account.policy.posting_max_nano)} {account.currency} a posting")
    known = next((bonus for bonus in account.bonuses if bonus.reference == request.reference), None)
    made = Bonus(
        request.reference,
        request.command_id,
        request.from_day,
        request.to_day,
        request.total_nano,
        request.legal_ref,
        "" if known is None else known.through,
    )
    if known is not None and replace(made, command_id=known.command_id, told=known.told) == known:
        return Verdict(VerdictStatus.ALREADY_INCLUDED, "already_included")
    others = tuple(bonus for bonus in account.bonuses if bonus is not known)
    if len(others) >= BONUSES_MAX:
        over = next((bonus for bonus in others if bonus.to_day < today.isoformat() and _paid(bonus)), None)
        if over is None:
            return refused("too_many_bonuses")
        others = tuple(bonus for bonus in others if bonus is not over)
    return Taken(lambda a: replace(a, bonuses=(*others, made)))


def pay(outcome: Outcome, at: Moment) -> Outcome:
    """Credit the proven civil days that are due, and tell the customer of an end that comes near."""
    account = outcome.account
    if not account.bonuses or not at.trust.proven or not vouched(account):
        return outcome
    if account.supply.state is SupplyState.TERMINATED:
        return outcome
    today = civil.local_date(at.utc_ms, account.policy.time_zone).isoformat()
    for bonus in account.bonuses:
        if max(bonus.through, _before(bonus.from_day)) < min(today, bonus.to_day):
            outcome = _credited(outcome, bonus, today, at)
    for bonus in outcome.account.bonuses:
        if _is_to_be_told(bonus, today):
            outcome = _told(outcome, bonus, today, at)
    return outcome


def _paid(bonus: Bonus) -> bool:
    return bonus.through >= bonus.to_day


def _before(day: str) -> str:
    return (date.fromisoformat(day) - timedelta(days=1)).isoformat()


def _credited(outcome: Outcome, bonus: Bonus, today: str, at: Moment) -> Outcome:
    through = min(today, bonus.to_day)
    begin = max(bonus.from_day, _after(bonus.through))
    nano = bonus.due_nano(through)
    outcome = post_charges(outcome, at)
    account = _with(outcome.account, bonus, replace(bonus, through=through))
    account = replace(account, postings=replace(account.postings, total_nano=account.postings.total_nano + nano))
    if nano == 0:  # less than a nano-unit a day: the share comes another day
        return replace(outcome, account=account)
    entry = Entry(
        at=at,
        account_id=account.account_id,
        kind=EntryKind.BONUS,
        currency=account.currency,
        amount_nano=nano,
        balance_nano=account.settled_balance_nano,
        reference=bonus.command_id,
        detail=(("reference", bonus.reference), ("from", begin), ("to", through), ("legal_ref", bonus.legal_ref)),
    )
    return replace(outcome, account=account, records=(*outcome.records, entry))


def _after(day: str) -> str:
    return (date.fromisoformat(day) + timedelta(days=1)).isoformat() if day else ""


def _is_to_be_told(bonus: Bonus, today: str) -> bool:
    first, last, day = (date.fromisoformat(one) for one in (bonus.from_day, bonus.to_day, today))
    if bonus.told or (last - first).days < TOLD_DAYS:  # so short that it ends before anybody could renew it
        return False
    return 0 <= (last - day).days <= TOLD_DAYS


def _told(outcome: Outcome, bonus: Bonus, today: str, at: Moment) -> Outcome:
    account = _with(outcome.account, bonus, replace(bonus, told=True))
    left = (date.fromisoformat(bonus.to_day) - date.fromisoformat(today)).days
    detail = (("reference", bonus.reference), ("to", bonus.to_day), ("days_left", left))
    told = Notice(at, account.account_id, "bonus_expiring", account.balance_nano, account.currency, detail)
    return replace(outcome, account=account, records=(*outcome.records, told))


def _with(account: Account, bonus: Bonus, after: Bonus) -> Account:
    bonuses = tuple(after if one is bonus else one for one in account.bonuses)
    return replace(account, bonuses=bonuses)
