"""The minimum terms of a post-paid supply: what a notice must show, and the first day on which each rung is legal.

Every date is computed here again from the notice's own dates, the account's policy and its calendar; what the central
system believes about them counts for nothing (requirements 0.1). A term of N days counted from a day ends at 24:00 of
the Nth day after it, and the first legal day is the one after that (2.2).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from gateway.prepayment import civil
from gateway.prepayment.account import Account, Terms
from gateway.prepayment.arrears import Arrears, Proof
from gateway.prepayment.calendar import Calendar, CalendarNotCovered, day_term_end, next_slot_utc_ms
from gateway.prepayment.events import Moment
from gateway.prepayment.holds import disputed_nano, frozen_days
from gateway.prepayment.outages import paused_term_end
from gateway.prepayment.policy import Anchor, DayKind, Delinquency
from gateway.prepayment.supply import Commodity, SupplyState, Voltage

TERMINATE_MIN_DAYS = 20
"""Never less than this from suspension to the end of the contract (S1-14)."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A minimum term: the rule it comes from and the first day after it."""

    rule: str
    day: date


def limited_first(account: Account, terms: Terms) -> bool:
    """Reduced power comes before a suspension: electricity at low voltage, where policy and meter can (S1-11)."""
    return (
        account.commodity is Commodity.ELECTRICITY
        and account.voltage is Voltage.LV
        and account.policy.limit_enabled
        and terms.can_limit
    )


def notified_days(account: Account, terms: Terms) -> int:
    """Days from the notification until the supplier may ask, by class of supply (3.1, 3.2)."""
    rules = rules_of(account)
    if account.commodity is Commodity.GAS:
        return rules.notified_gas_days
    return rules.notified_limited_days if limited_first(account, terms) else rules.notified_other_days


def rules_of(account: Account) -> Delinquency:
    """The post-paid terms of the policy; only asked where the policy has them."""
    assert account.policy.delinquency is not None
    return account.policy.delinquency


def final_term_from(account: Account, arrears: Arrears) -> Bar:
    """The first day a final term may name, by the proof of the notice, whose date is there (`unpaid.noticed`)."""
    rules = rules_of(account)
    start, days = {
        Proof.REGISTERED_LETTER: (arrears.sent_on, rules.pay_registered_days),
        Proof.CERTIFIED_MAIL: (arrears.notified_on, rules.pay_certified_days),
        Proof.UNPROVEN: (arrears.issued_on, rules.pay_unproven_days),
    }[arrears.proof]
    assert start is not None, "a notice without the date its proof counts from is refused before"
    end = day_term_end(date.fromisoformat(start), days, DayKind.CALENDAR, NO_HOLIDAYS)
    return Bar(arrears.proof.value, date.fromordinal(end.toordinal() - 1))


def request_bars(account: Account, arrears: Arrears, terms: Terms) -> tuple[Bar, ...]:
    """Every term before the supplier may ask for anything. Raises CalendarNotCovered, KeyError without a calendar."""
    rules, calendar = rules_of(account), terms.calendars[account.policy.calendar]
    final = date.fromisoformat(arrears.final_term_on)
    bars = [Bar("final_term", day_term_end(final, rules.request_working_days, DayKind.WORKING, calendar))]
    notified = arrears.notified_on
    anchor = arrears.due_on if rules.anchor is Anchor.DUE else notified
    days = notified_days(account, terms)
    if days:
        bars.append(Bar("notified", _after(notified, days, calendar)))
    if rules.suspend_after_days:
        bars.append(Bar(f"after_{rules.anchor.value}", _after(anchor, rules.suspend_after_days, calendar)))
    return tuple(bars)


def first_legal(account: Account, arrears: Arrears, target: SupplyState, terms: Terms, at: Moment) -> Bar:
    """The last of all terms before this rung, outages not counted; the same errors as `request_bars`."""
    bars = request_bars(account, arrears, terms)
    if target is SupplyState.SUSPENDED and account.supply.state is SupplyState.LIMITED:
        term, calendar = account.policy.limit_term, terms.calendars[account.policy.calendar]
        limited_on = account.supply.dated_on
        if limited_on is None or term.days is None:
            raise CalendarNotCovered(calendar.name, 0)  # nobody knows when it was limited: then nothing follows yet
        start, frozen = date.fromisoformat(limited_on), frozen_days(account, at)
        bars = (*bars, Bar("limited", paused_term_end(start, term.days, term.day_kind, calendar, frozen)))
    return max(bars, key=lambda bar: bar.day)


def terminable_from(account: Account, arrears: Iterable[Arrears], at: Moment) -> date | None:
    """The first day on which the contract of a suspended supply may end; None while the day of that is not known.

    Days that an outage has touched since the suspension are added (S4-06).
    """
    if account.supply.dated_on is None:
        return None
    letters = (one.letter_days for one in arrears)
    days = max(TERMINATE_MIN_DAYS, rules_of(account).terminate_days, *letters)
    start, frozen = date.fromisoformat(account.supply.dated_on), frozen_days(account, at)
    return paused_term_end(start, days, DayKind.CALENDAR, NO_HOLIDAYS, frozen)


def first_instant_ms(account: Account, day: date, terms: Terms, at: Moment) -> int | None:
    """When a slot is open for the first time from this day on, and not before now; None when that cannot be known."""
    policy = account.policy
    begin_ms = max(civil.midnight_utc_ms(day, policy.time_zone), at.utc_ms)
    try:
        calendar = terms.calendars[policy.calendar]
        return next_slot_utc_ms(policy.slots, begin_ms, policy.time_zone, calendar, account.commodity)
    except (KeyError, CalendarNotCovered):
        return None


def net_nano(account: Account, at: Moment, arrears_id: str | None = None) -> int:
    """What is unpaid and not disputed (2.8, invariant 7): of one claim, or of all of them."""
    claimed_nano = sum(one.amount_nano for one in account.arrears if arrears_id in (None, one.arrears_id))
    return claimed_nano - disputed_nano(account, at)


def _after(start: str | None, days: int, calendar: Calendar) -> date:
    if start is None:  # a notice is not taken without the date that its policy counts from; another policy may need it
        raise CalendarNotCovered(calendar.name, 0)
    return day_term_end(date.fromisoformat(start), days, DayKind.CALENDAR, calendar)


NO_HOLIDAYS = Calendar("none", (), frozenset())
"""Calendar days need no holidays."""
