"""What may be asked for: the limits of each document, at their edges."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from gateway.prepayment.account import Account, Outcome
from gateway.prepayment.agreement import open_account
from gateway.prepayment.civil import midnight_utc_ms
from gateway.prepayment.events import Moment, TimeTrust
from gateway.prepayment.export import DocumentAsked, DocumentKind, Form, granted, months_after
from gateway.prepayment.ledger import VerdictStatus
from tests.counter import opening
from tests.prepayment.worlds import TERMS

ZONE = "Europe/Zurich"
TODAY = date(2026, 11, 22)
KIND = DocumentKind


def account(currency: str = "CHF") -> Account:
    """Any account."""
    opened = open_account(opening(), TERMS)
    assert isinstance(opened, Outcome)
    return replace(opened.account, currency=currency)


def answer(
    kind: DocumentKind,
    first: date,
    last: date,
    trust: TimeTrust = TimeTrust.SYNCHRONISED,
    held: Account | None = None,
    **more: object,
) -> str:
    """The reason, "" when it is granted; asked at noon of the day."""
    at = Moment(midnight_utc_ms(TODAY, ZONE) + 12 * 3_600_000, trust, 0)
    asked = DocumentAsked(at, "d1", "CH-1", kind, first, last)
    verdict = granted(replace(asked, **more), held or account())  # type: ignore[arg-type]
    assert (verdict.status is VerdictStatus.APPLIED) is (verdict.reason == "")
    return verdict.reason


@pytest.mark.parametrize(
    ("first", "last", "reason"),
    [
        (date(2026, 1, 1), date(2026, 7, 1), ""),
        (date(2026, 1, 1), date(2026, 7, 2), "too_long"),
        (date(2025, 8, 31), date(2026, 2, 28), ""),
        (date(2025, 8, 31), date(2026, 3, 1), "too_long"),
        (date(2025, 5, 22), date(2025, 11, 22), ""),
        (date(2025, 5, 21), date(2025, 6, 1), "too_old"),
        (date(2026, 11, 22), date(2026, 11, 23), ""),
        (date(2026, 11, 22), date(2026, 11, 24), "in_the_future"),
        (date(2026, 11, 22), date(2026, 11, 22), "empty_period"),
        (date(2026, 11, 22), date(2026, 11, 1), "empty_period"),
    ],
)
def test_six_months_a_request_and_eighteen_back(first: date, last: date, reason: str) -> None:
    """S4-07: six months are fine and a day more is not; the day 18 months ago is fine and the one before is not."""
    assert answer(KIND.LOAD_CURVE, first, last) == reason


@pytest.mark.parametrize(
    ("first", "last", "reason"),
    [
        (date(2026, 10, 1), date(2026, 11, 1), ""),
        (date(2026, 2, 1), date(2026, 3, 1), ""),
        (date(2025, 12, 1), date(2026, 1, 1), ""),
        (date(2026, 10, 2), date(2026, 11, 2), "no_month"),
        (date(2026, 10, 1), date(2026, 10, 31), "no_month"),
        (date(2026, 9, 1), date(2026, 11, 1), "no_month"),
        (date(2026, 11, 1), date(2026, 12, 1), "in_the_future"),
        (date(2025, 5, 1), date(2025, 6, 1), "too_old"),
    ],
)
def test_a_month_is_a_whole_one_that_is_over(first: date, last: date, reason: str) -> None:
    """S4-17: from the first of a month to the first of the next, when that has come."""
    assert answer(KIND.MONTH, first, last) == reason


@pytest.mark.parametrize(("today", "reason"), [(date(2026, 10, 31), "month_not_over"), (date(2026, 11, 1), "")])
def test_the_last_day_of_a_month_belongs_to_it(today: date, reason: str) -> None:
    """S4-17: its last evening is still to come."""
    at = Moment(midnight_utc_ms(today, ZONE), TimeTrust.SYNCHRONISED, 0)
    asked = DocumentAsked(at, "d1", "CH-1", KIND.MONTH, date(2026, 10, 1), date(2026, 11, 1))
    verdict = granted(asked, account())
    assert verdict.reason == reason
    assert not reason or dict(verdict.detail) == {"until": "2026-11-01"}


@pytest.mark.parametrize("kind", [KIND.STATEMENT, KIND.TOPUPS, KIND.EVIDENCE, KIND.CERTIFICATES])
def test_the_ledger_is_asked_for_two_years_at_a_time(kind: DocumentKind) -> None:
    """S0-17, S2-12: what is kept for ever has no oldest day, and a request its length."""
    first = date(2015, 1, 1)
    assert answer(kind, first, first + timedelta(days=732)) == ""
    assert answer(kind, first, first + timedelta(days=733)) == "too_long"


def test_who_and_what_and_when_must_be_known() -> None:
    """S4-07, S0-01: no account, no date, a form that does not exist, francs of another currency."""
    days = (date(2026, 11, 1), date(2026, 11, 2))
    for trust in (TimeTrust.UNKNOWN, TimeTrust.RESTORED):
        assert answer(KIND.LOAD_CURVE, *days, trust) == "clock_untrusted"
    assert answer(KIND.LOAD_CURVE, *days, form=Form.HTML) == "unknown_form"
    assert answer(KIND.STATEMENT, *days, form=Form.HTML) == ""
    assert answer(KIND.STATEMENT, *days, five_rappen=True) == ""
    assert answer(KIND.STATEMENT, *days, held=account("EUR"), five_rappen=True) == "wrong_currency"
    at = Moment(midnight_utc_ms(TODAY, "UTC"), TimeTrust.SYNCHRONISED, 0)
    for kind in KIND:
        for name in ("", "CH-9"):
            reason = granted(DocumentAsked(at, "d1", name, kind, *days), None).reason
            assert (reason == "") is (kind is KIND.EVIDENCE and not name)


def test_months_are_counted_as_people_do() -> None:
    """S4-07: to the same day of the month, or the last one of a shorter month; back as well as ahead."""
    assert months_after(date(2025, 8, 31), 6) == date(2026, 2, 28)
    assert months_after(date(2026, 11, 30), -18) == date(2025, 5, 30)
    assert months_after(date(2024, 8, 31), -6) == date(2024, 2, 29)
    assert months_after(date(2026, 12, 1), 1) == date(2027, 1, 1)
