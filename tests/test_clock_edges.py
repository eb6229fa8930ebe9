"""The clock at the millisecond where its answer changes, and on this machine's own clocks."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from gateway import clock as clock_module
from gateway.clock import (
    AGREE_MS,
    AUTHENTIC_MS,
    BUILD_UTC_MS,
    CORRECTION_MAX_MS,
    DRIFT_PARTS,
    LAST_UTC_MS,
    LEAP_CONFIRMED_MS,
    LOOK_MAX_MS,
    ROUND_TRIP_MAX_MS,
    STEP_MS,
    VETO_MS,
    WITNESS_WAIT_MS,
    Kernel,
    SystemClock,
    slept_ms,
    system_kernel,
)
from tests.test_clock import HOUR_MS, REAL_MS, FakeKernel


def test_the_terms_of_time_are_these() -> None:
    """Decision 16: what a signed answer is worth, how long it lasts and how far it may lie are promises, too."""
    assert (BUILD_UTC_MS, LAST_UTC_MS) == (1_767_225_600_000, 4_102_444_800_000)  # 2026-01-01, 2100-01-01
    assert (STEP_MS, ROUND_TRIP_MAX_MS, AGREE_MS) == (10_000, 10_000, 20_000)
    assert (AUTHENTIC_MS, LEAP_CONFIRMED_MS, CORRECTION_MAX_MS) == (24 * HOUR_MS, HOUR_MS, 300_000)
    assert (VETO_MS, WITNESS_WAIT_MS, LOOK_MAX_MS, DRIFT_PARTS) == (14 * HOUR_MS + 300_000, 120_000, 120_000, 1000)


def test_this_machine_is_asked_in_whole_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decision 16: nanoseconds are cut, not rounded; what was slept is the boot clock less the monotonic one."""
    stub = SimpleNamespace(
        time_ns=lambda: 1_800_000_000_123_999_999,
        monotonic_ns=lambda: 5_000_000_999_999,
        clock_gettime_ns={7: 8_600_000_001_000_000_000}.get,
        CLOCK_BOOTTIME=7,
    )
    monkeypatch.setattr(clock_module, "time", stub)
    kernel = system_kernel()
    assert (kernel.wall_ms(), kernel.monotonic_ms()) == (1_800_000_000_123, 5_000_000)
    assert slept_ms() == kernel.slept_ms() == 8_599_995_000_999


def test_a_clock_needs_nothing_to_be_given() -> None:
    """The daemon's clock is this machine's: it starts without a kernel of its own, and knows of no RTC unless told."""
    clock = SystemClock()
    assert clock.now().running_ms >= 0
    plain = Kernel(lambda: 0, lambda: 0, lambda: False)
    assert (plain.rtc_ms(), plain.slept_ms()) == (None, 0)


def test_this_system_is_asked_where_it_keeps_its_answers() -> None:
    """Decision 16: adjtimex(2), the mark of systemd-timesyncd, the first battery clock; 16 steps are remembered."""
    assert clock_module._adjtimex is not clock_module._no_adjtimex
    assert clock_module._adjtimex.__name__ == "adjtimex"
    assert str(clock_module._TIMESYNCD_MARK) == "/run/systemd/timesync/synchronized"
    assert str(clock_module._RTC) == "/sys/class/rtc/rtc0/since_epoch"
    assert (clock_module._KEPT, clock_module._TIME_ERROR) == (16, 5)


def test_a_machine_without_adjtimex_says_that_nobody_can_be_asked() -> None:
    """Decision 16: below zero means not asked, so the mark of systemd-timesyncd counts."""
    assert clock_module._no_adjtimex(None) == -1


@pytest.mark.parametrize(("late_ms", "good"), [(0, True), (1, False)])
def test_the_round_trip_and_the_end_of_dates_are_sharp(late_ms: int, good: bool) -> None:
    """Threat 13: an answer on the way for 10 s counts, 10.001 s does not; 2100 is the last year anybody believes."""
    kernel = FakeKernel()
    assert kernel.clock().authenticate(REAL_MS, kernel.monotonic_ms, ROUND_TRIP_MAX_MS + late_ms) is good
    assert kernel.clock().authenticate(REAL_MS, kernel.monotonic_ms, -late_ms) is good
    kernel.wall_ms = LAST_UTC_MS
    assert kernel.clock().authenticate(LAST_UTC_MS + late_ms, kernel.monotonic_ms, 0) is good


@pytest.mark.parametrize(("below_ms", "good"), [(0, True), (1, False)])
def test_an_answer_to_an_older_question_meets_the_bound_of_now(below_ms: int, good: bool) -> None:
    """I17: an answer that arrived before the last one was taken is held against the whole bound."""
    kernel = FakeKernel()
    clock = kernel.clock()
    assert clock.authenticate(REAL_MS, kernel.monotonic_ms, 0) is True
    assert clock.authenticate(REAL_MS - CORRECTION_MAX_MS - below_ms, kernel.monotonic_ms - 500, 0) is good


def test_a_proof_is_measured_at_its_oldest_until_it_is_older_than_a_day() -> None:
    """Threat 13: corrections add up against the first proof: the one after a day is still held against it."""
    kernel = FakeKernel()
    clock = kernel.clock()
    assert clock.authenticate(REAL_MS, kernel.monotonic_ms, 0)
    for _ in range(24 * 60):
        kernel.pass_ms(60_000)
        clock.now()
    ahead_ms = REAL_MS + AUTHENTIC_MS + CORRECTION_MAX_MS
    assert clock.authenticate(ahead_ms, kernel.monotonic_ms, 0)
    kernel.pass_ms(1)
    assert not clock.authenticate(ahead_ms + 2, kernel.monotonic_ms, 0)


def test_an_old_proof_vouches_on_both_sides_alike() -> None:
    """Threat 13: far behind the old proof is as far from it as far ahead; after a month the bound alone is too lax."""
    kernel = FakeKernel()
    clock = kernel.clock()
    assert clock.authenticate(REAL_MS, kernel.monotonic_ms, 0)
    for _ in range(30 * 24 * 60):
        kernel.pass_ms(60_000)
        clock.now()
    truth_ms = REAL_MS + 30 * 24 * HOUR_MS
    assert not clock.authenticate(truth_ms - CORRECTION_MAX_MS - 1, kernel.monotonic_ms, 0)
    assert clock.authenticate(truth_ms - CORRECTION_MAX_MS, kernel.monotonic_ms, 0)
