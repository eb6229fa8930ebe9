"""What a refused posting says, and what the row of an accepted one carries, word for word."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.prepayment.ledger import Entry
from gateway.prepayment.notices import NOTICES, template_of
from gateway.prepayment.posting import MISSING_MAX, Numbers, Posting, PostingKind
from gateway.prepayment.register import Case, CaseKind
from tests.prepayment.worlds import NANO, World, at, opened, world

K = PostingKind
JUNE = int(datetime(2026, 6, 15, 10, tzinfo=UTC).timestamp() * 1000)


def posting(w: World, number: int, kind: PostingKind, nano: int, **changes: Any) -> Posting:
    """One posting of this kind."""
    return replace(Posting(w.now(), f"jti-{number}", number, kind, nano, "CHF", f"P-{number}"), **changes)


def told(w: World, request: Posting) -> tuple[str, dict[str, str | int]]:
    """The reason and all that the verdict says beside it."""
    verdict = w.post(request).verdict
    assert verdict is not None
    return verdict.reason, dict(verdict.detail)


def ready() -> World:
    """An account in June with a fee of one franc, an estimate of 100 kWh and two cases."""
    w = world(100 * NANO)
    w.utc_ms = JUNE
    one = Case(3, CaseKind.DISCONTINUITY, 5, 900, 895, at(), at(), 0)
    two = replace(one, case_id=4, kind=CaseKind.UNOBSERVED)
    w.account = replace(w.account, register=replace(w.account.register, dated=None, cases=(one, two)))
    assert told(w, posting(w, 1, K.FEE, -NANO)) == ("", {"sequence": 1})
    period = {"from_day": "2026-02-01", "to_day": "2026-02-28"}
    assert told(w, posting(w, 2, K.ESTIMATE, -25 * NANO, wh=100_000, **period))[0] == ""
    w.account = replace(w.account, register=replace(w.account.register, dated=w.now()))
    return w


FEBRUARY = {"from_day": "2026-02-01", "to_day": "2026-02-28"}
SIDES = {"credit_nano": 3 * NANO, "debit_nano": 4 * NANO}


@pytest.mark.parametrize(
    ("kind", "nano", "changes", "reason", "says"),
    [
        (K.FEE, -NANO, {"currency": "EUR"}, "wrong_currency", {"expected": "CHF", "got": "EUR"}),
        (K.FEE, -NANO, {"number": MISSING_MAX + 4}, "sequence_gap", {"last_sequence": 2}),
        (K.FEE, -NANO, {"number": 1, "reference": "P-1"}, "already_included", {"last_sequence": 2}),
        (K.FEE, -2 * NANO, {"number": 1}, "sequence_used", {"reference": "P-1", "last_sequence": 2}),
        (K.FEE, -NANO, {"reference": "P-1"}, "duplicate_reference", {"reference": "P-1"}),
        (K.FEE, NANO, {"reverses": "P-9"}, "unknown_posting", {"reference": "P-9"}),
        (K.INTEREST, NANO, {"reverses": "P-1", **FEBRUARY}, "not_applicable", {"reference": "P-1", "kind": "fee"}),
        (K.CONGUAGLIO, NANO, {"supersedes": "P-1"}, "not_applicable", {"reference": "P-1", "kind": "fee"}),
        (K.FEE, NANO, {"supersedes": "P-2", "wh": 1}, "not_applicable", {"reference": "P-2", "kind": "estimate"}),
        (K.CONGUAGLIO, NANO, {"supersedes": "P-2"}, "missing_field", {"field": "wh"}),
        (K.CONGUAGLIO, NANO, {"supersedes": "P-2", "wh": 90_000}, "amount_mismatch", {"expected": "2.50"}),
        (K.FEE, 2 * NANO, {"reverses": "P-1"}, "amount_mismatch", {"expected": "1.00"}),
        (K.FEE, 5 * NANO, {}, "wrong_sign", {"kind": "fee", "amount": "5.00"}),
        (K.SETOFF, 0, {"debit_nano": 1}, "missing_field", {"field": "credit"}),
        (K.SETOFF, 0, {"credit_nano": 1}, "missing_field", {"field": "debit"}),
        (K.RECONSTRUCTION, NANO, {**SIDES, **FEBRUARY}, "amount_mismatch", {"expected": "-1.00"}),
        (K.FEE, -NANO, SIDES, "not_applicable", {"field": "credit, debit", "kind": "fee"}),
        (K.FEE, -2_001 * NANO, {}, "above_cap", {"cap": "2000.00 CHF a posting"}),
        (K.ADJUSTMENT, 1_999 * NANO, {}, "balance_above_cap", {"cap": "2000.00 CHF"}),
        (K.REFUND, -75 * NANO, {}, "refund_exceeds_balance", {"balance": "74.00"}),
        (K.FEE, -NANO, {"from_day": "2026-02-01"}, "missing_field", {"field": "to"}),
        (K.FEE, -NANO, {"to_day": "2026-02-01"}, "missing_field", {"field": "from"}),
        (K.FEE, -NANO, {"from_day": "2026-06-15", "to_day": "2026-06-16"}, "invalid_period", {"today": "2026-06-15"}),
        (K.ESTIMATE, -NANO, FEBRUARY, "missing_field", {"field": "wh"}),
        (
            K.ESTIMATE, -NANO, {"wh": 5, "from_day": "2026-02-01", "to_day": "2026-02-02"},
            "already_measured", {"register_wh": 0},
        ),
        (K.RECONSTRUCTION, -NANO, {**SIDES, **FEBRUARY}, "missing_field", {"field": "test_day"}),
        (
            K.RECONSTRUCTION, -NANO, {**SIDES, **FEBRUARY, "fault_day": "2026-02-02"},
            "reconstruction_limit", {"not_before": "2026-02-02"},
        ),
        (
            K.RECONSTRUCTION, -NANO, {**SIDES, "from_day": "2025-06-09", "to_day": "2026-02-28",
                                      "test_day": "2026-06-10"},
            "reconstruction_limit", {"not_before": "2025-06-10"},
        ),
        (
            K.RECONSTRUCTION, -NANO, {**SIDES, **FEBRUARY, "test_day": "2026-02-27"},
            "invalid_period", {"test_day": "2026-02-27"},
        ),
        (K.FEE, -NANO, {"case_id": 3}, "not_applicable", {"field": "case_id", "kind": "fee"}),
        (K.ADJUSTMENT, -NANO, {"case_id": 4}, "unknown_case", {"case_id": 4}),
    ],
)  # fmt: skip
def test_a_refused_posting_says_what_is_wrong(
    kind: PostingKind, nano: int, changes: dict[str, Any], reason: str, says: dict[str, str | int]
) -> None:
    """I24, S3-12: the reason code and all that helps to correct it; the books stay as they were."""
    w = ready()
    before = w.account
    assert told(w, replace(posting(w, 3, kind, nano), **changes)) == (reason, says)
    assert w.account == before


def test_the_row_of_a_reconstruction_carries_all_that_was_signed() -> None:
    """S2-15, S2-17: both sides name number, law, period, energy, the day of the test and of the fault, and the case."""
    w = ready()
    request = posting(
        w, 3, K.RECONSTRUCTION, -NANO, **SIDES, from_day="2024-02-01", to_day="2026-02-28", legal_ref="law 1", wh=7_000,
        test_day="2026-06-10", fault_day="2024-02-01", case_id=3,
    )  # fmt: skip
    assert told(w, request) == ("", {"sequence": 3})
    rows = [row for row in w.records if isinstance(row, Entry) and row.kind.value == "reconstruction"]
    wanted = (
        ("sequence", 3), ("reference", "P-3"), ("legal_ref", "law 1"), ("from", "2024-02-01"), ("to", "2026-02-28"),
        ("wh", 7_000), ("test_day", "2026-06-10"), ("fault_day", "2024-02-01"), ("case_id", 3),
        ("older_than_months", 24),
    )  # fmt: skip
    assert [row.detail for row in rows] == [wanted, wanted]
    back = posting(w, 4, K.FEE, NANO, reverses="P-1")
    assert told(w, back) == ("", {"sequence": 4})
    [*_, row] = [row for row in w.records if isinstance(row, Entry)]
    assert row.detail == (("sequence", 4), ("reference", "P-4"), ("reverses", "P-1"))


def test_the_row_of_a_set_off_names_both_sides() -> None:
    """S3-12: what stood against what, on each of the two rows."""
    w = ready()
    assert told(w, posting(w, 3, K.SETOFF, 0, **SIDES)) == ("", {"sequence": 3, "net_nano": -NANO})
    rows = [row for row in w.records if isinstance(row, Entry) and row.kind.value == "setoff"]
    wanted = (("sequence", 3), ("reference", "P-3"), ("credit_nano", 3 * NANO), ("debit_nano", 4 * NANO))
    assert [(row.amount_nano, row.detail) for row in rows] == [(3 * NANO, wanted), (-3 * NANO, wanted)]


def test_as_many_numbers_may_be_missing_as_are_remembered() -> None:
    """Decision 4, I20: not one more; a gap that fills makes room."""
    numbers = Numbers().with_number(MISSING_MAX + 1)
    assert numbers == Numbers(MISSING_MAX + 1, tuple(range(1, MISSING_MAX + 1)))
    assert Numbers().with_number(MISSING_MAX + 2) is None
    assert numbers.with_number(MISSING_MAX + 3) is None
    assert numbers.with_number(MISSING_MAX + 2) == Numbers(MISSING_MAX + 2, numbers.missing)
    filled = numbers.with_number(7)
    assert filled is not None
    assert (filled.has(7), filled.has(8), filled.with_number(MISSING_MAX + 3) is None) == (True, False, False)
    both = numbers.union(Numbers(9, (3, 4)))
    assert both.missing == (3, 4, *range(10, MISSING_MAX + 1))


@pytest.mark.parametrize("rule", [*NOTICES, "no_such_rule"])
def test_who_waits_for_somebody_on_site_is_told_that_it_is_ready(rule: str) -> None:
    """4.6, decision 14: never that supply is back; every other message is the same."""
    account = opened()
    usual = NOTICES.get(rule)
    assert template_of(rule, account) == usual
    assert template_of(rule, replace(account, armed=True)) == ("ready" if usual == "restored" else usual)
