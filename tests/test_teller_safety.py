"""What the teller keeps across contracts and starts so that nobody is hurt and no money appears."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.commands import Command
from gateway.commands.agreement import AccountCloseBody
from gateway.commands.books import AccountResyncBody
from gateway.commands.protection import LockoutReleaseBody, LockoutSetBody
from gateway.prepayment.entitlement import control
from gateway.prepayment.supply import SwitchState
from gateway.store import Store
from tests.counter import Counter, opening
from tests.prepayment.worlds import NANO, TERMS


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


def test_withheld_money_is_in_the_journal_when_a_backup_is_opened_without_a_head_end(counter: Counter) -> None:
    """I2, I3: released and suspected in one start, both are told; the next start finds sum and balance agree."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        teller._accounts["CH-1"] = replace(teller.accounts["CH-1"], top_up_total_nano=5 * NANO, withheld_nano=5 * NANO)
        teller._dirty.add("CH-1")
        await teller.checkpoint()
        copy = counter.path.with_name("store-backup.db")
        assert await counter.store.back_up(copy) == ""
        await counter.crash()
        counter.path.unlink()
        await (await Store.open(counter.path, copy)).close()
        teller = await counter.start()
        account = teller.accounts["CH-1"]
        assert (account.withheld_nano, account.balance_nano) == (0, 25 * NANO)
        assert account.suspicion is not None
        await counter.stop()
        await counter.start()
        await counter.stop()

    run(story())


def test_a_new_account_knows_the_branches_that_its_gateway_gave_up(counter: Counter) -> None:
    """Threat 4: a clone that still speaks, or an old acknowledgement, raises no suspicion in a contract made since."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        await teller.suspect("run-lost", 9)
        body = AccountResyncBody("CH-1", counter.store.epoch, "run-lost", 9, "0" * 64, "CHF")
        assert (await teller.execute(counter.order(Command.ACCOUNT_RESYNC, body))).reason == ""
        await teller.open_account(replace(opening("CH-2", "m2"), at=counter.clock.now()))
        await teller.suspect("run-lost", 12)
        assert [account.suspicion for account in teller.accounts.values()] == [None, None]
        await teller.suspect("run-other", 13)
        assert all(account.suspicion is not None for account in teller.accounts.values())
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
