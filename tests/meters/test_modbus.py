from __future__ import annotations

import asyncio
import itertools
import os
import struct
import tty
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import pytest

from firmware_sim.rtu import RtuLine
from firmware_sim.simulation import Simulation
from firmware_sim.tcp import TcpLine
from gateway.errors import MeterAnswerRefused, MeterSilent
from gateway.meters import modbus
from gateway.meters.meter import LineAway
from gateway.meters.modbus import ModbusLink, open_serial, open_tcp
from gateway.meters.planner import parse_line
from tests.meters.wall import RTU, WallClock

TIMEOUT_MS = 150


@asynccontextmanager
async def plant() -> AsyncIterator[tuple[Simulation, ModbusLink, ModbusLink]]:
    """Simulated meters behind a pty and a loopback port, with a link to each."""
    clock = WallClock()
    async with Simulation.start(RTU) as sim:
        rtu, tcp = cast("RtuLine", sim.line("rs485")), cast("TcpLine", sim.line("lan"))
        serial = open_serial("rs485", str(rtu.path), parse_line("19200 8E1"), clock, timeout_ms=TIMEOUT_MS, gap_ms=5)
        lan = open_tcp("lan", tcp.host, tcp.port, clock, timeout_ms=TIMEOUT_MS)
        try:
            yield sim, serial, lan
        finally:
            await serial.close()
            await lan.close()


def live(scenario: Callable[[Simulation, ModbusLink, ModbusLink], Awaitable[None]]) -> None:
    """Play one scenario against the plant."""

    async def play() -> None:
        async with plant() as (sim, serial, lan):
            await scenario(sim, serial, lan)

    asyncio.run(play())


def words(payload: bytes) -> tuple[int, ...]:
    """The registers of an answer."""
    return struct.unpack(f">{len(payload) // 2}H", payload)


def test_both_wires_read_what_the_meter_shows() -> None:
    """Real RTU framing over a pty (8E1 asked, a pty has no parity) and MBAP over loopback."""

    async def scenario(sim: Simulation, serial: ModbusLink, lan: ModbusLink) -> None:
        assert words(await serial.read(1, 3, 10, 2)) == (123456 >> 16, 123456 & 0xFFFF)
        (kwh,) = struct.unpack(">f", await lan.read(1, 4, 72, 2))
        assert kwh == pytest.approx(5120.345, abs=0.01)
        assert await lan.read(17, 1, 0, 1) == b"\x01"

    live(scenario)


def test_a_late_answer_is_never_taken_for_the_next_question() -> None:
    """Threat 16: RTU has no transaction id: after a timeout the late frame is waited out and thrown away."""

    async def scenario(sim: Simulation, serial: ModbusLink, lan: ModbusLink) -> None:
        voltage = await serial.read(1, 3, 12, 1)
        await sim.do(f"fault hiking late {TIMEOUT_MS + 60} 1")
        with pytest.raises(MeterSilent, match="register 12"):
            await serial.read(1, 3, 12, 1)
        frequency = await serial.read(1, 3, 17, 1)
        assert words(frequency) == (5000,)
        assert frequency != voltage
        await sim.do(f"fault hiking late {TIMEOUT_MS + 60} 1")
        with pytest.raises(MeterSilent):
            await serial.read(1, 3, 12, 1)
        assert words(await serial.read(2, 3, 87, 2))[1] == 0

    live(scenario)


def test_a_cancelled_question_leaves_no_answer_behind() -> None:
    """A task cancelled in mid-exchange soils the line like a timeout does."""

    async def scenario(sim: Simulation, serial: ModbusLink, lan: ModbusLink) -> None:
        await serial.read(1, 3, 12, 1)
        await sim.do("fault hiking late 60 1")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await serial.read(1, 3, 12, 1)
        assert words(await serial.read(1, 3, 17, 1)) == (5000,)

    live(scenario)


