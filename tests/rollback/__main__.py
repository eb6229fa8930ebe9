"""Old cards, lost cards and clones at any size: `python -m tests.rollback --seed N --runs K`.

Each run is one history of 40 steps over real stores, checked after each step. Exit code 0: no promise was broken.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from hypothesis import HealthCheck, Phase, Verbosity, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.asked import PYTHON, at_least_one
from tests.figures import record
from tests.rollback.test_machine import Cards

STEPS = 40


class Counted(Cards):
    """The same, and how often each thing was done."""

    done: ClassVar[Counter[str]] = Counter()

    def teardown(self) -> None:
        """Add up what this history did."""
        self.done.update(self.did)
        self.done["histories"] += 1
        super().teardown()


def main(argv: Sequence[str] | None = None) -> int:
    """Run; one line of result, and at failure the history that Hypothesis found and how to replay it."""
    options = argparse.ArgumentParser(prog="tests.rollback", description=__doc__)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--runs", type=at_least_one, default=200)
    chosen = options.parse_args(argv)
    began_s = time.monotonic()
    sized = settings(
        max_examples=chosen.runs,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate,),
    )
    try:
        run_state_machine_as_test(seed(chosen.seed)(Counted), settings=sized)
    except BaseException:
        print(f"failed; replay: {PYTHON} -m tests.rollback --seed {chosen.seed} --runs {chosen.runs}", file=sys.stderr)
        raise
    done, seconds = Counted.done, time.monotonic() - began_s
    figures: dict[str, str | int | float] = {"seed": chosen.seed, "histories": done.pop("histories")}
    figures |= {name: done[name] for name in sorted(done)} | {"seconds": round(seconds)}
    record("rollback", figures)
    print(", ".join(f"{name} {value}" for name, value in figures.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
