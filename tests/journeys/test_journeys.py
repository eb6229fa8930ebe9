"""Every journey plays as it is written; `REWRITE_JOURNEYS=1` writes it anew, to be reviewed as a diff."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.journeys.journey import Journey

_FOLDER = Path(__file__).parent
_VISIT = _FOLDER / "visit.txt"
"""What a technician sees, not a story of an account: `tests/visit` holds it."""
_STORIES = sorted(set(_FOLDER.glob("*.txt")) - {_VISIT})


@pytest.mark.parametrize("path", _STORIES, ids=lambda path: path.stem)
def test_journey(path: Path) -> None:
    """S0-18..S0-20, S1-07..S1-15, S3-13, decisions 6, 11-14: the story told is the story lived."""
    written = path.read_text(encoding="utf-8")
    lived = Journey().play(written)
    if os.environ.get("REWRITE_JOURNEYS"):
        path.write_text(lived, encoding="utf-8")
    assert lived == written, f"{path.name} tells another story; REWRITE_JOURNEYS=1 writes it anew, then read the diff"


def test_each_shipped_policy_for_customers_has_a_journey() -> None:
    """A product manager can read what `prepaid` and `ses-cashline` do."""
    told = "".join(path.read_text(encoding="utf-8") for path in _STORIES)
    assert "policy prepaid" in told
    assert "policy ses-cashline" in told
    for name in ("estenergy-electricity", "estenergy-gas", "multiservice", "it-timoe-2026", "it-gas-2026"):
        story = (_FOLDER / f"{name}.txt").read_text(encoding="utf-8")
        assert f"policy {name}," in story
        assert "-> TERMINATED" in story, "from the contract to its end"
