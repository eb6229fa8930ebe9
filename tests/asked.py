"""What people type after the name of a proof: a size of nothing, or a name nobody knows, is refused and not "held".

Each function is a `type` of argparse, which puts the option before the message and ends with exit code 2.
"""

from __future__ import annotations

import difflib
import math
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Collection
from pathlib import Path

ROOT = Path(__file__).parent.parent


def _python() -> str:
    used = Path(sys.executable)
    return used.relative_to(ROOT).as_posix() if used.is_relative_to(ROOT) else "python"


PYTHON = _python()
"""How a person calls this Python from the root of the tree: .venv/bin/python, which `make` made, else python."""


def at_least_one(text: str) -> int:
    """A whole number of at least 1."""
    try:
        number = int(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no whole number") from None
    if number < 1:
        raise ArgumentTypeError(f"{number} would prove nothing; give 1 or more")
    return number


def amount(text: str) -> float:
    """A number above 0, such as days."""
    number = _number(text)
    if not (math.isfinite(number) and number > 0):
        raise ArgumentTypeError(f"{text} would prove nothing, or never end; give a number above 0")
    return number


def percent(text: str) -> float:
    """From 0 to 100."""
    number = _number(text)
    if not 0 <= number <= 100:
        raise ArgumentTypeError(f"{text} is no share; give 0 to 100")
    return number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no number") from None


def file(text: str) -> Path:
    """A file that is there."""
    path = Path(text)
    if not path.is_file():
        raise ArgumentTypeError(f"{text} is {'no file' if path.exists() else 'not there'}; give the path of a file")
    return path


def one_of(known: Collection[str], what: str) -> Callable[[str], str]:
    """One of the known names of `what`; close ones are suggested, else all are told."""

    def name(text: str) -> str:
        if text not in known:
            close = difflib.get_close_matches(text, known)
            hint = f"did you mean {' or '.join(close)}?" if close else f"known are: {', '.join(sorted(known))}"
            raise ArgumentTypeError(f"there is no {what} {text!r}; {hint}")
        return text

    return name
