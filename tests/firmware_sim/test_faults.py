"""Every fault is visible on the wire, lasts as long as was said, and leaves the meter healthy."""

import asyncio
import re
from collections.abc import Awaitable, Callable

import pytest

from firmware_sim.clock import ManualClock
from firmware_sim.control import ControlError
from firmware_sim.simulation import Simulation
from tests.firmware_sim.wires import PLANT, TcpClient, crc, rtu, rtu_ask

ENERGY = "0400480002"
HEALTHY = "01040445a00400"
SILENT_S = 0.05


def on_tcp(test: Callable[[Simulation, TcpClient], Awaitable[None]]) -> None:
    """Run a test with a connection to the plant's TCP line; time moves by hand."""

    async def main() -> None:
        async with Simulation.start(PLANT.replace("load = 3000", "load = 0"), clock=ManualClock()) as sim:
            client = await TcpClient.connect(sim.line("lan").port)
            await test(sim, client)
            await client.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    ("fault", "seen"),
    [
        ("unit 2", "02040445a00400"),
        ("count 2", "01040245a0"),
        ("exception 4 2", "018404"),
        ("zero 2", "01040400000000"),
        ("nan 2", "0104047fc00000"),
        ("ones 2", "010404ffffffff"),
        ("jump 1000 2", "01040445bf4400"),
        ("jump -120.5 2", "010404459c4000"),
    ],
)
def test_an_answer_is_wrong_so_many_times_and_then_right(fault: str, seen: str) -> None:
    """Wrong unit, one register fewer, an exception, zero, NaN, all ones, a jump: twice as ordered, then healthy."""

    async def test(sim: Simulation, client: TcpClient) -> None:
        await sim.do(f"fault sdm {fault}")
        assert [(await client.ask(1, ENERGY)).hex() for _ in range(3)] == [seen, seen, HEALTHY]
        await sim.do(f"fault sdm {fault.rsplit(' ', 1)[0]}")
        assert [(await client.ask(1, ENERGY)).hex() for _ in range(4)] == [seen] * 4
        await sim.do("clear sdm")
        assert (await client.ask(1, ENERGY)).hex() == HEALTHY

    on_tcp(test)


def test_reads_without_energy_do_not_use_up_a_register_fault() -> None:
    """`zero 1` waits for the read that includes an energy register; the others stay as they are."""

    async def test(sim: Simulation, client: TcpClient) -> None:
        await sim.do("fault sdm zero 1")
        assert await client.float32(1, 0) == 230
        assert await client.float32(1, 72) == 0
        assert await client.float32(1, 72) == 5120.5

    on_tcp(test)


@pytest.mark.parametrize(("fault", "seconds"), [("silence 5", 5), ("reboot 4", 4)])
def test_silence_and_reboot_last_their_time_and_keep_the_energy(fault: str, seconds: int) -> None:
    """Nothing comes back until the time is over; then the register stands where it stood."""

    async def test(sim: Simulation, client: TcpClient) -> None:
        await sim.do(f"fault sdm {fault}")
        assert await client.ask(1, ENERGY, SILENT_S) == b""
        await sim.advance(seconds - 0.001)
        assert await client.ask(1, ENERGY, SILENT_S) == b""
        await sim.advance(0.001)
        assert (await client.ask(1, ENERGY)).hex() == HEALTHY

    on_tcp(test)


def test_a_device_can_be_unplugged_alone() -> None:
    """`plug off` silences one unit and leaves its neighbours."""

    async def test(sim: Simulation, client: TcpClient) -> None:
        await sim.do("plug sdm off")
        assert await client.ask(1, ENERGY, SILENT_S) == b""
        assert (await client.ask(2, "030c830004"))[0] == 2
        await sim.do("plug sdm on")
        assert (await client.ask(1, ENERGY)).hex() == HEALTHY

    on_tcp(test)


