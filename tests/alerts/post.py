"""A gateway's books with one scripted channel: what it is handed, and what it answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

import msgspec

from gateway.alerts.channel import Message, Result, Sent
from gateway.alerts.outbox import Outbox, Shared
from gateway.alerts.queue import Limits
from gateway.alerts.recipients import Recipient, mask
from gateway.config.settings import UtilityTable
from gateway.prepayment.account import Account
from gateway.prepayment.ledger import Notice, Record
from gateway.prepayment.money import NANO
from gateway.store import Store
from gateway.teller import Teller
from tests.alerts.samples import CASES, LANGUAGES, shipped
from tests.counter import HandClock, opening, terms

UTILITY = UtilityTable("SES", "0848 238 238", "www.ses.ch")
LIMIT_S = 20.0
_P = ParamSpec("_P")
ANNA = Recipient("CH-1", 1, "anna@example.org", mask("anna@example.org"), "it")
BRUNO = Recipient("CH-1", 2, "bruno@example.org", mask("bruno@example.org"), "de")
TEXTS = {language: shipped(language) for language in LANGUAGES}


def lived(story: Callable[_P, Coroutine[Any, Any, None]]) -> Callable[_P, None]:
    """A test that is a story in an event loop of its own."""

    @wraps(story)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> None:
        asyncio.run(story(*args, **kwargs))

    return run


class StillClock(HandClock):
    """A clock whose sleeper waits until the test moves it."""

    def __init__(self) -> None:
        super().__init__()
        self.moved = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        """Until so much time has passed."""
        due_ms = self.running_ms + int(seconds * 1000)
        while self.running_ms < due_ms:
            await self.moved.wait()
            await asyncio.sleep(0)

    def pass_by(self, ms: int) -> None:
        """Let time pass for everybody who waits."""
        self.advance(ms)
        moved, self.moved = self.moved, asyncio.Event()
        moved.set()


@dataclass
class Scripted:
    """A `Channel` that does what the test says; without a script all is sent."""

    name: str = "email"
    state: str = ""
    sent: list[Message] = field(default_factory=list)
    answer: Callable[[Message], Result] = lambda _message: Sent("ref")
    hang: asyncio.Event | None = None
    closed: int = 0

    async def send(self, message: Message) -> Result:
        """See `Channel`."""
        self.sent.append(message)
        if self.hang is not None:
            await self.hang.wait()
        return self.answer(message)

    async def close(self) -> None:
        """See `Channel`."""
        self.closed += 1


@dataclass
class Post:
    """What runs."""

    store: Store
    teller: Teller
    clock: StillClock
    channel: Scripted
    outbox: Outbox
    task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Let the channel work."""
        self.task = asyncio.create_task(self.outbox.run())

    async def stop(self) -> None:
        """As a crash does: in the middle of whatever it is."""
        if self.task is not None:
            self.task.cancel()
            with suppress(asyncio.CancelledError):
                await self.task
            self.task = None

    async def tell(self, template: str, **detail: str | int) -> int:
        """One notice goes on record; its number."""
        balance, facts = CASES.get(template, (5, {}))
        record = Notice(self.clock.now(), "CH-1", template, balance * NANO, "CHF", tuple({**facts, **detail}.items()))
        return await self.record(record)

    async def record(self, *records: Record) -> int:
        """Rows as the daemon would write them; the number of the last."""
        rows = await self.store.commit(at=self.clock.now(), records=records)
        self.outbox.wake()
        return rows[-1].seq

    async def rows(self) -> list[dict[str, Any]]:
        """All rows about alerts."""
        found = [msgspec.json.decode(row.body) for row in await self.store.rows_after(0, 100_000)]
        return [row for row in found if row.get("what", "").startswith("alert.")]

    async def settle(self) -> None:
        """Wait until the channel has nothing to do at this instant."""
        async with asyncio.timeout(LIMIT_S):
            quiet = 0
            while quiet < 5:
                before = (len(self.channel.sent), self.store.head.seq, self.outbox.behind_rows)
                await self.store.cursor()
                await asyncio.sleep(0.002)
                same = before == (len(self.channel.sent), self.store.head.seq, 0)
                quiet = quiet + 1 if same else 0

    async def until(self, what: Callable[[], object]) -> None:
        """Wait for it."""
        async with asyncio.timeout(LIMIT_S):
            while not what():
                await asyncio.sleep(0.002)


@asynccontextmanager
async def post(
    folder: Path,
    *,
    channel: Scripted | None = None,
    clock: StillClock | None = None,
    recipients: tuple[Recipient, ...] = (ANNA,),
    limits: Limits | None = None,
    state: Callable[[str], Account | None] | None = None,
) -> AsyncIterator[Post]:
    """A run over the store in this folder; leaving the block is a crash."""
    clock = clock or StillClock()
    store = await Store.open(folder / "store.db")
    clock.running_ms = max(clock.running_ms, store.saved.running_ms)
    teller = await Teller.open(store, clock, terms)
    if teller.account("CH-1") is None:
        await teller.open_account(opening())
    channel = channel or Scripted()
    shared = Shared("gw-1", store, teller, clock, UTILITY, TEXTS)
    outbox = Outbox(channel, shared, recipients, limits or Limits("Europe/Zurich"))
    if state is not None:
        outbox.queue.account_of = state
    teller.subscribe_committed(outbox.wake)
    running = Post(store, teller, clock, channel, outbox)
    try:
        yield running
    finally:
        await running.stop()
        await store.close()
