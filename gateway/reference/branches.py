"""The branches of one gateway's journal: the one that is followed, and those that fork from it (threats 3 and 4).

A restored image goes on from an old row, a lost store begins anew, a clone goes on from where the other one is. Each
run opens a random epoch, so a row of an epoch that was never followed, at a place that is taken, is another branch. It
is kept beside the followed one until a resync ends it; then the gateway's branch is followed, and the other is lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from gateway.prepayment.ledger import GENESIS
from gateway.prepayment.ledger import chain as hash_of
from gateway.reference import shape
from gateway.reference.chain import Chain, Checked, Taken, place_of
from gateway.reference.known import Known, carried, learn

BRANCHES_MAX = 8
EPOCHS_MAX = 4096
HEARD_MAX = 64
PASSED_MAX = 4096
"""Hashes of rows of other branches that came last: a card may be older than the end of such a branch, too."""
RESYNCED = "rollback.resynced"


class Branch(Struct):
    """One branch as far as it was received; `parent` is the hash before its first row, `began` its first row's time."""

    first_seq: int = 1
    parent: str = GENESIS
    seq: int = 0
    head: str = GENESIS
    epoch: str = ""
    epochs: list[str] = field(default_factory=list)
    accounts: dict[str, Known] = field(default_factory=dict)
    running_ms: int = 0
    began: str = ""
    ended: str = ""


class Trail(Struct):
    """What a head-end keeps of the branches. `owed` is the lost branch, as long as accounts wait for their resync.

    `heard` are the epochs of the statuses as they came, without repetitions in a row.
    """

    main: Branch = field(default_factory=Branch)
    others: list[Branch] = field(default_factory=list)
    owed: Branch | None = None
    heard: list[str] = field(default_factory=list)


