"""Who is asked before a signed answer counts: an answer needs a witness, a witness proves nothing by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway import clock as clock_module
from gateway.clock import BUILD_UTC_MS, Doubt, SystemClock, read_rtc, slept_ms, system_kernel
from gateway.prepayment.events import TimeTrust
from tests.test_clock import HOUR_MS, REAL_MS, FakeKernel

MIN_MS = 60_000
DAY_MS = 24 * HOUR_MS
FIVE_MIN_MS = 300_000
ZONES_MS = 14 * HOUR_MS + FIVE_MIN_MS


def blind(rtc_ms: int | None = None) -> FakeKernel:
    """A machine whose wall clock shows 1970, so that only its battery clock can speak."""
    return FakeKernel(wall_ms=0, rtc_ms=rtc_ms)


def asked(clock: SystemClock, kernel: FakeKernel, utc_ms: int) -> bool:
    """Whether this answer, given now, counts now."""
    return clock.authenticate(utc_ms, kernel.monotonic_ms, 0)


def doubted(clock: SystemClock) -> list[tuple[str, int]]:
    """By whom, and by how much the answer was ahead."""
    return [(doubt.by, doubt.ahead_ms) for doubt in clock.doubts()]


@pytest.mark.parametrize("ahead_ms", [-FIVE_MIN_MS, FIVE_MIN_MS])
def test_a_kernel_within_five_minutes_vouches_whatever_it_says_of_itself(ahead_ms: int) -> None:
    """Decision 16: two clocks that do not know each other show the same; the kernel needs no time server for that."""
    kernel = FakeKernel()
    assert asked(kernel.clock(), kernel, REAL_MS + ahead_ms)


@pytest.mark.parametrize("ahead_ms", [-FIVE_MIN_MS - 1, FIVE_MIN_MS + 1])
def test_a_kernel_further_away_does_not(ahead_ms: int) -> None:
    """Threat 13: without a witness the answer waits, be it ahead or behind; nobody is named as contradicting."""
    kernel = FakeKernel()
    clock = kernel.clock()
    assert not asked(clock, kernel, REAL_MS + ahead_ms)
    assert doubted(clock) == [("nobody", REAL_MS + ahead_ms - BUILD_UTC_MS)]
    kernel.synchronised = True
    clock = kernel.clock()
    assert not asked(clock, kernel, REAL_MS + ahead_ms)
    assert doubted(clock) == [("kernel", ahead_ms)]


def test_a_synchronised_kernel_contradicts_what_the_rtc_vouches_for() -> None:
    """Decision 16: a veto is stronger than a voucher; the time comes an hour later, if at all."""
    kernel = FakeKernel(wall_ms=REAL_MS - DAY_MS, synchronised=True, rtc_ms=REAL_MS)
    clock = kernel.clock()
    assert not asked(clock, kernel, REAL_MS)
    assert doubted(clock) == [("kernel", DAY_MS)]
    kernel.synchronised = False
    assert asked(kernel.clock(), kernel, REAL_MS)


@pytest.mark.parametrize("ahead_ms", [-FIVE_MIN_MS, FIVE_MIN_MS])
def test_an_rtc_within_five_minutes_vouches(ahead_ms: int) -> None:
    """Decision 16: a board with a battery clock knows the time at once after any power cut."""
    kernel = blind(rtc_ms=REAL_MS)
    assert asked(kernel.clock(), kernel, REAL_MS + ahead_ms)


@pytest.mark.parametrize(
    ("ahead_ms", "by"),
    [
        (FIVE_MIN_MS + 1, "nobody"),
        (-FIVE_MIN_MS - 1, "nobody"),
        (ZONES_MS, "nobody"),
        (-ZONES_MS, "nobody"),
        (ZONES_MS + 1, "rtc"),
        (-ZONES_MS - 1, "rtc"),
    ],
)
def test_an_rtc_may_show_local_time_but_not_another_day(ahead_ms: int, by: str) -> None:
    """Within 14 hours it may be somebody's zone and says nothing; beyond, it contradicts."""
    kernel = blind(rtc_ms=REAL_MS)
    clock = kernel.clock()
    assert not asked(clock, kernel, REAL_MS + ahead_ms)
    ((told, by_ms),) = doubted(clock)
    assert (told, by_ms) == (by, REAL_MS + ahead_ms - BUILD_UTC_MS if by == "nobody" else ahead_ms)


