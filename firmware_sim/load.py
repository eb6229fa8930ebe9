"""What a customer switches on: power over time, piecewise constant, so that energy can be integrated exactly.

`Load.at(now_ns)` answers the power in mW and until when it stays so; noise is a hash of (seed, step), so a run
repeats exactly.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol

from firmware_sim.clock import NS_PER_S

DAY_S = 86_400
_MASK = (1 << 64) - 1


class Load(Protocol):
    """Power drawn behind a meter."""

    def at(self, now_ns: int) -> tuple[int, int | None]:
        """Power in mW (negative feeds into the grid) and the later instant at which it may change; None = never."""


@dataclass(frozen=True, slots=True)
class FixedLoad:
    """Always the same power, in mW."""

    power_mw: int

    def at(self, now_ns: int) -> tuple[int, int | None]:
        """See `Load`."""
        del now_ns
        return self.power_mw, None


@dataclass(frozen=True, slots=True)
class Profile:
    """A load as data: powers in mW, each for a time in ns, once or repeating; `by_day` = the period is a day."""

    name: str
    powers_mw: tuple[int, ...]
    durations_ns: tuple[int, ...]
    repeat: bool
    by_day: bool
    noise_mw: int = 0
    noise_every_ns: int = 10 * NS_PER_S

    def starting(self, *, seed: int, start_of_day_s: int, from_ns: int) -> ProfileLoad:
        """Set it going: a sequence starts at `from_ns`, a day follows the clock (`start_of_day_s` at instant 0)."""
        offset_ns = start_of_day_s * NS_PER_S if self.by_day else -from_ns
        return ProfileLoad(self, seed=seed, offset_ns=offset_ns)


class ProfileLoad:
    """A `Profile` on its way."""

    def __init__(self, profile: Profile, *, seed: int, offset_ns: int) -> None:
        self._profile = profile
        self._seed = seed
        self._offset_ns = offset_ns
        self._ends_ns = tuple(accumulate(profile.durations_ns))

    def at(self, now_ns: int) -> tuple[int, int | None]:
        """See `Load`."""
        profile = self._profile
        inside_ns = max(0, now_ns + self._offset_ns)
        period_ns = self._ends_ns[-1]
        until_ns: int | None
        if profile.repeat or inside_ns < period_ns:
            phase_ns = inside_ns % period_ns
            index = bisect_right(self._ends_ns, phase_ns)
            until_ns = now_ns + self._ends_ns[index] - phase_ns
        else:
            index, until_ns = len(self._ends_ns) - 1, None
        power_mw = profile.powers_mw[index]
        if not profile.noise_mw or not power_mw:
            return power_mw, until_ns
        step = inside_ns // profile.noise_every_ns
        noisy_mw = power_mw + _noise(self._seed, step, profile.noise_mw)
        next_ns = now_ns + profile.noise_every_ns - inside_ns % profile.noise_every_ns
        kept_mw = max(0, noisy_mw) if power_mw > 0 else min(0, noisy_mw)
        return kept_mw, next_ns if until_ns is None else min(until_ns, next_ns)


def _noise(seed: int, step: int, most: int) -> int:
    """A repeatable integer in -most..most (splitmix64 of seed and step)."""
    mixed = (seed * 0x9E3779B97F4A7C15 + (step + 1) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return (mixed ^ (mixed >> 31)) % (2 * most + 1) - most
