"""One run: a seed, its incidents, the invariants; what comes out is the same every time."""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import structlog

from tests.simulation.household import Household
from tests.simulation.incidents import Incident, plan_of
from tests.simulation.invariants import attach
from tests.simulation.loop import VirtualLoop
from tests.simulation.world import DAY_S, HOUR_S, World, setting_of

SETTLE_S = 6 * HOUR_S


@dataclass(frozen=True, slots=True)
class Result:
    """What one run showed; `incidents` are those that were played."""

    seed: int
    days: float
    trace_hash: str
    violations: tuple[str, ...]
    incidents: tuple[Incident, ...]
    lives: int
    rows: int
    trace: tuple[str, ...]


def play(
    seed: int, days: float, *, only: Collection[int] | None = None, poll_s: int | None = None, folder: Path | None = None
) -> Result:
    """Play the run of this seed; `only` are the numbers of the incidents to play, all if None."""
    setting = setting_of(seed, days, poll_s=poll_s)
    planned = [one for one in plan_of(setting) if only is None or one.number in only]
    loop = VirtualLoop()
    with tempfile.TemporaryDirectory(dir=folder or _fast_folder()) as name, _repeatable(seed):
        try:
            world: World = loop.run_until_complete(_lived(setting, planned, Path(name), loop))
        finally:
            loop.close()
    return Result(
        seed=seed,
        days=days,
        trace_hash=world.trace_hash,
        violations=tuple(world.violations),
        incidents=tuple(planned),
        lives=world.process.life,
        rows=len(world.center.rows),
        trace=tuple(world.trace),
    )


async def _lived(setting, planned: list[Incident], folder: Path, loop: VirtualLoop) -> World:  # type: ignore[no-untyped-def]
    loop.set_exception_handler(lambda _loop, context: None)
    world = World(setting, folder / "site", loop)
    attach(world)
    with world.medium.worker():
        Household(world)
        for incident in planned:
            world.later(incident.at_s, lambda incident=incident: incident.play(world))
        world.machine.synchronise()
        world.process.start()
        hours = int(setting.days * DAY_S / HOUR_S)
        for _ in range(hours):
            await asyncio.sleep(HOUR_S)
            world.machine.save()
            for check in world.on.hourly:
                check()
            if world.violations:
                break
        if not world.violations:
            world.heal()
            await asyncio.sleep(SETTLE_S)
            for check in world.on.settled:
                check()
        world.process.cut(1e9)
        await asyncio.sleep(10)
    return world


@contextmanager
def _repeatable(seed: int) -> Iterator[None]:
    """Random names come from the seed, nothing is logged."""
    chance = random.Random(f"{seed}/secrets")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with mock.patch.multiple(
        secrets,
        token_hex=lambda count: chance.randbytes(count).hex(),
        token_urlsafe=lambda count: chance.randbytes(count).hex(),
    ):
        yield
    structlog.reset_defaults()


def _fast_folder() -> str | None:
    shared = Path("/dev/shm")
    return str(shared) if shared.is_dir() else None
