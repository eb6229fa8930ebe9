"""The verified copy of the store: how it is made while the gateway works, and how it takes the place of a damaged one.

A copy holds everything but the quarter-hours that have been delivered. Rows that never change are copied in slices
between other transactions, all the rest in one; the result is checked as at a start, from the first row of the
journal, flushed, and only then renamed over the copy before. The policy is in docs/damaged-store.md.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from gateway.errors import StoreDamaged, StoreError
from gateway.prepayment.ledger import GENESIS
from gateway.store import accounts, cursors, journal, layout, mark, quarters
from gateway.store import life as lives
from gateway.store.database import Database, check_pages, is_damage
from gateway.store.journal import Head, Row
from gateway.store.life import ADVICE, Life

SLICE = 500
ROOM_BYTES = 16 << 20
"""What must stay free beside a new copy."""
SET_ASIDE_MAX = 8
"""A medium that has damaged the store this often is not given another one."""
FROM_COPY = "backup"
"""What `Store.restored` says of a store that was taken from its copy."""

_SUMMED = ("account", "command", "cursor")
_Last = tuple[Life, list[Row], list[quarters.Columns], list[list[tuple[lives.Column, ...]]]]


def verify(raw: sqlite3.Connection) -> tuple[Head, Life]:
    """Check everything that is checked at a start; raises StoreDamaged."""
    life = lives.read(raw)
    head, balances = journal.verify(raw, life)
    accounts.compare(raw, balances)
    quarters.verify(raw, life, cursors.position(raw, cursors.INTERVAL))
    lives.check_sums(raw, life)
    return head, life


def refuse_lost(store: Path, copy: Path | None) -> None:
    """A missing or empty store is a new life only if nothing says that there was one; raises StoreDamaged.

    StoreError: somebody else may look, and then it says more.
    """
    try:
        witness = _witness(store, copy)
    except OSError as error:
        raise StoreError(f"{store}: whether there was a store cannot be looked at ({error})") from error
    if witness is None:
        return
    raise StoreDamaged(f"{store}: the file is missing or empty, and {witness} says that there was one. {ADVICE}")


def restore(store: Path, copy: Path, damage: StoreDamaged) -> None:
    """Put the copy in the place of the store, which is set aside.

    Raises StoreDamaged, with nothing moved, when there is no copy or it is not whole.
    """
    draft = store.with_name(store.name + ".restoring")
    try:
        shutil.copyfile(copy, draft)
        draft.chmod(0o600)
        _say_restored(draft)
        _flush(draft)
    except FileNotFoundError as error:
        raise StoreDamaged(f"{damage}. There is no copy in {copy}") from error
    except StoreError as error:
        draft.unlink(missing_ok=True)
        raise StoreDamaged(f"{damage}. The copy {copy} cannot replace it either: {error}") from error
    except (OSError, sqlite3.Error) as error:  # of the medium: the next start tries again
        draft.unlink(missing_ok=True)
        raise StoreError(f"{damage}. The copy {copy} could not be put in its place: {error}") from error
    try:
        _set_aside(store, damage)
        draft.replace(store)
        _flush(store.parent)
    except OSError as error:
        raise StoreError(f"{damage}. The copy {copy} could not be put in its place: {error}") from error


async def write(database: Database, copy: Path) -> str:
    """Write a new copy; gives why there is none, or "". Raises CommitUnknown when the store cannot be read."""
    draft = copy.with_name(copy.name + ".new")
    (pages,) = await database.run(lambda raw: raw.execute("PRAGMA page_count").fetchone())
    (page_bytes,) = await database.run(lambda raw: raw.execute("PRAGMA page_size").fetchone())
    try:
        _refuse_crowded(copy.parent, pages * page_bytes)
        out = await database.aside(lambda: _create(draft))
        try:
            await _fill(database, out)
            await _prove(database, out, draft)
        finally:
            await database.aside(out.close)
        await database.aside(lambda: _publish(draft, copy))
    except (sqlite3.Error, OSError, UnicodeDecodeError, StoreDamaged) as error:
        with suppress(OSError):
            draft.unlink(missing_ok=True)  # half a copy must not take the room that the store needs
        return str(error)
    return ""


def running_ms(copy: Path) -> int | None:
    """How long the gateway had run when the copy was made; None without a copy that can be read."""
    try:
        if not copy.is_file():
            return None
        with closing(sqlite3.connect(copy)) as raw:
            return lives.read(raw).running_ms
    except (sqlite3.Error, OSError, UnicodeDecodeError, StoreDamaged):
        return None


def _witness(store: Path, copy: Path | None) -> Path | None:
    """What says that there was a store where none is now; raises OSError."""
    if store.exists() and store.stat().st_size:
        return None
    log = store.with_name(store.name + "-wal")
    said = mark.look(store)
    if said is not None and said.commits:
        return mark.mark_of(store)
    if log.exists() and log.stat().st_size:
        return log
    return copy if copy is not None and copy.exists() else None


def _refuse_crowded(folder: Path, wanted: int) -> None:
    """A copy must never be what fills the disk that the store is on; raises OSError."""
    free = shutil.disk_usage(folder).free
    if free < wanted + ROOM_BYTES:
        raise OSError(errno.ENOSPC, f"a copy takes {wanted} bytes, {free} are free and {ROOM_BYTES} must stay so")


def _create(draft: Path) -> sqlite3.Connection:
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    out = sqlite3.connect(draft, isolation_level=None)
    out.execute("PRAGMA journal_mode = OFF")  # worth nothing until it is whole, flushed and renamed
    out.execute("PRAGMA synchronous = OFF")
    for script in layout.scripts():
        out.executescript(script)
    out.execute(f"PRAGMA user_version = {len(layout.scripts())}")
    return out


async def _fill(database: Database, out: sqlite3.Connection) -> None:
    seq, count, number = 0, 0, await database.run(lambda raw: cursors.position(raw, cursors.INTERVAL))
    while len(rows := await database.run(partial(journal.rows_after, seq=seq, limit=SLICE))) == SLICE:
        await database.aside(partial(journal.insert, out, rows))
        seq = rows[-1].seq
    while len(found := await database.run(partial(quarters.columns_after, number=number, limit=SLICE))) == SLICE:
        await database.aside(partial(quarters.insert, out, found))
        number, count = found[-1][0], count + len(found)

    def last(raw: sqlite3.Connection) -> _Last:
        changing = [raw.execute(f"SELECT * FROM {table}").fetchall() for table in _SUMMED]  # noqa: S608  our own names
        rows, found = journal.rows_after(raw, seq, -1), quarters.columns_after(raw, number, -1)
        return lives.read(raw), rows, found, changing

    life, rows, found, changing = await database.run(last)

    def finish() -> None:
        journal.insert(out, rows)
        quarters.insert(out, found)
        for table, content in zip(_SUMMED, changing, strict=True):
            for row in content:
                out.execute(f"INSERT INTO {table} VALUES ({lives.marks(row)})", row)  # noqa: S608  same
        lives.create(out, replace(life, interval_count=count + len(found)))

    await database.aside(finish)


async def _prove(database: Database, out: sqlite3.Connection, draft: Path) -> None:
    """Read it all back from the file; the chain in slices, because it may be long."""
    await database.aside(partial(check_pages, out, draft))
    head, life = await database.aside(partial(verify, out))
    chain = journal.Verifier(Head("", 0, GENESIS))
    while await database.aside(partial(_feed, chain, out)):
        pass
    if chain.head != head:
        raise StoreDamaged(f"{draft}: the journal ends at {chain.head.seq} and should at {life.head_seq}")


def _feed(chain: journal.Verifier, out: sqlite3.Connection) -> bool:
    return chain.feed(journal.rows_after(out, chain.head.seq, SLICE))


def _publish(draft: Path, copy: Path) -> None:
    _flush(draft)
    draft.replace(copy)
    _flush(copy.parent)


def _say_restored(draft: Path) -> None:
    """Check the draft, all of it, and write into it where it comes from; the start after this one must know too."""
    with closing(sqlite3.connect(draft, isolation_level=None)) as raw:
        try:
            check_pages(raw, draft)
            layout.bring_up_to_date(raw, draft)
            _, life = verify(raw)
            journal.verify(raw, life, whole=True)
        except (sqlite3.Error, UnicodeDecodeError) as error:
            if is_damage(error):
                raise StoreDamaged(f"it is damaged ({error})") from error
            raise
        raw.execute("BEGIN IMMEDIATE")
        lives.write(raw, replace(life, restored=FROM_COPY, commits=life.commits + 1))
        raw.execute("COMMIT")


def _set_aside(store: Path, damage: StoreDamaged) -> None:
    """Rename what is there of the store to a name that nothing has; the store's own file last but the mark."""
    parts = [part for part in _parts(store) if part.exists()]
    number = 1
    while any(part.exists() for part in _parts(store.with_name(f"{store.name}.damaged-{number}"))):
        number += 1
    if parts and number > SET_ASIDE_MAX:
        raise StoreDamaged(
            f"{damage}. {SET_ASIDE_MAX} damaged stores lie beside it already: this medium cannot be relied on. "
            f"Replace it, or remove the files *.damaged-* after looking at them"
        )
    aside = store.with_name(f"{store.name}.damaged-{number}")
    for part in parts:
        part.rename(aside.with_name(part.name.replace(store.name, aside.name, 1)))
    _flush(store.parent)


def _parts(store: Path) -> list[Path]:
    """The log first: without it the store's file shows an older state, which the mark tells apart."""
    return [*(store.with_name(store.name + end) for end in ("-wal", "-journal")), store, mark.mark_of(store)]


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
