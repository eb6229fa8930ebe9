"""What is typed after the name of a proof: nothing that proves nothing may end as "held"."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from tests.asked import PYTHON, ROOT

REFUSED = (
    ("simulation", "--runs 0", "--runs: 0 would prove nothing; give 1 or more"),
    ("simulation", "--runs -3", "--runs: -3 would prove nothing"),
    ("simulation", "--runs x", "--runs: 'x' is no whole number"),
    ("simulation", "--days 0", "--days: 0 would prove nothing"),
    ("simulation", "--days -1", "--days: -1 would prove nothing"),
    ("simulation", "--days nan", "--days: nan would prove nothing"),
    ("simulation", "--days inf", "--days: inf would prove nothing, or never end"),
    ("simulation", "--days week", "--days: 'week' is no number"),
    ("simulation", "--poll 0", "--poll: 0 "),
    ("simulation", "--often 0", "--often: 0 "),
    ("simulation", "--until 0", "--until: 0 "),
    ("simulation", "--jobs 0", "--jobs: 0 "),
    ("simulation", "--repeat 101", "--repeat: 101 is no share; give 0 to 100"),
    ("simulation", "--kinds power_cut,silnce", "there is no kind of incident 'silnce'; did you mean silence"),
    ("simulation", "--only power_cutt:1", "there is no kind of incident 'power_cutt'; did you mean power_cut"),
    ("simulation", "--only power_cut", "'power_cut' wants its number, as the run printed it: power_cut:2"),
    ("teeth", "acked-before-comit", "there is no planted bug 'acked-before-comit'"),
    ("teeth", "--jobs 0", "--jobs: 0 "),
    ("proof", "simulatoin", "there is no proof 'simulatoin'; did you mean simulation"),
    ("proof", "--quick faults decade", "faults takes no part in a landing; leave out --quick"),
    ("fuzz", "quantites", "there is no target 'quantites'; did you mean quantities"),
    ("fuzz", "--runs 0", "--runs: 0 "),
    ("fuzz", "--seconds 0", "--seconds: 0 "),
    ("fuzz", "quantities --replay nowhere", "--replay: nowhere is not there; give the path of a file"),
    ("fuzz", "quantities --replay tests", "--replay: tests is no file"),
    ("fuzz", "--replay README.md", "--replay: name the one target that is to take the file"),
    ("fuzz.console", "--lines 0", "--lines: 0 "),
    ("fuzz.signatures", "--commands 0", "--commands: 0 "),
    ("fuzz.signatures", "--tokens 0", "--tokens: 0 "),
    ("time", "--runs 0", "--runs: 0 "),
    ("time", "--days 0", "--days: 0 "),
    ("rollback", "--runs 0", "--runs: 0 "),
    ("storage", "images --images 0", "--images: 0 "),
    ("storage", "rot --flips 0", "--flips: 0 "),
    ("storage", "faults --jobs 0", "--jobs: 0 "),
    ("kill", "--kills 0", "--kills: 0 "),
    ("decade", "--days -4", "--days: -4 "),
    ("endurance", "polls --size 0", "--size: 0 "),
    ("mutation", "run nosuchmodule", "or the clock has 'nosuchmodule' in its path"),
    ("mutation", "run --sample 0", "--sample: 0 "),
    ("mutation", "run --jobs 0", "--jobs: 0 "),
)


@pytest.fixture
def main(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], object]:
    """Run a proof in this process, as `python -m tests.NAME WORDS` does."""

    def run(name: str, words: str) -> object:
        monkeypatch.chdir(ROOT)
        monkeypatch.setattr(sys, "argv", ["proof", *words.split()])
        found = import_module(f"tests.{name}")
        module = import_module(f"tests.{name}.__main__") if hasattr(found, "__path__") else found
        return module.main(words.split()) if name == "endurance" else module.main()

    return run


@pytest.mark.parametrize(("name", "words", "said"), REFUSED, ids=[f"{name} {words}" for name, words, _ in REFUSED])
def test_a_proof_of_nothing_is_refused(
    name: str, words: str, said: str, main: Callable[[str, str], object], capsys: pytest.CaptureFixture[str]
) -> None:
    """A size of nothing or an unknown name ended with "violations 0", "caught 0 of 0" or "every proof held"."""
    with pytest.raises(SystemExit) as ended:
        main(name, words)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_a_replay_without_its_incidents_is_no_replay(
    main: Callable[[str, str], object], capsys: pytest.CaptureFixture[str]
) -> None:
    """An incident that this seed does not have, or no longer, is named, and the run did not hold."""
    assert main("simulation", "--seed 1 --days 0.01 --poll 300 --only power_cut:77") == 1
    assert "not in this run: power_cut:77" in capsys.readouterr().out


def test_what_is_printed_to_be_run_again_can_be_run() -> None:
    """Debian has no `python`: the one that `make` set up is named as it is called from the root of the tree."""
    assert (ROOT / PYTHON).is_file() == Path(sys.executable).is_relative_to(ROOT)
