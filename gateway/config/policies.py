"""Policy documents -> `Policy`: the files in `config/policies/` and the body of the signed command "set policy".

Every key that can hurt a customer must be written out; only what merely adds protection has a default.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import msgspec

from gateway.config import document, quantities
from gateway.config.delinquency import DelinquencyDocument, to_delinquency
from gateway.config.document import Keys
from gateway.prepayment.money import parse_money
from gateway.prepayment.policy import Initiator, Policy, Reconnect, Slots, Term

_MORATORIA_MAX = 8
_POSTING = "2000.00"


class LowCreditDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the customer is told that credit runs out: an amount, or days left at the present pace."""

    amount: str
    hysteresis: str
    days: int | None = None


class GraceDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long and how deep full supply goes on below zero, and the notice that must come first."""

    term: str
    debt_cap: str
    warn_before: str
    min_after_notice: str


class LimitDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rung of reduced power; `percent` is of the available power; `required`: refuse meters that cannot limit."""

    enabled: bool
    required: bool = False
    percent: int = 15
    term: str = "10 calendar days"
    debt_cap: str | None = None


class RestoreDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The balance from which supply is full again, at once (prepaid), and how it comes back (decision 14)."""

    min_balance: str | None = None
    electricity: Reconnect = Reconnect.AUTO
    gas: Reconnect = Reconnect.ARMED


class GuardsDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What must be so before anything gets worse for the customer."""

    min_dwell: str
    max_reading_age: str
    max_offline: str
    offline_debt_cap: str | None = None
    payment_proof_working_days: int = 5


class SlotsDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When an escalation may be carried out, in civil time of the policy's zone."""

    closed_weekdays: tuple[str, ...]
    closed_on_holidays: bool
    closed_on_eves: bool
    hours: str
    moratoria: tuple[str, ...] = ()
    help_hours: tuple[str, ...] = ()
    min_open_after: str = "0s"


class CapsDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The largest single top-up, the largest balance one may lead to, the largest posting (a fee, a bonus in all)."""

    top_up: str
    balance: str
    posting: str = _POSTING


class PolicyDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One version of one policy as a product manager writes it."""

    policy: str
    version: int
    description: str
    currency: str
    time_zone: str
    valid_from: str
    initiator: Initiator
    calendar: str
    limit: LimitDocument
    restore: RestoreDocument
    guards: GuardsDocument
    slots: SlotsDocument
    low_credit: LowCreditDocument | None = None
    grace: GraceDocument | None = None
    caps: CapsDocument | None = None
    delinquency: DelinquencyDocument | None = None
    valid_to: str | None = None
    example: bool = False


def load_policy(path: Path) -> Policy:
    """The policy in a file; ConfigError."""
    return to_policy(document.load(path, PolicyDocument), str(path))


def to_policy(doc: PolicyDocument, where: str) -> Policy:
    """The document as the core wants it; ConfigError names `where` (a file, or a command) and the key."""
    keys = Keys(where)
    _check_initiator(doc, keys)
    limit_debt_cap = None if doc.limit.debt_cap is None else _above_zero("limit.debt_cap", doc.limit.debt_cap, keys)
    valid_to = None if doc.valid_to is None else keys.parse("valid_to", quantities.parse_date, doc.valid_to)
    policy = Policy(
        policy_id=keys.parse("policy", quantities.parse_name, doc.policy),
        version=doc.version,
        currency=keys.parse("currency", quantities.parse_currency, doc.currency),
        time_zone=keys.parse("time_zone", quantities.parse_zone, doc.time_zone),
        initiator=doc.initiator,
        valid_from=keys.parse("valid_from", quantities.parse_date, doc.valid_from),
        valid_to=valid_to,
        calendar=keys.parse("calendar", quantities.parse_name, doc.calendar),
        limit_enabled=doc.limit.enabled,
        limit_required=doc.limit.required,
        limit_percent=doc.limit.percent,
        limit_term=_term("limit.term", doc.limit.term, keys),
        limit_debt_cap_nano=limit_debt_cap,
        min_dwell_ms=_duration("guards.min_dwell", doc.guards.min_dwell, keys),
        max_reading_age_ms=_duration("guards.max_reading_age", doc.guards.max_reading_age, keys),
        max_offline_ms=_duration("guards.max_offline", doc.guards.max_offline, keys),
        slots=_slots(doc.slots, keys),
        payment_proof_working_days=doc.guards.payment_proof_working_days,
        delinquency=None if doc.delinquency is None else to_delinquency(doc.delinquency, keys),
        reconnect=doc.restore.electricity,
        example=doc.example,
        low_credit_nano=0,
        low_credit_hysteresis_nano=0,
        low_credit_days=None,
        grace=Term(duration_ms=0),
        grace_debt_cap_nano=0,
        grace_warn_before_ms=0,
        min_after_notice_ms=0,
        restore_min_nano=0,
        offline_debt_cap_nano=0,
        top_up_max_nano=0,
        balance_max_nano=0,
        posting_max_nano=parse_money(_POSTING),
    )
    policy = _with_credit(policy, doc, keys)
    _check_counts(policy, keys)
    _check_together(policy, keys)
    return policy


