"""One target under atheris, in a process of its own: libFuzzer takes the process over and ends it itself.

    python -m tests.fuzz.guided TARGET SLOWEST_FILE [libFuzzer arguments and corpus folders]

Started by `tests.fuzz.__main__`, which gives the arguments and reads the result.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import atheris

from tests.fuzz.measure import LIMIT_MS, Stopwatch
from tests.fuzz.target import load

SLOWER = 20
"""Watched code runs several times slower: only what is slow beyond doubt ends the run. `__main__` tries the slowest
input again without being watched, and holds it to the limit itself."""
_WATCHED = ["gateway", "pymodbus.framer", "pymodbus.pdu", "pymodbus.transaction", "tomllib"]


def main() -> None:
    """Fuzz until the runs are done or something is found."""
    name, slowest_file = sys.argv[1], Path(sys.argv[2])
    with atheris.instrument_imports(include=_WATCHED, enable_loader_override=False):
        target = load(name)
    watch = Stopwatch(target.check, SLOWER * LIMIT_MS)

    def one_input(data: bytes) -> None:
        if watch.run(data):
            watch.note(slowest_file)

    def mutator(data: bytes, max_size: int, seed: int) -> bytes:
        chance = random.Random(seed)
        if chance.random() < 0.4:
            return bytes(atheris.Mutate(data, max_size))
        return target.mutate(bytes(data), chance)[:max_size]

    atheris.Setup([sys.argv[0], *sys.argv[3:]], one_input, custom_mutator=mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
