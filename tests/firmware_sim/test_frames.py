"""Register maps against frames worked out by hand from the vendors' tables."""

import asyncio

from firmware_sim.clock import ManualClock
from firmware_sim.simulation import Simulation
from tests.firmware_sim.wires import PLANT, TcpClient, crc, rtu, rtu_ask


def test_sdm630_frames_byte_for_byte() -> None:
    """FC04 float32, high word first: 5120.5 kWh, 230 V, 1000 W a phase, 3000 W, 50 Hz; whole MBAP frames."""

    async def main() -> None:
        async with Simulation.start(PLANT, clock=ManualClock()) as sim:
            client = await TcpClient.connect(sim.line("lan").port)
            client.send(1, "0400480002", transaction=0xBEEF)
            assert (await client.receive()).hex(" ") == "be ef 00 00 00 07 01 04 04 45 a0 04 00"
            assert (await client.ask(1, "0400000002")).hex() == "01040443660000"
            assert (await client.ask(1, "04000c0006")).hex() == "01040c" + "447a0000" * 3
            assert (await client.ask(1, "0400340002")).hex() == "010404453b8000"
            assert (await client.ask(1, "0400460002")).hex() == "01040442480000"
            assert (await client.ask(1, "03fc000002")).hex() == "0103040147686b"
            await client.close()

    asyncio.run(main())


def test_sdm630_refuses_what_the_meter_refuses() -> None:
    """Half a parameter or an unknown address is exception 2, over 80 registers 3, other functions 1; gaps read 0."""

    async def main() -> None:
        async with Simulation.start(PLANT, clock=ManualClock()) as sim:
            client = await TcpClient.connect(sim.line("lan").port)
            for pdu, answer in {
                "0400010002": "018402",
                "0400480001": "018402",
                "0410000002": "018402",
                "0400000051": "018403",
                "04000000ff": "018403",
                "0100000001": "018101",
                "0600480000": "018601",
                "2b0e0100": "01ab01",
                "0400240002": "01040400000000",
                "04000a000002": "018403",
            }.items():
                assert (await client.ask(1, pdu)).hex() == answer, pdu
            await client.close()

    asyncio.run(main())


def test_quantities_of_an_sdm630_agree_with_each_other() -> None:
    """P = U I cos phi on each phase and in total; apparent and reactive power close the triangle."""

    async def main() -> None:
        text = PLANT.replace("load = 3000\n", "load = 4600\npower_factor = 0.8\n", 1)
        async with Simulation.start(text, clock=ManualClock()) as sim:
            client = await TcpClient.connect(sim.line("lan").port)
            at = {
                name: await client.float32(1, a)
                for name, a in {"u": 0, "i": 6, "p": 12, "s": 18, "q": 24, "pf": 30}.items()
            }
            total = {name: await client.float32(1, a) for name, a in {"p": 52, "s": 56, "q": 60, "pf": 62}.items()}
            assert abs(at["u"] * at["i"] * at["pf"] - at["p"]) < 0.01
            assert abs(total["p"] - 4600) < 0.01
            assert abs(total["pf"] - 0.8) < 1e-6
            assert abs(total["s"] - 5750) < 0.01
            assert abs(total["q"] - 3450) < 0.01
            assert abs(at["s"] ** 2 - at["p"] ** 2 - at["q"] ** 2) < 1
            await client.close()

    asyncio.run(main())


def test_dds238_frames_byte_for_byte() -> None:
    """FC03 uint32 of 0.01 kWh and the instantaneous block; the CRC of a request known from the literature."""

    async def main() -> None:
        async with Simulation.start(PLANT, clock=ManualClock()) as sim:
            path = sim.line("bus").path
            answer = await asyncio.to_thread(rtu_ask, path, bytes.fromhex("01030000000ac5cd"))
            body = bytes.fromhex("0103140001e240" + "0000" * 8)
            assert answer.hex(" ") == (body + crc(body)).hex(" ")
            assert (await rtu(path, 1, "0300080004")).hex() == "010308000000000001e240"
            # 230.0 V, 4.35 A, 1000 W, 0 var, 1.000, 50.00 Hz
            assert (await rtu(path, 1, "03000c0006")).hex() == "01030c08fc01b303e8000003e81388"
            assert (await rtu(path, 1, "0300150001")).hex() == "0103020101"

    asyncio.run(main())


