"""Commands of a post-paid supply: notices, payments, orders to limit or suspend, and the word from the site."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

from gateway.commands.claims import ONE_LINE, Body, Currency, Label, Money, Name, Said
from gateway.errors import CommandRefused
from gateway.prepayment.arrears import (
    INVOICES_MAX,
    Arrears,
    ArrearsNoticed,
    ArrearsPaid,
    Proof,
    ReconnectAllowed,
    SupplyOrdered,
)
from gateway.prepayment.events import Moment
from gateway.prepayment.money import parse_money
from gateway.prepayment.supply import Commodity, SupplyState

LegalRef = Annotated[str, Meta(min_length=1, max_length=80, pattern=ONE_LINE)]
"""The decision or letter that an order rests on."""
Invoice = Annotated[str, Meta(max_length=40, pattern=ONE_LINE)]
LetterDays = Annotated[int, Meta(ge=0, le=366)]


class ArrearsNoticeBody(Body, frozen=True):
    """The customer was put in default in writing; dates are civil days in the zone of the account's policy.

    `letter_days` is the time from suspension to the end of the contract that the letter names.
    """

    account_id: Name
    arrears_id: Name
    commodity: Commodity
    currency: Currency
    amount: Money
    due_on: date
    issued_on: date
    proof: Proof
    final_term_on: date
    legal_ref: LegalRef
    sent_on: date | None = None
    notified_on: date | None = None
    letter_days: LetterDays = 0
    invoices: Annotated[tuple[Invoice, ...], Meta(max_length=INVOICES_MAX)] = ()


class OwedBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A claim that is open, with its notice as it was signed and what is left of its amount."""

    arrears_id: Name
    commodity: Commodity
    amount: Money
    due_on: date
    issued_on: date
    proof: Proof
    final_term_on: date
    legal_ref: LegalRef
    sent_on: date | None = None
    notified_on: date | None = None
    letter_days: LetterDays = 0
    invoices: Annotated[tuple[Invoice, ...], Meta(max_length=INVOICES_MAX)] = ()


class ArrearsPaidBody(Body, frozen=True):
    """A claim is paid; with `amount`, a part of it or too much, and `left` is what is unpaid of it after this payment.

    What is left decides, so a payment that comes again, or after a later one, changes nothing: `already_included`.
    More than was left pays in full, and the verdict says the excess.
    """

    account_id: Name
    arrears_id: Name
    currency: Currency
    amount: Money | None = None
    left: Money | None = None


class SupplyLimitBody(Body, frozen=True):
    """Reduce the power for these arrears; `queue`: in the next slot, if only the slot is closed now."""

    account_id: Name
    arrears_id: Name
    legal_ref: LegalRef
    queue: bool = False
    affected_parties_heard: bool = False


class SupplySuspendBody(Body, frozen=True):
    """Open the supply for these arrears; `queue`: in the next slot, if only the slot is closed now."""

    account_id: Name
    arrears_id: Name
    legal_ref: LegalRef
    queue: bool = False
    affected_parties_heard: bool = False


class ReconnectBody(Body, frozen=True):
    """Somebody on site has confirmed that an armed supply may close."""

    account_id: Name
    confirmed_by: Label


def arrears_notice(body: ArrearsNoticeBody, said: Said) -> ArrearsNoticed:
    """The claim and its notice. Raises CommandRefused(bad_payload)."""
    return ArrearsNoticed(said.at, said.command_id, body.currency, claim_of(body, said.at))


def claim_of(body: ArrearsNoticeBody | OwedBody, at: Moment) -> Arrears:
    """The claim with the dates of its notice. Raises CommandRefused(bad_payload)."""
    return Arrears(
        arrears_id=body.arrears_id,
        commodity=body.commodity,
        amount_nano=parse_money(body.amount),
        due_on=_day("due_on", body.due_on),
        issued_on=_day("issued_on", body.issued_on),
        sent_on=None if body.sent_on is None else _day("sent_on", body.sent_on),
        notified_on=None if body.notified_on is None else _day("notified_on", body.notified_on),
        proof=body.proof,
        final_term_on=_day("final_term_on", body.final_term_on),
        letter_days=body.letter_days,
        invoices=body.invoices,
        legal_ref=body.legal_ref,
        at=at,
    )


def arrears_paid(body: ArrearsPaidBody, said: Said) -> ArrearsPaid:
    """The payment of a claim, or of a part of it. Raises CommandRefused(bad_payload)."""
    paid_nano = None if body.amount is None else parse_money(body.amount)
    left_nano = None if body.left is None else parse_money(body.left)
    return ArrearsPaid(said.at, said.command_id, body.arrears_id, body.currency, paid_nano, left_nano)


def supply_limit(body: SupplyLimitBody, said: Said) -> SupplyOrdered:
    """The order to limit."""
    return _ordered(body, SupplyState.LIMITED, said)


def supply_suspend(body: SupplySuspendBody, said: Said) -> SupplyOrdered:
    """The order to suspend."""
    return _ordered(body, SupplyState.SUSPENDED, said)


def _ordered(body: SupplyLimitBody | SupplySuspendBody, target: SupplyState, said: Said) -> SupplyOrdered:
    return SupplyOrdered(
        said.at,
        said.command_id,
        target,
        body.arrears_id,
        body.legal_ref,
        queue=body.queue,
        affected_heard=body.affected_parties_heard,
    )


def reconnect(body: ReconnectBody, said: Said) -> ReconnectAllowed:
    """The word from the site."""
    return ReconnectAllowed(said.at, said.command_id, body.confirmed_by)


def _day(field: str, day: date) -> str:
    if not 1971 <= day.year <= 9900:  # room to count days on either side of it
        raise CommandRefused("bad_payload", field=field, day=day.isoformat())
    return day.isoformat()