def _with_credit(policy: Policy, doc: PolicyDocument, keys: Keys) -> Policy:
    """With the thresholds of prepaid credit; as it is when the supply has none that anything could follow from."""
    low, grace, caps = doc.low_credit, doc.grace, doc.caps
    minimum, offline = doc.restore.min_balance, doc.guards.offline_debt_cap
    if low is None or grace is None or caps is None or minimum is None or offline is None:
        return policy
    return replace(
        policy,
        low_credit_nano=_not_negative("low_credit.amount", low.amount, keys),
        low_credit_hysteresis_nano=_not_negative("low_credit.hysteresis", low.hysteresis, keys),
        low_credit_days=low.days,
        grace=_term("grace.term", grace.term, keys),
        grace_debt_cap_nano=_above_zero("grace.debt_cap", grace.debt_cap, keys),
        grace_warn_before_ms=_duration("grace.warn_before", grace.warn_before, keys),
        min_after_notice_ms=_duration("grace.min_after_notice", grace.min_after_notice, keys),
        restore_min_nano=_not_negative("restore.min_balance", minimum, keys),
        offline_debt_cap_nano=_above_zero("guards.offline_debt_cap", offline, keys),
        top_up_max_nano=_above_zero("caps.top_up", caps.top_up, keys),
        balance_max_nano=_above_zero("caps.balance", caps.balance, keys),
        posting_max_nano=_above_zero("caps.posting", caps.posting, keys),
    )


def _check_initiator(doc: PolicyDocument, keys: Keys) -> None:
    """A local policy has the tables of prepaid credit, a central one those of arrears; never some of both."""
    prepaid = {
        "low_credit": doc.low_credit,
        "grace": doc.grace,
        "caps": doc.caps,
        "restore.min_balance": doc.restore.min_balance,
        "guards.offline_debt_cap": doc.guards.offline_debt_cap,
    }
    central = doc.initiator is Initiator.CENTRAL
    if doc.restore.gas is not Reconnect.ARMED:
        raise keys.error(
            "restore.gas", "gas never comes back by itself (decision 14)", 'leave it out, or write "armed"'
        )
    for key, value in prepaid.items():
        if central and value is not None:
            raise keys.error(key, 'has no meaning with initiator = "central"', "nothing follows from credit there")
        if not central and value is None:
            raise keys.error(key, "this key is missing")
    if central and doc.delinquency is None:
        raise keys.error("delinquency", "this key is missing", 'initiator = "central" needs its terms')
    if not central and doc.delinquency is not None:
        raise keys.error("delinquency", 'has no meaning with initiator = "local"', "the account itself decides there")
    if central and doc.limit.debt_cap is not None:
        raise keys.error("limit.debt_cap", 'has no meaning with initiator = "central"', "only an order suspends there")


def _check_counts(policy: Policy, keys: Keys) -> None:
    if policy.version < 1:
        raise keys.error("version", f"{policy.version} is not a version; count from 1")
    if not 1 <= policy.limit_percent <= 100:
        raise keys.error("limit.percent", f"{policy.limit_percent} is not 1 to 100")
    if policy.low_credit_days is not None and not 0 <= policy.low_credit_days <= 366:
        raise keys.error("low_credit.days", f"{policy.low_credit_days} is not 0 to 366")
    if not 0 <= policy.payment_proof_working_days <= 60:
        raise keys.error("guards.payment_proof_working_days", f"{policy.payment_proof_working_days} is not 0 to 60")
    if policy.max_reading_age_ms == 0:
        raise keys.error("guards.max_reading_age", "no reading is ever that fresh", '"15 min" is usual')


