"""What `python -m tests.simulation` says of runs that failed, and the commands it gives to find them again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from unittest import mock

import pytest

from tests.simulation import __main__ as command_line
from tests.simulation import run
from tests.simulation.many import Job
from tests.simulation.minimise import from_scratch
from tests.simulation.run import Result, play
from tests.simulation.world import HARNESS, Setting, World

BUG = "a bug of the harness"
RESULT = Result(
    seed=7, days=0.5, until_days=0.5, poll_s=300, kinds=("clone", "swap"), often=2.0, chosen=False, trace_hash="a"
)
BROKEN = replace(RESULT, violations=("I6 at day 0.2000: as planned",))


def _played(job: Job) -> Result:
    """What a worker does."""
    return play(job.seed, job.days, poll_s=job.poll_s, kinds=job.kinds, often=job.often)


def _main(monkeypatch: pytest.MonkeyPatch, arguments: str, played: Callable[[Job], Result] = _played) -> int:
    """The command, with its runs in this process."""

    def results(_: object, jobs: Sequence[Job]) -> Iterator[Result]:
        return map(played, jobs)

    monkeypatch.setattr(sys, "argv", ["simulation", *arguments.split()])
    monkeypatch.setattr(command_line, "workers", lambda _: nullcontext())
    monkeypatch.setattr(command_line, "results", results)
    return command_line.main()


@pytest.mark.parametrize("how", ["--quick", "--repeat 0"])
def test_a_run_that_dies_costs_the_others_nothing(
    how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """I22: the others are counted, the dead one is told with its seed and the command that plays it again."""
    made = World

    def world(setting: Setting, *others: object) -> World:
        if setting.seed == 2:
            raise KeyError(BUG)
        return made(setting, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(run, "World", world)
    assert _main(monkeypatch, f"--seed 1 --runs 3 --days 0.02 --poll 300 {how}") == 1
    told = capsys.readouterr().out
    assert "runs 3, " in told
    assert "violations 1, " in told
    assert (
        f"seed 2 broke 1 promises; first:\n  {HARNESS} the run itself died of KeyError('{BUG}') in test_command_line.py"
        in told
    )
    assert "play it again: .venv/bin/python -m tests.simulation --seed 2 --days 0.02 --poll 300" in told


def _told(what: str, told: str) -> str:
    """The arguments of the command that is told after these words."""
    return next(line for line in told.splitlines() if line.startswith(f"{what}: ")).partition("-m tests.simulation ")[2]


def test_a_landing_names_the_command_that_makes_a_failure_small(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """I22: --quick makes nothing small, and says by which one command that is done: the same run, not a replay."""
    assert _main(monkeypatch, "--quick", lambda _: BROKEN) == 1
    told = capsys.readouterr().out
    assert _told("play it again", told) == "--seed 7 --days 0.5 --kinds clone,swap --often 2 --poll 300 --until 0.250"
    small = _told("make it small", told)
    assert small == "--seed 7 --runs 1 --days 0.5 --kinds clone,swap --often 2 --poll 300"
    monkeypatch.setattr(command_line, "_kinds", lambda text: tuple(text.split(",")))
    made_small = mock.Mock(return_value=BROKEN)
    monkeypatch.setattr(command_line, "minimised", made_small)
    assert _main(monkeypatch, small, lambda job: replace(BROKEN, seed=job.seed, kinds=job.kinds)) == 1
    assert made_small.call_args.args == (BROKEN,)


def test_a_run_unlike_itself_is_told_with_its_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """I22: another trace of the same seed fails the command, which names what plays that seed twice."""
    hashes = iter("ab")
    assert _main(monkeypatch, "--seed 7", lambda _: replace(RESULT, trace_hash=next(hashes))) == 1
    told = capsys.readouterr().out
    assert "I22: seed 7 gave another trace the second time" in told
    assert _told("play it twice again", told) == f"{from_scratch(RESULT).partition('simulation ')[2]} --repeat 100"


def test_failures_beyond_those_explained_have_a_command_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """I22: of many failing seeds the first are explained; of the others it says how one is made small."""
    assert _main(monkeypatch, "--runs 5 --quick", lambda job: replace(BROKEN, seed=job.seed)) == 1
    told = capsys.readouterr().out
    assert "also: 4 (I6), 5 (I6)" in told
    assert _told("make one of them small", told).startswith("--seed 4 --runs 1 ")
