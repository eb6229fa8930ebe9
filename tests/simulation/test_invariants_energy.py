"""Wh as the accounts count them, where books were put back and money does not tell: no false alarm and no hole."""

from __future__ import annotations

import pytest

from tests.simulation.handwritten import Site


def _charged_again(*, paid_back_to_wh: int | None) -> Site:
    """1000 Wh are charged, 600 of them a second time, and only the first 1000 were delivered; at a second price."""
    site = Site()
    site.snapshot["tariffs"] = [{"version": 1}, {"version": 2}]
    site.opened()
    site.hours = 1.0
    site.charged(1000)
    site.snapshot["usage"]["wh"] = 1000
    site.commit()
    if paid_back_to_wh is not None:
        registers = {"from_register_wh": 2000, "to_register_wh": paid_back_to_wh}
        site.row("entry", kind="resync", amount="0.00", balance="2.6753", reference="r", lines=[], **registers)
    site.snapshot["register"]["wh"] = 1400
    site.charged(600)
    site.snapshot["usage"]["wh"] = 1600
    site.delivered_wh = 1000
    site.hours = 2.0
    site.commit()
    return site


@pytest.mark.parametrize(
    ("paid_back_to_wh", "too_much"),
    [
        pytest.param(None, True, id="charged twice"),
        pytest.param(1400, False, id="a resync gave it back"),
        pytest.param(1700, True, id="a resync gave some of it back"),
        pytest.param(2500, True, id="a resync brought more"),
    ],
)
def test_what_a_resync_gave_back_is_not_charged(paid_back_to_wh: int | None, too_much: bool) -> None:
    """I6, threat 3: old books went on for a holder who had left; the resync pays back what is the next one's."""
    assert _charged_again(paid_back_to_wh=paid_back_to_wh).broken("were delivered") is too_much
