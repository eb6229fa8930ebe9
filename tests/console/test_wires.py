"""The wires at the console: real Modbus behind the running daemon, looked at, scanned, identified and tried."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from firmware_sim.simulation import Simulation
from firmware_sim.tcp import TcpLine
from gateway.config.settings import RtuBus
from gateway.console import doctor
from gateway.console.desk import Desk
from gateway.console.doctor import Found
from gateway.console.wire import Role
from gateway.meters import trial
from gateway.prepayment.events import Moment, TimeTrust
from gateway.terminal import catalogue
from gateway.terminal.charset import Charset
from gateway.terminal.verbs import Refused
from gateway.terminal.views import wires
from gateway.terminal.words import Words
from tests.config.drafts import GOOD
from tests.console.desks import ask, at_line, opened
from tests.meters.wall import RTU

WITHIN_S = 10.0


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A supply that is off for a moment only."""
    monkeypatch.setattr(trial, "OPEN_S", 0.05)


def at_site(folder: Path, test: Callable[[Desk, Simulation], Awaitable[None]]) -> None:
    """Run a test at the desk of a daemon whose meter m2 is a simulated one behind a relay board."""

    async def run() -> None:
        async with Simulation.start(RTU.replace('meter = "eastron"', 'meter = "eastron"\nenergised = "closed"')) as sim:
            line = cast("TcpLine", sim.line("lan"))
            text = GOOD.replace("port = 5020", f"port = {line.port}\ntimeout_ms = 60")
            text = text.replace('energised = "open"', 'energised = "closed"')
            text = text.replace(
                "eastron-sdm630", "eastron-sdm120"
            )  # the same registers, and it tells its serial number
            text = text.replace('switch = { kind = "meter" }\n', 'switch = { kind = "meter" }\npoll_s = 1\n', 1)
            async with opened(folder, text) as desk:
                async with asyncio.timeout(WITHIN_S):
                    while desk.plant.latest("m2") is None:
                        await asyncio.sleep(0.02)
                await test(desk, sim)

    asyncio.run(run())


class Hand:
    """A `Talk` whose person says yes or no, and whose key is pressed after so many looks."""

    def __init__(self, desk: Desk, *, yes: bool = True, looks: int = 0) -> None:
        self.say = Words(catalogue.load("en"), Charset.ASCII, 80)
        self.lines: list[str] = []
        self._desk = desk
        self._yes = yes
        self._looks = looks
        self._loop = asyncio.get_running_loop()

    def ask(self, do: str, **args: object) -> Mapping[str, Any]:
        """From the terminal's thread to the daemon's loop."""
        role = at_line(self._desk, Role.TECHNICIAN, proven=True)
        answered = asyncio.run_coroutine_threadsafe(ask(self._desk, role, do, **args), self._loop).result(WITHIN_S)
        if not answered.ok:
            raise Refused(answered.code, answered.reason, answered.detail)
        return cast("Mapping[str, Any]", msgspec.to_builtins(answered.data))

    def read(self, key: str, **_: Any) -> str:
        """Nothing is read here."""
        raise NotImplementedError(key)

    def confirm(self, key: str, **facts: str | int) -> bool:
        """The question is kept, the answer was given before."""
        self.lines.append(self.say.text(key, **facts))
        return self._yes

    def show(self, lines: Iterable[str]) -> None:
        """Keep them."""
        self.lines += lines

    def key(self, _seconds: float) -> bytes:
        """Pressed when there were looks enough."""
        self._looks -= 1
        return b"" if self._looks >= 0 else b" "

    @property
    def text(self) -> str:
        """All lines."""
        return "\n".join(self.lines)


async def talked(hand: Hand, talk: Callable[[Any, Mapping[str, str]], None] | None, **words: str) -> Hand:
    """Hold the conversation on a thread, as the terminal is a process of its own."""
    assert talk is not None
    await asyncio.to_thread(talk, hand, words)
    return hand


