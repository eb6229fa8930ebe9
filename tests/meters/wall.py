"""The real clock for tests that talk over real wires, and the plants they talk to."""

from __future__ import annotations

import asyncio
import time

from gateway.prepayment.events import Moment, TimeTrust


class WallClock:
    """The production contract of `Clock` on this machine's own time."""

    def now(self) -> Moment:
        """The instant, believed."""
        return Moment(time.time_ns() // 1_000_000, TimeTrust.AUTHENTICATED, self.monotonic_ms())

    def monotonic_ms(self) -> int:
        """Never jumps."""
        return time.monotonic_ns() // 1_000_000

    async def sleep(self, seconds: float) -> None:
        """Give way."""
        await asyncio.sleep(seconds)


RTU = """
name = "rtu"
description = "A serial line with a relay meter and an Acrel, and a board on the network."
[[line]]
id = "rs485"
kind = "rtu"
path = "tty"
baud = 19200
[[line]]
id = "lan"
kind = "tcp"
[[meter]]
id = "hiking"
line = "rs485"
unit = 1
model = "dds238"
start_kwh = 1234.56
load = 1000
[[meter]]
id = "acrel"
line = "rs485"
unit = 2
model = "ddsy1352"
start_kwh = 88.1
load = 500
[[meter]]
id = "eastron"
line = "lan"
unit = 1
model = "sdm630"
serial = 21457003
start_kwh = 5120.345
load = 3000
[[meter]]
id = "schneider"
line = "lan"
unit = 2
model = "iem3155"
start_kwh = 40210.777
load = 2000
[[relay]]
id = "board"
line = "lan"
unit = 17
channels = 8
[[relay.drives]]
channel = 0
meter = "eastron"
"""
