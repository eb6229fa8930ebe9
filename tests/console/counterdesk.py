"""A desk over real books, a real lock and the real downlink, with a clock that the test moves and no link."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.commands.keys import parse_keys
from gateway.config.settings import ConsoleTable
from gateway.console import servicekey
from gateway.console.access import Access, Outside
from gateway.console.actions import ACTIONS
from gateway.console.desk import Desk, answer
from gateway.console.session import Session
from gateway.console.wire import Answer, Ask, Role
from gateway.documents.key import DeviceKey
from gateway.headend.downlink import Downlink
from gateway.headend.topics import Topics
from gateway.meters.meter import Observation
from gateway.plant import Seen
from gateway.reference.sign import new_signer
from tests.counter import Counter

GATEWAY = "gw-1"
MASTER = b"m" * 32
SERVICE_KEY = servicekey.derive(MASTER, GATEWAY)


async def aside(work: Callable[[], Any]) -> Any:
    """At once: a test's clock stands still meanwhile."""
    return work()


@dataclass
class Station:
    """One gateway with its console; `answers` are what `ask` gives."""

    folder: Path
    counter: Counter = field(init=False)
    session: Session = field(default_factory=lambda: Session("tester"))
    challenges: frozenset[str] = frozenset({"challenge-1"})

    def __post_init__(self) -> None:
        self.counter = Counter(self.folder / "store.db")
        self.signer = new_signer("k1", "utility")
        self.key_file = self.folder / "service.key"
        self.key_file.write_text(servicekey.written(SERVICE_KEY))
        self.key_file.chmod(0o600)
        self.desk: Desk = cast("Desk", None)
        self.device = DeviceKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
        self.seen: dict[str, Seen] = {}

    @asynccontextmanager
    async def open(self, *accounts: str) -> AsyncIterator[Station]:
        """One run of the gateway: what is only in memory is lost when the block ends."""
        teller = await self.counter.start(*accounts)
        clock = self.counter.clock
        access = Access(
            self.folder,
            GATEWAY,
            ConsoleTable(),
            clock,
            teller.note,
            service_key=self.key_file,
            outside=Outside(aside=aside),
        )
        parts: Any = SimpleNamespace(challenges=self.challenges)
        downlink = Downlink(
            cast("Any", None),
            teller,
            clock,
            Topics(GATEWAY),
            parse_keys(self.signer.public_table()),
            status=parts,
            uplink=parts,
            timesync=parts,
        )
        table = SimpleNamespace(id=GATEWAY, timezone="Europe/Zurich")
        settings = SimpleNamespace(gateway=table, console=ConsoleTable(sticks=("/dev",)))
        installation = SimpleNamespace(configuration=SimpleNamespace(settings=settings), points=())
        self.desk = Desk(
            cast("Any", installation),
            self.counter.store,
            teller,
            cast("Any", clock),
            cast("Any", SimpleNamespace(latest=self.seen.get)),
            cast("Any", downlink),
            self.device,
            access,
        )
        try:
            yield self
        finally:
            await self.counter.crash()

    def as_role(self, role: Role, *, proven: bool = False, who: str = "anna") -> None:
        """Somebody has logged in."""
        now_ms = self.counter.clock.monotonic_ms()
        self.session = Session("tester", who, role, proven, since_ms=now_ms, active_ms=now_ms)

    def shows(self, meter_id: str, import_wh: int | None, serial: str | None = None) -> None:
        """What the meter on the line says of itself at this moment."""
        observed = Observation(import_wh, None, 1, None, 0, None, None, None, serial, {})
        self.seen[meter_id] = Seen(self.counter.clock.running_ms, observed, serial or "", {})

    async def ask(self, do: str, **args: Any) -> Answer:
        """One ask of the line."""
        return await answer(self.desk, self.session, Ask(1, do, args), ACTIONS)

    async def done(self, do: str, **args: Any) -> dict[str, Any]:
        """The data of an ask that must go well."""
        given = await self.ask(do, **args)
        assert given.ok, given
        data: dict[str, Any] = msgspec.to_builtins(given.data)
        return data

    async def refused(self, do: str, **args: Any) -> tuple[str, dict[str, str | int]]:
        """The reason and the detail of an ask that must be refused."""
        given = await self.ask(do, **args)
        assert not given.ok, given
        return given.reason, given.detail

    async def rows(self, kind: str = "") -> list[dict[str, Any]]:
        """The journal, or its rows of one type."""
        found = [msgspec.json.decode(row.body) for row in await self.counter.store.rows_after(0, 10_000)]
        return [row for row in found if not kind or row["type"] == kind]


def story(run: Coroutine[Any, Any, None]) -> None:
    """One test's story."""
    asyncio.run(run)
