"""Random lives of post-paid households: notices, orders, payments, holds, lies of the clock, readings that fail.

After each step the rows are judged by `oracle`, which counts for itself: invariants 1, 2 and 6 to 12 of 2.8.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.prepayment.arrears import Arrears, ArrearsNoticed, ArrearsPaid, Proof, SupplyOrdered
from gateway.prepayment.entitlement import control
from gateway.prepayment.events import (
    AccountClosed,
    CloseCause,
    Contact,
    Hold,
    HoldKind,
    HoldReleased,
    HoldSet,
    Moment,
    Reading,
    Restarted,
    Tick,
    TimeTrust,
)
from gateway.prepayment.ledger import Happening, Transition, Verdict
from gateway.prepayment.step import Event, apply
from gateway.prepayment.supply import Commodity, SupplyState, SwitchState
from tests.delinquency import oracle
from tests.delinquency.debtor import TERMS, debtor
from tests.prepayment.worlds import NANO

S = SupplyState
HOUR_MS = 3_600_000
PROTECTIVE = {HoldKind.NON_DISCONNECTABLE, HoldKind.LIFE_SUPPORT, HoldKind.SHARED_POINT}
RULES = {
    "estenergy-electricity": (oracle.Rules(3, 0, 0, 0, 10), 0),
    "estenergy-gas": (oracle.Rules(3, 0, 0, 0, None), 0),
    "multiservice": (oracle.Rules(0, 0, 0, 40, None), 20),
    "it-timoe-2026": (oracle.Rules(3, 25, 0, 0, 15), 0),
    "it-gas-2026": (oracle.Rules(3, 40, 0, 0, None), 0),
}
RANK = {S.REGULAR: 0, S.NOTICED: 0, S.LIMITED: 1, S.SUSPENDED: 2, S.TERMINATED: 3}
TROUBLES = ("", "", "", "", "hold", "dispute", "clock", "reading", "silence", "night")
hours = st.sampled_from((0.05, 1, 5, 24, 24, 72, 7 * 24, 21 * 24))


class Life(RuleBasedStateMachine):
    """One household in 2026."""

    @initialize(name=st.sampled_from(sorted(RULES)))
    def begins(self, name: str) -> None:
        """A contract on 2 January."""
        gas = name.endswith("gas") or name == "it-gas-2026"
        self.home = debtor(name, day="2026-01-02", commodity=Commodity.GAS if gas else Commodity.ELECTRICITY)
        self.law, self.notice_after = RULES[name]
        self.lie_ms = 0
        self.read_at: tuple[int, bool] = (self.home.running_ms, True)
        self.limited_on: date | None = None
        self.suspended_on: date | None = None
        self.letters: dict[str, int] = {}
        self.count = 0
        self._notice(0, 40, 12, 0, Proof.CERTIFIED_MAIL, 1, 60, None)

    def _at(self) -> Moment:
        return Moment(self.home.now_ms + self.lie_ms, self.home.trust, self.home.running_ms)

    def _do(self, event: Event, *, order: bool = False, closing: bool = False) -> Verdict | None:
        """One event, and the judgement of every row it led to."""
        before, held = self.home.account, self._holds()
        outcome = apply(before, event, TERMS)
        self.home.account = outcome.account
        moves = [record for record in outcome.records if isinstance(record, Transition)]
        if outcome.verdict is not None and outcome.verdict.status.value == "refused":
            assert outcome.account == before, "a refusal changes nothing"
            assert not moves
        worse = [move for move in moves if RANK[move.target] > RANK[move.source]]
        assert len(worse) <= 1, "2: never two rungs in one evaluation"
        for move in moves:
            if move in worse and move.target is not S.TERMINATED:
                ordered = order or (before.ordered is not None and before.ordered.slot_utc_ms is not None)
                assert ordered, "12: no local evaluation alone changes the target"
                self._judge(move, held)
            if move.target is S.TERMINATED:
                assert closing
                self._judge_end(move, event)
            self._remember(move)
        for record in outcome.records:
            if isinstance(record, Happening) and record.what == "arrears.noticed":
                told = dict(record.detail)
                assert oracle.notice_is_legal(told, self.notice_after)
                self.letters[str(told["arrears"])] = int(told["letter_days"])
        return outcome.verdict

    def _holds(self) -> tuple[Hold, ...]:
        now = self._at()
        return tuple(
            hold
            for hold in self.home.account.holds
            if hold.until_utc_ms is None or now.utc_ms < hold.until_utc_ms or not now.trust.proven
        )

    def _judge(self, move: Transition, held: tuple[Hold, ...]) -> None:
        now = self._at()
        told = dict(move.detail)
        assert now.trust.proven, "1: trusted clock"
        assert oracle.in_slot(now.utc_ms), "1: in a slot"
        assert self.read_at[1], "1: a reading that can be trusted"
        assert now.running_ms - self.read_at[0] <= 15 * 60_000, "1: a fresh reading"
        blocking = [hold for hold in held if hold.kind is not HoldKind.DISPUTE]
        assert not blocking, "1, 9: no hold"
        disputed = sum(hold.amount_nano for hold in held)
        assert int(told["unpaid_nano"]) - disputed > 0, "7: what is disputed does not count"
        assert told["net_nano"] == int(told["unpaid_nano"]) - disputed
        from_limited = self.limited_on if move.source is S.LIMITED else None
        today = oracle.local(now.utc_ms).date()
        assert today >= oracle.first_day(told, self.law, from_limited), "2: every term over"
        assert self.home.account.commodity is Commodity.ELECTRICITY or move.target is S.SUSPENDED
        if move.target is S.SUSPENDED and self.law.limit_days is not None:
            assert move.source is S.LIMITED, "2: not past the rung of reduced power"
        for fact in ("command_id", "legal_ref", "arrears", "notice_ref", "due_on", "final_term_on", "reading_age_ms"):
            assert fact in told, f"11: {fact}"
        assert move.policy.startswith(self.home.account.policy.policy_id + "@")
        assert move.register_wh is not None, "11: the reading"

    def _judge_end(self, move: Transition, event: Event) -> None:
        assert isinstance(event, AccountClosed)
        if event.cause is CloseCause.DELINQUENCY:
            assert move.source is S.SUSPENDED
            assert self.suspended_on is not None
            open_claims = {one.arrears_id for one in self.home.account.arrears}
            days = max(20, *(self.letters[one] for one in open_claims))
            assert oracle.local(event.at.utc_ms).date() >= oracle.over(self.suspended_on, days)
            assert event.at.trust.proven

    def _remember(self, move: Transition) -> None:
        today = oracle.local(move.at.utc_ms).date()
        self.limited_on = today if move.target is S.LIMITED else None
        self.suspended_on = today if move.target is S.SUSPENDED else None

    @rule(passed=hours, seen=st.sampled_from((True, True, True, False)), wh=st.integers(0, 3_000))
    def time_passes(self, passed: float, seen: bool, wh: int) -> None:
        """The meter is read after it, or was not."""
        self.home.now_ms += int(passed * HOUR_MS)
        self.home.running_ms += int(passed * HOUR_MS)
        self.home.register_wh += min(wh, int(passed * 13_000))
        if seen:
            self._do(Contact(self._at()))
            self.read_at = (self.home.running_ms, True)
            self._do(Reading(self._at(), self.home.register_wh))
        self._do(Tick(self._at()))

    @rule(clock=st.sampled_from(("08:00", "09:30", "14:59")), days=st.integers(0, 6))
    def a_morning_comes(self, clock: str, days: int) -> None:
        """Most things happen in office hours."""
        day = oracle.local(self.home.now_ms).date() + timedelta(days=days)
        hour, minute = (int(part) for part in clock.split(":"))
        then = oracle.local(self.home.now_ms).replace(
            year=day.year, month=day.month, day=day.day, hour=hour, minute=minute, second=0
        )
        ahead_ms = int(then.timestamp() * 1000) - self.home.now_ms
        if ahead_ms > 0:
            self.time_passes(ahead_ms / HOUR_MS, seen=True, wh=0)

    @rule(
        trust=st.sampled_from((TimeTrust.AUTHENTICATED, TimeTrust.AUTHENTICATED, *TimeTrust)), lie=st.integers(-60, 60)
    )
    def the_clock_is_doubted(self, trust: TimeTrust, lie: int) -> None:
        """A wall clock that lies by days is never the proven one (threats 7 to 9)."""
        self.home.trust = trust
        self.lie_ms = 0 if trust.proven else lie * 24 * HOUR_MS
        self._do(Tick(self._at()))

    @rule()
    def a_reading_fails(self) -> None:
        """The meter answers nonsense."""
        self.read_at = (self.read_at[0], False)
        self._do(Reading(self._at(), None, defect="nan"))

    @rule(off=st.integers(1, 200))
    def the_gateway_was_off(self, off: int) -> None:
        """A power loss: the wall clock went on, the running time stood still."""
        self.home.now_ms += off * HOUR_MS
        self._do(Restarted(self._at()))

    @rule(
        ago=st.integers(0, 60),
        gap=st.integers(0, 30),
        term=st.integers(5, 40),
        letter=st.sampled_from((0, 0, 30)),
        proof=st.sampled_from(Proof),
        number=st.integers(1, 3),
        amount=st.integers(1, 300),
        commodity=st.sampled_from((None, None, None, *Commodity)),
    )
    def a_notice_comes(self, **drawn: Any) -> None:
        """Maybe too early, too short, or about something else."""
        self._notice(**drawn)

    @rule(number=st.integers(1, 3), amount=st.integers(20, 300))
    def a_good_notice_comes(self, number: int, amount: int) -> None:
        """As a careful supplier writes it."""
        self._notice(2, 28, 12, 0, Proof.CERTIFIED_MAIL, number, amount, None)

    def _notice(
        self, ago: int, gap: int, term: int, letter: int, proof: Proof, number: int, amount: int,
        commodity: Commodity | None,
    ) -> None:  # fmt: skip
        notified = oracle.local(self.home.now_ms).date() - timedelta(days=ago)
        issued = notified - timedelta(days=1)
        claim = Arrears(
            arrears_id=f"a-{number}",
            commodity=commodity or self.home.account.commodity,
            amount_nano=amount * NANO,
            due_on=(issued - timedelta(days=gap)).isoformat(),
            issued_on=issued.isoformat(),
            sent_on=issued.isoformat(),
            notified_on=notified.isoformat(),
            proof=proof,
            final_term_on=(notified + timedelta(days=term)).isoformat(),
            letter_days=letter,
            invoices=(),
            legal_ref="letter",
            at=self._at(),
        )
        verdict = self._do(ArrearsNoticed(self._at(), "n", "EUR", claim))
        assert verdict is not None
        if commodity not in (None, self.home.account.commodity) and self.home.state is not S.TERMINATED:
            assert verdict.reason == "other_commodity_debt", "8: another commodity's debt is never even kept"

    @rule(aim=st.sampled_from((S.LIMITED, S.SUSPENDED)), number=st.integers(1, 3), queue=st.booleans())
    def an_order_comes(self, aim: SupplyState, number: int, queue: bool) -> None:
        """Often at the wrong time."""
        self.count += 1
        event = SupplyOrdered(self._at(), f"o-{self.count}", aim, f"a-{number}", "decision", queue=queue)
        self._do(event, order=True)

    @precondition(lambda self: self.home.account.arrears and self.home.state in (S.NOTICED, S.LIMITED))
    @rule(late=st.sampled_from((-1, 0, 0, 0, 0, 1, 2, 3)), trouble=st.sampled_from(TROUBLES))
    def a_patient_supplier_orders(self, late: int, trouble: str) -> None:
        """About the first legal day, in office hours; sometimes with one thing wrong at that very moment."""
        claim = self.home.account.arrears[0]
        told = {"final_term_on": claim.final_term_on, "notified_on": claim.notified_on or "", "due_on": claim.due_on}
        first = oracle.first_day(dict(told), self.law, self.limited_on)
        days = (first - oracle.local(self.home.now_ms).date()).days + late
        self.a_morning_comes("20:00" if trouble == "night" else "09:30", max(days, 0))
        match trouble:
            case "hold":
                self.a_hold_is_set(HoldKind.COMPLAINT, 2, None)
            case "dispute":
                self.a_hold_is_set(HoldKind.DISPUTE, 2, None)
            case "clock":
                self.the_clock_is_doubted(TimeTrust.SYNCHRONISED, 0)
            case "reading":
                self.a_reading_fails()
            case "silence":
                self.time_passes(0.5, seen=False, wh=0)
            case _:
                pass
        aim = S.SUSPENDED if self.home.state is S.LIMITED or self.law.limit_days is None else S.LIMITED
        self.count += 1
        queue = trouble == "night"
        event = SupplyOrdered(self._at(), f"o-{self.count}", aim, claim.arrears_id, "decision", queue=queue)
        self._do(event, order=True)
        if trouble in ("hold", "dispute"):
            self.a_hold_is_released(2)
        self.the_clock_is_doubted(TimeTrust.AUTHENTICATED, 0)

    @rule(number=st.integers(1, 3), part=st.booleans())
    def a_payment_comes(self, number: int, part: bool) -> None:
        """Of all, or of a euro; whoever owes nothing undisputed has full supply in the same instant."""
        owed_nano = {one.arrears_id: one.amount_nano for one in self.home.account.arrears}.get(f"a-{number}", 0)
        nano, left_nano = (NANO, max(0, owed_nano - NANO)) if part else (None, None)
        self._do(ArrearsPaid(self._at(), "p", f"a-{number}", "EUR", nano, left_nano))

    @rule(kind=st.sampled_from(HoldKind), number=st.integers(1, 2), days=st.sampled_from((3, 3, 10)))
    def a_hold_is_set(self, kind: HoldKind, number: int, days: int | None) -> None:
        """Some end by themselves."""
        until = None if days is None else self._at().utc_ms + days * 24 * HOUR_MS
        amount = 50 * NANO if kind is HoldKind.DISPUTE else 0
        self._do(HoldSet(self._at(), "h", f"h-{number}", kind, until, amount_nano=amount))

    @rule(number=st.integers(1, 2))
    def a_hold_is_released(self, number: int) -> None:
        """By command."""
        self._do(HoldReleased(self._at(), "r", f"h-{number}"))

    @precondition(lambda self: self.home.state is S.SUSPENDED)
    @rule()
    def the_contract_ends_for_arrears(self) -> None:
        """When it may."""
        self._do(AccountClosed(self._at(), "c", "arrears", CloseCause.DELINQUENCY), closing=True)

    @invariant()
    def nobody_is_worse_off_than_the_rung(self) -> None:
        """9, 10, 12: protected points are supplied; the meter is told what the rung says; TERMINATED stays."""
        home = self.home
        wanted = control(home.account, TERMS)
        protected = any(hold.kind in PROTECTIVE for hold in self._holds())
        if protected and home.state is not S.TERMINATED:
            assert home.state in (S.REGULAR, S.NOTICED), "9"
        if home.state in (S.REGULAR, S.NOTICED):
            assert wanted.limit_w is None
            open_allowed = home.account.armed and home.account.commodity is Commodity.GAS
            assert wanted.switch is (SwitchState.READY_FOR_RECONNECTION if open_allowed else SwitchState.CONNECTED)
        owed = sum(one.amount_nano for one in home.account.arrears)
        disputed = sum(hold.amount_nano for hold in self._holds() if hold.kind is HoldKind.DISPUTE)
        if owed - disputed <= 0 and not self._stale():
            assert home.state in (S.REGULAR, S.TERMINATED), "3: what is paid restores at once"
        assert replace(home.account, arrears=()).policy.delinquency is not None

    def _stale(self) -> bool:
        """A hold that ended with time is noticed at the next event; until then the rung may be of before."""
        return False


Life.TestCase.settings = settings(
    max_examples=150, stateful_step_count=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestLives = Life.TestCase
TestLives.__doc__ = "Requirements 2.8, invariants 1, 2, 6-12: no random life breaks one (I11, S1-07..S1-15)."
