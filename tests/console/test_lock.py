"""The lock on guessing: how long each failure makes one wait, and how little that leaves of a burglar's patience."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from gateway.console.lock import FADES_MS, PER_DAY_MAX, WAITS_MIN, Lock

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS


def test_three_attempts_are_free_and_then_each_failure_doubles_the_wait() -> None:
    """Threat 22: one more try after 1, 2, 4 ... minutes, up to half a day, and never sooner."""
    lock, now_ms, waits = Lock(), 0, []
    for _ in range(15):
        assert lock.wait_ms(now_ms) == 0
        lock = lock.failed(now_ms)
        waits.append(lock.wait_ms(now_ms) // MINUTE_MS)
        if waits[-1]:
            assert lock.wait_ms(now_ms + waits[-1] * MINUTE_MS - 1) == 1
        now_ms += waits[-1] * MINUTE_MS
    assert waits == [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 720, 720, 720]


def test_a_million_guesses_are_a_few_attempts() -> None:
    """Threat 22: a guess each ten seconds for 115 days of running gets 13 on a day at most, and 239 in all."""
    lock, now_ms, judged = Lock(), 0, 0
    window: deque[int] = deque()
    for _ in range(1_000_000):
        now_ms += 10_000
        if lock.wait_ms(now_ms):
            continue
        lock = lock.failed(now_ms)
        judged += 1
        window.append(now_ms)
        while window[0] <= now_ms - DAY_MS:
            window.popleft()
        assert len(window) <= PER_DAY_MAX
    days = now_ms / DAY_MS
    assert 200 < judged <= PER_DAY_MAX + 2 * days


@given(st.lists(st.integers(0, 40 * 60), min_size=1, max_size=60))
def test_no_rhythm_of_guessing_gets_more_attempts_a_day(pauses_min: list[int]) -> None:
    """Threat 22: bursts after quiet days, any rhythm: no 24 hours hold more than 13 attempts."""
    lock, now_ms, judged = Lock(), 0, []
    for pause in pauses_min:
        now_ms += pause * MINUTE_MS
        now_ms += lock.wait_ms(now_ms)
        lock = lock.failed(now_ms)
        judged.append(now_ms)
    assert all(sum(start <= one < start + DAY_MS for one in judged) <= PER_DAY_MAX for start in judged)


def test_slips_are_forgotten_one_a_day() -> None:
    """A technician who mistypes now and then is never locked out; the count is bounded, so patience always helps."""
    lock = Lock()
    for day in range(1_000):
        assert lock.wait_ms(day * DAY_MS) == 0
        lock = lock.failed(day * DAY_MS)
    assert lock.failures == 1
    worst = Lock(len(WAITS_MIN), 0)
    assert worst.failed(FADES_MS * 13).failures == 1
    assert Lock(len(WAITS_MIN), 0).failed(1).failures == len(WAITS_MIN)


def test_a_running_time_that_went_back_never_shortens_a_wait_and_ends_some_day() -> None:
    """I18: a power cut sets the running time back a little, a lost store to 0: the wait begins again, bounded."""
    lock = Lock(6, 1_000_000)
    assert lock.wait_ms(900_000) == 8 * MINUTE_MS
    assert lock.anchored(900_000) == Lock(6, 900_000)
    assert lock.anchored(1_000_001) is lock
    assert Lock(6, 10**15).anchored(0).wait_ms(8 * MINUTE_MS) == 0
