"""What the clock answers to an answer that comes too early: a plain no, which whoever asked can print."""

from __future__ import annotations

import pytest

from gateway.clock import CORRECTION_MAX_MS, WITNESS_WAIT_MS
from tests.test_clock import REAL_MS, FakeKernel


@pytest.mark.parametrize(("waited_ms", "taken"), [(0, False), (WITNESS_WAIT_MS - 1, False), (WITNESS_WAIT_MS, True)])
def test_an_answer_before_the_witnesses_is_refused_like_any_other(waited_ms: int, taken: bool) -> None:
    """Decision 16: yes or no, never nothing: while a meter with a clock is still to be read it is no."""
    kernel = FakeKernel()
    clock = kernel.clock()
    clock.expect("meter:m1")
    kernel.pass_ms(waited_ms)
    assert clock.authenticate(kernel.wall_ms, kernel.monotonic_ms, 0) is taken


def test_an_answer_that_nobody_shows_is_refused_like_any_other() -> None:
    """Threat 13: the first doubted answer begins the hour, and the answer to it is no."""
    kernel = FakeKernel()
    assert kernel.clock().authenticate(REAL_MS + CORRECTION_MAX_MS + 1, kernel.monotonic_ms, 0) is False
