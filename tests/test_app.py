"""The whole daemon as a process on real Modbus and real MQTT: reads, charges, survives, stops cleanly, continues."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
import structlog

from gateway import app
from gateway.clock import SystemClock
from gateway.config.settings import RtuBus, TcpBus
from gateway.errors import CommitUnknown
from gateway.installation import Installation, load
from gateway.meters.bus import Bus
from gateway.notify import Notifier
from gateway.plant import build_bus
from gateway.prepayment.account import Account
from gateway.prepayment.money import parse_money
from gateway.reference.headend import HeadEnd
from gateway.store import peek
from tests.brokers import Mosquitto
from tests.config.drafts import write
from tests.site import Site, wait_for

pytestmark = pytest.mark.timeout(90)
NANO_PER_WH = 300_000_000


@pytest.fixture
def build_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """Make sites; their simulators end with the test."""
    sites: list[Site] = []

    def build(port: int, *, balance: str = "20.00") -> Site:
        sites.append(Site(tmp_path, port, balance=balance))
        return sites[-1]

    yield build
    for site in sites:
        site.close()


def stopped(process: subprocess.Popen[str], with_signal: signal.Signals = signal.SIGTERM) -> int:
    """End the daemon and give its exit code."""
    process.send_signal(with_signal)
    return process.wait(15)


def started(site: Site) -> Callable[[], bool]:
    """Whether another start has been logged since now."""
    before = sum(line["event"] == "gateway.started" for line in site.logged())
    return lambda: sum(line["event"] == "gateway.started" for line in site.logged()) > before


def stored(site: Site) -> dict[str, Account]:
    """The accounts as the stopped daemon left them."""
    return {account.account_id: account for account in peek.accounts(site.store)}


def moves(headend: HeadEnd, account_id: str) -> list[str]:
    """The rungs an account reached, in order, as the checked journal has them."""
    rows = (row.body for row in headend.rows)
    return [row["target"] for row in rows if row["type"] == "transition" and row["account_id"] == account_id]


def test_the_whole_ladder_and_back_through_real_modbus_and_mqtt(
    build_site: Callable[..., Site], mosquitto: Mosquitto
) -> None:
    """S0-20, decision 14: NORMAL to SUSPENDED, relay open, a signed top-up, and the lights are back within a second."""
    site = build_site(mosquitto.port, balance="3.00")

    async def journey() -> None:
        async with site.headend() as headend:
            await headend.until(lambda: "SHOP" in headend.live)
            site.do("load shop 12000")
            await headend.until(lambda: "SUSPENDED" in moves(headend, "SHOP"), 25)
            await headend.until(lambda: headend.live["SHOP"].switch == "DISCONNECTED")
            assert not site.device("shop")["supply_closed"]
            began_s = time.monotonic()
            verdict = await headend.topup("SHOP", "60.00", "CHF")
            assert verdict.status == "applied"
            await headend.until(lambda: headend.live["SHOP"].switch == "CONNECTED")
            assert site.device("shop")["supply_closed"]
            assert time.monotonic() - began_s < 1
            await headend.until(lambda: moves(headend, "SHOP")[-1] == "NORMAL")
            assert moves(headend, "SHOP") == ["LOW_CREDIT", "GRACE", "LIMITED", "SUSPENDED", "NORMAL"]
            limited = next(row.body for row in headend.rows if row.body.get("target") == "LIMITED")
            assert limited["limit_w"] == 495
            assert headend.trouble == ""
            assert moves(headend, "FLAT") == []

    with site.gateway() as process:
        asyncio.run(journey())
        assert stopped(process) == 0


def test_every_wh_is_charged_once_over_a_stop_and_a_start(
    build_site: Callable[..., Site], mosquitto: Mosquitto
) -> None:
    """SIGTERM saves everything; the next start opens nothing twice and charges what was used meanwhile (decision 2)."""
    site = build_site(mosquitto.port, balance="100.00")
    site.do("load shop 12000")

    async def used_for_a_while(more: Callable[[HeadEnd], bool], then: Callable[[], object]) -> None:
        """With a head-end that proves the time, or what was used while off would wait for it."""
        async with site.headend() as headend:
            await headend.until(lambda: more(headend), 20)
            then()

    with site.gateway() as process:
        asyncio.run(used_for_a_while(lambda headend: _balance(headend) < 98, lambda: None))
        assert stopped(process) == 0
    first = stored(site)["SHOP"]
    assert first.register.wh is not None
    assert first.unsettled == ()
    assert first.balance_nano == first.settled_balance_nano < parse_money("100.00")
    time.sleep(1.5)
    with site.gateway() as process:
        asyncio.run(used_for_a_while(lambda headend: _balance(headend) < 95, lambda: site.do("load shop 0")))
        asked = site.device("shop")["requests"]
        wait_for(lambda: site.device("shop")["requests"] >= asked + 3)
        assert stopped(process, signal.SIGINT) == 0
    second = stored(site)["SHOP"]
    assert second.register.wh is not None
    assert second.register.wh == site.device("shop")["import_wh"]
    began_wh = next(
        line["register_wh"] for line in site.logged() if line.get("account_id") == "SHOP" and "register_wh" in line
    )
    assert second.register.cases == ()
    used_wh = second.register.wh - began_wh
    assert parse_money("100.00") - second.balance_nano == used_wh * NANO_PER_WH
    opened = [line["account_id"] for line in site.logged() if line["event"] == "account.opened"]
    assert sorted(opened) == ["FLAT", "SHOP"]
    assert not any(line["event"] == "gateway.failed" for line in site.logged())


def _balance(headend: HeadEnd) -> float:
    return float(headend.live["SHOP"].balance) if "SHOP" in headend.live else 100.0


def _reads(site: Site, more: int) -> bool:
    counts = site.__dict__.setdefault("counts", [site.device("shop")["requests"]])
    return bool(site.device("shop")["requests"] >= counts[0] + more)


def test_a_broker_that_is_away_at_the_start_costs_nothing(
    build_site: Callable[..., Site], free_port: int, tmp_path: Path
) -> None:
    """I23: without a broker meters are read and charged; when it comes the whole journal arrives, in order."""
    site = build_site(free_port)
    site.do("load shop 12000")
    (tmp_path / "mosquitto").mkdir()
    broker = Mosquitto(tmp_path / "mosquitto", port=free_port)

    async def arrives() -> None:
        async with site.headend() as headend:
            await headend.until(lambda: any(row.body["type"] == "entry" for row in headend.rows), 20)
            assert [row.seq for row in headend.rows] == list(range(1, len(headend.rows) + 1))
            assert headend.rows[0].body["type"] == "epoch"
            await headend.until(lambda: "SHOP" in headend.live and float(headend.live["SHOP"].balance) < 20)
            assert headend.trouble == ""

    with site.gateway() as process:
        wait_for(lambda: any(line["event"] == "headend.away" for line in site.logged()))
        wait_for(lambda: _reads(site, 4))
        broker.start()
        try:
            asyncio.run(arrives())
        finally:
            broker.stop()
        wait_for(lambda: _reads(site, 8))
        assert process.poll() is None
        assert stopped(process) == 0
    link = [line for line in site.logged() if line["event"] in ("headend.away", "headend.connected")]
    away = [line.get("reason", "connected") for line in link]
    assert all(one != other for one, other in pairwise(away)), "told once for each reason, however long it lasts"


def test_a_serial_port_that_vanishes_and_returns(build_site: Callable[..., Site], mosquitto: Mosquitto) -> None:
    """The meter on the port is told silent once and comes back by itself; its neighbour on TCP never misses a poll."""
    site = build_site(mosquitto.port)
    with site.gateway() as process:
        wait_for(lambda: site.device("flat")["requests"] > 3)
        site.do("unplug rs485")
        asked = site.device("shop")["requests"]
        wait_for(lambda: any(line["event"] == "meter.silent" for line in site.logged()))
        assert site.device("shop")["requests"] >= asked + 2
        site.do("replug rs485")
        wait_for(lambda: any(line["event"] == "meter.back" for line in site.logged()))
        silent = [line for line in site.logged() if line["event"] == "meter.silent"]
        assert [line["account_id"] for line in silent] == ["FLAT"]
        assert stopped(process) == 0


@pytest.mark.parametrize("after_s", [0.25, 0.5, 0.75, 1.0, 1.4])
def test_sigterm_at_any_moment_ends_cleanly(
    build_site: Callable[..., Site], mosquitto: Mosquitto, after_s: float
) -> None:
    """Interrupted while it starts or works, the daemon leaves a store that opens (decision 8)."""
    site = build_site(mosquitto.port)
    with site.gateway() as process:
        time.sleep(after_s)
        assert stopped(process) in (0, -signal.SIGTERM)  # minus: before the handler could be there
    with site.gateway() as process:
        wait_for(started(site))
        assert stopped(process) == 0
    assert set(stored(site)) == {"FLAT", "SHOP"}


def test_status_says_online_and_offline(build_site: Callable[..., Site], mosquitto: Mosquitto) -> None:
    """The retained status tells who is there, and after a clean stop that nobody is."""
    site = build_site(mosquitto.port)

    async def online(expected: bool) -> None:
        async with site.headend() as headend:
            await headend.until(lambda: headend.status is not None and headend.status.online is expected)

    with site.gateway() as process:
        asyncio.run(online(True))
        assert stopped(process) == 0
    asyncio.run(online(False))


def test_systemd_is_told(build_site: Callable[..., Site], mosquitto: Mosquitto, tmp_path: Path) -> None:
    """READY when all tasks run, WATCHDOG while they go round, STOPPING at a wanted end."""
    site = build_site(mosquitto.port)
    with _systemd(tmp_path / "notify") as said:
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "400000"}
        with site.gateway(environ) as process:
            wait_for(lambda: said().count("WATCHDOG=1") >= 3)
            assert stopped(process) == 0
        messages = said()
    assert messages.index("READY=1") < len(messages) - 1
    assert messages[-1] == "STOPPING=1"


@contextmanager
def _systemd(path: Path) -> Iterator[Callable[[], list[str]]]:
    messages: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(path))
        channel.setblocking(False)

        def said() -> list[str]:
            try:
                while True:
                    messages.append(channel.recv(4096).decode())
            except BlockingIOError:
                return messages

        yield said


def test_a_meter_that_left_the_file_is_a_configuration_mistake(
    build_site: Callable[..., Site], mosquitto: Mosquitto
) -> None:
    """An account of the store without its meter: exit 78 and what to do, nothing is charged to somebody else."""
    site = build_site(mosquitto.port)
    with site.gateway() as process:
        wait_for(started(site))
        assert stopped(process) == 0
    text = site.config.read_text().replace('id = "shop"', 'id = "store"').replace('meter = "shop"', 'meter = "store"')
    site.config.write_text(text.replace('id = "SHOP"', 'id = "STORE"'))
    with site.gateway() as process:
        assert process.wait(15) == 78
    assert "account on meter 'shop'" in site.log.read_text()


def test_something_nobody_expected_ends_the_process(build_site: Callable[..., Site], mosquitto: Mosquitto) -> None:
    """A defect in one task takes the daemon down with a message; the store is the truth (decision 18)."""
    site = build_site(mosquitto.port)

    class Broken(Bus):
        async def run(self) -> None:
            raise RuntimeError("nobody expected this")

    def factory(bus: RtuBus | TcpBus, installation: Installation, clock: SystemClock) -> Bus:
        return Broken(build_bus(bus, installation, clock).link, clock)

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(app.run(site.installation(), clock=SystemClock(), stop=asyncio.Event(), bus_factory=factory))
    assert [repr(error) for error in app.leaves(caught.value)] == ["RuntimeError('nobody expected this')"] * 2
    assert set(stored(site)) == {"FLAT", "SHOP"}


def test_a_defect_is_logged_and_exit_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fell over is logged by name, an operator's error as its sentence, and the exit code says it failed."""

    async def falls(*_: object, **__: object) -> None:
        inner = ExceptionGroup("headend", [RuntimeError("a defect")])
        raise ExceptionGroup("gateway", [CommitUnknown("the disk is full"), inner])

    monkeypatch.setattr(app, "run", falls)
    with structlog.testing.capture_logs() as logged:
        assert app.main(load(write(tmp_path))) == 1
    assert [line["reason"] for line in logged] == ["the disk is full", "RuntimeError('a defect')"]
    assert "exc_info" in logged[1]


