"""Threat 24 with cards: an old card put back again and again. Unpaid energy stays bounded by money."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.prepayment.events import TimeTrust
from gateway.prepayment.supply import SupplyState
from tests.prepayment.worlds import HOUR_MS, NANO, policy
from tests.rollback.estate import PRICE_NANO, Estate

CAP_NANO = 2 * policy().offline_debt_cap_nano
POLLS_TO_LIMIT = 6
"""Three readings until the register is believed, one rung at each, and one to spare."""
RATED_W = 13_800
ROUNDS = 20


@pytest.mark.parametrize("reach", ["head-end", "none"])
def test_old_cards_put_back_for_ever_do_not_buy_free_energy(tmp_path: Path, reach: str) -> None:
    """Threats 3 and 24, I13: each start knows again what the meter counted, with a head-end and without a clock.

    From twice the offline debt cap on every round has its power limited within a few polls of its start, and nobody
    is cut off. Without the head-end the time is not known either, and used energy waits as a case: it counts as spent.
    """
    folder = tmp_path / "gw"
    folder.mkdir()
    estate = Estate(folder, policy=policy())

    async def story() -> list[int]:
        await estate.start()
        await estate.poll()
        await estate.contact()
        await estate.poll(5, 10)
        await estate.upload()
        await estate.stop(orderly=True)
        card = estate.image()
        await estate.start()
        await estate.poll(5, 20)  # rows that the old card will not have
        await estate.contact()
        free = []
        for _ in range(ROUNDS):
            await estate.stop(orderly=True)
            estate.put_back(card)
            estate.off(4 * HOUR_MS, 0)
            if reach == "none":
                estate.clock.trust = TimeTrust.RESTORED
            await estate.start()
            if reach == "head-end":
                await estate.contact()
            free.append(await _full_power_wh(estate))
        await estate.stop(orderly=True)
        return free

    free = asyncio.run(story())
    limit_wh = (20 * NANO + CAP_NANO) // PRICE_NANO
    used_wh, excess_wh = 0, 0
    for round_wh in free:
        excess_wh += round_wh if used_wh > limit_wh else 0
        used_wh += round_wh
    few_polls_wh = POLLS_TO_LIMIT * RATED_W // 60
    assert used_wh - excess_wh <= limit_wh + few_polls_wh, "the money, and what passes until it is seen"
    assert excess_wh <= ROUNDS * few_polls_wh, "after it, a few polls of each round"
    assert free[-1] <= few_polls_wh


async def _full_power_wh(estate: Estate) -> int:
    """Use all that the connection gives for eight hours; what was used before the power was limited."""
    full_wh = 0
    for _ in range(8 * 60):
        limited = estate.account.supply.state is SupplyState.LIMITED
        assert estate.account.supply.state is not SupplyState.SUSPENDED
        wh = 495 // 60 if limited else RATED_W // 60
        full_wh += 0 if limited else wh
        await estate.poll(1, wh)
    return full_wh
