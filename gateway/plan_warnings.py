"""What `check` warns of that depends on the day, or on which policy a customer really has. Pure text.

A calendar or a moratorium that ends makes nobody worse off: nothing escalates in a year it does not know, so the loss
is the utility's, and silent. Hence a warning a year before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from gateway.prepayment.account import Account
from gateway.prepayment.calendar import Calendar
from gateway.prepayment.policy import Policy
from gateway.prepayment.supply import SupplyState
from gateway.prepayment.tariff import Tariff

AHEAD_DAYS = 365

Terms = tuple[str, Policy, tuple[Tariff, ...]]
"""An account's id with the terms that count for it."""


def in_use(
    tables: Iterable[tuple[str, str, str]],
    policies: Mapping[str, Policy],
    tariffs: Mapping[str, Tariff],
    stored: Mapping[str, Account],
) -> list[Terms]:
    """The terms of every open account, the store's where it has them; `tables`: id, policy and tariff of the file."""
    found = [
        (one.account_id, one.policy, one.tariffs)
        for one in stored.values()
        if one.supply.state is not SupplyState.TERMINATED
    ]
    for account_id, policy, tariff in tables:
        if account_id not in stored and policy in policies and tariff in tariffs:
            found.append((account_id, policies[policy], (tariffs[tariff],)))
    return found


def warnings(accounts: Iterable[Terms], calendars: Mapping[str, Calendar], today: date | None) -> list[str]:
    """Policies that are no customer's, and calendars that end, each once."""
    accounts = tuple(accounts)
    found = [
        f"[[account]] {account_id!r} policy: {policy.policy_id!r} is an example; its thresholds are nobody's own"
        for account_id, policy, _ in accounts
        if policy.example
    ]
    if today is None:
        return list(dict.fromkeys(found))
    users: dict[str, str] = {}
    for _, policy, tariffs in accounts:
        users.setdefault(policy.calendar, "nothing gets worse for anybody from then on")
        for tariff in tariffs:
            if tariff.calendar is not None:
                users.setdefault(tariff.calendar, "holidays are billed as other days from then on")
    for name, then in sorted(users.items()):
        calendar = calendars.get(name)
        if calendar is not None:
            found += _ending(f"calendar {name!r}", calendar.years, today, then)
    named = sorted({(policy.calendar, name) for _, policy, _ in accounts for name in policy.slots.moratoria})
    for calendar_name, name in named:
        calendar = calendars.get(calendar_name)
        for moratorium in calendar.moratoria if calendar is not None else ():
            if moratorium.name == name:
                then = "nothing gets worse for anybody from then on"
                found += _ending(f"moratorium {name!r}", moratorium.years, today, then)
    return list(dict.fromkeys(found))


def _ending(what: str, years: tuple[int, ...], today: date, then: str) -> list[str]:
    """The first year from today on that is not covered, if it begins within twelve months."""
    year = today.year
    while year in years:
        year += 1
    if date(year, 1, 1) > today + timedelta(days=AHEAD_DAYS):
        return []
    ended = "ended" if year <= today.year else "ends"
    when = f"with {year - 1}" if year - 1 in years else f"and does not know {year}"
    return [f"{what} {ended} {when}: {then}; renew the software, or put a newer file into one of `folders`"]
