"""Commands about money: top-up and reversal."""

from __future__ import annotations

from typing import assert_never

from msgspec import Struct

from gateway.commands.claims import Currency, Label, Money, Name, Ordinal, Reason
from gateway.errors import CommandRefused
from gateway.prepayment.events import Moment, TopUp, TopUpReversal
from gateway.prepayment.money import parse_money


class TopUpBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Credit bought: `total` is the lifetime credit of the account after it, `sequence` its own count (decision 4)."""

    account_id: Name
    sequence: Ordinal
    amount: Money
    total: Money
    currency: Currency
    channel: Label = ""


class TopUpReverseBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Credit taken back: the lifetime total of what was taken back, with a sequence of its own."""

    account_id: Name
    sequence: Ordinal
    amount: Money
    total: Money
    currency: Currency
    reason: Label


def event_of(body: TopUpBody | TopUpReverseBody, jti: str, at: Moment) -> TopUp | TopUpReversal:
    """What the account is asked to do. Raises CommandRefused(bad_payload)."""
    amount_nano, total_nano = _amounts(body)
    match body:
        case TopUpBody():
            return TopUp(at, jti, body.sequence, amount_nano, total_nano, body.currency, body.channel)
        case TopUpReverseBody():
            return TopUpReversal(at, jti, body.sequence, amount_nano, total_nano, body.currency, body.reason)
        case _ as never:
            assert_never(never)


def _amounts(body: TopUpBody | TopUpReverseBody) -> tuple[int, int]:
    amount_nano, total_nano = parse_money(body.amount), parse_money(body.total)
    if not 0 < amount_nano <= total_nano:
        hint = "amount is above zero and part of total, the account's lifetime total after it"
        raise CommandRefused(Reason.BAD_PAYLOAD, amount=body.amount, total=body.total, hint=hint)
    return amount_nano, total_nano
