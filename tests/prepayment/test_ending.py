"""The corners of a contract's end: registers that nobody ever read, that wrap, and cases that stay as they are."""

from __future__ import annotations

from dataclasses import replace

from gateway.prepayment import civil, ending
from gateway.prepayment.account import Account, Outcome, Parallel
from gateway.prepayment.contract import no_data
from gateway.prepayment.ending import closed, left_open
from gateway.prepayment.events import AccountClosed
from gateway.prepayment.ledger import Verdict
from gateway.prepayment.notices import notice
from gateway.prepayment.register import Case, CaseKind, Register, ended
from gateway.prepayment.step import apply
from gateway.prepayment.supply import SupplyState
from tests.delinquency.debtor import debtor
from tests.prepayment.worlds import HOUR_MS, MONDAY_MS, NANO, TERMS, at, opened, world

LEAP = Case(1, CaseKind.DISCONTINUITY, 900, 10, -890, at(), at(1), 1)


def end(account: Account, final_wh: int) -> Account:
    """The contract ends with a register that somebody read."""
    return apply(account, AccountClosed(at(HOUR_MS), "c", "moved", final_register_wh=final_wh), TERMS).account


def test_a_meter_that_was_never_read_ends_at_what_is_written() -> None:
    """S2-10: nothing can be charged up to it, and it is the register the certificate tells."""
    account = end(opened(register_wh=None), 4_200)
    assert (account.register.wh, account.register.at, account.usage.wh) == (4_200, at(HOUR_MS), 0)
    assert account.supply.state is SupplyState.TERMINATED


def test_a_register_that_wrapped_before_the_end_is_charged_over_the_wrap() -> None:
    """I5: 900 of 1000 Wh to 100 Wh is 200 Wh, where the meter wraps there."""
    made = world(100 * NANO)
    made.use(900)
    account = replace(made.account, wraps_at_wh=1_000)
    request = AccountClosed(made.now(), "c", "moved", final_register_wh=100)
    assert ending._used_wh(account, 100, replace(made.now(), running_ms=made.running_ms + HOUR_MS), TERMS) == 200
    assert isinstance(closed(replace(account, wraps_at_wh=None), request, TERMS), Verdict)


def test_a_difference_that_a_person_settles_stays_one_at_the_end() -> None:
    """I6: only absences become cases at the end; what is one already is told once."""
    judged = ended(Register(wh=10, at=at(1), cases=(LEAP,)), at(2), 1_000)
    assert (judged.register.cases, judged.events) == ((LEAP,), ())
    made = opened()
    outcome = Outcome(replace(made, register=replace(made.register, cases=(LEAP,))))
    assert left_open(outcome, at(2), TERMS) == outcome


def test_no_data_says_that_a_leap_hides_what_came_before() -> None:
    """S2-16: without a dated reading since the register leapt nothing is said of an instant, and why."""
    made = world()
    for parallel in (None, Parallel(0, None)):
        verdict = no_data(replace(made.account, parallel=parallel))
        assert (verdict.reason, dict(verdict.detail)["hint"]) == (
            "no_data",
            "since the register was replaced, wrapped or leapt no reading has a date yet; ask again when one has",
        )


def test_a_limit_names_no_day_that_no_calendar_knows() -> None:
    """S1-12: a customer is not told a day that nobody can compute."""
    w = debtor()
    w.notice()
    w.stand("2026-03-10")
    told = notice(w.account, replace(w.terms, calendars={}), w.at(), "limited")
    assert "not_before_utc_ms" not in dict(told.detail)


def test_an_instant_is_read_as_it_was_written() -> None:
    """The wire's instants lose nothing: to the millisecond, there and back."""
    for utc_ms in (0, 1, MONDAY_MS + 123):
        assert civil.instant_ms(civil.instant(utc_ms)) == utc_ms
