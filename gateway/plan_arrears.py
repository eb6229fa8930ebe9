"""What happens to a post-paid account that is not paid, with the dates of an example. Pure text.

The dates come from the same rules that an order is held against (`prepayment.legal`), for an invoice that falls due on
the last of January and a notice given as early, and with as little time to pay, as the policy allows.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from gateway.plan_ladder import duration, slots
from gateway.prepayment import civil, legal
from gateway.prepayment.account import Account, Supply, Terms
from gateway.prepayment.arrears import Arrears, Proof
from gateway.prepayment.calendar import CalendarNotCovered, next_slot_utc_ms
from gateway.prepayment.events import Moment, TimeTrust
from gateway.prepayment.money import wire_money
from gateway.prepayment.policy import Anchor, Delinquency
from gateway.prepayment.power import available_power_w, limit_w
from gateway.prepayment.supply import SupplyState

_WIDEST = len("TERMINATED")
_S = SupplyState


def timeline(account: Account, terms: Terms, *, opens: str, limits: str) -> list[str]:
    """One line a rung, in order, with an example; `opens` and `limits` say by what means."""
    rules, policy = legal.rules_of(account), account.policy
    limited = legal.limited_first(account, terms)
    days = _example(account, terms, limited=limited)
    asked = _asked(rules, legal.notified_days(account, terms))
    first = _days(rules.notice_after_days + 1)
    rungs = [("NOTICED", f"on a signed notice, {first} after the due date at the earliest: full supply")]
    if limited:
        share = f"{policy.limit_percent} % of the {available_power_w(account.contract_power_w)} W available"
        watts = limit_w(account.contract_power_w, policy)
        rungs.append(("LIMITED", f"on a signed order, at least {asked}: {watts} W ({share}), {limits}"))
        rungs.append(("SUSPENDED", f"on another, after {policy.limit_term.days} days in LIMITED: {opens}"))
    else:
        rungs.append(("SUSPENDED", f"on a signed order, at least {asked}: {opens}"))
    over = f"{rules.terminate_days} days later or what the letter says"
    rungs.append(("TERMINATED", f"on a signed end for arrears, {over}"))
    back = "when somebody on site says so" if account.waits_on_site else "at once, at any hour"
    rungs.append(("REGULAR", f"again as soon as a signed payment leaves nothing undisputed unpaid: {back}"))
    fresh = duration(policy.max_reading_age_ms)
    floor = f"{wire_money(rules.debt_floor_nano)} {policy.currency}"
    heard = "; who is affected must have been heard" if rules.hearing_required else ""
    return [
        *(f"{rung:<{_WIDEST}}  {text}" for rung, text in rungs),
        *(f"for instance: {line}" for line in days),
        f"orders {slots(policy.slots)}; only with proven time, a reading younger than {fresh}, no hold",
        f"and more than {floor} unpaid and undisputed{heard}",
        "nothing gets worse without an order, whatever is used and however long the head-end is away",
    ]


def _asked(rules: Delinquency, notified_days: int) -> str:
    """Every term that must be over before an order; the last of them decides."""
    term = []
    if rules.request_working_days or not (notified_days or rules.suspend_after_days):
        term.append(f"{_days(rules.request_working_days, 'working day')} after the final term")
    if notified_days:
        term.append(f"{_days(notified_days)} after the notification")
    if rules.suspend_after_days:
        anchor = "due date" if rules.anchor is Anchor.DUE else "notification"
        term.append(f"{_days(rules.suspend_after_days)} after the {anchor}")
    return " and ".join(term)


def _days(count: int, unit: str = "day") -> str:
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def _example(account: Account, terms: Terms, *, limited: bool) -> list[str]:
    """The dates of one claim from its due date to the end of the contract; nothing where the calendar has no year."""
    calendar = terms.calendars.get(account.policy.calendar)
    years = () if calendar is None else calendar.years
    year = next((year for year in years if f"{year}-01-31" >= account.policy.valid_from), None)
    if year is None:
        return []
    rules = legal.rules_of(account)
    due = date(year, 1, 31)
    notified = due + timedelta(days=rules.notice_after_days + 1)
    final = notified + timedelta(days=rules.pay_certified_days)
    at = Moment(civil.midnight_utc_ms(notified, account.policy.time_zone), TimeTrust.AUTHENTICATED, 0)
    claim = Arrears(
        "example", account.commodity, 1, due.isoformat(), notified.isoformat(), None, notified.isoformat(),
        Proof.CERTIFIED_MAIL, final.isoformat(), 0, (), "", at,
    )  # fmt: skip
    noticed = replace(account, supply=Supply(_S.NOTICED, at), arrears=(claim,))
    told = [f"due {due}, certified mail received {notified}, to pay by {final}"]
    try:
        if limited:
            on = _slot(noticed, legal.first_legal(noticed, claim, _S.LIMITED, terms, at).day, terms)
            noticed = replace(noticed, supply=Supply(_S.LIMITED, at, dated_on=on.isoformat()))
            told.append(f"limited on {on:%a} {on} at the earliest")
        on = _slot(noticed, legal.first_legal(noticed, claim, _S.SUSPENDED, terms, at).day, terms)
    except CalendarNotCovered:
        return []
    suspended = replace(noticed, supply=Supply(_S.SUSPENDED, at, dated_on=on.isoformat()))
    end = legal.terminable_from(suspended, (claim,), at)
    return [", ".join([*told, f"suspended on {on:%a} {on}, ended on {end}"])]


def _slot(account: Account, day: date, terms: Terms) -> date:
    """The day of the first slot from this day on; raises CalendarNotCovered."""
    policy = account.policy
    begin_ms = civil.midnight_utc_ms(day, policy.time_zone)
    found_ms = next_slot_utc_ms(policy.slots, begin_ms, policy.time_zone, terms.calendars[policy.calendar])
    if found_ms is None:
        raise CalendarNotCovered(policy.calendar, day.year)
    return civil.local_date(found_ms, policy.time_zone)
