"""Quarter-hour values from register readings: the load curve, named by the UTC start of each quarter-hour.

The open quarter collects until a reading lies beyond its end; then it is finished and never given out again. A gap is
spread evenly over its quarter-hours. Only dated moments count: what was used without a date waits for the next dated
reading, and so does everything while the clock shows a time that is already finished; but not for longer than
`BACK_MAX_MS`: then the earlier time was the wrong one, and the curve goes on from now.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from gateway.prepayment.civil import QUARTER_MS
from gateway.prepayment.events import Moment
from gateway.prepayment.rating import share_wh

MAX_QUARTERS = 40 * 96
BACK_MAX_MS = 24 * 3_600_000


class Quality(StrEnum):
    """Actual: read at most a quarter-hour apart. Estimated: spread, incomplete, or a lump (see `advance`)."""

    ACTUAL = "actual"
    ESTIMATED = "estimated"


@dataclass(frozen=True, slots=True)
class Interval:
    """One finished quarter-hour; `export_wh` None: the meter did not say."""

    start_utc_ms: int
    import_wh: int
    export_wh: int | None
    quality: Quality


@dataclass(frozen=True, slots=True)
class IntervalState:
    """The last dated reading and what the quarter-hour around it holds so far."""

    at_utc_ms: int | None = None
    register_wh: int = 0
    export_wh: int | None = None
    open_import_wh: int = 0
    open_export_wh: int = 0
    open_estimated: bool = False


def advance(
    state: IntervalState, at: Moment, import_wh: int, export_wh: int | None = None
) -> tuple[IntervalState, tuple[Interval, ...]]:
    """Take one accepted reading of the cumulative registers; give the quarter-hours it finished, oldest first.

    A register that went back is a new baseline: nothing is counted and the quarter is estimated (`rebase` does the
    same for one that leapt ahead). After more than 40 days the oldest interval given is a lump: it also holds all that
    the gap used before it. Quarter-hours finished without an `export_wh` have None; the next value catches up.
    """
    if not at.trust.dated:
        return state, ()
    last_utc_ms = state.at_utc_ms
    if last_utc_ms is None:
        return _begin(at.utc_ms, import_wh, export_wh), ()
    if at.utc_ms < last_utc_ms - BACK_MAX_MS:
        return _again(state, at.utc_ms, import_wh, export_wh), ()
    if at.utc_ms < last_utc_ms:
        return state, ()
    if import_wh < state.register_wh:
        state = rebase(state, import_wh)
    if at.utc_ms // QUARTER_MS == last_utc_ms // QUARTER_MS:
        return _collect(state, at.utc_ms, import_wh, export_wh), ()
    return _finish(state, last_utc_ms, at.utc_ms, import_wh, export_wh)


def rebase(state: IntervalState, register_wh: int) -> IntervalState:
    """Count from another register value on (a new segment, a new meter); the open quarter becomes an estimate."""
    return replace(state, register_wh=register_wh, open_estimated=True)


def remainder(state: IntervalState, import_wh: int) -> tuple[Interval, ...]:
    """What the open quarter-hour holds when nothing follows it: an estimate, because it is only a part of one."""
    if state.at_utc_ms is None:
        return ()
    used_wh = state.open_import_wh + max(0, import_wh - state.register_wh)
    export_wh = None if state.export_wh is None else state.open_export_wh
    if not used_wh and not export_wh:
        return ()
    return (Interval(state.at_utc_ms // QUARTER_MS * QUARTER_MS, used_wh, export_wh, Quality.ESTIMATED),)


def rebased_export(state: IntervalState, end_wh: int | None, start_wh: int | None) -> IntervalState:
    """Count export from another meter's register on; without both values the next reading is where it begins."""
    used_wh = _export_used_wh(state, end_wh) or 0
    return replace(state, export_wh=start_wh, open_export_wh=state.open_export_wh + used_wh)


def _begin(utc_ms: int, import_wh: int, export_wh: int | None) -> IntervalState:
    return IntervalState(utc_ms, import_wh, export_wh, open_estimated=utc_ms % QUARTER_MS != 0)


def _again(state: IntervalState, utc_ms: int, import_wh: int, export_wh: int | None) -> IntervalState:
    """Begin at an earlier time; what belongs to no finished quarter-hour goes into the one open now, an estimate."""
    if import_wh < state.register_wh:
        state = rebase(state, import_wh)
    return replace(_collect(state, utc_ms, import_wh, export_wh), open_estimated=True)


def _collect(state: IntervalState, utc_ms: int, import_wh: int, export_wh: int | None) -> IntervalState:
    return IntervalState(
        at_utc_ms=utc_ms,
        register_wh=import_wh,
        export_wh=state.export_wh if export_wh is None else export_wh,
        open_import_wh=state.open_import_wh + import_wh - state.register_wh,
        open_export_wh=state.open_export_wh + (_export_used_wh(state, export_wh) or 0),
        open_estimated=state.open_estimated,
    )


def _finish(
    state: IntervalState, from_ms: int, to_ms: int, import_wh: int, export_wh: int | None
) -> tuple[IntervalState, tuple[Interval, ...]]:
    used_wh = import_wh - state.register_wh
    used_export_wh = _export_used_wh(state, export_wh)
    open_quarter = to_ms // QUARTER_MS
    first = from_ms // QUARTER_MS
    oldest = max(first, open_quarter - MAX_QUARTERS)
    spread = to_ms - from_ms > QUARTER_MS
    span_ms = to_ms - from_ms
    finished = []
    # What the open quarter holds already belongs to the first one finished; so, in a lump, does all before `oldest`.
    done_wh, done_export_wh = -state.open_import_wh, -state.open_export_wh
    for quarter in range(oldest, open_quarter):
        due_ms = (quarter + 1) * QUARTER_MS - from_ms
        due_wh = share_wh(used_wh, due_ms, span_ms)
        value_wh, done_wh = due_wh - done_wh, due_wh
        value_export_wh = None
        if used_export_wh is not None:
            due_wh = share_wh(used_export_wh, due_ms, span_ms)
            value_export_wh, done_export_wh = due_wh - done_export_wh, due_wh
        quality = Quality.ESTIMATED if spread or state.open_estimated else Quality.ACTUAL
        finished.append(Interval(quarter * QUARTER_MS, value_wh, value_export_wh, quality))
    after = IntervalState(
        at_utc_ms=to_ms,
        register_wh=import_wh,
        export_wh=state.export_wh if export_wh is None else export_wh,
        open_import_wh=used_wh - done_wh,
        open_export_wh=(used_export_wh or 0) - done_export_wh,
        open_estimated=spread and to_ms % QUARTER_MS != 0,
    )
    return after, tuple(finished)


def _export_used_wh(state: IntervalState, export_wh: int | None) -> int | None:
    """None when this reading or the one before it does not say; a register that went back used nothing."""
    if export_wh is None or state.export_wh is None:
        return None
    return max(0, export_wh - state.export_wh)
