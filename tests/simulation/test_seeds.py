import random
from collections.abc import Iterator
from unittest import mock

import pytest

from tests.simulation import incidents
from tests.simulation.console import Line
from tests.simulation.incidents import KINDS, plan_of
from tests.simulation.incidents.technician import at_line
from tests.simulation.minimise import command, invariant_of, minimised
from tests.simulation.run import play
from tests.simulation.seeds import Kept, kept
from tests.simulation.world import HARNESS, World, setting_of


@pytest.mark.parametrize("run", kept(), ids=lambda run: run.name)
def test_what_once_broke_holds(run: Kept) -> None:
    """A run that showed a bug shows none any more."""
    assert run.play().violations == ()


@pytest.mark.parametrize("how", ["now", "later", "at the console"])
def test_an_incident_that_falls_over_is_no_quiet_run(how: str) -> None:
    """A check or an incident with a bug of its own would see nothing, and the run would count as held."""

    def falls() -> None:
        raise KeyError("a bug of the harness")

    async def falls_there(line: Line) -> None:
        falls()

    def act(world: World, chance: random.Random) -> None:
        if how == "now":
            falls()
        elif how == "later":
            world.later(60, falls)
        else:
            at_line(world, "somebody", falls_there)

    plan_of(setting_of(1, 0.01))
    with mock.patch.dict(KINDS, {"falls": incidents.Kind("falls", "family", 40.0, act)}, clear=True):
        result = play(1, 0.5, poll_s=300, kinds=("falls",), often=3)
    assert invariant_of(result) == HARNESS
    assert "KeyError" in result.violations[0]


@pytest.fixture
def broken_kind() -> Iterator[str]:
    """A kind of incident that breaks a promise at its second occurrence, among harmless ones."""

    def harmless(world: World, chance: random.Random) -> None:
        world.tell("nothing")

    def breaks(world: World, chance: random.Random) -> None:
        world.later(60, lambda: world.violated("I0", "as planned"))

    plan_of(setting_of(1, 0.01))
    known = dict(KINDS)
    KINDS.clear()
    KINDS.update({name: incidents.Kind(name, "family", 40.0, harmless) for name in ("one", "other")})
    KINDS["breaks"] = incidents.Kind("breaks", "family", 15.0, breaks)
    yield "breaks"
    KINDS.clear()
    KINDS.update(known)


def test_a_failing_run_is_made_small(broken_kind: str) -> None:
    """Days and incidents that the failure does not need are left out, and the replay command names what is left."""
    seed = next(seed for seed in range(1, 99) if any(one.kind == broken_kind for one in plan_of(setting_of(seed, 1.0))))
    result = play(seed, 1.0, poll_s=300)
    assert invariant_of(result) == "I0"
    assert "--until 0." in command(result)
    assert "--only" not in command(result)
    small = minimised(result)
    assert [one.kind for one in small.incidents] == [broken_kind]
    assert small.until_days < 1.0
    assert command(small).endswith(f"--only {small.incidents[0].name}")
