"""From a run that fails to the smallest one that still fails: fewer days, fewer incidents, the same broken promise."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.asked import PYTHON
from tests.simulation.run import Result, play

PLAYS_MAX = 60


def invariant_of(result: Result) -> str:
    """The promise that broke first: "I6"."""
    return result.violations[0].split(" ", 1)[0] if result.violations else ""


def minimised(result: Result, *, tell: Callable[[str], None] = lambda _: None) -> Result:
    """A smaller run of the same seed that breaks the same promise; at most 60 runs are tried."""
    wanted = invariant_of(result)
    plays = 0

    def tried(days: float, only: Sequence[str]) -> Result | None:
        nonlocal plays
        if plays >= PLAYS_MAX:
            return None
        plays += 1
        found = play(
            result.seed,
            result.days,
            until_days=days,
            only=set(only),
            poll_s=result.poll_s,
            kinds=result.kinds,
            often=result.often,
        )
        return found if invariant_of(found) == wanted else None

    best = result
    days = min(result.days, result.broken_at_days + 0.05)
    names = [one.name for one in result.incidents if one.at_s <= days * 86_400]
    if (found := tried(days, names)) is None:
        days = result.days
        names = [one.name for one in result.incidents]
    else:
        best = found
    size = len(names)
    while size >= 1:
        start = 0
        while start < len(names):
            fewer = names[:start] + names[start + size :]
            if (found := tried(days, fewer)) is not None:
                tell(f"{len(fewer)} incidents are enough")
                best, names = found, fewer
            else:
                start += size
        size //= 2
    return best


def command(result: Result) -> str:
    """The one command that plays it again, as it is."""
    parts = [_begin(result, f"--days {result.days:g}")]
    until_days = result.until_days if result.chosen else min(result.until_days, result.broken_at_days + 0.05)
    if until_days < result.days:
        parts.append(f"--until {until_days:.3f}")
    if result.chosen:
        parts.append(f"--only {','.join(one.name for one in result.incidents) or 'none'}")
    return " ".join(parts)


def from_scratch(result: Result) -> str:
    """The one command that finds it again and makes it small, or finds that it is unlike itself (I22)."""
    return _begin(result, f"--runs 1 --days {result.days:g}")


def _begin(result: Result, length: str) -> str:
    parts = [f"{PYTHON} -m tests.simulation --seed {result.seed} {length}"]
    if result.kinds:
        parts.append(f"--kinds {','.join(result.kinds)}")
    if result.often != 1.0:
        parts.append(f"--often {result.often:g}")
    if result.poll_s is not None:
        parts.append(f"--poll {result.poll_s}")
    return " ".join(parts)
