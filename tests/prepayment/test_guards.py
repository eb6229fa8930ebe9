"""Each condition and each guard of the ladder on both sides of its edge (decisions 11, 12, 16)."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from gateway.prepayment import ladder
from gateway.prepayment.account import Account, Spending, Start, Supply, Suspicion, Terms
from gateway.prepayment.calendar import Calendar
from gateway.prepayment.events import Hold, HoldKind, SuspicionCause, TimeTrust
from gateway.prepayment.holds import holds_in_force
from gateway.prepayment.ladder import (
    PREPAID,
    Condition,
    Decision,
    Effect,
    Guard,
    Rule,
    Situation,
    by_state,
    days_left,
    decide,
    situation_of,
    slot_left_ms,
    term_left_ms,
)
from gateway.prepayment.policy import DayKind, Initiator, Slots, Term
from gateway.prepayment.register import Candidate
from gateway.prepayment.supply import SupplyState
from tests.prepayment.worlds import CALENDAR, DAY_MS, HOUR_MS, MONDAY_MS, NANO, TERMS, at, opened, policy

UNTIL = MONDAY_MS + 10
UNPROVEN = TimeTrust.SYNCHRONISED
SHORT = {"test": Calendar("test", (2025,), frozenset())}


def told(
    made: Account, ms: int = 0, trust: TimeTrust = TimeTrust.AUTHENTICATED, terms: Terms = TERMS, **more: int
) -> Situation:
    """The situation so much after Monday morning."""
    return Situation(made, terms, at(ms, trust, **more), made.balance_nano)


def with_policy(balance_nano: int = 20 * NANO, **changes: object) -> Account:
    """An account under a policy with some terms changed."""
    return opened(balance_nano, policy=policy(**changes))


def spent(balance_nano: int, *days_nano: int, low_credit_days: int | None = 3) -> Account:
    """An account that spends so much a day."""
    made = with_policy(balance_nano, low_credit_days=low_credit_days)
    return replace(made, spending=Spending("2026-03-02", 0, days_nano))


def indebted(balance_nano: int, **changes: object) -> Account:
    """An account in grace since Monday morning, in proven time."""
    made = with_policy(balance_nano, **changes)
    return replace(made, supply=Supply(SupplyState.GRACE, at(), notice_running_ms=0, dated_on="2026-03-02"))


HELD = replace(opened(), holds=(Hold("d", HoldKind.DISPUTE, None), Hold("l", HoldKind.LIFE_SUPPORT, UNTIL)))
LATE = 72 * HOUR_MS


@pytest.mark.parametrize(
    ("condition", "situation", "holds"),
    [
        (Condition.NEGATIVE, told(opened(-1)), True),
        (Condition.NEGATIVE, told(opened(0)), False),
        (Condition.NOT_NEGATIVE, told(opened(0)), True),
        (Condition.NOT_NEGATIVE, told(opened(-1)), False),
        (Condition.RESTORE_MIN, told(with_policy(5, restore_min_nano=5)), True),
        (Condition.RESTORE_MIN, told(with_policy(4, restore_min_nano=5)), False),
        (Condition.LOW, told(opened(10 * NANO)), True),
        (Condition.LOW, told(opened(10 * NANO + 1)), False),
        (Condition.LOW, told(spent(30 * NANO, 10 * NANO)), True),
        (Condition.LOW, told(spent(40 * NANO - 1, 10 * NANO)), True),
        (Condition.LOW, told(spent(40 * NANO, 10 * NANO)), False),
        (Condition.LOW, told(spent(30 * NANO, 10 * NANO, low_credit_days=None)), False),
        (Condition.LOW, told(spent(30 * NANO)), False),
        (Condition.CLEAR_OF_LOW, told(opened(11 * NANO)), False),
        (Condition.CLEAR_OF_LOW, told(opened(11 * NANO + 1)), True),
        (Condition.CLEAR_OF_LOW, told(spent(40 * NANO - 1, 10 * NANO)), False),
        (Condition.CLEAR_OF_LOW, told(spent(40 * NANO, 10 * NANO)), True),
        (Condition.CLEAR_OF_LOW, told(spent(30 * NANO)), True),
        (Condition.CLEAR_OF_LOW, told(spent(12 * NANO, 10 * NANO, low_credit_days=None)), True),
        (Condition.GRACE_OVER, told(indebted(-15 * NANO)), True),
        (Condition.GRACE_OVER, told(indebted(-15 * NANO + 1)), False),
        (Condition.GRACE_OVER, told(indebted(-1), LATE), True),
        (Condition.GRACE_OVER, told(indebted(-1), LATE - 1), False),
        (Condition.LIMIT_OVER, told(indebted(-1, limit_debt_cap_nano=1)), True),
        (Condition.LIMIT_OVER, told(indebted(-1, limit_debt_cap_nano=2)), False),
        (Condition.LIMIT_OVER, told(indebted(-99 * NANO)), False),
        (Condition.LIMIT_OVER, told(indebted(-1), 11 * DAY_MS), True),
        (Condition.CAN_LIMIT, told(opened()), True),
        (Condition.CAN_LIMIT, told(with_policy(limit_enabled=False)), False),
        (Condition.CAN_LIMIT, told(opened(), terms=replace(TERMS, can_limit=False)), False),
        (Condition.CANNOT_LIMIT, told(opened()), False),
        (Condition.CANNOT_LIMIT, told(opened(), terms=replace(TERMS, can_limit=False)), True),
        (Condition.CAN_DISCONNECT, told(opened()), True),
        (Condition.CAN_DISCONNECT, told(opened(), terms=replace(TERMS, can_disconnect=False)), False),
        (Condition.PROTECTED, told(HELD, 9), True),
        (Condition.PROTECTED, told(HELD, 10), False),
        (Condition.PROTECTED, told(HELD, 10, UNPROVEN), True),
        (Condition.PROTECTED, told(opened()), False),
        (Condition.OUT_OF_REACH, told(opened(), LATE), False),
        (Condition.OUT_OF_REACH, told(opened(), LATE + 1), True),
        (Condition.OUT_OF_REACH, told(replace(opened(), contact_running_ms=1), LATE + 1), False),
        (Condition.OUT_OF_REACH, told(replace(opened(), start=Start(0, known=True))), False),
        (Condition.OUT_OF_REACH, told(replace(opened(), start=Start(0, known=True, leaves_switch=False))), True),
        (Condition.OFFLINE_DEBT_CAP, told(opened(-20 * NANO)), True),
        (Condition.OFFLINE_DEBT_CAP, told(opened(-20 * NANO + 1)), False),
        (Condition.NOT_CONFIRMED, told(opened()), False),
        (Condition.NOT_CONFIRMED, told(replace(opened(), start=Start(0, known=True))), True),
        (Condition.TWICE_OFFLINE_CAP, told(opened(-40 * NANO)), True),
        (Condition.TWICE_OFFLINE_CAP, told(opened(-40 * NANO + 1)), False),
    ],
)
def test_a_condition_holds_from_this_value_on(condition: Condition, situation: Situation, holds: bool) -> None:
    """S1-11: the last value at which it does not, and the first at which it does."""
    assert ladder._CONDITIONS[condition](situation) is holds


READ = replace(opened(), register=replace(opened().register, wh=5, at=at(), unobserved=False))
WEEKDAYS = Slots(closed_weekdays=(5, 6), from_minute=540, to_minute=541)


@pytest.mark.parametrize(
    ("guard", "situation", "open_"),
    [
        (Guard.ROLLBACK, told(opened()), True),
        (Guard.ROLLBACK, told(replace(opened(), suspicion=Suspicion(SuspicionCause.FORK, at()))), False),
        (Guard.ROLLBACK, told(replace(opened(), start=Start(0, known=True))), True),
        (Guard.CLOCK, told(opened()), True),
        (Guard.CLOCK, told(opened(), 0, UNPROVEN), False),
        (Guard.METER, told(READ, 900_000), True),
        (Guard.METER, told(READ, 900_001), False),
        (Guard.METER, told(replace(READ, register=replace(READ.register, trouble="nan"))), False),
        (Guard.METER, told(replace(READ, register=replace(READ.register, at=None))), False),
        (
            Guard.METER,
            told(replace(READ, register=replace(READ.register, candidate=Candidate(1, at(), 1, at(), 1)))),
            False,
        ),
        (Guard.METER, told(opened(register_wh=None)), False),
        (Guard.POLICY, told(with_policy(valid_from="2026-03-02", valid_to="2026-03-02")), True),
        (Guard.POLICY, told(with_policy(valid_from="2026-03-03")), False),
        (Guard.POLICY, told(with_policy(valid_to="2026-03-01")), False),
        (Guard.POLICY, told(with_policy(), terms=replace(TERMS, calendars={})), False),
        (Guard.POLICY, told(with_policy(), terms=replace(TERMS, calendars=SHORT)), False),
        (Guard.REACH, told(opened(), LATE), True),
        (Guard.REACH, told(opened(), LATE + 1), False),
        (Guard.HOLD, told(opened()), True),
        (Guard.HOLD, told(HELD, 99), False),
        (Guard.NOTICE, told(indebted(0), 24 * HOUR_MS), True),
        (Guard.NOTICE, told(indebted(0), 24 * HOUR_MS - 1), False),
        (Guard.NOTICE, told(opened(), 99 * HOUR_MS), False),
        (Guard.DWELL, told(opened(), 60_000), True),
        (Guard.DWELL, told(opened(), 59_999), False),
        (Guard.SLOT, told(with_policy(slots=WEEKDAYS)), True),
        (Guard.SLOT, told(with_policy(slots=WEEKDAYS), 60_000), False),
        (Guard.SLOT, told(with_policy(slots=WEEKDAYS), -1), False),
        (Guard.SLOT, told(with_policy(slots=WEEKDAYS), 5 * DAY_MS), False),
        (Guard.SLOT, told(opened(), terms=replace(TERMS, calendars={})), False),
        (
            Guard.SLOT,
            told(with_policy(slots=Slots(closed_on_holidays=True)), terms=replace(TERMS, calendars=SHORT)),
            False,
        ),
    ],
)
def test_a_guard_lets_pass_from_this_value_on(guard: Guard, situation: Situation, open_: bool) -> None:
    """I8: on the safe side of each edge nothing escalates."""
    assert ladder._GUARDS[guard](situation) is open_


def test_every_condition_and_guard_has_its_function() -> None:
    """A new one is not forgotten in the tables above the engine."""
    assert set(ladder._CONDITIONS) == set(Condition)
    assert set(ladder._GUARDS) == set(Guard)


@pytest.mark.parametrize(
    ("balance_nano", "days", "left"),
    [(10, (), None), (10, (0,), None), (10, (0, 0), None), (10, (3,), 3), (9, (3,), 3), (8, (3,), 2), (9, (1, 2), 6),
     (0, (3,), 0), (0, (1,), 0), (-1, (3,), 0), (0, (), None), (1, (1,), 1)],
)  # fmt: skip
def test_days_left_at_the_pace_of_the_last_days(balance_nano: int, days: tuple[int, ...], left: int | None) -> None:
    """S0-16: whole days at the mean; nothing is said while there is no pace."""
    assert days_left(spent(0, *days), balance_nano) == left


def test_holds_count_until_their_end_is_proven() -> None:
    """Decision 16: no clock step ends anybody's hold."""
    first, second = HELD.holds
    assert holds_in_force(HELD, at(9)) == (first, second)
    assert holds_in_force(HELD, at(10)) == (first,)
    assert holds_in_force(HELD, at(10**9, UNPROVEN)) == (first, second)


