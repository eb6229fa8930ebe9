"""S4-12 over the wire: a simulated meter, its poll, the teller on a real store, and what the journal holds."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec import structs

from firmware_sim.simulation import Simulation
from firmware_sim.tcp import TcpLine
from gateway.commands import Command
from gateway.commands.voltage import VoltageCheckBody
from gateway.meters import profile
from gateway.meters.build import MeterSpec, build_meter, build_tcp_bus
from gateway.meters.poll import VOLTAGE_EVERY_MS, Poll
from gateway.prepayment.account import Account, Outcome, Terms
from gateway.prepayment.arrears import Reconnected
from gateway.prepayment.events import AccountOpened, MeterEvent, Reading
from gateway.prepayment.ledger import VerdictStatus
from gateway.store import Store
from gateway.teller import Teller
from tests.counter import Counter, HandClock, opening
from tests.meters.wall import RTU
from tests.prepayment.worlds import HOUR_MS, MONDAY_MS, TERMS

MODEL = profile.load("eastron-sdm630")
SPEC = MeterSpec("m1", 1, MODEL, poll_s=900, slow_every_s=3_600)


def terms(_account: Account | AccountOpened) -> Terms:
    """As `plant.terms` makes them of the model."""
    return replace(TERMS, can_disconnect=True, voltages=MODEL.voltages)


class Desk:
    """The teller by meter, as the plant has it; keeps the readings."""

    def __init__(self, teller: Teller) -> None:
        self.teller = teller
        self.readings: list[Reading] = []

    def account(self, meter_id: str) -> Account | None:
        """Whom the meter serves."""
        return self.teller.account_of_meter(meter_id)

    def terms(self, _meter_id: str) -> Terms:
        """The installation."""
        return self.teller.terms("CH-1")

    async def post(self, _meter_id: str, event: Reading | MeterEvent | Reconnected) -> Outcome:
        """To the account."""
        if isinstance(event, Reading):
            self.readings.append(event)
        return await self.teller.post("CH-1", event)


async def rows(store: Store) -> list[tuple[str, dict[str, Any]]]:
    """The rows of the check."""
    found = [json.loads(row.body) for row in await store.rows_after(0, 1_000)]
    return [(row["what"], row["detail"]) for row in found if row.get("what", "").startswith("voltage.")]


@asynccontextmanager
async def run_of(path: Path, line: TcpLine, clock: HandClock) -> AsyncIterator[tuple[Store, Desk, Poll]]:
    """One run of the gateway; it ends as if killed."""
    store = await Store.open(path)
    teller = await Teller.open(store, clock, terms)
    if teller.account("CH-1") is None:
        await teller.open_account(replace(opening(), opening_register_wh=None))
    bus = build_tcp_bus("lan", line.host, line.port, clock=clock)
    desk = Desk(teller)
    try:
        yield store, desk, Poll(build_meter(SPEC, bus, clock=clock), desk, clock, period_ms=900_000)
    finally:
        await bus.link.close()
        await store.close()


def test_a_check_over_the_wire_ends_up_in_the_journal(tmp_path: Path) -> None:
    """S4-12: a signed command, polls that read the voltages each minute although their period is an hour, a summary.

    The gateway is killed in the middle: what was heard since the account was saved last is missing, and is seen to be.
    """

    async def story() -> None:
        clock, path = HandClock(utc_ms=MONDAY_MS - 300_000), tmp_path / "store.db"
        ends = datetime.fromtimestamp((MONDAY_MS + 2 * HOUR_MS) / 1000, UTC)
        order = Counter(path, clock).order(Command.VOLTAGE_CHECK, VoltageCheckBody("CH-1", "v-1", ends, "case 7"))
        async with Simulation.start(RTU) as sim:
            line = cast("TcpLine", sim.line("lan"))
            async with run_of(path, line, clock) as (_, desk, poll):
                waits_ms = [await poll.run() for _ in range(3)]
                assert waits_ms[-1] is None, "no extra poll is wanted while no check runs"
                assert {reading.voltages for reading in desk.readings} == {()}
                clock.advance(MONDAY_MS - clock.utc_ms)
                answer = await desk.teller.execute(order)
                assert (answer.status, dict(answer.detail)["expected"]) == (VerdictStatus.APPLIED, 12)
                while clock.utc_ms < MONDAY_MS + HOUR_MS + 700_000:
                    assert await poll.run() == VOLTAGE_EVERY_MS
                    clock.advance(VOLTAGE_EVERY_MS)
                phases = ("voltage_l1", 2_300), ("voltage_l2", 2_300), ("voltage_l3", 2_300)
                assert {reading.voltages for reading in desk.readings[4:]} == {phases}
            async with run_of(path, line, clock) as (store, desk, poll):
                while clock.utc_ms < MONDAY_MS + 2 * HOUR_MS:
                    await poll.run()
                    clock.advance(VOLTAGE_EVERY_MS)
                assert await poll.run() is None
                found = await rows(store)
        assert [what for what, _ in found] == ["voltage.begun", "voltage.hour", "voltage.hour", "voltage.report"]
        first, second, report = (detail for _, detail in found[1:])
        assert samples(first) == 60
        assert (first["voltage_l2_30_dv"], second["voltage_l3_50_dv"]) == (2_300, 2_300)
        assert 48 <= samples(second) < 60
        assert (report["expected"], report["voltage_l1_values"], report["voltage_l1_outside"]) == (12, 12, 0)

    asyncio.run(story())


def samples(detail: dict[str, Any]) -> int:
    """How many samples of the first phase the row tells of."""
    return sum(n for name, n in detail.items() if name.startswith("voltage_l1") and name.endswith("_samples"))


@pytest.mark.parametrize(
    ("model", "voltages"),
    [
        ("eastron-sdm630", ("voltage_l1", "voltage_l2", "voltage_l3")),
        ("hiking-dds238", ("voltage",)),
        ("acrel-adw300", ("voltage_l1", "voltage_l2")),
        ("acrel-ddsy1352", ()),
        ("eastron-sdm72", ()),
    ],
)
def test_which_voltages_a_model_tells(model: str, voltages: tuple[str, ...]) -> None:
    """S4-12: those of phases that a poll reads, not those between two phases, and not what is only defined."""
    assert profile.load(model).voltages == voltages


def test_what_is_no_phase_voltage_in_v_does_not_count() -> None:
    """S4-12: neither the voltage between two phases nor one in another unit; a fast one does."""
    phase, between = MODEL.registers["voltage_l1"], MODEL.registers["voltage_l1_l2"]
    registers = {**MODEL.registers, "voltage_l2": structs.replace(phase, unit="mV")}
    assert between.unit == "V"
    changed = structs.replace(
        MODEL, registers=registers, fast=("voltage_l1",), slow=("voltage_l1", "voltage_l2", "voltage_l1_l2")
    )
    assert changed.voltages == ("voltage_l1",)
