"""A technician's override towards full supply (decision 13): what is kept of it, and what is asked.

It is an entry that the account knows, so no poll undoes it: bounded in time that was observed running and in energy
that was charged, and ended by whichever comes first, by credit, or by hand. It moves no money and no rung.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.prepayment.events import Moment

HOURS_MAX = 72
ENERGY_MAX_WH = 30_000
"""Three days of a household, so that a weekend is covered; on a gas account 30 m3."""


@dataclass(frozen=True, slots=True)
class Override:
    """One in force: until `ends_running_ms`, or until more than `cap_wh` was charged beyond `from_wh` (lifetime)."""

    override_id: str
    technician: str
    reason: str
    since: Moment
    ends_running_ms: int
    from_wh: int
    cap_wh: int


@dataclass(frozen=True, slots=True)
class OverrideSet:
    """Full supply for a while, whatever the credit; somebody on site answers for it."""

    at: Moment
    command_id: str
    technician: str
    reason: str
    hours: int
    cap_wh: int


@dataclass(frozen=True, slots=True)
class OverrideEnded:
    """The override is over before its bounds are reached."""

    at: Moment
    command_id: str
    technician: str
    reason: str
