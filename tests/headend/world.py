"""One gateway's books with the production head-end side, and the reference head-end, on two ends of a real broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from gateway.clock import SystemClock
from gateway.commands.keys import Keyring, parse_keys
from gateway.config.loader import Configuration
from gateway.config.settings import GatewayTable, HeadendTable, Settings
from gateway.documents.key import DeviceKey
from gateway.headend.connection import MqttLink
from gateway.headend.link import Broker, Link, OnTrouble, Will
from gateway.headend.run import Headend
from gateway.reference.book import Book
from gateway.reference.headend import HeadEnd
from gateway.reference.sign import Signer, new_signer
from gateway.store import Store
from gateway.teller import Teller
from tests.counter import opening, terms

GATEWAY = "gw-1"
ACCOUNT = "CH-1"
LIMIT_S = 45.0


class World:
    """What survives a restart of the gateway: its store's file, the keys, the head-end's book."""

    def __init__(self, folder: Path, port: int, *, acknowledges: bool = True) -> None:
        self.folder = folder
        self.port = port
        self.signer = new_signer("k1", "utility")
        self.keys: Keyring = parse_keys(self.signer.public_table())
        self.book = Book(folder / "book.json")
        self.acknowledges = acknowledges
        self.troubles: list[str] = []
        self.link: MqttLink | None = None
        self.device: DeviceKey | None = None

    @property
    def configuration(self) -> Configuration:
        """gateway.toml in as far as the head-end side reads it."""
        headend = HeadendTable("127.0.0.1", "keys.toml", self.port, tls=False, acknowledges=self.acknowledges)
        settings = Settings(GatewayTable(GATEWAY, str(self.folder), "Europe/Zurich"), (), (), headend)
        file = self.folder / "gateway.toml"
        return Configuration(file, settings, (), {}, {}, {}, {}, self.folder / "keys.toml")

    @asynccontextmanager
    async def gateway(self) -> AsyncIterator[Running]:
        """A run of the gateway; leaving the block is a crash: nothing in memory is saved."""
        store = await Store.open(self.folder / "store.db")
        clock = SystemClock()
        clock.resume(store.saved.running_ms, store.saved.bound_utc_ms)
        teller = await Teller.open(store, clock, terms, awaits=self.acknowledges)
        if teller.account(ACCOUNT) is None:
            await teller.open_account(opening(ACCOUNT))
        headend = Headend(
            self.configuration,
            self.keys,
            store=store,
            teller=teller,
            clock=clock,
            factory=self._link,
            device=self.device,
        )
        task = asyncio.create_task(headend.run())
        try:
            async with asyncio.timeout(LIMIT_S):
                await until(lambda: headend.connected)
                assert self.link is not None
                await self.link.connected()  # subscribed too: the first time ever, a broker keeps nothing for us before
                yield Running(store, teller, clock, headend, task)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await store.close()

    def headend(self, *, follow: bool = True, signer: Signer | None = None, book: Book | None = None) -> HeadEnd:
        """The reference head-end; use it as an async context manager."""
        broker = Broker("127.0.0.1", self.port, "headend")
        return HeadEnd(broker, GATEWAY, signer or self.signer, book or self.book, follow=follow)

    def _link(self, broker: Broker, topics: Sequence[str], will: Will, clock: SystemClock, told: OnTrouble) -> Link:
        def trouble(why: str) -> None:
            self.troubles.append(why)
            told(why)

        self.link = MqttLink(broker, topics, will=will, sleep=clock.sleep, on_trouble=trouble, backoff_s=(0.02, 0.2))
        return self.link


class Running:
    """One run of the gateway."""

    def __init__(
        self, store: Store, teller: Teller, clock: SystemClock, headend: Headend, task: asyncio.Task[None]
    ) -> None:
        self.store = store
        self.teller = teller
        self.clock = clock
        self.headend = headend
        self.task = task

    @property
    def balance_nano(self) -> int:
        """Of the one account."""
        account = self.teller.account(ACCOUNT)
        assert account is not None
        return account.balance_nano

    async def happenings(self) -> list[bytes]:
        """The journal's rows as they are sent."""
        return [row.body for row in await self.store.rows_after(0, 10_000)]


async def until(what: Callable[[], object]) -> None:
    """Wait for something that another task or program does."""
    while not what():
        await asyncio.sleep(0.005)
