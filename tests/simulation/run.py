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
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
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
from tests.simulation.observers import fall
from tests.simulation.world import DAY_S, HARNESS, HOUR_S, Setting, World, setting_of

SETTLE_S = 6 * HOUR_S


@dataclass(frozen=True, slots=True)
class Result:
    """What one run showed; `incidents` are those that were played, `chosen`: not all that the seed has."""

    seed: int
    days: float
    until_days: float
    poll_s: int | None
    kinds: tuple[str, ...]
    often: float
    chosen: bool
    incidents: tuple[Incident, ...] = ()
    violations: tuple[str, ...] = ()
    trace_hash: str = ""
    lives: int = 0
    rows: int = 0
    steps: int = 0
    trace: tuple[str, ...] = ()

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
    until then is the same. A run that dies is a broken promise of the harness, too, and raises nothing.
    """
    result = Result(
        seed=seed,
        days=days,
        until_days=days if until_days is None else until_days,
        poll_s=poll_s,
        kinds=tuple(kinds),
        often=often,
        chosen=only is not None,
    )
    try:
        setting = setting_of(seed, days, poll_s=poll_s)
        ends_days = setting.days if until_days is None else min(until_days, setting.days)
        planned = [one for one in plan_of(setting, kinds, often) if only is None or one.name in only]
        planned = [one for one in planned if one.at_s < ends_days * DAY_S]
        result = replace(result, until_days=ends_days, incidents=tuple(planned))
        return _played(result, setting)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - other runs go on; this one is told, with what plays it again
        died = f"{HARNESS} the run itself died of {fall(error)}"
        return replace(result, violations=(died,), trace=tuple("".join(traceback.format_exception(error)).splitlines()))


def _played(result: Result, setting: Setting) -> Result:
    """What is planned, played."""
    loop = VirtualLoop()
    with tempfile.TemporaryDirectory(dir=_fast_folder()) as name, _repeatable(setting.seed):
        life = loop.create_task(_lived(setting, result.until_days, result.incidents, Path(name), loop))
        try:
            world = loop.run_until_complete(life)
        except BaseException:
            if (
                not life.done()
            ):  # it still switches the daemon off, and gives aiosqlite back for this process's next run
                life.cancel()
                with suppress(BaseException):
                    loop.run_until_complete(life)
            raise
        finally:
            loop.close()
    return replace(
        result,
        trace_hash=world.trace_hash,
        violations=tuple(world.violations),
        lives=world.process.life,
        rows=len(world.center.rows),
        steps=loop.steps,
        trace=tuple(world.trace),
    )


async def _lived(
    setting: Setting, until_days: float, planned: Sequence[Incident], folder: Path, loop: VirtualLoop
) -> World:
    world = World(setting, folder / "site", loop)
    loop.set_exception_handler(lambda _loop, context: fell(world, context))
    attach(world)
    with world.medium.worker():
        try:
            await _through(world, until_days, planned)
        except Exception as error:  # noqa: BLE001 - the run ends as any other, and what fell over is told
            world.fell(error)
        finally:
            world.process.cut(1e9)
            await asyncio.sleep(10)
    return world


async def _through(world: World, until_days: float, planned: Sequence[Incident]) -> None:
    Household(world)
    for incident in planned:
        world.later(incident.at_s, partial(incident.play, world))
    world.machine.synchronise()
    world.process.start()
    while (left_s := until_days * DAY_S - world.loop.time()) > 0:
        await asyncio.sleep(min(HOUR_S, left_s))
        world.machine.save()
        world.hear(world.on.hourly)
        if world.violations:
            return
    world.heal()
    await asyncio.sleep(SETTLE_S)
    world.hear(world.on.settled)


def fell(world: World, context: dict[str, Any]) -> None:
    """What fell over in a callback of the loop belongs to the harness.

    What a dying daemon leaves behind (tasks whose end nobody waits for) is no concern of anybody.
    """
    error = context.get("exception")
    if "handle" in context and isinstance(error, Exception):
        world.fell(error)


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
        try:
            yield
        finally:
            structlog.reset_defaults()


def _fast_folder() -> str | None:
    shared = Path("/dev/shm")
    return str(shared) if shared.is_dir() else None