def test_a_stuck_task_starves_the_watchdog(
    build_site: Callable[..., Site], mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """A bus that no longer goes round is named and the watchdog is not fed, so systemd starts the daemon again."""
    site = build_site(mosquitto.port)
    kept: list[Bus] = []

    class Stuck(Bus):
        async def run(self) -> None:
            self.heartbeat_ms -= app.STALE_MS + 1
            await asyncio.Event().wait()

    def factory(bus: RtuBus | TcpBus, installation: Installation, clock: SystemClock) -> Bus:
        kept.append(Stuck(build_bus(bus, installation, clock).link, clock))
        return kept[-1]

    async def run_for_a_while() -> None:
        stop = asyncio.Event()
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"})
        asyncio.get_running_loop().call_later(1.0, stop.set)
        await app.run(site.installation(), clock=SystemClock(), stop=stop, notifier=notifier, bus_factory=factory)

    with _systemd(tmp_path / "notify") as said:
        asyncio.run(run_for_a_while())
        assert "READY=1" in said()
        assert said().count("WATCHDOG=1") <= 1  # at most the one before the buses had begun


def test_nothing_is_logged_at_each_poll(build_site: Callable[..., Site], mosquitto: Mosquitto) -> None:
    """A quiet site writes no line while it is polled: an SD card lives longer when nobody writes."""
    site = build_site(mosquitto.port)
    with site.gateway() as process:
        wait_for(lambda: sum(line["event"] == "register.opened" for line in site.logged()) == 2)
        before = site.log.read_text()
        wait_for(lambda: _reads(site, 10))
        assert site.log.read_text() == before
        assert stopped(process) == 0
    assert json.loads(before.splitlines()[0])["event"] == "account.opened"


def test_two_gateways_never_share_a_store(build_site: Callable[..., Site], mosquitto: Mosquitto) -> None:
    """The second daemon on one store refuses to start and says why; the first goes on."""
    site = build_site(mosquitto.port)
    with site.gateway() as first:
        wait_for(started(site))
        with site.gateway() as second:
            assert second.wait(15) == 1
        assert "another process has the store open" in site.log.read_text()
        assert first.poll() is None
        assert stopped(first) == 0