@pytest.mark.parametrize(
    ("fault", "error", "says"),
    [
        ("unit 1", MeterAnswerRefused, "no answer of unit"),
        ("count 1", MeterAnswerRefused, "expected"),
        ("exception 2 1", MeterAnswerRefused, "illegal data address"),
        ("silence", MeterSilent, "no answer in"),
        ("mute 1", MeterSilent, "no answer in"),
        ("garbage 1", MeterAnswerRefused, "no answer of unit"),
        ("crc 1", MeterAnswerRefused, "no answer of unit"),
    ],
)
def test_an_answer_that_cannot_be_believed_is_refused_and_the_line_goes_on(
    fault: str, error: type[Exception], says: str
) -> None:
    """Threat 16: wrong unit id or count, exception, silence, garbage, bad CRC; bus, unit and register are named."""

    async def scenario(sim: Simulation, serial: ModbusLink, lan: ModbusLink) -> None:
        good = await serial.read(1, 3, 10, 3)
        await sim.do(f"fault hiking {fault}")
        with pytest.raises(error, match=says) as caught:
            await serial.read(1, 3, 10, 3)
        assert "bus rs485 unit 1 function 3 register 10" in str(caught.value)
        await sim.do("clear hiking")
        assert (await serial.read(1, 3, 10, 3))[4:] == good[4:]

    live(scenario)


@pytest.mark.parametrize(
    ("fault", "error"), [("unit 1", MeterAnswerRefused), ("count 1", MeterAnswerRefused), ("late 250 1", MeterSilent)]
)
def test_tcp_is_as_suspicious(fault: str, error: type[Exception]) -> None:
    """The same faults over TCP; a late answer is told by its transaction id."""

    async def scenario(sim: Simulation, serial: ModbusLink, lan: ModbusLink) -> None:
        await lan.read(1, 4, 70, 2)
        await sim.do(f"fault eastron {fault}")
        with pytest.raises(error):
            await lan.read(1, 4, 0, 2)
        for _ in range(5):
            assert struct.unpack(">f", await lan.read(1, 4, 70, 2)) == (50.0,)
            await asyncio.sleep(0.03)

    live(scenario)


def test_a_write_whose_answer_is_lost_is_not_sent_again() -> None:
    """The default of the library sent one write four times; here it is once."""

    async def scenario(sim: Simulation, serial: ModbusLink, lan: ModbusLink) -> None:
        await serial.read(1, 3, 26, 1)
        before = sim.meter("hiking").requests
        await sim.do("fault hiking mute 1")
        with pytest.raises(MeterSilent):
            await serial.write_registers(1, 26, [0])
        await asyncio.sleep(2 * TIMEOUT_MS / 1000)
        assert sim.meter("hiking").requests == before + 1
        assert words(await serial.read(1, 3, 26, 1)) == (0,)

    live(scenario)


def test_a_late_read_answer_does_not_make_a_write_look_done() -> None:
    """After a read timed out, the write that follows is confirmed by its own answer only."""

    async def scenario(sim: Simulation, serial: ModbusLink, lan: ModbusLink) -> None:
        await serial.read(1, 3, 26, 1)
        await sim.do(f"fault hiking late {TIMEOUT_MS + 40} 1")
        with pytest.raises(MeterSilent):
            await serial.read(1, 3, 26, 1)
        await sim.do("fault hiking exception 4 1")
        with pytest.raises(MeterAnswerRefused, match="device failure"):
            await serial.write_registers(1, 26, [0])

    live(scenario)


def test_a_serial_port_that_vanishes_and_returns() -> None:
    """Bad input: the adapter is unplugged in mid-life; the line is away, then it works again without a restart."""

    async def scenario(sim: Simulation, serial: ModbusLink, lan: ModbusLink) -> None:
        await serial.read(1, 3, 26, 1)
        await sim.do("unplug rs485")
        with pytest.raises(LineAway, match="rs485"):
            await serial.read(1, 3, 26, 1)
        await sim.do("replug rs485")
        await asyncio.sleep(0.5)
        assert words(await serial.read(1, 3, 26, 1)) == (1,)

    live(scenario)


