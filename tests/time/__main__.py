"""`python -m tests.time --seed N --runs K --days D`: K households, each with the truth and three sets of lies."""

from __future__ import annotations

import argparse
import sys
import time

from tests.asked import PYTHON, at_least_one
from tests.figures import record

from .proof import LIES_PER_LIFE, Sum, run


def main() -> int:
    """0 when no seed broke a promise; the first that did is printed with the command that lives it again."""
    parser = argparse.ArgumentParser(prog="python -m tests.time", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=at_least_one, default=20)
    parser.add_argument("--days", type=at_least_one, default=5)
    asked = parser.parse_args()
    began_s = time.monotonic()
    total = Sum()
    for seed in range(asked.seed, asked.seed + asked.runs):
        broken = run(seed, days=asked.days, total=total)
        if broken:
            sys.stdout.write("\n".join(broken[:20]) + "\n")
            sys.stdout.write(f"again: {PYTHON} -m tests.time --seed {seed} --runs 1 --days {asked.days}\n")
            return 1
    seconds = time.monotonic() - began_s
    years = total.minutes / (60 * 24 * 365)
    record(
        "time",
        {
            "seeds": asked.runs,
            "lives (one truthful and the lied ones for each seed)": total.lives,
            "sets of lies for each seed": LIES_PER_LIFE,
            "gateway-years": round(years, 2),
            "lies told": total.lies,
            "answers doubted": total.doubts,
            "escalations checked by hand": total.escalations,
            "lives compared minute by minute with the truth": total.compared,
            "terms shortened": len(total.broken),
            "seconds": round(seconds, 1),
        },
    )
    sys.stdout.write(
        f"time: {total.lives} lives, {years:.1f} years, {total.lies} lies, {total.escalations} escalations, "
        f"none too early, in {seconds:.0f} s\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
