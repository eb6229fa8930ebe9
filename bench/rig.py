"""What both proofs stand on: a broker in a process of its own, the real daemon, a reference head-end that serves it."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.children import Child, ChildFailed, child
from bench.plant import GATEWAY_ID, Ports, scenario, write_gateway
from bench.targets import METERS
from gateway.headend.link import Broker
from gateway.reference.book import Book
from gateway.reference.headend import HeadEnd

STARTED_WITHIN_S = 20.0


@asynccontextmanager
async def broker(folder: Path) -> AsyncIterator[int]:
    """The embedded MQTT broker; gives its port."""
    port = free_port()
    async with child(folder / "broker.log", "-m", "gateway.demo.broker", "--port", str(port), piped=True) as running:
        await running.line()
        yield port


@asynccontextmanager
async def simulator(folder: Path) -> AsyncIterator[int]:
    """The simulated meters in a process of their own; gives their TCP port."""
    file = folder / "plant.toml"
    file.write_text(scenario(), "utf-8")
    async with child(folder / "simulator.log", "-m", "firmware_sim", "run", str(file), piped=True) as running:
        lines = json.loads(await running.line())["lines"]
        yield int(lines[0]["tcp"])


@asynccontextmanager
async def daemon(
    folder: Path, ports: Ports, *, opening_balance: str, grace: str
) -> AsyncIterator[tuple[Child, HeadEnd]]:
    """`prepaid-gateway run` as a user starts it, past its first poll, with its head-end in this process."""
    config, signer = write_gateway(folder, ports, opening_balance=opening_balance, grace=grace)
    place = Broker("127.0.0.1", ports.mqtt, "bench-headend", keepalive_s=3600)
    async with (
        HeadEnd(place, GATEWAY_ID, signer, Book(folder / "book.json")) as headend,
        child(folder / "gateway.log", "-m", "gateway", "run", "--config", str(config)) as running,
    ):
        deadline_s = time.monotonic() + STARTED_WITHIN_S
        while len(headend.live) < METERS:
            running.check()
            if time.monotonic() > deadline_s:
                raise ChildFailed(f"only {len(headend.live)} meters are read; the end of the log:\n{running.tail()}")
            await asyncio.sleep(0.02)
        yield running, headend


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
