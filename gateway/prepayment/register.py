"""Judging the meter's import register: what a reading may charge (decision 6, I6).

A reading charges only if it lies between the last accepted value and what the rated power could have used since
(plus two register quanta). Anything else is quarantined and charges nothing. Reading it again proves that a value is
*stable*, never that it is *consumption*: three consistent readings open a new segment from which charging goes on, and
the difference stays behind as an open case for a person. The one thing that may be settled without a person is energy
used while the gateway was off and did not know for how long: once the time is known, the same bound decides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from gateway.prepayment.events import Moment, Reading

CONFIRMATIONS = 3
"""Consistent readings that make a discontinuity stable."""
CASES_MAX = 16
"""Open cases kept in the account; the journal has all of them."""
_MS_PER_H = 3_600_000


class CaseKind(StrEnum):
    """Why a difference of the register was not charged."""

    DISCONTINUITY = "discontinuity"
    UNOBSERVED = "unobserved"


@dataclass(frozen=True, slots=True)
class Case:
    """A register difference nobody has been charged for; `began` is the last accepted reading before it."""

    case_id: int
    kind: CaseKind
    from_wh: int
    to_wh: int
    began: Moment
    ended: Moment


@dataclass(frozen=True, slots=True)
class Candidate:
    """A quarantined value: where it began, its latest reading and how many agree."""

    first_wh: int
    first_at: Moment
    last_wh: int
    last_at: Moment
    count: int


@dataclass(frozen=True, slots=True)
class Register:
    """The last accepted reading (`wh`, `at`), what is in quarantine, and the open cases.

    `unobserved` is set at each start: until the next accepted reading the gateway cannot know how long it was away.
    `trouble` names what is wrong now ("" when nothing is): a defect or a foreign serial number.
    """

    wh: int | None = None
    at: Moment | None = None
    seen_at: Moment | None = None
    segment: int = 1
    unobserved: bool = False
    trouble: str = ""
    candidate: Candidate | None = None
    cases: tuple[Case, ...] = ()
    cases_opened: int = 0

    @property
    def trusted(self) -> bool:
        """The latest reading was accepted and nothing is in quarantine."""
        return self.wh is not None and self.candidate is None and not self.trouble
