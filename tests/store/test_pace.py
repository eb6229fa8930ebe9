"""How often what is only in memory is saved."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.store.pace import CHECKPOINT_MS, FIRST_MS, GATHER_MS, GATHERED_MAX, Pace
from tests.counter import Counter


def saves(until_ms: int, began_ms: int = 0) -> list[int]:
    """When a run that looks each second saves, in s after its start."""
    pace, found = Pace(began_ms), []
    for now_ms in range(began_ms, began_ms + until_ms + 1, 1000):
        if pace.due(now_ms, 0):
            pace.saved(now_ms)
            found.append((now_ms - began_ms) // 1000)
    return found


@pytest.mark.parametrize("began_ms", [0, 86_400_000])
def test_a_run_saves_soon_and_then_ever_less_often(began_ms: int) -> None:
    """Decision 8, I20: six times in the first quarter of an hour, then once in each."""
    assert (FIRST_MS, CHECKPOINT_MS) == (15_000, 900_000)
    assert saves(3_600_000, began_ms) == [15, 30, 60, 120, 240, 480, 960, 1_860, 2_760]


def test_quarter_hours_are_gathered_for_a_moment() -> None:
    """Decision 8: all meters end theirs in one transaction; a crowd of them does not wait."""
    pace = Pace(0)
    pace.saved(100_000_000)
    pace.finished(100_001_000)
    assert (GATHER_MS, GATHERED_MAX) == (5_000, 1_000)
    assert not pace.due(100_001_000 + GATHER_MS - 1, 1)
    assert pace.due(100_001_000 + GATHER_MS, 1)
    assert not pace.due(100_001_000 + GATHER_MS, 0)
    assert pace.due(100_001_000, GATHERED_MAX)
    assert not pace.due(100_001_000, GATHERED_MAX - 1)


@pytest.mark.parametrize("run_s", [60, 100, 300, 700])
def test_pulling_the_plug_does_not_stop_the_time(tmp_path: Path, run_s: int) -> None:
    """Threats 13 and 24: half of each run counts, so a term ends though no run is long."""

    async def story() -> int:
        counter = Counter(tmp_path / "store.db")
        await counter.start("CH-1")
        for _ in range(10):
            for _ in range(0, run_s, 10):
                await counter.teller.post("CH-1", counter.reading(5, 10_000))
            await counter.crash()
            counter.clock.running_ms = counter.store.saved.running_ms
            await counter.start()
        await counter.crash()
        return counter.store.saved.running_ms

    assert asyncio.run(story()) >= 10 * run_s * 500
