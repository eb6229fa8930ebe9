"""Many runs on all cores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.pool import Pool

from tests.simulation.run import Result, play

RUNS_A_WORKER = 50


@dataclass(frozen=True, slots=True)
class Job:
    """One run: what `play` takes."""

    seed: int
    days: float
    poll_s: int | None = None
    kinds: tuple[str, ...] = ()
    often: float = 1.0


@contextmanager
def workers(count: int) -> Iterator[Pool]:
    """Processes that are replaced now and then, so that no run inherits the memory of many."""
    with get_context("spawn").Pool(count, maxtasksperchild=RUNS_A_WORKER) as pool:
        yield pool


def results(pool: Pool, jobs: Sequence[Job]) -> Iterator[Result]:
    """The results as they come."""
    return pool.imap_unordered(_run, jobs)


def _run(job: Job) -> Result:
    return play(job.seed, job.days, poll_s=job.poll_s, kinds=job.kinds, often=job.often)
