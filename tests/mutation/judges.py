"""Two ways to hold a mutant against the tests: in a copy of a warm process, or in one that imports it anew.

Warm: everything is imported and collected once; each child swaps the code of one function and runs the tests that
reach the changed line until one fails. Anew: what acts at import (constants, tables, types), and what does not fit
into the live function. A test module that calls the changed function while it is imported does not see it change; that
can only make a mutant survive.
"""

from __future__ import annotations

import gc
import importlib.abc
import importlib.machinery
import os
import resource
import sys
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import pytest

from tests.mutation import tree
from tests.mutation.forks import Job, run_all
from tests.mutation.mutants import Mutant, mutated
from tests.mutation.reach import ARGUMENTS, Reach

SURVIVED = ""
HUNG = "(limit)"
IMPORT = "(import)"
UNFIT = "(does not fit into the live function)"
Tell = Callable[[Mutant, str], None]
_START_CPU_S = 15
LATELY_MAX = 20
TEST_CPU_S = 5


class _Failure:
    """A pytest plugin that keeps the first test that failed, and ends a process in which one takes far too long."""

    def __init__(self, seconds: Mapping[str, float]) -> None:
        self.test = SURVIVED
        self._seconds = seconds

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        used_s = time.process_time()
        most_s = int(used_s + TEST_CPU_S + 20 * self._seconds[nodeid])
        _, hard_s = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (min(most_s, hard_s), hard_s))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.test:
            self.test = report.nodeid


class Killers:
    """The tests that noticed a change of this function, or of this module, lately: they come first.

    What one test notices in a place it often notices there again; the order changes nothing but the time it takes.
    """

    def __init__(self) -> None:
        self._lately: dict[object, dict[str, None]] = {}

    def noticed(self, mutant: Mutant, test: str) -> None:
        """Remember it, the newest last."""
        for place in ((mutant.module, mutant.scope), mutant.module):
            lately = self._lately.setdefault(place, {})
            lately.pop(test, None)
            lately[test] = None

    def of(self, mutant: Mutant, tests: Sequence[str]) -> list[str]:
        """Those among these tests, the likeliest first."""
        there = set(tests)
        lately: dict[str, None] = {}
        for place in ((mutant.module, mutant.scope), mutant.module):
            lately |= dict.fromkeys(
                [test for test in reversed(self._lately.get(place, {})) if test in there][:LATELY_MAX]
            )
        return list(lately)


class Warm(_Failure):
    """A pytest plugin that runs no test itself: each mutant is tried in a fork of the collected session."""

    def __init__(self, mutants: Sequence[Mutant], reach: Reach, at_once: int, tell: Tell) -> None:
        super().__init__(reach.seconds)
        self._mutants = {mutant.name: mutant for mutant in mutants}
        self._reach = reach
        self._at_once = at_once
        self._tell = tell
        self._items: dict[str, pytest.Item] = {}
        self._functions: dict[tuple[str, str, int], list[types.FunctionType]] = {}
        self._caches: list[Any] = []
        self._killers = Killers()
        self.worked = False

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._items = {item.nodeid: item for item in session.items}
        self._functions = _live_functions()
        self._caches = [thing for thing in gc.get_objects() if type(thing).__name__ == "_lru_cache_wrapper"]
        gc.freeze()  # children share these pages instead of copying them
        for name, said in run_all(self._jobs(), self._at_once):
            if said in self._items:
                self._killers.noticed(self._mutants[name], said)
            self._tell(self._mutants[name], HUNG if said is None else said)
        self.worked = True
        return True

    def _jobs(self) -> Iterator[Job]:
        for mutant in self._mutants.values():
            tests = self._reach.tests_of(mutant)
            seconds = sum(self._reach.seconds[test] for test in tests)
            tests = list(dict.fromkeys([*self._killers.of(mutant, tests), *tests]))
            yield Job(mutant.name, partial(self._tried, mutant, tests), 5 + int(4 * seconds), 60 + 20 * seconds)

    def _tried(self, mutant: Mutant, tests: list[str]) -> str:
        for cache in self._caches:
            cache.cache_clear()  # what was answered at import may be answered otherwise now
        if not _swap(mutant, self._functions):
            return UNFIT
        items = [self._items[test] for test in tests]
        for item, after in pairwise([*items, None]):
            assert item is not None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            if self.test:
                break
        return self.test


