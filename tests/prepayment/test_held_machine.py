"""Holds under any sequence of events: what is disputed, who is protected and what an outage froze (2.8, 6 to 9)."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.prepayment.account import Account
from gateway.prepayment.entitlement import control
from gateway.prepayment.events import Contact, HoldKind, HoldReleased, HoldSet, Reading, Tick
from gateway.prepayment.holds import blocked_by, disputed_nano, frozen_ms
from gateway.prepayment.ledger import Transition
from gateway.prepayment.outages import Outage, OutageCancelled, OutagePlanned
from gateway.prepayment.policy import Term
from gateway.prepayment.step import Event, apply
from gateway.prepayment.supply import SupplyState, SwitchState
from tests.prepayment.worlds import HOUR_MS, NANO, TERMS, World, opened, policy

WORSE = (SupplyState.LIMITED, SupplyState.SUSPENDED)
POLICY = policy(
    grace=Term(duration_ms=4 * HOUR_MS),
    min_after_notice_ms=HOUR_MS,
    grace_debt_cap_nano=30 * NANO,
    limit_term=Term(duration_ms=6 * HOUR_MS),
    max_offline_ms=8 * HOUR_MS,
    offline_debt_cap_nano=50 * NANO,
)


class Household(RuleBasedStateMachine):
    """One account in debt now and then, with holds of every kind and outages."""

    def __init__(self) -> None:
        super().__init__()
        self.w = World(opened(2 * NANO, policy=POLICY))

    def post(self, event: Event) -> None:
        """Apply one event and judge each move it makes."""
        before = self.w.account
        outcome = apply(before, event, TERMS)
        self.w.account = outcome.account
        for move in outcome.records:
            if isinstance(move, Transition) and move.target in WORSE and move.rule != "resynced":
                self._escalated(before, move)

    def _escalated(self, before: Account, move: Transition) -> None:
        net_nano = move.balance_nano + disputed_nano(self.w.account, move.at)
        assert net_nano < 0, "a disputed amount contributes to no guard (2.8, invariant 7)"
        assert blocked_by(self.w.account, move.at, move.target) == "", "no hold was in the way (2.8, invariant 1)"
        policy_cap_nano = POLICY.grace_debt_cap_nano if move.target is SupplyState.LIMITED else None
        capped = policy_cap_nano is not None and net_nano <= -policy_cap_nano
        term_ms = (POLICY.grace if before.supply.state is SupplyState.GRACE else POLICY.limit_term).duration_ms
        assert term_ms is not None
        ran_ms = move.at.running_ms - before.supply.since.running_ms
        lost_ms = frozen_ms(replace(self.w.account, supply=before.supply), move.at)
        assert capped or ran_ms - lost_ms >= term_ms, "an outage shortens no term (S4-06)"

    @initialize()
    def first_reading(self) -> None:
        """The account begins with a reading."""
        self.post(Reading(self.w.now(), 0))

    @rule(quarters=st.integers(1, 24), power_w=st.integers(0, 9_000))
    def live(self, quarters: int, power_w: int) -> None:
        """Time passes in polls of ten minutes."""
        for _ in range(quarters):
            self.w.running_ms += 600_000
            self.w.utc_ms += 600_000
            self.w.register_wh += power_w // 6
            self.post(Contact(self.w.now()))
            self.post(Reading(self.w.now(), self.w.register_wh))

    @rule(off_h=st.integers(1, 30))
    def power_cut(self, off_h: int) -> None:
        """The gateway is off; the wall clock goes on."""
        self.w.utc_ms += off_h * HOUR_MS
        self.post(Tick(self.w.now()))

    @rule(
        kind=st.sampled_from(list(HoldKind)),
        number=st.integers(0, 3),
        amount=st.integers(1, 60),
        hours=st.none() | st.integers(1, 20),
        rungs=st.sets(st.sampled_from(WORSE)),
    )
    def hold(self, kind: HoldKind, number: int, amount: int, hours: int | None, rungs: set[SupplyState]) -> None:
        """Any hold, renewed or refused."""
        until = None if hours is None else self.w.utc_ms + hours * HOUR_MS
        disputed = kind is HoldKind.DISPUTE
        narrow = () if kind.protective or kind in (HoldKind.DISPUTE, HoldKind.OUTAGE) else tuple(sorted(rungs))
        amount_nano = amount * NANO if disputed else 0
        self.post(HoldSet(self.w.now(), "h", f"h{number}", kind, until, amount_nano, narrow, "utility"))

    @precondition(lambda self: self.w.account.holds)
    @rule(number=st.integers(0, 3))
    def release(self, number: int) -> None:
        """One is released."""
        self.post(HoldReleased(self.w.now(), "r", f"h{number}", "utility", "over"))

    @rule(number=st.integers(0, 3), begins_h=st.integers(-5, 20), lasts_h=st.integers(1, 20))
    def outage(self, number: int, begins_h: int, lasts_h: int) -> None:
        """The network is off for a while."""
        begins_ms = self.w.utc_ms + begins_h * HOUR_MS
        ends_ms = begins_ms + lasts_h * HOUR_MS
        self.post(OutagePlanned(self.w.now(), "p", Outage(f"o{number}", begins_ms, ends_ms, "works", "utility")))

    @rule(number=st.integers(0, 3))
    def cancelled(self, number: int) -> None:
        """Or is not."""
        self.post(OutageCancelled(self.w.now(), "x", f"o{number}", "utility", "rain"))

    @invariant()
    def protected_means_light(self) -> None:
        """2.8, invariant 9: in every state of every history."""
        account = self.w.account
        live = [hold for hold in account.holds if hold.until_utc_ms is None or self.w.utc_ms < hold.until_utc_ms]
        if any(hold.kind.protective for hold in live):
            wanted = control(account, TERMS)
            assert (wanted.switch, wanted.limit_w) == (SwitchState.CONNECTED, None)

    @invariant()
    def what_is_disputed_limits_nobody(self) -> None:
        """S2-23: whoever owes nothing but what is disputed has full supply."""
        account = self.w.account
        if account.balance_nano + disputed_nano(account, self.w.now()) >= 0:
            assert account.supply.state not in WORSE

    @invariant()
    def everything_is_bounded(self) -> None:
        """I20: holds and outages too."""
        assert len(self.w.account.holds) <= 32
        assert len(self.w.account.outages) <= 33


TestHeld = Household.TestCase
TestHeld.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestHeld.runTest.__doc__ = "2.8 invariants 1, 6, 7, 9, S2-23 and S4-06 hold after every step of any history."
