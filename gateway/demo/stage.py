"""The stage: a private folder, the broker, the simulated meters, the real daemon, and the reference head-end.

    async with set_up(Plan()) as stage:
        await stage.simulator.say("load flat 3000")
        await stage.headend.topup("CH-DEMO-1", "20.00", "CHF")

Only the head-end lives in this process. Everything else is a child and is gone when the block ends, however it ends.
"""

from __future__ import annotations

import asyncio
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway.demo import files
from gateway.demo.programs import BrokerProgram, Program, Simulator, StageError
from gateway.headend.link import Broker
from gateway.headend.payloads import Live
from gateway.reference.book import Book
from gateway.reference.chain import Checked
from gateway.reference.headend import HeadEnd

_PORT_TRIES = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """How the evening begins. `scenario` is a name or a file of firmware-sim."""

    scenario: str = "demo"
    flat_balance: str = "1.80"
    shop_balance: str = "60.00"


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs, and the folder with what it says."""

    folder: Path
    broker: BrokerProgram
    simulator: Simulator
    daemon: Program
    headend: HeadEnd

    async def fallen(self) -> str:
        """Wait until a program has ended that nobody stopped; a sentence for a person."""
        waits = [asyncio.ensure_future(program.ended()) for program in (self.simulator, self.daemon, self.broker)]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for wait in waits:
                wait.cancel()


@asynccontextmanager
async def set_up(
    plan: Plan,
    *,
    on_row: Callable[[Checked], None] = lambda _: None,
    on_live: Callable[[Live], None] = lambda _: None,
    on_trouble: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[Stage]:
    """Set everything up and take it down again. Raises StageError when a program does not start."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="prepaid-demo-")))
        simulator = Simulator(plan.scenario, folder, folder / "simulator.log")
        stack.push_async_callback(simulator.stop)
        broker, _ = await asyncio.gather(_broker(folder, stack), simulator.start())
        ends = files.Ends(simulator.lines["rs485"]["pty"], simulator.lines["lan"]["tcp"], broker.port)
        file, signer = files.write(folder, ends, flat_balance=plan.flat_balance, shop_balance=plan.shop_balance)
        daemon = Program("the daemon", ["-m", "gateway", "run", "--config", str(file)], folder / "daemon.log")
        headend = HeadEnd(
            Broker("127.0.0.1", broker.port, "demo-headend", keepalive_s=5),
            files.GATEWAY_ID,
            signer,
            Book(folder / "book.json"),
            on_row=on_row,
            on_live=on_live,
            on_trouble=on_trouble,
        )
        await stack.enter_async_context(headend)
        await headend.connected()  # first, so that nothing the daemon says is missed
        stack.push_async_callback(daemon.stop)
        await daemon.start()
        yield Stage(folder, broker, simulator, daemon, headend)


async def _broker(folder: Path, stack: AsyncExitStack) -> BrokerProgram:
    """The broker on a free port; somebody else may take that port first, so more than one try."""
    for tries_left in reversed(range(_PORT_TRIES)):
        broker = BrokerProgram(_free_port(), folder / "broker.log")
        stack.push_async_callback(broker.stop)
        try:
            await broker.start()
        except StageError:
            if not tries_left:
                raise
        else:
            return broker
    raise AssertionError("unreachable")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
