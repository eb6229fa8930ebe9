"""What a store holds and whether it adds up, by raw SQL, json and hashlib: nothing of the gateway is used here."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

TABLES = ("life", "journal", "account", "cursor", "command", "interval")
NANO = 1_000_000_000


@dataclass(frozen=True)
class Content:
    """All rows of all tables as one digest, and all but the quarter-hours that were delivered as another."""

    commits: int
    digest: str
    needed: str


def content(raw: sqlite3.Connection) -> Content:
    """What this store holds."""
    whole, needed = hashlib.blake2b(digest_size=16), hashlib.blake2b(digest_size=16)
    for table in TABLES:
        columns = "number, CAST(account_id AS BLOB), start_utc_ms, CAST(body AS BLOB), crc"  # rot may leave no text
        columns = columns if table == "interval" else "*"
        rows = raw.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2").fetchall()
        whole.update(repr(rows).encode())
        if table == "interval":
            sent = raw.execute("SELECT position FROM cursor WHERE name = 'interval'").fetchone() or (0,)
            rows = [row for row in rows if row[0] > sent[0]]
        needed.update(repr(rows).encode())
    (commits,) = raw.execute("SELECT commits FROM life").fetchone()
    return Content(commits, whole.hexdigest(), needed.hexdigest())


def held(store: Path) -> Content:
    """What a file holds that nobody has open; SQLite's own layer reads it."""
    with closing(sqlite3.connect(f"file:{store}?vfs=unix", uri=True)) as raw:
        return content(raw)


def audit(raw: sqlite3.Connection) -> None:
    """Chain, numbers, double credits and balances; raises AssertionError that says which."""
    previous = "0" * 64
    entries: dict[str, int] = defaultdict(int)
    answered = set()
    for number, (seq, digest, body) in enumerate(raw.execute("SELECT seq, hash, body FROM journal ORDER BY seq"), 1):
        row = json.loads(body)
        assert seq == row["seq"] == number, f"row {seq} is number {number}"
        assert row["prev"] == previous, f"row {seq} does not follow"
        previous = hashlib.sha256(bytes.fromhex(previous) + body.encode()).hexdigest()
        assert previous == digest, f"row {seq} has another hash"
        if row["type"] == "entry":
            entries[row["account_id"]] += int(Decimal(row["amount"]) * NANO)
        if row["type"] == "receipt":
            assert row["command_id"] not in answered, f"{row['command_id']} was answered twice"
            answered.add(row["command_id"])
    for account_id, text in raw.execute("SELECT account_id, snapshot FROM account"):
        _audit_account(json.loads(text), entries[account_id])


def _audit_account(account: dict[str, Any], entries_nano: int) -> None:
    credit = account["opening_nano"] + account.get("top_up_total_nano", 0) - account.get("reversal_total_nano", 0)
    credit += account.get("adjusted_nano", 0) - account.get("withheld_nano", 0)
    settled = account.get("settled_charge_nano", 0)
    assert credit - settled == entries_nano, f"{account['account_id']}: its entries do not add up"
    unsettled = sum(line["amount_nano"] for line in account.get("unsettled", ()))
    charged = account["usage"]["net_nano"] + account["usage"]["vat_nano"]
    assert charged - settled == unsettled, f"{account['account_id']}: charges and open lines differ"
