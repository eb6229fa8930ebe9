"""The ladder in ARCHITECTURE.md is the ladder in the code."""

from __future__ import annotations

from pathlib import Path

from gateway.diagram import renew
from gateway.prepayment.ladder import DELINQUENCY, PREPAID

_ARCHITECTURE = Path(__file__).parent.parent / "ARCHITECTURE.md"


def test_the_ladder_in_the_document_is_not_stale() -> None:
    """`make docs` was run after the last change of a rule."""
    text = _ARCHITECTURE.read_text(encoding="utf-8")
    assert renew(text) == text, "ARCHITECTURE.md shows an old ladder: run `make docs`"


def test_every_rule_is_in_the_document() -> None:
    """No rule is missing from the picture or the table."""
    text = _ARCHITECTURE.read_text(encoding="utf-8")
    assert all(text.count(rule.name) >= 2 for rule in (*PREPAID, *DELINQUENCY))
