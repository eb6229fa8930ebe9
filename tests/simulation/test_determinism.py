"""I22: a run is the same every time, in every process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.simulation.loop import VirtualLoop

SCRIPT = """
import sys
from tests.simulation.run import play
result = play(int(sys.argv[1]), 1.5)
print(result.trace_hash, len(result.incidents), result.lives)
"""


def _played(seed: int, hash_seed: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(seed)],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("seed", [6, 11])
def test_a_seed_gives_the_same_trace_in_another_process(seed: int) -> None:
    """I22: what happens does not depend on the order of sets, on addresses, on the time or on chance."""
    first, second = _played(seed, "1"), _played(seed, "4711")
    assert first == second
    assert int(first.split()[1]) > 1, "a run without incidents shows little"


def test_what_is_planned_for_later_changes_nothing_before() -> None:
    """I22: a replay that ends earlier, or leaves out what comes later, is the same until then, tie by tie."""

    def order(later: int) -> list[int]:
        loop, found = VirtualLoop(), list[int]()
        for number in range(later):
            loop.call_at(100.0 - number, int)
        for number in range(20):
            loop.call_at(1.0, found.append, number)
        loop.call_at(2.0, loop.stop)
        loop.run_forever()
        loop.close()
        return found

    assert order(0) == order(7) == order(50) == list(range(20))


@pytest.mark.parametrize("days", [0, 195, 366, 3653])
def test_time_passes_after_a_year_as_on_the_first_day(days: int) -> None:
    """A float of seconds grows coarse: from day 194 on a timer that was due was never due enough."""
    loop, found = VirtualLoop(), list[float]()
    loop.leap(days * 86_400 + 0.1)
    loop.call_later(0.3, found.append, 1.0)
    loop.call_later(0.7, loop.stop)
    loop.run_forever()
    loop.close()
    assert found == [1.0]
