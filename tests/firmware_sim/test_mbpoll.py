"""A foreign Modbus client, mbpoll, reads the simulated meters and gets the right values (issue 2, part 4)."""

import asyncio
import re
from pathlib import Path

import pytest

from firmware_sim.clock import ManualClock
from firmware_sim.simulation import Simulation
from tests.firmware_sim.wires import PLANT
from tests.foreign import program

SDM_ON_RTU = PLANT.replace('line = "lan"\nunit = 1', 'line = "bus"\nunit = 3')


@pytest.fixture(scope="module")
def mbpoll() -> Path:
    """The program."""
    return program("mbpoll")


async def poll(mbpoll: Path, *arguments: str) -> dict[int, str]:
    """Run mbpoll once with 0-based addresses; the values by address, or its failure as a test failure."""
    process = await asyncio.create_subprocess_exec(
        mbpoll, "-1", "-0", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output
    return {int(address): value for address, value in re.findall(r"^\[(\d+)\]:\s+(\S+)", output, re.MULTILINE)}


def tcp(sim: Simulation) -> tuple[str, ...]:
    """Arguments for the TCP line."""
    return ("-m", "tcp", "-p", str(sim.line("lan").port), "127.0.0.1")


def serial(sim: Simulation) -> tuple[str, ...]:
    """Arguments for the RTU line."""
    return ("-m", "rtu", "-b", "19200", "-P", "none", str(sim.line("bus").path))


def test_mbpoll_reads_an_sdm630_over_tcp(mbpoll: Path) -> None:
    """Voltage, power and energy as floats, the serial number as an integer."""

    async def main() -> None:
        async with Simulation.start(PLANT, clock=ManualClock()) as sim:
            floats = ("-a", "1", "-t", "3:float", "-B")
            assert await poll(mbpoll, *floats, "-r", "0", "-c", "3", *tcp(sim)) == {0: "230", 2: "230", 4: "230"}
            assert await poll(mbpoll, *floats, "-r", "52", *tcp(sim)) == {52: "3000"}
            assert await poll(mbpoll, *floats, "-r", "72", *tcp(sim)) == {72: "5120.5"}
            serial_number = await poll(mbpoll, "-a", "1", "-t", "4:int", "-B", "-r", "64512", *tcp(sim))
            assert serial_number == {64512: "21457003"}

    asyncio.run(main())


def test_mbpoll_reads_an_sdm630_over_rtu(mbpoll: Path) -> None:
    """The same meter behind a pty."""

    async def main() -> None:
        async with Simulation.start(SDM_ON_RTU, clock=ManualClock()) as sim:
            floats = ("-a", "3", "-t", "3:float", "-B")
            assert await poll(mbpoll, *floats, "-r", "72", *serial(sim)) == {72: "5120.5"}
            assert await poll(mbpoll, *floats, "-r", "12", "-c", "3", *serial(sim)) == {
                12: "1000",
                14: "1000",
                16: "1000",
            }

    asyncio.run(main())


def test_mbpoll_reads_and_switches_a_dds238_over_rtu(mbpoll: Path) -> None:
    """Energy, the instantaneous block, and the relay, which mbpoll can only write by FC06: the meter refuses it."""

    async def main() -> None:
        async with Simulation.start(PLANT, clock=ManualClock()) as sim:
            assert await poll(mbpoll, "-a", "1", "-t", "4:int", "-B", "-r", "10", *serial(sim)) == {10: "123456"}
            block = await poll(mbpoll, "-a", "1", "-t", "4", "-r", "12", "-c", "6", *serial(sim))
            assert block == {12: "2300", 13: "435", 14: "1000", 15: "0", 16: "1000", 17: "5000"}
            with pytest.raises(AssertionError, match="Illegal function"):
                await poll(mbpoll, "-a", "1", "-t", "4", "-r", "26", *serial(sim), "0")
            assert sim.meter("dds").relay_closed is True

    asyncio.run(main())


def test_mbpoll_switches_the_relay_board(mbpoll: Path) -> None:
    """Writing a coil opens the supply of the meter behind it, reading shows it, all coils go in one write."""

    async def main() -> None:
        async with Simulation.start(PLANT, clock=ManualClock()) as sim:
            coils = ("-a", "17", "-t", "0", "-r", "0")
            await poll(mbpoll, *coils, *tcp(sim), "0")
            assert await poll(mbpoll, *coils, *tcp(sim)) == {0: "0"}
            assert sim.meter("sdm").power_w == 0
            await poll(mbpoll, *coils, *tcp(sim), "1", "0", "1")
            assert await poll(mbpoll, *coils, "-c", "3", *tcp(sim)) == {0: "1", 1: "0", 2: "1"}
            assert sim.meter("sdm").power_w == 3000

    asyncio.run(main())


def test_mbpoll_forces_the_relay_of_an_acrel_meter(mbpoll: Path) -> None:
    """Two registers in one FC16: forced open, read back, forced closed."""

    async def main() -> None:
        async with Simulation.start(PLANT, clock=ManualClock()) as sim:
            forced = ("-a", "2", "-t", "4", "-r", "87")
            await poll(mbpoll, *forced, *serial(sim), "1", "1")
            assert await poll(mbpoll, *forced, "-c", "2", *serial(sim)) == {87: "1", 88: "1"}
            assert sim.meter("acrel").power_w == 0
            await poll(mbpoll, *forced, *serial(sim), "1", "0")
            assert sim.meter("acrel").power_w == 500

    asyncio.run(main())
