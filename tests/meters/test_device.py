from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from typing import cast

import msgspec.structs
import pytest

from firmware_sim.rtu import RtuLine
from firmware_sim.simulation import Simulation
from firmware_sim.tcp import TcpLine
from gateway.errors import ConfigError, MeterAnswerRefused, MeterSilent, WriteNotConfirmed
from gateway.meters import profile
from gateway.meters.build import MeterSpec, SwitchSpec, build_meter, build_serial_bus, build_tcp_bus
from gateway.meters.bus import Bus
from gateway.meters.device import ModbusMeter
from gateway.meters.planner import bus_time_ms, parse_line
from gateway.meters.registers import RegisterType, WordOrder
from gateway.meters.switch import write_words
from gateway.prepayment.supply import SwitchState
from tests.meters.wall import RTU, WallClock


@asynccontextmanager
async def buses() -> AsyncIterator[tuple[Simulation, Bus, Bus]]:
    """The plant with a gateway bus on each wire."""
    clock = WallClock()
    async with Simulation.start(RTU) as sim:
        rtu, tcp = cast("RtuLine", sim.line("rs485")), cast("TcpLine", sim.line("lan"))
        serial = build_serial_bus("rs485", str(rtu.path), "19200 8N1", clock=clock, timeout_ms=150, gap_ms=2)
        lan = build_tcp_bus("lan", tcp.host, tcp.port, clock=clock, timeout_ms=150)
        try:
            yield sim, serial, lan
        finally:
            await serial.link.close()
            await lan.link.close()


def spec(meter_id: str, address: int, model: str, **more: object) -> MeterSpec:
    """A `[[meter]]` of the settings."""
    return MeterSpec(meter_id, address, profile.load(model), **more)  # type: ignore[arg-type]


def relay(bus: Bus, channel: int = 0, energised: str = "open") -> SwitchSpec:
    """The board of the plant."""
    return SwitchSpec(
        "relay", profile.load("generic-relay"), bus, 17, channel, energised  # type: ignore[arg-type]
    )  # fmt: skip


def test_every_model_reads_its_energy_in_wh() -> None:
    """SDM630 float32, DDS238 and Acrel 10 Wh steps, iEM int64: what the meter shows, in integer Wh (decision 2)."""

    async def scenario() -> None:
        async with buses() as (_, serial, lan):
            clock = WallClock()
            expected = {
                ("eastron-sdm630", 1): (5_120_345, 3000, 1),
                ("schneider-iem3155", 2): (40_210_777, 2000, 1),
                ("hiking-dds238", 1): (1_234_560, 1000, 10),
                ("acrel-ddsy1352", 2): (88_100, None, 10),
            }
            for (model, unit), (wh, watt, step) in expected.items():
                bus = lan if model[0] in "es" else serial
                meter = build_meter(spec(model, unit, model), bus, clock=clock)
                seen = await meter.read()
                assert seen.defect is None
                assert seen.import_wh == pytest.approx(wh, abs=step + 5)
                assert seen.power_w == watt
                assert seen.quantum_wh == step
                assert (await meter.read()).values == {}, "slow values are not carried over"
                if model == "eastron-sdm630":
                    assert seen.values["voltage_l1"] == 230.0

    asyncio.run(scenario())


def test_dds238_switches_by_function_16_once_and_reads_back() -> None:
    """The relay moves with one FC16 write; FC06 is never used (facts: the meter does not understand it)."""

    async def scenario() -> None:
        async with buses() as (sim, serial, _):
            meter = build_meter(spec("m", 1, "hiking-dds238"), serial, clock=WallClock(), switch=SwitchSpec("meter"))
            assert (await meter.read()).switch is SwitchState.CONNECTED
            seen = watch_functions(sim, "hiking")
            await meter.set_switch(SwitchState.DISCONNECTED)
            assert seen == [16, 3]
            assert (await meter.read()).switch is SwitchState.DISCONNECTED
            await meter.set_switch(SwitchState.CONNECTED)
            assert (await meter.read()).switch is SwitchState.CONNECTED
            assert 6 not in seen

    asyncio.run(scenario())


