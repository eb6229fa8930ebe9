"""Time is a claim: only a signed answer proves it, no step of the kernel's clock moves anything by itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import clock as clock_module
from gateway.clock import (
    AUTHENTIC_MS,
    BUILD_UTC_MS,
    CORRECTION_MAX_MS,
    LAST_UTC_MS,
    LEAP_CONFIRMED_MS,
    ROUND_TRIP_MAX_MS,
    Kernel,
    SystemClock,
    kernel_synchronised,
    system_kernel,
)
from gateway.prepayment.events import TimeTrust

HOUR_MS = 3_600_000
REAL_MS = BUILD_UTC_MS + 90 * 24 * HOUR_MS


@dataclass
class FakeKernel:
    """A machine whose clocks the test sets."""

    wall_ms: int = REAL_MS
    monotonic_ms: int = 1_000
    synchronised: bool = False
    rtc_ms: int | None = None
    slept_ms: int = 0

    def clock(self) -> SystemClock:
        """A clock started on this machine now."""
        return SystemClock(
            Kernel(
                wall_ms=lambda: self.wall_ms,
                monotonic_ms=lambda: self.monotonic_ms,
                synchronised=lambda: self.synchronised,
                rtc_ms=lambda: self.rtc_ms,
                slept_ms=lambda: self.slept_ms,
            )
        )

    def pass_ms(self, ms: int) -> None:
        """Real time passes on both clocks."""
        self.wall_ms += ms
        self.monotonic_ms += ms


def test_trust_follows_what_is_known() -> None:
    """Decision 16: below the bound UNKNOWN, above it RESTORED, SYNCHRONISED when the kernel says so."""
    kernel = FakeKernel()
    clock = kernel.clock()
    assert clock.now().trust is TimeTrust.RESTORED
    kernel.synchronised = True
    assert clock.now().trust is TimeTrust.SYNCHRONISED
    kernel.wall_ms = BUILD_UTC_MS - 1
    now = clock.now()
    assert (now.trust, now.utc_ms) == (TimeTrust.UNKNOWN, BUILD_UTC_MS), "the bound, not what the clock shows"


def test_a_saved_bound_unmasks_a_clock_that_went_back() -> None:
    """Threat 12: a gateway without battery starts in the past; what was saved shows that it is not the present."""
    kernel = FakeKernel(synchronised=True)
    clock = kernel.clock()
    clock.resume(5_000, REAL_MS + HOUR_MS)
    kernel.pass_ms(1_000)
    now = clock.now()
    assert now.trust is TimeTrust.UNKNOWN
    assert REAL_MS + HOUR_MS <= now.utc_ms <= REAL_MS + HOUR_MS + 1_000
    assert now.running_ms == 6_000


def test_a_signed_answer_proves_the_time_whatever_the_kernel_shows() -> None:
    """Decision 16: half the round trip is added; from then on the monotonic clock alone counts."""
    kernel = FakeKernel(wall_ms=0, rtc_ms=REAL_MS - 60_000)
    clock = kernel.clock()
    assert clock.now().trust is TimeTrust.UNKNOWN
    assert clock.authenticate(REAL_MS, kernel.monotonic_ms, 200)
    kernel.monotonic_ms += 5_000
    kernel.wall_ms = 10**15
    now = clock.now()
    assert (now.trust, now.utc_ms) == (TimeTrust.AUTHENTICATED, REAL_MS + 100 + 5_000)
    assert clock.bound_utc_ms >= REAL_MS


def test_proof_decays() -> None:
    """Decision 16: a crystal drifts, so after a day without another answer the time is no longer proven."""
    kernel = FakeKernel(synchronised=True)
    clock = kernel.clock()
    clock.authenticate(REAL_MS, kernel.monotonic_ms, 0)
    kernel.pass_ms(AUTHENTIC_MS)
    assert clock.now().trust is TimeTrust.AUTHENTICATED
    kernel.pass_ms(1)
    assert clock.now().trust is TimeTrust.SYNCHRONISED


def test_a_restart_must_prove_the_time_again() -> None:
    """Decision 16: proof belongs to one start, because nothing counted while the gateway was off."""
    kernel = FakeKernel()
    first = kernel.clock()
    first.authenticate(REAL_MS, kernel.monotonic_ms, 0)
    second = kernel.clock()
    second.resume(first.now().running_ms, first.bound_utc_ms)
    assert second.now().trust is TimeTrust.RESTORED


@pytest.mark.parametrize(
    ("utc_ms", "rtt_ms"),
    [(REAL_MS, ROUND_TRIP_MAX_MS + 1), (REAL_MS, -1), (BUILD_UTC_MS - CORRECTION_MAX_MS - 1, 0)],
)
def test_an_answer_that_proves_nothing_is_refused(utc_ms: int, rtt_ms: int) -> None:
    """A slow answer may be a replay of the network's; one far below the bound is from a clock that is wrong."""
    clock = FakeKernel().clock()
    before = clock.now(), clock.bound_utc_ms
    assert not clock.authenticate(utc_ms, 1_000, rtt_ms)
    assert (clock.now(), clock.bound_utc_ms) == before