class Branches:
    """Follows one branch and keeps the others; `trail` is what must be stored before anything is acknowledged."""

    def __init__(self, trail: Trail) -> None:
        self.trail = trail
        self.main = Chain(trail.main.seq, trail.main.head, trail.main.epoch)
        self._chains = [Chain(other.seq, other.head, other.epoch) for other in trail.others]
        self._passed: deque[str] = deque(maxlen=PASSED_MAX)

    def begin(self, raw: bytes) -> None:
        """Follow from this row on, whose `prev` is taken on trust. Raises ValueError for no row."""
        self.main = Chain.before(raw)

    def take(self, raw: bytes) -> tuple[Taken, list[Checked], bool]:
        """Take one row: what it is, the rows that now follow, and whether they are of another branch than followed.

        Raises ValueError for no row.
        """
        shape.check(raw)
        place = place_of(raw)
        number = self._other(place.seq, place.epoch, place.prev)
        if number is None:
            taken, rows = self.main.take(raw)
            self._learn(self.trail.main, self.main, rows)
            return taken, rows, False
        self._passed.append(hash_of(place.prev, raw))
        taken, rows = self._chains[number].take(raw)
        other = self.trail.others[number]
        self._learn(other, self._chains[number], rows)
        if any(_resync(row.body, self.trail.main.head) for row in rows):
            self._adopt(number)
        return taken, rows, True

    @property
    def gap(self) -> tuple[int, int] | None:
        """Rows that are missing before some that came."""
        return next((chain.gap for chain in (self.main, *self._chains) if chain.gap is not None), None)

    def hear(self, epoch: str) -> None:
        """A status of this epoch came."""
        heard = self.trail.heard
        if epoch and heard[-1:] != [epoch]:
            self.trail.heard = [*heard, epoch][-HEARD_MAX:]

    def elsewhere(self, epoch: str) -> bool:
        """The gateway speaks from another branch than the one that is followed."""
        return any(epoch in other.epochs for other in self.trail.others)

    def _other(self, seq: int, epoch: str, prev: str) -> int | None:
        """The number of the branch that the row belongs to; a new one is made; None: the followed one."""
        main, others = self.trail.main, self.trail.others
        for number, other in enumerate(others):
            if epoch in other.epochs or (prev == other.head and epoch not in main.epochs):
                return number
        follows = seq == self.main.seq + 1 and prev == self.main.head
        early = seq > self.main.seq + 1 and prev not in self._passed  # else it forks from a branch that is not followed
        if epoch in main.epochs or follows or early or not self.main.seq:
            return None
        if len(others) >= BRANCHES_MAX:
            others.pop(0)
            self._chains.pop(0)
        others.append(Branch(seq, prev, seq - 1, prev, epoch, [epoch]))
        self._chains.append(Chain(seq - 1, prev))
        for waiting in self.main.drop_early(epoch):
            self._chains[-1].take(waiting)
        return len(others) - 1

    def _learn(self, branch: Branch, chain: Chain, rows: Iterable[Checked]) -> None:
        for row in rows:
            if row.epoch not in branch.epochs[-1:]:
                branch.epochs = [*branch.epochs, row.epoch][-EPOCHS_MAX:]
            learn(branch.accounts, row.body)
            branch.running_ms = row.body["at"]["running_ms"]
            branch.began = branch.began or row.body["at"]["utc"]
            branch.ended = row.body["at"]["utc"]
            self._carry(branch, row.body)
        branch.seq, branch.head, branch.epoch = chain.seq, chain.head, chain.epoch

    def _carry(self, branch: Branch, body: dict[str, Any]) -> None:
        """An account was resynced: what its rows do not say again was taken over from the lost branch."""
        if body.get("what") != RESYNCED:
            return
        account_id, detail, owed = body["account_id"], body["detail"], self.trail.owed
        if owed is None or owed.head != detail["lost_head"]:
            if branch is self.trail.main or self.trail.main.head != detail["lost_head"]:
                return
            owed = self.trail.owed = replace(self.trail.main)
        old = owed.accounts.get(account_id)
        if old is not None and detail["known"]:
            new = branch.accounts.setdefault(account_id, Known())
            resynced_ms = body["at"]["running_ms"]
            branch.accounts[account_id] = carried(old, new, lost_ms=owed.running_ms, resynced_ms=resynced_ms)
        owed.accounts = {name: known for name, known in owed.accounts.items() if name != account_id}

    def _adopt(self, number: int) -> None:
        """Follow the gateway's branch from now on; the lost one is kept."""
        trail = self.trail
        lost, chain = trail.main, self._chains.pop(number)
        trail.main = trail.others.pop(number)
        trail.others = [*trail.others, lost][-BRANCHES_MAX:]
        self._chains = [*self._chains, self.main][-BRANCHES_MAX:]
        self.main = chain


def two_alive(trail: Trail) -> tuple[str, str] | None:
    """Two epochs that spoke in turns: one gateway never comes back to an epoch it has left."""
    heard = trail.heard
    for index, epoch in enumerate(heard):
        if epoch in heard[:index]:
            return heard[index - 1], epoch
    return None


def report(trail: Trail) -> list[str]:
    """What is known of each branch, for a person who must decide."""
    told = []
    for name, branch in (("followed", trail.main), *(("other", other) for other in trail.others)):
        rows = f"rows {branch.first_seq} to {branch.seq}" if branch.seq else "no row"
        told.append(f"{name}: {rows}, from {branch.began or '-'} to {branch.ended or '-'}, after {branch.parent[:16]}")
        told.append(f"  epoch {branch.epoch or '-'}, head {branch.head}")
        told += [
            f"  {account_id}: {known.balance} {known.currency}, register {known.register_wh} Wh"
            for account_id, known in sorted(branch.accounts.items())
        ]
    alive = two_alive(trail)
    if alive is not None:
        told.append(f"two gateways with one identity: the epochs {alive[0]} and {alive[1]} speak in turns")
        told.append("find the second one and stop it before anything else; a resync would not last")
    elif trail.others:
        first = trail.others[-1].first_seq
        what = "a store that began anew" if first == 1 else f"an image restored from row {first - 1}"
        told.append(f"the newest fork looks like {what}; `headend resync` ends it")
    return told


def _resync(body: dict[str, Any], lost_head: str) -> bool:
    return body.get("what") == RESYNCED and body["detail"]["lost_head"] == lost_head
