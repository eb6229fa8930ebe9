"""`python -m tests.endurance {polls,offline,flood,connections} [--seed N] [--size K]`: exit 0 when nothing is wrong."""

from __future__ import annotations

import argparse
import sys

from gateway import log
from tests.asked import PYTHON, at_least_one
from tests.endurance import gauge


def main(arguments: list[str]) -> int:
    """Run one proof and print what is wrong with the command that shows it again."""
    parser = argparse.ArgumentParser(prog="python -m tests.endurance")
    parser.add_argument("proof", choices=("polls", "offline", "flood", "connections"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--size", type=at_least_one, default=0, help="polls, days, seconds or connections; without it the full proof"
    )
    parser.add_argument("--log", default="/dev/null", help="where the daemon's log goes")
    parser.add_argument("--plant", action="store_true", help="plant a defect that the proof must find")
    chosen = parser.parse_args(arguments)
    gauge.exact(arguments)
    with open(chosen.log, "w", encoding="utf-8") as stream:  # noqa: PTH123 - may be /dev/null
        log.configure(stream=stream)
        wrong = _prove(chosen.proof, chosen.seed, chosen.size, plant=chosen.plant)
    for line in wrong:
        print(f"WRONG: {line}")
    print(f"endurance {chosen.proof}: {'failed' if wrong else 'ok'}")
    if wrong:
        print(f"again: {PYTHON} -m tests.endurance {' '.join(arguments)}")
    return 1 if wrong else 0


def _prove(proof: str, seed: int, size: int, *, plant: bool) -> list[str]:
    match proof:
        case "polls":
            from tests.endurance import polls

            return polls.prove(seed, size or 1_000_000, leak=plant)
        case "offline":
            from tests.endurance import offline

            return offline.prove(seed, size or 60)
        case "flood":
            from tests.endurance import flood

            return flood.prove(seed, size or 120, stall=plant)
        case _:
            from tests.endurance import connections

            return connections.prove(seed, size or 10_000, leak=plant)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
