"""What came over the wire against what is in the store, without a line of the product: numbers, hashes, bytes."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Heard:
    """Messages as they arrived, kept on disk so that the list itself costs no memory."""

    path: Path
    rows: int = 0
    intervals: int = 0
    _kinds: tuple[str, str] = field(default=("journal", "interval"))

    def __post_init__(self) -> None:
        self._file = self.path.open("wb")

    def take(self, topic: str, payload: bytes) -> None:
        """Keep a journal row or a quarter-hour."""
        kind = topic.rsplit("/", 1)[-1]
        if kind in self._kinds:
            self.rows += kind == "journal"
            self.intervals += kind == "interval"
            self._file.write(kind.encode() + b"\t" + payload + b"\n")

    def read(self) -> tuple[dict[int, bytes], dict[int, bytes], list[str]]:
        """Rows and quarter-hours by number, and what is wrong: one number with two contents. Nothing more is kept."""
        self._file.close()
        rows: dict[int, bytes] = {}
        intervals: dict[int, bytes] = {}
        wrong = []
        for line in self.path.read_bytes().splitlines():
            kind, _, payload = line.partition(b"\t")
            found, name = (rows, "seq") if kind == b"journal" else (intervals, "number")
            number = json.loads(payload)[name]
            if found.setdefault(number, payload) != payload:
                wrong.append(f"{kind.decode()} {number} came with two contents")
        return rows, intervals, wrong


def compare(heard: Heard, store: Path, seq: int, interval: int) -> list[str]:
    """What is wrong, if the head-end says that it has all rows up to `seq` and all quarter-hours up to `interval`."""
    rows, intervals, wrong = heard.read()
    with closing(sqlite3.connect(store)) as raw:
        kept = dict(raw.execute("SELECT seq, body FROM journal"))
        quarters = dict(raw.execute("SELECT number, body FROM interval"))
        cursors = dict(raw.execute("SELECT name, position FROM cursor"))
    wrong += _missing("row", rows, kept, seq) + _missing("quarter-hour", intervals, quarters, interval)
    if cursors != {"journal": seq, "interval": interval}:
        wrong.append(f"acknowledged {cursors}, but {seq} rows and {interval} quarter-hours have arrived")
    late = [json.loads(kept[number])["type"] for number in kept if number > seq]
    if set(late) - {"entry"}:
        wrong.append(f"rows after the last acknowledged one are more than the settlement at the end: {late}")
    previous = "0" * 64
    for number in range(1, seq + 1):
        if number not in rows or json.loads(rows[number])["prev"] != previous:
            wrong.append(f"row {number} does not follow from the one before")
            break
        previous = hashlib.sha256(bytes.fromhex(previous) + rows[number]).hexdigest()
    return wrong


def _missing(what: str, heard: dict[int, bytes], kept: dict[int, str], last: int) -> list[str]:
    wrong = []
    missing = [number for number in kept if number <= last and number not in heard]
    if missing:
        wrong.append(f"{len(missing)} of {last} never arrived: {what} {missing[0]} first")
    changed = [number for number, body in heard.items() if number in kept and kept[number].encode() != body]
    if changed:
        wrong.append(f"{what} {changed[0]} arrived otherwise than it is stored")
    return wrong
