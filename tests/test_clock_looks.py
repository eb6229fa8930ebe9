"""A monotonic clock that leaps, stands or goes back, and the constants and bounds that terms rest on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import clock as clock_module
from gateway.clock import BUILD_UTC_MS, LAST_UTC_MS, Step, bound_after
from gateway.prepayment.events import Moment, TimeTrust
from tests.test_clock import HOUR_MS, REAL_MS, FakeKernel

LOOK_MS = 120_000
DAY_MS = 24 * HOUR_MS


def test_the_constants_are_those_that_the_documents_promise() -> None:
    """Decision 16: each of these is a promise to a customer or an operator; change them there first."""
    assert clock_module.STEP_MS == 10_000
    assert clock_module.AUTHENTIC_MS == DAY_MS
    assert clock_module.ROUND_TRIP_MAX_MS == 10_000
    assert clock_module.CORRECTION_MAX_MS == 300_000
    assert clock_module.LEAP_CONFIRMED_MS == HOUR_MS
    assert clock_module.AGREE_MS == 20_000
    assert clock_module.VETO_MS == 14 * HOUR_MS + 300_000
    assert clock_module.WITNESS_WAIT_MS == 120_000
    assert clock_module.LOOK_MAX_MS == LOOK_MS
    assert clock_module.DRIFT_PARTS == 1000
    assert BUILD_UTC_MS == 1_767_225_600_000, "1 January 2026"
    assert LAST_UTC_MS == 4_102_444_800_000, "1 January 2100"


def test_a_monotonic_clock_that_goes_back_takes_nothing_back() -> None:
    """I17: what was observed stays observed, and counting goes on from where the clock now is."""
    kernel = FakeKernel(monotonic_ms=50_000)
    clock = kernel.clock()
    clock.resume(1_000, 0)
    kernel.monotonic_ms = 20_000
    assert (clock.now().running_ms, clock.monotonic_ms()) == (1_000, 50_000)
    kernel.monotonic_ms += 7
    assert (clock.now().running_ms, clock.monotonic_ms()) == (1_007, 50_007)


@pytest.mark.parametrize(("leap_ms", "counted_ms"), [(LOOK_MS, LOOK_MS), (LOOK_MS + 1, LOOK_MS), (DAY_MS, LOOK_MS)])
def test_a_monotonic_clock_that_leaps_alone_ends_no_term(leap_ms: int, counted_ms: int) -> None:
    """I16: ten years in one look are two minutes, unless the wall clock has seen them too."""
    kernel = FakeKernel()
    clock = kernel.clock()
    kernel.monotonic_ms += leap_ms
    assert clock.now().running_ms == counted_ms
    assert clock.now().running_ms == counted_ms


@pytest.mark.parametrize(
    ("monotonic_ms", "wall_ms", "counted_ms"),
    [
        (10 * LOOK_MS, 10 * LOOK_MS, 10 * LOOK_MS),
        (10 * LOOK_MS, 9 * LOOK_MS, 9 * LOOK_MS),
        (10 * LOOK_MS, 900 * LOOK_MS, 10 * LOOK_MS),
        (10 * LOOK_MS, -DAY_MS, LOOK_MS),
        (LOOK_MS, -DAY_MS, LOOK_MS),
        (5, 900 * LOOK_MS, 5),
    ],
)
def test_a_process_that_was_stopped_counts_what_both_clocks_saw(
    monotonic_ms: int, wall_ms: int, counted_ms: int
) -> None:
    """I5: energy used while a card stalled the process is paid; the wall clock alone counts nothing."""
    kernel = FakeKernel()
    clock = kernel.clock()
    kernel.monotonic_ms += monotonic_ms
    kernel.wall_ms += wall_ms
    assert clock.now().running_ms == counted_ms


@pytest.mark.parametrize(("slept_ms", "trust"), [(10_000, "AUTHENTICATED"), (10_001, "RESTORED")])
def test_a_machine_that_slept_proves_the_time_again(slept_ms: int, trust: str) -> None:
    """Decision 16: the monotonic clock stood still, so the proof is late: a term of days could begin a day early."""
    kernel = FakeKernel(slept_ms=77)
    clock = kernel.clock()
    assert clock.authenticate(REAL_MS, kernel.monotonic_ms, 0)
    kernel.slept_ms += slept_ms
    kernel.wall_ms += slept_ms
    assert clock.now().trust == trust
    assert clock.now().trust == trust
    kernel.pass_ms(1_000)
    assert clock.authenticate(kernel.wall_ms, kernel.monotonic_ms, 0), "and at once, if a clock of ours shows it"
    kernel.pass_ms(1_000)
    assert clock.now().trust is TimeTrust.AUTHENTICATED


@pytest.mark.parametrize(("wall_ms", "monotonic_ms", "told_ms"), [
    (10_000, 0, None), (10_001, 0, 10_001), (-10_000, 0, None), (-10_001, 0, -10_001),
    (0, 10_001, -10_001), (0, -10_001, 10_001), (20_000, 10_000, None), (0, DAY_MS, -DAY_MS),
])  # fmt: skip
def test_a_step_of_either_clock_is_told_with_its_size(wall_ms: int, monotonic_ms: int, told_ms: int | None) -> None:
    """I24: beyond ten seconds, whichever clock it was; `by_ms` is what the wall clock is ahead of the other."""
    kernel = FakeKernel(monotonic_ms=DAY_MS)
    clock = kernel.clock()
    kernel.wall_ms += wall_ms
    kernel.monotonic_ms += monotonic_ms
    now = clock.now()
    assert clock.steps() == ([] if told_ms is None else [Step(now, told_ms)])


def test_what_was_saved_is_a_floor_for_both() -> None:
    """I17: nothing saved takes back what this run knows already, whichever of the two is older."""
    kernel = FakeKernel()
    clock = kernel.clock()
    clock.resume(5_000, REAL_MS + HOUR_MS)
    clock.resume(4_000, REAL_MS)
    assert (clock.now().running_ms, clock.bound_utc_ms) == (5_000, REAL_MS + HOUR_MS)


@pytest.mark.parametrize(("rtt_ms", "believed"), [(0, True), (10_000, True), (10_001, False), (-1, False)])
def test_the_round_trip_decides_what_an_answer_is_worth(rtt_ms: int, believed: bool) -> None:
    """Decision 16: half of it is added, more than ten seconds is no answer."""
    kernel = FakeKernel()
    clock = kernel.clock()
    assert clock.authenticate(REAL_MS, kernel.monotonic_ms, rtt_ms) is believed
    assert clock.now().utc_ms == REAL_MS + (rtt_ms // 2 if believed else 0)
    assert clock.bound_utc_ms == (REAL_MS if believed else BUILD_UTC_MS), "certainly past is what was signed"


def test_the_end_of_the_bound_is_five_minutes_below_it() -> None:
    """I17: a correction of the head-end's own clock is taken, an older time is not, though an RTC shows it."""
    for below_ms, believed in ((300_000, True), (300_001, False)):
        kernel = FakeKernel(wall_ms=0, rtc_ms=REAL_MS - below_ms)
        clock = kernel.clock()
        clock.resume(0, REAL_MS)
        assert clock.authenticate(REAL_MS - below_ms, kernel.monotonic_ms, 0) is believed
        assert clock.bound_utc_ms == REAL_MS


