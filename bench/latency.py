"""How long a customer waits: from publishing a signed top-up to the relay being commanded.

The simulator runs in this process, so the instant at which a coil is written is taken inside it, with the clock that
also stamped the sending. Every account goes round by itself, at random moments of the poll: suspended -> topped up ->
restored -> the top-up reversed -> suspended again. All twenty meters are polled each second on the same line meanwhile.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bench.children import ChildFailed
from bench.plant import FIRST_BOARD, Ports, account_id, place, scenario
from bench.rig import broker, daemon
from bench.targets import METERS
from firmware_sim.relay_board import Channel, RelayBoard
from firmware_sim.simulation import Simulation
from gateway.commands import Command
from gateway.commands.credit import TopUpBody, TopUpReverseBody
from gateway.reference.headend import HeadEnd

AMOUNT = 5
_OPENED_WITHIN_S = 60.0
_CLOSED_WITHIN_S = 10.0
_STAGGER_S = 10.0


@dataclass(frozen=True, slots=True)
class Waits:
    """Milliseconds, sorted."""

    sorted_ms: tuple[float, ...]

    def percentile(self, share: float) -> float:
        """The smallest wait that so large a share of all does not exceed (nearest rank)."""
        rank = max(1, -(-len(self.sorted_ms) * round(share * 1000) // 1000))
        return self.sorted_ms[rank - 1]


class _Relay:
    """One channel of a board: when it was last commanded, and to what."""

    def __init__(self) -> None:
        self.closed = True
        self.commanded_s = 0.0
        self.moved = asyncio.Event()

    async def until(self, *, closed: bool, within_s: float) -> float:
        """Wait for the position; the instant of the command. Raises ChildFailed."""
        try:
            async with asyncio.timeout(within_s):
                while self.closed is not closed:
                    self.moved.clear()
                    await self.moved.wait()
        except TimeoutError:
            word = "closed" if closed else "opened"
            raise ChildFailed(f"a relay was not {word} within {within_s:g} s") from None
        return self.commanded_s


def _watched(board: RelayBoard) -> list[_Relay]:
    """Note each command at the board, at the instant it is carried out."""
    relays = [_Relay() for _ in board.channels]
    carry_out = board.switch

    def switch(channel: Channel, *, on: bool) -> None:
        relay = relays[board.channels.index(channel)]
        relay.commanded_s = time.perf_counter()
        relay.closed = on == channel.energised_closes
        relay.moved.set()
        carry_out(channel, on=on)

    board.switch = switch  # type: ignore[method-assign]
    return relays


async def measure(folder: Path, *, samples: int, seed: int = 1) -> Waits:
    """At least so many top-ups, spread over all accounts. Raises ChildFailed."""
    rounds = -(-samples // METERS)
    chance = random.Random(seed)
    async with broker(folder) as mqtt, Simulation.start(scenario(), folder=folder) as simulation:
        boards = {board.unit: _watched(board) for board in simulation.boards.values()}
        assert min(boards) == FIRST_BOARD
        ports = Ports(simulation.line("lan").port, mqtt)
        async with daemon(folder, ports, opening_balance="0.00", grace="0s") as (gateway, headend):
            households = []
            for number in range(1, METERS + 1):
                unit, channel = place(number)
                pauses_s = [chance.uniform(0, _STAGGER_S if first == 0 else 1.0) for first in range(rounds)]
                households.append(_Household(headend, account_id(number), boards[unit][channel], pauses_s))
            found = await _together(households)
            gateway.check()
    return Waits(tuple(sorted(1000 * wait_s for wait_s in found)))


async def _together(households: Iterable[_Household]) -> list[float]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(household.live()) for household in households]
    return [wait_s for task in tasks for wait_s in task.result()]


@dataclass(slots=True)
class _Household:
    headend: HeadEnd
    account_id: str
    relay: _Relay
    pauses_s: list[float]
    sold: int = 0
    reversed: int = 0

    async def live(self) -> list[float]:
        """Go round once for each pause; the seconds each restoration took."""
        found = []
        for pause_s in self.pauses_s:
            await self.relay.until(closed=False, within_s=_OPENED_WITHIN_S)
            await asyncio.sleep(pause_s)
            sent_s = await self._top_up()
            found.append(await self.relay.until(closed=True, within_s=_CLOSED_WITHIN_S) - sent_s)
            await self._reverse()
        return found

    async def _top_up(self) -> float:
        self.sold += 1
        total = f"{self.sold * AMOUNT}.00"
        body = TopUpBody(self.account_id, self.sold, f"{AMOUNT}.00", total, "CHF", "bench")
        jti, token = self.headend.sign(Command.TOP_UP, body)
        sent_s = time.perf_counter()
        self._applied((await self.headend.send_token(jti, token)).status)
        return sent_s

    async def _reverse(self) -> None:
        self.reversed += 1
        total = f"{self.reversed * AMOUNT}.00"
        body = TopUpReverseBody(self.account_id, self.reversed, f"{AMOUNT}.00", total, "CHF", "bench")
        self._applied((await self.headend.command(Command.TOP_UP_REVERSE, body)).status)

    def _applied(self, status: str) -> None:
        if status != "applied":
            raise ChildFailed(f"{self.account_id}: a command of the benchmark was {status}")
