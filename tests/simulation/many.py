"""Many runs on all cores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.pool import Pool

from tests.simulation.run import Result, play

RUNS_A_WORKER = 50
Job = tuple[int, float, int | None]
"""Seed, days, poll period (None: as the seed says)."""


@contextmanager
def workers(count: int) -> Iterator[Pool]:
    """Processes that are replaced now and then, so that no run inherits the memory of many."""
    with get_context("spawn").Pool(count, maxtasksperchild=RUNS_A_WORKER) as pool:
        yield pool


def results(pool: Pool, jobs: Sequence[Job]) -> Iterator[Result]:
    """The results as they come."""
    return pool.imap_unordered(_run, jobs)


def _run(job: Job) -> Result:
    seed, days, poll_s = job
    try:
        return play(seed, days, poll_s=poll_s)
    except BaseException as error:
        error.add_note(f"in the run of seed {seed}, {days:g} days")
        raise
