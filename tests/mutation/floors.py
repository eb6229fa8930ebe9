"""Floors of line and of branch coverage: 100 % where money, supply and time are decided, 95 % of the whole gateway.

The first needs the fast tests only and takes seconds. The second runs the whole suite; the daemon runs as a process in
many tests, and coverage follows it there (`patch = subprocess` in pyproject.toml).
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tests.figures import record
from tests.mutation import tree

FLOOR_ALL_PERCENT = 95
_FOLDER = tree.CACHE / "coverage"
_MEASURING = (
    "tests/test_app_memory.py",
    "tests/endurance",
    "tests/fuzz",
    "tests/time/test_lies.py::test_no_list_of_lies_shortens_a_term",
    "tests/terminal/test_cli.py::test_the_terminal_is_a_program_of_its_own",
)
"""They measure memory, CPU time or what is loaded, and would measure the measuring."""
_PYTEST = ["-p", "no:cacheprovider", "-q", "-n", "auto", "--maxprocesses=4"]


def coverage_floors(*, everything: bool) -> int:
    """Measure, print what is missing, keep the figures; 0 when the floors hold."""
    _FOLDER.mkdir(parents=True, exist_ok=True)
    figures: dict[str, str | int | float] = {}
    report = _measured("pure", [*_PYTEST, *tree.tests()], tree.modules())
    missing = {name: told for name, file in sorted(report["files"].items()) if (told := _missing(file))}
    missing |= {name: "never imported" for name in tree.modules() if name not in report["files"]}
    figures |= {"modules": len(report["files"]), "of them at 100 %": len(report["files"]) - len(missing)}
    figures |= _percent("rules, commands, time", report["totals"])
    for name, told in missing.items():
        print(f"{name}: {told}")
    good = not missing
    if everything:
        left_out = [f"--deselect={name}" for name in _MEASURING]
        overall = _percent("whole gateway", _measured("all", [*_PYTEST, *left_out], ["gateway/*"])["totals"])
        figures |= overall
        good = good and min(overall.values()) >= FLOOR_ALL_PERCENT
    record("coverage", figures)
    print("; ".join(f"{name}: {value}" for name, value in figures.items()))
    return 0 if good else 1


def _measured(name: str, pytest: list[str], include: list[str]) -> dict[str, Any]:
    data, report = _FOLDER / f"{name}.data", _FOLDER / f"{name}.json"
    data.unlink(missing_ok=True)
    for old in _FOLDER.glob(f"{name}.data.*"):
        old.unlink()
    run = [f"--data-file={data}", "--branch", "-m", "pytest", *pytest]
    tests = subprocess.run([sys.executable, "-m", "coverage", "run", *run], cwd=tree.ROOT, check=False)
    if tests.returncode:
        raise SystemExit("the tests must pass before their coverage means anything")
    pieces = [str(piece) for piece in _FOLDER.glob(f"{name}.data.*")]  # one of each process
    _coverage("combine", f"--data-file={data}", *pieces)
    _coverage("json", f"--data-file={data}", f"--include={','.join(include)}", "-o", str(report))
    told: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return told


def _coverage(*arguments: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "coverage", arguments[0], "--quiet", *arguments[1:]], cwd=tree.ROOT, check=True
    )


def _missing(file: dict[str, list[object]]) -> str:
    lines, branches = file["missing_lines"], file["missing_branches"]
    return f"lines {lines}, branches {branches}" if lines or branches else ""


def _percent(name: str, totals: dict[str, float]) -> dict[str, float]:
    lines = 100 * totals["covered_lines"] / max(totals["num_statements"], 1)
    branches = 100 * totals["covered_branches"] / max(totals["num_branches"], 1)
    return {f"{name}: lines in %": round(lines, 2), f"{name}: branches in %": round(branches, 2)}
