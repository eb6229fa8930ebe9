"""CPU per 1,000 readings of the daemon against the floor, and the daemon's memory.

Both run all the time on the same simulator and the same broker; while one is measured the other is stopped (SIGSTOP).
Windows alternate, so that what else happens on the machine meets both; the medians are compared. A window begins and
ends in the pause between two rounds of readings. Readings are counted behind the broker: what did not arrive does not
count.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from bench.children import Child, ChildFailed, child
from bench.plant import GATEWAY_ID, Ports
from bench.rig import broker, daemon, simulator
from bench.targets import METERS

WARM_UP_ROUNDS = 4
SETTLE_ROUNDS = 2
"""Rounds after a stop that do not count: what waited is caught up with."""
_QUIET_S = 0.15
_GATEWAY, _FLOOR = f"prepaid/1/{GATEWAY_ID}/live/", "floor/live/"


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds per 1,000 readings by window, the size of a message, and the daemon's memory."""

    gateway_s: tuple[float, ...]
    floor_s: tuple[float, ...]
    message_bytes: int
    rss_mib: float
    pss_mib: float

    @property
    def ratio(self) -> float:
        """Median of the daemon's windows over median of the floor's."""
        return median(self.gateway_s) / median(self.floor_s)


class _Counter:
    """Counts what arrives below each prefix, in paho's thread."""

    def __init__(self, port: int) -> None:
        self.counts = {_GATEWAY: 0, _FLOOR: 0}
        self.bytes = {_GATEWAY: 0, _FLOOR: 0}
        self.last_s = time.monotonic()
        self.client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", port, 3600)
        self.client.subscribe([(prefix + "+", 0) for prefix in self.counts])
        self.client.loop_start()

    def close(self) -> None:
        """Leave the broker."""
        self.client.disconnect()
        self.client.loop_stop()

    async def rounds(self, prefix: str, count: int, check: Callable[[], None]) -> None:
        """Wait for so many rounds of readings, and then for the pause after the last of them."""
        target = self.counts[prefix] + count * METERS
        deadline_s = time.monotonic() + 2 * count + 10
        while self.counts[prefix] < target or time.monotonic() - self.last_s < _QUIET_S:
            await asyncio.sleep(0.02)
            check()
            if time.monotonic() > deadline_s:
                raise ChildFailed(f"{prefix}: {target - self.counts[prefix]} readings are missing")

    def _on_message(self, _: Client, __: object, message: MQTTMessage) -> None:
        prefix = _FLOOR if message.topic.startswith("floor") else _GATEWAY
        self.counts[prefix] += 1
        self.bytes[prefix] += len(message.payload)
        self.last_s = time.monotonic()


async def measure(folder: Path, *, windows: int, rounds: int) -> Cost:
    """So many windows for each of the two, of so many rounds (seconds) each. Raises ChildFailed."""
    async with broker(folder) as mqtt, simulator(folder) as modbus, _counting(mqtt) as counter:
        ports = Ports(modbus, mqtt)
        async with daemon(folder, ports, opening_balance="500.00", grace="72h") as (gateway, _):
            await counter.rounds(_GATEWAY, WARM_UP_ROUNDS, gateway.check)
            message_bytes = counter.bytes[_GATEWAY] // counter.counts[_GATEWAY]
            arguments = (str(modbus), str(mqtt), str(folder / "floor.db"), str(message_bytes))
            async with child(folder / "floor.log", "-m", "bench.floor", *arguments) as floor:
                await counter.rounds(_FLOOR, WARM_UP_ROUNDS, floor.check)
                costs: dict[str, list[float]] = {_FLOOR: [], _GATEWAY: []}
                for _window in range(windows):
                    for prefix, measured, other in ((_FLOOR, floor, gateway), (_GATEWAY, gateway, floor)):
                        other.pause()
                        await counter.rounds(prefix, SETTLE_ROUNDS, measured.check)
                        costs[prefix].append(await _window_cost(counter, prefix, measured, rounds))
                        other.resume()
                rss_mib, pss_mib = gateway.memory_mib()
    return Cost(tuple(costs[_GATEWAY]), tuple(costs[_FLOOR]), message_bytes, rss_mib, pss_mib)


async def _window_cost(counter: _Counter, prefix: str, measured: Child, rounds: int) -> float:
    """CPU seconds per 1,000 readings."""
    begin_s, begin = measured.cpu_s(), counter.counts[prefix]
    await counter.rounds(prefix, rounds, measured.check)
    return (measured.cpu_s() - begin_s) / (counter.counts[prefix] - begin) * 1000


@asynccontextmanager
async def _counting(port: int) -> AsyncIterator[_Counter]:
    counter = _Counter(port)
    try:
        yield counter
    finally:
        counter.close()
