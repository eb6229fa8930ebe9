"""What may be asked of the gateway's data: the kinds of document, and the limits of each (S4-07, S4-17).

Days are civil days of the account's zone; `to_day` is not included, so that periods follow each other without a gap.
"""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from gateway.prepayment import civil
from gateway.prepayment.account import Account
from gateway.prepayment.events import Moment
from gateway.prepayment.ledger import Verdict
from gateway.prepayment.taken import APPLIED, refused

MONTHS_PER_REQUEST = 6
MONTHS_BACK = 18
DAYS_MAX = 2 * 366
"""Of a statement, a register of top-ups or evidence; the journal itself is kept for ever."""


class DocumentKind(StrEnum):
    """What the gateway makes for the outside and signs."""

    LOAD_CURVE = "load_curve"
    MONTH = "month"
    STATEMENT = "statement"
    TOPUPS = "topups"
    CERTIFICATES = "certificates"
    EVIDENCE = "evidence"


class Channel(StrEnum):
    """What is measured; never netted against each other (S4-16)."""

    IMPORT = "import"
    EXPORT = "export"
    PRODUCTION = "production"


class Resolution(StrEnum):
    """How much time one row of a load curve covers; all but the first follow the local calendar."""

    QUARTER = "quarter"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


class Form(StrEnum):
    """How it is written: for machines (`csv`, `json`), for people in Italy (`csv_it`), for a customer (`html`)."""

    CSV = "csv"
    CSV_IT = "csv_it"
    JSON = "json"
    HTML = "html"


class Locale(StrEnum):
    """Language and formats of what people read (requirements 4.1)."""

    IT_CH = "it_CH"
    IT_IT = "it_IT"
    DE_CH = "de_CH"
    FR_CH = "fr_CH"
    EN_GB = "en_GB"


FORMS = {
    DocumentKind.LOAD_CURVE: (Form.CSV, Form.CSV_IT, Form.JSON),
    DocumentKind.MONTH: (Form.CSV,),
    DocumentKind.STATEMENT: (Form.JSON, Form.HTML),
    DocumentKind.TOPUPS: (Form.JSON, Form.CSV),
    DocumentKind.CERTIFICATES: (Form.JSON,),
    DocumentKind.EVIDENCE: (Form.JSON,),
}
"""The forms of each kind, the usual one first."""


@dataclass(frozen=True, slots=True)
class DocumentAsked:
    """Somebody entitled wants a document; `account_id` "" is the whole gateway (evidence only).

    `channels` empty: all. `form` None: the usual one. `five_rappen`: totals as they are paid in cash.
    """

    at: Moment
    command_id: str
    account_id: str
    kind: DocumentKind
    from_day: date
    to_day: date
    resolution: Resolution = Resolution.QUARTER
    channels: tuple[Channel, ...] = ()
    form: Form | None = None
    locale: Locale = Locale.IT_CH
    five_rappen: bool = False


def granted(asked: DocumentAsked, account: Account | None) -> Verdict:
    """Whether this may be made: an applied verdict, or the refusal with what would be right."""
    if account is None and (asked.account_id or asked.kind is not DocumentKind.EVIDENCE):
        return refused("unknown_account", account_id=asked.account_id)
    if asked.form is not None and asked.form not in FORMS[asked.kind]:
        return refused("unknown_form", forms=", ".join(FORMS[asked.kind]))
    if asked.five_rappen and account is not None and account.currency != "CHF":
        return refused("wrong_currency", expected="CHF", got=account.currency)
    if not asked.at.trust.dated:
        return refused("clock_untrusted")
    return _period_limits(asked, civil.local_date(asked.at.utc_ms, zone_of(account)))


def _period_limits(asked: DocumentAsked, today: date) -> Verdict:
    if asked.from_day >= asked.to_day:
        return refused("empty_period", hint="to_day is the day after the last one")
    if asked.to_day > today + timedelta(days=1):
        return refused("in_the_future", last=(today + timedelta(days=1)).isoformat())
    match asked.kind:
        case DocumentKind.LOAD_CURVE:
            return _curve_limits(asked, today)
        case DocumentKind.MONTH:
            if asked.from_day.day != 1 or asked.to_day != months_after(asked.from_day, 1):
                return refused("no_month", hint="from the first of a month to the first of the next")
            if asked.to_day > today:
                return refused("month_not_over", until=asked.to_day.isoformat())
            return _curve_limits(asked, today)
        case _:
            if (asked.to_day - asked.from_day).days > DAYS_MAX:
                return refused("too_long", days_max=DAYS_MAX)
            return APPLIED


def _curve_limits(asked: DocumentAsked, today: date) -> Verdict:
    earliest = months_after(today, -MONTHS_BACK)
    if asked.from_day < earliest:
        return refused("too_old", earliest=earliest.isoformat())
    latest = months_after(asked.from_day, MONTHS_PER_REQUEST)
    if asked.to_day > latest:
        return refused("too_long", latest=latest.isoformat())
    return APPLIED


def zone_of(account: Account | None) -> str:
    """The zone in which an account's days begin; UTC for the gateway as a whole."""
    return "UTC" if account is None else account.policy.time_zone


def months_after(day: date, months: int) -> date:
    """The same day so many months later (earlier if negative), or the last day of a shorter month."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