def test_the_rtc_is_read_once_and_runs_on() -> None:
    """What it showed at the start is worth as much hours later, and nobody can set it in between."""
    kernel = blind(rtc_ms=REAL_MS)
    clock = kernel.clock()
    kernel.rtc_ms = 0
    for _ in range(200):
        kernel.pass_ms(MIN_MS)
        clock.now()
    assert asked(clock, kernel, REAL_MS + 200 * MIN_MS + FIVE_MIN_MS)


def test_an_answer_far_behind_is_no_better_than_one_ahead() -> None:
    """Threat 12: found by `tests.time`: a term of days begun under a time five hours behind begins the day before."""
    kernel = blind()
    clock = kernel.clock()
    clock.resume(0, REAL_MS - 5 * HOUR_MS)
    assert not asked(clock, kernel, REAL_MS - 5 * HOUR_MS)
    assert doubted(clock) == [("nobody", 0)]


def test_a_witness_that_lost_its_time_says_nothing() -> None:
    """An RTC with an empty battery shows the year 2000: below what is certainly past it neither vouches nor vetoes."""
    for lost_ms, believed in ((FIVE_MIN_MS + 1, True), (FIVE_MIN_MS, False)):
        kernel = FakeKernel(rtc_ms=REAL_MS - 2 * DAY_MS - lost_ms)
        clock = kernel.clock()
        clock.resume(0, REAL_MS - 2 * DAY_MS)
        assert asked(clock, kernel, REAL_MS) is believed
    kernel = FakeKernel(wall_ms=REAL_MS - FIVE_MIN_MS - 1, synchronised=True, rtc_ms=REAL_MS)
    clock = kernel.clock()
    clock.resume(0, REAL_MS)
    assert asked(clock, kernel, REAL_MS)


def test_a_meter_contradicts_but_never_vouches() -> None:
    """Decision 16: its zone is not known, so it can only say that this is not the day."""
    kernel = blind()
    clock = kernel.clock()
    clock.witness("meter:m1", REAL_MS)
    assert not asked(clock, kernel, REAL_MS)
    assert doubted(clock) == [("nobody", REAL_MS - BUILD_UTC_MS)]
    kernel.wall_ms = REAL_MS
    clock = kernel.clock()
    clock.witness("meter:m1", REAL_MS - ZONES_MS)
    assert asked(clock, kernel, REAL_MS)
    clock = kernel.clock()
    clock.witness("meter:m1", REAL_MS - ZONES_MS - 1)
    assert not asked(clock, kernel, REAL_MS)
    assert doubted(clock) == [("meter:m1", ZONES_MS + 1)]


def test_what_a_meter_showed_runs_on_and_is_replaced() -> None:
    """The newest reading of a meter's clock counts, from the instant of the reading."""
    kernel = FakeKernel()
    clock = kernel.clock()
    clock.witness("meter:m1", REAL_MS - 10 * DAY_MS)
    kernel.pass_ms(MIN_MS)
    clock.witness("meter:m1", REAL_MS + MIN_MS - ZONES_MS)
    kernel.pass_ms(MIN_MS)
    assert asked(clock, kernel, REAL_MS + 2 * MIN_MS)


def test_an_answer_waits_two_minutes_for_the_meters_that_have_a_clock() -> None:
    """The first poll takes seconds; an answer that overtakes it would meet no witness."""
    kernel = FakeKernel()
    clock = kernel.clock()
    clock.expect("meter:m1")
    clock.expect("meter:m2")
    clock.witness("meter:m1", REAL_MS)
    kernel.pass_ms(119_999)
    assert not asked(clock, kernel, REAL_MS + 119_999)
    assert doubted(clock) == [], "not doubted: only too early"
    kernel.pass_ms(1)
    assert asked(clock, kernel, REAL_MS + 120_000)
    clock = kernel.clock()
    clock.expect("meter:m1")
    clock.witness("meter:m1", None)
    assert asked(clock, kernel, REAL_MS + 120_000)


