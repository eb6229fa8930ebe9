"""A look at the accounts without opening the store: for `check`, which must neither change nor lock anything."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from urllib.parse import quote

from gateway.errors import StoreError
from gateway.prepayment.account import Account
from gateway.store import codec


def accounts(path: Path) -> list[Account]:
    """The accounts of a store nobody has open; raises StoreError when they cannot be seen, which harms nothing."""
    if path.with_name(path.name + "-wal").exists():
        raise StoreError(f"{path}: in use by a running gateway (or not closed cleanly), so it is not looked into")
    try:
        raw = sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True)
        try:
            found = raw.execute("SELECT account_id, format, snapshot FROM account ORDER BY account_id").fetchall()
        finally:
            raw.close()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: cannot be read ({error})") from error
    return [codec.restore(*columns) for columns in found]
