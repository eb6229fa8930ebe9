"""TOML text -> plain tables, for every file somebody writes: any text gives a table or a ValueError that says why not.

The standard library alone would end a start with something else than a sentence: nesting that exhausts the stack,
keys of thousands of parts, and integers of thousands of digits, which cannot even be shown in a message.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from decimal import InvalidOperation
from typing import Any

MAX_DEPTH = 32
# The standard library takes a time that grows with the square of a dotted key's parts.
_ENDLESS_KEY = re.compile(r"""(?<![\w-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){65}""", re.ASCII)
MAX_INTEGER = 2**63 - 1  # what every TOML reader holds (TOML 1.0, "Integer")


def parse(text: str, parse_float: Callable[[str], Any] = float) -> dict[str, Any]:
    """The tables in a text; ValueError for text that is not TOML, nested too deeply, or with an integer too large."""
    if _ENDLESS_KEY.search(text):
        raise ValueError("tables are nested too deeply: a key of more than 65 parts")
    try:
        table = tomllib.loads(text, parse_float=parse_float)
    except RecursionError:
        raise ValueError("tables and lists are nested too deeply") from None
    except InvalidOperation:
        raise ValueError("a number has an exponent that means nothing") from None
    _check(table, MAX_DEPTH)
    return table


def _check(value: object, depth: int) -> None:
    if isinstance(value, int) and not -MAX_INTEGER <= value <= MAX_INTEGER:
        raise ValueError(f"an integer of {value.bit_length()} bits; at most 63 are allowed")
    if isinstance(value, dict | list):
        if not depth:
            raise ValueError("tables and lists are nested too deeply")
        for inner in value.values() if isinstance(value, dict) else value:
            _check(inner, depth - 1)
