"""What is really stored, seen from beside the daemon: rows, accounts and counters after each transaction.

The connection is read between two functions of its worker, so what is seen here is committed, whether or not the
daemon has heard of it yet. Each row is decoded once. I7 and I19 live here: a row that was there once is there for
ever, after any crash; only an image of the card that somebody put back may take rows away, and `on.restored` says so.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import sqlite3
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from tests.simulation.by_hand import ByHand

if TYPE_CHECKING:
    from tests.simulation.world import World

GENESIS = "0" * 64
Row = dict[str, Any]


class Reader(Protocol):
    """Follows the journal. After an image was put back it begins anew and is told the rows that are left."""

    def begin(self) -> None:
        """Forget everything: the first row comes next."""

    def row(self, row: Row, true_ms: int) -> None:
        """One row, and the true time at which it was first seen."""


class Witness:
    """The committed truth of one run; `accounts` are the snapshots, `life` the one row of counters."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.raw: sqlite3.Connection | None = None
        self.rows: list[Row] = []
        self.bodies: list[str] = []
        self.hashes: list[str] = [GENESIS]
        self.lost: list[Row] = []
        """Rows of branches that a restored image gave up."""
        self.accounts: dict[str, dict[str, Any]] = {}
        self.life: tuple[int, int] = (0, 0)
        """Running time and time bound as stored."""
        self.began_life = False
        """This life of the daemon has committed something."""
        self.head_lied = False
        """The head-end has given a wrong time: what follows from its time is its own fault."""
        self.restores = 0
        self._by_hand = ByHand(world)
        self._readers: list[Reader] = []
        self._after: list[Callable[[], None]] = []
        self._restored = False
        self._changes = -1
        self._first_seen_ms: dict[str, int] = {}
        world.on.committed.append(self._committed)
        world.on.restored.append(self._was_restored)
        world.on.started.append(self._started)
        world.on.hourly.append(self._look)
        world.on.settled.append(self._whole)

    def follow(self, reader: Reader) -> None:
        """Tell it each row from now on."""
        reader.begin()
        self._readers.append(reader)

    def after(self, check: Callable[[], None]) -> None:
        """Call it after each transaction that changed something, with rows and accounts up to date."""
        self._after.append(check)

    def query(self, sql: str, *values: object) -> list[Any]:
        """Ask the store directly; nothing while it is closed or in the middle of a transaction."""
        if self.raw is None:
            return []
        try:
            return [] if self.raw.in_transaction else self.raw.execute(sql, values).fetchall()
        except sqlite3.ProgrammingError:
            return []  # closed since

    def quarters(self, account_id: str) -> list[tuple[int, dict[str, Any]]] | None:
        """An account's stored quarter-hours by number; None when any has rotted on a card that rots.

        Those that were delivered are the head-end's: nothing checks them again before somebody asks for them.
        """
        if self.world.rots:
            sealed = self.query("SELECT number, account_id, start_utc_ms, body, crc FROM interval")
            if any(zlib.crc32(repr(tuple(row)).encode()) != crc for *row, crc in sealed):
                return None
        stored = self.query("SELECT number, body FROM interval WHERE account_id = ? ORDER BY number", account_id)
        return [(number, json.loads(body)) for number, body in stored]

    def seen_ms(self, row: Row) -> int:
        """The true time at which a row was first seen."""
        return self._first_seen_ms[self.hashes[row["seq"]]]

    def order_of(self, jti: str) -> Any:
        """What the head-end signed under this id, or somebody gave at the console, an `Order`; None for nothing."""
        return self.world.center.orders.get(jti) or self._by_hand.get(jti)

    def _was_restored(self) -> None:
        self._restored = True
        self.restores += 1

    def _started(self) -> None:
        self.began_life = False

    def _look(self) -> None:
        self.head_lied = self.head_lied or self.world.center.time_error_ms != 0

    def _committed(self, raw: sqlite3.Connection) -> None:
        changes = raw.total_changes
        if raw is self.raw and changes == self._changes:
            return
        if raw.in_transaction:
            return  # a failed one: what it leaves behind is for the next opening to judge
        if raw is not self.raw and self.world.rots and not changes:
            return  # rot is for the gateway to find first; what it then writes to is judged
        if raw is not self.raw and not self._reopened(raw):
            return
        self._changes = changes
        self._look()
        for account_id, text in raw.execute("SELECT account_id, snapshot FROM account ORDER BY account_id"):
            self.accounts[account_id] = json.loads(text)
        self._read_rows(raw)
        self.life = raw.execute("SELECT running_ms, bound_utc_ms FROM life").fetchone() or self.life
        for check in self._after:
            check()

    def _reopened(self, raw: sqlite3.Connection) -> bool:
        """A new life looks at what the last one left: at least everything that was committed (I19)."""
        if not raw.execute("SELECT 1 FROM sqlite_master WHERE name = 'journal'").fetchone():
            return False
        self.raw = raw
        found = [digest for (digest,) in raw.execute("SELECT hash FROM journal ORDER BY seq")]
        kept = 0
        while kept < min(len(found), len(self.rows)) and found[kept] == self.hashes[kept + 1]:
            kept += 1
        restored = self._restored
        if kept < len(self.rows):
            if not restored:
                self.world.violated("I19", f"row {kept + 1} of {len(self.rows)} is gone after a restart")
            self._rewind(kept)
        self._restored = self.world.rots
        self.restores += self.world.rots  # the copy may have taken the store's place, with all rows and older accounts
        if restored:
            self.accounts.clear()  # rows that an image brought are not judged by the accounts of now
            self._read_rows(raw)
        return True

    def _rewind(self, kept: int) -> None:
        self.lost += self.rows[kept:]
        del self.rows[kept:], self.bodies[kept:], self.hashes[kept + 1 :]
        self.accounts.clear()
        self.life = (0, 0)
        for reader in self._readers:
            reader.begin()
            for row in in_turn(self.rows):
                reader.row(row, self.seen_ms(row))

    def _read_rows(self, raw: sqlite3.Connection) -> None:
        true_ms = self.world.machine.true_utc_ms()
        known = len(self.rows)
        fresh = raw.execute("SELECT seq, epoch, hash, body FROM journal WHERE seq > ? ORDER BY seq", (len(self.rows),))
        for seq, epoch, digest, body in fresh.fetchall():
            row = json.loads(body)
            previous = self.hashes[-1]
            if (row["seq"], row["epoch"], row["prev"]) != (seq, epoch, previous) or seq != len(self.rows) + 1:
                self.world.violated("I7", f"row {seq} does not follow row {len(self.rows)}")
            if hashlib.sha256(bytes.fromhex(previous) + body.encode()).hexdigest() != digest:
                self.world.violated("I7", f"the hash of row {seq} is not that of its content")
            self._by_hand.take(row)
            self.rows.append(row)
            self.bodies.append(body)
            self.hashes.append(digest)
            self.began_life = True
            self._first_seen_ms.setdefault(digest, true_ms)
        for row in in_turn(self.rows[known:]):
            for reader in self._readers:
                reader.row(row, self.seen_ms(row))

    def _whole(self) -> None:
        """At the end every row is still what it was when it was first seen (I7)."""
        stored = self.query("SELECT hash, body FROM journal ORDER BY seq")
        if stored != list(zip(self.hashes[1:], self.bodies, strict=True)):
            self.world.violated("I7", "a row is not what it was when it was committed")