def test_the_bound_counts_from_when_the_answer_arrived() -> None:
    """I17: an answer handled late is compared with the bound of its arrival, and raises that of now."""
    kernel = FakeKernel()
    clock = kernel.clock()
    clock.resume(0, REAL_MS)
    arrived_ms = kernel.monotonic_ms
    kernel.pass_ms(100_000)
    assert clock.authenticate(REAL_MS - 300_000, arrived_ms, 0)
    assert clock.bound_utc_ms == REAL_MS + 100_000 - 100
    assert clock.now().utc_ms == REAL_MS - 300_000 + 100_000


def test_the_last_date_is_a_date() -> None:
    """I21: the year 2100 itself is not beyond all dates."""
    for utc_ms, believed in ((LAST_UTC_MS, True), (LAST_UTC_MS + 1, False)):
        kernel = FakeKernel(wall_ms=LAST_UTC_MS)
        assert kernel.clock().authenticate(utc_ms, kernel.monotonic_ms, 0) is believed


def test_a_wall_clock_on_the_bound_is_believed_as_far_as_it_goes() -> None:
    """Decision 16: UNKNOWN begins one millisecond below."""
    kernel = FakeKernel(wall_ms=BUILD_UTC_MS)
    assert kernel.clock().now() == Moment(BUILD_UTC_MS, TimeTrust.RESTORED, 0)
    kernel = FakeKernel(wall_ms=BUILD_UTC_MS - 1)
    assert kernel.clock().now() == Moment(BUILD_UTC_MS, TimeTrust.UNKNOWN, 0)


@pytest.mark.parametrize(
    ("observed_ms", "grown_ms"), [(0, 0), (1, 0), (1_000, 999), (1_001, 999), (86_400_000, 86_313_600)]
)
def test_the_bound_grows_less_than_the_slowest_utc(observed_ms: int, grown_ms: int) -> None:
    """I17: a crystal may be fast by one part in a thousand; rounding is down."""
    assert bound_after(REAL_MS, observed_ms) == REAL_MS + grown_ms


@given(st.lists(st.integers(0, 10 * DAY_MS), max_size=20))
def test_the_bound_saved_at_each_checkpoint_follows_the_one_in_memory(parts_ms: list[int]) -> None:
    """I17: saved piece by piece it is never ahead, and behind by no more than a millisecond for each piece."""
    pieces_ms = REAL_MS
    for part_ms in parts_ms:
        pieces_ms = bound_after(pieces_ms, part_ms)
    whole_ms = bound_after(REAL_MS, sum(parts_ms))
    assert whole_ms - len(parts_ms) <= pieces_ms <= whole_ms
