"""What nobody pays for is bounded, with the time and without it: the meter obeys, the household takes all it gets."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.prepayment.account import Account
from gateway.prepayment.entitlement import control
from gateway.prepayment.events import Contact, Moment, Reading, Tick, TimeTrust
from gateway.prepayment.policy import Policy, Term
from gateway.prepayment.step import Event, apply, next_deadline_ms
from gateway.prepayment.supply import SupplyState, SwitchState
from tests.prepayment.worlds import HOUR_MS, MONDAY_MS, TERMS, opened, policy

RATED_W = 13_800
LIMITED_W = 495
"""Fifteen percent of 3 kW and its tolerance (S1-11)."""
PRICE_NANO = 250_000
WATT_MS_PER_WH = 3_600_000


@dataclass
class Greedy:
    """Uses all the power the supply allows; time moves in the steps of a real poll, woken at each change of rung."""

    account: Account
    trust: TimeTrust
    poll_ms: int
    delay_ms: int
    running_ms: int = 0
    used_watt_ms: int = 0
    full_watt_ms: int = 0

    @property
    def now(self) -> Moment:
        """Wall clock and running time in step; what the wall clock is worth is the test's."""
        return Moment(MONDAY_MS + self.running_ms, self.trust, self.running_ms)

    def live(self, for_ms: int) -> None:
        """Poll, command after a delay, look at the timers in between."""
        allowed_w = RATED_W
        while self.running_ms < for_ms:
            wake_ms = self.running_ms + self.poll_ms
            self._post(Reading(self.now, self.used_watt_ms // WATT_MS_PER_WH))
            if self.trust.proven:
                self._post(Contact(self.now))
            while True:
                wanted_w = self._wanted_w()
                if wanted_w != allowed_w:
                    self._use(allowed_w, self.delay_ms)
                    allowed_w = wanted_w
                left_ms = wake_ms - self.running_ms
                if left_ms <= 0:
                    break
                timer_ms = next_deadline_ms(self.account, TERMS, self.now) or left_ms
                self._use(allowed_w, min(left_ms, max(timer_ms, 100), 60_000))
                self._post(Tick(self.now))

    def _use(self, watts: int, ms: int) -> None:
        self.running_ms += ms
        self.used_watt_ms += watts * ms
        if watts == RATED_W:
            self.full_watt_ms += watts * ms

    def _post(self, event: Event) -> None:
        self.account = apply(self.account, event, TERMS).account

    def _wanted_w(self) -> int:
        wanted = control(self.account, TERMS)
        if wanted.switch is SwitchState.DISCONNECTED:
            return 0
        return RATED_W if wanted.limit_w is None else wanted.limit_w


POLICIES = st.builds(
    lambda grace_h, cap, notice_h, offline_h, offline_cap, limit_h: policy(
        grace=Term(duration_ms=grace_h * HOUR_MS),
        grace_debt_cap_nano=cap * 10**9,
        min_after_notice_ms=notice_h * HOUR_MS,
        max_offline_ms=offline_h * HOUR_MS,
        offline_debt_cap_nano=offline_cap * 10**9,
        limit_term=Term(duration_ms=limit_h * HOUR_MS),
        grace_warn_before_ms=0,
    ),
    st.integers(0, 5), st.integers(1, 20), st.integers(0, 3), st.integers(1, 5), st.integers(1, 20), st.integers(0, 4),
)  # fmt: skip
POLLS = st.sampled_from((60_000, 120_000, 300_000))
DELAYS = st.sampled_from((0, 1_000, 20_000))


def _wh(watts: int, ms: int) -> int:
    return -(-watts * ms // WATT_MS_PER_WH)


@given(POLICIES, POLLS, DELAYS)
@settings(max_examples=12, deadline=None)
def test_unpaid_energy_is_grace_and_a_poll(lived: Policy, poll_ms: int, delay_ms: int) -> None:
    """I13: at full power no more than the grace, by term or by debt cap, and what one poll and one command take."""
    home = Greedy(opened(0, policy=lived), TimeTrust.AUTHENTICATED, poll_ms, delay_ms)
    home.live(14 * HOUR_MS)
    assert home.account.supply.state is SupplyState.SUSPENDED
    grace_ms = lived.grace.duration_ms or 0
    by_term_ms = max(grace_ms, lived.min_after_notice_ms, lived.min_dwell_ms)
    by_debt_wh = max(
        lived.grace_debt_cap_nano // PRICE_NANO,
        _wh(RATED_W, max(lived.min_after_notice_ms, lived.min_dwell_ms)),
    )
    # the rung is entered at a poll, left at a poll or a timer, and obeyed after a delay
    slack_wh = _wh(RATED_W, 2 * poll_ms + delay_ms) + 2
    assert home.full_watt_ms // WATT_MS_PER_WH <= min(_wh(RATED_W, by_term_ms), by_debt_wh) + slack_wh
    limited_ms = max(lived.limit_term.duration_ms or 0, lived.min_after_notice_ms, lived.min_dwell_ms)
    limited_wh = (home.used_watt_ms - home.full_watt_ms) // WATT_MS_PER_WH
    assert limited_wh <= _wh(LIMITED_W, limited_ms + 2 * poll_ms + delay_ms) + 2


@given(POLICIES, POLLS, DELAYS, st.sampled_from([trust for trust in TimeTrust if not trust.proven]))
@example(policy(offline_debt_cap_nano=10**9, max_offline_ms=0, min_after_notice_ms=0), 60_000, 0, TimeTrust.UNKNOWN)
@settings(max_examples=12, deadline=None)
def test_a_clock_that_is_never_trusted_buys_a_reduced_power(
    lived: Policy, poll_ms: int, delay_ms: int, trust: TimeTrust
) -> None:
    """Decision 12, I13: full power ends at the offline debt cap; after it there are 15 % for as long as it lasts."""
    home = Greedy(opened(0, policy=lived), trust, poll_ms, delay_ms)
    hours = 14
    home.live(hours * HOUR_MS)
    assert home.account.supply.state is SupplyState.LIMITED, "never cut off without proven time (I8)"
    waits_ms = max(lived.max_offline_ms, lived.min_after_notice_ms, lived.min_dwell_ms)
    bound_wh = max(lived.offline_debt_cap_nano // PRICE_NANO, _wh(RATED_W, waits_ms))
    assert home.full_watt_ms // WATT_MS_PER_WH <= bound_wh + _wh(RATED_W, 2 * poll_ms + delay_ms) + 2
    assert home.used_watt_ms - home.full_watt_ms <= LIMITED_W * hours * HOUR_MS


def test_without_a_limiter_nothing_bounds_a_clock_that_is_never_trusted() -> None:
    """Decision 12 as it is: LIMITED needs a limiter, and SUSPENDED needs the time; `check` and docs/proof say so."""
    terms = replace(TERMS, can_limit=False)
    account = opened(0, policy=policy(offline_debt_cap_nano=10**9, max_offline_ms=HOUR_MS), terms=terms)
    for hour in range(1, 200):
        at = Moment(MONDAY_MS + hour * HOUR_MS, TimeTrust.UNKNOWN, hour * HOUR_MS)
        account = apply(account, Reading(at, hour * 1_000), terms).account
    assert account.balance_nano < -40 * 10**9
    assert account.supply.state is SupplyState.GRACE
