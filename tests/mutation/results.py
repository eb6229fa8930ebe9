"""What became of each mutant, kept between runs, and the survivors that are known, each with its reason."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.mutation import tree
from tests.mutation.judges import SURVIVED
from tests.mutation.mutants import Mutant

_FILE = tree.CACHE / "results.jsonl"
SURVIVORS = Path(__file__).parent / "survivors"


@dataclass(frozen=True, slots=True)
class Known:
    """A survivor that is understood: why no test can, or need, notice the change. `entry` is as in the file."""

    module: str
    entry: str
    reason: str


def survivors() -> dict[str, Known]:
    """The listed survivors by the name of their mutant: a file for each module, by reason."""
    found = {}
    for path in sorted(SURVIVORS.glob("*.toml")):
        module = path.stem.replace(".", "/") + ".py"
        for group in tomllib.loads(path.read_text(encoding="utf-8"))["survivor"]:
            for entry in group["mutants"]:
                found[entry.split(" ", maxsplit=1)[0]] = Known(module, entry, group["reason"])
    return found


class Results:
    """A result counts as long as what led to it stands.

    A kill needs the module and the file of the test that killed; a survival needs all code as it was, and when tests
    were added or changed it has to meet those.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, str]] = {}
        self.load()

    def load(self) -> None:
        """Read what this process and its children wrote down."""
        for line in _FILE.read_text(encoding="utf-8").splitlines() if _FILE.exists() else ():
            name, by, digest = json.loads(line)
            self._kept[name] = by, digest

    def of(self, mutant: Mutant) -> str | None:
        """The test that killed it, empty when it survived, None when that is not known (any more)."""
        by, digest = self._kept.get(mutant.name, (None, ""))
        return None if by is None or digest != _digest(mutant, by) else by

    def unmet(self, mutant: Mutant) -> set[str] | None:
        """The files of tests that a survivor has not met as they are now; None: it has to meet all."""
        by, digest = self._kept.get(mutant.name, (None, ""))
        known = _met(digest.removeprefix(tree.surroundings()))
        if by != SURVIVED or not digest.startswith(tree.surroundings()) or not known.exists():
            return None
        met = json.loads(known.read_text(encoding="utf-8"))
        return {name for name in tree.tests() if tree.digest(name) != met.get(name)}

    def put(self, mutant: Mutant, by: str) -> None:
        """Write it down now: an interrupted run goes on where it was."""
        if by == SURVIVED:
            remember_tests()
        line = json.dumps([mutant.name, by, _digest(mutant, by)])
        tree.CACHE.mkdir(parents=True, exist_ok=True)
        with _FILE.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
        self._kept[mutant.name] = by, _digest(mutant, by)


def remember_tests() -> None:
    """Which tests there are now, each with its digest: a survivor has met these."""
    path = _met(tree.digest(*tree.tests()))
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({name: tree.digest(name) for name in tree.tests()}), encoding="utf-8")


def _met(digest: str) -> Path:
    return tree.CACHE / f"tests.{digest}.json"


def forget() -> None:
    """Begin from nothing."""
    _FILE.unlink(missing_ok=True)


def _digest(mutant: Mutant, by: str) -> str:
    if by == SURVIVED:
        return tree.surroundings() + tree.digest(*tree.tests())
    return tree.digest(mutant.module, by.split("::", maxsplit=1)[0])


def entry(mutant: Mutant) -> str:
    """The mutant as a line for the list of survivors."""
    text = json.dumps(str(mutant), ensure_ascii=False).replace("\x7f", "\\u007f")
    return f"    {text},"


def score(mutants: Iterable[Mutant], results: Results) -> tuple[int, int]:
    """How many were judged, and how many of them were noticed."""
    judged = [by for by in (results.of(mutant) for mutant in mutants) if by is not None]
    return len(judged), sum(by != SURVIVED for by in judged)
