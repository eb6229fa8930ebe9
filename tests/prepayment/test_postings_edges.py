"""Postings at their edges: the nano-unit, the day and the year where a posting is taken or not."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.prepayment.events import TimeTrust
from gateway.prepayment.ledger import Entry
from gateway.prepayment.posting import PostingKind
from gateway.prepayment.register import Case, CaseKind
from tests.prepayment.test_postings_told import FEBRUARY, posting, ready, told
from tests.prepayment.worlds import DAY_MS, HOUR_MS, NANO, World, at, policy, world

K = PostingKind
DATED = ("from", "to")


def row(w: World) -> dict[str, str | int]:
    """The details of the newest entry."""
    return dict([record for record in w.records if isinstance(record, Entry)][-1].detail or ())


@pytest.mark.parametrize(
    ("kind", "nano", "reason"),
    [
        (K.FEE, -1, ""), (K.FEE, 0, "wrong_sign"), (K.FEE, 1, "wrong_sign"),
        (K.COMPENSATION, -1, "wrong_sign"), (K.COMPENSATION, 0, "wrong_sign"), (K.COMPENSATION, 1, ""),
        (K.ADJUSTMENT, -1, ""), (K.ADJUSTMENT, 0, "wrong_sign"), (K.ADJUSTMENT, 1, ""),
        (K.CONGUAGLIO, -1, ""), (K.CONGUAGLIO, 0, ""), (K.CONGUAGLIO, 1, ""),
    ],
)  # fmt: skip
def test_one_nano_unit_has_a_sign_and_nothing_has_none(kind: PostingKind, nano: int, reason: str) -> None:
    """S1-16: a kind moves money its own way or not at all; only what may come out even may be nothing."""
    w = world(100 * NANO)
    period = FEBRUARY if kind is K.CONGUAGLIO else {}
    assert told(w, posting(w, 1, kind, nano, **period))[0] == reason
    assert w.account.balance_nano == 100 * NANO + (0 if reason else nano)


@pytest.mark.parametrize(
    ("kind", "nano", "reason"),
    [
        (K.FEE, -1, ""), (K.CONGUAGLIO, 0, ""), (K.COMPENSATION, 1, "balance_above_cap"),
        (K.CONGUAGLIO, 1, "balance_above_cap"), (K.REFUND, -40 * NANO, ""),
    ],
)  # fmt: skip
def test_an_account_above_its_cap_may_be_charged(kind: PostingKind, nano: int, reason: str) -> None:
    """S1-16: the cap of the balance bounds what comes in; it is no reason to refuse what goes out or comes out even."""
    w = world(100 * NANO)
    w.account = replace(w.account, policy=policy(balance_max_nano=60 * NANO))
    period = FEBRUARY if kind is K.CONGUAGLIO else {}
    says = {"cap": "60.00 CHF"} if reason else {"sequence": 1}
    assert told(w, posting(w, 1, kind, nano, **period)) == (reason, says)


@pytest.mark.parametrize(("nano", "reason"), [(0, ""), (1, "balance_above_cap")])
def test_a_balance_may_reach_its_cap(nano: int, reason: str) -> None:
    """S1-16: exactly, and not one nano-unit more."""
    w = world(59 * NANO)
    w.account = replace(w.account, policy=policy(balance_max_nano=60 * NANO))
    assert told(w, posting(w, 1, K.ADJUSTMENT, NANO + nano))[0] == reason


@pytest.mark.parametrize(("left_nano", "reason"), [(1, ""), (0, ""), (-1, "refund_exceeds_balance")])
def test_all_of_a_balance_may_be_paid_out(left_nano: int, reason: str) -> None:
    """S1-16: a refund may leave nothing, and never a debt."""
    w = world(100 * NANO)
    balance = {"balance": "100.00"} if reason else {"sequence": 1}
    assert told(w, posting(w, 1, K.REFUND, -100 * NANO + left_nano)) == (reason, balance)
    assert w.account.balance_nano == (100 * NANO if reason else left_nano)


def test_a_refund_that_did_not_arrive_comes_back_to_an_account_in_debt() -> None:
    """S3-12: what comes back is not what goes out, however little there is by then."""
    w = world(100 * NANO)
    assert told(w, posting(w, 1, K.REFUND, -30 * NANO))[0] == ""
    assert told(w, posting(w, 2, K.FEE, -170 * NANO))[0] == ""
    assert told(w, posting(w, 3, K.REFUND, 30 * NANO, reverses="P-1")) == ("", {"sequence": 3})
    assert w.account.balance_nano == -70 * NANO


def test_a_reversal_is_final() -> None:
    """S3-12: neither it nor what it undid is undone again; the refusal names which one."""
    w = ready()
    assert told(w, posting(w, 3, K.FEE, NANO, reverses="P-1"))[0] == ""
    for number, reference, nano in ((4, "P-3", -NANO), (4, "P-1", NANO)):
        again = posting(w, number, K.FEE, nano, reverses=reference)
        assert told(w, again) == ("already_undone", {"reference": reference})


@pytest.mark.parametrize(
    ("period", "reason", "says"),
    [
        ({}, "", {"from": "2026-02-01", "to": "2026-02-28"}),
        ({"from_day": "2026-02-10", "to_day": "2026-02-12"}, "", {"from": "2026-02-10", "to": "2026-02-12"}),
        ({"from_day": "2026-02-01"}, "missing_field", {"field": "to"}),
        ({"to_day": "2026-02-28"}, "missing_field", {"field": "from"}),
    ],
)
def test_a_reversal_is_for_the_period_it_undoes_or_for_one_it_names_whole(
    period: dict[str, Any], reason: str, says: dict[str, str]
) -> None:
    """S3-12, S2-15: the entry says the period; half of one is no period."""
    w = ready()
    reversal = posting(w, 3, K.ESTIMATE, 25 * NANO, reverses="P-2", **period)
    answer = told(w, reversal)
    if reason:
        assert answer == (reason, says)
    else:
        assert answer[0] == ""
        assert {name: value for name, value in row(w).items() if name in DATED} == says


def test_a_period_may_end_today_and_not_tomorrow() -> None:
    """S3-12: the day of the gateway is not over, but it has begun."""
    w = world(100 * NANO)
    interest = posting(w, 1, K.INTEREST, -NANO, from_day="2026-03-01", to_day="2026-03-03")
    assert told(w, interest) == ("invalid_period", {"today": "2026-03-02"})
    assert told(w, replace(interest, to_day="2026-03-02")) == ("", {"sequence": 1})


@pytest.mark.parametrize(
    ("read_days_later", "reason"), [(-1, ""), (0, ""), (1, "already_measured"), (2, "already_measured")]
)
def test_a_register_read_within_a_period_has_not_measured_it(read_days_later: int, reason: str) -> None:
    """S3-05: only a reading after the last day of the period has counted all of it; the refusal says the register."""
    w = world(100 * NANO)
    w.use(700)
    february_28_ms = w.utc_ms - 2 * DAY_MS
    dated = at(utc_ms=february_28_ms + read_days_later * DAY_MS)
    w.account = replace(w.account, register=replace(w.account.register, dated=dated))
    answer = told(w, posting(w, 1, K.ESTIMATE, -NANO, wh=100, **FEBRUARY))
    assert answer == (reason, {"register_wh": 700} if reason else {"sequence": 1})


UNKNOWN = at(utc_ms=0, trust=TimeTrust.UNKNOWN)
JANUARY_MS = int(datetime(2026, 1, 20, 12, tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("began", "ended", "reason"),
    [
        (at(utc_ms=JANUARY_MS), at(utc_ms=JANUARY_MS + DAY_MS), "already_measured"),
        (at(utc_ms=JANUARY_MS), at(utc_ms=JANUARY_MS + 12 * DAY_MS), ""),
        (at(utc_ms=JANUARY_MS), UNKNOWN, ""),
        (UNKNOWN, at(utc_ms=JANUARY_MS + DAY_MS), "already_measured"),
        (UNKNOWN, at(utc_ms=JANUARY_MS + 12 * DAY_MS), ""),
        (UNKNOWN, UNKNOWN, ""),
        (at(), UNKNOWN, "already_measured"),
    ],
)
def test_a_difference_without_a_date_may_lie_in_any_period(began: Any, ended: Any, reason: str) -> None:
    """S3-05, decision 6: what stayed open before the period or after it was measured; without a date nobody knows."""
    w = world(100 * NANO)
    case = Case(1, CaseKind.DISCONTINUITY, 5, 900, 895, began, ended, 0)
    w.account = replace(w.account, register=replace(w.account.register, cases=(case,)))
    assert told(w, posting(w, 1, K.ESTIMATE, -NANO, wh=100, **FEBRUARY))[0] == reason


@pytest.mark.parametrize(
    ("today", "first_kept", "last_flagged"),
    [
        ((2026, 1, 31), "2024-01-31", "2024-01-30"),
        ((2026, 2, 10), "2024-02-10", "2024-02-09"),
        ((2028, 2, 28), "2026-02-28", "2026-02-27"),
        ((2028, 2, 29), "2026-02-28", "2026-02-27"),
        ((2026, 3, 31), "2024-03-31", "2024-03-30"),
    ],
)
def test_two_years_ago_on_every_calendar_day(today: tuple[int, int, int], first_kept: str, last_flagged: str) -> None:
    """Requirements 3.1: older than 24 months is flagged from the day before on; a 29 February counts as the 28th."""
    w = world(100 * NANO)
    w.utc_ms = int(datetime(*today, 12, tzinfo=UTC).timestamp() * 1000)
    for number, (first, flagged) in enumerate(((first_kept, False), (last_flagged, True)), start=1):
        late = posting(w, number, K.CONGUAGLIO, -NANO, from_day=first, to_day=first_kept)
        assert told(w, late)[0] == ""
        assert ("older_than_months" in row(w)) is flagged


def test_without_the_date_no_age_is_claimed() -> None:
    """Decision 16: a reversal is taken without a clock; how old its period is nobody can say then."""
    w = world(100 * NANO)
    assert told(w, posting(w, 1, K.INTEREST, -NANO, **FEBRUARY))[0] == ""
    w.utc_ms, w.trust = w.utc_ms + 4 * 366 * 24 * HOUR_MS, TimeTrust.RESTORED
    assert told(w, posting(w, 2, K.INTEREST, NANO, reverses="P-1")) == ("", {"sequence": 2})
    assert row(w) == {
        "sequence": 2, "reference": "P-2", "from": "2026-02-01", "to": "2026-02-28", "reverses": "P-1",
    }  # fmt: skip