MONTH: Mapping[str, Calendar] = {"test": Calendar("test", (2026,), frozenset())}


@pytest.mark.parametrize(
    ("term", "ms", "trust", "left_ms"),
    [
        (Term(duration_ms=100), 0, TimeTrust.UNKNOWN, 100),
        (Term(duration_ms=100), 99, TimeTrust.UNKNOWN, 1),
        (Term(duration_ms=100), 101, TimeTrust.UNKNOWN, 0),
        (Term(days=1), 0, TimeTrust.AUTHENTICATED, 2 * DAY_MS - 9 * HOUR_MS),
        (Term(days=1), 2 * DAY_MS, TimeTrust.AUTHENTICATED, 0),
        (Term(days=1), 0, UNPROVEN, None),
        (Term(), 0, TimeTrust.AUTHENTICATED, None),
        (Term(days=5, day_kind=DayKind.WORKING), 0, TimeTrust.AUTHENTICATED, 8 * DAY_MS - 9 * HOUR_MS),
    ],
)
def test_what_is_left_of_a_term(term: Term, ms: int, trust: TimeTrust, left_ms: int | None) -> None:
    """Decision 16: durations by the time observed, days by civil dates that are proven."""
    assert term_left_ms(term, told(indebted(0), ms, trust, replace(TERMS, calendars=MONTH))) == left_ms