def _check_together(policy: Policy, keys: Keys) -> None:
    """Each value is right by itself; together they must make a ladder one can walk down."""
    if policy.valid_to is not None and policy.valid_to < policy.valid_from:
        raise keys.error("valid_to", f"{policy.valid_to} lies before valid_from {policy.valid_from}")
    if policy.limit_required and not policy.limit_enabled:
        raise keys.error("limit.required", "a rung that is not enabled cannot be required", "set limit.enabled = true")
    if policy.delinquency is not None:
        if policy.limit_enabled and policy.limit_term.days is None:
            raise keys.error("limit.term", "an order is held against dates, not hours", 'like "10 calendar days"')
        return
    cap = policy.limit_debt_cap_nano
    if cap is not None and cap <= policy.grace_debt_cap_nano:
        raise keys.error(
            "limit.debt_cap", "is reached before the rung begins", "it must lie above grace.debt_cap; or leave it out"
        )
    grace_ms = policy.grace.duration_ms
    if grace_ms is not None and policy.grace_warn_before_ms > grace_ms:
        raise keys.error("grace.warn_before", "the warning would come before grace begins", "at most grace.term")
    if grace_ms is not None and policy.min_after_notice_ms > grace_ms:
        raise keys.error(
            "grace.min_after_notice", "the notice, sent at zero credit, would outlast grace", "at most grace.term"
        )
    if policy.balance_max_nano < policy.top_up_max_nano:
        raise keys.error("caps.balance", "the largest top-up would never fit", "it must be at least caps.top_up")


def _slots(doc: SlotsDocument, keys: Keys) -> Slots:
    closed = sorted({keys.parse("slots.closed_weekdays", quantities.parse_weekday, day) for day in doc.closed_weekdays})
    if len(closed) == len(quantities.WEEKDAYS):
        raise keys.error("slots.closed_weekdays", "no day is left", "for a rung that never comes see limit.enabled")
    begin, end = keys.parse("slots.hours", quantities.parse_hours_min, doc.hours)
    moratoria = tuple(keys.parse("slots.moratoria", quantities.parse_name, name) for name in doc.moratoria)
    if len(moratoria) > _MORATORIA_MAX:
        raise keys.error("slots.moratoria", f"{len(moratoria)} names; at most {_MORATORIA_MAX}")
    help_hours = tuple(
        sorted(keys.parse("slots.help_hours", quantities.parse_hours_min, text) for text in doc.help_hours)
    )
    if any(later < until for (_, until), (later, _) in pairwise(help_hours)):
        raise keys.error("slots.help_hours", "two stretches overlap, so their hours would count twice")
    left_ms = _duration("slots.min_open_after", doc.min_open_after, keys)
    helped = sum(max(until - max(since, begin), 0) for since, until in help_hours or ((begin, end),))
    if left_ms > helped * 60_000:
        raise keys.error(
            "slots.min_open_after",
            f"only {helped} minutes of help are left when the slot opens, so no instant would do",
            "at most what slots.help_hours (left out: slots.hours) leaves after the start of slots.hours",
        )
    return Slots(
        closed_weekdays=tuple(closed),
        closed_on_holidays=doc.closed_on_holidays,
        closed_on_eves=doc.closed_on_eves,
        from_minute=begin,
        to_minute=end,
        moratoria=moratoria,
        help_hours=help_hours,
        min_open_after_ms=left_ms,
    )


def _term(key: str, text: str, keys: Keys) -> Term:
    return keys.parse(key, quantities.parse_term, text)


def _duration(key: str, text: str, keys: Keys) -> int:
    return keys.parse(key, quantities.parse_duration_ms, text)


def _not_negative(key: str, text: str, keys: Keys) -> int:
    nano = keys.parse(key, parse_money, text)
    if nano < 0:
        raise keys.error(key, f"{text} is below zero")
    return nano


def _above_zero(key: str, text: str, keys: Keys) -> int:
    nano = _not_negative(key, text, keys)
    if nano == 0:
        raise keys.error(key, "zero would leave nothing to stand on", "an amount above 0.00")
    return nano
