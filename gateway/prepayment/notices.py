"""What the customer is told at which rule of the ladder, and with which facts (requirements 4.6).

A notice names what a person asks next: how much is missing, what comes next and when at the earliest. Whoever writes
the message, the head-end or a channel of this gateway, needs nothing but the row.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.prepayment import legal
from gateway.prepayment.account import Account, Terms
from gateway.prepayment.calendar import CalendarNotCovered
from gateway.prepayment.events import Moment
from gateway.prepayment.ladder import days_left
from gateway.prepayment.ledger import Notice
from gateway.prepayment.outlook import outlook
from gateway.prepayment.power import limit_w
from gateway.prepayment.supply import Commodity, SupplyState

NOTICES = {
    "credit_low": "low",
    "credit_gone": "grace",
    "grace_over": "limited",
    "offline_debt_cap": "limited",
    "unconfirmed_debt_cap": "limited",
    "grace_over_no_limit": "suspended",
    "limit_over": "suspended",
    "restored": "restored",
    "restored_low": "restored",
    "protected": "restored",
    "ordered_limit": "limited",
    "ordered_suspend": "suspended",
    "ordered_suspend_direct": "suspended",
    "paid_restored": "restored",
}
"""Rule -> template."""
_AHEAD = ("grace", "grace_expiring", "limited")
"""What is told before something gets worse: these say what, and when at the earliest."""


def template_of(rule: str, account: Account) -> str | None:
    """What is told at this rule; who must wait for somebody on site is not told that supply is back (4.6)."""
    template = NOTICES.get(rule)
    if not account.armed or template != "restored":
        return template
    return "gas_paid" if account.commodity is Commodity.GAS else "ready"


def tell(account: Account, terms: Terms, at: Moment, template: str) -> tuple[Account, tuple[Notice, ...]]:
    """The record of telling it, and the account that remembers; low credit once for each time money came (S0-18).

    Days left go up and down with what is used, and a daily bonus lifts the balance a little: neither is news.
    """
    if template != "low":
        return account, (notice(account, terms, at, template),)
    came = account.top_up_sequence + account.postings.numbers.highest
    if account.low_told_at == came:
        return replace(account, supply=replace(account.supply, notice_running_ms=None)), ()
    return replace(account, low_told_at=came), (notice(account, terms, at, template),)


def notice(account: Account, terms: Terms, at: Moment, template: str) -> Notice:
    """The record of telling it, with what a message needs."""
    ahead = outlook(account, terms, at)
    prepaid = account.policy.delinquency is None
    detail: list[tuple[str, str | int]] = []
    if prepaid and (left := days_left(account, account.balance_nano)) is not None:
        detail.append(("days_left", left))
    next_state = ahead.next_state if template in _AHEAD else None
    if account.supply.state is SupplyState.LIMITED or next_state is SupplyState.LIMITED:
        watts = limit_w(account.contract_power_w, account.policy)
        detail += [("limit_w", watts), ("limit_percent", account.policy.limit_percent)]
    if not prepaid:
        detail.append(("unpaid_nano", ahead.missing_nano))
    elif ahead.missing_nano:
        detail.append(("missing_nano", ahead.missing_nano))
    if next_state is not None:
        detail.append(("next_state", next_state.value))
    if template in _AHEAD:
        opens_ms = ahead.not_before_utc_ms if prepaid else _suspension_ms(account, terms, at)
        if opens_ms is not None:
            detail.append(("not_before_utc_ms", opens_ms))
    if template == "suspended":
        detail.append(("reconnect", "armed" if account.waits_on_site else "auto"))
    return Notice(at, account.account_id, template, account.balance_nano, account.currency, tuple(detail))


def _suspension_ms(account: Account, terms: Terms, at: Moment) -> int | None:
    """When a limited post-paid supply may be suspended at the earliest, if an order comes; None when nobody can say."""
    if not terms.can_disconnect:
        return None
    try:
        days = [legal.first_legal(account, one, SupplyState.SUSPENDED, terms, at).day for one in account.arrears]
    except (KeyError, CalendarNotCovered):
        return None
    return legal.first_instant_ms(account, min(days), terms, at) if days else None
