"""`python -m tests.fuzz.console --lines N --seed S`: so many random lines through editor, grammar and a whole daemon.

The target is `console_line`: no crash, no privilege gained, nothing that takes long, no memory that grows. What is
found is printed with the command that plays it again.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import sys
import time

import structlog

from tests import asked, figures
from tests.fuzz import plain
from tests.fuzz.measure import LIMIT_MS
from tests.fuzz.target import FOUND
from tests.fuzz.targets import console_line

NAME = "console_line"
CHUNK = 5_000
MEMORY_MAX_KB = 64 * 1024
"""Over a whole run, with what the simulated head-end keeps of the journal."""


def main() -> int:
    """0 when nothing was found."""
    options = _options()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    began_s, inputs, slowest_ms, grown_kb = time.process_time(), 0, 0.0, 0
    seed = options.seed * 1_000_000
    while console_line.count.lines < options.lines:
        runs = min(CHUNK, (options.lines - console_line.count.lines) // 4 + 1)
        before_kb = plain.memory_kb()
        result = plain.run(NAME, runs, seed)
        grown_kb += plain.memory_kb() - before_kb if inputs else 0  # the first chunk loads the product
        inputs, slowest_ms, seed = inputs + result.inputs, max(slowest_ms, result.slowest_ms), seed + 1
        if result.error:
            path = FOUND / NAME / f"found-{hashlib.sha256(result.found).hexdigest()[:12]}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(result.found)
            again = f"{asked.PYTHON} -m tests.fuzz {NAME} --replay {path}"
            print(f"{result.error}\n  input: {result.found!r}\n  again: {again}")
            return 1
    if grown_kb > MEMORY_MAX_KB:
        print(f"the process grew by {grown_kb} kB, {MEMORY_MAX_KB} kB at most are allowed")
        return 1
    counted = console_line.count
    told: dict[str, str | int | float] = {
        "seed": options.seed,
        "lines": counted.lines,
        "asks answered by the daemon": counted.asks,
        "of them refused for the role": counted.barred,
        "privileges gained": 0,
        "slowest ms": round(slowest_ms, 1),
        "its bound, ms": LIMIT_MS,
        "memory grown by, kB": grown_kb,
        "CPU seconds": round(time.process_time() - began_s),
    }
    print(", ".join(f"{name} {value}" for name, value in told.items()))
    figures.record("fuzz-console", told)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.console", description=__doc__)
    parser.add_argument("--lines", type=asked.at_least_one, default=1_000_000, help="how many lines")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
