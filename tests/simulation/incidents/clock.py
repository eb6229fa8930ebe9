"""Clocks that lie: the machine's, the battery's, the time servers', the head-end's (threats 12 and 13, decision 16).

Whatever they say shortens nobody's term (I16), and none of it gives free energy for ever.
"""

from __future__ import annotations

import random
from functools import partial

from tests.simulation.incidents import incident
from tests.simulation.world import DAY_S, HOUR_S, World

FAMILY = "clock"
ERRORS_S = (1, 5, 61, 400, 3600, 86_400, 40 * 86_400, 366 * 86_400, 3653 * 86_400)


def _error_ms(chance: random.Random) -> int:
    return chance.choice(ERRORS_S) * chance.choice((1000, -1000))


@incident(FAMILY, 1.5)
def wall_steps(world: World, chance: random.Random) -> None:
    """Somebody, or something, sets the machine's clock: by a second or by ten years."""
    world.machine.ahead_ms += _error_ms(chance)


@incident(FAMILY, 0.5)
def wall_steps_often(world: World, chance: random.Random) -> None:
    """Two programs set the clock against each other for an hour."""
    error_ms = _error_ms(chance)
    for number in range(chance.randint(4, 30)):
        way = 1 if number % 2 else -1
        world.meanwhile(number * 97.0, partial(_step, world, way * error_ms))


@incident(FAMILY, 0.8)
def servers_lie(world: World, chance: random.Random) -> None:
    """The time servers say something else, and the kernel calls it synchronised (a forged NTP server)."""
    _servers(world, _error_ms(chance))
    world.machine.ask_servers()
    world.meanwhile(chance.choice((HOUR_S, 12 * HOUR_S, 3 * DAY_S)) * chance.uniform(0.5, 1.5), lambda: _servers(world))


@incident(FAMILY, 0.8)
def servers_away(world: World, chance: random.Random) -> None:
    """No time server for hours or weeks: from the next start the clock is only as good as the machine."""
    _servers(world, None)
    world.machine.synchronised = chance.random() < 0.5
    world.meanwhile(chance.choice((HOUR_S, DAY_S, 20 * DAY_S)) * chance.uniform(0.5, 1.5), lambda: _servers(world))


@incident(FAMILY, 0.5)
def boot_with_wrong_time(world: World, chance: random.Random) -> None:
    """A start without servers, with a battery clock that is wrong, or none (threats 12, 13)."""
    _servers(world, None)
    world.machine.rtc_ahead_ms = _error_ms(chance)
    world.cut(chance.choice((5, HOUR_S, 8 * HOUR_S)))
    world.meanwhile(chance.uniform(1, 30) * HOUR_S, lambda: _servers(world))


@incident(FAMILY, 0.4)
def crystal_drifts(world: World, chance: random.Random) -> None:
    """A crystal that is too fast or too slow; 100 parts in a million are 9 s a day."""
    world.machine.drift_ppm = chance.choice((20, 50, 100)) * chance.choice((1, -1))

    def steady() -> None:
        world.machine.drift_ppm = 0

    world.meanwhile(chance.uniform(0.5, 5) * DAY_S, steady)


@incident(FAMILY, 0.4)
def machine_suspended(world: World, chance: random.Random) -> None:
    """The machine sleeps: its monotonic clock stands still while the wall clock goes on."""
    seconds = chance.choice((3, 90, HOUR_S, 9 * HOUR_S)) * chance.uniform(0.5, 1.5)
    world.stand_still(seconds, asleep=True)


@incident(FAMILY, 0.4)
def machine_hangs(world: World, chance: random.Random) -> None:
    """The machine, or the hypervisor below it, hangs: all of its clocks go on and nothing runs."""
    world.stand_still(chance.choice((3, 90, HOUR_S)) * chance.uniform(0.5, 1.5), asleep=False)


@incident(FAMILY, 0.5)
def center_tells_wrong_time(world: World, chance: random.Random) -> None:
    """The head-end's own server shows another time, and it signs it."""
    world.center.time_error_ms = _error_ms(chance)

    def right() -> None:
        world.center.time_error_ms = 0

    world.meanwhile(chance.choice((600, 3 * HOUR_S, 2 * DAY_S)) * chance.uniform(0.5, 1.5), right)


@incident(FAMILY, 0.5)
def center_tells_time_late(world: World, chance: random.Random) -> None:
    """Answers take so long that they are worth less, or nothing."""
    world.center.time_late_s = chance.choice((3.0, 9.0, 12.0, 40.0))

    def soon() -> None:
        world.center.time_late_s = 0.0

    world.meanwhile(chance.uniform(1, 30) * HOUR_S, soon)


def _servers(world: World, ahead_ms: int | None = 0) -> None:
    world.machine.ntp_ahead_ms = ahead_ms


def _step(world: World, by_ms: int) -> None:
    world.machine.ahead_ms += by_ms
