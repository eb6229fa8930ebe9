"""Limiting power with a switch alone: measure, warn, open, close again by itself. Pure; the time is an argument.

    WATCHING --mean over the window above the limit--> WARNED --still above after warn_s--> OPEN
       ^            |  ^---------- mean back below ----------|                                |
       |            `------------------------------------------------------------------------ |
       `--------- open_s over (the trip that fills the hour: cooldown_s) ----------------------'

The mean is taken over a whole window, so an inrush cannot trip it. It is judged from both things the meter tells: the
energy register proves a lower and an upper bound (its step is known), power samples place the mean between the two;
without power samples only what energy proves counts. So no error of a sample can trip a supply that is below its limit.

Never more than `trips_per_hour` trips in any hour: the trip that reaches that number stays open for `cooldown_s`, and
at least until the oldest of them is an hour old. Every opening ends by itself: no trip needs anybody to
come (decision 15).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

HOUR_MS = 3_600_000
_SAMPLES_PER_WINDOW = 120
_MS_WH_PER_W = 3_600_000  # 1 Wh is 3 600 000 W ms


class Phase(StrEnum):
    """Where the limiter stands."""

    WATCHING = "watching"
    WARNED = "warned"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class LimiterRules:
    """How a switched limiter behaves (decision 15); `ValueError` for rules that could lock a customer out."""

    window_s: int = 120
    warn_s: int = 10
    open_s: int = 300
    trips_per_hour: int = 4
    cooldown_s: int = 3600

    def __post_init__(self) -> None:
        if min(self.window_s, self.open_s, self.trips_per_hour) < 1 or self.warn_s < 0:
            raise ValueError("window_s, open_s and trips_per_hour must be at least 1, warn_s not negative")
        if self.cooldown_s < self.open_s:
            raise ValueError(f"cooldown_s {self.cooldown_s} is shorter than open_s {self.open_s}")


@dataclass(frozen=True, slots=True)
class Sample:
    """One observation: energy register with its step, and the power if the meter tells it."""

    at_ms: int
    import_wh: int | None
    quantum_wh: int
    power_w: int | None


@dataclass(frozen=True, slots=True)
class _Point:
    """A sample with the power summed up to it (W ms) and how many intervals had no power reading."""

    at_ms: int
    import_wh: int | None
    quantum_wh: int
    power_w: int | None
    sum_w_ms: int
    gaps: int


@dataclass(frozen=True, slots=True)
class LimiterEvent:
    """Something to tell: `limit.warning`, `limit.trip`, `limit.cooldown`, `limit.reclosed`."""

    what: str
    mean_w: int
    limit_w: int
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class LimiterState:
    """All a switched limiter remembers; bounded by the window and the trips of an hour."""

    phase: Phase = Phase.WATCHING
    points: tuple[_Point, ...] = ()
    warned_at_ms: int = 0
    reclose_at_ms: int = 0
    trips_ms: tuple[int, ...] = ()

    @property
    def wants_open(self) -> bool:
        """The switch must be open now although the account entitles to (limited) supply."""
        return self.phase is Phase.OPEN


def step(
    state: LimiterState, rules: LimiterRules, sample: Sample, limit_w: int | None, rated_power_w: int
) -> tuple[LimiterState, tuple[LimiterEvent, ...]]:
    """One observation under a limit (None: no limit, everything is forgotten but the trips of the last hour)."""
    now_ms = sample.at_ms
    trips_ms = tuple(at for at in state.trips_ms if now_ms - at < HOUR_MS)
    state = replace(state, trips_ms=trips_ms)
    if limit_w is None:
        return LimiterState(trips_ms=trips_ms), ()
    if state.phase is Phase.OPEN:
        if now_ms < state.reclose_at_ms:
            return state, ()
        closed = LimiterState(trips_ms=trips_ms)
        return _watch(closed, rules, sample), (LimiterEvent("limit.reclosed", 0, limit_w),)
    state = _watch(state, rules, sample)
    mean_w = mean_power_w(state, rules, rated_power_w)
    if mean_w is None:
        return state, ()
    if mean_w > rated_power_w * 2:  # no load but a jump of the register: prepayment judges it, the window begins again
        return _watch(LimiterState(trips_ms=trips_ms), rules, sample), ()
    if mean_w <= limit_w:
        return replace(state, phase=Phase.WATCHING), ()
    if state.phase is Phase.WATCHING:
        state = replace(state, phase=Phase.WARNED, warned_at_ms=now_ms)
        return state, (LimiterEvent("limit.warning", mean_w, limit_w, rules.warn_s),)
    if now_ms - state.warned_at_ms < rules.warn_s * 1000:
        return state, ()
    return _trip(state, rules, now_ms, mean_w, limit_w)


def forgotten(state: LimiterState) -> LimiterState:
    """The window begins again, because what the register said cannot be believed; an opening still ends in time."""
    return state if state.phase is Phase.OPEN else LimiterState(trips_ms=state.trips_ms)


def mean_power_w(state: LimiterState, rules: LimiterRules, rated_power_w: int) -> int | None:
    """The mean over the last whole window, rounded down; None until a window has been seen or nothing can be said."""
    if not state.points:
        return None
    newest = state.points[-1]
    start = next((p for p in reversed(state.points) if newest.at_ms - p.at_ms >= rules.window_s * 1000), None)
    if start is None:
        return None
    span_ms = newest.at_ms - start.at_ms
    low_w = high_w = None
    if newest.import_wh is not None and start.import_wh is not None and newest.import_wh >= start.import_wh:
        used_wh = newest.import_wh - start.import_wh
        step_wh = max(newest.quantum_wh, start.quantum_wh)
        low_w = max(0, used_wh - step_wh) * _MS_WH_PER_W // span_ms
        high_w = (used_wh + step_wh) * _MS_WH_PER_W // span_ms
    if newest.gaps != start.gaps:
        return low_w
    power_w = (newest.sum_w_ms - start.sum_w_ms) // span_ms
    if low_w is None or high_w is None or low_w > 2 * rated_power_w:
        return power_w
    return min(max(power_w, low_w), high_w)


def _trip(
    state: LimiterState, rules: LimiterRules, now_ms: int, mean_w: int, limit_w: int
) -> tuple[LimiterState, tuple[LimiterEvent, ...]]:
    trips_ms = (*state.trips_ms, now_ms)
    open_ms = rules.open_s * 1000
    events = [LimiterEvent("limit.trip", mean_w, limit_w, rules.open_s)]
    if len(trips_ms) >= rules.trips_per_hour:
        open_ms = max(rules.cooldown_s * 1000, trips_ms[0] + HOUR_MS - now_ms)
        events = [LimiterEvent("limit.trip", mean_w, limit_w, open_ms // 1000)]
        events.append(LimiterEvent("limit.cooldown", mean_w, limit_w, open_ms // 1000))
    opened = LimiterState(phase=Phase.OPEN, reclose_at_ms=now_ms + open_ms, trips_ms=trips_ms)
    return opened, tuple(events)


def _watch(state: LimiterState, rules: LimiterRules, sample: Sample) -> LimiterState:
    """Add a sample; keep one point at or before the window's start and a bounded number inside it."""
    if not state.points:
        first = _Point(sample.at_ms, sample.import_wh, sample.quantum_wh, sample.power_w, 0, 0)
        return replace(state, points=(first,))
    last = state.points[-1]
    elapsed_ms = sample.at_ms - last.at_ms
    if elapsed_ms <= 0:
        return state
    window_ms = rules.window_s * 1000
    gap = sample.power_w is None or elapsed_ms > window_ms  # one sample says nothing about a longer silence
    sum_w_ms = last.sum_w_ms + (sample.power_w or 0) * elapsed_ms
    point = _Point(sample.at_ms, sample.import_wh, sample.quantum_wh, sample.power_w, sum_w_ms, last.gaps + gap)
    kept = state.points
    if len(kept) >= 2 and last.at_ms - kept[-2].at_ms < window_ms // _SAMPLES_PER_WINDOW:
        kept = kept[:-1]
    kept = (*kept, point)
    start = 0
    while start + 1 < len(kept) and point.at_ms - kept[start + 1].at_ms >= window_ms:
        start += 1
    return replace(state, points=kept[start:])
