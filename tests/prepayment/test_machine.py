"""The invariants of money and supply under any sequence of events: a stateful Hypothesis machine on the core."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.prepayment.entitlement import control
from gateway.prepayment.events import (
    Contact,
    HoldKind,
    HoldReleased,
    HoldSet,
    LockoutReleased,
    LockoutSet,
    Moment,
    Reading,
    Restarted,
    Tick,
    TimeTrust,
    TopUp,
    TopUpReversal,
)
from gateway.prepayment.ledger import Entry, EntryKind, Transition, VerdictStatus
from gateway.prepayment.policy import Slots, Term
from gateway.prepayment.step import apply
from gateway.prepayment.supply import SupplyState, SwitchState

from .worlds import DAY_MS, HOUR_MS, NANO, TERMS, World, opened, policy

_RANK = [SupplyState.NORMAL, SupplyState.LOW_CREDIT, SupplyState.GRACE, SupplyState.LIMITED, SupplyState.SUSPENDED]
_SHORT = policy(
    grace=Term(duration_ms=4 * HOUR_MS),
    min_after_notice_ms=HOUR_MS,
    grace_debt_cap_nano=3 * NANO,
    limit_term=Term(duration_ms=6 * HOUR_MS),
    max_offline_ms=8 * HOUR_MS,
    offline_debt_cap_nano=5 * NANO,
    slots=Slots(closed_weekdays=(6,)),
)


class Household(RuleBasedStateMachine):
    """One account, its meter, a head-end that repeats and re-orders, and a clock that lies."""

    def __init__(self) -> None:
        super().__init__()
        self.w = World(opened(5 * NANO, policy=_SHORT))
        self.signed: list[TopUp] = []
        self.reversed: list[TopUpReversal] = []
        self.entries_nano = 0
        self.charge_seen_nano = 0
        self.notice_running_ms: int | None = None

    def post(self, event: object) -> None:
        """Apply one event and check what must hold for every single step."""
        before = self.w.account
        outcome = apply(before, event, TERMS)  # type: ignore[arg-type]
        again = apply(before, event, TERMS)  # type: ignore[arg-type]
        assert again == outcome, "the core is a function of its arguments (I22)"
        self.w.account = outcome.account
        moves = [record for record in outcome.records if isinstance(record, Transition)]
        assert len(moves) <= 1, "one rung per evaluation (I9)"
        for move in moves:
            self._check_move(move, before.supply.since.running_ms)
        for record in outcome.records:
            if isinstance(record, Entry):
                self.entries_nano += record.amount_nano
                assert record.balance_nano == 5 * NANO + self.entries_nano, "entries add up to the balance (I2)"
                if record.kind is EntryKind.CHARGE:
                    assert sum(line.amount_nano for line in record.lines) == -record.amount_nano

    def _check_move(self, move: Transition, since_ms: int) -> None:
        if _RANK.index(move.target) > _RANK.index(SupplyState.GRACE) and move.source is not SupplyState.SUSPENDED:
            assert move.balance_nano < 0, "nobody in credit is limited or cut off (I8)"
            assert self.notice_running_ms is not None
            assert move.at.running_ms - self.notice_running_ms >= HOUR_MS, "never before the notice is old enough"
            assert move.at.running_ms - since_ms >= _SHORT.min_dwell_ms
            if move.target is SupplyState.SUSPENDED:
                assert move.at.trust is TimeTrust.AUTHENTICATED, "no cut-off without proven time (I8)"
                assert move.source is SupplyState.LIMITED, "no rung is skipped (I9)"
            assert not self.w.account.holds or move.rule == "protected"
        if move.target in (SupplyState.GRACE, SupplyState.LIMITED) and move.rule != "protected":
            self.notice_running_ms = move.at.running_ms

    @initialize()
    def first_reading(self) -> None:
        """The account begins with a reading."""
        self.post(Reading(self.w.now(), 0))

    @rule(minutes=st.integers(1, 240), power_w=st.integers(0, 9_000), contact=st.booleans())
    def live(self, minutes: int, power_w: int, contact: bool) -> None:
        """Time passes, energy is used, polls come every quarter of an hour."""
        left = minutes
        while left > 0:
            part = min(left, 10)
            self.w.running_ms += part * 60_000
            self.w.utc_ms += part * 60_000
            self.w.register_wh += power_w * part // 60
            if contact:
                self.post(Contact(self.w.now()))
            self.post(Reading(self.w.now(), self.w.register_wh))
            left -= part

    @rule(value=st.one_of(st.none(), st.integers(0, 2**34)))
    def glitch(self, value: int | None) -> None:
        """A wrong value charges at most what the rated power allows, a far one nothing at all."""
        before = self.w.account.usage.charge_total_nano
        self.post(Reading(self.w.now(), value, defect=None if value is not None else "nan"))
        grown_wh = (self.w.account.usage.charge_total_nano - before) // 250_000
        assert grown_wh <= 13_800 * 5 + 2

    @rule(step_ms=st.integers(-3_650 * DAY_MS, 3_650 * DAY_MS), trust=st.sampled_from(list(TimeTrust)))
    def clock_lies(self, step_ms: int, trust: TimeTrust) -> None:
        """I16: a step of an unproven wall clock by itself changes no balance, rung or timer."""
        if trust is TimeTrust.AUTHENTICATED:
            step_ms = 0
        self.w.trust = trust
        self.w.utc_ms = max(self.w.utc_ms + step_ms, 0)
        before = self.w.account
        self.post(Tick(self.w.now()))
        assert self.w.account.balance_nano == before.balance_nano or trust.proven
        assert _RANK.index(self.w.account.supply.state) <= _RANK.index(before.supply.state) or trust.proven

    @rule(off_ms=st.integers(0, 3 * DAY_MS))
    def power_cut(self, off_ms: int) -> None:
        """The gateway is off: running time stands still, the household may go on using energy."""
        self.w.utc_ms += off_ms
        self.w.register_wh += off_ms * 2_000 // HOUR_MS
        self.post(Restarted(self.w.now()))

    @rule(nano=st.integers(1, 20 * NANO))
    def pay(self, nano: int) -> None:
        """A top-up is signed; whether and when it arrives is another matter."""
        total = (self.signed[-1].total_nano if self.signed else 0) + nano
        sequence = len(self.signed) + 1
        self.signed.append(TopUp(self.w.now(), f"t{sequence}", sequence, nano, total, "CHF", "web"))

    @precondition(lambda self: self.signed)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        """Any signed top-up arrives, again or out of order."""
        event = data.draw(st.sampled_from(self.signed))
        last = self.w.account.top_up_sequence
        self.post(replace(event, at=self.w.now()))
        if event.sequence > last:
            assert self.w.account.top_up_total_nano == event.total_nano, "credit is what was signed (I1, I3)"

    @precondition(lambda self: self.w.account.top_up_total_nano > self.w.account.reversal_total_nano)
    @rule(data=st.data())
    def take_back(self, data: st.DataObject) -> None:
        """A reversal of part of what was topped up."""
        account = self.w.account
        nano = data.draw(st.integers(1, account.top_up_total_nano - account.reversal_total_nano))
        total, sequence = account.reversal_total_nano + nano, account.reversal_sequence + 1
        outcome = apply(account, TopUpReversal(self.w.now(), "r", sequence, nano, total, "CHF", "x"), TERMS)
        assert outcome.verdict is not None
        if outcome.verdict.status is VerdictStatus.APPLIED:
            self.post(TopUpReversal(self.w.now(), "r", sequence, nano, total, "CHF", "x"))

    @rule(kind=st.sampled_from(list(HoldKind)), hold_id=st.sampled_from(["one", "other"]))
    def hold(self, kind: HoldKind, hold_id: str) -> None:
        """A hold is set; a protective one restores at once, unless its id is that of an outage: that is not ended."""
        outages = {held.hold_id for held in self.w.account.holds if held.kind is HoldKind.OUTAGE}
        self.post(HoldSet(self.w.now(), "h", hold_id, kind))
        if kind.protective and hold_id not in outages:
            assert control(self.w.account, TERMS).limit_w is None

    @rule(hold_id=st.sampled_from(["one", "other"]))
    def release(self, hold_id: str) -> None:
        """The hold is released, if there is one."""
        self.post(HoldReleased(self.w.now(), "h", hold_id))

    @rule(locked=st.booleans())
    def lockout(self, locked: bool) -> None:
        """Work on the line begins or ends."""
        self.post(LockoutSet(self.w.now(), "l", "work") if locked else LockoutReleased(self.w.now(), "l"))
        assert (control(self.w.account, TERMS).switch is SwitchState.DISCONNECTED) or self.w.account.lockout is None

    @invariant()
    def money_adds_up(self) -> None:
        """I1, I2, I5: credit is what was signed, the balance follows from totals, charges never shrink."""
        account = self.w.account
        assert account.top_up_total_nano <= (self.signed[-1].total_nano if self.signed else 0)
        unsettled = sum(line.amount_nano for line in account.unsettled)
        assert account.balance_nano == 5 * NANO + self.entries_nano - unsettled
        assert account.usage.charge_total_nano >= self.charge_seen_nano
        self.charge_seen_nano = account.usage.charge_total_nano

    @invariant()
    def credit_means_light(self) -> None:
        """I10: with credit and no lock-out the supply is on and unlimited, whatever clock and head-end do."""
        account = self.w.account
        if account.balance_nano >= 0 and account.lockout is None:
            assert control(account, TERMS) == control(opened(), TERMS)

    @invariant()
    def protected_means_light(self) -> None:
        """Invariant 9: a protected point is never limited or cut off for debt."""
        account = self.w.account
        if any(hold.kind.protective for hold in account.holds) and account.lockout is None:
            assert control(account, TERMS).switch is SwitchState.CONNECTED
            assert control(account, TERMS).limit_w is None

    @invariant()
    def everything_is_bounded(self) -> None:
        """I20: nothing in an account grows for ever."""
        account = self.w.account
        assert len(account.unsettled) <= 8
        assert len(account.register.cases) <= 16
        assert len(account.spending.days_nano) <= 7


TestHousehold = Household.TestCase
TestHousehold.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
TestHousehold.runTest.__doc__ = "I1-I3, I5-I10, I16, I20, I22 hold after every step of any history."


def test_moment_is_the_only_time_the_core_knows() -> None:
    """Time is an argument: the same event at another moment is another event, nothing else changes."""
    one, other = (apply(opened(), Tick(Moment(ms, TimeTrust.UNKNOWN, 5)), TERMS) for ms in (1, 10**13))
    assert one == other
