"""`python -m tests.mutation run|coverage`: see the package."""

from __future__ import annotations

import argparse
import importlib
import os
import random
import sys
import time
from collections import defaultdict
from itertools import groupby

from tests.asked import PYTHON, at_least_one
from tests.figures import record
from tests.mutation import tree
from tests.mutation.forks import Job, run_all
from tests.mutation.judges import SURVIVED, UNFIT, judge_anew, judge_warm
from tests.mutation.mutants import Mutant, control, mutants_of
from tests.mutation.reach import Reach, reach
from tests.mutation.results import Results, entry, forget, score, survivors

FLOOR_PERCENT = 90
# All that the tests import but nothing of the code that changes: what this process has, its children need not load.
_AHEAD = (
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "hypothesis.stateful",
    "jwt",
    "msgspec.json",
    "structlog",
)
_FOREVER_S = 10**6


def main() -> int:
    """Run what the command line asks for; 0 when every floor holds."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="change one thing at a time and expect a test to fail")
    run.add_argument("modules", nargs="*", help="only these files (or parts of their paths)")
    run.add_argument("--sample", type=at_least_one, help="only so many mutants, chosen by the seed")
    run.add_argument("--seed", default="", help="of the sample; without one it follows from the code")
    run.add_argument("--jobs", type=at_least_one, default=1, help="mutants tried at the same time")
    run.add_argument("--warm", action="store_true", help="only inside functions")
    run.add_argument("--fresh", action="store_true", help="forget the results of earlier runs")
    floors = commands.add_parser("coverage", help="lines and branches reached by the fast tests")
    floors.add_argument("--all", action="store_true", help="the whole gateway by the whole suite, too (minutes)")
    options = parser.parse_args()
    if options.command == "coverage":
        from tests.mutation.floors import coverage_floors

        return coverage_floors(everything=options.all)
    unknown = [part for part in options.modules if not any(part in name for name in tree.modules())]
    if unknown:
        run.error(f"no module of the rules, the commands or the clock has {unknown[0]!r} in its path")
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    began_s = time.monotonic()
    for name in _AHEAD:
        importlib.import_module(name)
    chosen = [name for name in tree.modules() if not options.modules or any(part in name for part in options.modules)]
    mutants = [mutant for name in chosen for mutant in mutants_of(name)]
    seed = options.seed or tree.digest(*tree.modules())
    if options.sample is not None and options.sample < len(mutants):
        mutants = random.Random(seed).sample(mutants, options.sample)
    if options.fresh:
        forget()
    results = Results()
    open_ones = [mutant for mutant in mutants if results.of(mutant) is None]
    if open_ones:
        nothing = control()  # in a process that imports anew, the measuring of what each test reaches is the control
        check = [nothing] if not options.warm and results.of(nothing) != SURVIVED else []
        reached = reach(options.jobs)
        reached.unmet = results.unmet
        _judge([*check, *open_ones], reached, results, options)
        if check and results.of(nothing) != SURVIVED:
            print(f"{results.of(nothing)} fails here although nothing was changed")
            return 1
    return _told(mutants, results, seed, options, time.monotonic() - began_s)


def _judge(mutants: list[Mutant], reached: Reach, results: Results, options: argparse.Namespace) -> None:
    """Inside functions in one warm child first; then anew what acts at import."""
    began_s = time.monotonic()
    heard = os.dup(2)  # a child is quiet, but tells how far it is
    done = 0

    def tell(mutant: Mutant, by: str) -> None:
        nonlocal done
        results.put(mutant, by)
        done += 1
        if done % 50 == 0:
            os.write(heard, f"{done} of {len(mutants)} in {time.monotonic() - began_s:.0f} s\n".encode())

    def warm() -> str:
        inside = [mutant for mutant in mutants if mutant.function is not None]
        judge_warm(inside, reached, options.jobs, lambda mutant, by: None if by == UNFIT else tell(mutant, by))
        return "done"

    if any(mutant.function is not None for mutant in mutants):
        told = [said for _, said in run_all(iter([Job("warm", warm, _FOREVER_S, _FOREVER_S)]), 1)]
        assert told == ["done"], told
        results.load()
    if options.warm:
        return
    judge_anew([mutant for mutant in mutants if results.of(mutant) is None], reached, options.jobs, tell)


def _told(mutants: list[Mutant], results: Results, seed: str, options: argparse.Namespace, took_s: float) -> int:
    known = survivors()
    alive = [mutant for mutant in mutants if results.of(mutant) == SURVIVED]
    unlisted = [mutant for mutant in alive if mutant.name not in known]
    judged, killed = score(mutants, results)
    figures: dict[str, str | int | float] = {
        "mutants": judged, "killed": killed, "survivors listed": len(alive) - len(unlisted),
        "survivors not listed": len(unlisted), "score in %": round(100 * killed / max(judged, 1), 1),
    }  # fmt: skip
    by_package = defaultdict(list)
    for mutant in mutants:
        by_package[tree.package(mutant.module)].append(mutant)
    low = []
    for name, ones in sorted(by_package.items()):
        tried, noticed = score(ones, results)
        percent = round(100 * noticed / max(tried, 1), 1)
        figures |= {f"{name}: mutants": tried, f"{name}: score in %": percent}
        if percent < FLOOR_PERCENT:
            low.append(f"{name} {percent} %")
    for module, group in groupby(unlisted, key=lambda mutant: mutant.module):
        print(module, *map(entry, group), sep="\n")
    if options.sample is None and not options.modules:
        record("mutation", figures)
    again = f"{PYTHON} -m tests.mutation run --sample {options.sample} --seed {seed}" if options.sample else "the same"
    print(f"{killed} of {judged} mutants noticed, {len(unlisted)} survivors not listed, {took_s:.0f} s, seed {seed}")
    if options.sample is not None:  # too few of each package for its own floor, and a share lists no survivors
        return 1 if 100 * killed < FLOOR_PERCENT * judged else 0
    if unlisted or low:
        print(f"below {FLOOR_PERCENT} %: {low or 'none'}. A test, or an entry in tests/mutation/survivors; {again}")
    return 1 if unlisted or low else 0


if __name__ == "__main__":
    sys.exit(main())
