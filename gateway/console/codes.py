"""The stable code of each reason why something is not done: `E-`, an area, a number. A code never changes its meaning.

The texts are in `config/console/<language>.toml`, by code; a test holds the two together. Support asks for the code, so
the language does not matter. Codes are given once and never again: a new reason takes the next number of its area.
"""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, str] = {
    # asking
    "unknown_action": "E-ASK-01",
    "bad_arguments": "E-ASK-02",
    "line_too_long": "E-ASK-03",
    "not_json": "E-ASK-04",
    "too_many_lines": "E-ASK-05",
    # who may
    "not_allowed_here": "E-AUT-01",
    "code_needed": "E-AUT-02",
    # meters
    "meter_failed": "E-MET-01",
}
OTHER = "E-CMD-00"
"""A refusal of the books or of a command that has no code of its own: its reason says it."""


def code_of(reason: str) -> str:
    """The code of a reason; `OTHER` for one without."""
    return CODES.get(reason, OTHER)
