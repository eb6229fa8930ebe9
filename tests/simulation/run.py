"""One run: a seed, its incidents, the invariants; what comes out is the same every time."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import secrets
import tempfile
import traceback
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.simulation.console import patched
from tests.simulation.household import Household
from tests.simulation.incidents import Incident, plan_of
from tests.simulation.invariants import attach
from tests.simulation.loop import VirtualLoop
from tests.simulation.world import DAY_S, HOUR_S, Setting, World, setting_of

SETTLE_S = 6 * HOUR_S
HARNESS = "harness"
"""Broken by the simulation itself, whatever the gateway did."""


@dataclass(frozen=True, slots=True)
class Result:
    """What one run showed; `incidents` are those that were played, `chosen`: not all that the seed has."""

    seed: int
    days: float
    until_days: float
    poll_s: int | None
    kinds: tuple[str, ...]
    often: float
    trace_hash: str
    violations: tuple[str, ...]
    incidents: tuple[Incident, ...]
    chosen: bool
    lives: int
    rows: int
    steps: int
    trace: tuple[str, ...]

    @property
    def broken_at_days(self) -> float:
        """When the first promise broke, in days of the run; its length if none did."""
        found = re.search(r" at day ([0-9.]+):", self.violations[0]) if self.violations else None
        return float(found[1]) if found else self.days


def play(
    seed: int,
    days: float,
    *,
    until_days: float | None = None,
    only: Collection[str] | None = None,
    poll_s: int | None = None,
    kinds: Sequence[str] = (),
    often: float = 1.0,
) -> Result:
    """Play the run of this seed; `kinds` and `often` choose its incidents, see `plan_of`.

    `only` are the names of the incidents to play, all if None; `until_days` ends it before its time: what happens
    until then is the same.
    """
    setting = setting_of(seed, days, poll_s=poll_s)
    until_days = setting.days if until_days is None else min(until_days, setting.days)
    planned = [one for one in plan_of(setting, kinds, often) if only is None or one.name in only]
    planned = [one for one in planned if one.at_s < until_days * DAY_S]
    loop = VirtualLoop()
    with tempfile.TemporaryDirectory(dir=_fast_folder()) as name, _repeatable(seed):
        try:
            world: World = loop.run_until_complete(_lived(setting, until_days, planned, Path(name), loop))
        finally:
            loop.close()
    return Result(
        seed=seed,
        days=days,
        until_days=until_days,
        poll_s=poll_s,
        kinds=tuple(kinds),
        often=often,
        trace_hash=world.trace_hash,
        violations=tuple(world.violations),
        incidents=tuple(planned),
        chosen=only is not None,
        lives=world.process.life,
        rows=len(world.center.rows),
        steps=loop.steps,
        trace=tuple(world.trace),
    )


async def _lived(
    setting: Setting, until_days: float, planned: list[Incident], folder: Path, loop: VirtualLoop
) -> World:
    world = World(setting, folder / "site", loop)
    loop.set_exception_handler(lambda _loop, context: fell(world, context))
    attach(world)
    with world.medium.worker():
        Household(world)
        for incident in planned:
            world.later(incident.at_s, partial(incident.play, world))
        world.machine.synchronise()
        world.process.start()
        while (left_s := until_days * DAY_S - loop.time()) > 0:
            await asyncio.sleep(min(HOUR_S, left_s))
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


def fell(world: World, context: dict[str, Any]) -> None:
    """A check or an incident that fell over in a callback has seen nothing, or done nothing: such a run proves nothing.

    What a dying daemon leaves behind (tasks whose end nobody waits for) is no concern of anybody.
    """
    error = context.get("exception")
    if "handle" in context and isinstance(error, Exception):
        at = traceback.extract_tb(error.__traceback__)[-1]
        world.violated(HARNESS, f"{error!r} in {Path(at.filename).name}, line {at.lineno}")


@contextmanager
def _repeatable(seed: int) -> Iterator[None]:
    """Random names and the device's own key come from the seed, nothing is logged."""
    chance, keys = random.Random(f"{seed}/secrets"), random.Random(f"{seed}/keys")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    names = mock.patch.multiple(
        secrets,
        token_hex=lambda count: chance.randbytes(count).hex(),
        token_urlsafe=lambda count: chance.randbytes(count).hex(),
        token_bytes=chance.randbytes,
    )
    made = staticmethod(lambda: Ed25519PrivateKey.from_private_bytes(keys.randbytes(32)))
    with names, patched(), mock.patch.object(Ed25519PrivateKey, "generate", made):
        yield
    structlog.reset_defaults()


def _fast_folder() -> str | None:
    shared = Path("/dev/shm")
    return str(shared) if shared.is_dir() else None
