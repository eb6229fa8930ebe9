from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.fuzz import __main__ as command
from tests.fuzz import plain
from tests.fuzz.measure import LIMIT_MS, Stopwatch, TooSlow
from tests.fuzz.mutation import mutate_bytes
from tests.fuzz.target import CORPUS, FOUND, Target, corpus, load, names

RUNS = 600
GUIDED_RUNS = 300
BIGGEST_CORPUS_BYTES = 300_000


@pytest.mark.parametrize("name", names())
def test_any_input_is_taken_or_refused_as_it_should_be(name: str) -> None:
    """I21: the whole corpus, each input that once broke something, and a seeded share of mutations; 50 ms each."""
    result = plain.run(name, RUNS, seed=1, seconds=2.0)
    assert result.error == "", f"{result.error}; input {result.found!r}"
    assert result.inputs >= len(corpus(name)) + 1
    assert result.slowest_ms <= LIMIT_MS


@pytest.mark.parametrize("name", names())
def test_every_target_begins_with_something_good(name: str) -> None:
    """I21: seeds are inputs that a parser takes, none is larger than what is tried, and none is there twice."""
    target = load(name)
    seeds = list(target.seeds())
    assert seeds
    assert len(set(seeds)) == len(seeds)
    assert max(map(len, seeds)) <= target.max_bytes


@pytest.mark.parametrize("name", names())
def test_every_target_has_a_corpus(name: str) -> None:
    """I21: what once reached new code is tried at each landing, not only what is good or met by chance."""
    assert corpus(name), f"python -m tests.fuzz {name} --runs 20000 --keep"


def test_the_corpus_is_small() -> None:
    """A corpus that a person can clone: what reaches new code, as small as it goes."""
    files = [path for path in CORPUS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= BIGGEST_CORPUS_BYTES
    assert {path.parent.name for path in files} <= set(names())


def test_the_same_seed_gives_the_same_inputs() -> None:
    """I22: what a seed found is found again."""

    def inputs(seed: int) -> list[bytes]:
        seen: list[bytes] = []
        target = load("quantities")
        plain_target = Target(seen.append, target.seeds, target.mutate)
        plain.run_target("quantities", plain_target, 50, seed, seconds=10.0)
        return seen

    assert inputs(3) == inputs(3) != inputs(4)


def _breaks_at_x(data: bytes) -> None:
    if b"X" in data:
        raise KeyError("x")


def test_what_a_parser_lets_through_is_found() -> None:
    """I21: an exception that is not the documented one ends the run with the input that caused it."""
    broken = Target(_breaks_at_x, lambda: [b"VVVV"], mutate_bytes)
    result = plain.run_target("quantities", broken, 5000, 1, seconds=10.0)
    assert result.error == "KeyError: 'x'"
    assert b"X" in result.found


def test_an_input_that_takes_too_long_is_found() -> None:
    """I21: bounded time is part of the promise, in ms of CPU, so that a busy machine is no finding."""

    def burn(data: bytes) -> None:
        sum(range(6_000_000))

    with pytest.raises(TooSlow):
        Stopwatch(burn, limit_ms=5.0).run(b"")


@pytest.mark.parametrize(("unwatched_ms", "found"), [(100.0, "TooSlow"), (1.0, "")])
def test_what_is_slow_under_guidance_is_held_to_the_limit_without(
    unwatched_ms: float, found: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I21: 50 ms hold for guided inputs too; the slowest one is tried again as it runs for customers."""

    def burn(data: bytes) -> None:
        until = time.thread_time() + unwatched_ms / 1000
        while data == b"slow\none" and time.thread_time() < until:
            pass

    def child(command: list[str], log: Path) -> tuple[int, float]:
        log.write_text("stat::number_of_executed_units: 7\n", encoding="utf-8")
        watch.note(tmp_path / "quantities" / "slowest")
        return 0, 1.0

    watch = Stopwatch(lambda _: None)
    watch.slowest_ms, watch.slowest = 120.5, b"slow\none"

    monkeypatch.setattr(command, "FOUND", tmp_path)
    monkeypatch.setattr(command, "load", lambda _: Target(burn, lambda: [b"x"], mutate_bytes))
    monkeypatch.setattr(command, "_child", child)
    result = command._guided("quantities", 7, 1, 1.0)
    assert result.error.partition(":")[0] == found
    assert result.found == (b"slow\none" if found else b"")
    assert found or result.slowest_ms < LIMIT_MS


def test_a_finding_is_kept_and_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was found can be tried again by one command, and says when it is repaired."""
    repaired = tmp_path / "once-found"
    repaired.write_bytes(corpus("profile_file")["bug-a-trillion-channels"])
    assert command.main(["profile_file", "--replay", str(repaired)]) == 0
    assert "accepted, or refused" in capsys.readouterr().out


def test_the_command_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each target, and exit code 0 when nothing was found."""
    assert command.main(["quantities", "--runs", "50", "--plain"]) == 0
    assert "quantities: " in capsys.readouterr().out
    assert FOUND.name == "fuzz"


def test_guidance_works_where_there_is_atheris(capsys: pytest.CaptureFixture[str]) -> None:
    """The engine of this platform starts, runs as much as asked, and reports; without atheris it is the plain one."""
    assert command.main(["quantities", "--runs", str(GUIDED_RUNS)]) == 0
    assert f"inputs, {'guided' if command.HAVE_ATHERIS else 'plain'}" in capsys.readouterr().out
