"""The post-paid part of a policy document: `initiator = "central"` and its `[delinquency]` tables.

A central policy has these tables and none of the thresholds of prepaid credit; a local one the other way round. Days
are whole calendar days unless the key says working days; the day of the event is never counted.
"""

from __future__ import annotations

import msgspec

from gateway.config import quantities
from gateway.config.document import Keys
from gateway.prepayment.legal import TERMINATE_MIN_DAYS
from gateway.prepayment.money import parse_money
from gateway.prepayment.policy import Anchor, Delinquency, Indemnity, Interest

_DAYS_MAX = 366


class NoticeDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the notice may be written, and the least time to pay it must leave, by how it can be proven."""

    after_due_days: int
    registered_letter_days: int = 15
    certified_mail_days: int = 10
    unproven_days: int = 20


class RequestDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the supplier may ask: working days after the final term, days after the notification by class of supply."""

    working_days: int
    notified_limited_days: int
    notified_other_days: int
    notified_gas_days: int


class SuspendDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Days from the due date or from the notification before anything may be asked; 0: no such term."""

    anchor: Anchor = Anchor.NOTICE
    after_days: int = 0


class TerminateDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Days from the suspension to the end of the contract; the letter may name more."""

    after_suspension_days: int = TERMINATE_MIN_DAYS


class InterestDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For whoever computes interest; the gateway posts none by itself."""

    base: str
    spread_percent: str
    good_payer_years: int = 0
    good_payer_days: int = 0


class IndemnityDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a supply cut wrongly costs the supplier; the gateway posts none by itself."""

    no_notice: str
    wrong_term: str


class DelinquencyDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that an order of the central system is held against."""

    notice: NoticeDocument
    request: RequestDocument
    debt_floor: str
    suspend: SuspendDocument = SuspendDocument()
    terminate: TerminateDocument = TerminateDocument()
    hearing_required: bool = False
    interest: InterestDocument | None = None
    indemnity: IndemnityDocument | None = None


def to_delinquency(doc: DelinquencyDocument, keys: Keys) -> Delinquency:
    """The tables as the core wants them; ConfigError names the key."""
    found = Delinquency(
        notice_after_days=_days("notice.after_due_days", doc.notice.after_due_days, keys),
        pay_registered_days=_days("notice.registered_letter_days", doc.notice.registered_letter_days, keys, least=1),
        pay_certified_days=_days("notice.certified_mail_days", doc.notice.certified_mail_days, keys, least=1),
        pay_unproven_days=_days("notice.unproven_days", doc.notice.unproven_days, keys, least=1),
        request_working_days=_days("request.working_days", doc.request.working_days, keys),
        notified_limited_days=_days("request.notified_limited_days", doc.request.notified_limited_days, keys),
        notified_other_days=_days("request.notified_other_days", doc.request.notified_other_days, keys),
        notified_gas_days=_days("request.notified_gas_days", doc.request.notified_gas_days, keys),
        anchor=doc.suspend.anchor,
        suspend_after_days=_days("suspend.after_days", doc.suspend.after_days, keys),
        terminate_days=_days(
            "terminate.after_suspension_days", doc.terminate.after_suspension_days, keys, least=TERMINATE_MIN_DAYS
        ),
        debt_floor_nano=_amount("debt_floor", doc.debt_floor, keys),
        hearing_required=doc.hearing_required,
        interest=None if doc.interest is None else _interest(doc.interest, keys),
        indemnity=None if doc.indemnity is None else _indemnity(doc.indemnity, keys),
    )
    if found.pay_unproven_days < max(found.pay_registered_days, found.pay_certified_days):
        raise keys.error(
            "delinquency.notice.unproven_days", "a notice that nobody can prove would leave less time than a proven one"
        )
    return found


def _interest(doc: InterestDocument, keys: Keys) -> Interest:
    if not doc.base.strip():
        raise keys.error("delinquency.interest.base", "is empty", 'the name of the rate: "TUR"')
    return Interest(
        base=doc.base,
        spread_ppm=keys.parse("delinquency.interest.spread_percent", quantities.parse_percent_ppm, doc.spread_percent),
        good_payer_years=_days("interest.good_payer_years", doc.good_payer_years, keys),
        good_payer_days=_days("interest.good_payer_days", doc.good_payer_days, keys),
    )


def _indemnity(doc: IndemnityDocument, keys: Keys) -> Indemnity:
    return Indemnity(
        no_notice_nano=_amount("indemnity.no_notice", doc.no_notice, keys),
        wrong_term_nano=_amount("indemnity.wrong_term", doc.wrong_term, keys),
    )


def _days(key: str, days: int, keys: Keys, *, least: int = 0) -> int:
    if not least <= days <= _DAYS_MAX:
        raise keys.error(f"delinquency.{key}", f"{days} is not {least} to {_DAYS_MAX}")
    return days


def _amount(key: str, text: str, keys: Keys) -> int:
    nano = keys.parse(f"delinquency.{key}", parse_money, text)
    if nano < 0:
        raise keys.error(f"delinquency.{key}", f"{text} is below zero")
    return nano