def test_dds238_relay_by_fc16_only_and_its_fatal_write() -> None:
    """FC16 to 0x001A switches and reads back, FC06 is an illegal function, zeros to 0-1 wipe all energy."""

    async def main() -> None:
        clock = ManualClock()
        async with Simulation.start(PLANT, clock=clock) as sim:
            path, meter = sim.line("bus").path, sim.meter("dds")
            assert (await rtu(path, 1, "06001a0000")).hex() == "018601"
            assert meter.power_w == 1000
            assert (await rtu(path, 1, "10001a0001020000")).hex() == "0110001a0001"
            assert (await rtu(path, 1, "03001a0001")).hex() == "0103020000"
            assert (await rtu(path, 1, "03000d0002")).hex() == "01030400000000"
            await sim.advance(3600)
            assert meter.import_wh == 1_234_560
            assert (await rtu(path, 1, "10001a0001020001")).hex() == "0110001a0001"
            await sim.advance(3600)
            assert meter.import_wh == 1_235_560
            assert (await rtu(path, 1, "10001a0001020002")).hex() == "019003"
            assert (await rtu(path, 1, "10000000020400000000")).hex() == "011000000002"
            assert (await rtu(path, 1, "03000a0002")).hex() == "01030400000000"

    asyncio.run(main())


def test_acrel_forced_mode() -> None:
    """[1,1] forces open, [1,0] closed, and both words read back; 88.10 kWh is 0x226A."""

    async def main() -> None:
        async with Simulation.start(PLANT, clock=ManualClock()) as sim:
            path = sim.line("bus").path
            assert (await rtu(path, 2, "0300000002")).hex() == "0203040000226a"
            assert (await rtu(path, 2, "0300570002")).hex() == "02030400000000"
            assert (await rtu(path, 2, "10005700020400010001")).hex() == "021000570002"
            assert (await rtu(path, 2, "0300570002")).hex() == "02030400010001"
            assert sim.meter("acrel").power_w == 0
            assert (await rtu(path, 2, "10005700020400010000")).hex() == "021000570002"
            assert (await rtu(path, 2, "0300570002")).hex() == "02030400010000"
            assert sim.meter("acrel").power_w == 500
            assert (await rtu(path, 2, "0600570001")).hex() == "028601"
            assert (await rtu(path, 2, "0300380001")).hex() == "0203020001"

    asyncio.run(main())


def test_iem3155_energy_and_overload_alarm() -> None:
    """int64 Wh at wire 3203; the alarm is set by commands at 5249, reads back at 45000, and its output cuts."""

    async def main() -> None:
        async with Simulation.start(PLANT, clock=ManualClock()) as sim:
            client = await TcpClient.connect(sim.line("lan").port)
            assert (await client.ask(2, "030c830004")).hex() == "0203080000000002659159"
            assert (await client.ask(2, "030bf30002")).hex() == "02030440400000"
            assert (await client.ask(2, "03afc80006")).hex() == "02030c" + "0000" * 6
            # command 7000: alarm 9 on, pickup 1.5 kW = 0x3FC00000
            alarm = "1b580000000900000000000000013fc00000" + "0000" * 10
            assert (await client.ask(2, "101481001326" + alarm)).hex() == "021014810013"
            assert (await client.ask(2, "10148100070e4e20" + "0000" * 5 + "0100")).hex() == "021014810007"
            assert (await client.ask(2, "03afc80006")).hex() == "02030c01003fc00000010000000000"
            await sim.advance(1)
            assert (await client.ask(2, "03afcb0003")).hex() == "020306010001000100"
            assert sim.meter("iem").power_w == 0
            sim.meter("iem").load_w = 1400
            await sim.advance(11)
            assert sim.meter("iem").power_w == 1400
            assert (await client.ask(2, "1014810002044e210000")).hex() == "021014810002"
            assert (await client.ask(2, "03afcb0003")).hex() == "020306010000000000"
            assert (await client.ask(2, "1014810001021234")).hex() == "029003"
            await client.close()

    asyncio.run(main())


def test_relay_board_switches_the_supply_of_its_meter() -> None:
    """FC05 and FC15 write, FC01 reads, and the meter in front of which the contact sits shows 0 W."""

    async def main() -> None:
        async with Simulation.start(PLANT, clock=ManualClock()) as sim:
            client = await TcpClient.connect(sim.line("lan").port)
            assert (await client.ask(17, "0100000008")).hex() == "11010101"
            assert (await client.ask(17, "0500000000")).hex() == "110500000000"
            assert await client.float32(1, 52) == 0
            assert await client.float32(1, 0) == 230
            assert (await client.ask(17, "0f000000080185")).hex() == "110f00000008"
            assert (await client.ask(17, "0100000008")).hex() == "11010185"
            assert await client.float32(1, 52) == 3000
            for pdu, answer in {"050000ff01": "118503", "0500080000": "118502", "0300000001": "118301"}.items():
                assert (await client.ask(17, pdu)).hex() == answer
            await client.close()

    asyncio.run(main())


def test_a_broadcast_is_carried_out_and_not_answered() -> None:
    """Unit 0 on a serial line reaches every device and no one speaks."""

    async def main() -> None:
        async with Simulation.start(PLANT, clock=ManualClock()) as sim:
            assert await rtu(sim.line("bus").path, 0, "10001a0001020000", wait_s=0.1) == b""
            assert sim.meter("dds").relay_closed is False

    asyncio.run(main())