def test_a_meter_is_listed_shown_and_read(tmp_path: Path) -> None:
    """S2-28: the serial number shown is the one read from the meter; every register has its words and its value."""

    async def test(desk: Desk, _: Simulation) -> None:
        technician = at_line(desk, Role.TECHNICIAN)
        listed = (await ask(desk, technician, "meter.list")).data
        assert [(one.meter, one.account, one.seen_s is None) for one in listed.meters] == [
            ("m1", "CH-0001", True),
            ("m2", "CH-0002", False),
        ]
        shown = (await ask(desk, technician, "meter.show", meter="m2")).data
        assert (shown.serial, shown.switch, shown.model) == ("21457003", "CONNECTED", "eastron-sdm120")
        registers = (await ask(desk, technician, "meter.registers", meter="m2")).data.registers
        assert next(one for one in registers if one.name == "energy_import").value == pytest.approx(5120.345, abs=0.1)
        words = Words(catalogue.load("en"), Charset.ASCII, 80)
        for view, data in ((wires.meters, listed), (wires.meter, shown)):
            assert "m2" in "\n".join(view(msgspec.to_builtins(data), words))
        assert "FC04" in "\n".join(wires.registers({"registers": msgspec.to_builtins(registers)}, words))
        never = (await ask(desk, technician, "meter.show", meter="m1")).data
        assert never.seen_s is None
        assert (await ask(desk, technician, "meter.show")).code == "E-MET-03"
        assert (await ask(desk, technician, "meter.show", meter="x")).code == "E-MET-02"

    at_site(tmp_path, test)


def test_a_trial_needs_a_signed_session_a_reason_and_a_supply(tmp_path: Path) -> None:
    """I14: without a one-time code, a reason, a switch that answers and supply that is due, nothing moves."""

    async def test(desk: Desk, sim: Simulation) -> None:
        plain, signed = at_line(desk, Role.TECHNICIAN), at_line(desk, Role.TECHNICIAN, proven=True)
        assert (await ask(desk, plain, "meter.try", meter="m2", reason="r")).code == "E-AUT-02"
        assert (await ask(desk, signed, "meter.try", meter="m2", reason=" ")).code == "E-REA-01"
        assert (await ask(desk, signed, "meter.try", meter="m2", reason="a\nb")).code == "E-ASK-02"
        assert (await ask(desk, signed, "meter.try", meter="m2", reason="unconfirmed")).code == "E-MET-05"
        assert (await ask(desk, signed, "meter.try", meter="m1", reason="silent")).code == "E-MET-01"
        await desk.teller.confirm()
        hand = await talked(Hand(desk), wires.try_switch, meter="m2", reason="new contactor")
        assert "Does the customer know?" in hand.text
        assert "Opened, read back after" in hand.text
        assert "Closed, read back after" in hand.text
        assert sim.meter("eastron").supply_closed
        rows = [row.body for row in await desk.store.rows_after(0, 1000)]
        assert any(b'"console.switch_trial"' in row and b'"rossi"' in row and b"new contactor" in row for row in rows)
        assert any(b'"switch.tried"' in row for row in rows)
        unwilling = await talked(Hand(desk, yes=False), wires.try_switch, meter="m2", reason="x")
        assert len(unwilling.lines) == 1

    at_site(tmp_path, test)


def test_a_bus_is_scanned_sniffed_and_its_unit_identified(tmp_path: Path) -> None:
    """Issue 5: an unknown unit is found and recognised; the polls go on meanwhile and are seen on the line."""

    async def test(desk: Desk, _: Simulation) -> None:
        hand = await talked(Hand(desk, looks=0), wires.scan, bus="lan-1")
        assert "unit 1 answers: m2" in hand.text
        assert "unit 2 answers: nobody's" in hand.text
        assert "stopped after unit 8" in hand.text
        hand = await talked(Hand(desk), wires.identify, bus="lan-1", unit="2")
        assert "schneider-iem3155" in hand.text
        assert "Compare a value with the display" in hand.text
        desk.plant._bus_of["m2"].link.listen()
        desk.plant._bus_of["m2"].wake("m2")
        await asyncio.sleep(0.3)
        hand = await talked(Hand(desk, looks=0), wires.sniff, bus="lan-1")
        assert "> u1 FC04" in hand.text
        raw = (
            await ask(
                desk, at_line(desk, Role.TECHNICIAN), "bus.read", bus="lan-1", unit=1, address=0, count=2, function=4
            )
        ).data
        assert len(raw.words) == 2
        assert "lan-1 unit 1" in "\n".join(wires.raw(msgspec.to_builtins(raw), hand.say))
        coils = (
            await ask(
                desk, at_line(desk, Role.TECHNICIAN), "bus.read", bus="lan-1", unit=17, address=0, count=8, function=1
            )
        ).data
        assert set(coils.words) <= {"0", "1"}
        buses = (await ask(desk, at_line(desk), "bus.list")).data
        assert [(bus.bus, bus.kind, bus.line) for bus in buses.buses] == [
            ("rs485-1", "rtu", "9600 8N1"),
            ("lan-1", "tcp", ""),
        ]
        assert "rs485-1" in "\n".join(wires.buses(msgspec.to_builtins(buses), hand.say))
        assert (await ask(desk, at_line(desk, Role.TECHNICIAN), "bus.frames")).code == "E-BUS-02"
        assert (await ask(desk, at_line(desk, Role.TECHNICIAN), "bus.frames", bus="x")).code == "E-BUS-01"

    at_site(tmp_path, test)


