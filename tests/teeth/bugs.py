"""What a planted bug is: a few lines of the product replaced by wrong ones, and the proof that must notice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FILE = Path(__file__).parent / "bugs.toml"
COPIED = ("gateway", "firmware_sim", "config", "tests", "docs", "systemd", "pyproject.toml", "Makefile")
CAUGHT = 1
"""The exit code of a proof that found something; anything else but 0 is a proof that could not run."""
LIMIT_S = 240
_CUSTOM = """import os, sys, traceback
def fall(kind, error, trace):
    traceback.print_exception(kind, error, trace)
    sys.stderr.flush()
    os._exit(1 if issubclass(kind, AssertionError) else 70)
sys.excepthook = fall
"""
"""Python ends with 1 on any error that nobody caught: a proof that fell over, but by an assertion, ends with 70."""


@dataclass(frozen=True, slots=True)
class Bug:
    """`old` occurs exactly once in `file`; `proof` is what follows `python -m`, its words apart."""

    name: str
    breaks: str
    file: str
    old: str
    new: str
    proof: str


@dataclass(frozen=True, slots=True)
class Found:
    """How a proof ended: its exit code, the lines that tell why, and how long it took."""

    code: int
    told: str
    seconds: float


def bugs() -> list[Bug]:
    """All planted bugs; ValueError when two have one name."""
    found = [Bug(**entry) for entry in tomllib.loads(FILE.read_text(encoding="utf-8"))["bug"]]
    names = [bug.name for bug in found]
    if len(set(names)) != len(names):
        raise ValueError(f"{FILE}: two bugs have the same name")
    return found


def stale(bug: Bug) -> str:
    """Why the bug cannot be planted any more; "" when it can."""
    path = ROOT / bug.file
    if not path.is_file():
        return f"{bug.file} is not there any more"
    count = path.read_text(encoding="utf-8").count(bug.old)
    return "" if count == 1 and bug.old != bug.new else f"`old` occurs {count} times in {bug.file}, not once"


@contextmanager
def planted(bug: Bug | None) -> Iterator[Path]:
    """A copy of the tree with the bug in it, or without any."""
    with tempfile.TemporaryDirectory(prefix="teeth-") as name:
        copy = Path(name)
        for part in COPIED:
            if (ROOT / part).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / part, copy / part, symlinks=True, ignore=ignored)
            else:
                shutil.copy(ROOT / part, copy / part)
        (copy / "sitecustomize.py").write_text(_CUSTOM, encoding="utf-8")
        if bug is not None:
            path = copy / bug.file
            path.write_text(path.read_text(encoding="utf-8").replace(bug.old, bug.new), encoding="utf-8")
        yield copy


def prove(bug: Bug, *, without: bool = False) -> Found:
    """Run the bug's proof on a tree that has it, or `without` it."""
    with planted(None if without else bug) as copy:
        began_s = time.monotonic()
        words = [sys.executable, "-m", *bug.proof.split()]
        try:
            done = subprocess.run(
                words,
                cwd=copy,
                env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                text=True,
                timeout=LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Found(-1, f"not ended within {LIMIT_S} s", time.monotonic() - began_s)
        lines = [line for line in done.stdout.splitlines() if line.strip()]
        return Found(done.returncode, "\n".join(lines[-12:]), time.monotonic() - began_s)
