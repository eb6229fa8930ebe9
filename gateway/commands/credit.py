"""Commands about money: top-up, by envelope or by code, and reversal."""

from __future__ import annotations

from gateway.commands.claims import Body, Currency, Label, Money, Name, Ordinal, Reason, Said
from gateway.errors import CommandRefused
from gateway.prepayment.events import TopUp, TopUpReversal
from gateway.prepayment.money import parse_money

BY_CODE = "code"
"""The channel of a top-up that was read out and typed in, and the issuer its order carries."""


class TopUpBody(Body, frozen=True):
    """Credit bought: `total` is the lifetime credit of the account after it, `sequence` its own count (decision 4)."""

    account_id: Name
    sequence: Ordinal
    amount: Money
    total: Money
    currency: Currency
    channel: Label = ""


class TopUpCodeBody(Body, frozen=True):
    """A credit code as it was decoded: made here, never read from the wire. It brings no amount (creditcode.py)."""

    account_id: Name
    sequence: Ordinal
    total: Money
    currency: Currency


class TopUpReverseBody(Body, frozen=True):
    """Credit taken back: the lifetime total of what was taken back, with a sequence of its own."""

    account_id: Name
    sequence: Ordinal
    amount: Money
    total: Money
    currency: Currency
    reason: Label


def top_up(body: TopUpBody | TopUpCodeBody, said: Said) -> TopUp:
    """The credit to book. Raises CommandRefused(bad_payload)."""
    if isinstance(body, TopUpCodeBody):
        return TopUp(said.at, said.command_id, body.sequence, None, parse_money(body.total), body.currency, BY_CODE)
    amount_nano, total_nano = _amounts(body)
    return TopUp(said.at, said.command_id, body.sequence, amount_nano, total_nano, body.currency, body.channel)


def top_up_reverse(body: TopUpReverseBody, said: Said) -> TopUpReversal:
    """The credit to take back. Raises CommandRefused(bad_payload)."""
    amount_nano, total_nano = _amounts(body)
    return TopUpReversal(said.at, said.command_id, body.sequence, amount_nano, total_nano, body.currency, body.reason)


def _amounts(body: TopUpBody | TopUpReverseBody) -> tuple[int, int]:
    amount_nano, total_nano = parse_money(body.amount), parse_money(body.total)
    if not 0 < amount_nano <= total_nano:
        hint = "amount is above zero and part of total, the account's lifetime total after it"
        raise CommandRefused(Reason.BAD_PAYLOAD, amount=body.amount, total=body.total, hint=hint)
    return amount_nano, total_nano
