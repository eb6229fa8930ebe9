"""What the customer is told at which rule of the ladder (requirements 4.6)."""

from __future__ import annotations

from gateway.prepayment.account import Account
from gateway.prepayment.events import Moment
from gateway.prepayment.ledger import Notice

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


def template_of(rule: str, account: Account) -> str | None:
    """What is told at this rule; who must wait for somebody on site is not told that supply is back (4.6)."""
    template = NOTICES.get(rule)
    return "ready" if account.armed and template == "restored" else template


def notice(account: Account, at: Moment, template: str, *, days: int | None, limited_w: int | None) -> Notice:
    """The record of telling it, with what a message needs."""
    detail: list[tuple[str, str | int]] = []
    if days is not None:
        detail.append(("days_left", days))
    if limited_w is not None:
        detail += [("limit_w", limited_w), ("limit_percent", account.policy.limit_percent)]
    return Notice(at, account.account_id, template, account.balance_nano, account.currency, tuple(detail))
