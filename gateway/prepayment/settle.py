"""Collect the lines of many polls into few: what a settlement row says when it is written (decision 7)."""

from __future__ import annotations

from dataclasses import replace

from gateway.prepayment.account import Outcome
from gateway.prepayment.events import Moment
from gateway.prepayment.ledger import Entry, EntryKind
from gateway.prepayment.rating import Line
from gateway.prepayment.register import Case


def merge(lines: tuple[Line, ...], more: tuple[Line, ...]) -> tuple[Line, ...]:
    """Add up lines that are for the same thing: component, band, block, tariff, estimated or not; sums are kept.

    The result is as long as there are such things, at most a few per tariff in force since the last settlement.
    """
    if not more:
        return lines
    merged = {_key(line): line for line in lines}
    for line in more:
        key = _key(line)
        known = merged.get(key)
        merged[key] = line if known is None else _add(known, line)
    return tuple(merged.values())


def post_charges(outcome: Outcome, at: Moment, case: Case | None = None) -> Outcome:
    """Post what was charged since the last entry, if anything; for an open case in an entry with its own registers."""
    account = outcome.account
    if not account.unsettled:
        return outcome
    amount_nano = sum(line.amount_nano for line in account.unsettled)
    settled = replace(
        account,
        unsettled=(),
        settled_charge_nano=account.settled_charge_nano + amount_nano,
        settled_register_wh=account.register.wh,
    )
    entry = Entry(
        at=at,
        account_id=account.account_id,
        kind=EntryKind.CHARGE,
        currency=account.currency,
        amount_nano=-amount_nano,
        balance_nano=settled.settled_balance_nano,
        reference="" if case is None else f"case:{case.case_id}",
        from_register_wh=account.settled_register_wh if case is None else case.from_wh,
        to_register_wh=account.register.wh if case is None else case.to_wh,
        lines=account.unsettled,
    )
    return replace(outcome, account=settled, records=(*outcome.records, entry))


def _key(line: Line) -> tuple[str, str | None, int | None, str, bool]:
    return line.component, line.band, line.block, line.tariff_ref, line.estimated


def _add(one: Line, other: Line) -> Line:
    return replace(
        one, wh=one.wh + other.wh, days=one.days + other.days, amount_nano=one.amount_nano + other.amount_nano
    )