def watch_functions(sim: Simulation, meter_id: str) -> list[int]:
    """The function codes that reach a simulated meter from now on."""
    device, seen = sim.meter(meter_id), list[int]()
    carry_out = device.carry_out

    def recorded(request: object) -> bytes:
        seen.append(request.function)  # type: ignore[attr-defined]
        return carry_out(request)  # type: ignore[arg-type]

    device.carry_out = recorded  # type: ignore[method-assign]
    return seen


def test_acrel_forced_mode_trips_and_closes() -> None:
    """Two words at 0x0057, read back (facts: [1,1] trips, [1,0] closes); own logic shows as neither."""

    async def scenario() -> None:
        async with buses() as (_, serial, _lan):
            meter = build_meter(spec("m", 2, "acrel-ddsy1352"), serial, clock=WallClock(), switch=SwitchSpec("meter"))
            first = await meter.read()
            assert first.switch is None
            assert first.switch_trouble is not None
            await meter.set_switch(SwitchState.DISCONNECTED)
            assert (await meter.read()).switch is SwitchState.DISCONNECTED
            await meter.set_switch(SwitchState.CONNECTED)
            assert (await meter.read()).switch is SwitchState.CONNECTED

    asyncio.run(scenario())


@pytest.mark.parametrize("energised", ["open", "closed"])
def test_a_separate_relay_on_another_device_follows_its_wiring(energised: str) -> None:
    """`energised` decides what the coil means; the board is a different unit (or bus) than the meter."""

    async def scenario() -> None:
        async with buses() as (sim, serial, lan):
            meter = build_meter(
                spec("m", 1, "hiking-dds238"), serial, clock=WallClock(), switch=relay(lan, 3, energised)
            )
            for state in (SwitchState.DISCONNECTED, SwitchState.CONNECTED):
                await meter.set_switch(state)
                assert (await meter.read()).switch is state
                coil = sim.board("board").channels[3].on
                assert coil == ((state is SwitchState.DISCONNECTED) == (energised == "open"))

    asyncio.run(scenario())


def test_a_silent_relay_does_not_stop_the_reading() -> None:
    """Energy is charged although the actuator is dead; the trouble is told, the board soon left alone."""

    async def scenario() -> None:
        async with buses() as (sim, serial, lan):
            meter = build_meter(spec("m", 1, "hiking-dds238"), serial, clock=WallClock(), switch=relay(lan))
            await sim.do("fault board silence")
            for _ in range(3):
                seen = await meter.read()
                assert seen.import_wh is not None
                assert seen.switch is None
                assert "no answer" in (seen.switch_trouble or "")
            asked = sim.board("board").requests
            assert "next try" in ((await meter.read()).switch_trouble or "")
            assert sim.board("board").requests == asked
            await sim.do("clear board")
            meter.wake()
            assert (await meter.read()).switch is not None

    asyncio.run(scenario())


def test_a_stuck_relay_is_not_believed() -> None:
    """The write is acknowledged, the relay does not move: the read-back is the proof (decision 15, I12, threat 17)."""

    async def scenario() -> None:
        async with buses() as (sim, serial, _):
            meter = build_meter(spec("m", 1, "hiking-dds238"), serial, clock=WallClock(), switch=SwitchSpec("meter"))
            await sim.do("fault hiking stuck")
            with pytest.raises(WriteNotConfirmed, match="DISCONNECTED"):
                await meter.set_switch(SwitchState.DISCONNECTED)

    asyncio.run(scenario())


def test_schneider_threshold_is_written_and_read_back() -> None:
    """S1-11: 495 W through the command interface, read back at 45001 and 45002; None takes the limit away."""

    async def scenario() -> None:
        async with buses() as (_, _serial, lan):
            meter = build_meter(spec("m", 2, "schneider-iem3155", limiter="threshold"), lan, clock=WallClock())
            assert meter.can_limit
            assert (await meter.read()).limit_w is None
            await meter.set_limit_w(495)
            assert (await meter.read()).limit_w == 495
            await meter.set_limit_w(None)
            assert (await meter.read()).limit_w is None

    asyncio.run(scenario())


