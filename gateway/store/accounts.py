"""The account table: one snapshot for each delivery point, and whether the journal agrees with it.

The journal is chained, a snapshot is not: so each carries its digest, the sum over the table is in `life`, and at each
start the balance in a snapshot must be the one that the account's last entry in the journal says. A difference means
damage, meddling or a defect: nobody's supply depends on a number like that.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping

from gateway.errors import StoreDamaged
from gateway.prepayment.account import Account
from gateway.prepayment.money import wire_money
from gateway.store import codec
from gateway.store.life import ADVICE, Life, put

Columns = tuple[str, int, str, str]


def columns(account: Account) -> Columns:
    """What `save` writes of an account."""
    text = codec.snapshot(account)
    return account.account_id, codec.SNAPSHOT_FORMAT, text, _digest(text)


def save(connection: sqlite3.Connection, life: Life, rows: list[Columns]) -> Life:
    """Replace snapshots; the caller commits."""
    for row in rows:
        life = put(connection, life, "account", row)
    return life


def read(connection: sqlite3.Connection) -> list[Account]:
    """Every account; raises StoreDamaged when one is not what was written."""
    found = connection.execute(
        "SELECT account_id, format, snapshot, digest FROM account ORDER BY account_id"
    ).fetchall()
    for account_id, _, text, digest in found:
        if _digest(text) != digest:
            raise StoreDamaged(f"account {account_id}: its snapshot is not what was written. {ADVICE}")
    return [codec.restore(account_id, kind, text) for account_id, kind, text, _ in found]


def compare(connection: sqlite3.Connection, balances: Mapping[str, str]) -> None:
    """Hold the snapshots against the journal's balances; raises StoreDamaged that names the first account."""
    settled = {account.account_id: wire_money(account.settled_balance_nano) for account in read(connection)}
    for account_id, balance in balances.items():
        ours = settled.get(account_id, "missing")
        if ours != balance:
            raise StoreDamaged(
                f"account {account_id}: its balance is {ours}, after its last entry in the journal it was {balance}. "
                f"{ADVICE}"
            )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
