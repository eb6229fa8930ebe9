"""The account table: one snapshot for each delivery point, and whether the journal agrees with it.

The journal is chained, a snapshot is not: so each carries its digest, and at each start the balance in it must be the
one that the account's last entry in the journal says. A difference means damage, meddling or a defect: nobody's supply
depends on a number like that.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping

from gateway.errors import StoreDamaged
from gateway.prepayment.account import Account
from gateway.prepayment.money import wire_money
from gateway.store import codec

_ADVICE = "Nothing was changed and the supply stays as it is. Keep this file for examination and restore a copy"

Columns = tuple[str, int, str, str]


def columns(account: Account) -> Columns:
    """What `save` writes of an account."""
    text = codec.snapshot(account)
    return account.account_id, codec.SNAPSHOT_FORMAT, text, _digest(text)


def save(connection: sqlite3.Connection, rows: list[Columns]) -> None:
    """Replace snapshots; the caller commits."""
    connection.executemany("INSERT OR REPLACE INTO account VALUES (?, ?, ?, ?)", rows)


def read(connection: sqlite3.Connection) -> list[Account]:
    """Every account; raises StoreDamaged when one is not what was written."""
    found = connection.execute(
        "SELECT account_id, format, snapshot, digest FROM account ORDER BY account_id"
    ).fetchall()
    for account_id, _, text, digest in found:
        if _digest(text) != digest:
            raise StoreDamaged(f"account {account_id}: its snapshot is not what was written. {_ADVICE}")
    return [codec.restore(account_id, kind, text) for account_id, kind, text, _ in found]


def compare(connection: sqlite3.Connection, balances: Mapping[str, str]) -> None:
    """Hold the snapshots against the journal's balances; raises StoreDamaged that names the first account."""
    settled = {account.account_id: wire_money(account.settled_balance_nano) for account in read(connection)}
    for account_id, balance in balances.items():
        ours = settled.get(account_id, "missing")
        if ours != balance:
            raise StoreDamaged(
                f"account {account_id}: its balance is {ours}, after its last entry in the journal it was {balance}. "
                f"{_ADVICE}"
            )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
