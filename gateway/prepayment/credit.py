"""Money the customer has paid, or that is taken back: own sequences, lifetime totals, caps (decision 4)."""

from __future__ import annotations

from dataclasses import replace

from gateway.prepayment.account import Account
from gateway.prepayment.events import Detail, TopUp, TopUpReversal
from gateway.prepayment.ledger import EntryKind, Verdict, VerdictStatus
from gateway.prepayment.money import wire_money
from gateway.prepayment.rollback import withholds
from gateway.prepayment.taken import Taken, refused

SEQUENCE_STEPS_MAX = 1000
"""How many top-ups may be missing before one: a wild number would use up all numbers after it, and stretch its cap."""


def _credit(request: TopUp | TopUpReversal, account: Account, last: int, total_nano: int) -> Verdict | None:
    """The checks that top-ups and reversals share: own sequence, lifetime total, currency, cap (decision 4)."""
    if request.currency != account.currency:
        return refused("wrong_currency", expected=account.currency, got=request.currency)
    if account.policy.delinquency is not None:
        return refused("not_applicable", initiator=account.policy.initiator.value)
    if request.sequence <= 0 or (request.amount_nano is not None and request.amount_nano <= 0):
        return refused("invalid_amount")
    if request.sequence <= last:
        # Each number adds something, so what is included has less in total. Anything else is other money under a
        # number already used, and to call it included would lose it.
        if request.total_nano != total_nano if request.sequence == last else request.total_nano >= total_nano:
            return refused("total_mismatch", last_sequence=last)
        return Verdict(VerdictStatus.ALREADY_INCLUDED, "already_included", (("last_sequence", last),))
    gained_nano = request.total_nano - total_nano
    steps = request.sequence - last
    if steps > SEQUENCE_STEPS_MAX:
        return refused("sequence_gap", last_sequence=last)
    own_nano = gained_nano if request.amount_nano is None else request.amount_nano
    if not 0 < own_nano <= gained_nano or (steps == 1 and gained_nano != own_nano):
        return refused("total_mismatch", last_sequence=last)
    if gained_nano > account.policy.top_up_max_nano * steps:
        cap = f"{wire_money(account.policy.top_up_max_nano)} {account.currency} a top-up"
        return refused("above_cap", cap=cap, last_sequence=last)
    return None


def _credited(request: TopUp | TopUpReversal) -> Verdict:
    """Names the account's own number and total, so that the record alone tells how far each of them is."""
    return Verdict(VerdictStatus.APPLIED, "", (("sequence", request.sequence), ("total_nano", request.total_nano)))


def top_up(account: Account, request: TopUp) -> Taken | Verdict:
    """Credit what the lifetime total says is new; up to the caps."""
    refusal = _credit(request, account, account.top_up_sequence, account.top_up_total_nano)
    if refusal is not None:
        return refusal
    gained_nano = request.total_nano - account.top_up_total_nano
    withheld_nano = 0
    if withholds(account):
        if request.amount_nano is None and request.sequence != account.top_up_sequence + 1:
            # The total may cover what lost books have charged, and nothing tells how much of it was bought last.
            return refused("books_unconfirmed", last_sequence=account.top_up_sequence)
        own_nano = gained_nano if request.amount_nano is None else request.amount_nano
        withheld_nano, gained_nano = gained_nano - own_nano, own_nano
    balance_nano = account.balance_nano + gained_nano
    if balance_nano > account.policy.balance_max_nano:
        return refused("balance_above_cap", cap=f"{wire_money(account.policy.balance_max_nano)} {account.currency}")
    # What the customer's receipt says, so that the row of the verdict alone is enough for it (requirements 4.6).
    paid: Detail = (("channel", request.channel), ("credited_nano", gained_nano), ("balance_nano", balance_nano))
    verdict = _credited(request)
    return Taken(
        lambda a: replace(
            a,
            top_up_sequence=request.sequence,
            top_up_total_nano=request.total_nano,
            withheld_nano=a.withheld_nano + withheld_nano,
        ),
        replace(verdict, detail=(*verdict.detail, *paid)),
        EntryKind.TOP_UP,
        request.command_id,
    )


def reversal(account: Account, request: TopUpReversal) -> Taken | Verdict:
    """Take back what the lifetime total of reversals says is new, never more than was credited."""
    refusal = _credit(request, account, account.reversal_sequence, account.reversal_total_nano)
    if refusal is not None:
        return refusal
    if request.total_nano > account.top_up_total_nano:
        return refused("reversal_exceeds_top_ups")
    earlier_nano = request.total_nano - account.reversal_total_nano - request.amount_nano if withholds(account) else 0
    of_withheld_nano = min(earlier_nano, account.withheld_nano)  # books before these took it from what they credited
    return Taken(
        lambda a: replace(
            a,
            reversal_sequence=request.sequence,
            reversal_total_nano=request.total_nano,
            withheld_nano=a.withheld_nano - of_withheld_nano,
        ),
        _credited(request),
        EntryKind.TOP_UP_REVERSAL,
        request.command_id,
    )
