"""The prepaid ladder: who is warned, limited, cut off and restored, and what may never happen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.prepayment.entitlement import control
from gateway.prepayment.events import (
    Contact,
    HoldKind,
    HoldReleased,
    HoldSet,
    LockoutReleased,
    LockoutSet,
    PolicySet,
    Tick,
    TimeTrust,
)
from gateway.prepayment.ladder import ALL_GUARDS, PREPAID, Effect, Guard, Situation, by_state, decide
from gateway.prepayment.ledger import Happening, Transition
from gateway.prepayment.policy import Initiator, Slots, Term
from gateway.prepayment.power import available_power_w, limit_w
from gateway.prepayment.step import apply, next_deadline_ms
from gateway.prepayment.supply import SupplyState, SwitchState

from .worlds import DAY_MS, HOUR_MS, NANO, TERMS, World, opened, policy, world


def _limited() -> World:
    w = world(0)
    w.use(1_000)
    w.use(0, 73)
    assert w.account.supply.state is SupplyState.LIMITED
    return w


def _suspended() -> World:
    w = _limited()
    w.use(0, 24 * 11, poll_ms=600_000)
    assert w.account.supply.state is SupplyState.SUSPENDED
    return w


def test_the_whole_way_down_and_back() -> None:
    """S0-18, S0-19, S1-11, S0-20: alert, grace, 15 %, cut-off, and at once back to normal."""
    w = world(12 * NANO)
    w.use(48_000, 20)
    w.use(1_000)
    w.use(0, 24 * 15, poll_ms=600_000)
    assert w.transitions() == ["LOW_CREDIT", "GRACE", "LIMITED", "SUSPENDED"]
    assert w.notices() == ["low", "grace", "grace_expiring", "limited", "suspended"]
    assert control(w.account, TERMS).switch is SwitchState.DISCONNECTED
    w.top_up(50 * NANO)
    assert w.transitions()[-1] == "NORMAL"
    assert control(w.account, TERMS) == control(opened(), TERMS)
    assert w.entries_nano() == w.account.settled_balance_nano - 12 * NANO == w.account.balance_nano - 12 * NANO


def test_low_credit_is_said_once_per_crossing() -> None:
    """S0-18: a small oscillation around the threshold alerts once; after a top-up above it the alert is armed again."""
    w = world(11 * NANO)
    w.use(4_100)
    w.use(100)
    w.top_up(500_000_000)
    w.use(2_000)
    assert w.notices() == ["low"]
    w.top_up(20 * NANO)
    w.use(100_000, 20)
    assert w.notices() == ["low", "low"]


@pytest.mark.parametrize(
    ("contract_w", "available_w", "limited_w"),
    [
        (500, 550, 83),
        (3_000, 3_300, 495),
        (6_000, 6_600, 990),
        (15_000, 16_500, 2_475),
        (30_000, 33_000, 4_950),
        (35_000, 35_000, 5_250),
    ],
)
def test_fifteen_per_cent_of_the_available_power(contract_w: int, available_w: int, limited_w: int) -> None:
    """S1-11, S2-39: 15 % of contract power + 10 % (82.5 W is rounded up, in the customer's favour)."""
    assert available_power_w(contract_w) == available_w
    assert limit_w(contract_w, policy()) == limited_w


def test_limited_point_is_told_495_w() -> None:
    """S1-11: a 3 kW contract under the limit rung gets 495 W and stays connected."""
    wanted = control(_limited().account, TERMS)
    assert (wanted.switch, wanted.limit_w) == (SwitchState.CONNECTED, 495)


def test_the_limit_lasts_ten_full_days() -> None:
    """S1-12: limited on day D, the tenth day after it is still limited, the eleventh is not."""
    w = _limited()
    began = next(record for record in w.records if isinstance(record, Transition) and record.target == "LIMITED")
    assert began.at.utc_ms - (began.at.utc_ms - 8 * HOUR_MS) % DAY_MS >= 0
    w.use(0, 24 * 9, poll_ms=600_000)
    assert w.account.supply.state is SupplyState.LIMITED
    w.use(0, 48, poll_ms=600_000)
    ended = next(record for record in w.records if isinstance(record, Transition) and record.target == "SUSPENDED")
    midnight_after_ten_days = 11 * DAY_MS
    day_of_limit_ms = began.at.utc_ms + HOUR_MS - (began.at.utc_ms + HOUR_MS) % DAY_MS - HOUR_MS  # Zurich is UTC+1
    assert 0 <= ended.at.utc_ms - (day_of_limit_ms + midnight_after_ten_days) < 3_600_000


def test_a_restart_does_not_restart_grace() -> None:
    """S0-19: grace counts observed running time; a reboot loses none and gains none."""
    w = world(0)
    w.use(1_000)
    w.use(0, 40)
    w.utc_ms += 5 * DAY_MS  # five days without power do not count
    w.use(0, 30)
    assert w.account.supply.state is SupplyState.GRACE
    w.use(0, 3)
    assert w.account.supply.state is SupplyState.LIMITED


def test_the_debt_cap_shortens_grace_only_down_to_the_notice() -> None:
    """Decision 11: at the debt cap the rung may come early, never before the notice is 24 h old."""
    w = world(0)
    w.use(100_000, 20)
    assert w.account.balance_nano < -15 * NANO
    assert w.account.supply.state is SupplyState.GRACE
    assert w.account.supply.held_by == Guard.NOTICE
    w.use(0, 5)
    assert w.account.supply.state is SupplyState.LIMITED


@pytest.mark.parametrize("trust", [TimeTrust.UNKNOWN, TimeTrust.RESTORED, TimeTrust.SYNCHRONISED])
def test_nobody_is_limited_while_the_time_is_not_proven(trust: TimeTrust) -> None:
    """I8, decision 11: grace goes on counting, the rung waits for AUTHENTICATED time, and comes when it is there."""
    w = world(0)
    w.use(1_000)
    w.trust = trust
    w.use(0, 71.5)
    w.use(0, 5)
    assert w.account.supply.state is SupplyState.GRACE
    w.trust = TimeTrust.AUTHENTICATED
    w.use(0, 0.1)
    assert w.account.supply.state is SupplyState.LIMITED


def test_a_clock_step_causes_nothing() -> None:
    """I16, threats 12 and 13: the wall clock jumps ten years either way; no balance, state or timer moves."""
    for trust in TimeTrust:
        w = world(1 * NANO)
        w.use(5_000)
        before = (w.account.balance_nano, w.account.supply.state)
        for step_ms in (3_600_000, -3_600_000, 3_650 * DAY_MS, -3_650 * DAY_MS):
            w.trust, w.utc_ms = trust, w.utc_ms + step_ms
            w.running_ms += 1_000
            w.read()
            assert (w.account.balance_nano, w.account.supply.state) == before


def test_a_stale_or_suspicious_reading_holds_the_rung() -> None:
    """I8: no escalation on a reading older than 15 minutes or in quarantine."""
    w = world(0)
    w.use(1_000)
    w.use(0, 70.5)
    w.running_ms += 2 * HOUR_MS
    w.utc_ms += 2 * HOUR_MS
    w.post(Contact(w.now()))
    w.post(Tick(w.now()))
    assert w.account.supply.state is SupplyState.GRACE
    assert w.account.supply.held_by == Guard.METER
    w.read(import_wh=0)
    assert w.account.supply.state is SupplyState.GRACE
    w.read()
    assert w.account.supply.state is SupplyState.LIMITED


def test_one_rung_at_a_time() -> None:
    """I9: however deep the debt and however late the look, each rung is stood on for its dwell."""
    w = world(0, policy=policy(min_after_notice_ms=0, min_dwell_ms=0, limit_debt_cap_nano=1))
    w.running_ms += 100 * HOUR_MS
    w.utc_ms += 100 * HOUR_MS
    w.register_wh = 900_000
    w.post(Contact(w.now()))
    seen = []
    for _ in range(4):
        w.read()
        seen.append(w.account.supply.state.value)
    assert seen == ["GRACE", "LIMITED", "SUSPENDED", "SUSPENDED"]


def test_no_disconnection_outside_the_slot() -> None:
    """Requirements 2.2: not on Friday, Saturday, Sunday, a holiday or its eve, nor out of hours."""
    slots = Slots((4, 5, 6), closed_on_holidays=True, closed_on_eves=True, from_minute=8 * 60, to_minute=15 * 60)
    w = world(0, policy=policy(slots=slots))
    w.use(1_000, 2)
    w.use(0, 24 * 3, poll_ms=600_000)
    assert w.account.supply.state is SupplyState.LIMITED  # grace over on Thursday 10:00, a slot
    late = world(0, policy=policy(slots=slots))
    late.use(0, 24)
    late.use(1_000, 2)
    late.use(0, 24 * 4, poll_ms=600_000)
    assert late.account.supply.state is SupplyState.GRACE  # over on Friday: waits
    assert late.account.supply.held_by == Guard.SLOT
    late.use(0, 24 * 2, poll_ms=600_000)
    assert late.account.supply.state is SupplyState.LIMITED
    moved = next(record for record in late.records if isinstance(record, Transition) and record.target == "LIMITED")
    assert (moved.at.utc_ms // DAY_MS + 3) % 7 == 0  # Monday


def test_offline_only_money_counts_and_only_down_to_limited() -> None:
    """Decision 12: pulling the aerial stops escalation by time, and buys at most the limited power."""
    w = world(0)
    w.use(1_000, contact=False)
    w.use(0, 24 * 20, contact=False, poll_ms=600_000)
    assert w.account.supply.state is SupplyState.GRACE
    assert w.account.supply.held_by == Guard.REACH
    w.use(100_000, 24, contact=False)
    assert w.account.supply.state is SupplyState.LIMITED
    w.use(900_000, 24 * 30, contact=False, poll_ms=600_000)
    assert w.account.supply.state is SupplyState.LIMITED
    w.use(0, 24 * 11, poll_ms=600_000)
    assert w.account.supply.state is SupplyState.SUSPENDED


@pytest.mark.parametrize("kind", [kind for kind in HoldKind if kind is not HoldKind.OUTAGE])
def test_a_hold_stops_the_ladder_until_released(kind: HoldKind) -> None:
    """S1-08: a hold set a minute before the rung keeps it away; released, the ladder goes on."""
    w = world(0)
    w.use(1_000)
    w.use(0, 70.5)
    w.post(HoldSet(w.now(), "h-1", "case-7", kind, until_utc_ms=w.utc_ms + 90 * DAY_MS))
    w.use(0, 48)
    assert w.account.supply.state is SupplyState.GRACE
    assert w.account.supply.held_by == Guard.HOLD
    w.post(HoldReleased(w.now(), "h-2", "case-7"))
    assert w.account.supply.state is SupplyState.LIMITED


@pytest.mark.parametrize("kind", [HoldKind.LIFE_SUPPORT, HoldKind.NON_DISCONNECTABLE])
def test_a_protective_hold_restores_at_once(kind: HoldKind) -> None:
    """Decision 11: life support set on a suspended point switches it on in the same step and keeps it on."""
    w = _suspended()
    w.trust = TimeTrust.UNKNOWN
    w.post(HoldSet(w.now(), "h-1", "care", kind))
    assert control(w.account, TERMS).switch is SwitchState.CONNECTED
    w.trust = TimeTrust.AUTHENTICATED
    w.use(500, 24 * 40, poll_ms=600_000)
    assert w.account.supply.state is SupplyState.GRACE


@pytest.mark.parametrize("trust", list(TimeTrust))
def test_restoration_waits_for_nothing(trust: TimeTrust) -> None:
    """S0-20, I10: enough credit restores at once: at night, on Christmas, offline, without clock or reading, held."""
    w = _suspended()
    w.account = replace(w.account, policy=replace(w.account.policy, slots=Slots(tuple(range(7)))))
    w.trust, w.utc_ms = trust, w.utc_ms + 400 * DAY_MS
    w.running_ms += 400 * DAY_MS
    w.post(HoldSet(w.now(), "h-1", "dispute", HoldKind.DISPUTE))
    w.top_up(30 * NANO)
    assert w.account.supply.state is SupplyState.NORMAL


def test_too_little_credit_restores_nothing() -> None:
    """A top-up that leaves the account below the restore minimum is credited and the supply stays as it is."""
    w = _suspended()
    w.top_up(200_000_000)
    assert w.account.supply.state is SupplyState.SUSPENDED
    w.top_up(1 * NANO)
    assert w.account.supply.state is SupplyState.LOW_CREDIT


def test_the_safety_lockout_dominates_credit_and_back() -> None:
    """Decision 13: open for safety stays open whatever the credit, until it is released."""
    w = world(100 * NANO)
    w.post(LockoutSet(w.now(), "l-1", "work on the line"))
    assert control(w.account, TERMS).reason == "lockout"
    w.top_up(100 * NANO)
    assert control(w.account, TERMS).switch is SwitchState.DISCONNECTED
    w.post(LockoutReleased(w.now(), "l-2"))
    assert control(w.account, TERMS).switch is SwitchState.CONNECTED


def test_without_limiter_the_rung_is_skipped() -> None:
    """S1-13: a meter that cannot limit goes from grace to suspension under the same guards."""
    w = World(opened(0), terms=replace(TERMS, can_limit=False))
    w.read()
    w.use(1_000)
    w.use(0, 73)
    assert w.transitions() == ["LOW_CREDIT", "GRACE", "SUSPENDED"]


def test_a_policy_with_the_limit_off_skips_the_rung() -> None:
    """The `ses-cashline` shape: same engine, limit rung off."""
    w = world(0, policy=policy(limit_enabled=False, grace=Term(duration_ms=48 * HOUR_MS)))
    w.use(1_000)
    w.use(0, 49)
    assert w.transitions() == ["LOW_CREDIT", "GRACE", "SUSPENDED"]


def test_central_initiator_never_escalates_by_itself() -> None:
    """Decision 10: with a central initiator no evaluation alone makes anything worse (requirements 2.8, no. 12)."""
    w = world(0, policy=policy(initiator=Initiator.CENTRAL))
    w.use(200_000, 100)
    w.use(0, 24 * 30, poll_ms=600_000)
    assert w.account.supply.state is SupplyState.GRACE


def test_a_central_order_is_carried_out_only_for_its_rung_and_only_when_every_guard_agrees() -> None:
    """Decision 10: an order for LIMITED limits when the term is over; one for SUSPENDED skips no rung."""
    w = world(0, policy=policy(initiator=Initiator.CENTRAL))
    w.use(1_000)
    rules = by_state(PREPAID)[SupplyState.GRACE]
    for hours, ordered, rule in ((1, "LIMITED", None), (73, "SUSPENDED", None), (1, "LIMITED", "grace_over")):
        w.use(0, hours)
        situation = Situation(w.account, w.terms, w.now(), w.account.balance_nano)
        decided = decide(rules, situation, ordered=SupplyState(ordered)).rule
        assert (None if decided is None else decided.name) == rule


def test_an_expired_policy_escalates_nobody() -> None:
    """I8: outside its validity, or in a year its calendar does not cover, a policy cannot make things worse."""
    for changed in (policy(valid_to="2026-03-04"), policy(calendar="nowhere")):
        w = world(0)
        w.account = replace(w.account, policy=changed)
        w.use(1_000)
        w.use(0, 100)
        assert w.account.supply.state is SupplyState.GRACE
        assert w.account.supply.held_by == Guard.POLICY


def test_held_escalation_is_on_record_once() -> None:
    """I24: a rung that waits says why, once per reason and not at every poll."""
    w = world(0)
    w.use(1_000)
    w.trust = TimeTrust.SYNCHRONISED
    w.use(0, 72.5)
    said = [record.detail for record in w.records if isinstance(record, Happening)]
    assert said == [(("reason", "clock_untrusted"),)]


def test_every_transition_carries_its_evidence() -> None:
    """Requirements 2.8, invariant 11: policy, rule, reading and the age of the notice are in the row (I24)."""
    w = _limited()
    row = next(record for record in w.records if isinstance(record, Transition) and record.target == "LIMITED")
    assert (row.rule, row.policy, row.register_wh, row.limit_w) == ("grace_over", "test@1", 1_000, 495)
    assert dict(row.detail)["notice_age_ms"] >= 24 * HOUR_MS  # type: ignore[operator]


def test_deadline_says_when_to_look_again() -> None:
    """`next_deadline_ms` is never later than the moment a rung may change."""
    w = world(0)
    assert next_deadline_ms(w.account, TERMS, w.now()) is None
    w.use(1_000)
    assert w.account.supply.state is SupplyState.GRACE
    for _ in range(10_000):
        wait_ms = next_deadline_ms(w.account, TERMS, w.now())
        assert wait_ms is not None
        w.running_ms += wait_ms
        w.utc_ms += wait_ms
        w.post(Contact(w.now()))
        w.read()
        if w.account.supply.state is SupplyState.LIMITED:
            break
    else:
        pytest.fail("the deadlines never led to the next rung")
    grace_ms = w.account.supply.since.running_ms
    assert 72 * HOUR_MS <= grace_ms <= 74 * HOUR_MS


def test_a_new_policy_takes_effect_in_the_same_step() -> None:
    """A signed policy with a higher threshold speaks at once; an older version is refused (S1: dated rows)."""
    w = world(20 * NANO)
    outcome = w.post(PolicySet(w.now(), "p-1", policy(version=2, low_credit_nano=30 * NANO)))
    assert outcome.verdict is not None
    assert w.account.supply.state is SupplyState.LOW_CREDIT
    again = w.post(PolicySet(w.now(), "p-2", policy(version=2)))
    assert again.verdict is not None
    assert again.verdict.reason == "stale_version"


def test_every_escalation_is_guarded() -> None:
    """Decision 11: what makes things worse asks for meter, hold, notice and dwell; restoring asks for nothing."""
    for rule in PREPAID:
        if rule.effect is Effect.ESCALATE:
            told = set() if rule.name == "unconfirmed_debt_cap" else {Guard.NOTICE, Guard.DWELL}  # threat 3
            assert {Guard.METER, Guard.HOLD, *told} <= set(rule.guards)
            if rule.target is SupplyState.SUSPENDED:
                assert rule.guards == ALL_GUARDS
        else:
            assert rule.guards == ()


def test_illegal_events_change_nothing() -> None:
    """Rule 1 of the models: a refused request leaves the account the very same value."""
    w = world()
    outcome = apply(w.account, LockoutReleased(w.now(), "x"), TERMS)
    assert outcome.account == w.account
    assert outcome.records == ()