class Anew(importlib.abc.MetaPathFinder):
    """Finds one module changed, every other as it is."""

    def __init__(self, mutant: Mutant) -> None:
        self._name = mutant.module.removesuffix("/__init__.py").removesuffix(".py").replace("/", ".")
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target) if fullname == self._name else None
        if spec is not None and spec.origin is not None:
            spec.loader = _Loader(fullname, spec.origin, self._mutant)
        return spec


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, fullname: str, path: str, mutant: Mutant) -> None:
        super().__init__(fullname, path)
        self._mutant = mutant

    def get_code(self, fullname: str) -> types.CodeType:
        code: types.CodeType = compile(mutated(self._mutant.module, self._mutant.number), self.path, "exec")
        return code


class _Only(_Failure):
    """A pytest plugin that keeps these tests, in this order."""

    def __init__(self, tests: Sequence[str], seconds: Mapping[str, float]) -> None:
        super().__init__(seconds)
        self._order = {test: place for place, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = sorted(
            (item for item in items if item.nodeid in self._order), key=lambda item: self._order[item.nodeid]
        )


def judge_warm(mutants: Sequence[Mutant], reach: Reach, at_once: int, tell: Tell) -> None:
    """Try mutants inside functions. Imports the code: call it in a child of the process that stays bare."""
    warm = Warm(mutants, reach, at_once, tell)
    pytest.main([*ARGUMENTS, *tree.tests()], plugins=[warm])
    if not warm.worked:
        raise RuntimeError("the warm session broke")


def judge_anew(mutants: Sequence[Mutant], reach: Reach, at_once: int, tell: Tell) -> None:
    """Try mutants in children that import everything themselves; this process must not have imported the code."""
    named = {mutant.name: mutant for mutant in mutants}
    killers = Killers()

    def jobs() -> Iterator[Job]:
        for mutant in mutants:
            tests = reach.tests_of(mutant)
            seconds = sum(reach.seconds[test] for test in tests)
            limit_s = _START_CPU_S + 4 * seconds
            likely = killers.of(mutant, tests)[:1]  # a few files are imported faster than all
            work = partial(_tried_anew, mutant, tests, likely, reach.seconds)
            yield Job(mutant.name, work, int(limit_s), 60 + 5 * limit_s)

    for name, said in run_all(jobs(), at_once):
        if said and "::" in said:
            killers.noticed(named[name], said)
        tell(named[name], HUNG if said is None else said)


def _tried_anew(mutant: Mutant, tests: list[str], likely: list[str], seconds: Mapping[str, float]) -> str:
    sys.meta_path.insert(0, Anew(mutant))
    (tree.CACHE / "tmp").mkdir(parents=True, exist_ok=True)
    folder = f"--basetemp={tree.CACHE / 'tmp' / str(os.getpid())}"
    stem = mutant.module.rsplit("/", 1)[-1].removesuffix(".py")
    near = [test for test in tests if stem in test.split("::")[0].rsplit("/", 1)[-1]]
    for chosen in (likely, near, [test for test in tests if test not in set(near)]):
        if not chosen:
            continue
        only = _Only(chosen, seconds)
        files = sorted({test.split("::")[0] for test in chosen})
        code = pytest.main([*ARGUMENTS, "-x", folder, *files], plugins=[only])
        if only.test:
            return only.test
        if code not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
            return IMPORT
    return SURVIVED


def _live_functions() -> dict[tuple[str, str, int], list[types.FunctionType]]:
    """Every function of the changed code that exists now, by file, qualified name and first line."""
    files = {str(tree.ROOT / module) for module in tree.modules()}
    found: dict[tuple[str, str, int], list[types.FunctionType]] = {}
    for thing in gc.get_objects():
        if isinstance(thing, types.FunctionType) and thing.__code__.co_filename in files:
            code = thing.__code__
            found.setdefault((code.co_filename, code.co_qualname, code.co_firstlineno), []).append(thing)
    return found


def _swap(mutant: Mutant, functions: dict[tuple[str, str, int], list[types.FunctionType]]) -> bool:
    """Put the changed code into the live function; False when a variable from outside (`super`) came or went."""
    assert mutant.function is not None
    path = str(tree.ROOT / mutant.module)
    module = compile(mutated(mutant.module, mutant.number), path, "exec")
    code = _code_of(module, mutant.function)
    for function in functions[path, *mutant.function]:
        if len(code.co_freevars) != len(function.__code__.co_freevars):
            return False
        function.__code__ = code
    return True


def _code_of(outer: types.CodeType, function: tuple[str, int]) -> types.CodeType:
    for inner in outer.co_consts:
        if isinstance(inner, types.CodeType):
            if (inner.co_qualname, inner.co_firstlineno) == function:
                return inner
            if function[0].startswith(f"{inner.co_qualname}."):
                return _code_of(inner, function)
    raise LookupError(f"{function} is not in {outer.co_qualname}")
