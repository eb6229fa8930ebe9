"""`make proof`: every proof at full size, or with `--quick` the share that each landing takes, and their figures.

python -m tests.proof [--quick] [--write docs/proof.md] [NAME ...]

Seeds are fixed, so that a landing is judged by its change and not by luck; other seeds are tried on demand.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tests.figures import recorded

ROOT = Path(__file__).parent.parent
BEGIN = "<!-- figures: written by `make proof ARGS='--write docs/proof.md'`, do not edit -->\n"
END = "<!-- /figures -->\n"


@dataclass(frozen=True, slots=True)
class Proof:
    """One proof: what follows `python -m` at full size, and for a landing ("" if it takes no part in it)."""

    name: str
    full: str
    quick: str


PROOFS = (
    Proof("simulation", "tests.simulation --seed 1000 --runs 10000", "tests.simulation --runs 30 --quick --repeat 5"),
    Proof("year", "tests.simulation --seed 1 --runs 200 --days 365 --poll 300 --name year --repeat 0", ""),
    Proof("rollback", "tests.rollback --seed 7 --runs 2000", "tests.rollback --seed 7 --runs 20"),
    Proof("images", "tests.storage images --seed 1 --images 200000", "tests.storage images --seed 1 --images 3000"),
    Proof("rot", "tests.storage rot --seed 1 --flips 10000", "tests.storage rot --seed 1 --flips 1000"),
    Proof("faults", "tests.storage faults --seed 1", ""),
    Proof("kill", "tests.kill --kills 1000 --seed 1", ""),
    Proof("kill-books", "tests.kill --kills 1000 --seed 1 --books", ""),
    Proof("time", "tests.time --seed 1 --runs 1000", "tests.time --seed 1 --runs 3"),
    Proof("fuzz", "tests.fuzz --runs 2000000", "tests.fuzz --seconds 2 --runs 1000000"),
    Proof("signatures", "tests.fuzz.signatures", ""),
    Proof("polls", "tests.endurance polls", ""),
    Proof("offline", "tests.endurance offline", ""),
    Proof("flood", "tests.endurance flood", ""),
    Proof("connections", "tests.endurance connections", ""),
    Proof("coverage", "tests.mutation coverage", "tests.mutation coverage"),
    Proof("mutation", "tests.mutation run", "tests.mutation run --sample 60 --seed 1"),
    Proof("teeth", "tests.teeth --control", "tests.teeth"),
)


def main() -> int:
    """0 when every proof held."""
    options = _options()
    failed = []
    for proof in PROOFS:
        command = proof.quick if options.quick else proof.full
        if not command or (options.names and proof.name not in options.names):
            continue
        print(f"== {proof.name}: python -m {command}", flush=True)
        began_s = time.monotonic()
        code = subprocess.run([sys.executable, "-m", *command.split()], cwd=ROOT, check=False).returncode
        print(f"== {proof.name}: {'held' if code == 0 else 'FAILED'} after {time.monotonic() - began_s:.0f} s\n")
        if code:
            failed.append(proof.name)
    if options.write:
        _write(Path(options.write))
    print(f"failed: {', '.join(failed)}" if failed else "every proof held")
    return 1 if failed else 0


def _write(path: Path) -> None:
    """Put the latest figures between the marks."""
    text = path.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = ["| proof | figures |\n", "|---|---|\n"]
    for name, figures in recorded().items():
        told = ", ".join(f"{key} **{value}**" for key, value in figures.items())
        lines.append(f"| [{name}](proof/{name}.md) | {told} |\n")
    path.write_text(f"{before}{BEGIN}{''.join(lines)}{END}{after}", encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    names = ", ".join(one.name for one in PROOFS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"only these of {names}")
    parser.add_argument("--quick", action="store_true", help="the share that each landing takes")
    parser.add_argument("--write", help="put the figures into this document")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