def test_an_adapter_that_hangs_is_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Peers.md 14: the name leads to another device meanwhile, and no error ever came from the old one."""
    monkeypatch.setitem(modbus._TIMEOUTS_UNTIL_REOPENED, "serial", 2)

    async def scenario(sim: Simulation, _serial: ModbusLink, _lan: ModbusLink) -> None:
        master, slave = os.openpty()
        name = tmp_path / "usb-adapter"
        name.symlink_to(os.ttyname(slave))
        link = open_serial("rs485", str(name), parse_line("9600 8N1"), WallClock(), timeout_ms=40, gap_ms=2)
        with pytest.raises(MeterSilent):
            await link.read(1, 3, 26, 1)
        name.unlink()
        name.symlink_to(cast("RtuLine", sim.line("rs485")).path)
        with pytest.raises(MeterSilent):
            await link.read(1, 3, 26, 1)
        assert words(await link.read(1, 3, 26, 1)) == (1,)
        await link.close()
        os.close(master)
        os.close(slave)

    live(scenario)


def test_a_tcp_peer_that_goes_and_comes_back() -> None:
    """A reset is heard at once, a refused connection is a line away, and the peer is used again when it is back."""

    async def scenario(sim: Simulation, serial: ModbusLink, lan: ModbusLink) -> None:
        await lan.read(1, 4, 70, 2)
        await sim.do("unplug lan")
        with pytest.raises(LineAway, match="lan"):
            await lan.read(1, 4, 70, 2)
        await sim.do("replug lan")
        await asyncio.sleep(0.5)
        assert struct.unpack(">f", await lan.read(1, 4, 70, 2)) == (50.0,)

    live(scenario)


def test_a_port_that_does_not_exist_is_named() -> None:
    """Bad input: a wrong device path tells bus, path and reason."""

    async def scenario() -> None:
        link = open_serial("rs485", "/dev/serial/by-id/none", parse_line("9600 8N1"), WallClock())
        with pytest.raises(LineAway, match=r"bus rs485 \(/dev/serial/by-id/none\).*No such file"):
            await link.read(1, 3, 0, 1)

    asyncio.run(scenario())


@pytest.mark.parametrize("host", ["meters..example", ".", "a" * 64 + ".example"])
def test_a_host_that_can_be_no_name_is_a_line_that_is_away(host: str) -> None:
    """Bad input: a typing error in one bus tells bus and reason, and ends no other meter's polls."""

    async def scenario() -> None:
        link = open_tcp("lan", host, 502, WallClock())
        with pytest.raises(LineAway, match=r"bus lan .* cannot be opened"):
            await link.read(1, 3, 0, 1)

    asyncio.run(scenario())


def test_a_port_used_by_another_program_is_refused() -> None:
    """The port is locked for one process: two masters on one line would corrupt both."""

    async def scenario(sim: Simulation, serial: ModbusLink, lan: ModbusLink) -> None:
        await serial.read(1, 3, 26, 1)
        path = str(cast("RtuLine", sim.line("rs485")).path)
        second = open_serial("other", path, parse_line("9600 8N1"), WallClock())
        with pytest.raises(LineAway, match="lock"):
            await second.read(1, 3, 26, 1)

    live(scenario)


def test_a_line_that_is_never_quiet_fails_in_time() -> None:
    """I21: a device that babbles for ever costs each question a bounded time, so the bus task goes round."""

    async def scenario() -> None:
        master, slave = os.openpty()
        tty.setraw(slave)
        loop = asyncio.get_running_loop()

        async def babble() -> None:
            while True:
                os.write(master, b"\x55\xaa\x01")
                await asyncio.sleep(0.005)

        noise = loop.create_task(babble())
        link = open_serial("x", os.ttyname(slave), parse_line("9600 8N1"), WallClock(), timeout_ms=100, gap_ms=40)
        try:
            began_s = loop.time()
            for _ in range(2):
                async with asyncio.timeout(5):
                    with pytest.raises(MeterAnswerRefused, match=r"bytes keep coming|no answer of unit"):
                        await link.read(1, 3, 12, 1)
            assert loop.time() - began_s < 2
        finally:
            noise.cancel()
            await link.close()
            os.close(master)

    asyncio.run(scenario())


def test_the_gap_between_frames_is_kept() -> None:
    """Inter-frame gaps are respected: no request begins sooner than the gap after the last byte."""

    async def scenario() -> None:
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        clock = WallClock()
        seen: list[tuple[str, int]] = []

        def serve() -> None:
            os.read(master, 64)
            seen.append(("asked", clock.monotonic_ms()))
            os.write(master, bytes.fromhex("010302000179 84".replace(" ", "")))
            seen.append(("answered", clock.monotonic_ms()))

        asyncio.get_running_loop().add_reader(master, serve)
        link = open_serial("x", os.ttyname(slave), parse_line("9600 8N1"), clock, gap_ms=40)
        for _ in range(4):
            assert await link.read(1, 3, 26, 1) == b"\x00\x01"
        await link.close()
        asyncio.get_running_loop().remove_reader(master)
        os.close(master)
        os.close(slave)
        gaps = [b - a for (x, a), (y, b) in itertools.pairwise(seen) if (x, y) == ("answered", "asked")]
        assert len(gaps) == 3
        assert min(gaps) >= 39

    asyncio.run(scenario())
