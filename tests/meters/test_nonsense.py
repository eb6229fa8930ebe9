"""Devices that say what no device should: outputs in no position, thresholds that are not kept, foreign answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec.structs
import pytest

from gateway.errors import MeterAnswerRefused, WriteNotConfirmed
from gateway.meters import profile
from gateway.meters.build import MeterSpec, SwitchSpec, build_meter, build_tcp_bus
from gateway.meters.bus import Bus
from gateway.meters.device import ModbusMeter
from gateway.meters.profile import Profile, Relay
from gateway.prepayment.supply import SwitchState
from tests.meters.bank import Bank, bank
from tests.meters.wall import WallClock

IEM = profile.load("schneider-iem3155")
BOARD = msgspec.structs.replace(
    profile.load("generic-relay"), relay=Relay(base=100, channels=2, fc_write=6, fc_read=3, on=0x0100, off=0x0200)
)
ENABLED, THRESHOLD, OUTPUT = 45_000, 45_001, 45_003
IN_FORCE = 0x0100


@asynccontextmanager
async def wired() -> AsyncIterator[tuple[Bank, Bus]]:
    """The device and a bus to it."""
    async with bank() as device:
        bus = build_tcp_bus("lan", "127.0.0.1", device.port, clock=WallClock(), timeout_ms=300)
        try:
            yield device, bus
        finally:
            await bus.link.close()


def play(scenario: Callable[[Bank, Bus], Awaitable[None]]) -> None:
    """One scenario against a fresh device."""

    async def played() -> None:
        async with wired() as (device, bus):
            await scenario(device, bus)

    asyncio.run(played())


def limited(bus: Bus, model: Profile = IEM) -> ModbusMeter:
    """A meter with a threshold of its own."""
    return build_meter(MeterSpec("m1", 1, model, limiter="threshold"), bus, clock=WallClock())


def switched(bus: Bus, *, energised: str = "open") -> ModbusMeter:
    """A meter behind output 1 of a board whose outputs are registers."""
    board = SwitchSpec("relay", BOARD, bus, 17, 1, energised)  # type: ignore[arg-type]
    return build_meter(MeterSpec("m1", 1, profile.load("eastron-sdm630")), bus, clock=WallClock(), switch=board)


@pytest.mark.parametrize(("energised", "on"), [("open", SwitchState.DISCONNECTED), ("closed", SwitchState.CONNECTED)])
def test_an_output_that_is_a_register_is_switched_by_its_words(energised: str, on: SwitchState) -> None:
    """Decision 15: function 6 and the words of the profile, read back; `energised` says what they mean."""
    off = SwitchState.CONNECTED if on is SwitchState.DISCONNECTED else SwitchState.DISCONNECTED

    async def scenario(device: Bank, bus: Bus) -> None:
        meter = switched(bus, energised=energised)
        await meter.set_switch(on)
        assert device.registers == {101: 0x0100}
        assert device.functions == [6, 3]
        assert await meter.read_switch() is on
        await meter.set_switch(off)
        assert device.registers == {101: 0x0200}
        assert await meter.read_switch() is off

    play(scenario)


def test_an_output_in_no_position_is_trouble_and_no_position() -> None:
    """I11, I12: a word that means neither on nor off is no position; the meter is read all the same."""

    async def scenario(device: Bank, bus: Bus) -> None:
        meter = switched(bus)
        device.registers[101] = 0x0300
        assert await meter.read_switch() is None
        seen = await meter.read()
        assert (seen.switch, seen.switch_trouble) == (None, "the output shows neither on nor off")
        assert seen.import_wh == 0
        device.stuck.add(101)
        with pytest.raises(WriteNotConfirmed, match="output 101: was switched on, shows neither on nor off"):
            await meter.set_switch(SwitchState.DISCONNECTED)

    play(scenario)


def test_an_output_of_the_meter_itself_switches_it() -> None:
    """Decision 15: one device, one address: the output is written where the meter is read."""
    model = profile.load("abb-b23")

    async def scenario(device: Bank, bus: Bus) -> None:
        spec = MeterSpec("m1", 1, model, accept_unverified=True)
        meter = build_meter(spec, bus, clock=WallClock(), switch=SwitchSpec("output", energised="closed"))
        assert model.relay is not None
        await meter.set_switch(SwitchState.CONNECTED)
        assert device.registers == {model.relay.base: model.relay.on}
        await meter.set_switch(SwitchState.DISCONNECTED)
        assert device.registers == {model.relay.base: model.relay.off}

    play(scenario)


def test_a_meter_without_the_means_confirms_nothing() -> None:
    """I12: what cannot be switched or limited says so, and nothing is sent to find out."""

    async def scenario(device: Bank, bus: Bus) -> None:
        meter = build_meter(MeterSpec("m1", 1, profile.load("eastron-sdm630")), bus, clock=WallClock())
        assert not meter.can_switch
        assert not meter.can_limit
        with pytest.raises(WriteNotConfirmed, match="meter m1 has no switch"):
            await meter.set_switch(SwitchState.CONNECTED)
        with pytest.raises(WriteNotConfirmed, match="meter m1 has no power threshold that can be set"):
            await meter.set_limit_w(495)
        assert device.functions == []

    play(scenario)


def shows(device: Bank, kilowatts: float, *, enabled: int = IN_FORCE, output: int = IN_FORCE) -> None:
    """What the registers of the threshold say."""
    device.registers[ENABLED], device.registers[OUTPUT] = enabled, output
    device.floats(THRESHOLD, kilowatts)


def test_a_threshold_limits_only_where_it_is_tied_to_its_output() -> None:
    """S1-11, I12: an alarm that moves no output, or a threshold that is no number, limits nobody."""

    async def scenario(device: Bank, bus: Bus) -> None:
        meter = limited(bus)
        shows(device, 0.495)
        assert (await meter.read()).limit_w == 495
        for kilowatts, enabled, output in (
            (0.495, 0, IN_FORCE),
            (0.495, IN_FORCE, 0),
            (float("nan"), IN_FORCE, IN_FORCE),
            (float("inf"), IN_FORCE, IN_FORCE),
        ):
            shows(device, kilowatts, enabled=enabled, output=output)
            assert (await meter.read()).limit_w is None, (kilowatts, enabled, output)

    play(scenario)


def test_a_threshold_without_an_output_needs_none() -> None:
    """S1-11: a meter that limits inside has no output to tie; its enabled threshold is in force."""
    assert IEM.limit is not None
    inside = msgspec.structs.replace(IEM, limit=msgspec.structs.replace(IEM.limit, output_address=None))

    async def scenario(device: Bank, bus: Bus) -> None:
        shows(device, 0.495, output=0)
        assert (await limited(bus, inside).read()).limit_w == 495

    play(scenario)


def test_a_threshold_that_reads_back_otherwise_is_not_confirmed() -> None:
    """S1-11, threat 18: the command is acknowledged and another value is in force: nobody counts it as a limit."""

    async def scenario(device: Bank, bus: Bus) -> None:
        shows(device, 3.3)
        with pytest.raises(WriteNotConfirmed, match="limit was set to 495 W, reads back 3300 W"):
            await limited(bus).set_limit_w(495)

    play(scenario)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda pdu: bytes([4, *pdu[1:]]), "answer to function 4 instead"),
        (lambda pdu: bytes([0x83, 2]), r"refused by the device: illegal data address \(2\)"),
    ],
)
def test_an_answer_to_another_question_is_refused(answer: Callable[[bytes], bytes], says: str) -> None:
    """Threat 16: what answers another function is no reading, however well it is framed."""

    async def scenario(device: Bank, bus: Bus) -> None:
        def told(pdu: bytes) -> bytes:
            own = device.reply(pdu)
            return answer(own)

        device.answer = told
        with pytest.raises(MeterAnswerRefused, match=says):
            await bus.link.read(1, 3, 10, 1)
        device.answer = None
        assert await bus.link.read(1, 3, 10, 1) == b"\x00\x00"

    play(scenario)


def test_a_write_that_is_acknowledged_as_another_one_is_not_done() -> None:
    """I12, threat 17: the echo of a write names what was written; another echo is another write."""

    async def scenario(device: Bank, bus: Bus) -> None:
        device.answer = lambda pdu: pdu[:3] + b"\x00\x63"
        with pytest.raises(MeterAnswerRefused, match="acknowledges another write than the one sent"):
            await bus.link.write_register(1, 5, 7)
        device.answer = None
        await bus.link.write_register(1, 5, 7)
        assert device.registers == {5: 7}

    play(scenario)


def test_an_answer_of_another_unit_is_nobodys() -> None:
    """Threat 16: two meters behind one converter: the neighbour's answer is told as such and charged to nobody."""

    async def scenario(device: Bank, bus: Bus) -> None:
        device.unit = 2
        with pytest.raises(MeterAnswerRefused, match=r"unit 2 answered instead|no answer of unit 1"):
            await bus.link.read(1, 3, 10, 1)

    play(scenario)