def test_a_meter_without_a_clock_after_all_takes_nothing_back() -> None:
    """A poll that does not read the clock leaves what an earlier one read."""
    kernel = FakeKernel()
    clock = kernel.clock()
    clock.witness("meter:m1", REAL_MS - 2 * DAY_MS)
    clock.witness("meter:m1", None)
    assert not asked(clock, kernel, REAL_MS)


def test_proven_time_alone_is_asked_while_it_is_proven() -> None:
    """Decision 16: no witness takes back what was proven, nor stands in the way of its renewal."""
    kernel = FakeKernel()
    clock = kernel.clock()
    assert asked(clock, kernel, REAL_MS)
    clock.witness("meter:m1", REAL_MS - 30 * DAY_MS)
    kernel.wall_ms += 40 * DAY_MS
    kernel.synchronised = True
    assert asked(clock, kernel, REAL_MS + FIVE_MIN_MS)
    assert clock.now().utc_ms == REAL_MS + FIVE_MIN_MS
    assert not asked(clock, kernel, REAL_MS + FIVE_MIN_MS + 1), "five minutes of the first, not of the last"
    assert doubted(clock) == [("proven", FIVE_MIN_MS + 1)]


def test_small_steps_ahead_add_up_to_five_minutes_a_day() -> None:
    """Threat 13: a head-end that is a little more ahead at each answer does not walk through a term of days."""
    kernel = FakeKernel()
    clock = kernel.clock()
    assert asked(clock, kernel, REAL_MS)
    believed_ms = 0
    for hour in range(1, 49):
        kernel.pass_ms(HOUR_MS)
        if asked(clock, kernel, REAL_MS + hour * HOUR_MS + hour * 2 * MIN_MS):
            believed_ms = hour * 2 * MIN_MS
        if clock.now().trust is TimeTrust.AUTHENTICATED:
            assert clock.now().utc_ms - REAL_MS - hour * HOUR_MS <= 2 * FIVE_MIN_MS
    assert believed_ms <= FIVE_MIN_MS


def test_the_day_of_an_anchor_ends_and_another_begins() -> None:
    """After 24 hours the next answer is measured against the newest one that counted within its own day."""
    kernel = FakeKernel(wall_ms=0, rtc_ms=REAL_MS)
    clock = kernel.clock()
    assert asked(clock, kernel, REAL_MS)
    kernel.pass_ms(DAY_MS)
    assert not asked(clock, kernel, REAL_MS + DAY_MS + FIVE_MIN_MS + 1)
    assert doubted(clock) == [("proven", FIVE_MIN_MS + 1)]
    assert asked(clock, kernel, REAL_MS + DAY_MS + FIVE_MIN_MS)
    kernel.pass_ms(1)
    assert asked(clock, kernel, REAL_MS + DAY_MS + 1 + FIVE_MIN_MS), "a day later the old anchor vouches as a witness"
    kernel.pass_ms(MIN_MS)
    assert asked(clock, kernel, REAL_MS + DAY_MS + MIN_MS + 2 * FIVE_MIN_MS), "and the answer is the new anchor"


@pytest.mark.parametrize("ahead_ms", [-FIVE_MIN_MS, FIVE_MIN_MS])
def test_what_was_proven_once_vouches_for_ever(ahead_ms: int) -> None:
    """A head-end that was away for a week is believed at once when it comes back with the right time."""
    kernel = blind(rtc_ms=REAL_MS)
    clock = kernel.clock()
    assert asked(clock, kernel, REAL_MS)
    clock._witnesses.clear()
    kernel.pass_ms(7 * DAY_MS)
    assert clock.now().trust is not TimeTrust.AUTHENTICATED
    # 1 part in 1000 of a week, 604.8 s, is what the bound leaves open below
    assert not asked(clock, kernel, REAL_MS + 7 * DAY_MS + FIVE_MIN_MS + 1)
    assert asked(clock, kernel, REAL_MS + 7 * DAY_MS + ahead_ms)


