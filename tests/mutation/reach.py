"""Which lines of the changed code each test reaches, and how long it takes; kept by test file in .cache/mutation."""

from __future__ import annotations

import json
import re
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from pathlib import Path

import coverage
import pytest

from tests.mutation import tree
from tests.mutation.forks import Job, run_all
from tests.mutation.mutants import CONTROL, Mutant

ARGUMENTS = ["-q", "-p", "no:cacheprovider", "-p", "no:faulthandler", "-o", "timeout=0", "-W", "ignore"]
_MAP_LIMIT_S = 600
SLOW_S = 0.3
"""A test of more CPU time is not asked, if others reach the change: one in 25 tests would take three quarters of it."""


@dataclass(slots=True)
class Reach:
    """Lines by test, and seconds by test."""

    lines: dict[str, dict[str, set[int]]] = field(default_factory=lambda: defaultdict(dict))
    seconds: dict[str, float] = field(default_factory=dict)
    unmet: Callable[[Mutant], Collection[str] | None] = lambda _: None
    """The files of the tests that a survivor of an earlier run has to meet; None: all."""

    def tests_of(self, mutant: Mutant) -> list[str]:
        """The tests that may notice, the fastest first. A control mutant, which changes nothing, gets them all."""
        if mutant.number == CONTROL:
            return self._fastest_first(self.seconds)
        files = self.unmet(mutant)
        reaching = self._reaching(mutant) or self.tests_entering(mutant.module)
        return [test for test in reaching if files is None or test.split("::", maxsplit=1)[0] in files]

    def _reaching(self, mutant: Mutant) -> list[str]:
        if mutant.function is None:
            return []
        wanted = range(mutant.first_line, mutant.last_line + 1)
        return self._fastest_first(
            test for test, lines in self.lines[mutant.module].items() if not lines.isdisjoint(wanted)
        )

    def tests_entering(self, module: str) -> list[str]:
        """The tests that run anything of this module, and those that look at its tables and words without running it.

        All of them where there is nothing to run, only words.
        """
        if not self.lines[module]:
            return self._fastest_first(self.seconds)
        looking = {test for test in self.seconds if _all(test) or _names(test.split("::", maxsplit=1)[0], module)}
        return self._fastest_first(looking | set(self.lines[module]))

    def _fastest_first(self, tests: Iterable[str]) -> list[str]:
        found = sorted(tests, key=lambda test: (self.seconds[test], test))
        return [test for test in found if self.seconds[test] <= SLOW_S or _all(test)] or found


class _Mapper:
    """A pytest plugin that runs each test with its own coverage context."""

    def __init__(self) -> None:
        self.failed: list[str] = []
        self.told: dict[str, object] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        measured = coverage.Coverage(
            data_file=None, config_file=False, include=[str(tree.ROOT / m) for m in tree.modules()]
        )
        seconds = {}
        if session.testsfailed:
            raise session.Interrupted("a test file cannot be collected")
        measured.start()
        for item, after in pairwise([*session.items, None]):
            assert item is not None
            measured.switch_context(item.nodeid)
            began_s = time.process_time()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            seconds[item.nodeid] = round(time.process_time() - began_s, 4)
        measured.stop()
        data = measured.get_data()
        lines: dict[str, dict[str, list[int]]] = {}
        for module in tree.modules():
            by_test = defaultdict(list)
            for line, contexts in data.contexts_by_lineno(str(tree.ROOT / module)).items():
                for context in contexts:
                    by_test[context].append(line)
            lines[module] = by_test
        self.told = {"lines": lines, "seconds": seconds}
        return True


def reach(at_once: int) -> Reach:
    """What every test reaches; tests that changed since the last time are run once in a child."""
    around = tree.surroundings()
    folder = tree.CACHE / "reach"
    kept = {test: folder / f"{test.replace('/', '.')}.{tree.digest(test)}.{around}" for test in tree.tests()}
    missing = [test for test, path in kept.items() if not path.exists()]
    jobs = (Job(test, _bound(test, kept[test]), _MAP_LIMIT_S, _MAP_LIMIT_S) for test in missing)
    for test, told in run_all(jobs, at_once):
        if told != "mapped":
            raise SystemExit(f"{test} must pass before it can find a mutant: {told}")
    found = Reach()
    for path in kept.values():
        told = json.loads(path.read_text(encoding="utf-8"))
        found.seconds.update(told["seconds"])
        for module, by_test in told["lines"].items():
            for test, lines in by_test.items():
                found.lines[module][test] = set(lines)
    return found


@cache
def _all(test: str) -> bool:
    """It looks at all modules."""
    return test.split("::", maxsplit=1)[0] in tree.LOOK_AT_ALL


def _names(test: str, module: str) -> bool:
    """The file of tests imports this module."""
    parent, _, stem = module.removesuffix("/__init__.py").removesuffix(".py").replace("/", ".").rpartition(".")
    text = (tree.ROOT / test).read_text(encoding="utf-8")
    return re.search(rf"\b{re.escape(parent)}(\.{stem}\b| import [^\n]*\b{stem}\b)", text) is not None


def _bound(test: str, path: Path) -> Callable[[], str]:
    return lambda: _mapped(test, path)


def _mapped(test: str, path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    mapper = _Mapper()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code = pytest.main([*ARGUMENTS, test], plugins=[mapper])
    if code != 0 or mapper.failed:
        return f"exit {code}, failed {mapper.failed[:3]}"
    for old in path.parent.glob(f"{test.replace('/', '.')}.*"):
        old.unlink()
    path.write_text(json.dumps(mapper.told), encoding="utf-8")
    return "mapped"
