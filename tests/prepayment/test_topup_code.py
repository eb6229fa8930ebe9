"""A credit code at the account: it brings no amount, and the same lifetime total as the signed top-up (decision 4)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prepayment.account import Account, Start, Suspicion
from gateway.prepayment.credit import SEQUENCE_STEPS_MAX
from gateway.prepayment.events import SuspicionCause, TopUp
from gateway.prepayment.ledger import Verdict, VerdictStatus
from gateway.prepayment.step import apply
from tests.prepayment.worlds import NANO, TERMS, at, opened, policy

LOST = Suspicion(SuspicionCause.LOST, at())


def entered(
    account: Account, sequence: int, total_nano: int, amount_nano: int | None = None
) -> tuple[Account, Verdict]:
    """The account after a code (or, with an amount, after the signed top-up of the same sale), and what was said."""
    event = TopUp(at(1_000), f"c-{sequence}", sequence, amount_nano, total_nano, "CHF", "code")
    outcome = apply(account, event, TERMS)
    assert outcome.verdict is not None
    return outcome.account, outcome.verdict


def test_a_code_credits_what_its_total_says_is_new() -> None:
    """Decision 4: credit C - C_last, also when codes before it were never typed in."""
    account, verdict = entered(opened(0), 1, 20 * NANO)
    assert (verdict.status, account.balance_nano) == (VerdictStatus.APPLIED, 20 * NANO)
    account, verdict = entered(account, 4, 95 * NANO)
    assert (verdict.status, account.balance_nano) == (VerdictStatus.APPLIED, 95 * NANO)


def test_a_code_counts_once_and_late_codes_are_included() -> None:
    """I3: single use, in any order: a later code has the money of the earlier ones."""
    account, _ = entered(opened(0), 3, 60 * NANO)
    for sequence, total in ((3, 60), (2, 40), (1, 20)):
        same, verdict = entered(account, sequence, total * NANO)
        assert (verdict.status, verdict.reason) == (VerdictStatus.ALREADY_INCLUDED, "already_included")
        assert same == account


@given(
    st.lists(st.integers(1, 100), min_size=1, max_size=8).flatmap(
        lambda amounts: st.tuples(
            st.just(amounts),
            st.lists(st.tuples(st.integers(0, len(amounts) - 1), st.booleans()), min_size=1, max_size=20),
        )
    )
)
def test_code_and_signed_top_up_never_credit_the_same_twice(story: tuple[list[int], list[tuple[int, bool]]]) -> None:
    """I2, I3: sales that arrive by code, signed, twice, in any order: the balance is the highest total that arrived."""
    amounts, arrivals = story
    totals = [sum(amounts[: number + 1]) for number in range(len(amounts))]
    account = opened(0, policy=policy(balance_max_nano=10_000 * NANO))
    reached = 0
    for number, by_code in arrivals:
        amount_nano = None if by_code else amounts[number] * NANO
        account, verdict = entered(account, number + 1, totals[number] * NANO, amount_nano)
        assert verdict.status is (VerdictStatus.APPLIED if number + 1 > reached else VerdictStatus.ALREADY_INCLUDED)
        reached = max(reached, number + 1)
        assert account.balance_nano == totals[reached - 1] * NANO


@pytest.mark.parametrize(
    ("sequence", "total", "reason"),
    [
        (0, 10, "invalid_amount"),
        (2, 20, "total_mismatch"),
        (2, 10, "total_mismatch"),
        (1, 25, "total_mismatch"),
        (2, 520 + 1, "above_cap"),
        (3, 1020 + 1, "above_cap"),
        (2 + SEQUENCE_STEPS_MAX, 30, "sequence_gap"),
    ],
)
def test_a_genuine_code_that_does_not_fit_the_books_is_refused(sequence: int, total: int, reason: str) -> None:
    """Decision 4: the caps and checks of a signed top-up hold for a code; nothing changes."""
    account, _ = entered(opened(0), 1, 20 * NANO)
    same, verdict = entered(account, sequence, total * NANO)
    assert (verdict.reason, same) == (reason, account)


def test_the_highest_cap_still_takes_the_code() -> None:
    """Exactly the cap is not above it."""
    account, verdict = entered(opened(0), 1, 500 * NANO)
    assert (verdict.status, account.balance_nano) == (VerdictStatus.APPLIED, 500 * NANO)


@pytest.mark.parametrize(
    "account", [replace(opened(0), suspicion=LOST), replace(opened(0), start=Start(0, known=False))]
)
def test_books_that_may_be_lost_take_the_next_code_only(account: Account) -> None:
    """Threat 3: how much of a leap in the total was bought last no code tells, so nothing is credited on a guess."""
    same, verdict = entered(account, 2, 40 * NANO)
    assert (verdict.status, verdict.reason) == (VerdictStatus.REFUSED, "books_unconfirmed")
    assert same == account
    credited, verdict = entered(account, 1, 40 * NANO)
    assert (verdict.status, credited.balance_nano, credited.withheld_nano) == (VerdictStatus.APPLIED, 40 * NANO, 0)
    _, verdict = entered(account, 2, 40 * NANO, 15 * NANO)
    assert verdict.status is VerdictStatus.APPLIED