def test_the_head_end_may_correct_its_own_clock() -> None:
    """A signed answer slightly below the bound counts; the bound stays."""
    kernel = FakeKernel()
    clock = kernel.clock()
    clock.authenticate(REAL_MS, kernel.monotonic_ms, 0)
    assert clock.authenticate(REAL_MS - 3_000, kernel.monotonic_ms, 0)
    assert clock.now().utc_ms == REAL_MS - 3_000
    assert clock.bound_utc_ms == REAL_MS


@pytest.mark.parametrize("by_ms", [CORRECTION_MAX_MS + 1_000, 10 * 365 * 24 * HOUR_MS])
def test_one_wrong_answer_moves_neither_time_nor_bound(by_ms: int) -> None:
    """Threat 13: ten years ahead would end every term of days and refuse the right time for ever after."""
    kernel = FakeKernel()
    clock = kernel.clock()
    clock.authenticate(REAL_MS, kernel.monotonic_ms, 0)
    kernel.pass_ms(HOUR_MS)
    before = clock.now(), clock.bound_utc_ms
    assert not clock.authenticate(REAL_MS + HOUR_MS + by_ms, kernel.monotonic_ms, 0)
    assert (clock.now(), clock.bound_utc_ms) == before
    kernel.pass_ms(30_000)
    assert clock.authenticate(REAL_MS + HOUR_MS + 30_000, kernel.monotonic_ms, 0)
    kernel.pass_ms(LEAP_CONFIRMED_MS)
    later_ms = REAL_MS + HOUR_MS + 30_000 + LEAP_CONFIRMED_MS
    assert not clock.authenticate(later_ms + by_ms, kernel.monotonic_ms, 0), "the right answer between made it new"


def test_a_leap_that_is_said_for_an_hour_is_believed() -> None:
    """The machine's own clock may be the wrong one: answers that agree with each other win in the end."""
    kernel = FakeKernel(synchronised=True)
    clock = kernel.clock()
    real_ms = REAL_MS + 24 * HOUR_MS
    for minute in range(60):
        assert not clock.authenticate(real_ms + minute * 60_000, kernel.monotonic_ms, 0)
        kernel.pass_ms(60_000)
    assert clock.authenticate(real_ms + HOUR_MS, kernel.monotonic_ms, 0)
    assert clock.now().utc_ms == real_ms + HOUR_MS


def test_an_answer_that_no_clock_of_ours_shows_must_be_given_for_an_hour() -> None:
    """Threat 13: a gateway that was off for years has nothing to compare with, and so has one whose RTC is lost."""
    kernel = FakeKernel(wall_ms=0)
    clock = kernel.clock()
    far_ms = REAL_MS + 5 * 365 * 24 * HOUR_MS
    bound_ms = clock.bound_utc_ms
    assert not clock.authenticate(far_ms, kernel.monotonic_ms, 0)
    assert clock.bound_utc_ms == bound_ms
    kernel.pass_ms(LEAP_CONFIRMED_MS - 1)
    assert not clock.authenticate(far_ms + LEAP_CONFIRMED_MS - 1, kernel.monotonic_ms, 0)
    kernel.pass_ms(1)
    assert clock.authenticate(far_ms + LEAP_CONFIRMED_MS, kernel.monotonic_ms, 0)


@pytest.mark.parametrize("utc_ms", [LAST_UTC_MS + 1, 2**53 - 1])
def test_an_answer_beyond_all_dates_is_refused(utc_ms: int) -> None:
    """I21: the year 287396 cannot be shown as a date; it must not end the process at each tick."""
    clock = FakeKernel(wall_ms=0).clock()
    assert not clock.authenticate(utc_ms, 1_000, 0)


