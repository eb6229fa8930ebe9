"""Wires: framing by silence, cables that come out and go back, units that are not there."""

import asyncio
import contextlib
import os
import struct
import time
from pathlib import Path

import pytest

from firmware_sim.clock import ManualClock
from firmware_sim.rtu import silence_s
from firmware_sim.simulation import Simulation
from tests.firmware_sim.wires import PLANT, TcpClient, crc, rtu, rtu_ask, rtu_collect

READ = bytes.fromhex("01030000000ac5cd")


def test_units_that_are_not_there_are_silent() -> None:
    """Neither line answers for a unit it does not have, and goes on for those it has."""

    async def main() -> None:
        async with Simulation.start(PLANT, clock=ManualClock()) as sim:
            client = await TcpClient.connect(sim.line("lan").port)
            assert await client.ask(99, "0400480002", 0.05) == b""
            assert (await client.ask(1, "0400480002"))[0] == 1
            await client.close()
            assert await rtu(sim.line("bus").path, 99, "0300000002", 0.05) == b""
            assert (await rtu(sim.line("bus").path, 2, "0300000002"))[0] == 2

    asyncio.run(main())


def test_the_pty_survives_clients_that_come_and_go(tmp_path: Path) -> None:
    """Opening, closing and opening again finds the same line, at the path the scenario names."""

    async def main() -> None:
        text = PLANT.replace('kind = "rtu"', 'kind = "rtu"\npath = "ttyMETER"')
        async with Simulation.start(text, folder=tmp_path, clock=ManualClock()) as sim:
            path = sim.line("bus").path
            assert path == tmp_path / "ttyMETER"
            for _ in range(3):
                assert (await rtu(path, 1, "03000a0002")).hex() == "0103040001e240"
        assert not path.is_symlink()

    asyncio.run(main())


def test_unplugging_a_serial_line_gives_an_error_and_replugging_a_fresh_port() -> None:
    """A client that holds the port sees it go; the path vanishes, comes back, and answers again."""

    async def main() -> None:
        async with Simulation.start(PLANT, clock=ManualClock()) as sim:
            path = sim.line("bus").path
            port = os.open(path, os.O_RDWR | os.O_NOCTTY)
            await sim.do("unplug bus")
            await sim.do("unplug bus")
            with pytest.raises(OSError, match="Input/output error"):
                os.write(port, READ)
            os.close(port)
            assert not path.exists()
            assert not path.is_symlink()
            assert await sim.do("replug bus") == {"id": "bus", "pty": str(path)}
            await sim.do("replug bus")
            assert (await rtu(path, 1, "03000a0002")).hex() == "0103040001e240"

    asyncio.run(main())


def test_an_answer_on_its_way_is_lost_with_the_cable() -> None:
    """A late answer of before the unplugging does not come out of the fresh port."""

    async def main() -> None:
        async with Simulation.start(PLANT, clock=ManualClock()) as sim:
            path = sim.line("bus").path
            await sim.do("fault dds late 250 1")
            assert await asyncio.to_thread(rtu_ask, path, READ, 0.03) == b""
            await sim.do("unplug bus")
            await sim.do("replug bus")
            port = os.open(path, os.O_RDWR | os.O_NOCTTY)
            assert await asyncio.to_thread(rtu_collect, port, 0.35) == b""
            os.close(port)

    asyncio.run(main())


def test_unplugging_a_tcp_line_closes_and_refuses_and_keeps_its_port() -> None:
    """Connections end, new ones are refused, and after replugging the same port answers."""

    async def main() -> None:
        async with Simulation.start(PLANT, clock=ManualClock()) as sim:
            line = sim.line("lan")
            port = line.port
            client = await TcpClient.connect(port)
            assert (await client.ask(1, "0400480002"))[0] == 1
            await line.unplug()
            assert await client.receive() == b""
            with pytest.raises(OSError, match=r"refused|Connect call failed"):
                await TcpClient.connect(port)
            await line.replug()
            assert line.port == port
            again = await TcpClient.connect(port)
            assert (await again.ask(1, "0400480002"))[0] == 1
            await again.close()
            await client.close()

    asyncio.run(main())


