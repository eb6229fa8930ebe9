"""The planted bugs fit the code as it is, which a whole run of them would say only after minutes."""

from __future__ import annotations

from tests.teeth.bugs import bugs, stale


def test_every_bug_can_still_be_planted() -> None:
    """What a bug replaces stands in the code, once."""
    assert [f"{bug.name}: {why}" for bug in bugs() if (why := stale(bug))] == []
