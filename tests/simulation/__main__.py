"""`make simulate SEED=n RUNS=k DAYS=d`: many runs on all cores; a failing one is made small and can be replayed.

python -m tests.simulation --seed 1 --runs 100 --days 7
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence

from tests import asked
from tests.figures import record
from tests.simulation.incidents import KINDS, load
from tests.simulation.invariants import names
from tests.simulation.many import Job, results, workers
from tests.simulation.minimise import command, from_scratch, invariant_of, minimised
from tests.simulation.run import Result, play
from tests.simulation.world import setting_of

FAILURES_SHOWN = 3
TRACE_SHOWN = 40
INCIDENTS_SHOWN = 60
"""Before the promise broke: a year has three thousand."""


def main() -> int:
    """0 when no promise broke and every repeated run was the same."""
    options = _options()
    if options.only is not None or options.until is not None:
        return _replay(options)
    began = time.monotonic()
    seeds = range(options.seed, options.seed + options.runs)
    jobs = [Job(seed, options.days, options.poll, options.kinds, options.often) for seed in seeds]
    repeated = [] if options.first else _share(jobs, options.repeat)
    print(f"{len(jobs)} runs of {options.days:g} days from seed {options.seed}", flush=True)
    with workers(options.jobs) as pool:
        first = _collected(results(pool, jobs), len(jobs), stop=options.first)
        again = {result.seed: result for result in results(pool, repeated)}
    failed = sorted((result for result in first.values() if result.violations), key=lambda result: result.seed)
    unlike = [result for seed, result in again.items() if result.trace_hash != first[seed].trace_hash]
    seconds = time.monotonic() - began
    played = Counter(one.kind for result in first.values() for one in result.incidents)
    figures = {
        "runs": len(first),
        "days": options.days,
        "years": round(sum(setting_of(seed, options.days, poll_s=options.poll).days for seed in first) / 365, 1),
        "incidents": sum(played.values()),
        "kinds of incident": len(played),
        "invariants": len(names()),
        "lives of the daemon": sum(result.lives for result in first.values()),
        "journal rows": sum(result.rows for result in first.values()),
        "repeated with the same trace": f"{len(again) - len(unlike)} of {len(again)}",
        "violations": len(failed),
        "seconds": round(seconds),
    }
    print(", ".join(f"{name} {value}" for name, value in figures.items()))
    if not failed and not unlike:
        record(options.name, figures)
    for result in unlike:
        print(f"I22: seed {result.seed} gave another trace the second time")
        print(f"play it twice again: {from_scratch(result)} --repeat 100")
    for result in failed[:FAILURES_SHOWN]:
        _explain(result, small=not options.quick)
    if more := failed[FAILURES_SHOWN:]:
        print("also:", ", ".join(f"{result.seed} ({invariant_of(result)})" for result in more))
        print(f"make one of them small: {from_scratch(more[0])}")
    return 1 if failed or unlike else 0


def _share(jobs: Sequence[Job], percent: float) -> Sequence[Job]:
    """So many per cent of the jobs, spread evenly; one at least unless it is 0."""
    if not percent:
        return []
    return jobs[:: max(1, len(jobs) // max(1, round(len(jobs) * percent / 100)))]


def _collected(coming: Iterable[Result], count: int, *, stop: bool) -> dict[int, Result]:
    """By seed, with a sign of life now and then; `stop`: the first that fails is enough."""
    found: dict[int, Result] = {}
    told_s = time.monotonic()
    for result in coming:
        found[result.seed] = result
        if result.violations:
            print(f"seed {result.seed}: {result.violations[0][:300]}", flush=True)
            if stop:
                break
        if time.monotonic() - told_s > 60:
            told_s = time.monotonic()
            print(f"{len(found)} of {count}", flush=True)
    return found


def _explain(result: Result, *, small: bool) -> None:
    print(f"\nseed {result.seed} broke {len(result.violations)} promises; first:\n  {result.violations[0]}")
    if small:
        result = minimised(result, tell=lambda text: print(f"  {text}", flush=True))
    before = [one for one in result.incidents if one.at_s <= result.broken_at_days * 86_400]
    for one in before[-INCIDENTS_SHOWN:]:
        print(f"  day {one.at_s / 86_400:.4f} {one.name}")
    print(f"play it again: {command(result)}")
    if not small:
        print(f"make it small: {from_scratch(result)}")


def _replay(options: argparse.Namespace) -> int:
    result = play(
        options.seed,
        options.days,
        until_days=options.until,
        only=options.only,
        poll_s=options.poll,
        kinds=options.kinds,
        often=options.often,
    )
    print("\n".join(result.trace[-TRACE_SHOWN if options.trace is None else -options.trace :]))
    for one in result.incidents:
        print(f"day {one.at_s / 86_400:.4f} {one.name}")
    print("\n".join(result.violations) or "no promise broke")
    print(f"trace {result.trace_hash}")
    missing = sorted((options.only or frozenset()) - {one.name for one in result.incidents})
    if missing:
        print(f"not in this run: {', '.join(missing)}; compare seed, days, poll and kinds with the run that failed")
    return 1 if result.violations or missing else 0


def _kinds(text: str) -> tuple[str, ...]:
    load()
    known = asked.one_of(KINDS, "kind of incident")
    return tuple(known(name) for name in text.split(","))


def _incidents(text: str) -> frozenset[str]:
    """Names as a run prints them, or none."""
    names = frozenset() if text == "none" else frozenset(text.split(","))
    for name in sorted(names):
        kind, _, number = name.partition(":")
        _kinds(kind)
        if not number.isdecimal():
            raise argparse.ArgumentTypeError(f"{name!r} wants its number, as the run printed it: power_cut:2")
    return names


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--runs", type=asked.at_least_one, default=1, help="how many seeds")
    parser.add_argument("--days", type=asked.amount, default=7.0, help="length of a run")
    parser.add_argument("--poll", type=asked.at_least_one, help="poll period in s for all runs; else as the seed says")
    parser.add_argument("--kinds", type=_kinds, default=(), help="only these kinds of incident: bad_command,silence")
    parser.add_argument("--often", type=asked.amount, default=1.0, help="so many times as many incidents as usual")
    parser.add_argument("--repeat", type=asked.percent, default=1.0, help="per cent of the runs that are played twice")
    parser.add_argument("--jobs", type=asked.at_least_one, default=os.cpu_count(), help="processes")
    parser.add_argument("--quick", action="store_true", help="do not make failing runs small")
    parser.add_argument("--first", action="store_true", help="stop at the first run that fails")
    parser.add_argument("--name", default="simulation", help="under which name the figures are kept")
    parser.add_argument(
        "--only", type=_incidents, help="replay with these incidents only: power_cut:2,silence:1 or none"
    )
    parser.add_argument("--until", type=asked.amount, help="replay until this day only")
    parser.add_argument("--trace", type=asked.at_least_one, help="how many lines of the trace a replay shows")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