def test_doctor_finds_the_missing_port_and_says_what_to_do(tmp_path: Path) -> None:
    """Issue 5: what is bad comes first, each finding has its name and each bad one its advice."""

    async def test(desk: Desk, _: Simulation) -> None:
        report = (await ask(desk, at_line(desk, Role.TECHNICIAN), "doctor")).data
        found = {check.name: check for check in report.checks}
        assert found["port_missing"].found is Found.BAD
        assert found["link"].found is Found.BAD
        assert found["keys"].found is Found.GOOD
        assert {"disk", "time", "copy_missing", "meter"} <= set(found)
        order = [check.found for check in report.checks]
        assert order == sorted(order, key=(Found.BAD, Found.WARN, Found.GOOD).index)
        text = "\n".join(wires.doctor(msgspec.to_builtins(report), Words(catalogue.load("en"), Charset.ASCII, 80)))
        assert "Is the adapter plugged in?" in text

    at_site(tmp_path, test)


def at(day: int, trust: TimeTrust = TimeTrust.AUTHENTICATED) -> Moment:
    """A day of 2026."""
    return Moment(int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1000) + day * 86_400_000, trust, 0)


def test_an_end_that_comes_near_is_told_in_time() -> None:
    """A certificate that ends in two months is a warning, one that ended is bad; without a date nobody can say."""
    end_ms = at(100).utc_ms
    for day, found in ((0, Found.GOOD), (39, Found.GOOD), (41, Found.WARN), (100, Found.BAD)):
        assert doctor._expiry(end_ms, at(day)) is found
    assert doctor._expiry(end_ms, at(0, TimeTrust.UNKNOWN)) is Found.WARN


def test_a_certificate_is_read_or_said_to_be_none(tmp_path: Path) -> None:
    """The end of the first of a PEM file; what is no certificate is bad, not a crash."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "ca")])
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(begin).not_valid_after(begin + timedelta(days=100))
    file = tmp_path / "ca.pem"
    file.write_bytes(built.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    assert doctor._certificate(file, at(0)).fact == "2026-04-11T00:00:00.000Z"
    file.write_text("no")
    assert doctor._certificate(file, at(0)).found is Found.BAD
    assert doctor._certificate(tmp_path / "none.pem", at(0)).found is Found.BAD


def test_a_secret_that_others_may_read_is_bad(tmp_path: Path) -> None:
    """A key that others may read proves nothing any more."""
    file = tmp_path / "service.key"
    assert doctor._file("service_key", file, secret=True).found is Found.BAD
    file.write_text("k")
    file.chmod(0o644)
    assert doctor._file("service_key", file, secret=True).name == "file_open"
    file.chmod(0o600)
    assert doctor._file("service_key", file, secret=True).found is Found.GOOD


@pytest.mark.parametrize(
    ("port", "name"), [("/dev/none", "port_missing"), ("/", "port_missing"), ("/dev/null", "port")]
)
def test_a_port_is_looked_at(port: str, name: str) -> None:
    """A folder is no port; a device that may be opened is one."""
    assert doctor._port(RtuBus("rs485-1", port), parity=False).name == name


def test_a_port_without_parity_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """libraries.md 2: the mini-UART of a Pi ignores parity without an error; only a line that needs it is concerned."""
    monkeypatch.setattr(doctor, "MINI_UARTS", ("null",))
    assert doctor._port(RtuBus("rs485-1", "/dev/null"), parity=True).name == "mini_uart"
    assert doctor._port(RtuBus("rs485-1", "/dev/null"), parity=False).found is Found.GOOD


def test_a_port_by_its_number_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Peers' pain 14: the number of a ttyUSB moves at the next boot; a name by id does not."""
    monkeypatch.setattr(doctor, "MOVING", ("null",))
    assert doctor._port(RtuBus("rs485-1", "/dev/null"), parity=False).name == "port_by_number"
