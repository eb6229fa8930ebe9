"""`make proof`: every proof at full size, or with `--quick` the share that each landing takes, and their figures.

python -m tests.proof [--quick] [--write] [NAME ...]

Figures are left in .cache/proof; `--write` puts them into docs/proof.md, where those of proofs that did not run stay. A
proof run by hand at another size can leave its figures, too: PROOF_FIGURES=.cache/proof python -m ...
Seeds are fixed, so that a landing is judged by its change and not by luck; other seeds are tried on demand. All of a
landing's share together has ten minutes; where it took longer, the last line says so.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests import asked
from tests.figures import VARIABLE, recorded

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "proof.md"
PUBLISHED = ROOT / "docs" / "proof" / "figures.json"
CACHE = ROOT / ".cache"
BEGIN = "<!-- figures: written by `make proof ARGS=--write`, do not edit -->\n"
END = "<!-- /figures -->\n"
LANDING_S = 600
_PAGES = {"coverage": "mutation", "fuzz-console": "console", "signatures": "fuzz", "year": "simulation"}
"""Where a proof is explained when the page is not called like it."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One proof: what follows `python -m` at full size, and for a landing ("" if it takes no part in it)."""

    name: str
    full: str
    quick: str


PROOFS = (
    Proof(
        "simulation",
        "tests.simulation --seed 1000 --runs 10000",
        "tests.simulation --seed 26937 --runs 10 --quick --repeat 5",
    ),
    Proof("year", "tests.simulation --seed 1 --runs 200 --days 365 --poll 300 --name year --repeat 0", ""),
    Proof("rollback", "tests.rollback --seed 7 --runs 2000", "tests.rollback --seed 7 --runs 20"),
    Proof("images", "tests.storage images --seed 1 --images 200000", "tests.storage images --seed 1 --images 3000"),
    Proof("rot", "tests.storage rot --seed 1 --flips 10000", "tests.storage rot --seed 1 --flips 1000"),
    Proof("faults", "tests.storage faults --seed 1", ""),
    Proof("syscalls", "tests.storage syscalls", ""),
    Proof("kill", "tests.kill --kills 1000 --seed 1", ""),
    Proof("kill-books", "tests.kill --kills 1000 --seed 1 --books", ""),
    Proof("decade", "tests.decade", "tests.decade --days 366"),
    Proof("time", "tests.time --seed 1 --runs 1000", "tests.time --seed 1 --runs 3"),
    Proof("fuzz", "tests.fuzz --runs 2000000", "tests.fuzz --seconds 1 --runs 1000000"),
    Proof("console", "tests.fuzz.console --lines 1000000", "tests.fuzz.console --lines 20000"),
    Proof("signatures", "tests.fuzz.signatures", ""),
    Proof("polls", "tests.endurance polls", ""),
    Proof("offline", "tests.endurance offline", ""),
    Proof("flood", "tests.endurance flood", ""),
    Proof("connections", "tests.endurance connections", ""),
    Proof("coverage", "tests.mutation coverage --all", "tests.mutation coverage"),
    Proof("mutation", "tests.mutation run", ""),
    Proof("teeth", "tests.teeth --control", "tests.teeth"),
)


def main() -> int:
    """0 when every proof held."""
    options = _options()
    failed, all_began_s = [], time.monotonic()
    for proof in PROOFS:
        command = proof.quick if options.quick else proof.full
        if not command or (options.names and proof.name not in options.names):
            continue
        print(f"== {proof.name}: python -m {command}", flush=True)
        began_s = time.monotonic()
        environ = {**os.environ, VARIABLE: str(CACHE / ("proof-quick" if options.quick else "proof"))}
        words = [sys.executable, "-m", *command.split()]
        code = subprocess.run(words, cwd=ROOT, env=environ, check=False).returncode
        print(f"== {proof.name}: {'held' if code == 0 else 'FAILED'} after {time.monotonic() - began_s:.0f} s\n")
        if code:
            failed.append(proof.name)
    if options.write:
        _write()
    took_s = time.monotonic() - all_began_s
    late = f"; a landing has {LANDING_S} s for them" if options.quick and took_s > LANDING_S else ""
    print(f"{'failed: ' + ', '.join(failed) if failed else 'every proof held'}, {took_s:.0f} s{late}")
    return 1 if failed else 0


def _write() -> None:
    """Put the latest figures between the marks."""
    published = json.loads(PUBLISHED.read_text(encoding="utf-8")) if PUBLISHED.exists() else {}
    published |= recorded(CACHE / "proof")
    published = dict(sorted(published.items()))
    PUBLISHED.write_text(json.dumps(published, indent=1) + "\n", encoding="utf-8")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}{table(published)}{END}{after}", encoding="utf-8")


def table(published: dict[str, dict[str, Any]]) -> str:
    """The rows of the page: every proof with what was run, when, on which commit, for how long, and its figures."""
    lines = ["| proof | what was run, when, on which commit, for how long | figures |\n", "|---|---|---|\n"]
    return "".join([*lines, *(_row(name, told) for name, told in published.items())])


def _row(name: str, told: dict[str, Any]) -> str:
    figures = ", ".join(f"{key} **{value}**" for key, value in told["figures"].items())
    minutes = f", {max(told['seconds'], 1) / 60:.0f} min" if told["seconds"] else ""
    run = f"`{told['command']}`, {told['on']}, {told['commit']}{minutes}"
    return f"| [{name}](proof/{_PAGES.get(name, name.partition('-')[0])}.md) | {run} | {figures} |\n"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.proof", description=__doc__)
    names = [one.name for one in PROOFS]
    known = asked.one_of(names, "proof")
    parser.add_argument("names", nargs="*", metavar="NAME", type=known, help=f"only these of {', '.join(names)}")
    parser.add_argument("--quick", action="store_true", help="the share that each landing takes")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/proof.md")
    options = parser.parse_args()
    full_only = [one.name for one in PROOFS if one.name in options.names and not one.quick]
    if options.quick and full_only:
        parser.error(f"{', '.join(full_only)} takes no part in a landing; leave out --quick")
    return options


if __name__ == "__main__":
    sys.exit(main())
