"""The last place to refuse what must not be switched or charged from: each refusal with its key and what is right."""

from __future__ import annotations

import asyncio

import msgspec.structs
import pytest

from gateway.errors import ConfigError, MeterError
from gateway.meters import profile
from gateway.meters.build import MeterSpec, SwitchSpec, build_meter, build_serial_bus, build_tcp_bus
from gateway.meters.device import ModbusMeter
from gateway.meters.profile import WhenDead
from gateway.meters.registers import compile_decoder
from gateway.meters.switch import MeterSwitch, OutputSwitch, write_words
from tests.meters.wall import WallClock

SDM = profile.load("eastron-sdm630")
IN_METER = profile.load("hiking-dds238")


def built(spec: MeterSpec, switch: SwitchSpec | None = None) -> ModbusMeter:
    """The meter on a bus of its own."""

    async def scenario() -> ModbusMeter:
        return build_meter(
            spec, build_tcp_bus("lan", "127.0.0.1", 1, clock=WallClock()), clock=WallClock(), switch=switch
        )

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("spec", "switch", "says"),
    [
        (MeterSpec("m1", 0, SDM), None, "meter m1: address: 0 is no unit address; 1 to 247"),
        (MeterSpec("m1", 248, SDM), None, "meter m1: address: 248 is no unit address; 1 to 247"),
        (MeterSpec("m1", 1, SDM, poll_s=0.05), None, "meter m1: poll_s: 0.05 s is out of range; 0.1 to 3600"),
        (MeterSpec("m1", 1, SDM, poll_s=3601), None, "meter m1: poll_s: 3601 s is out of range; 0.1 to 3600"),
        (MeterSpec("m1", 1, SDM), SwitchSpec("relay"), "meter m1: switch: a relay needs model, bus and address"),
        (
            MeterSpec("m1", 1, SDM),
            SwitchSpec("relay", SDM, None, 17),
            'meter m1: switch: eastron-sdm630 has no output to switch with; for example "generic-relay"',
        ),
        (MeterSpec("m1", 1, SDM), SwitchSpec("output"), "meter m1: switch: eastron-sdm630 has no output to switch"),
    ],
)
def test_what_cannot_be_built_is_refused_with_its_key(spec: MeterSpec, switch: SwitchSpec | None, says: str) -> None:
    """Bad input: an address on no bus, a period nobody means, a relay in no device: one sentence and what is right."""
    with pytest.raises(ConfigError) as caught:
        built(spec, switch)
    assert str(caught.value).startswith(says)


@pytest.mark.parametrize("timeout_ms", [19, 10_001])
def test_a_time_to_answer_that_nobody_means_is_refused(timeout_ms: int) -> None:
    """Bad input: shorter than any device answers, or longer than a bus may stand still for one of them."""
    clock = WallClock()
    with pytest.raises(ConfigError, match=f"bus b: timeout_ms: {timeout_ms} ms is out of range; 20 to 10000"):
        build_tcp_bus("b", "127.0.0.1", 1, clock=clock, timeout_ms=timeout_ms)
    with pytest.raises(ConfigError, match=f"bus b: timeout_ms: {timeout_ms} ms is out of range; 20 to 10000"):
        build_serial_bus("b", "/dev/null", "9600 8N1", clock=clock, timeout_ms=timeout_ms)


@pytest.mark.parametrize("when_dead", [WhenDead.HOLDS, WhenDead.CLOSES, WhenDead.UNKNOWN])
def test_a_relay_that_cuts_nobody_by_itself_may_limit(when_dead: WhenDead) -> None:
    """Decision 15: only what opens with a dead gateway is refused."""
    meter = built(MeterSpec("m1", 1, IN_METER, limiter="switched"), SwitchSpec("meter", when_dead=when_dead))
    assert meter.can_switch


def test_a_model_that_needs_no_gap_asks_for_none() -> None:
    """A device that answers at once is asked at once; another on the same bus still gets its pause."""
    built(MeterSpec("m1", 1, msgspec.structs.replace(SDM, min_gap_ms=0)))

    async def scenario() -> None:
        bus = build_tcp_bus("lan", "127.0.0.1", 1, clock=WallClock())
        kept: list[int] = []
        bus.link.keep_gap = kept.append  # type: ignore[method-assign, assignment]
        build_meter(MeterSpec("m1", 1, msgspec.structs.replace(SDM, min_gap_ms=0)), bus, clock=WallClock())
        assert kept == []
        build_meter(MeterSpec("m2", 2, SDM), bus, clock=WallClock())
        assert kept == [SDM.min_gap_ms]

    asyncio.run(scenario())


def test_a_switch_is_never_built_on_a_device_without_one() -> None:
    """Decision 18: a program that asks for it has a defect, and stops before a word leaves for the bus."""

    async def scenario() -> None:
        link = build_tcp_bus("lan", "127.0.0.1", 1, clock=WallClock()).link
        board = profile.load("generic-relay")
        with pytest.raises(ValueError, match=r"eastron-sdm630 has no \[switch\]"):
            MeterSwitch(link, 1, SDM)
        for model, channel in ((SDM, 0), (board, 8), (board, -1)):
            with pytest.raises(ValueError, match=f"{model.model} has no output {channel}"):
                OutputSwitch(link, 1, model, channel, "open")
        with pytest.raises(ValueError, match="function 6 writes one register"):
            await write_words(link, 1, 6, 100, (1, 2), frozenset())

    asyncio.run(scenario())


class Idle:
    """A poll that asks nobody."""

    meter_id = "m1"
    period_ms = 1000

    async def run(self) -> int | None:
        return None

    async def failed(self, error: MeterError) -> int | None:
        return None

    def wake(self) -> None:
        pass


def test_a_meter_is_polled_once_on_its_bus() -> None:
    """Two polls of one meter would each charge half of it: the second is refused by name."""

    async def scenario() -> None:
        bus = build_tcp_bus("lan", "127.0.0.1", 1, clock=WallClock())
        bus.add(Idle())
        with pytest.raises(ValueError, match="meter m1 is already on bus lan"):
            bus.add(Idle())

    asyncio.run(scenario())


def test_an_answer_of_which_nothing_is_wanted_decodes_to_nothing() -> None:
    """A bridge between two values is read and not kept."""
    assert compile_decoder([], 2, SDM.word_order)(b"\x00\x01\x00\x02") == ()