def test_days_that_cannot_be_counted_are_unknown() -> None:
    """Requirements 4.4: no date, no calendar, a year it does not cover."""
    term = Term(days=1, day_kind=DayKind.WORKING)
    assert term_left_ms(term, told(opened())) is None
    assert term_left_ms(term, told(indebted(0), terms=replace(TERMS, calendars={}))) is None
    assert term_left_ms(term, told(indebted(0), terms=replace(TERMS, calendars=SHORT))) is None


def test_how_long_until_a_slot_opens() -> None:
    """S1-11: nothing now, the time until it opens, unknown without a calendar or an opening."""
    made = with_policy(slots=Slots(from_minute=600))
    assert slot_left_ms(told(opened())) == 0
    assert slot_left_ms(told(made, 5)) == HOUR_MS - 5
    assert slot_left_ms(told(made, terms=replace(TERMS, calendars={}))) is None
    holiday = with_policy(slots=Slots(closed_on_holidays=True))
    assert slot_left_ms(told(holiday, terms=replace(TERMS, calendars=SHORT))) is None
    assert slot_left_ms(told(with_policy(slots=Slots(from_minute=5, to_minute=5)))) is None


def test_the_first_rule_that_fits_wins_and_the_first_obstacle_is_told() -> None:
    """Decision 11: one rung at a time, in the order of the table; a later rule may pass where an earlier is held."""
    held = Rule("held", (SupplyState.NORMAL,), SupplyState.GRACE, Effect.ESCALATE, (), (Guard.CLOCK, Guard.DWELL))
    other = Rule("other", (SupplyState.NORMAL,), SupplyState.GRACE, Effect.ESCALATE, (), (Guard.DWELL, Guard.CLOCK))
    free = Rule("free", (SupplyState.NORMAL,), SupplyState.GRACE, Effect.INFORM, (Condition.NOT_NEGATIVE,))
    never = Rule("never", (SupplyState.NORMAL,), SupplyState.GRACE, Effect.INFORM, (Condition.NEGATIVE,))
    now = told(opened(), 0, UNPROVEN)
    assert decide((never, held, other), now) == Decision(None, "clock_untrusted")
    assert decide((other, held), now) == Decision(None, "dwell")
    assert decide((held, never, free), now) == Decision(free, "")
    assert decide((free, held), now) == Decision(free)
    assert decide((), now) == Decision(None, "")
    assert never.guards == ()


def test_a_central_policy_escalates_only_to_what_was_ordered() -> None:
    """Decision 10: everything else is as before."""
    up = Rule("up", (SupplyState.NORMAL,), SupplyState.GRACE, Effect.ESCALATE, ())
    tell = Rule("tell", (SupplyState.NORMAL,), SupplyState.LIMITED, Effect.INFORM, ())
    central = told(with_policy(initiator=Initiator.CENTRAL))
    assert decide((up, tell), central).rule is tell
    assert decide((up, tell), central, ordered=SupplyState.LIMITED).rule is tell
    assert decide((up, tell), central, ordered=SupplyState.GRACE).rule is up
    assert decide((up, tell), told(opened())).rule is up


def test_the_table_is_sorted_by_the_state_it_leaves() -> None:
    """The order within a state is that of the table."""
    table = by_state(iter(PREPAID))
    assert set(table) == set(SupplyState)
    assert [rule.name for rule in table[SupplyState.NORMAL]] == ["credit_gone", "credit_low"]
    assert table[SupplyState.TERMINATED] == ()
    situation = situation_of(opened(), TERMS, at(5))
    assert situation == Situation(opened(), TERMS, at(5), 20 * NANO)
    assert CALENDAR.covers(2026)