def in_turn(rows: list[Row]) -> list[Row]:
    """As the readers want them: of each instant the commands first, whose receipts are written last."""
    found: list[Row] = []
    for _, instant in itertools.groupby(rows, key=lambda row: (row["epoch"], row["at"]["running_ms"])):
        together = list(instant)
        found += [row for row in together if row["type"] == "receipt"]
        found += [row for row in together if row["type"] != "receipt"]
    return found


def vouched(account: dict[str, Any] | None) -> bool:
    """The head-end has confirmed these books since the start, and nothing says that they are an old image."""
    return account is not None and account.get("start") is None and account.get("suspicion") is None


def leaves_switch(account: dict[str, Any]) -> bool:
    """The switch stays as it was found: these books may not know why it is so (a lock-out is above that)."""
    held = account.get("suspicion") or account.get("start")
    return held is not None and held.get("leaves_switch", True) and account["lockout"] is None


def agreed(order: Any) -> dict[str, Any]:
    """The terms an order names: its own, or those of the next holder."""
    found: dict[str, Any] = order.body["to"] if order.typ == "account_rollover" else order.body
    return found


def posted_nano(account: dict[str, Any]) -> int:
    """What a snapshot says was posted, bonus included, over the account's whole life."""
    return int(account.get("postings", {}).get("total_nano", 0))


def lifetime(account: dict[str, Any]) -> tuple[int, int]:
    """What a snapshot says was credited, and charged, over the account's whole life, in nano-units."""
    credit_nano = account["opening_nano"] + account["top_up_total_nano"] - account["reversal_total_nano"]
    credit_nano += account.get("adjusted_nano", 0) - account.get("withheld_nano", 0) + posted_nano(account)
    return credit_nano, account["usage"]["net_nano"] + account["usage"]["vat_nano"]