@pytest.mark.parametrize(("fault", "defect"), [("nan 9", "nan"), ("ones 9", "nan")])
def test_unbelievable_registers_become_a_defect(fault: str, defect: str) -> None:
    """Bad input: NaN and 0xFFFF give no energy but a reason, and no value that is not a number."""

    async def scenario() -> None:
        async with buses() as (sim, _, lan):
            meter = build_meter(spec("m", 1, "eastron-sdm630"), lan, clock=WallClock())
            await sim.do(f"fault eastron {fault}")
            seen = await meter.read()
            assert (seen.import_wh, seen.defect, seen.power_w, dict(seen.values)) == (None, defect, None, {})

    asyncio.run(scenario())


def test_all_ones_on_an_integer_meter_is_a_defect() -> None:
    """Bad input: 0xFFFFFFFF from a DDS238 is no energy."""

    async def scenario() -> None:
        async with buses() as (sim, serial, _):
            meter = build_meter(spec("m", 1, "hiking-dds238"), serial, clock=WallClock())
            await sim.do("fault hiking ones 9")
            seen = await meter.read()
            assert (seen.import_wh, seen.defect) == (None, "all_ones")

    asyncio.run(scenario())


def test_forbidden_registers_cannot_be_written() -> None:
    """DDS238 registers 0 and 1: writing zero there erases all energy; nothing leaves the program (facts)."""

    async def scenario() -> None:
        async with buses() as (sim, serial, _):
            before = sim.meter("hiking").requests
            forbidden = frozenset(profile.load("hiking-dds238").forbidden_writes)
            for address, words in ((0, (0, 0)), (1, (0,)), (0, (0,))):
                with pytest.raises(PermissionError, match="never be written"):
                    await write_words(serial.link, 1, 16, address, words, forbidden)
            assert sim.meter("hiking").requests == before

    asyncio.run(scenario())


def test_slow_values_cost_the_bus_nothing_in_between() -> None:
    """Energy and power at every poll, voltages once a minute: one request of 24 registers instead of 76."""

    async def scenario() -> None:
        async with buses() as (_, _serial, lan):
            meter = build_meter(spec("m", 1, "eastron-sdm630"), lan, clock=WallClock())
            assert "voltage_l1" in (await meter.read()).values
            assert (await meter.read()).values == {}
            assert [len(meter.fast_requests), len(meter.full_requests)] == [1, 1]
            line = parse_line("9600 8N1")
            assert bus_time_ms(meter.fast_requests, line, 50) < 150 < bus_time_ms(meter.full_requests, line, 50)

    asyncio.run(scenario())


def test_slow_values_at_each_poll_are_not_lost_to_jitter() -> None:
    """With both periods equal every poll reads them, also one that comes a few milliseconds early."""

    async def scenario() -> None:
        clock = WallClock()
        now_ms = clock.monotonic_ms()
        clock.monotonic_ms = lambda: now_ms  # type: ignore[method-assign]
        async with buses() as (_, _serial, lan):
            meter = build_meter(replace(spec("m", 1, "eastron-sdm630"), slow_every_s=1), lan, clock=clock)
            for pause_ms, told in ((0, True), (997, True), (1001, True), (500, False), (498, True)):
                now_ms += pause_ms
                assert ("voltage_l1" in (await meter.read()).values) is told, pause_ms

    asyncio.run(scenario())


def refused(meter: MeterSpec, switch: SwitchSpec | None = None, *, twice: bool = False) -> str:
    """What building this meter says."""

    async def scenario() -> str:
        bus = build_tcp_bus("lan", "127.0.0.1", 1, clock=WallClock())
        if twice:
            build_meter(meter, bus, clock=WallClock())
        with pytest.raises(ConfigError) as caught:
            build_meter(meter, bus, clock=WallClock(), switch=switch)
        return str(caught.value)

    return asyncio.run(scenario())


