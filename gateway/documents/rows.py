"""The journal and the quarter-hours as documents need them: read in slices, typed, each row with an instant.

Every row belongs to exactly one period, whatever the clock did, and in the order of the journal: so periods that follow
each other share out the ledger without a gap and without an overlap. A row counts at its own time if that was dated,
else where the row before it does; never before that one, and never after a later row whose time was proven.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import msgspec
from msgspec import Struct

from gateway.errors import CommandRefused
from gateway.prepayment import civil
from gateway.prepayment.events import TimeTrust
from gateway.prepayment.intervals import Quality
from gateway.prepayment.ledger import GENESIS, chain
from gateway.prepayment.money import parse_money
from gateway.store import Row, Store, legible

T = TypeVar("T")

SLICE = 500
CURVE_SLICE = 1000
LAST_UTC_MS = 253_402_300_799_999


class At(Struct, frozen=True):
    """When, as a row says it."""

    utc: str
    trust: TimeTrust
    running_ms: int


class Stamp(Struct, frozen=True):
    """All that is read of a row the first time."""

    at: At


class LineBody(Struct, frozen=True):
    """One part of a charge as it is stored; `amount` is decimal text."""

    component: str
    wh: int
    days: int
    amount: str
    tariff_ref: str
    estimated: bool = False
    band: str | None = None
    block: int | None = None


class Body(Struct, frozen=True):
    """Any row of the journal; what a kind of row does not have is empty. Members it does not know are passed over."""

    type: str
    seq: int
    epoch: str
    prev: str
    at: At
    account_id: str = ""
    kind: str = ""
    currency: str = ""
    amount: str = ""
    balance: str = ""
    reference: str = ""
    from_register_wh: int | None = None
    to_register_wh: int | None = None
    lines: tuple[LineBody, ...] = ()
    command_id: str = ""
    command: str = ""
    status: str = ""
    reason: str = ""
    what: str = ""
    detail: Mapping[str, object] = {}

    @property
    def amount_nano(self) -> int:
        """The signed amount of an entry."""
        return parse_money(self.amount)

    @property
    def balance_nano(self) -> int:
        """The balance after an entry."""
        return parse_money(self.balance)


class Quarter(Struct, frozen=True, omit_defaults=True):
    """A stored quarter-hour; `start` is its UTC start."""

    account_id: str
    number: int
    start: str
    import_wh: int
    quality: Quality
    export_wh: int | None = None
    production_wh: int | None = None

    @property
    def start_utc_ms(self) -> int:
        """The same in ms since 1970."""
        return civil.instant_ms(self.start)


@dataclass(frozen=True, slots=True)
class Placed:
    """A row with the instant it counts at."""

    row: Row
    body: Body
    utc_ms: int


@dataclass(frozen=True, slots=True)
class Period:
    """Civil days of a zone, from the first to before the last."""

    from_day: date
    to_day: date
    zone: str

    @property
    def from_utc_ms(self) -> int:
        """The instant it begins."""
        return civil.midnight_utc_ms(self.from_day, self.zone)

    @property
    def to_utc_ms(self) -> int:
        """The instant it ends, which does not belong to it."""
        return civil.midnight_utc_ms(self.to_day, self.zone)

    def holds(self, utc_ms: int) -> bool:
        """The instant lies in it."""
        return self.from_utc_ms <= utc_ms < self.to_utc_ms

    @property
    def wire(self) -> dict[str, object]:
        """How documents write it."""
        return {
            "from": self.from_day.isoformat(),
            "to": self.to_day.isoformat(),
            "from_utc": civil.instant(self.from_utc_ms),
            "to_utc": civil.instant(self.to_utc_ms),
            "time_zone": self.zone,
        }


_stamps = msgspec.json.Decoder(Stamp)
_bodies = msgspec.json.Decoder(Body)
_quarters = msgspec.json.Decoder(Quarter)


async def journal(store: Store, keep: Callable[[Placed], bool], *, rows_max: int | None = None) -> list[Placed]:
    """The rows of the journal that `keep` wants, oldest first, in slices between which others get at the store.

    Read twice: when a row counts depends on the rows after it. Stops after `rows_max` kept rows and one more.
    Raises CommandRefused(row_unreadable) for a row that is not what was written: of a long journal a start verifies
    only the end.
    """
    ats: list[At] = []
    previous = GENESIS
    while rows := await store.rows_after(len(ats), SLICE):
        for row in rows:
            if row.hash != chain(previous, row.body):
                raise CommandRefused("row_unreadable", seq=row.seq, error="its hash does not follow from its content")
            previous = row.hash
            ats.append(_read(row, _stamps).at)
    times = instants(ats)
    found: list[Placed] = []
    for first in range(0, len(times), SLICE):
        rows = await store.rows_after(first, min(SLICE, len(times) - first))
        found += filter(keep, (Placed(row, _read(row, _bodies), times[row.seq - 1]) for row in rows))
        if rows_max is not None and len(found) > rows_max:
            break
    return found


def instants(ats: Sequence[At]) -> list[int]:
    """When each row counts, in ms since 1970; never falls from one row to the next."""
    bounds = []
    bound = LAST_UTC_MS
    for at in reversed(ats):
        bound = min(bound, civil.instant_ms(at.utc)) if at.trust.proven else bound
        bounds.append(bound)
    found, utc_ms = [], 0
    for at, latest in zip(ats, reversed(bounds), strict=True):
        claimed = civil.instant_ms(at.utc) if at.trust.dated else utc_ms
        utc_ms = min(max(utc_ms, claimed), latest)
        found.append(utc_ms)
    return found


def body_of(row: Row) -> Body:
    """A row's content. Raises CommandRefused(row_unreadable)."""
    return _read(row, _bodies)


def _read(row: Row, decoder: msgspec.json.Decoder[T]) -> T:
    """What a row says; one that cannot be read costs the document, never the daemon."""
    with legible(seq=row.seq):
        return decoder.decode(row.body)


async def quarters(store: Store, account_id: str, period: Period) -> list[Quarter]:
    """The quarter-hours of an account that begin in the period, in the order they were given out.

    Raises CommandRefused(row_unreadable) when one of them has rotted: those that were delivered are not checked at a
    start, and whoever asks again must not end the daemon each time.
    """
    found: list[Quarter] = []
    number = 0
    with legible():
        while rows := await store.intervals_of(
            account_id, period.from_utc_ms, period.to_utc_ms, after=number, limit=CURVE_SLICE
        ):
            found += (_quarters.decode(row.body) for row in rows)
            number = rows[-1].number
    return found
