"""What the teller keeps across contracts and starts so that nobody is hurt and no money appears."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.commands import Command
from gateway.commands.claims import AccountCloseBody, LockoutReleaseBody, LockoutSetBody
from gateway.prepayment.step import control
from gateway.prepayment.supply import SwitchState
from tests.counter import Counter, opening
from tests.prepayment.worlds import TERMS


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    """Books in a fresh file."""
    return Counter(tmp_path / "store.db")


def run(story: Coroutine[Any, Any, None]) -> None:
    """One test's story."""
    asyncio.run(story)


def test_a_new_contract_does_not_close_the_supply_over_somebody_at_work(counter: Counter) -> None:
    """Decision 13: a lock-out belongs to the line, not to the contract; only its release ends it."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        await teller.execute(counter.order(Command.LOCKOUT_SET, LockoutSetBody("CH-1", "meter board open")))
        await teller.execute(counter.order(Command.ACCOUNT_CLOSE, AccountCloseBody("CH-1", "moved out")))
        await teller.open_account(replace(opening("CH-2", "m1"), at=counter.clock.now()))
        tenant = teller.accounts["CH-2"]
        assert tenant.lockout == "meter board open"
        assert control(tenant, TERMS).switch is SwitchState.DISCONNECTED
        await teller.execute(counter.order(Command.LOCKOUT_RELEASE, LockoutReleaseBody("CH-2")))
        assert control(teller.accounts["CH-2"], TERMS).switch is SwitchState.CONNECTED
        await counter.stop()

    run(story())


def test_a_finished_quarter_hour_wakes_the_uplink_without_a_journal_row(counter: Counter) -> None:
    """S3-05: the load curve does not wait for something to be told."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        await teller.post("CH-1", counter.reading(0))
        woken: list[int] = []
        await teller.post("CH-1", counter.reading(5, 400_000))
        await teller.checkpoint()
        teller.subscribe_committed(lambda: woken.append(counter.store.head.seq))
        rows = counter.store.head.seq
        await teller.post("CH-1", counter.reading(10, 500_000))
        await teller.post("CH-1", counter.reading(10, 6_000))
        await teller.post("CH-1", counter.reading(10, 6_000))
        assert woken == [rows], "once, and the journal has not grown"
        await counter.stop()

    run(story())
