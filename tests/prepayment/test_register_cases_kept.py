"""Of more cases than an account keeps, those that wait for the time stay: nobody else would ever charge them."""

from __future__ import annotations

from gateway.prepayment.account import Account
from gateway.prepayment.events import Moment, Reading, Restarted, TimeTrust
from gateway.prepayment.register import CASES_MAX, CONFIRMATIONS, CaseKind
from gateway.prepayment.step import apply
from tests.prepayment.worlds import HOUR_MS, MONDAY_MS, NANO, TERMS, opened


def test_energy_that_waits_for_the_time_is_not_crowded_out() -> None:
    """I6, I20, threat 24: an absence without a clock, then a register that leaps about; it is charged all the same."""
    account, running_ms = opened(100 * NANO), 0

    def read(account: Account, wh: int, trust: TimeTrust, *, off_ms: int = 0) -> Account:
        nonlocal running_ms
        for _ in range(CONFIRMATIONS):
            running_ms += 10_000
            moment = Moment(MONDAY_MS + off_ms + running_ms, trust, running_ms)
            account = apply(account, Reading(moment, wh), TERMS).account
        return account

    account = read(account, 50_000, TimeTrust.AUTHENTICATED)
    restarted = Restarted(Moment(MONDAY_MS, TimeTrust.UNKNOWN, running_ms), awaits=True)
    account = apply(account, restarted, TERMS).account
    account = read(account, 80_000, TimeTrust.UNKNOWN)
    for number in range(CASES_MAX + 2):
        account = read(account, 0 if number % 2 == 0 else 80_000, TimeTrust.UNKNOWN)
    assert len(account.register.cases) == CASES_MAX
    assert [case.wh for case in account.register.cases if case.kind is CaseKind.UNOBSERVED] == [30_000]
    assert account.usage.wh == 0
    account = read(account, 80_000, TimeTrust.AUTHENTICATED, off_ms=10 * HOUR_MS)
    assert account.usage.wh == 30_000