def test_rtu_frames_end_with_silence() -> None:
    """Requests without silence between, half a frame, a bad CRC and noise are ignored; the next frame is answered."""

    async def main() -> None:
        async with Simulation.start(PLANT, clock=ManualClock()) as sim:
            path = sim.line("bus").path
            for noise in (READ + READ, READ[:5], READ[:-1] + b"\0", b"\xff" * 300, b"\1"):
                assert await asyncio.to_thread(rtu_ask, path, noise, 0.05) == b"", noise
                assert (await asyncio.to_thread(rtu_ask, path, READ))[:3] == b"\1\3\x14"
            assert sim.meter("dds").requests == 5

    asyncio.run(main())


def test_the_silence_of_a_baud_rate() -> None:
    """3.5 characters of 11 bits; 1.75 ms above 19200 baud (Modbus over serial line 1.02)."""
    assert abs(silence_s(9600) - 0.004010) < 1e-6
    assert silence_s(115_200) == 0.00175


def test_line_time_makes_a_slow_line_slow() -> None:
    """At 2400 baud 8 + 25 bytes take at least 150 ms; without line_time the answer is quick."""

    async def main() -> None:
        slow = PLANT.replace("baud = 19200", "baud = 2400\nline_time = true")
        async with Simulation.start(slow, clock=ManualClock()) as sim:
            start_s = time.monotonic()
            answer = await asyncio.to_thread(rtu_ask, sim.line("bus").path, READ)
            assert len(answer) == 25
            assert time.monotonic() - start_s > 33 * 11 / 2400

    asyncio.run(main())


def test_tcp_frames_may_arrive_in_pieces_and_together() -> None:
    """One byte at a time, or three requests in one packet: each is answered, in order."""

    async def main() -> None:
        async with Simulation.start(PLANT, clock=ManualClock()) as sim:
            reader, writer = await asyncio.open_connection("127.0.0.1", sim.line("lan").port)
            frames = [struct.pack(">HHHB", n, 0, 6, 1) + bytes.fromhex("0400480002") for n in range(3)]
            for byte in frames[0]:
                writer.write(bytes((byte,)))
                await writer.drain()
            assert (await reader.readexactly(13))[:2] == b"\0\0"
            writer.write(b"".join(frames))
            assert [(await reader.readexactly(13))[:2] for _ in frames] == [b"\0\0", b"\0\1", b"\0\2"]
            writer.close()
            await writer.wait_closed()

    asyncio.run(main())


@pytest.mark.parametrize(
    "junk", ["ffffffffffffffffff", "00010000ffff01", "00010000000101", b"GET / HTTP/1.1\r\n".hex()]
)
def test_tcp_junk_closes_its_connection_only(junk: str) -> None:
    """Bytes that cannot be a frame end that connection; another one goes on."""

    async def main() -> None:
        async with Simulation.start(PLANT, clock=ManualClock()) as sim:
            good = await TcpClient.connect(sim.line("lan").port)
            reader, writer = await asyncio.open_connection("127.0.0.1", sim.line("lan").port)
            writer.write(bytes.fromhex(junk))
            with contextlib.suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), 5) == b""
            assert (await good.ask(1, "0400480002"))[0] == 1
            await good.close()
            writer.close()

    asyncio.run(main())


def test_two_units_share_a_pty() -> None:
    """Both meters of the line answer with their own id."""

    async def main() -> None:
        async with Simulation.start(PLANT, clock=ManualClock()) as sim:
            path = sim.line("bus").path
            assert (await rtu(path, 1, "0300150001")).hex() == "0103020101"
            assert (await rtu(path, 2, "0300000002")).hex() == "0203040000226a"
            assert crc(READ[:-2]) == READ[-2:]

    asyncio.run(main())
