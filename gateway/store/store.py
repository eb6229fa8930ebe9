"""The store: everything that survives the process, as one SQLite file with one connection.

`open` verifies before anybody may rely on it; `commit` is one transaction: journal rows, account snapshots, intervals
and the answer to a command are there together or not at all. No SQL outside this package.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from gateway import __version__
from gateway.clock import BUILD_UTC_MS, bound_after
from gateway.prepayment.account import Account
from gateway.prepayment.events import Moment
from gateway.prepayment.intervals import Interval
from gateway.prepayment.ledger import EpochOpened, Receipt, Record
from gateway.store import accounts as accounts_table
from gateway.store import journal, orders, quarters
from gateway.store.database import Database
from gateway.store.journal import Head, Row
from gateway.store.orders import Answer, Attempt, Origin
from gateway.store.quarters import IntervalRow

JOURNAL = "journal"
"""The cursor of the journal's uplink."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What a clock starts from: the running time so far and the latest instant that is certainly past (I17)."""

    running_ms: int
    bound_utc_ms: int


class Store:
    """The open store; build it with `open`, then call `open_epoch` once before the first commit."""

    def __init__(self, database: Database, head: Head, saved: Saved) -> None:
        self._database = database
        self._head = head
        self._saved = saved
        self._epoch = ""

    @classmethod
    async def open(cls, path: Path | str) -> Store:
        """Open, bring up to date and verify; raises StoreError (cannot be used) or StoreDamaged (must not be)."""
        database = await Database.open(Path(path))
        try:
            head, saved = await database.run(_verified)
        except BaseException:
            await database.close()
            raise
        return cls(database, head, saved)

    @property
    def head(self) -> Head:
        """The newest row of the journal."""
        return self._head

    @property
    def epoch(self) -> str:
        """The random name of this run; "" before `open_epoch`."""
        return self._epoch

    @property
    def saved(self) -> Saved:
        """Running time and time bound as of the last commit."""
        return self._saved

    async def open_epoch(self, at: Moment) -> Row:
        """Begin this run's epoch; its first row names the head it continues from, so that a fork shows (decision 7)."""
        epoch = secrets.token_hex(8)
        record = EpochOpened(at=at, epoch=epoch, parent_head=self._head.hash, version=__version__)
        self._epoch = epoch
        return (await self.commit(at=at, records=[record]))[0]

    async def commit(
        self,
        *,
        at: Moment,
        accounts: Iterable[Account] = (),
        records: Iterable[Record] = (),
        intervals: Iterable[tuple[str, Interval]] = (),
        command: tuple[Origin, Answer] | None = None,
    ) -> list[Row]:
        """Write all of it in one transaction and return the journal's new rows; the last is the receipt of `command`.

        Raises CommitUnknown: then nothing is known, and this store refuses everything until it is opened again.
        """
        assert self._epoch, "open_epoch comes before the first commit"
        kept = list(records)
        if command is not None:
            kept.append(_receipt(command[1]))
        snapshots = [accounts_table.columns(account) for account in accounts]
        finished = list(intervals)

        def work(raw: sqlite3.Connection) -> tuple[list[Row], Head, Saved]:
            rows, head = journal.append(raw, self._epoch, kept)
            accounts_table.save(raw, snapshots)
            quarters.append(raw, finished)
            if command is not None:
                orders.answer(raw, command[0], replace(command[1], journal_seq=head.seq))
            saved = _advance(_saved(raw), at)
            raw.execute("UPDATE life SET running_ms = ?, bound_utc_ms = ?", (saved.running_ms, saved.bound_utc_ms))
            return rows, head, saved

        rows, self._head, self._saved = await self._database.run(work)
        return rows

    async def accounts(self) -> list[Account]:
        """Every account as of its last commit; raises StoreDamaged when one cannot be read."""
        return await self._database.run(accounts_table.read)

    async def row(self, seq: int) -> Row | None:
        """One row of the journal."""
        return await self._database.run(lambda raw: journal.row(raw, seq))

    async def rows_after(self, seq: int, limit: int) -> list[Row]:
        """At most `limit` rows of the journal after `seq`, oldest first."""
        return await self._database.run(lambda raw: journal.rows_after(raw, seq, limit))

    async def cursor(self, name: str = JOURNAL) -> int:
        """How far the stream is acknowledged: a seq of the journal or the number of an interval; 0 at the beginning."""
        return await self._database.run(lambda raw: _position(raw, name))

    async def move_cursor(self, epoch: str, seq: int, head: str) -> bool:
        """Take the acknowledgement of the journal up to `seq`; False, and nothing moves, if it is not our row.

        False means that the other side has rows this store does not: a restored image or a clone (decision 7). A cursor
        never goes back: an older acknowledgement is true and changes nothing.
        """

        def work(raw: sqlite3.Connection) -> bool:
            found = journal.row(raw, seq)
            if found is None or (found.epoch, found.hash) != (epoch, head):
                return False
            _move(raw, JOURNAL, seq)
            return True

        return await self._database.run(work)

    async def intervals_after(self, number: int, limit: int) -> list[IntervalRow]:
        """At most `limit` quarter-hours after `number`, oldest first."""
        return await self._database.run(lambda raw: quarters.rows_after(raw, number, limit))

    async def move_interval_cursor(self, number: int) -> None:
        """Remember that the quarter-hours up to `number` have arrived; never goes back."""
        await self._database.run(lambda raw: _move(raw, quarters.CURSOR, number))

    async def prune_intervals(self, at: Moment) -> int:
        """Delete quarter-hours past their retention and return how many; money is never deleted."""
        return await self._database.run(lambda raw: quarters.prune(raw, at))

    async def attempt(self, origin: Origin, *, attempts_max: int) -> Attempt:
        """Look a command up and, unless it is answered, out of sequence or has used its attempts, count this one."""

        def work(raw: sqlite3.Connection) -> Attempt:
            known = orders.find(raw, origin)
            if known.answer is None and known.attempts < attempts_max and known.in_order(origin):
                orders.begin(raw, origin)
            return known

        return await self._database.run(work)

    async def checkpoint(self) -> None:
        """Keep the write-ahead log short."""
        await self._database.shrink_log()

    async def close(self) -> None:
        """Let go of the file."""
        await self._database.close()


