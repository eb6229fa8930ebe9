"""How long the credit lasts (S0-16): the mean of the last complete days, and the alert that counts in days."""

from __future__ import annotations

from gateway.prepayment.ladder import days_left
from gateway.prepayment.ledger import Notice

from .worlds import DAY_MS, NANO, World, policy, tariff, world


def _live(w: World, *days_wh: int) -> None:
    """Let days pass, each with its consumption, polled every hour."""
    for wh in days_wh:
        w.use(wh, hours=24, poll_ms=DAY_MS // 24)


def test_days_left_is_balance_over_the_mean_daily_cost() -> None:
    """S0-16: seven civil days that cost 14.00 leave 26.00 of 40.00, which lasts 13 days."""
    w = world(40 * NANO)
    assert days_left(w.account, w.account.balance_nano) is None, "no day is complete yet"
    w.use(0, hours=15)  # to midnight
    _live(w, 4_000, 8_000, 12_000, 8_000, 8_000, 8_000, 8_000)
    assert w.account.spending.days_nano == tuple(days * NANO for days in (1, 2, 3, 2, 2, 2, 2))
    assert w.account.balance_nano == 26 * NANO
    assert days_left(w.account, w.account.balance_nano) == 13


def test_only_the_last_seven_complete_days_count() -> None:
    """S0-16: a holiday three weeks ago says nothing about today."""
    w = world(900 * NANO)
    _live(w, *[40_000] * 5, *[4_000] * 9)
    assert w.account.spending.days_nano == (NANO,) * 7
    assert days_left(w.account, w.account.balance_nano) == w.account.balance_nano // NANO


def test_credit_for_three_days_is_low_although_the_amount_is_not() -> None:
    """S0-18: who uses 10.00 a day is told at 29.00 although the alert in money is at 5.00, and told how many days."""
    w = world(60 * NANO, policy=policy(low_credit_nano=5 * NANO, low_credit_days=3))
    _live(w, *[40_000] * 3)
    told = [record for record in w.records if isinstance(record, Notice)]
    assert [notice.template for notice in told] == ["low"]
    assert told[0].balance_nano > 20 * NANO
    assert dict(told[0].detail)["days_left"] == 3


def test_only_complete_days_tell_the_pace() -> None:
    """S0-16: neither the day of opening nor days without the gateway count; the standing charge of a day does."""
    w = world(100 * NANO, tariff=tariff(standing_nano_per_day=NANO // 2))
    w.use(0, 15)
    assert w.account.spending.days_nano == ()
    w.use(4_000, 24)
    assert w.account.spending.days_nano == (NANO // 2 + NANO,)
    w.utc_ms += 3 * DAY_MS
    w.use(0, 1)
    assert len(w.account.spending.days_nano) == 1
