"""Who is on a bus and what it is: against simulated meters on real Modbus; and listening to the line."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_sim.rtu import RtuLine
from firmware_sim.simulation import Simulation
from firmware_sim.tcp import TcpLine
from gateway.meters import probe, profile
from gateway.meters.build import build_serial_bus, build_tcp_bus
from gateway.meters.meter import LineAway
from gateway.meters.modbus import ModbusLink, open_tcp
from gateway.meters.registers import WordOrder
from gateway.meters.tap import FRAMES_MAX, LISTENS_MS, Decoded, Frame, Tap, crc16, decoded
from tests.meters.wall import RTU, WallClock

MODELS = [model for name in profile.known_models() if (model := profile.load(name)).can_bill]


@asynccontextmanager
async def wires() -> AsyncIterator[tuple[ModbusLink, ModbusLink]]:
    """The serial line (units 1 and 2) and the network (units 1, 2 and the board 17)."""
    clock = WallClock()
    async with Simulation.start(RTU) as sim:
        rtu, tcp = cast("RtuLine", sim.line("rs485")), cast("TcpLine", sim.line("lan"))
        serial = build_serial_bus("rs485", str(rtu.path), "19200 8N1", clock=clock, timeout_ms=250, gap_ms=2)
        lan = build_tcp_bus("lan", tcp.host, tcp.port, clock=clock, timeout_ms=250)
        try:
            yield serial.link, lan.link
        finally:
            await serial.link.close()
            await lan.link.close()


def test_a_scan_finds_who_answers_and_nobody_else() -> None:
    """Issue 5: units 1 and 2 on the line; a board that only knows coils answers with a refusal, which is an answer."""

    async def scenario() -> None:
        async with wires() as (serial, lan):
            assert [unit for unit in range(1, 6) if await probe.present(serial, unit)] == [1, 2]
            assert await probe.present(lan, 17)

    asyncio.run(scenario())


def test_a_line_that_is_away_is_said_so() -> None:
    """A scan of a bus that is not there ends at once, it does not report an empty bus."""

    async def scenario() -> None:
        with pytest.raises(LineAway):
            await probe.present(open_tcp("x", "127.0.0.1", 1, WallClock(), timeout_ms=50), 1)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("line", "unit", "model"), [(0, 1, "hiking-dds238"), (1, 1, "eastron-sdm630"), (1, 2, "schneider-iem3155")]
)
def test_an_unknown_unit_is_recognised_among_all_models(line: int, unit: int, model: str) -> None:
    """Issue 5: the right model, or one with the same registers, stands first with a full score."""

    async def scenario() -> None:
        async with wires() as links:
            fits = await probe.fits(links[line], unit, MODELS)
            best = [fit.model for fit in fits if fit.score == fits[0].score]
            assert model in best
            assert fits[0].score == 100
            assert len(fits) >= len(MODELS)
            assert fits[-1].score < 60

    asyncio.run(scenario())


def test_every_register_of_a_model_is_read_and_named() -> None:
    """The value is what the meter shows, beside the raw words it was made of."""

    async def scenario() -> None:
        async with wires() as (serial, _):
            model = profile.load("hiking-dds238")
            found = {value.name: value for value in await probe.values(serial, 1, model)}
            assert set(found) == set(model.registers)
            energy = found[model.energy]
            assert energy.value == pytest.approx(1234.56, abs=0.1)
            assert len(energy.words) == model.registers[model.energy].words
            other = await probe.values(serial, 1, model, WordOrder.LITTLE)
            assert {value.name for value in other} == set(found)

    asyncio.run(scenario())


def test_a_map_without_a_telling_value_fits_half_at_most() -> None:
    """Zeros are plausible amperes: only volts and hertz tell a right map from an empty one."""
    assert probe.Fit("m", "d", 4, 0, 4, 0, WordOrder.BIG).score == 50
    assert probe.Fit("m", "d", 3, 1, 4, 0, WordOrder.BIG).score == 75
    assert probe.Fit("m", "d", 0, 0, 0, 0, WordOrder.BIG).score == 0


def test_the_tap_hears_both_ways_and_takes_itself_off() -> None:
    """A question and its answer, decoded; without anybody asking for a minute nothing is kept any more."""

    async def scenario() -> None:
        async with wires() as links:
            for link, fc in zip(links, (3, 4), strict=True):
                tap = link.listen()
                assert link.listen() is tap
                await link.read(1, fc, 0, 2)
                ask, answer = tap.after(0, 0)
                said = decoded(ask, serial=link.serial)
                assert (said.unit, said.function, said.address, said.count, said.fault) == (1, fc, 0, 2, "")
                told = decoded(answer, serial=link.serial)
                assert (told.unit, told.function, len(told.words), told.fault) == (1, fc, 2, "")
                assert (ask.sent, answer.sent) == (True, False)
                await link.read(1, fc, 0, 2)
                assert link.listen() is not tap  # asked at 0, long ago by the real clock

    asyncio.run(scenario())


def test_a_tap_is_bounded() -> None:
    """The oldest frames are forgotten, numbers go on, long frames are cut."""
    tap = Tap(0)
    assert all(tap.heard(1, b"x" * 1000, sent=True) for _ in range(FRAMES_MAX + 10))
    frames = tap.after(0, 2)
    assert (len(frames), frames[0].number, len(frames[0].data)) == (FRAMES_MAX, 11, 300)
    assert tap.after(frames[-1].number, 3) == ()
    assert not tap.heard(3 + LISTENS_MS, b"", sent=False)


def rtu(body: bytes, *, sent: bool) -> Frame:
    """A frame with the CRC it should have."""
    return Frame(1, 0, sent, body + struct.pack("<H", crc16(body)))


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (rtu(bytes.fromhex("010600020003"), sent=True), Decoded(1, 6, 2, words=(3,))),
        (rtu(bytes.fromhex("0110000200020400010002"), sent=True), Decoded(1, 16, 2, 2, (1, 2))),
        (rtu(bytes.fromhex("011000020002"), sent=False), Decoded(1, 16, 2, 2)),
        (rtu(bytes.fromhex("010101FF"), sent=False), Decoded(1, 1, words=(255,))),
        (rtu(bytes.fromhex("018302"), sent=False), Decoded(1, 3, exception=2)),
        (rtu(bytes.fromhex("0183"), sent=False), Decoded(1, 3, fault="short")),
        (rtu(bytes.fromhex("012B0E"), sent=False), Decoded(1, 43, fault="function")),
        (rtu(bytes.fromhex("0103050001"), sent=False), Decoded(1, 3, fault="length")),
        (rtu(bytes.fromhex("010300"), sent=True), Decoded(1, 3, fault="short")),
        (Frame(1, 0, sent=True, data=bytes.fromhex("0103000000010000")), Decoded(1, 3, fault="crc")),
        (Frame(1, 0, sent=True, data=b"\x01"), Decoded(1, None, fault="short")),
        (Frame(1, 0, sent=True, data=b""), Decoded(None, None, fault="short")),
    ],
)
def test_a_frame_of_the_line_is_told(frame: Frame, expected: Decoded) -> None:
    """Modbus application protocol 6: addresses, counts, words, refusals, and what is wrong with a frame."""
    assert decoded(frame, serial=True) == expected


def test_a_frame_of_the_network_is_told() -> None:
    """Modbus TCP: the header's protocol and length must be right."""
    good = bytes.fromhex("00010000000601030000000A")
    assert decoded(Frame(1, 0, sent=True, data=good), serial=False) == Decoded(1, 3, 0, 10)
    for bad in (good[:-1], good[:2] + b"\x00\x01" + good[4:]):
        assert decoded(Frame(1, 0, sent=True, data=bad), serial=False).fault == "length"
    assert decoded(Frame(1, 0, sent=True, data=b"\x00" * 7), serial=False).fault == "short"


@given(st.binary(max_size=60), st.booleans(), st.booleans())
def test_any_bytes_are_told_somehow(data: bytes, serial: bool, sent: bool) -> None:
    """Threat 15: noise on the line never ends whoever listens."""
    for frame in (Frame(1, 0, sent, data), rtu(data or b"\x01", sent=sent)):
        assert isinstance(decoded(frame, serial=serial), Decoded)


def test_the_crc_is_the_standard_one() -> None:
    """Modbus over serial line, 6.2.2: the example of the specification (02 07 -> 41 12)."""
    assert struct.pack("<H", crc16(b"\x02\x07")).hex() == "4112"