def test_a_mute_answer_is_lost_but_the_write_is_carried_out() -> None:
    """The relay moves although the client never hears so."""

    async def test(sim: Simulation, client: TcpClient) -> None:
        await sim.do("fault board mute 1")
        assert await client.ask(17, "0500000000", SILENT_S) == b""
        assert (await client.ask(17, "0100000001")).hex() == "11010100"
        assert not sim.meter("sdm").supply_closed

    on_tcp(test)


def test_an_exception_carries_nothing_out() -> None:
    """A refused write leaves the coil where it was."""

    async def test(sim: Simulation, client: TcpClient) -> None:
        await sim.do("fault board exception 6 1")
        assert (await client.ask(17, "0500000000")).hex() == "118506"
        assert sim.meter("sdm").supply_closed

    on_tcp(test)


def test_a_late_answer_arrives_during_the_next_exchange() -> None:
    """Request 1 is answered after request 2, with the bytes of request 1."""

    async def test(sim: Simulation, client: TcpClient) -> None:
        await sim.do("fault sdm late 250 1")
        client.send(1, ENERGY, transaction=1)
        assert await client.receive(0.02) == b""
        client.send(1, "0400000002", transaction=2)
        assert (await client.receive()).hex() == "00020000000701040443660000"
        assert (await client.receive()).hex() == "000100000007" + HEALTHY

    on_tcp(test)


def test_a_stale_answer_belongs_to_the_previous_question() -> None:
    """What a gateway with a full buffer does: the new transaction, the old content."""

    async def test(sim: Simulation, client: TcpClient) -> None:
        await client.ask(1, "0400000002")
        await sim.do("fault sdm stale 1")
        client.send(1, ENERGY, transaction=9)
        assert (await client.receive()).hex() == "00090000000701040443660000"
        assert (await client.ask(1, ENERGY)).hex() == HEALTHY

    on_tcp(test)


def test_garbage_is_no_frame_and_repeats_with_the_seed() -> None:
    """Random bytes once, then the healthy answer; the same seed gives the same bytes."""

    async def test(sim: Simulation, client: TcpClient) -> None:
        await sim.do("fault sdm garbage 1")
        client.send(1, ENERGY)
        garbage = await client.receive()
        assert len(garbage) == 12
        assert garbage[:4] != b"\0\1\0\0"
        assert (await client.ask(1, ENERGY)).hex() == HEALTHY
        seen.append(garbage)

    seen: list[bytes] = []
    on_tcp(test)
    on_tcp(test)
    assert seen[0] == seen[1]


def test_a_frozen_register_stands_still_and_catches_up() -> None:
    """For ten seconds the register shows the old value although energy flows; then the true one."""

    async def test(sim: Simulation, client: TcpClient) -> None:
        sim.meter("sdm").load_w = 3_600_000
        await sim.do("fault sdm frozen 10")
        await sim.advance(9)
        assert await client.float32(1, 72) == 5120.5
        assert await client.float32(1, 52) == 3_600_000
        await sim.advance(1)
        assert await client.float32(1, 72) == 5130.5

    on_tcp(test)


def test_reset_register_wrap_and_swap() -> None:
    """The register goes to 0, to a value, over its modulus; a swapped meter has another serial number and register."""

    async def test(sim: Simulation, client: TcpClient) -> None:
        await sim.do("reset sdm")
        assert await client.float32(1, 72) == 0
        await sim.do("register sdm 12.5")
        assert await client.float32(1, 72) == 12.5
        await sim.do("wrap iem 10")
        assert (await client.ask(2, "030c830004")).hex() == "0203087ffffffffffffff6"
        sim.meter("iem").load_w = 3_600_000
        await sim.advance(0.015)
        assert (await client.ask(2, "030c830004")).hex() == "0203080000000000000005"
        await sim.do("swap sdm 16909060 3")
        assert (await client.ask(1, "03fc000002")).hex() == "01030401020304"
        assert await client.float32(1, 72) == 3

    on_tcp(test)


