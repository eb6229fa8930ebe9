"""The scripted days of a gateway: the production teller and store under a seeded load.

Openings, readings, the rungs of the ladder, top-ups and their repeats, reversals, holds, checkpoints, a log that
shrinks, pruned quarter-hours, moving cursors, clean ends and crashes.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

from gateway.commands import Command, Order
from gateway.commands.agreement import PowerSetBody
from gateway.commands.claims import Body
from gateway.commands.credit import TopUpReverseBody
from gateway.commands.protection import HoldReleaseBody, HoldSetBody
from gateway.prepayment.events import HoldKind
from gateway.prepayment.ledger import VerdictStatus
from gateway.prepayment.money import wire_money
from gateway.store import Answer, copies, database
from gateway.store.database import Database
from tests.counter import Counter, opening
from tests.prepayment.worlds import DAY_MS, NANO
from tests.storage import verdict

ACCOUNTS = ("CH-1", "CH-2")
QUARTER_MS = 900_000


@dataclass
class Books(Counter):
    """One gateway under load; `orders` are the commands signed so far, `answers` what came back for each."""

    chance: random.Random = field(default_factory=random.Random)
    wh: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ACCOUNTS, 0))
    orders: list[Order] = field(default_factory=list)
    answers: dict[str, Answer] = field(default_factory=dict)
    reversed_nano: dict[str, tuple[int, int]] = field(default_factory=dict)
    reversals: dict[str, tuple[str, int]] = field(default_factory=dict)

    async def start_accounts(self, *accounts: str) -> None:
        """Open the accounts that are not there, as the file would seed them."""
        for number, account_id in enumerate(accounts, start=1):
            if self.teller.account(account_id) is None:
                await self.teller.open_account(opening(account_id, f"m{number}"))

    async def step(self) -> None:
        """One thing of many happens."""
        steps = [self.use] * 8 + [self.buy] * 3 + [self.acknowledge, self.again, self.hold, self.reverse, self.tidy]
        await self.chance.choice(steps)()

    async def use(self) -> None:
        """A quarter of an hour or more of consumption; now and then a great deal."""
        after_ms = self.chance.choice((60_000, QUARTER_MS, 4 * QUARTER_MS))
        moment = self.clock.advance(after_ms)
        for account_id in ACCOUNTS:
            self.wh[account_id] += self.chance.randrange(1, 13_000) * after_ms // (4 * QUARTER_MS)
            reading = replace(self.reading(self.wh[account_id], 0), at=moment)
            await self.teller.post(account_id, reading)

    async def buy(self) -> None:
        """The next top-up of somebody."""
        amount = self.chance.choice((NANO, 5 * NANO, 20 * NANO))
        await self.send(self.top_up(amount, self.chance.choice(ACCOUNTS), jti=f"jti-{len(self.orders)}"))

    async def reverse(self) -> None:
        """A top-up is taken back, if there was one."""
        account_id = self.chance.choice(ACCOUNTS)
        number, total_nano = self.reversed_nano.get(account_id, (0, 0))
        if total_nano + NANO > self.totals.get(account_id, (0, 0))[1]:
            return
        self.reversed_nano[account_id] = number + 1, total_nano + NANO
        self.reversals[f"jti-{len(self.orders)}"] = account_id, total_nano + NANO
        total = wire_money(total_nano + NANO)
        body = TopUpReverseBody(account_id, number + 1, wire_money(NANO), total, "CHF", "charged back")
        await self.command(Command.TOP_UP_REVERSE, body)

    async def hold(self) -> None:
        """A hold comes, goes, or the contract power changes."""
        account_id = self.chance.choice(ACCOUNTS)
        bodies: tuple[tuple[Command, Body], ...] = (
            (Command.HOLD_SET, HoldSetBody(account_id, "h1", HoldKind.COMPLAINT)),
            (Command.HOLD_RELEASE, HoldReleaseBody(account_id, "h1")),
            (Command.POWER_SET, PowerSetBody(account_id, self.chance.choice((3_000, 6_000)))),
        )
        await self.command(*self.chance.choice(bodies))

    async def again(self) -> None:
        """An old command is delivered once more."""
        if self.orders:
            await self.send(self.chance.choice(self.orders))

    async def acknowledge(self) -> None:
        """The head-end acknowledges rows and quarter-hours."""
        row = await self.store.row(self.chance.randint(1, self.store.head.seq))
        assert row is not None
        assert await self.store.move_cursor(row.epoch, row.seq, row.hash)
        found = await self.store.intervals_after(0, self.chance.randint(1, 20))
        if found:
            await self.store.move_interval_cursor(found[-1].number)

    async def tidy(self) -> None:
        """A checkpoint; seldom the quarter-hours are so old that they go."""
        await self.teller.checkpoint()
        if self.chance.random() < 0.2:
            now = self.clock.now()
            await self.store.prune_intervals(replace(now, utc_ms=now.utc_ms + 600 * DAY_MS))
        await self.store.checkpoint()

    async def command(self, command: Command, body: Body) -> None:
        """Sign and send."""
        await self.send(self.order(command, body, jti=f"jti-{len(self.orders)}"))

    async def send(self, order: Order) -> None:
        """Deliver, and remember what was answered."""
        if order not in self.orders:
            self.orders.append(order)
        answer = await self.teller.execute(order)
        known = self.answers.setdefault(order.command_id, answer)
        assert replace(known, duplicate=True) == replace(answer, duplicate=True), "two answers to one command"
        assert answer.reason != "crashed_before", "it crashed nothing"

    async def deliver_all(self) -> None:
        """What has no answer yet is sent again, in order, by the same ids."""
        for order in self.orders:
            if order.command_id not in self.answers:
                await self.send(order)

    def settle(self) -> None:
        """Hold the accounts in memory against what was signed."""
        for account_id, (number, total_nano) in self.totals.items():
            account = self.teller.accounts[account_id]
            assert (account.top_up_sequence, account.top_up_total_nano) == (number, total_nano), "credit as signed"
        taken = dict.fromkeys(self.teller.accounts, 0)
        for command_id, (account_id, total_nano) in self.reversals.items():
            if self.answers[command_id].status == "applied":  # the total takes what was refused before along
                taken[account_id] = max(taken[account_id], total_nano)
        found = {account_id: account.reversal_total_nano for account_id, account in self.teller.accounts.items()}
        assert found == taken, "taken back as answered"
        assert {answer.status for answer in self.answers.values()} <= set(VerdictStatus)


Told = Callable[[verdict.Content], None]


@contextmanager
def observed(told: Told) -> Iterator[None]:
    """After each commit, and after each start, say what the store holds; a short log, so that it turns over often."""
    change = Database.change

    async def telling(self: Database, *arguments: Any, **options: Any) -> Any:
        result = await change(self, *arguments, **options)
        told(await self.run(_audited))
        return result

    with (
        mock.patch.object(Database, "change", telling),
        mock.patch.object(database, "WAL_PAGES", 24),
        mock.patch.object(database, "WAL_BYTES", 1 << 16),
        mock.patch.object(copies, "SLICE", 20),
    ):
        yield


def _audited(raw: Any) -> verdict.Content:
    verdict.audit(raw)
    return verdict.content(raw)


def books(folder: Path, seed: int) -> Books:
    """A gateway with its store in a folder."""
    return Books(folder / "store.db", chance=random.Random(seed))
