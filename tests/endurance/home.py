"""A house with meters, the real daemon in this process, its broker in memory and the reference head-end: on one loop.

`app.run` is the production composition; the meters answer over loopback TCP. Only time, the broker and the head-end's
file are stand-ins.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from firmware_sim.simulation import Simulation
from gateway import app
from gateway.clock import SystemClock
from gateway.headend.link import Broker, Inbound, Link, OnTrouble, Will
from gateway.installation import load
from gateway.reference.book import Book, Content
from gateway.reference.headend import HeadEnd
from gateway.reference.sign import new_signer
from tests.endurance.hurry import Hurried
from tests.endurance.postbox import Postbox

GATEWAY = "gw-years"
ACCOUNTS = ("HOME-1", "HOME-2", "HOME-3", "HOME-4")

SCENARIO = """\
name = "years"
description = "Four meters on two converters, each with a relay on a board."
[[line]]
id = "lan-a"
kind = "tcp"
[[line]]
id = "lan-b"
kind = "tcp"
[[meter]]
id = "m1"
line = "lan-a"
unit = 1
model = "sdm630"
serial = 21500001
start_kwh = 1000
load = 400
[[meter]]
id = "m2"
line = "lan-a"
unit = 2
model = "sdm630"
serial = 21500002
start_kwh = 70
load = 900
[[relay]]
id = "board"
line = "lan-a"
unit = 17
[[relay.drives]]
channel = 0
meter = "m1"
energised = "closed"
[[relay.drives]]
channel = 1
meter = "m2"
energised = "closed"
[[relay.drives]]
channel = 2
meter = "m3"
energised = "closed"
[[relay.drives]]
channel = 3
meter = "m4"
energised = "closed"
[[meter]]
id = "m3"
line = "lan-b"
unit = 3
model = "iem3155"
start_kwh = 40210
load = 1500
[[meter]]
id = "m4"
line = "lan-b"
unit = 4
model = "sdm630"
serial = 21500004
start_kwh = 0
load = 150
"""
_SWITCH = """\
switch = {{ kind = "relay", model = "generic-relay", bus = "lan-a", address = 17, channel = {channel}, \
energised = "closed", when_dead = "holds" }}
"""
_SWITCHED, _THRESHOLD = 'limiter = { kind = "switched" }\n', 'limiter = { kind = "threshold" }\n'


class MemoryBook(Book):
    """The head-end's file without the file."""

    def __init__(self) -> None:
        super().__init__(Path("nowhere"))
        self._content = Content()

    def read(self) -> Content:
        """See `Book`."""
        return self._content

    @contextmanager
    def change(self) -> Iterator[Content]:
        """See `Book`."""
        yield self._content


class Office(HeadEnd):
    """The reference head-end; `heard` is told of every message as it came, before anything judges it."""

    heard: Callable[[str, bytes], None] = staticmethod(lambda topic, payload: None)

    @property
    def place(self) -> tuple[int, int]:
        """The last row and the last quarter-hour that arrived in order."""
        return self._chain.seq, self._quarters.number

    async def _take(self, message: Inbound) -> None:
        self.heard(message.topic, message.payload)
        await super()._take(message)
        self.rows.clear()  # they are kept for people; a proof of memory has its own list, or none
        self.intervals.clear()


class Home:
    """One gateway's whole world; build it with `living`."""

    def __init__(self, sim: Simulation, box: Postbox, office: Office, store: Path, clocks: Hurried) -> None:
        self.sim, self.box, self.office, self.store, self.clocks = sim, box, office, store, clocks
        self.link: Link | None = None

    async def quiet(self) -> None:
        """All lines and the broker are back, with time enough to send what is left."""
        self.box.up()
        for line in ("lan-a", "lan-b"):
            await self.sim.do(f"replug {line}")
        await asyncio.sleep(7200)

    @property
    def requests(self) -> int:
        """Requests that the meters have answered, counted by the simulator."""
        return sum(meter.requests for meter in self.sim.meters.values())


@asynccontextmanager
async def living(
    folder: Path, clocks: Hurried, box: Postbox, *, poll_s: int, accounts: Sequence[str] = ACCOUNTS
) -> AsyncIterator[Home]:
    """The daemon runs until the end of the block; its failure is raised there."""
    signer = new_signer("k1", "utility")
    async with Simulation.start(SCENARIO, clock=clocks) as sim:
        config = _write(folder, sim, poll_s, accounts)
        (folder / "headend-keys.toml").write_text(signer.public_table())
        office = Office(Broker("nowhere", 1, "office"), GATEWAY, signer, MemoryBook())
        office.link = box.link(office.topics.outbound)  # type: ignore[assignment]
        home = Home(sim, box, office, folder / "data" / "store.db", clocks)

        def link(_: Broker, topics: Sequence[str], __: Will, ___: SystemClock, ____: OnTrouble) -> Link:
            home.link = box.link(topics)
            return home.link

        stop = asyncio.Event()
        async with office:
            daemon = asyncio.create_task(
                app.run(load(config), clock=clocks.gateway(), stop=stop, link_factory=link), name="daemon"
            )
            try:
                await office.until(lambda: len(office.live) == len(accounts), 60)
                yield home
            finally:
                stop.set()
                await daemon


def _write(folder: Path, sim: Simulation, poll_s: int, accounts: Sequence[str]) -> Path:
    (folder / "data").mkdir()
    parts = [
        f'[gateway]\nid = "{GATEWAY}"\ndata = "data"\ntimezone = "Europe/Zurich"\n',
        '[headend]\nhost = "127.0.0.1"\nport = 1\ntls = false\nkeys = "headend-keys.toml"\nlive_s = 0\n',
    ]
    parts += [
        f'[[bus]]\nid = "{name}"\nkind = "tcp"\nhost = "127.0.0.1"\nport = {sim.line(name).port}\n'
        for name in ("lan-a", "lan-b")
    ]
    rows = [
        ("lan-a", 1, "eastron-sdm630", _SWITCHED),
        ("lan-a", 2, "eastron-sdm630", _SWITCHED),
        ("lan-b", 3, "schneider-iem3155", _THRESHOLD),
        ("lan-b", 4, "eastron-sdm630", ""),
    ]
    for account, (bus, unit, model, more) in zip(accounts, rows, strict=False):
        parts.append(
            f'[[meter]]\nid = "m{unit}"\nbus = "{bus}"\naddress = {unit}\nmodel = "{model}"\nrated_power_w = 17300\n'
            f"poll_s = {poll_s}\n{more}{_SWITCH.format(channel=unit - 1)}"
            f'[[account]]\nid = "{account}"\nmeter = "m{unit}"\ncurrency = "CHF"\npolicy = "prepaid"\n'
            f'tariff = "ch-high-low"\ncontract_power_w = 3000\nopening_balance = "20.00"\n'
        )
    config = folder / "gateway.toml"
    config.write_text("".join(parts))
    return config
