"""Which code is changed, which tests may notice, and digests that say whether a result of yesterday still counts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
CACHE = ROOT / ".cache" / "mutation"
_CHANGED = ("gateway/prepayment/*.py", "gateway/commands/*.py", "gateway/clock.py", "gateway/headend/timesync.py")
_TESTS = (
    "tests/prepayment/test_*.py",
    "tests/commands/test_*.py",
    "tests/contract/test_*.py",
    "tests/calendars/test_*.py",
    "tests/delinquency/test_*.py",
    "tests/test_contract.py",
    "tests/test_privacy.py",
    "tests/test_teller_*.py",
    "tests/test_commands*.py",
    "tests/test_clock*.py",
    "tests/headend/test_time*.py",
)
_LEFT_OUT = {"tests/prepayment/test_machine.py", "tests/delinquency/test_lives.py"}
"""A random household, a random debtor: seconds each, too slow to ask a thousand times, and they repeat the others."""

LOOK_AT_ALL = {"tests/test_contract.py", "tests/prepayment/test_values.py"}
"""They name no module and run little of any, but see every table and type of the commands and the rules."""

_RESTS_ON = ("gateway/*.py", *(f"gateway/{name}/*.py" for name in ("prepayment", "commands", "config", "headend")))
_SUPPORT = (
    "tests/counter.py",
    *(f"tests/{name}/*.py" for name in ("calendars", "contract", "delinquency", "headend", "prepayment")),
)


def _found(patterns: Iterable[str]) -> list[str]:
    return sorted({path.relative_to(ROOT).as_posix() for pattern in patterns for path in ROOT.glob(pattern)})


def modules() -> list[str]:
    """The modules whose tests are tested."""
    return _found(_CHANGED)


def tests() -> list[str]:
    """The files with the fast tests of those modules."""
    return [name for name in _found(_TESTS) if name not in _LEFT_OUT]


def package(module: str) -> str:
    """The part of the gateway a score is given for."""
    for name in ("prepayment", "commands"):
        if module.startswith(f"gateway/{name}/"):
            return name
    return "time"


@lru_cache(maxsize=512)
def digest(*names: str) -> str:
    """One digest over these files."""
    total = hashlib.sha256()
    for name in names:
        path = ROOT / name
        total.update(hashlib.sha256(path.read_bytes() if path.exists() else b"").digest())
    return total.hexdigest()[:16]


@lru_cache(maxsize=1)
def surroundings() -> str:
    """Digest of what the tests of these modules rest on, but the tests themselves: code, and builders beside them."""
    beside = [name for name in _found(_SUPPORT) if "/test_" not in name]
    return digest(*_found(_RESTS_ON), *beside)
