"""Checks a journal as anybody can: numbers without gaps, each row carrying the hash of the one before."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any

import msgspec

from gateway.commands.claims import Epoch
from gateway.prepayment.ledger import GENESIS, chain

WAITING_MAX = 1000


class Taken(Enum):
    """What a row turned out to be."""

    NEXT = "next"
    KNOWN = "known"
    EARLY = "early"
    BROKEN = "broken"


class Place(msgspec.Struct):
    """What the chain needs of a row; the rest of it is free. An epoch names a file, so it is a word."""

    seq: Annotated[int, msgspec.Meta(ge=1)]
    epoch: Epoch
    prev: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


@dataclass(frozen=True, slots=True)
class Checked:
    """A row that stands where it belongs."""

    seq: int
    epoch: str
    hash: str
    body: dict[str, Any]


class Chain:
    """Follows a journal from a known place; rows that come too early wait for the gap to be filled."""

    def __init__(self, seq: int = 0, head: str = GENESIS, epoch: str = "") -> None:
        self.seq = seq
        self.head = head
        self.epoch = epoch
        self._early: dict[int, bytes] = {}

    @classmethod
    def before(cls, raw: bytes) -> Chain:
        """A chain that continues with this row, whose `prev` is taken on trust. Raises ValueError for no row."""
        place = place_of(raw)
        return cls(place.seq - 1, place.prev if place.seq > 1 else GENESIS)

    @property
    def gap(self) -> tuple[int, int] | None:
        """The rows that are missing before those that wait."""
        return (self.seq + 1, min(self._early) - 1) if self._early else None

    def drop_early(self, epoch: str) -> list[bytes]:
        """Give away the rows of one epoch that wait: they turned out to be of another branch."""
        given = [raw for raw in self._early.values() if place_of(raw).epoch == epoch]
        self._early = {seq: raw for seq, raw in self._early.items() if raw not in given}
        return given

    def take(self, raw: bytes) -> tuple[Taken, list[Checked]]:
        """Take one row; gives the rows that now follow, this one and any that waited. Raises ValueError for no row."""
        place = place_of(raw)
        if place.seq <= self.seq:
            return Taken.KNOWN, []
        if place.seq > self.seq + 1:
            if len(self._early) < WAITING_MAX:
                self._early[place.seq] = raw
            return Taken.EARLY, []
        if place.prev != self.head:
            return Taken.BROKEN, []
        rows = [self._step(place, raw)]
        while (waiting := self._early.pop(self.seq + 1, None)) is not None:
            follower = msgspec.json.decode(waiting, type=Place)
            if follower.prev != self.head:
                return Taken.BROKEN, rows
            rows.append(self._step(follower, waiting))
        return Taken.NEXT, rows

    def _step(self, place: Place, raw: bytes) -> Checked:
        self.seq, self.epoch, self.head = place.seq, place.epoch, chain(self.head, raw)
        return Checked(self.seq, self.epoch, self.head, msgspec.json.decode(raw))


def place_of(raw: bytes) -> Place:
    """Where a row says that it stands. Raises ValueError for no row."""
    try:
        msgspec.json.decode(raw)  # the whole row: what `Place` skips may still be no JSON
        return msgspec.json.decode(raw, type=Place)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"is no journal row: {error}") from error


def verify_lines(lines: Iterable[bytes]) -> tuple[Chain, str]:
    """Check an exported journal, one row on each line; the chain reached and what is wrong, empty if nothing is.

    An export may begin at any row: its first `prev` is then taken on trust, and the caller is told where it began.
    """
    chain_: Chain | None = None
    for number, line in enumerate(lines, 1):
        raw = line.strip()
        if not raw:
            continue
        try:
            place = place_of(raw)
        except ValueError as error:
            return chain_ or Chain(), f"line {number} {error}"
        if chain_ is None:
            chain_ = Chain.before(raw)
        taken, _ = chain_.take(raw)
        if taken is not Taken.NEXT:
            what = {
                Taken.KNOWN: f"row {place.seq} comes again",
                Taken.EARLY: f"rows {chain_.seq + 1} to {place.seq - 1} are missing",
                Taken.BROKEN: f"row {place.seq} does not follow from row {chain_.seq}: one of the two was changed",
            }[taken]
            return chain_, f"line {number}: {what}"
    return chain_ or Chain(), ""