def test_relay_faults() -> None:
    """Stuck: neither moves nor shows it. Welded: shows it, current flows. Slow: moves later. Each accepts the write."""

    async def test(sim: Simulation, client: TcpClient) -> None:
        meter, off, on, read = sim.meter("sdm"), "0500000000", "050000ff00", "0100000001"
        meter.load_w = 2000
        for fault, coil_after, power_w_after in (
            ("stuck", "01", 2000),
            ("welded", "00", 2000),
            ("slow 3000", "01", 2000),
        ):
            await sim.do(f"fault board {fault}")
            assert (await client.ask(17, off)).hex() == "11" + off
            assert (await client.ask(17, read)).hex() == "110101" + coil_after
            assert meter.power_w == power_w_after
            await sim.advance(3)
            assert meter.power_w == (0 if fault.startswith("slow") else 2000)
            await sim.do("clear board")
            assert (await client.ask(17, on)).hex() == "11" + on
            assert meter.power_w == 2000

    on_tcp(test)


def test_a_rebooting_board_drops_its_coils_unless_latching() -> None:
    """After a reboot a plain board has all coils off; a latching one keeps them."""

    async def test(sim: Simulation, client: TcpClient) -> None:
        await sim.do("fault board reboot 1")
        assert not sim.meter("sdm").supply_closed

    async def latching() -> None:
        async with Simulation.start(PLANT.replace("unit = 17", "unit = 17\nlatching = true")) as sim:
            await sim.do("fault board reboot 1")
            assert sim.meter("sdm").supply_closed

    on_tcp(test)
    asyncio.run(latching())


def test_rtu_checksum_garbage_and_late() -> None:
    """On RTU a bad CRC differs only in its CRC; garbage is none; a late answer arrives alone after its time."""

    async def main() -> None:
        async with Simulation.start(PLANT, clock=ManualClock()) as sim:
            path = sim.line("bus").path
            request = bytes.fromhex("0103000a0002")
            good = bytes.fromhex("0103040001e240")
            await sim.do("fault dds crc 1")
            answer = await asyncio.to_thread(rtu_ask, path, request + crc(request))
            assert answer[:-2] == good
            assert answer[-2:] != crc(good)
            await sim.do("fault dds garbage 1")
            answer = await asyncio.to_thread(rtu_ask, path, request + crc(request))
            assert crc(answer[:-2]) != answer[-2:]
            await sim.do("fault dds late 250 1")
            assert await rtu(path, 1, "0300000002", wait_s=0.03) == b""
            both = await asyncio.to_thread(rtu_ask, path, request + crc(request), 5, 0.4)
            late = bytes.fromhex("0103040001e240")
            assert both == good + crc(good) + late + crc(late)
            assert await rtu(path, 1, "0300150001") == bytes.fromhex("0103020101")

    asyncio.run(main())


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("fault sdm crc", "no checksum"),
        ("fault sdm stuck", "no relay"),
        ("relay sdm open", "no relay"),
        ("fault dds nan", "ones"),
        ("fault board zero", "no registers"),
        ("coil board 8 on", "channels 0 to 7"),
        ("fault sdm stuk", 'did you mean "stuck"'),
        ("fault sdm reboot", "write: fault DEVICE reboot SECONDS"),
        ("fault sdm late", "write: fault DEVICE late MS [ANSWERS]"),
        ("fault sdm late soon", "whole number"),
        ("fault sdm zero 0", "from 1"),
        ("fault sdm silence -1", "from 0"),
        ("load sdm 1e99", "number of watts"),
        ("load sdm nan", "load profile"),
        ("load sdm houshold", 'did you mean "household"'),
        ("load smd 5", 'did you mean "sdm"'),
        ("unplug sdm", "no line"),
        ("swap sdm x", "serial number"),
        ("load sdm", "write: load METER WATTS|PROFILE"),
        ("laod sdm 5", 'did you mean "load"'),
        ("", "not a control word"),
    ],
)
def test_a_senseless_line_says_why_and_changes_nothing(line: str, told: str) -> None:
    """Each bad control line is refused with what would be right."""

    async def test(sim: Simulation, client: TcpClient) -> None:
        before = sim.status()
        with pytest.raises(ControlError, match=re.escape(told)):
            await sim.do(line)
        assert sim.status() == before

    on_tcp(test)
