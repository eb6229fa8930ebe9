"""`make teeth`: plant each bug, run the proof that must catch it, and say how many were caught.

python -m tests.teeth [NAME ...] [--control] [--jobs N]
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests import asked
from tests.figures import record
from tests.teeth.bugs import CAUGHT, Bug, Found, bugs, prove, stale


def main() -> int:
    """0 when every planted bug was caught (and, with --control, no proof complains about the healthy tree)."""
    options = _options()
    chosen = [bug for bug in bugs() if not options.names or bug.name in options.names]
    old = [f"{bug.name}: {why}" for bug in chosen if (why := stale(bug))]
    if old:
        print("stale bugs, renew their `old`:", *old, sep="\n  ")
        return 1
    missed = _missed(chosen, without=False, jobs=options.jobs)
    print(f"caught {len(chosen) - len(missed)} of {len(chosen)} planted bugs")
    alarms: list[str] = []
    if options.control:
        unique = list({bug.proof: bug for bug in chosen}.values())
        alarms = _missed(unique, without=True, jobs=options.jobs)
        print(f"{len(alarms)} of {len(unique)} proofs complain about the healthy tree")
    if not options.names and not missed and not alarms:
        record("teeth", {"planted": len(chosen), "caught": len(chosen) - len(missed)})
    return 1 if missed or alarms else 0


def _missed(chosen: Sequence[Bug], *, without: bool, jobs: int) -> list[str]:
    expected = 0 if without else CAUGHT
    failed = []
    with ThreadPoolExecutor(jobs) as pool:
        for bug, found in zip(chosen, pool.map(partial(prove, without=without), chosen), strict=True):
            right = found.code == expected
            print(_line(bug, found, without=without, right=right), flush=True)
            if not right:
                failed.append(bug.name)
    return failed


def _line(bug: Bug, found: Found, *, without: bool, right: bool) -> str:
    if right:
        return f"{'quiet ' if without else 'caught'} {found.seconds:5.1f} s  {bug.name}"
    told = found.told.replace("\n", "\n    ")
    word = "ALARM" if without else "MISSED"
    return f"{word} (exit {found.code}) {bug.name}: {bug.breaks}\n    {bug.proof}\n    {told}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.teeth", description=__doc__)
    known = asked.one_of([bug.name for bug in bugs()], "planted bug")
    parser.add_argument("names", nargs="*", metavar="NAME", type=known, help="only these bugs")
    parser.add_argument("--control", action="store_true", help="run the proofs on the healthy tree too")
    parser.add_argument("--jobs", type=asked.at_least_one, default=os.cpu_count(), help="how many at once")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
