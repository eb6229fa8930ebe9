"""A channel on a simulated modem: the real driver, a real pty, the simulator's own reader of PDUs at the far end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from firmware_sim.faults import Kind
from firmware_sim.modem import Modem
from firmware_sim.simulation import Simulation
from gateway.alerts.channel import Message, Result, Sent
from gateway.alerts.modem import ModemChannel, Patience
from gateway.alerts.pdu import Fate
from gateway.alerts.serialport import opener
from gateway.clock import SystemClock

TO = "+41791234567"
SHORT = Patience(
    wake_s=0.5, answer_s=1.5, pin_s=1.5, register_s=0.6, look_s=0.05, prompt_s=1.5, submit_s=2.0, whole_s=12.0
)
"""A modem that hangs costs a test seconds and not minutes; a machine that is busy for a second spoils nothing."""
HASTY = Patience(
    wake_s=0.15, answer_s=0.3, pin_s=0.5, register_s=0.4, look_s=0.05, prompt_s=0.3, submit_s=0.5, whole_s=6.0
)
"""For tests with many time-outs, which must take it when one comes too early."""


@dataclass
class Cell:
    """One modem and the channel on it."""

    sim: Simulation
    modem: Modem
    channel: ModemChannel
    told: list[tuple[str, Fate]] = field(default_factory=list)

    async def send(self, text: str, message_id: str = "m-1", to: str = TO) -> Result:
        return await self.channel.send(Message(message_id, to, "", text))

    async def sent(self, text: str, message_id: str = "m-1") -> int:
        """Try until it goes, a dozen times at most; how many it took."""
        for tries in range(1, 13):
            if isinstance(await self.send(text, message_id), Sent):
                return tries
        raise AssertionError("it never went")

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not true():
                await asyncio.sleep(0.005)

    def when(self, command: str, act: Callable[[], object]) -> None:
        """Do this once, at the moment at which the modem has heard such a command and not yet obeyed it."""
        obey = self.modem._obey

        def trapped(line: str) -> None:
            if line.upper().startswith(command):
                self.modem._obey = obey  # type: ignore[method-assign]
                act()
            obey(line)

        self.modem._obey = trapped  # type: ignore[method-assign]

    def when_given(self, act: Callable[[], object], *, part: int = 1) -> None:
        """Do this once, at the moment at which the modem has got the text of a part and not yet sent it on."""
        submit, left = self.modem._submit, [part]

        def trapped(body: str, announced: int) -> None:
            left[0] -= 1
            if not left[0]:
                self.modem._submit = submit  # type: ignore[method-assign]
                act()
            submit(body, announced)

        self.modem._submit = trapped  # type: ignore[method-assign]

    def fault(self, kind: Kind, value: int = 0, times: int | None = 1) -> None:
        """Begin a fault at once."""
        self.modem.faults.start(kind, self.sim.clock.now_ns(), value=value, times=times)

    @property
    def arrived(self) -> list[str]:
        """What the telephone shows."""
        return [text for _, text in self.modem.telephone.messages]


@asynccontextmanager
async def cell(folder: Path, settings: str = "", *, pin: str = "", patience: Patience = SHORT) -> AsyncIterator[Cell]:
    """A modem with these settings (lines of its `[[modem]]`) and a channel that knows this PIN."""
    text = f'[[modem]]\nid = "gsm"\npath = "ttyMODEM"\n{settings}\n'
    async with Simulation.start(text, folder=folder) as sim:
        pin_file = folder / "pin"
        pin_file.write_text(pin + "\n")
        port = opener(str(sim.line("gsm").path), 115_200)
        channel = ModemChannel(
            port, SystemClock(), folder / "sms-pin.json", pin_file=pin_file if pin else None, patience=patience
        )
        one = Cell(sim, sim.modem("gsm"), channel)
        channel.told = lambda message_id, fate: one.told.append((message_id, fate))
        try:
            yield one
        finally:
            await channel.close()


def play(story: Callable[[], Awaitable[None]]) -> None:
    """Run one story."""

    async def main() -> None:
        await story()

    asyncio.run(main())
