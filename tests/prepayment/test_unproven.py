"""A clock nobody has vouched for ends no protection and no term (decision 16, I16)."""

from __future__ import annotations

from gateway.prepayment.events import HoldKind, HoldReleased, HoldSet, Tick, TimeTrust
from gateway.prepayment.policy import Term
from gateway.prepayment.supply import SupplyState

from .worlds import DAY_MS, HOUR_MS, NANO, policy, tariff, world


def test_a_forged_clock_ends_no_hold() -> None:
    """Decision 11: out of reach, deep in debt, and the network's time a year ahead: the hold still stands."""
    w = world(NANO)
    w.post(HoldSet(w.now(), "x", "case", HoldKind.DISPUTE, w.utc_ms + 30 * DAY_MS))
    w.trust = TimeTrust.SYNCHRONISED
    w.utc_ms += 365 * DAY_MS
    w.use(200_000, 100, contact=False)
    assert w.account.balance_nano < -20 * NANO
    assert w.account.supply.state is SupplyState.GRACE
    w.post(HoldReleased(w.now(), "x", "case"))
    w.use(0)
    assert w.account.supply.state is SupplyState.LIMITED, "the hold was what stood in the way"


def test_a_forged_clock_takes_no_life_support_away() -> None:
    """Decision 11: a protective hold set with an end keeps its room and its effect while the time is unproven."""
    w = world()
    w.post(HoldSet(w.now(), "x", "care", HoldKind.LIFE_SUPPORT, w.utc_ms + 30 * DAY_MS))
    w.trust = TimeTrust.SYNCHRONISED
    w.utc_ms += 365 * DAY_MS
    w.post(HoldSet(w.now(), "y", "other", HoldKind.COMPLAINT))
    assert [hold.hold_id for hold in w.account.holds] == ["care", "other"]


def test_who_paid_the_debt_back_is_not_cut_off_when_the_term_ends() -> None:
    """Decision 11: below the restore minimum, but not in debt: limited for as long as it takes, never suspended."""
    w = world(NANO, policy=policy(restore_min_nano=5 * NANO))
    w.use(70_000, 80)
    assert w.account.supply.state is SupplyState.LIMITED
    w.top_up(NANO - w.account.balance_nano)
    w.use(0, 20 * 24, poll_ms=HOUR_MS // 6)
    assert w.account.balance_nano == NANO
    assert w.account.supply.state is SupplyState.LIMITED
    w.top_up(4 * NANO)
    assert w.account.supply.state is SupplyState.LOW_CREDIT


def test_nobody_is_warned_of_an_end_that_only_a_wrong_clock_sees() -> None:
    """I16: a term of days stands still without proof, and so does the warning before its end."""
    w = world(NANO, policy=policy(grace=Term(days=10)))
    w.use(8_000, 1)
    assert w.account.supply.state is SupplyState.GRACE
    w.trust = TimeTrust.RESTORED
    w.utc_ms += 365 * DAY_MS
    w.post(Tick(w.now()))
    assert "grace_expiring" not in w.notices()


def test_a_forged_day_books_no_standing_charge() -> None:
    """I16: the network's time a month ahead books no days, and the right time afterwards books each day once."""
    w = world(100 * NANO, tariff=tariff(standing_nano_per_day=NANO))
    w.trust = TimeTrust.SYNCHRONISED
    w.utc_ms += 30 * DAY_MS
    w.post(Tick(w.now()))
    assert w.account.balance_nano == 99 * NANO, "the day of the opening"
    w.utc_ms -= 29 * DAY_MS
    w.trust = TimeTrust.AUTHENTICATED
    w.post(Tick(w.now()))
    assert w.account.balance_nano == 98 * NANO
