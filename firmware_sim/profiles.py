"""Load profiles and scenarios as files, and where they are kept.

A profile is `[[steps]]` with `w` and either `for_s` (a sequence, `repeat` or not) or `at = "HH:MM"` (a day, always
repeating), and noise.
"""

from __future__ import annotations

import re
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from firmware_sim.clock import NS_PER_S
from firmware_sim.load import DAY_S, Profile

if TYPE_CHECKING:
    from firmware_sim.fields import Fields

_MOST_W = 10_000_000
_MOST_STEPS = 2000
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?")


def shipped_folder() -> Path:
    """config/sim of a checkout; a wheel carries it among the gateway package's shipped files (found, not imported)."""
    checkout = Path(__file__).resolve().parent.parent / "config" / "sim"
    if checkout.is_dir():
        return checkout
    spec = find_spec("gateway")
    where = spec.submodule_search_locations if spec is not None else None
    return Path(next(iter(where)), "_shipped", "sim") if where else checkout


def time_of_day_s(fields: Fields, key: str) -> int:
    """Seconds since midnight of "HH:MM" or "HH:MM:SS"."""
    text = fields.text(key)
    found = _TIME_OF_DAY.fullmatch(text)
    if found is None:
        raise fields.error(key, f'"{text}" is not a time of day', 'write "HH:MM"')
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def read_profile(name: str, fields: Fields) -> Profile:
    """One profile table."""
    fields.text("description", "none")
    noise_mw = int(fields.number("noise_w", Decimal(0), least=0, most=_MOST_W) * 1000)
    noise_every_ns = int(fields.number("noise_every_s", Decimal(10), least=1, most=DAY_S) * NS_PER_S)
    repeat = fields.flag("repeat", default=True)
    steps = fields.tables("steps")
    if not 1 <= len(steps) <= _MOST_STEPS:
        raise fields.error("steps", f"has {len(steps)} steps", f"write 1 to {_MOST_STEPS} [[steps]]")
    powers_mw = [int(step.number("w", least=-_MOST_W, most=_MOST_W) * 1000) for step in steps]
    by_day = steps[0].has("at")
    durations_ns = _day(steps, powers_mw) if by_day else [_for_ns(step) for step in steps]
    for step in steps:
        step.done()
    fields.done()
    return Profile(name, tuple(powers_mw), tuple(durations_ns), repeat or by_day, by_day, noise_mw, noise_every_ns)


def _for_ns(step: Fields) -> int:
    duration_ns = int(step.number("for_s", least=0, most=10 * 366 * DAY_S) * NS_PER_S)
    if duration_ns < NS_PER_S // 100:
        raise step.error("for_s", "is too short", "write at least 0.01 s")
    return duration_ns


def _day(steps: list[Fields], powers_mw: list[int]) -> list[int]:
    """Durations of a day's steps; what is before the first step is the last one of the day before, put in front."""
    starts_s = [time_of_day_s(step, "at") for step in steps]
    for step, earlier_s, later_s in zip(steps[1:], starts_s, starts_s[1:], strict=False):
        if later_s <= earlier_s:
            raise step.error("at", "is not later than the step before", "write the steps in the order of the day")
    if starts_s[0] > 0:
        starts_s.insert(0, 0)
        powers_mw.insert(0, powers_mw[-1])
    ends_s = [*starts_s[1:], DAY_S]
    return [(end_s - start_s) * NS_PER_S for start_s, end_s in zip(starts_s, ends_s, strict=True)]
