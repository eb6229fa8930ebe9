"""What a fuzz target is: one parser that faces the outside, what must hold for any bytes, and where to begin.

A target is a module in `tests/fuzz/targets/` with a `TARGET`; a new parser adds a file, nothing else. `check` returns
for an input that was accepted and found right or refused with the documented error; anything it raises is a finding.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
FOUND = HERE.parent.parent / ".cache" / "fuzz"

Mutate = Callable[[bytes, random.Random], bytes]


@dataclass(frozen=True, slots=True)
class Target:
    """`seeds` are good inputs to begin with; `mutate` changes one so that it gets past the first check."""

    check: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    mutate: Mutate
    max_bytes: int = 4096


def names() -> list[str]:
    """Every target there is."""
    return sorted(path.stem for path in (HERE / "targets").glob("*.py") if path.stem != "__init__")


def load(name: str) -> Target:
    """The target of this name."""
    target = importlib.import_module(f"tests.fuzz.targets.{name}").TARGET
    assert isinstance(target, Target), f"tests/fuzz/targets/{name}.py has no TARGET"
    return target


def corpus(name: str) -> dict[str, bytes]:
    """The committed inputs of a target by file name; those named `bug-...` once broke something."""
    return {path.name: path.read_bytes() for path in sorted((CORPUS / name).glob("*"))}