def _verified(raw: sqlite3.Connection) -> tuple[Head, Saved]:
    head, balances = journal.verify(raw)
    accounts_table.compare(raw, balances)
    return head, _saved(raw)


def _receipt(answer: Answer) -> Receipt:
    return Receipt(
        at=answer.at,
        account_id=answer.account_id,
        command_id=answer.command_id,
        command=answer.command,
        sequence=answer.sequence,
        status=answer.status,
        reason=answer.reason,
        detail=answer.detail,
    )


def _saved(raw: sqlite3.Connection) -> Saved:
    return Saved(*raw.execute("SELECT running_ms, bound_utc_ms FROM life").fetchone())


def _advance(saved: Saved, at: Moment) -> Saved:
    """Only proven time and time observed raise the bound (I17): a forged time server must not push it ahead."""
    passed_ms = max(0, at.running_ms - saved.running_ms)
    bound_utc_ms = bound_after(max(saved.bound_utc_ms, BUILD_UTC_MS), passed_ms)
    if at.trust.proven:
        bound_utc_ms = max(bound_utc_ms, at.utc_ms)
    return Saved(saved.running_ms + passed_ms, bound_utc_ms)


def _position(raw: sqlite3.Connection, name: str) -> int:
    found = raw.execute("SELECT position FROM cursor WHERE name = ?", (name,)).fetchone()
    return 0 if found is None else int(found[0])


def _move(raw: sqlite3.Connection, name: str, position: int) -> None:
    raw.execute(
        "INSERT INTO cursor VALUES (?, ?) ON CONFLICT DO UPDATE SET position = max(position, excluded.position)",
        (name, position),
    )
