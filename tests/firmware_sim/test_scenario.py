"""Scenarios are data: the shipped ones play, and a bad one is refused with file, key and what would be right."""

import asyncio
from pathlib import Path

import pytest

from firmware_sim.clock import ManualClock
from firmware_sim.control import Verb
from firmware_sim.faults import Kind
from firmware_sim.fields import ScenarioError
from firmware_sim.models import METER_MODELS
from firmware_sim.profiles import shipped_folder
from firmware_sim.simulation import Simulation, load_scenario, shipped_profiles
from tests.firmware_sim.wires import PLANT, TcpClient

SHIPPED = sorted((shipped_folder() / "scenarios").glob("*.toml"))
PROFILES = [path.stem for path in sorted((shipped_folder() / "loads").glob("*.toml"))]


def test_what_is_shipped_is_there() -> None:
    """The scenarios and loads that the issue, the demonstration and the bench name."""
    assert {"one-of-each", "twenty-meters", "bad-day", "demo"} <= {path.stem for path in SHIPPED}
    assert {"household", "fridge-only", "oven-3kw", "shop"} <= set(PROFILES)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_scenario_plays_to_its_end(path: Path) -> None:
    """Every line opens, every timed action can be carried out, energy flows."""

    async def main() -> None:
        async with Simulation.start(path, clock=ManualClock()) as sim:
            await sim.advance(300)
            assert sim._waiting == []
            assert all(meter.delivered_wh > 0 for meter in sim.meters.values())

    asyncio.run(main())


@pytest.mark.parametrize(
    ("name", "least_kwh", "most_kwh"),
    [
        ("household", 10, 25),
        ("fridge-only", 0.5, 1.5),
        ("oven-3kw", 20, 60),
        ("shop", 60, 120),
    ],
)
def test_a_load_uses_a_credible_day(name: str, least_kwh: float, most_kwh: float) -> None:
    """The energy of one day of each profile is what such a customer uses."""

    async def main() -> None:
        text = PLANT.replace("load = 3000", f'load = "{name}"', 1)
        async with Simulation.start(text, clock=ManualClock()) as sim:
            await sim.advance(86_400)
            assert least_kwh < sim.meter("sdm").delivered_wh / 1000 < most_kwh

    asyncio.run(main())


def test_twenty_meters_are_twenty_units() -> None:
    """`count` numbers ids, units and serial numbers."""
    meters = load_scenario(shipped_folder() / "scenarios" / "twenty-meters.toml").meters
    assert [meter.id for meter in meters] == [f"m{n}" for n in range(1, 21)]
    assert [meter.unit for meter in meters] == list(range(1, 21))
    assert len({meter.serial for meter in meters}) == 20


def test_the_demonstration_runs_energy_faster_and_nothing_else() -> None:
    """`time_factor` multiplies the registers: 2 kW for 3.6 s are 2 Wh times 600; power and clock stay real."""

    async def main() -> None:
        async with Simulation.start(shipped_folder() / "scenarios" / "demo.toml", clock=ManualClock()) as sim:
            client = await TcpClient.connect(sim.line("lan").port)
            clock_unix_s = sim.meter("shop").meter_clock_unix_s()
            await sim.advance(3.6)
            assert await client.float32(1, 52) == 2000
            assert sim.meter("shop").delivered_wh == 2 * sim.scenario.time_factor
            assert sim.meter("shop").meter_clock_unix_s() - clock_unix_s == 3
            await client.close()

    asyncio.run(main())


def test_timed_actions_happen_at_their_instant() -> None:
    """A load switched on after 10 s counts from then, to the last Wh; by the clock that runs by itself too."""

    async def main() -> None:
        text = PLANT.replace("load = 3000", "load = 0", 1) + '\n[[at]]\ns = 10\ndo = "load sdm 3600"\n'
        async with Simulation.start(text, clock=ManualClock()) as sim:
            await sim.advance(9.5)
            assert sim.meter("sdm").delivered_wh == 0
            await sim.advance(100.5)
            assert sim.meter("sdm").delivered_wh == 100
        async with Simulation.start(text.replace("s = 10", "s = 0.05")) as sim:
            async with asyncio.timeout(5):
                while sim.meter("sdm").load_w != 3600:
                    await asyncio.sleep(0.01)

    asyncio.run(main())


def test_a_meter_clock_drifts() -> None:
    """Offset and drift of the meter's own clock are what the scenario says."""

    async def main() -> None:
        text = PLANT.replace("unit = 1\n", "unit = 1\nclock_offset_s = -90\nclock_drift_ppm = 100\n", 1)
        async with Simulation.start(text, clock=ManualClock(started_unix_s=1_000_000)) as sim:
            await sim.advance(100_000)
            assert sim.meter("sdm").meter_clock_unix_s() == 1_000_000 - 90 + 100_000 + 10

    asyncio.run(main())


