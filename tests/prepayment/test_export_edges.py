"""What a refused request for a document says, word for word: what would be granted instead (S4-07, S4-17)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from gateway.prepayment.account import Account
from gateway.prepayment.civil import midnight_utc_ms
from gateway.prepayment.events import Moment, TimeTrust
from gateway.prepayment.export import DocumentAsked, DocumentKind, Form, granted
from gateway.prepayment.taken import APPLIED, refused
from tests.prepayment.test_export import KIND, TODAY, ZONE, account

NOON = Moment(midnight_utc_ms(TODAY, ZONE) + 12 * 3_600_000, TimeTrust.SYNCHRONISED, 0)
YESTERDAY = DocumentAsked(NOON, "d1", "CH-1", KIND.LOAD_CURVE, date(2026, 11, 21), TODAY)
CASH = replace(YESTERDAY, kind=KIND.STATEMENT, five_rappen=True)


def over(first: date, last: date, kind: DocumentKind = KIND.LOAD_CURVE) -> DocumentAsked:
    """The same request about other days."""
    return replace(YESTERDAY, kind=kind, from_day=first, to_day=last)


@pytest.mark.parametrize(
    ("asked", "held", "refusal"),
    [
        (YESTERDAY, None, refused("unknown_account", account_id="CH-1")),
        (replace(YESTERDAY, form=Form.HTML), account(), refused("unknown_form", forms="csv, csv_it, json")),
        (replace(CASH, form=Form.CSV), account(), refused("unknown_form", forms="json, html")),
        (CASH, account("EUR"), refused("wrong_currency", expected="CHF", got="EUR")),
        (over(TODAY, TODAY), account(), refused("empty_period", hint="to_day is the day after the last one")),
        (over(TODAY, date(2026, 11, 24)), account(), refused("in_the_future", last="2026-11-23")),
        (
            over(date(2026, 10, 2), date(2026, 11, 2), KIND.MONTH),
            account(),
            refused("no_month", hint="from the first of a month to the first of the next"),
        ),
        (over(date(2024, 1, 1), TODAY, KIND.TOPUPS), account(), refused("too_long", days_max=732)),
        (over(date(2025, 5, 21), date(2025, 6, 1)), account(), refused("too_old", earliest="2025-05-22")),
        (over(date(2026, 1, 31), TODAY), account(), refused("too_long", latest="2026-07-31")),
    ],
)
def test_a_refusal_says_what_would_be_granted(asked: DocumentAsked, held: Account | None, refusal: object) -> None:
    """S4-07, S4-17: the account that was meant, the forms there are, the last and the first day that may be asked."""
    assert granted(asked, held) == refusal


@pytest.mark.parametrize(
    ("asked", "held"),
    [
        (CASH, account()),
        (replace(CASH, five_rappen=False), account("EUR")),
        (replace(CASH, account_id="", kind=KIND.EVIDENCE), None),
    ],
)
def test_five_rappen_are_about_francs_alone(asked: DocumentAsked, held: Account | None) -> None:
    """S0-01: euros are told as they are, and the evidence of the whole gateway has no currency of its own."""
    assert granted(asked, held) == APPLIED
