"""Postings as data: money that moves for a reason other than consumption and top-ups, and only when a command says so.

Each has a number of the account's own, counted like top-ups (decision 4), but posted one by one: its kind, its
reference and its legal basis are part of the record, so none may stand for another. `Numbers` remembers which ones are
in, so that each counts once in whatever order and however often it arrives. A social bonus is a dated schedule; the
gateway itself makes its daily entries (S2-35).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from gateway.prepayment.events import Moment
from gateway.prepayment.position import Position

MISSING_MAX = 64
"""Numbers that may be missing below the highest one (I20)."""
KEPT_MAX = 32
"""Postings an account remembers, so that they can be reversed or superseded by their reference."""


class PostingKind(StrEnum):
    """What a command may post (requirements 5); the daily social bonus is made by the gateway and is none of these."""

    FEE = "fee"
    INTEREST = "interest"
    COMPENSATION = "compensation"
    INDEMNITY = "indemnity"
    RECONSTRUCTION = "reconstruction"
    ESTIMATE = "estimate"
    CONGUAGLIO = "conguaglio"
    SETOFF = "setoff"
    ADJUSTMENT = "adjustment"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class Numbers:
    """Which numbers are in: all up to `highest` except `missing` (sorted)."""

    highest: int = 0
    missing: tuple[int, ...] = ()

    def has(self, number: int) -> bool:
        """The number is in."""
        return number <= self.highest and number not in self.missing

    def with_number(self, number: int) -> Numbers | None:
        """One more; None when more would be missing than can be remembered."""
        if number <= self.highest:
            return Numbers(self.highest, tuple(one for one in self.missing if one != number))
        skipped = number - self.highest - 1
        if skipped + len(self.missing) > MISSING_MAX:
            return None
        return Numbers(number, (*self.missing, *range(self.highest + 1, number)))

    def union(self, other: Numbers) -> Numbers:
        """What is in on either side; what both sides lack stays missing."""
        highest = max(self.highest, other.highest)
        lacking = sorted({*self.missing, *other.missing})
        return Numbers(highest, tuple(one for one in lacking if not self.has(one) and not other.has(one)))


@dataclass(frozen=True, slots=True)
class Posting:
    """One posting as it was signed. `amount_nano` is what it does to the balance: credit is positive.

    `credit_nano` and `debit_nano` are the two sides of a set-off or a reconstruction. Days are ISO dates, both
    included. `reverses` and `supersedes` are the `reference` of an earlier posting. `wh` is an energy (or a gas volume
    in litres): what was estimated, or what was really used instead. `case_id` is an open case of the register that this
    settles (decision 6).
    """

    at: Moment
    command_id: str
    number: int
    kind: PostingKind
    amount_nano: int
    currency: str
    reference: str
    legal_ref: str = ""
    from_day: str | None = None
    to_day: str | None = None
    reverses: str = ""
    supersedes: str = ""
    wh: int | None = None
    credit_nano: int | None = None
    debit_nano: int | None = None
    test_day: str | None = None
    fault_day: str | None = None
    case_id: int | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """What is remembered of a posting; `undone` once it was reversed or superseded, or is itself a reversal.

    `supersedes` is the reference of the estimate that it settled: reversed, it leaves that in force again.
    """

    number: int
    kind: PostingKind
    reference: str
    amount_nano: int
    from_day: str | None = None
    to_day: str | None = None
    wh: int | None = None
    undone: bool = False
    supersedes: str = ""


@dataclass(frozen=True, slots=True)
class Postings:
    """All postings of one account: their numbers, their lifetime sum (daily bonus included) and the newest of them."""

    numbers: Numbers = Numbers()
    total_nano: int = 0
    kept: tuple[Posted, ...] = ()

    def find(self, reference: str) -> Posted | None:
        """The posting remembered under this reference."""
        return next((one for one in self.kept if one.reference == reference), None)


@dataclass(frozen=True, slots=True)
class Bonus:
    """A social bonus: `total_nano` in equal parts over the days from `from_day` to `to_day`, both included.

    `through` is the last day credited ("" before the first); what was credited under earlier terms stays credited.
    """

    reference: str
    command_id: str
    from_day: str
    to_day: str
    total_nano: int
    legal_ref: str = ""
    through: str = ""
    told: bool = False

    def due_nano(self, through: str) -> int:
        """What the days after `self.through` up to `through` are worth: differences of one cumulative share."""
        first = date.fromisoformat(self.from_day)
        days = (date.fromisoformat(self.to_day) - first).days + 1

        def share_nano(day: str) -> int:
            done = (date.fromisoformat(day) - first).days + 1 if day else 0
            return self.total_nano * min(max(done, 0), days) // days

        return share_nano(through) - share_nano(self.through)


@dataclass(frozen=True, slots=True)
class BonusSet:
    """Begin a bonus, or change the one with this reference from its next unpaid day on (S2-35)."""

    at: Moment
    command_id: str
    reference: str
    from_day: str
    to_day: str
    total_nano: int
    currency: str
    legal_ref: str = ""


def numbers_of(known: Position) -> Numbers:
    """The postings a head-end has rows of."""
    return Numbers(known.posting_sequence, known.posting_missing)


def only_ours_nano(postings: Postings, bonuses: tuple[Bonus, ...], known: Position) -> int:
    """What these books posted and the head-end has no row of: it is not in the balance that the head-end states."""
    theirs, through = numbers_of(known), dict(known.bonuses_through)
    posted = sum(one.amount_nano for one in postings.kept if not theirs.has(one.number))
    paid = sum(
        replace(bonus, through=min(through.get(bonus.reference, ""), bonus.through)).due_nano(bonus.through)
        for bonus in bonuses
    )
    return posted + paid


def bonuses_after(bonuses: tuple[Bonus, ...], known: Position) -> tuple[Bonus, ...]:
    """The bonuses after a resync: no day that either side has credited is credited again.

    Of one whose schedule is lost only the days credited are known, until it is set again.
    """
    through = dict(known.bonuses_through)
    ours = tuple(replace(one, through=max(one.through, through.pop(one.reference, ""))) for one in bonuses)
    return (*ours, *(Bonus(name, "", day, day, 0, through=day, told=True) for name, day in through.items()))
