"""Commands about money that is neither bought nor used: typed postings and the social bonus (S1-16, S2-35)."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from msgspec import Meta

from gateway.commands.claims import (
    ONE_LINE,
    Body,
    Count,
    Currency,
    Money,
    Name,
    NameOrNone,
    Ordinal,
    Reason,
    Said,
    SignedMoney,
    iso_day,
)
from gateway.errors import CommandRefused
from gateway.prepayment.money import parse_money
from gateway.prepayment.posting import BonusSet, Posting, PostingKind

LegalRef = Annotated[str, Meta(max_length=80, pattern=ONE_LINE)]
"""The clause, decision or case an amount rests on."""
Reference = Name
"""The issuer's own number of a posting or a bonus; another posting names it to reverse or supersede it."""
ReferenceOrNone = NameOrNone


class PostingBody(Body, frozen=True, rename={"from_day": "from", "to_day": "to"}):
    """One typed entry of the account. `amount` is signed, credit positive; `sequence` is the account's own count.

    `from` and `to` are the civil days it is for, both included. `credit` and `debit` are the two sides of a `setoff`
    or a `reconstruction`. `reverses` names an earlier posting that this takes back, `supersedes` an `estimate` that
    this `conguaglio` corrects to `wh`. A `reconstruction` has the day of the meter test, and of the fault if certain.
    `case_id` is an open case of the register that this settles.
    """

    account_id: Name
    sequence: Ordinal
    kind: PostingKind
    amount: SignedMoney
    currency: Currency
    reference: Reference
    legal_ref: LegalRef = ""
    from_day: date | None = None
    to_day: date | None = None
    reverses: ReferenceOrNone = ""
    supersedes: ReferenceOrNone = ""
    wh: Count | None = None
    credit: Money | None = None
    debit: Money | None = None
    test_day: date | None = None
    fault_day: date | None = None
    case_id: Ordinal | None = None


class BonusSetBody(Body, frozen=True, rename={"from_day": "from", "to_day": "to"}):
    """A social bonus from one civil day to another, both included: an amount a day, or in all; exactly one of them.

    The same `reference` again changes it from its next unpaid day on.
    """

    account_id: Name
    reference: Reference
    from_day: date
    to_day: date
    currency: Currency
    per_day: Money | None = None
    total: Money | None = None
    legal_ref: LegalRef = ""


def posting(body: PostingBody, said: Said) -> Posting:
    """The entry to write. Raises CommandRefused(bad_payload)."""
    return Posting(
        said.at,
        said.command_id,
        body.sequence,
        body.kind,
        parse_money(body.amount),
        body.currency,
        body.reference,
        body.legal_ref,
        _day(body.from_day),
        _day(body.to_day),
        body.reverses,
        body.supersedes,
        body.wh,
        None if body.credit is None else parse_money(body.credit),
        None if body.debit is None else parse_money(body.debit),
        _day(body.test_day),
        _day(body.fault_day),
        body.case_id,
    )


def bonus_set(body: BonusSetBody, said: Said) -> BonusSet:
    """The bonus to credit. Raises CommandRefused(bad_payload)."""
    first, last = iso_day(body.from_day), iso_day(body.to_day)
    return BonusSet(said.at, said.command_id, body.reference, first, last, _total(body), body.currency, body.legal_ref)


def _total(body: BonusSetBody) -> int:
    if body.total is not None and body.per_day is None:
        return parse_money(body.total)
    if body.per_day is not None and body.total is None:
        return parse_money(body.per_day) * max(0, (body.to_day - body.from_day).days + 1)
    raise CommandRefused(Reason.BAD_PAYLOAD, hint="say either total or per_day")


def _day(day: date | None) -> str | None:
    return None if day is None else iso_day(day)