def test_steps_of_the_kernel_clock_are_reported_once() -> None:
    """I24: a jump beyond 10 s is reported with its size; slewing and small corrections are not; the list is bounded."""
    kernel = FakeKernel()
    clock = kernel.clock()
    kernel.pass_ms(60_000)
    kernel.wall_ms += 9_000
    clock.now()
    assert clock.steps() == []
    kernel.wall_ms -= HOUR_MS
    clock.now()
    clock.now()
    (step,) = clock.steps()
    assert step.by_ms == -HOUR_MS
    assert clock.steps() == []
    for _ in range(100):
        kernel.wall_ms += HOUR_MS
        clock.now()
    assert len(clock.steps()) == 16


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.integers(0, 3 * AUTHENTIC_MS)),
        st.tuples(st.just("step"), st.integers(-(10**12), 10**12)),
        st.tuples(st.just("sync"), st.integers(0, 1)),
        st.tuples(st.just("answer"), st.integers(-600_000, 600_000)),
    ),
    max_size=30,
)


@given(MOVES)
def test_the_bound_never_decreases_and_running_time_never_jumps(moves: list[tuple[str, int]]) -> None:
    """I16, I17: whatever the kernel's clock and signed answers do."""
    kernel = FakeKernel()
    clock = kernel.clock()
    clock.resume(777, REAL_MS)
    real_ms = REAL_MS
    passed_ms = 0
    bound_ms = clock.bound_utc_ms
    for what, amount in moves:
        match what:
            case "pass":
                kernel.pass_ms(amount)
                real_ms += amount
                passed_ms += amount
            case "step":
                kernel.wall_ms += amount
            case "sync":
                kernel.synchronised = bool(amount)
            case _:
                clock.authenticate(real_ms + amount, max(0, kernel.monotonic_ms - abs(amount) % 5_000), 100)
        now = clock.now()
        assert now.running_ms == 777 + passed_ms
        assert clock.bound_utc_ms >= bound_ms
        assert now.trust is TimeTrust.AUTHENTICATED or now.utc_ms >= clock.bound_utc_ms
        bound_ms = clock.bound_utc_ms


@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=20))
def test_proven_time_does_not_follow_the_kernel(steps_ms: list[int]) -> None:
    """I16: with an authenticated clock, a run with wall clock steps and one without are the same."""
    kernel = FakeKernel()
    clock = kernel.clock()
    clock.authenticate(REAL_MS, kernel.monotonic_ms, 0)
    for number, step_ms in enumerate(steps_ms, start=1):
        kernel.pass_ms(1_000)
        kernel.wall_ms += step_ms
        now = clock.now()
        assert (now.utc_ms, now.trust) == (REAL_MS + number * 1_000, TimeTrust.AUTHENTICATED)


@given(st.integers(1, 400))
def test_the_bound_stays_below_the_real_time(days: int) -> None:
    """The bound advances while running, but never overtakes a clock that is right (drift is below 0.1 %)."""
    kernel = FakeKernel(synchronised=True)
    clock = kernel.clock()
    clock.resume(0, REAL_MS)
    slow_wall_ms = days * 24 * HOUR_MS - days * 24 * HOUR_MS // 1000
    kernel.monotonic_ms += days * 24 * HOUR_MS
    kernel.wall_ms += slow_wall_ms
    assert clock.now().trust is TimeTrust.SYNCHRONISED


def test_the_machine_can_be_asked() -> None:
    """The real kernel: clocks that move forward, an answer about synchronisation, a sleep that sleeps."""
    clock = SystemClock(system_kernel())
    before = clock.now()
    asyncio.run(clock.sleep(0.01))
    after = clock.now()
    assert after.running_ms - before.running_ms >= 9
    assert kernel_synchronised() in (True, False)


def test_a_kernel_that_refuses_the_question_is_not_synchronised(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hardened unit or a container may forbid adjtimex: then nothing is claimed unless timesyncd left its mark."""
    monkeypatch.setattr(clock_module, "_adjtimex", lambda _timex: -1)
    assert kernel_synchronised() is clock_module._TIMESYNCD_MARK.exists()
    for state, expected in ((0, True), (5, False)):
        monkeypatch.setattr(clock_module, "_adjtimex", lambda _timex, answer=state: answer)
        assert kernel_synchronised() is expected
