"""The judge of overrides notices what it is there for."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.simulation.handwritten import Site

OVERRIDE = {"override_id": "o-1", "from_wh": 0, "cap_wh": 500}


def _spent(site: Site) -> None:
    site.snapshot["usage"]["wh"] = 500


def _on_a_full_supply(site: Site) -> None:
    site.snapshot["supply"] = {"state": "GRACE"}


def _in_old_books(site: Site) -> None:
    site.snapshot["suspicion"] = {"leaves_switch": True}


def overridden(change: Callable[[Site], None] | None) -> list[str]:
    """What is said of an override that somebody ordered, and then of one that the change made wrong."""
    site = Site()
    site.opened()
    snapshot: dict[str, Any] = {**site.snapshot, "override": OVERRIDE, "supply": {"state": "LIMITED"}}
    site.snapshot.update(snapshot)
    if change is not None:
        change(site)
    site.commit()
    return site.violations


@pytest.mark.parametrize("change", [_spent, _on_a_full_supply, _in_old_books])
def test_an_override_beyond_its_bounds_is_noticed(change: Callable[[Site], None]) -> None:
    """Decision 13: spent and still in force, on a supply that is full, in books that may have forgotten a lock-out."""
    assert overridden(change).count("I9") == overridden(None).count("I9") + 1


def test_an_override_that_nobody_ordered_is_noticed() -> None:
    """I14: no override appears without an order."""
    assert "I14" in overridden(None)
