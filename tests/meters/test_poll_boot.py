"""A meter that boots shows nothing of its register for seconds: read again in haste, that would look stable."""

from __future__ import annotations

import asyncio

import pytest

from gateway.meters.poll import MOST_REREADS
from gateway.prepayment.account import Account
from gateway.prepayment.events import Moment, Reading, TimeTrust
from gateway.prepayment.register import CONFIRMATIONS
from gateway.prepayment.step import apply
from tests.meters.scene import scene
from tests.prepayment.worlds import MONDAY_MS, NANO, TERMS, opened


def _pace() -> list[int]:
    """How long a poll waits before it reads a suspicious value again."""
    waits: list[int] = []

    async def scenario() -> None:
        async with scene("inside") as s:
            s.book.reread = True
            for _ in range(MOST_REREADS):
                wait_ms = await s.poll.run()
                assert wait_ms is not None
                waits.append(wait_ms)

    asyncio.run(scenario())
    return waits


@pytest.mark.parametrize("boot_ms", [0, 1_500, 4_000, 8_000])
def test_the_zeros_of_a_boot_open_no_case(boot_ms: int) -> None:
    """Decision 6, threat 15: at the pace of the poll a meter has time to boot before its zeros count as a register."""
    account, running_ms = opened(100 * NANO), 0

    def read(account: Account, wh: int) -> Account:
        moment = Moment(MONDAY_MS + running_ms, TimeTrust.AUTHENTICATED, running_ms)
        return apply(account, Reading(moment, wh), TERMS).account

    for _ in range(CONFIRMATIONS):
        running_ms += 10_000
        account = read(account, 50_000)
    known, began_ms = account.register.cases_opened, running_ms + 10_000
    running_ms = began_ms
    for wait_ms in (0, *_pace()):
        running_ms += wait_ms
        account = read(account, 0 if running_ms - began_ms < boot_ms else 50_001)
    assert account.register.cases_opened == known
    assert (account.register.trusted, account.register.wh) == (True, 50_001)
