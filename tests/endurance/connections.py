"""Ten thousand connections that break: to a real broker, to a meter on TCP and to one on a serial line.

The production link with everything that hangs on it (status, time, uplink, downlink) talks to mosquitto through a
relay that resets the connection; the reference head-end answers on its own. Each time a top-up's worth of work must get
through before the next break. On the meters' side the converter resets the connection and the adapter is unplugged.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, cast

from firmware_sim.rtu import RtuLine
from firmware_sim.simulation import Simulation
from firmware_sim.tcp import TcpLine
from gateway.clock import SystemClock
from gateway.errors import MeterError
from gateway.headend.connection import MqttLink
from gateway.headend.link import Broker, Link, OnTrouble, Will
from gateway.meters.modbus import ModbusLink, open_serial, open_tcp
from gateway.meters.planner import parse_line
from tests.brokers import Mosquitto
from tests.endurance import gauge
from tests.endurance.home import MemoryBook, Office
from tests.endurance.hurry import took
from tests.endurance.tap import pass_on
from tests.figures import record
from tests.headend import world
from tests.headend.world import GATEWAY, Running, World
from tests.meters.wall import RTU

T = TypeVar("T")

SLOPE_MAX = 8.0
"""Bytes per connection; one task, future or thread left behind is several hundred."""
SWING_MAX = 120_000
"""Cancelled timers stay in the event loop until there are a hundred of them, or their time comes; caches fill."""
LOOKS = 60
TELLING = 5_000
"""A smaller run, a share of a landing, leaves no figures."""
WITHIN_S = 10.0


class _Relay:
    """Passes a broker's port on until `cut`."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.port = 0
        self.cuts = 0
        self._open: set[asyncio.StreamWriter] = set()

    async def taken(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client."""
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        both = {writer, back}
        self._open |= both
        try:
            await asyncio.gather(pass_on(reader, back), pass_on(there, writer))
        finally:
            self._open -= both

    def cut(self) -> None:
        """Reset every connection."""
        self.cuts += 1
        for writer in self._open:
            writer.transport.abort()


@asynccontextmanager
async def _relayed(port: int) -> AsyncIterator[_Relay]:
    relay = _Relay(port)
    server = await asyncio.start_server(relay.taken, "127.0.0.1", 0)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        relay.cut()


class _Eager(World):
    """A gateway that tries again at once."""

    def _link(self, broker: Broker, topics: Sequence[str], will: Will, clock: SystemClock, _: OnTrouble) -> Link:
        self.link = MqttLink(broker, topics, will=will, sleep=clock.sleep, backoff_s=(0.001, 0.002))
        return self.link


async def _broker(folder: Path, port: int, size: int, *, leak: bool) -> list[gauge.Look]:
    """`size` connections of the whole head-end side."""
    looks = gauge.Looks(LOOKS)
    kept: list[Any] = []
    async with _relayed(port) as relay:
        here = _Eager(folder, relay.port)
        office = Office(Broker("127.0.0.1", port, "headend"), GATEWAY, here.signer, MemoryBook())
        arrived: list[bytes] = []

        def heard(topic: str, payload: bytes) -> None:
            if topic == office.topics.status and b'"online":true' in payload:
                arrived.append(payload)

        office.heard = heard
        async with office, here.gateway() as running:
            for number in range(1, size + 1):
                assert here.link is not None
                session = await _alive(running, here.link.connected())
                await _alive(running, office.until(lambda: arrived, WITHIN_S))
                if number % 10 == 0:
                    await running.teller.note("endurance", (("connection", number),))
                if leak:
                    kept.append(asyncio.ensure_future(asyncio.sleep(3600)))
                arrived.clear()
                relay.cut()
                await _alive(running, here.link.lost(session))
                if looks.due(number, size):
                    looks.look(number)
    for task in kept:
        task.cancel()
    return looks.taken()


async def _alive(running: Running, wait: Coroutine[Any, Any, T]) -> T:
    """Wait for something of a head-end side that runs; its own error if it has ended."""
    waiting = asyncio.ensure_future(wait)
    await asyncio.wait({waiting, running.task}, timeout=2 * WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
    if waiting.done():
        return waiting.result()
    waiting.cancel()
    assert running.task.done(), "the connection does not come back"
    running.task.result()
    raise AssertionError("the head-end side ended without an error")


async def _meters(size: int) -> list[gauge.Look]:
    """`size` connections to a converter, and a quarter as many to a serial adapter."""
    clock, looks = SystemClock(), gauge.Looks(LOOKS)
    async with Simulation.start(RTU) as sim:
        rtu, tcp = cast("RtuLine", sim.line("rs485")), cast("TcpLine", sim.line("lan"))
        lan = open_tcp("lan", tcp.host, tcp.port, clock, timeout_ms=500)
        serial = open_serial("rs485", str(rtu.path), parse_line("19200 8N1"), clock, timeout_ms=200, gap_ms=2)
        try:
            for number in range(1, size + 1):
                await _answered(lan, 1, 0x0000)
                for client in tuple(tcp.clients):
                    client.abort()
                if number % 4 == 0:
                    await _answered(serial, 1, 0x0000)
                    await rtu.unplug()
                    await rtu.replug()
                if looks.due(number, size):
                    looks.look(number)
        finally:
            await lan.close()
            await serial.close()
    return looks.taken()


async def _answered(link: ModbusLink, unit: int, address: int) -> None:
    """Ask until there is an answer; the first try finds the line gone."""
    for _ in range(50):
        try:
            await link.read(unit, 3 if link.bus_id == "rs485" else 4, address, 2)
        except MeterError:
            await asyncio.sleep(0.01)
        else:
            return
    raise AssertionError(f"{link.bus_id} does not come back")


async def _run(folder: Path, port: int, size: int, *, leak: bool) -> dict[str, list[gauge.Look]]:
    return {"broker": await _broker(folder, port, size, leak=leak), "meters": await _meters(size)}


def prove(seed: int, size: int, *, leak: bool = False) -> list[str]:
    """`size` broken connections on each side; the seed is not needed. What is wrong, nothing if all is well."""
    del seed
    begun_s = time.monotonic()
    world.LIMIT_S = 3600.0
    with TemporaryDirectory() as name:
        (Path(name) / "mosquitto").mkdir()
        broker = Mosquitto(Path(name) / "mosquitto")
        broker.start()
        try:
            found = asyncio.run(_run(Path(name), broker.port, size, leak=leak))
        finally:
            broker.stop()
    figures: dict[str, Any] = {"connections": size}
    wrong = []
    for side, looks in found.items():
        grown = gauge.slope(looks)
        figures[f"bytes per connection, {side}"] = round(grown, 2)
        if grown >= max(SLOPE_MAX, SWING_MAX * 2 / size):
            wrong.append(f"memory grows by {grown:.1f} bytes per connection to the {side}")
        for what in ("files", "threads", "tasks"):
            figures[f"{what}, {side}"] = getattr(looks[-1], what)
            if gauge.risen(looks, what):
                wrong.append(f"{side}: {gauge.risen(looks, what)} more {what} than before")
    figures["seconds"] = took(begun_s)
    print(figures)
    if not leak and size >= TELLING:
        record("endurance-connections", figures)
    return wrong