def test_impossible_installations_are_refused() -> None:
    """Bad input: doubtful word order, actuator as meter, missing capability, same address twice, unverified output."""
    assert "word_order" in refused(spec("m", 1, "carlo-gavazzi-em112"))
    assert "actuator only" in refused(spec("m", 1, "acrel-adl-ey"))
    assert "no supply relay" in refused(spec("m", 1, "eastron-sdm630"), SwitchSpec("meter"))
    assert "no power threshold" in refused(spec("m", 1, "eastron-sdm630", limiter="threshold"))
    assert "needs a switch" in refused(spec("m", 1, "eastron-sdm630", limiter="switched"))
    assert "already used by meter m" in refused(spec("m", 1, "eastron-sdm630"), twice=True)
    assert "unverified" in refused(spec("m", 1, "abb-b23"), SwitchSpec("output"))
    assert "no channel 9" in refused(
        spec("m", 1, "eastron-sdm630"), SwitchSpec("relay", profile.load("generic-relay"), None, 17, 9)
    )
    opens = SwitchSpec("meter", when_dead=profile.WhenDead.OPENS)
    assert "cut the supply" in refused(spec("m", 1, "hiking-dds238", limiter="switched"), opens)


def test_a_word_order_said_by_the_operator_is_used() -> None:
    """EM112 bills once the installation says its word order; the profile itself stays in doubt."""

    async def scenario() -> ModbusMeter:
        bus = build_tcp_bus("lan", "127.0.0.1", 1, clock=WallClock())
        return build_meter(spec("m", 1, "carlo-gavazzi-em112", word_order=WordOrder.BIG), bus, clock=WallClock())

    assert asyncio.run(scenario()).profile.word_order is WordOrder.BIG


def test_a_refused_serial_number_is_no_failure() -> None:
    """Some firmware of a family does not tell it; the poll goes on without."""

    async def scenario() -> None:
        async with buses() as (_, _serial, lan):
            model = profile.load("eastron-sdm120")
            meter = build_meter(MeterSpec("m", 1, model), lan, clock=WallClock())
            assert (await meter.read()).serial == "21457003"
            with pytest.raises(MeterAnswerRefused):
                await lan.link.read(1, 4, 64512, 2)

    asyncio.run(scenario())


def test_a_coarse_threshold_is_rounded_up_and_one_too_large_is_an_alarm() -> None:
    """S1-11: a register in steps of 100 W holds 500 W for 495 W due; what does not fit is an event, no crash."""
    model = profile.load("schneider-iem3155")
    assert model.limit is not None
    coarse = msgspec.structs.replace(model.limit.threshold, type=RegisterType.UINT16, unit="W", scale=Decimal(100))
    limit = msgspec.structs.replace(model.limit, threshold=coarse)
    model = msgspec.structs.replace(model, limit=limit)

    async def scenario() -> None:
        async with buses() as (_sim, _serial, lan):
            meter = build_meter(MeterSpec("m", 2, model, limiter="threshold"), lan, clock=WallClock())
            assert [meter.settable_limit_w(watts) for watts in (495, 500, 501)] == [500, 500, 600]
            with pytest.raises(WriteNotConfirmed, match="cannot hold a limit of 7000000 W"):
                await meter.set_limit_w(7_000_000)

    asyncio.run(scenario())


def test_after_silence_the_serial_number_is_asked_again() -> None:
    """Threat 11: nobody swaps a meter without taking its power away; the first reading after it names the new one."""

    async def scenario() -> None:
        async with buses() as (sim, _serial, lan):
            meter = build_meter(MeterSpec("m", 1, profile.load("eastron-sdm120")), lan, clock=WallClock())
            assert [(await meter.read()).serial, (await meter.read()).serial] == ["21457003", None]
            await sim.do("fault eastron silence")
            with pytest.raises(MeterSilent):
                await meter.read()
            await sim.do("clear eastron")
            await sim.do("swap eastron 33000001 5120.5")
            assert (await meter.read()).serial == "33000001"

    asyncio.run(scenario())


def test_an_actuator_only_family_switches_another_meters_point() -> None:
    """Acrel ADL-EY: its relay in forced mode serves a point that an SDM630 measures, on another bus."""

    async def scenario() -> None:
        async with buses() as (sim, serial, lan):
            acrel = SwitchSpec("relay", profile.load("acrel-adl-ey"), serial, 2)
            meter = build_meter(spec("m", 1, "eastron-sdm630"), lan, clock=WallClock(), switch=acrel)
            for state in (SwitchState.DISCONNECTED, SwitchState.CONNECTED):
                await meter.set_switch(state)
                seen = await meter.read()
                assert seen.switch is state
                assert seen.import_wh is not None
            assert sim.meter("acrel").relay_closed

    asyncio.run(scenario())
