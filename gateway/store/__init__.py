"""What survives the process: journal, account snapshots, quarter-hours and answered commands in one SQLite file."""

from __future__ import annotations

from gateway.store.cursors import INTERVAL, JOURNAL
from gateway.store.journal import Head, Row
from gateway.store.legible import legible
from gateway.store.orders import Answer, Attempt, Origin
from gateway.store.pace import Pace
from gateway.store.quarters import IntervalRow
from gateway.store.store import Saved, Store

__all__ = [
    "INTERVAL",
    "JOURNAL",
    "Answer",
    "Attempt",
    "Head",
    "IntervalRow",
    "Origin",
    "Pace",
    "Row",
    "Saved",
    "Store",
    "legible",
]
