"""A delivery point with its books in a real store: a meter that is read every five minutes, and orders as if signed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec import structs

from gateway.commands import Command
from gateway.commands.claims import Body
from gateway.config.document import load
from gateway.config.policies import PolicyDocument
from gateway.config.tariffs import TariffDocument
from gateway.prepayment.account import Account
from gateway.prepayment.events import Contact, Reading, Tick
from gateway.store import Answer
from tests.counter import Counter
from tests.prepayment.worlds import MONDAY_MS

CONFIG = Path(__file__).parent.parent.parent / "config"
POLICY = structs.replace(load(CONFIG / "policies" / "prepaid.toml", PolicyDocument), calendar="test")
TARIFF = load(CONFIG / "tariffs" / "ch-flat.toml", TariffDocument)
POLL_MS = 300_000
QUARTER_MS = 900_000
HOUR_MS = 3_600_000


def run(story: Coroutine[Any, Any, None]) -> None:
    """One test's story."""
    asyncio.run(story)


def instant(after_ms: int) -> datetime:
    """So long after Monday 09:00 in Zurich, when every story begins."""
    return datetime.fromtimestamp(MONDAY_MS / 1000, UTC) + timedelta(milliseconds=after_ms)


@dataclass
class Premises:
    """One account `CH-1` on meter `m1`, 100 Wh each five minutes unless told otherwise."""

    counter: Counter
    register_wh: int = 0
    export_wh: int | None = None
    serial: str | None = None
    answers: list[Answer] = field(default_factory=list)

    async def begin(self) -> None:
        """Open the books and read the meter for the first time."""
        await self.counter.start("CH-1")
        await self.read()

    async def read(self) -> None:
        """One poll, by whichever account the meter serves now."""
        clock, teller = self.counter.clock, self.counter.teller
        account = teller.account_of_meter("m1")
        assert account is not None
        reading = Reading(clock.now(), self.register_wh, export_wh=self.export_wh, serial=self.serial)
        await teller.post(account.account_id, Contact(clock.now()))
        await teller.post(account.account_id, reading)

    async def live(self, ms: int, *, wh: int = 100, poll_ms: int = POLL_MS) -> None:
        """Let time pass with polls."""
        for _ in range(ms // poll_ms):
            self.counter.clock.advance(poll_ms)
            self.register_wh += wh
            await self.read()

    async def tick(self) -> None:
        """Nothing but time passed."""
        for account_id in tuple(self.counter.teller.accounts):
            await self.counter.teller.post(account_id, Tick(self.counter.clock.now()))

    async def order(self, command: Command, body: Body, **named: Any) -> Answer:
        """Send one signed command and keep its answer."""
        answer = await self.counter.teller.execute(self.counter.order(command, body, **named))
        self.answers.append(answer)
        return answer

    @property
    def account(self) -> Account:
        """The account the meter serves."""
        found = self.counter.teller.account_of_meter("m1")
        assert found is not None
        return found

    async def rows(self, kind: str, **named: object) -> list[dict[str, Any]]:
        """The journal's rows of a type, as they are sent."""
        found = [json.loads(row.body) for row in await self.counter.store.rows_after(0, 10_000)]
        rows = [row for row in found if row["type"] == kind]
        return [row for row in rows if all(row.get(name) == value for name, value in named.items())]

    async def certificates(self) -> list[dict[str, Any]]:
        """Every certificate on record."""
        return await self.rows("certificate")

    async def quarters(self, account_id: str) -> list[dict[str, Any]]:
        """The load curve of one account as it is stored."""
        await self.counter.teller.checkpoint()
        rows = await self.counter.store.intervals_after(0, 10_000)
        return [json.loads(row.body) for row in rows if row.account_id == account_id]
