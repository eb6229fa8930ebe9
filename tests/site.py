"""A whole site for end-to-end tests: simulated meters on a pty and on TCP, a broker, the daemon, a head-end.

Everything but the head-end runs as a process of its own and talks real Modbus and real MQTT on loopback. Policy and
tariff are files of the site's own: the shipped ladder with terms of seconds, and 12 kW cost 1 CHF a second.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gateway.headend.link import Broker
from gateway.installation import Installation, load
from gateway.reference.book import Book
from gateway.reference.headend import HeadEnd
from gateway.reference.sign import new_signer

PROJECT = Path(__file__).parent.parent
GATEWAY = "gw-site"
WAIT_S = 20.0

SCENARIO = """\
name = "site"
description = "A flat on a pty with a relay in its meter, a shop on TCP with a relay board."
[[line]]
id = "rs485"
kind = "rtu"
path = "ttyMETER"
[[line]]
id = "lan"
kind = "tcp"
[[meter]]
id = "flat"
line = "rs485"
unit = 1
model = "dds238"
start_kwh = 1204.17
load = 0
[[meter]]
id = "shop"
line = "lan"
unit = 1
model = "sdm630"
serial = 21457003
start_kwh = 5120.345
load = 0
[[relay]]
id = "board"
line = "lan"
unit = 17
[[relay.drives]]
channel = 0
meter = "shop"
energised = "closed"
"""

TARIFF = """\
tariff = "quick"
version = 1
description = "12 kW cost 1 CHF a second"
currency = "CHF"
time_zone = "Europe/Zurich"
valid_from = "2020-01-01"
[vat]
percent = "8.1"
included = true
[[block]]
price_per_kwh = { all = "300.00" }
"""

POLICY = """\
policy = "quick"
version = 1
description = "The prepaid ladder within ten seconds"
currency = "CHF"
time_zone = "Europe/Zurich"
valid_from = "2020-01-01"
initiator = "local"
calendar = "ch-ti"
[low_credit]
amount = "1.50"
hysteresis = "0.10"
[grace]
term = "3s"
debt_cap = "1000.00"
warn_before = "1s"
min_after_notice = "1s"
[limit]
enabled = true
required = true
percent = 15
term = "3s"
[restore]
min_balance = "0.00"
[guards]
min_dwell = "1s"
max_reading_age = "10s"
max_offline = "1h"
offline_debt_cap = "2000.00"
[slots]
closed_weekdays = []
closed_on_holidays = false
closed_on_eves = false
hours = "00:00-24:00"
[caps]
top_up = "1000.00"
balance = "2000.00"
"""

CONFIG = """\
[gateway]
id = "{gateway}"
data = "data"
timezone = "Europe/Zurich"
[[bus]]
id = "rs485"
kind = "rtu"
port = "{pty}"
timeout_ms = 200
[[bus]]
id = "lan"
kind = "tcp"
host = "127.0.0.1"
port = {tcp}
timeout_ms = 300
[[meter]]
id = "flat"
bus = "rs485"
address = 1
model = "hiking-dds238"
rated_power_w = 13800
poll_s = 1
switch = {{ kind = "meter" }}
limiter = {{ kind = "switched", window_s = 2, warn_s = 1, open_s = 2, cooldown_s = 2 }}
[[meter]]
id = "shop"
bus = "lan"
address = 1
model = "eastron-sdm630"
rated_power_w = 17300
poll_s = 1
limiter = {{ kind = "switched", window_s = 2, warn_s = 1, open_s = 2, cooldown_s = 2 }}
[meter.switch]
kind = "relay"
model = "generic-relay"
bus = "lan"
address = 17
energised = "closed"
when_dead = "holds"
[[account]]
id = "FLAT"
meter = "flat"
currency = "CHF"
policy = "quick"
tariff = "quick"
contract_power_w = 3000
opening_balance = "{balance}"
[[account]]
id = "SHOP"
meter = "shop"
currency = "CHF"
policy = "quick"
tariff = "quick"
contract_power_w = 3000
opening_balance = "{balance}"
[headend]
host = "127.0.0.1"
port = {mqtt}
tls = false
keys = "headend-keys.toml"
"""


class Site:
    """The parts; `start_*` may be called again after a stop."""

    def __init__(self, folder: Path, mqtt_port: int, *, balance: str = "20.00") -> None:
        self.folder = folder
        self.config = folder / "gateway.toml"
        self.log = folder / "gateway.log"
        self._signer = new_signer("k1", "utility")
        self._book = Book(folder / "book.json")
        self._mqtt_port = mqtt_port
        scenario = folder / "site.toml"
        scenario.write_text(SCENARIO)
        by_id = self.play(scenario)
        for name in ("data", "tariffs", "policies"):
            (folder / name).mkdir()
        (folder / "tariffs" / "quick.toml").write_text(TARIFF)
        (folder / "policies" / "quick.toml").write_text(POLICY)
        (folder / "headend-keys.toml").write_text(self._signer.public_table())
        self.config.write_text(
            CONFIG.format(
                gateway=GATEWAY,
                pty=by_id["rs485"]["pty"],
                tcp=by_id["lan"]["tcp"],
                mqtt=mqtt_port,
                balance=balance,
            )
        )

    def play(self, scenario: Path) -> dict[str, dict[str, Any]]:
        """Start the simulator; where to connect, by line."""
        self.sim = _start("firmware_sim", "run", str(scenario), "--dir", str(self.folder), stdin=subprocess.PIPE)
        ready = json.loads(self._answer())
        return {line["id"]: line for line in ready["lines"]}

    @property
    def store(self) -> Path:
        """The daemon's database."""
        return self.folder / "data" / "store.db"

    def installation(self) -> Installation:
        """The configuration as the daemon reads it."""
        return load(self.config)

    def do(self, line: str) -> dict[str, Any]:
        """One control line of the simulator, and its answer."""
        assert self.sim.stdin is not None
        self.sim.stdin.write(line + "\n")
        self.sim.stdin.flush()
        answer: dict[str, Any] = json.loads(self._answer())
        assert answer["ok"], answer
        return answer

    def device(self, device_id: str) -> dict[str, Any]:
        """What the simulator knows of a device: the truth behind the registers."""
        found: dict[str, Any] = next(one for one in self.do("status")["devices"] if one["id"] == device_id)
        return found

    @contextmanager
    def gateway(self, environ: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
        """The daemon as a process; at the end of the block, if it still runs, it ends as systemd ends it.

        Its log grows in `log`.
        """
        with self.log.open("a") as log:
            process = _start("gateway", "run", "--config", str(self.config), log=log, environ=environ)
            try:
                yield process
                if process.poll() is None:
                    process.terminate()
                    assert process.wait(20) == 0
            finally:
                process.kill()
                process.wait()

    def logged(self) -> list[dict[str, Any]]:
        """The events the daemon has logged so far, over all its runs."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [json.loads(line) for line in lines if line.startswith("{")]

    def headend(self) -> HeadEnd:
        """The reference head-end; use it as an async context manager."""
        return HeadEnd(Broker("127.0.0.1", self._mqtt_port, "headend"), GATEWAY, self._signer, self._book)

    def close(self) -> None:
        """End the simulator."""
        self.sim.kill()
        self.sim.communicate()

    def _answer(self) -> str:
        assert self.sim.stdout is not None
        return self.sim.stdout.readline()


def _start(
    module: str,
    *arguments: str,
    log: Any = subprocess.PIPE,
    stdin: int = subprocess.DEVNULL,
    environ: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=stdin,
        stdout=log,
        stderr=subprocess.STDOUT if log is not subprocess.PIPE else None,
        text=True,
        cwd=PROJECT,
        env={**os.environ, **(environ or {})},
    )


def wait_for(what: Callable[[], object], seconds: float = WAIT_S) -> None:
    """Wait for something that another process does; AssertionError when it does not."""
    end_s = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end_s, "what was waited for did not happen"
        time.sleep(0.02)


async def until(what: Callable[[], object], seconds: float = WAIT_S) -> None:
    """The same inside an event loop."""
    async with asyncio.timeout(seconds):
        while not what():
            await asyncio.sleep(0.02)
