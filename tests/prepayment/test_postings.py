"""Postings: each counts once, of its own kind, within law and policy, and the books stay exact."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prepayment.events import Suspected, SuspicionCause, TimeTrust
from gateway.prepayment.ledger import Entry, Verdict
from gateway.prepayment.posting import KEPT_MAX, MISSING_MAX, Numbers, Posting, PostingKind
from gateway.prepayment.postings import reconstruction_from
from gateway.prepayment.register import Case, CaseKind
from tests.prepayment.worlds import HOUR_MS, NANO, World, at, policy, world

JUNE = int(datetime(2026, 6, 15, 10, tzinfo=UTC).timestamp() * 1000)
KINDS_ONCE = [kind for kind in PostingKind if kind not in (PostingKind.SETOFF, PostingKind.RECONSTRUCTION)]


def posting(w: World, number: int, kind: PostingKind, nano: int, **changes: Any) -> Posting:
    """One posting, with a period where its kind wants one."""
    made = Posting(w.now(), f"jti-{number}", number, kind, nano, "CHF", f"P-{number}")
    if kind in (PostingKind.INTEREST, PostingKind.CONGUAGLIO, PostingKind.ESTIMATE, PostingKind.RECONSTRUCTION):
        made = replace(made, from_day="2026-02-01", to_day="2026-02-28")
    return replace(made, **changes)


def said(w: World, request: Posting) -> tuple[str, str]:
    """The verdict's status and reason."""
    verdict = w.post(request).verdict
    assert verdict is not None
    return verdict.status.value, verdict.reason


def entries(w: World, kind: PostingKind) -> list[Entry]:
    """The entries of one kind so far."""
    return [one for one in w.records if isinstance(one, Entry) and one.kind.value == kind.value]


