"""Ten-minute means of voltage: the accumulator of a campaign, pure. Integers in tenths of a volt; nothing is invented.

A value is the mean of the samples that one phase gave within ten minutes of UTC, and says how many they were. A value
without a sample does not exist. Sums are kept and only the mean is rounded, so what was heard can be added up exactly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

TEN_MS = 600_000
HOUR_MS = 3_600_000
LOWEST_DV, HIGHEST_DV = 2_070, 2_530
"""230 V less and plus 10 %, in tenths of a volt (EN 50160)."""
MOST_DV = 10_000
"""A phase of a low-voltage supply that shows more than 1000 V shows nonsense."""

Samples = tuple[tuple[str, int], ...]
"""What one poll saw: phase (the name of its register) and tenths of a volt."""


@dataclass(frozen=True, slots=True)
class TenMinutes:
    """What one phase gave in the ten minutes from `from_utc_ms` on."""

    phase: str
    from_utc_ms: int
    samples: int
    sum_dv: int

    @property
    def mean_dv(self) -> int:
        """The mean in tenths of a volt, a half upwards."""
        return (2 * self.sum_dv + self.samples) // (2 * self.samples)


@dataclass(frozen=True, slots=True)
class Tally:
    """All finished values of one phase: how many, the lowest, the highest, and how many outside 230 V +-10 %."""

    phase: str
    values: int
    min_dv: int
    max_dv: int
    outside: int


@dataclass(frozen=True, slots=True)
class VoltageCheck:
    """A campaign: from and to lie on ten-minute marks, `ends_running_ms` is its end when the clock is lost.

    `gathering` are the ten minutes from `mark_utc_ms` on, one for each phase heard; `hour` those of the running hour
    that are over.
    """

    check_id: str
    case_id: str
    phases: tuple[str, ...]
    from_utc_ms: int
    to_utc_ms: int
    ends_running_ms: int
    mark_utc_ms: int = 0
    gathering: tuple[TenMinutes, ...] = ()
    hour: tuple[TenMinutes, ...] = ()
    tallies: tuple[Tally, ...] = ()

    @property
    def expected(self) -> int:
        """How many values each phase gives when nothing is missed."""
        return (self.to_utc_ms - self.from_utc_ms) // TEN_MS


Hours = tuple[tuple[TenMinutes, ...], ...]
"""The values of hours that are over, an hour at a time."""


def mark_after(utc_ms: int) -> int:
    """The ten-minute mark at or after the instant."""
    return -(-utc_ms // TEN_MS) * TEN_MS


def heard(check: VoltageCheck, utc_ms: int, samples: Samples) -> tuple[VoltageCheck, Hours]:
    """Take in one poll in dated time; also gives the hours that are over with it."""
    from_utc_ms = utc_ms // TEN_MS * TEN_MS
    if from_utc_ms < check.mark_utc_ms:
        return check, ()  # the clock was set back: ten minutes that are over stay as they are
    check, hours = rolled(replace(check, mark_utc_ms=from_utc_ms), from_utc_ms)
    if not check.from_utc_ms <= utc_ms < check.to_utc_ms:
        return check, hours
    known = {one.phase: one for one in check.gathering}
    for phase, dv in samples:
        if phase in check.phases and 0 <= dv <= MOST_DV:
            one = known.get(phase, TenMinutes(phase, from_utc_ms, 0, 0))
            known[phase] = replace(one, samples=one.samples + 1, sum_dv=one.sum_dv + dv)
    return replace(check, gathering=tuple(known.values())), hours


def rolled(check: VoltageCheck, utc_ms: int) -> tuple[VoltageCheck, Hours]:
    """What is over by this instant moves on: ten minutes into their hour, an hour out of the check."""
    over = tuple(one for one in check.gathering if one.from_utc_ms + TEN_MS <= utc_ms)
    if over:
        left = tuple(one for one in check.gathering if one not in over)
        tallies = _counted(check.tallies, over)
        check = replace(check, gathering=left, hour=(*check.hour, *over), tallies=tallies)
    begun = {one.from_utc_ms // HOUR_MS for one in check.hour}
    done = {hour for hour in begun if (hour + 1) * HOUR_MS <= utc_ms}
    if not done:
        return check, ()
    hours = tuple(tuple(one for one in check.hour if one.from_utc_ms // HOUR_MS == hour) for hour in sorted(done))
    left = tuple(one for one in check.hour if one.from_utc_ms // HOUR_MS not in done)
    return replace(check, hour=left), hours


def _counted(tallies: tuple[Tally, ...], over: tuple[TenMinutes, ...]) -> tuple[Tally, ...]:
    known = {tally.phase: tally for tally in tallies}
    for one in over:
        mean_dv = one.mean_dv
        last = known.get(one.phase, Tally(one.phase, 0, mean_dv, mean_dv, 0))
        known[one.phase] = Tally(
            one.phase,
            last.values + 1,
            min(last.min_dv, mean_dv),
            max(last.max_dv, mean_dv),
            last.outside + (not LOWEST_DV <= mean_dv <= HIGHEST_DV),
        )
    return tuple(known.values())
