"""The daemon's process and the service manager that starts it again: `app.run` with ports of this world."""

from __future__ import annotations

import asyncio
import contextvars
import gc
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway import app
from gateway.clock import SystemClock
from gateway.config.loader import Configuration
from gateway.console.door import OpenDesk
from gateway.errors import CommitUnknown, StoreError
from gateway.meters.bus import Bus
from tests.simulation.broker import SimLink
from tests.simulation.console import Console
from tests.simulation.medium import CARD, PowerCut
from tests.simulation.wire import Wire

if TYPE_CHECKING:
    from gateway.installation import Installation
    from tests.simulation.kernel import Machine
    from tests.simulation.medium import Medium
    from tests.simulation.world import World

RESTART_S = 5.0
RESTART_SELDOM_S = 120.0
"""After many failures in a row; systemd would go on every few seconds, and nothing new would be seen."""
FAILURES_MANY = 12
SYNCHRONISED_AFTER_S = 120.0
ASKED_EVERY_S = 1024.0


@dataclass(frozen=True, slots=True)
class Computer:
    """What a process runs on. A clone has its own, and no meter (`wired` False)."""

    medium: Medium
    machine: Machine
    installation: Installation
    wired: bool = True


@dataclass(frozen=True, slots=True)
class _NoLine:
    """A bus without a cable."""

    id: str
    plugged: bool = False


class Process:
    """One life after another; `life` counts them. Those of a clone are nobody's promise: no invariant hears of it."""

    def __init__(self, world: World, computer: Computer) -> None:
        self.life = 0
        self.clock: SystemClock | None = None
        self.context: contextvars.Context | None = None
        """Of this life: whose card it is."""
        self.computer = computer
        self.console = Console(world, self)
        self._world = world
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._wires: list[Wire] = []
        self._links: list[SimLink] = []
        self._dying: set[asyncio.Task[None]] = set()
        self._start_due = 0
        self._failures = self._refusals = 0
        self._booted_life = 0

    @property
    def running(self) -> bool:
        """Whether the daemon is up."""
        return self._task is not None

    def start(self, *, boot: bool = True) -> None:
        """Power on, if it is off; without `boot` the service manager starts the process again."""
        if self._task is not None:
            return
        world, computer = self._world, self.computer
        self.life += 1
        if self._failures:
            gc.collect()  # an error that is still remembered holds the cursor it left open, and that the store's lock
        if boot:
            computer.machine.boot()
            computer.medium.boot += 1
            self._booted_life = life = self.life
            world.later(SYNCHRONISED_AFTER_S, lambda: self._ask_servers(life))
        world.tell(f"start {self.life}" if computer.wired else "the clone starts")
        self._wires, self._links, self._stop = [], [], asyncio.Event()
        self.clock = SystemClock(computer.machine.kernel())
        run = app.run(
            computer.installation,
            clock=self.clock,
            stop=self._stop,
            link_factory=self._link,
            bus_factory=lambda table, _installation, clock: self._bus(table.id, clock),
            front=self._front,
            channel_factory=lambda _, __: world.post.channels() if computer.wired else [],
        )
        world.hear(world.on.started if computer.wired else ())
        self.context = context = contextvars.copy_context()
        context.run(CARD.set, computer.medium)
        self._task = asyncio.get_running_loop().create_task(run, name=f"life {self.life}", context=context)
        self._task.add_done_callback(self._ended)

    @property
    def refused(self) -> bool:
        """It does not run, and all starts since the power came back have failed."""
        return self._refusals > 1 and not self.running

    def end(self) -> None:
        """Switched off for ever."""
        if self._task is not None:
            self._die("the clone ends")
        self._start_due += 1

    def start_later(self, seconds: float, *, boot: bool = True) -> None:
        """Start in a while, unless somebody else does before."""
        self._start_due += 1
        due = self._start_due
        self._world.later(seconds, lambda: self.start(boot=boot) if due == self._start_due else None)

    def kill(self) -> None:
        """The process is killed, as a watchdog does; the machine stays up and starts it again."""
        if self._task is not None:
            self._die("kill")
            self.start_later(RESTART_S, boot=False)

    def cut(self, off_s: float) -> None:
        """The power goes, now; it comes back after `off_s`."""
        self.computer.machine.save()
        self._refusals = 0
        self._die(f"cut for {off_s:.0f} s")
        self.start_later(off_s)

    def _die(self, how: str) -> None:
        task, self._task = self._task, None
        world = self._world
        world.tell(how if task is not None else f"{how}, being off")
        self.computer.medium.power_off()
        self.console.drop()
        for wire in self._wires:
            wire.dead = True
        for link in self._links:
            link.die()
        if task is not None:
            self._dying.add(task)
            task.cancel()
            world.hear(world.on.ended if self.computer.wired else (), "cut")

    def restart(self) -> None:
        """A clean stop and a new start."""
        self._stop.set()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task in self._dying:
            self._dying.discard(task)
            if not task.cancelled():
                task.exception()
            return
        self._task = None
        error = task.exception() if not task.cancelled() else asyncio.CancelledError()
        why = "stopped" if error is None else " + ".join(sorted({type(one).__name__ for one in _leaves(error)}))
        world = self._world
        world.tell(f"ended: {why}")
        for link in self._links:
            link.die()
        if error is not None and not all(isinstance(one, CommitUnknown | StoreError) for one in _leaves(error)):
            world.violated("I21", f"the process ended by {error!r}: {list(_leaves(error))!r}")
        elif error is not None and not world.faulted & {"medium", "image"}:
            world.violated("I21", f"the process ended by {list(_leaves(error))!r} on a sound card")
        world.hear(world.on.ended if self.computer.wired else (), why)
        self._failures = 0 if error is None else self._failures + 1
        self._refusals = 0 if error is None else self._refusals + 1
        self.start_later(RESTART_SELDOM_S if self._failures > FAILURES_MANY else RESTART_S, boot=False)

    def _ask_servers(self, life: int) -> None:
        """timesyncd, as long as the machine is up."""
        if self._booted_life == life:
            self.computer.machine.ask_servers()
            self._world.later(ASKED_EVERY_S, lambda: self._ask_servers(life))

    async def _front(self, _: Configuration, __: SystemClock, open_desk: OpenDesk) -> None:
        """No socket in this world: actors ask at the desk itself, as long as this life lasts."""
        await self.console.serve(open_desk)

    def _link(self, *arguments: object) -> SimLink:
        broker, topics, will, _clock, trouble = arguments
        link = SimLink(self._world.broker, broker, topics, will, trouble)  # type: ignore[arg-type]
        link.owner = self
        self._links.append(link)
        return link

    def _bus(self, bus_id: str, clock: SystemClock) -> Bus:
        line = self._world.plant.line(bus_id) if self.computer.wired else _NoLine(bus_id)
        wire = Wire(line, self._world.written)  # type: ignore[arg-type]
        self._wires.append(wire)
        return Bus(wire, clock)  # type: ignore[arg-type]


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    elif not isinstance(error, PowerCut):
        yield error
