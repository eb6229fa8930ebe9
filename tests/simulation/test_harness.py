"""What falls over in the simulation itself is told as its own fault."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from unittest import mock

import pytest

from gateway.alerts.channel import Message
from tests.simulation import incidents, run
from tests.simulation.incidents import KINDS
from tests.simulation.incidents.technician import with_a_password
from tests.simulation.loop import VirtualLoop
from tests.simulation.medium import PowerCut
from tests.simulation.minimise import command, invariant_of
from tests.simulation.observers import Observers
from tests.simulation.run import play
from tests.simulation.world import HARNESS, World, setting_of

BUG = "a bug of the harness"


def _everything(world: World, chance: random.Random) -> None:
    """Something for each observer to hear of."""
    with_a_password(world, chance)
    world.restored("as if")
    world.loop.create_task(world.post.take(Message("1", "a@example.org", "", "x")))
    world.center.insist("lockout_set", {"account_id": world.center.account_id, "reason": "danger"})


@pytest.fixture
def one_kind() -> Iterator[Callable[[incidents.Act], None]]:
    """Let there be one kind of incident only, `falls`."""
    incidents.load()
    with mock.patch.dict(KINDS, clear=True):

        def only(act: incidents.Act) -> None:
            KINDS["falls"] = incidents.Kind("falls", "family", 400.0, act)

        yield only


@pytest.mark.parametrize("name", [field.name for field in fields(Observers)])
def test_an_observer_that_falls_over_is_no_fault_of_the_gateway(
    name: str, one_kind: Callable[[incidents.Act], None]
) -> None:
    """I21, I22: whatever it listens to, the run fails by `harness`, once, with what and where; the daemon lives on."""

    def falls(*_: object) -> None:
        raise KeyError(BUG)

    one_kind(_everything)
    with mock.patch.object(run, "attach", lambda world: getattr(world.on, name).append(falls)):
        result = play(4, 0.1, kinds=("falls",))
    assert [one.split(" ", 1)[0] for one in result.violations] == [HARNESS]
    assert f"KeyError('{BUG}') in test_harness.py, line " in result.violations[0]
    assert result.lives == 1


@pytest.mark.parametrize("signal", [PowerCut, asyncio.CancelledError])
def test_the_own_signals_of_the_simulation_pass_through_an_observer(
    signal: type[BaseException], tmp_path: Path
) -> None:
    """I21: a power cut in the middle of what an observer hears reaches the gateway, and is no fault of the harness."""

    def cut() -> None:
        raise signal

    async def heard() -> World:
        world = World(setting_of(1, 1.0), tmp_path / "site", loop)
        with pytest.raises(signal):
            world.hear([cut])
        return world

    loop = VirtualLoop()
    assert loop.run_until_complete(heard()).violations == []
    loop.close()


def test_a_run_that_falls_over_on_its_way_ends_as_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """I22: it says on which day, so that it can be made small."""
    monkeypatch.setattr(World, "heal", mock.Mock(side_effect=KeyError(BUG)))
    result = play(1, 0.05, poll_s=300)
    assert invariant_of(result) == HARNESS
    assert result.broken_at_days == 0.05
    assert result.trace_hash


def test_a_run_that_dies_raises_nothing_and_leaves_nothing_behind(one_kind: Callable[[incidents.Act], None]) -> None:
    """I22: what would end the whole process is told of this run, and the next one is the same as without it."""

    def falls(_: World, chance: random.Random) -> None:
        sys.exit(BUG)

    before = play(3, 0.05, poll_s=300)
    one_kind(falls)
    died = play(4, 0.1, kinds=("falls",))
    assert invariant_of(died) == HARNESS
    assert f"the run itself died of SystemExit('{BUG}') in test_harness.py, line " in died.violations[0]
    assert {one.kind for one in died.incidents} == {"falls"}
    assert died.trace[-1] == f"SystemExit: {BUG}"
    assert "--only" not in command(died)
    KINDS.clear()
    assert play(3, 0.05, poll_s=300).trace_hash == before.trace_hash
