"""The proofs of the store at any size.

    python -m tests.storage images --seed 1 --images 200000   power cuts
    python -m tests.storage rot --seed 1 --flips 10000        flipped bits
    python -m tests.storage faults --seed 1                   an error at every call of a scripted day
    python -m tests.storage syscalls                          is what is recorded what the kernel sees? (needs strace)

Each prints one line, and what went wrong with the command that replays it. `--jobs` is how many processes run at once.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Sequence

from tests.asked import PYTHON, at_least_one
from tests.figures import record
from tests.storage import faults, images, rot, syscalls


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one proof; 0 when nothing was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.storage")
    parser.add_argument("proof", choices=("images", "rot", "faults", "syscalls"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--images", type=at_least_one, default=200_000)
    parser.add_argument("--flips", type=at_least_one, default=10_000)
    parser.add_argument("--jobs", type=at_least_one, default=2, help="processes")
    options = parser.parse_args(arguments)
    began = time.monotonic()
    match options.proof:
        case "images":
            said, wrong = _images(options.seed, options.images, options.jobs)
        case "rot":
            said, wrong = _rot(options.seed, options.flips, options.jobs)
        case "syscalls":
            count, wrong = syscalls.compare()
            said = f"{count} calls compared"
            record("storage-syscalls", {"system calls compared": count})
        case _:
            said, wrong = _faults(options.seed, options.jobs)
    print(f"{options.proof}: {said}, {time.monotonic() - began:.0f} s, {len(wrong)} wrong")
    for line in wrong[:10]:
        print(f"  {line}")
    if wrong:
        size = {"images": f" --images {options.images}", "rot": f" --flips {options.flips}"}.get(options.proof, "")
        print(f"again: {PYTHON} -m tests.storage {options.proof} --seed {options.seed}{size} --jobs {options.jobs}")
    return 1 if wrong else 0


def _images(seed: int, count: int, processes: int) -> tuple[str, list[str]]:
    found, pace = images.many(seed, count, processes)
    figures = {"images": found.images, "images a second": round(pace), "images gone on with": found.resumed}
    record("storage-images", figures | {"wrong": len(found.wrong)})
    return f"{found.images} images ({found.resumed} gone on with), {pace:.0f} a second", found.wrong


def _rot(seed: int, flips: int, processes: int) -> tuple[str, list[str]]:
    found = rot.Rotten()
    with multiprocessing.Pool(processes) as pool:
        shares = [(seed + 1_000_000 * number, max(flips // processes, 1)) for number in range(processes)]
        for each in pool.starmap(rot.rot, shares):
            found.add(each)
    figures = {"flips": found.flips, "refused": found.damaged + found.refused, "harmless": found.harmless}
    record("storage-rot", figures | {"wrong": len(found.wrong)})
    return f"{found.flips} flips, {found.damaged + found.refused} refused, {found.harmless} harmless", found.wrong


def _faults(seed: int, processes: int) -> tuple[str, list[str]]:
    found = faults.everywhere(seed, processes)
    record("storage-faults", {"faults": found.faults, "days of faults": found.days, "wrong": len(found.wrong)})
    return f"{found.faults} faults in {found.days} days", found.wrong


if __name__ == "__main__":
    sys.exit(main())
