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
from gateway.errors import CommitUnknown, StoreDamaged
from gateway.prepayment.account import Account
from gateway.prepayment.events import Moment
from gateway.prepayment.fieldwork import Frozen
from gateway.prepayment.intervals import Interval
from gateway.prepayment.ledger import EpochOpened, Receipt, Record
from gateway.store import accounts as accounts_table
from gateway.store import copies, cursors, journal, orders, quarters
from gateway.store.cursors import JOURNAL
from gateway.store.database import Database, is_damage
from gateway.store.journal import Head, Row
from gateway.store.life import ADVICE, Life
from gateway.store.mark import Said
from gateway.store.orders import Answer, Attempt, Origin
from gateway.store.quarters import IntervalRow


@dataclass(frozen=True, slots=True)
class Saved:
    """What a clock starts from: the running time so far and the latest instant that is certainly past (I17)."""

    running_ms: int
    bound_utc_ms: int


class Store:
    """The open store; build it with `open`, then call `open_epoch` once before the first commit."""

    def __init__(self, database: Database, path: Path, head: Head, life: Life) -> None:
        self._database = database
        self._path = path
        self._head = head
        self._saved = Saved(life.running_ms, life.bound_utc_ms)
        self._restored = life.restored
        self._commits = 0
        self._epoch = ""

    @classmethod
    async def open(cls, path: Path | str, copy: Path | None = None) -> Store:
        """Open, bring up to date and verify; a store that is damaged or missing is replaced by its verified `copy`.

        Raises StoreError (cannot be used now) or StoreDamaged (must not be used, and there is no copy that may).
        """
        path = Path(path)
        try:
            copies.refuse_lost(path, copy)
            return await cls._opened(path)
        except StoreDamaged as damage:
            if copy is None:
                raise
            copies.restore(path, copy, damage)
        return await cls._opened(path)

    @classmethod
    async def _opened(cls, path: Path) -> Store:
        database = await Database.open(path)
        try:
            head, life = await database.run(lambda raw: _verified(raw, path, database.mark.found))
            fatal = database.mark.died_executing()
            if fatal is None:
                await database.adopt(life)
            else:
                await database.change(
                    lambda raw, found: (None, orders.crashed(raw, found, fatal.origin, fatal.attempt)), settles=True
                )
        except CommitUnknown as error:
            await database.close()
            if is_damage(error.__cause__):
                raise StoreDamaged(f"{path}: the file is damaged ({error.__cause__}). {ADVICE}") from error
            raise
        except BaseException:
            await database.close()
            raise
        return cls(database, path, head, life)

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

    @property
    def restored(self) -> str:
        """Where this store was taken from because the one before was damaged or missing: "backup"; "" normally.

        It stays so until the run that found it has committed what follows from it: the epoch, then the accounts.
        """
        return self._restored

    async def open_epoch(self, at: Moment) -> Row:
        """Begin this run's epoch; its first row names the head it continues from, so that a fork shows (decision 7)."""
        epoch = secrets.token_hex(8)
        record = EpochOpened(
            at=at, epoch=epoch, parent_head=self._head.hash, version=__version__, restored=self._restored
        )
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

        def work(raw: sqlite3.Connection, life: Life) -> tuple[tuple[list[Row], Head, Saved], Life]:
            rows = journal.append(raw, Head("", life.head_seq, life.head_hash), self._epoch, kept)
            head = Head(self._epoch, rows[-1].seq, rows[-1].hash) if rows else self._head
            life = accounts_table.save(raw, life, snapshots)
            life = quarters.append(raw, life, finished)
            if command is not None:
                life = orders.answer(raw, life, command[0], replace(command[1], journal_seq=head.seq))
            life = replace(_advance(life, at), head_seq=head.seq, head_hash=head.hash)
            if self._commits:  # the epoch is there, and now the accounts
                life = replace(life, restored="")
            return (rows, head, Saved(life.running_ms, life.bound_utc_ms)), life

        rows, self._head, self._saved = await self._database.change(work, settles=True)
        self._commits += 1
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
        return await self._database.run(lambda raw: cursors.position(raw, name))

    async def move_cursor(self, epoch: str, seq: int, head: str) -> bool:
        """Take the acknowledgement of the journal up to `seq`; False, and nothing moves, if it is not our row.

        False means that the other side has rows this store does not: a restored image or a clone (decision 7). A cursor
        never goes back: an older acknowledgement is true and changes nothing.
        """

        def work(raw: sqlite3.Connection, life: Life) -> tuple[None, Life]:
            return None, cursors.move(raw, life, JOURNAL, seq)

        known = await self._database.run(lambda raw: (journal.row(raw, seq), cursors.position(raw, JOURNAL)))
        found, position = known
        if found is None or (found.epoch, found.hash) != (epoch, head):
            return False
        if seq > position:
            await self._database.change(work)
        return True

    async def intervals_after(self, number: int, limit: int) -> list[IntervalRow]:
        """At most `limit` quarter-hours after `number`, oldest first."""
        return await self._database.run(lambda raw: quarters.rows_after(raw, number, limit))

    async def intervals_of(
        self, account_id: str, from_utc_ms: int, to_utc_ms: int, *, after: int = 0, limit: int
    ) -> list[IntervalRow]:
        """At most `limit` of an account's quarter-hours after number `after` that begin in a span of time."""
        return await self._database.run(
            lambda raw: quarters.rows_of(raw, account_id, from_utc_ms, to_utc_ms, after, limit)
        )

    async def last_interval(self) -> int:
        """The number given last to a quarter-hour; 0 when there was none."""
        return await self._database.run(quarters.last_number)

    async def move_interval_cursor(self, number: int) -> None:
        """Remember that the quarter-hours up to `number` have arrived; never goes back."""
        if number > await self.cursor(quarters.CURSOR):
            await self._database.change(lambda raw, life: (None, cursors.move(raw, life, quarters.CURSOR, number)))

    async def move_own_cursor(self, name: str, seq: int) -> None:
        """Remember how far in the journal a reader of this gateway's own has come; never goes back."""
        if seq > await self.cursor(name):
            await self._database.change(lambda raw, life: (None, cursors.move(raw, life, name, seq)))

    async def intervals_since(self, account_id: str, utc_ms: int) -> tuple[list[Interval], int | None]:
        """An account's quarter-hours that begin at `utc_ms` or later, and the start of the oldest that is stored."""
        return await self._database.run(lambda raw: quarters.since(raw, account_id, utc_ms))

    async def prune_intervals(self, at: Moment, frozen: Frozen | None = None) -> int:
        """Delete quarter-hours past their retention and return how many; money is never deleted, nor what is frozen."""
        return await self._database.change(lambda raw, life: quarters.prune(raw, life, at, frozen or {}))

    async def attempt(self, origin: Origin, *, attempts_max: int) -> Attempt:
        """Look a command up and, unless it is answered, out of sequence or has used its attempts, mark it as begun.

        The mark ends with the next commit. If the process dies before, the next opening counts the attempt.
        """

        def work(raw: sqlite3.Connection) -> Attempt:
            known = orders.find(raw, origin)
            if known.answer is None and known.attempts < attempts_max and known.in_order(origin):
                self._database.mark.executing(origin, known.attempts + 1)
            return known

        return await self._database.run(work)

    async def back_up(self, copy: Path) -> str:
        """Write a verified copy beside others' work, in the place of the one before; why not, or "" when it is done.

        Raises CommitUnknown when this store itself cannot be read.
        """
        return await copies.write(self._database, copy)

    async def checkpoint(self) -> None:
        """Keep the write-ahead log short."""
        await self._database.shrink_log()

    async def close(self) -> None:
        """Let go of the file."""
        await self._database.close()


def _verified(raw: sqlite3.Connection, path: Path, mark: Said | None) -> tuple[Head, Life]:
    head, life = copies.verify(raw)
    if mark is not None and (mark.commits, mark.seal) != (life.commits, life.seal) and mark.commits >= life.commits:
        raise StoreDamaged(
            f"{path}: it ends at commit {life.commits}, and commit {mark.commits} had been stored: it is an older "
            f"file or has lost what was flushed. {ADVICE}"
        )
    return head, life


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


def _advance(life: Life, at: Moment) -> Life:
    """Only proven time and time observed raise the bound (I17): a forged time server must not push it ahead."""
    passed_ms = max(0, at.running_ms - life.running_ms)
    bound_utc_ms = bound_after(max(life.bound_utc_ms, BUILD_UTC_MS), passed_ms)
    if at.trust.proven:
        bound_utc_ms = max(bound_utc_ms, at.utc_ms)
    return replace(life, running_ms=life.running_ms + passed_ms, bound_utc_ms=bound_utc_ms)