def test_an_hour_of_the_same_answer_is_enough_and_a_minute_less_is_not() -> None:
    """Threat 13: answers may differ by what a round trip makes of them, 20 s; more begins the hour again."""
    kernel = blind()
    clock = kernel.clock()
    assert not asked(clock, kernel, REAL_MS)
    kernel.pass_ms(HOUR_MS - 1)
    assert not asked(clock, kernel, REAL_MS + HOUR_MS - 1 + 20_000)
    kernel.pass_ms(1)
    for apart_ms in (20_000, -20_000):
        other = blind()
        second = other.clock()
        assert not asked(second, other, REAL_MS)
        other.pass_ms(HOUR_MS)
        assert asked(second, other, REAL_MS + HOUR_MS + apart_ms)
    for apart_ms in (20_001, -20_001):
        other = blind()
        second = other.clock()
        assert not asked(second, other, REAL_MS)
        other.pass_ms(HOUR_MS)
        assert not asked(second, other, REAL_MS + HOUR_MS + apart_ms)
        other.pass_ms(HOUR_MS)
        assert asked(second, other, REAL_MS + 2 * HOUR_MS + apart_ms), "the hour of the other one"


def test_a_confirmed_leap_is_the_new_anchor() -> None:
    """After the hour the other time is the known one, and answers near it count at once."""
    kernel = FakeKernel()
    clock = kernel.clock()
    assert asked(clock, kernel, REAL_MS)
    leap_ms = REAL_MS + 3 * DAY_MS
    assert not asked(clock, kernel, leap_ms)
    kernel.pass_ms(HOUR_MS)
    assert asked(clock, kernel, leap_ms + HOUR_MS)
    kernel.pass_ms(MIN_MS)
    assert asked(clock, kernel, leap_ms + HOUR_MS + MIN_MS + FIVE_MIN_MS - 1)
    assert doubted(clock) == [("proven", 3 * DAY_MS)]


def test_a_doubt_is_told_once_until_an_answer_counts() -> None:
    """I24: who contradicts and by how much is on record, once each, however often a broken head-end repeats itself."""
    kernel = FakeKernel(synchronised=True)
    clock = kernel.clock()
    for _ in range(50):
        kernel.pass_ms(30_000)
        assert not asked(clock, kernel, kernel.wall_ms + DAY_MS)
    (doubt,) = clock.doubts()
    assert doubt == Doubt(doubt.at, "kernel", DAY_MS)
    assert (doubt.at.trust, doubt.at.utc_ms) == (TimeTrust.SYNCHRONISED, REAL_MS + 30_000)
    kernel.synchronised = False
    assert not asked(clock, kernel, kernel.wall_ms + 9 * DAY_MS)
    assert [by for by, _ in doubted(clock)] == ["nobody"]
    assert asked(clock, kernel, kernel.wall_ms)
    assert not asked(clock, kernel, kernel.wall_ms + DAY_MS)
    assert doubted(clock) == [("proven", DAY_MS)]
    assert asked(clock, kernel, kernel.wall_ms)
    assert not asked(clock, kernel, kernel.wall_ms + DAY_MS)
    assert [by for by, _ in doubted(clock)] == ["proven"], "told again after an answer that counted"


def test_doubts_nobody_collects_are_bounded() -> None:
    """I20: at most 16 are kept, the newest."""
    kernel = FakeKernel()
    clock = kernel.clock()
    for number in range(40):
        assert asked(clock, kernel, REAL_MS)
        assert not asked(clock, kernel, REAL_MS + DAY_MS + number)
    assert [ahead_ms for _, ahead_ms in doubted(clock)] == [DAY_MS + number for number in range(24, 40)]


def test_the_battery_clock_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decision 16: whole seconds of the first RTC; none, or one that says nonsense, is no witness."""
    monkeypatch.setattr(clock_module, "_RTC", tmp_path / "since_epoch")
    assert read_rtc() is None
    (tmp_path / "since_epoch").write_text("1795373061\n")
    assert read_rtc() == 1_795_373_061_000
    (tmp_path / "since_epoch").write_text("\n")
    assert read_rtc() is None


def test_the_machine_is_asked_for_all_it_has() -> None:
    """The production seam reads the RTC and how long the machine slept; this one does not sleep while it tests."""
    kernel = system_kernel()
    assert (kernel.rtc_ms, kernel.slept_ms) == (read_rtc, slept_ms)
    first_ms = slept_ms()
    assert -10 <= slept_ms() - first_ms <= 10
