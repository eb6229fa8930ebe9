"""The head-end's copy of the journal: the branch it believes, the rows of another, and those that were given up.

A restored image or a clone shows as a row whose number is known and whose hash is not. Which branch goes on is for a
person to say (`adopt`); both are kept.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from typing import Any

GENESIS = "0" * 64
LOOK_BACK = 50
Row = dict[str, Any]


class Chain:
    """`rows` and `hashes` (one more, from the genesis) are what the head-end believes."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.hashes = [GENESIS]
        self.lost: list[Row] = []
        """Rows of branches that were given up."""
        self._held: dict[int, tuple[Row, bytes]] = {}
        self._other: dict[int, tuple[Row, bytes]] = {}
        self._newest = 0
        """The row of another branch that came last: the gateway speaks from there."""

    @property
    def forked(self) -> bool:
        """Rows have come that do not continue these."""
        return bool(self._other)

    @property
    def other_resynced(self) -> bool:
        """The other branch itself says that it took over what was known here."""
        return any(row.get("what") == "rollback.resynced" for row, _ in self._branch())

    def take(self, payload: bytes) -> list[Row]:
        """One row as it came; gives the rows that are believed now and were not before."""
        row = json.loads(payload)
        seq = row["seq"]
        if seq < len(self.hashes):
            if _hash(row, payload) != self.hashes[seq]:
                self._put_aside(seq, row, payload)
            return []
        if self.forked and (seq > len(self.hashes) or row["prev"] != self.hashes[-1]):
            self._put_aside(seq, row, payload)  # whose it is shows when the first one of them is there
            return []
        self._held[seq] = (row, payload)
        return self._drain()

    def missing(self, newest: int) -> tuple[int, int] | None:
        """The rows to ask for, when the gateway says that it has `newest`."""
        if self.forked:
            branch = self._branch()
            first, last = branch[0][0]["seq"], branch[-1][0]["seq"]
            if not self._joins(branch[0][0]):
                return max(1, first - LOOK_BACK), first - 1
            return (last + 1, newest) if newest > last else None
        newest = max(newest, max(self._held, default=0))
        return (len(self.rows) + 1, newest) if newest > len(self.rows) else None

    def forget(self, rows: int) -> None:
        """Only so many rows are left: the backup was older."""
        del self.rows[rows:], self.hashes[rows + 1 :]
        self._held.clear()
        self._other.clear()

    def ignore_other(self) -> None:
        """The other branch was nobody's: a clone that is gone."""
        self._other.clear()

    def adopt(self) -> list[Row] | None:
        """Go on with the other branch; gives its rows, None as long as its beginning is not there."""
        if not self._other:
            return []
        branch = self._branch()
        first = branch[0][0]["seq"]
        if not self._joins(branch[0][0]):
            return None
        self.lost += self.rows[first - 1 :]
        del self.rows[first - 1 :], self.hashes[first:]
        self._held = {row["seq"]: (row, payload) for row, payload in branch}
        taken = self._drain()
        self._other.clear()  # of a third branch; what belongs to this one is asked for again
        return taken

    def _put_aside(self, seq: int, row: Row, payload: bytes) -> None:
        self._other[seq], self._newest = (row, payload), seq

    def _joins(self, row: Row) -> bool:
        """The row follows one that is believed."""
        return bool(0 < row["seq"] <= len(self.rows) + 1 and self.hashes[row["seq"] - 1] == row["prev"])

    def _branch(self) -> list[tuple[Row, bytes]]:
        """The rows around the one that came last, as far as each follows from the one before.

        Two images put back one after the other leave rows of two branches here, with the same numbers or with none.
        """
        if self._newest not in self._other:
            self._newest = max(self._other, default=0)
        first = last = self._newest
        while first - 1 in self._other and self._follows(first) and not self._joins(self._other[first][0]):
            first -= 1
        while last + 1 in self._other and self._follows(last + 1):
            last += 1
        return [self._other[seq] for seq in range(first, last + 1) if seq in self._other]

    def _follows(self, seq: int) -> bool:
        row, payload = self._other[seq - 1]
        return bool(self._other[seq][0]["prev"] == _hash(row, payload))

    def _drain(self) -> list[Row]:
        taken = []
        while (found := self._held.get(len(self.rows) + 1)) is not None:
            row, payload = found
            del self._held[row["seq"]]
            if row["prev"] != self.hashes[-1]:
                self._put_aside(row["seq"], *found)
                break
            self.rows.append(row)
            self.hashes.append(_hash(row, payload))
            taken.append(row)
        return taken


def _hash(row: Row, payload: bytes) -> str:
    return _sealed(row["prev"], payload)


@lru_cache(maxsize=4096)  # the rows of another branch are asked about again and again
def _sealed(before: str, payload: bytes) -> str:
    return hashlib.sha256(bytes.fromhex(before) + payload).hexdigest()