def test_a_fee_is_posted_only_by_command_and_reversed() -> None:
    """S1-16, S2-16: the 46.59 of a meter test is an entry with number and law, taken back for a wrong cut."""
    w = world(100 * NANO)
    fee = posting(w, 1, PostingKind.FEE, -46_590_000_000, legal_ref="del. 200/99 art. 10")
    assert said(w, fee) == ("applied", "")
    assert w.account.balance_nano == 53_410_000_000
    (entry,) = entries(w, PostingKind.FEE)
    assert entry.detail == (("sequence", 1), ("reference", "P-1"), ("legal_ref", "del. 200/99 art. 10"))
    assert (entry.reference, entry.amount_nano, entry.balance_nano) == ("jti-1", -46_590_000_000, 53_410_000_000)
    back = posting(w, 2, PostingKind.FEE, 46_590_000_000, reverses="P-1")
    assert said(w, back) == ("applied", "")
    assert w.account.balance_nano == 100 * NANO
    assert said(w, replace(back, number=3, reference="P-3")) == ("refused", "already_undone")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"currency": "EUR"}, "wrong_currency"),
        ({"amount_nano": 5 * NANO}, "wrong_sign"),
        ({"amount_nano": 0}, "wrong_sign"),
        ({"amount_nano": -2_001 * NANO}, "above_cap"),
        ({"number": MISSING_MAX + 3}, "sequence_gap"),
        ({"reference": "P-1"}, "duplicate_reference"),
        ({"reverses": "P-9"}, "unknown_posting"),
        ({"reverses": "P-1", "supersedes": "P-1"}, "unknown_posting"),
        ({"reverses": "P-1", "amount_nano": -NANO}, "amount_mismatch"),
        ({"supersedes": "P-1", "wh": 5}, "not_applicable"),
        ({"kind": PostingKind.COMPENSATION, "amount_nano": NANO, "reverses": "P-1"}, "not_applicable"),
        ({"credit_nano": NANO}, "not_applicable"),
        ({"from_day": "2026-02-01"}, "missing_field"),
        ({"from_day": "2026-02-02", "to_day": "2026-02-01"}, "invalid_period"),
        ({"from_day": "2026-02-02", "to_day": "2026-03-03"}, "invalid_period"),
        ({"kind": PostingKind.INTEREST}, "missing_field"),
        ({"kind": PostingKind.REFUND, "amount_nano": -100 * NANO}, "refund_exceeds_balance"),
        ({"kind": PostingKind.ADJUSTMENT, "amount_nano": 1_999 * NANO}, "balance_above_cap"),
        ({"kind": PostingKind.SETOFF, "amount_nano": 0}, "missing_field"),
        ({"kind": PostingKind.SETOFF, "amount_nano": 0, "credit_nano": NANO}, "missing_field"),
        ({"kind": PostingKind.SETOFF, "amount_nano": 1, "credit_nano": 1, "debit_nano": 0}, "wrong_sign"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(changes: dict[str, Any], reason: str) -> None:
    """S3-12, I24: a reason code, the same account as before, and the number is free for the next try."""
    w = world(100 * NANO)
    assert said(w, posting(w, 1, PostingKind.FEE, -NANO)) == ("applied", "")
    before, told = w.account, len(w.records)
    assert said(w, replace(posting(w, 2, PostingKind.FEE, -NANO), **changes)) == ("refused", reason)
    assert (w.account, len(w.records)) == (before, told)
    assert said(w, posting(w, 2, PostingKind.FEE, -NANO)) == ("applied", "")


def test_a_number_counts_once_in_any_order() -> None:
    """Decision 4, I3: late, repeated or out of order, each posting is booked exactly once."""
    w = world(100 * NANO)
    made = {number: posting(w, number, PostingKind.FEE, -number * NANO) for number in (1, 2, 3, 4)}
    assert [said(w, made[number])[0] for number in (3, 1, 3, 4, 1, 2, 4)] == [
        "applied",
        "applied",
        "already_included",
        "applied",
        "already_included",
        "applied",
        "already_included",
    ]
    assert w.account.balance_nano == 90 * NANO
    assert w.account.postings.numbers == Numbers(4, ())
    other = replace(made[2], reference="P-x")
    assert said(w, other) == ("refused", "sequence_used"), "other money under a used number would be lost"


@given(st.permutations(list(range(1, 30))), st.lists(st.integers(1, 29), max_size=20))
def test_numbers_forget_nothing(order: list[int], repeats: list[int]) -> None:
    """I3: after any order and any repeats exactly the numbers that came are in."""
    numbers, came = Numbers(), set()
    for number in [*order[:20], *repeats]:
        if not numbers.has(number):
            after = numbers.with_number(number)
            assert after is not None
            numbers = after
        came.add(number)
        assert {one for one in range(1, 40) if numbers.has(one)} == came


@given(st.sets(st.integers(1, 25)), st.sets(st.integers(1, 25)))
def test_a_union_has_what_either_side_has(ours: set[int], theirs: set[int]) -> None:
    """Threat 3: after a resync a posting that one side has is not posted again, and no other is taken for it."""

    def numbered(those: set[int]) -> Numbers:
        highest = max(those, default=0)
        return Numbers(highest, tuple(one for one in range(1, highest) if one not in those))

    both = numbered(ours).union(numbered(theirs))
    assert {one for one in range(1, 40) if both.has(one)} == ours | theirs


def test_only_a_bounded_past_is_remembered() -> None:
    """I20: the newest postings can be reversed by their reference; older ones need an adjustment."""
    w = world(100 * NANO)
    for number in range(1, KEPT_MAX + 2):
        assert said(w, posting(w, number, PostingKind.FEE, -1_000))[0] == "applied"
    assert len(w.account.postings.kept) == KEPT_MAX
    gone = posting(w, KEPT_MAX + 2, PostingKind.FEE, 1_000, reverses="P-1")
    assert said(w, gone) == ("refused", "unknown_posting")
    assert said(w, posting(w, 1, PostingKind.FEE, -1_000))[0] == "already_included"


@pytest.mark.parametrize(
    ("test_day", "earliest"),
    [
        ("2026-06-15", "2025-06-15"),
        ("2028-02-29", "2027-03-01"),
        ("2028-03-01", "2027-03-01"),
        ("2025-03-01", "2024-03-01"),
    ],
)
def test_a_reconstruction_reaches_back_one_year(test_day: str, earliest: str) -> None:
    """S2-18: one civil year before the day of the test; a test on 29 February is handled."""
    assert reconstruction_from(date.fromisoformat(test_day)).isoformat() == earliest


@pytest.mark.parametrize(("first", "reason"), [("2025-06-10", ""), ("2025-06-09", "reconstruction_limit")])
def test_a_reconstruction_is_two_entries(first: str, reason: str) -> None:
    """S2-15, S2-18: 365 days before the test are accepted, 366 refused; the wrong is reversed and the right booked."""
    w = world(100 * NANO)
    w.utc_ms = JUNE
    rebuilt = posting(
        w, 1, PostingKind.RECONSTRUCTION, 10 * NANO,
        from_day=first, to_day="2026-05-31", test_day="2026-06-10", credit_nano=40 * NANO, debit_nano=30 * NANO,
    )  # fmt: skip
    before = w.account
    assert said(w, rebuilt) == ("refused" if reason else "applied", reason)
    if reason:
        assert w.account == before
        return
    wrong, right = entries(w, PostingKind.RECONSTRUCTION)
    assert (wrong.amount_nano, right.amount_nano, right.balance_nano) == (40 * NANO, -30 * NANO, 110 * NANO)
    assert w.account.balance_nano == 110 * NANO


@pytest.mark.parametrize(("last", "reason"), [("2026-06-10", ""), ("2026-06-11", "invalid_period")])
def test_a_reconstruction_ends_with_the_test(last: str, reason: str) -> None:
    """S2-18: what the meter counts after the test that found it wrong is another story."""
    w = world(100 * NANO)
    w.utc_ms = JUNE
    rebuilt = posting(
        w, 1, PostingKind.RECONSTRUCTION, -NANO,
        from_day="2026-05-01", to_day=last, test_day="2026-06-10", credit_nano=0, debit_nano=NANO,
    )  # fmt: skip
    assert said(w, rebuilt) == ("refused" if reason else "applied", reason)


def test_a_certain_fault_sets_the_first_day() -> None:
    """S2-17: from the fault itself, however long ago, and from no other day."""
    w = world(100 * NANO)
    w.utc_ms = JUNE
    sides = {"credit_nano": 0, "debit_nano": 30 * NANO, "to_day": "2026-05-31", "fault_day": "2024-01-01"}
    other = posting(w, 1, PostingKind.RECONSTRUCTION, -30 * NANO, from_day="2024-01-02", **sides)
    assert said(w, other) == ("refused", "reconstruction_limit")
    assert said(w, replace(other, from_day="2024-01-01")) == ("applied", "")
    (_, booked) = entries(w, PostingKind.RECONSTRUCTION)
    assert dict(booked.detail or ())["older_than_months"] == 24
    assert said(w, replace(other, number=2, reference="P-2", fault_day=None)) == ("refused", "missing_field")
    wrong = replace(other, number=2, reference="P-2", amount_nano=-29 * NANO, from_day="2024-01-01")
    assert said(w, wrong) == ("refused", "amount_mismatch")


@pytest.mark.parametrize(("first", "flagged"), [("2024-06-15", False), ("2024-06-14", True)])
def test_consumption_older_than_two_years_is_flagged(first: str, flagged: bool) -> None:
    """Requirements 3.1: limitation after 24 months is for people to judge, so the entry says it."""
    w = world(100 * NANO)
    w.utc_ms = JUNE
    late = posting(w, 1, PostingKind.CONGUAGLIO, -NANO, from_day=first, to_day="2024-12-31")
    assert said(w, late) == ("applied", "")
    assert ("older_than_months" in dict(entries(w, PostingKind.CONGUAGLIO)[0].detail or ())) is flagged


def test_a_set_off_is_double_sided_and_sums_to_nothing() -> None:
    """S3-12: a debit of 40 against a credit of 55 leaves 15 to the customer and the ledger as it was."""
    w = world(100 * NANO)
    verdict = w.post(posting(w, 1, PostingKind.SETOFF, 0, credit_nano=55 * NANO, debit_nano=40 * NANO)).verdict
    assert verdict is not None
    assert verdict.detail == (("sequence", 1), ("net_nano", 15 * NANO))
    assert [one.amount_nano for one in entries(w, PostingKind.SETOFF)] == [40 * NANO, -40 * NANO]
    assert w.account.balance_nano == 100 * NANO


def test_an_estimate_is_settled_at_its_own_price() -> None:
    """S3-10: estimated 100 kWh, actual 90: 10 kWh come back at the price of the period, linked to the estimate."""
    w = world(100 * NANO)
    w.account = replace(w.account, register=replace(w.account.register, dated=None))  # nobody could read it
    guess = posting(w, 1, PostingKind.ESTIMATE, -25 * NANO, wh=100_000)
    assert said(w, guess) == ("applied", "")
    settle = posting(w, 2, PostingKind.CONGUAGLIO, 2_500_000_000, supersedes="P-1", wh=90_000)
    assert said(w, replace(settle, amount_nano=2_500_000_001)) == ("refused", "amount_mismatch")
    assert said(w, replace(settle, wh=None)) == ("refused", "missing_field")
    bare = replace(settle, from_day=None, to_day=None)
    assert said(w, bare) == ("applied", "")
    (entry,) = entries(w, PostingKind.CONGUAGLIO)
    assert entry.detail == (
        ("sequence", 2), ("reference", "P-2"), ("from", "2026-02-01"), ("to", "2026-02-28"), ("wh", 90_000),
        ("supersedes", "P-1"),
    )  # fmt: skip
    assert w.account.balance_nano == 100 * NANO - 22_500_000_000
    assert said(w, replace(settle, number=3, reference="P-3")) == ("refused", "already_undone")


def test_a_conguaglio_taken_back_leaves_its_estimate_in_force() -> None:
    """S3-10, I2: exact either way; the estimate can then be settled again, or taken back itself."""
    w = world(100 * NANO)
    w.account = replace(w.account, register=replace(w.account.register, dated=None))
    assert said(w, posting(w, 1, PostingKind.ESTIMATE, -25 * NANO, wh=100_000)) == ("applied", "")
    settle = posting(w, 2, PostingKind.CONGUAGLIO, 2_500_000_000, supersedes="P-1", wh=90_000)
    assert said(w, settle) == ("applied", "")
    back = posting(w, 3, PostingKind.CONGUAGLIO, -2_500_000_000, reverses="P-2", from_day=None, to_day=None)
    assert said(w, back) == ("applied", "")
    assert w.account.balance_nano == 75 * NANO
    assert dict(entries(w, PostingKind.CONGUAGLIO)[-1].detail or ())["restores"] == "P-1"
    assert said(w, replace(settle, number=4, reference="P-4", wh=80_000, amount_nano=5 * NANO)) == ("applied", "")
    assert said(w, replace(back, number=5, reference="P-5", reverses="P-4", amount_nano=-5 * NANO))[0] == "applied"
    whole = posting(w, 6, PostingKind.ESTIMATE, 25 * NANO, reverses="P-1", from_day=None, to_day=None)
    assert said(w, whole) == ("applied", "")
    assert w.account.balance_nano == 100 * NANO
    assert said(w, replace(settle, number=7, reference="P-7")) == ("refused", "already_undone")


@pytest.mark.parametrize(("estimate", "actual", "nano"), [(3, 1, 7), (3, 2, 3), (3, 4, -3), (3, 5, -7), (3, 3, 0)])
def test_what_does_not_divide_is_rounded_once(estimate: int, actual: int, nano: int) -> None:
    """S3-10: 10 nano for 3 Wh; half a nano-unit goes away from zero, both ways alike."""
    w = world(100 * NANO)
    w.account = replace(w.account, register=replace(w.account.register, dated=None))
    assert said(w, posting(w, 1, PostingKind.ESTIMATE, -10, wh=estimate)) == ("applied", "")
    settle = posting(w, 2, PostingKind.CONGUAGLIO, nano, supersedes="P-1", wh=actual)
    assert said(w, settle) == ("applied", "")


def test_nothing_is_estimated_that_was_measured() -> None:
    """S3-05: a register read after the period has charged it, unless a difference stayed open; nothing is invented."""
    w = world(100 * NANO)
    guess = posting(w, 1, PostingKind.ESTIMATE, -NANO, wh=100)
    assert said(w, guess) == ("refused", "already_measured")
    assert said(w, replace(guess, wh=None)) == ("refused", "missing_field")
    began, ended = at(utc_ms=w.utc_ms - 20 * 24 * HOUR_MS), at(utc_ms=w.utc_ms - HOUR_MS)
    case = Case(1, CaseKind.DISCONTINUITY, 5, 900, 895, began, ended, 0)
    w.account = replace(w.account, register=replace(w.account.register, cases=(case,)))
    assert said(w, guess) == ("applied", "")
    edges = {"2026-02-09": "already_measured", "2026-02-10": "", "2026-03-02": ""}  # it was open from the 10th on
    for number, (day, reason) in enumerate(edges.items(), start=2):
        w.account = replace(w.account, register=replace(w.account.register, dated=at(utc_ms=w.utc_ms + 24 * HOUR_MS)))
        w.utc_ms += 24 * HOUR_MS
        edge = replace(guess, at=w.now(), number=number, reference=f"P-{number}", from_day=day, to_day=day)
        assert said(w, edge)[1] == reason
        w.utc_ms -= 24 * HOUR_MS
    later = replace(guess, number=9, reference="P-9", from_day="2026-01-01", to_day="2026-01-31")
    assert said(w, later) == ("refused", "already_measured")


def test_an_open_case_is_settled_by_a_posting() -> None:
    """Decision 6, S2-15: a difference of the register stays open until a signed posting names it, and only once."""
    w = world(100 * NANO)
    discontinuity = Case(3, CaseKind.DISCONTINUITY, 5, 900, 895, at(), at(), 0)
    unobserved = replace(discontinuity, case_id=4, kind=CaseKind.UNOBSERVED)
    w.account = replace(w.account, register=replace(w.account.register, cases=(discontinuity, unobserved)))
    settles = posting(w, 1, PostingKind.ADJUSTMENT, -NANO, case_id=3)
    assert said(w, replace(settles, kind=PostingKind.FEE)) == ("refused", "not_applicable")
    assert said(w, replace(settles, case_id=4)) == ("refused", "unknown_case")
    assert said(w, settles) == ("applied", "")
    assert w.account.register.cases == (unobserved,)
    assert dict(entries(w, PostingKind.ADJUSTMENT)[0].detail or ())["case_id"] == 3
    assert said(w, replace(settles, number=2, reference="P-2")) == ("refused", "unknown_case")
    undo = replace(settles, number=2, reference="P-2", reverses="P-1", amount_nano=NANO)
    assert said(w, undo) == ("refused", "not_applicable")


def test_undated_and_unconfirmed_books_post_nothing() -> None:
    """Threat 3, I16: no period without a date; and what an old image may have forgotten is not posted again."""
    w = world(100 * NANO)
    w.trust = TimeTrust.UNKNOWN
    assert said(w, posting(w, 1, PostingKind.INTEREST, -NANO)) == ("refused", "clock_untrusted")
    w.trust = TimeTrust.AUTHENTICATED
    w.post(Suspected(w.now(), SuspicionCause.FORK, "e-1", 9))
    assert said(w, posting(w, 1, PostingKind.FEE, -NANO)) == ("refused", "books_unconfirmed")


def test_the_cap_is_the_policy_s() -> None:
    """S1-16: how much one posting may move is data."""
    w = world(100 * NANO)
    w.account = replace(w.account, policy=policy(posting_max_nano=5 * NANO))
    assert said(w, posting(w, 1, PostingKind.FEE, -5 * NANO - 1)) == ("refused", "above_cap")
    assert said(w, posting(w, 1, PostingKind.FEE, -5 * NANO)) == ("applied", "")
    big = posting(w, 2, PostingKind.SETOFF, 0, credit_nano=6 * NANO, debit_nano=1)
    assert said(w, big) == ("refused", "above_cap")


def test_the_ladder_sees_a_fee_like_any_debt() -> None:
    """S1-16: a fee below zero begins the grace period with its notice; it limits nobody silently."""
    w = world(20 * NANO)
    w.use(1, 1)
    assert said(w, posting(w, 1, PostingKind.FEE, -30 * NANO)) == ("applied", "")
    assert (w.account.supply.state.value, w.notices()[-1]) == ("GRACE", "grace")


@given(
    st.lists(
        st.tuples(st.sampled_from(KINDS_ONCE), st.integers(-40 * NANO, 40 * NANO), st.integers(0, 700)), max_size=25
    )
)
def test_the_entries_are_the_balance(moves: list[tuple[PostingKind, int, int]]) -> None:
    """I2: whatever is posted, refused or reversed between readings, the balance is the sum of the entries."""
    w = world(50 * NANO)
    for number, (kind, nano, wh) in enumerate(moves, start=1):
        w.running_ms += HOUR_MS
        w.utc_ms += HOUR_MS
        w.register_wh += wh
        w.read()
        before = w.account
        verdict = w.post(posting(w, number, kind, nano, wh=1000)).verdict
        assert isinstance(verdict, Verdict)
        if verdict.status.value == "refused":
            assert w.account == before
        elif number % 3 == 0:
            assert said(w, posting(w, number + 30, kind, -nano, wh=1000, reverses=f"P-{number}"))[0] == "applied"
        assert 50 * NANO + w.entries_nano() == w.account.settled_balance_nano