@pytest.mark.parametrize(
    ("change", "to", "told"),
    [
        ('id = "lan"', "id = lan", "is not TOML"),
        ('kind = "tcp"', 'kind = "udp"', 'line[1].kind: "udp" is not known; known: rtu, tcp'),
        ('model = "sdm630"', 'model = "sdm360"', 'meter[1].model: "sdm360" is not known; did you mean "sdm630"?'),
        ("unit = 1\n", "unit = 0\n", "meter[1].unit: 0 does not fit; write a whole number from 1 to 247"),
        ("unit = 2\n", "unit = 1\n", 'unit on line lan: "1" is used twice'),
        ('id = "iem"', 'id = "sdm"', 'device: "sdm" is used twice'),
        ('line = "lan"', 'line = "wan"', 'sdm.line: "wan" is not there; did you mean "lan"?'),
        ("load = 3000", 'load = "shpo"', 'sdm.load: "shpo" is not there; did you mean "shop"?'),
        ("load = 3000", "laod = 3000", 'meter[1].laod: is not a key here; did you mean "load"?'),
        ("load = 3000", "load = true", "meter[1].load: True does not fit; write a number"),
        ("load = 3000", "load = nan", "meter[1].load: NaN does not fit; write a number"),
        ("start_kwh = 5120.5", "start_kwh = -1", "meter[1].start_kwh: -1 does not fit"),
        ("start_kwh = 5120.5", "power_factor = 0", "meter[1].power_factor: 0 does not fit"),
        ('model = "sdm630"', "", "meter[1].model: is missing"),
        ("baud = 19200", "baud = 12", "line[2].baud: 12 does not fit; write a whole number from 300"),
        ("channel = 0", "channel = 8", "relay[1].drives: channel 8 is not on the board; use 0 to 7"),
        ('meter = "sdm"', 'meter = "sdn"', 'board.drives.meter: "sdn" is not there; did you mean "sdm"?'),
        ("unit = 17", 'unit = 17\n[[at]]\ns = 1\ndo = "fault sdm stuck"', "at.do: sdm has no relay of its own"),
        ("unit = 17", 'unit = 17\n[[at]]\ns = 1\ndo = "flaut sdm zero"', 'at[1].do: "flaut sdm zero" cannot be done'),
        ("unit = 17", "unit = 17\n[loads.mine]\nrepeat = true", "loads.mine.steps: has 0 steps"),
    ],
)
def test_a_bad_scenario_names_file_key_and_what_would_be_right(change: str, to: str, told: str) -> None:
    """Each mistake is told apart."""
    assert change in PLANT
    with pytest.raises(ScenarioError) as caught:
        Simulation(load_scenario(PLANT.replace(change, to, 1)), Path("unused"))
    assert str(caught.value).startswith("scenario text: ")
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ('[[loads.mine.steps]]\nat = "25:00"\nw = 1', 'steps[1].at: "25:00" is not a time of day'),
        (
            '[[loads.mine.steps]]\nat = "12:00"\nw = 1\n[[loads.mine.steps]]\nat = "12:00"\nw = 2',
            "not later than the step",
        ),
        ("[[loads.mine.steps]]\nfor_s = 0\nw = 1", "for_s: is too short"),
        ('[[loads.mine.steps]]\nfor_s = 1\nat = "12:00"\nw = 1', "for_s: is not a key here"),
    ],
)
def test_a_bad_load_profile_is_refused(steps: str, told: str) -> None:
    """Times of day that cannot be, steps out of order, mixed kinds."""
    with pytest.raises(ScenarioError) as caught:
        load_scenario(PLANT + steps)
    assert told in str(caught.value)


def test_own_loads_may_be_used() -> None:
    """A scenario brings a load of its own: 2 s of 3.6 kW, then nothing."""

    async def main() -> None:
        steps = "[loads.kettle]\nrepeat = false\nsteps = [{ for_s = 2, w = 3600 }, { for_s = 1, w = 0 }]\n"
        text = PLANT.replace("load = 3000", 'load = "kettle"', 1) + steps
        async with Simulation.start(text, clock=ManualClock()) as sim:
            await sim.advance(60)
            assert sim.meter("sdm").delivered_wh == 2
            assert "kettle" not in shipped_profiles()

    asyncio.run(main())


def test_the_document_knows_every_word_and_its_example_plays() -> None:
    """docs/firmware-sim.md names each model, control word and fault, and its scenario is a valid one."""
    document = (Path(__file__).parents[2] / "docs" / "firmware-sim.md").read_text()
    for word in (*Verb, *Kind, *METER_MODELS):
        assert f"`{word}" in document, word
    example = document.split("```toml\n")[1].split("```")[0]
    Simulation(load_scenario(example), Path("unused"))
