"""No sequence of clock lies shortens anybody's term, and the proof of it would notice if one did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import clock as clock_module
from gateway.clock import SystemClock
from gateway.headend.timesync import TimeSync
from gateway.prepayment import ladder
from gateway.prepayment.events import TimeTrust
from gateway.prepayment.ladder import Guard
from gateway.prepayment.policy import DayKind, Slots, Term

from .life import Life
from .oracle import first_day_after, violations
from .plans import DAY_MS, HOUR_MS, MIN_MS, NANO, Lie, Plan, plan
from .proof import comparable, run, shortened

DAYS = 3


@pytest.mark.parametrize("seed", range(1, 4))
def test_no_lie_shortens_a_term(seed: int) -> None:
    """Threats 12 and 13, I16, I17: every escalation is due by the truth; `python -m tests.time` lives many more."""
    assert run(seed, days=DAYS) == []


@cache
def _household(number: int) -> tuple[Plan, Life]:
    """A household in debt, and its truthful life."""
    lived = plan(100 + number, 1)
    terms = (Term(duration_ms=5 * HOUR_MS), Term(days=0), Term(days=1))
    lived = _changed(lived, grace=terms[number], slots=Slots(from_minute=480, to_minute=780) if number else Slots())
    true = Life(lived)
    true.live()
    return lived, true


def _changed(lived: Plan, **policy: object) -> Plan:
    terms = replace(
        lived.policy, limit_term=Term(duration_ms=6 * HOUR_MS), min_after_notice_ms=HOUR_MS,
        offline_debt_cap_nano=1_000 * NANO, **policy,  # type: ignore[arg-type]
    )  # fmt: skip
    return replace(
        lived, policy=terms, opening_nano=NANO // 10, watts=(500,) * 24, top_ups=(), holds=(), lockout=None, cuts=(),
        night_nano_per_wh=lived.nano_per_wh,
    )  # fmt: skip


KINDS = ("step", "claim", "unclaim", "honest", "answer", "stubborn", "late", "forged", "again", "back")
LIES = st.lists(
    st.tuples(
        st.integers(0, 24 * 60),
        st.sampled_from(KINDS),
        st.sampled_from((-3_652 * DAY_MS, -DAY_MS, -HOUR_MS, HOUR_MS, DAY_MS, 3_652 * DAY_MS)),
    ),
    max_size=20,
)


@given(st.sampled_from((0, 1, 2)), LIES)
@settings(max_examples=10, deadline=None)
def test_no_list_of_lies_shortens_a_term(number: int, told: list[tuple[int, str, int]]) -> None:
    """Threat 13: the same with lies that Hypothesis chooses and makes small; hours, calendar days, slots."""
    lived, true = _household(number)
    lies = tuple(
        # No two clocks tell the same lie, and none lies by five minutes or less: that much the head-end may correct.
        Lie(minute * MIN_MS, what, by_ms + (place + 1) * 17 * MIN_MS)
        for place, (minute, what, by_ms) in enumerate(sorted(told))
    )
    lied = Life(lived, lies)
    lied.live()
    assert violations(lied) == []
    assert comparable(lived, lies, lied.diary)
    assert shortened(true.diary, lied.diary, -(-lied.slack_ms // MIN_MS)) == []


def test_the_lives_are_worth_comparing() -> None:
    """Each of them goes down the whole ladder in its truthful life, so a shorter one would show."""
    for number in range(3):
        _, true = _household(number)
        assert [move.target for move in true.diary.moves][-2:] == ["LIMITED", "SUSPENDED"]


def test_the_oracle_counts_days_as_the_requirements_do() -> None:
    """Requirements 2.2 by hand: the day of the event is not counted, action is allowed on the day after the last."""
    friday = date(2026, 4, 3)
    assert first_day_after(friday, Term(days=0)) == date(2026, 4, 4)
    assert first_day_after(friday, Term(days=1)) == date(2026, 4, 5)
    assert first_day_after(friday, Term(days=1, day_kind=DayKind.WORKING)) == date(2026, 4, 8), "Easter Monday"


def _wall_runs(patch: pytest.MonkeyPatch) -> None:
    """Terms by the wall clock: what decision 16 forbids."""
    original = SystemClock._look

    def look(clock: SystemClock) -> int:
        wall_ms = clock._looked_wall_ms
        seen = original(clock)
        clock._observed_ms = max(clock._observed_ms, seen + clock._looked_wall_ms - wall_ms)
        return clock._observed_ms

    patch.setattr(SystemClock, "_look", look)


def _no_witness(patch: pytest.MonkeyPatch) -> None:
    """The first answer counts, however far from everything."""
    patch.setattr(SystemClock, "_doubt", lambda _clock, _answer: None)


def _no_hour(patch: pytest.MonkeyPatch) -> None:
    """A leap is confirmed by one more answer."""
    patch.setattr(clock_module, "LEAP_CONFIRMED_MS", 0)
    patch.setattr(clock_module, "AGREE_MS", 10**15)


def _kernel_proves(patch: pytest.MonkeyPatch) -> None:
    """A synchronised kernel is taken for proof."""
    patch.setattr(TimeTrust, "proven", property(lambda trust: trust.dated))


def _any_nonce(patch: pytest.MonkeyPatch) -> None:
    """Whatever is signed counts, answer or not: a replay from another day."""

    def answer(sync: TimeSync, body: object) -> None:
        sync._authenticate(body.utc_ms, sync._clock.monotonic_ms(), 0)  # type: ignore[attr-defined]

    patch.setattr(TimeSync, "answer", answer)
    _no_witness(patch)


def _slots_unasked(patch: pytest.MonkeyPatch) -> None:
    """Cut off at night."""
    patch.setitem(ladder._GUARDS, Guard.SLOT, lambda _situation: True)


@pytest.mark.parametrize("bug", [_wall_runs, _no_witness, _no_hour, _kernel_proves, _any_nonce, _slots_unasked])
def test_the_proof_notices(bug: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these planted bugs is found within a few seeds."""
    bug(monkeypatch)
    assert any(run(seed, days=DAYS) for seed in range(1, 10))
