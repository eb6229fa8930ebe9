"""Rows and quarter-hours as the store gives them, made by hand, and a key to seal with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.documents.key import DeviceKey
from gateway.documents.rows import Period, Placed, Quarter, body_of, instants
from gateway.prepayment.civil import QUARTER_MS, instant
from gateway.prepayment.events import Moment, TimeTrust
from gateway.prepayment.intervals import Quality
from gateway.prepayment.ledger import GENESIS, Record, chain
from gateway.store import Row
from gateway.store.codec import canonical, wire_record

ZONE = "Europe/Zurich"
KEY = DeviceKey(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER = DeviceKey(Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)


def period(first: str, last: str, zone: str = ZONE) -> Period:
    """Civil days, the last not included."""
    return Period(date.fromisoformat(first), date.fromisoformat(last), zone)


def at(utc_ms: int, trust: TimeTrust = TimeTrust.AUTHENTICATED) -> Moment:
    """An instant; running time follows."""
    return Moment(utc_ms, trust, utc_ms % 1_000_000_000)


def quarter(start_utc_ms: int, wh: int = 25, quality: Quality = Quality.ACTUAL, **more: int) -> Quarter:
    """One quarter-hour."""
    return Quarter("CH-1", 1, instant(start_utc_ms), wh, quality, **more)


def full(span: Period, wh: int = 25) -> list[Quarter]:
    """Every quarter-hour of a period."""
    return [quarter(start, wh, export_wh=3) for start in range(span.from_utc_ms, span.to_utc_ms, QUARTER_MS)]


def roll(records: Iterable[Record]) -> list[Placed]:
    """Records as a journal."""
    head, rows = GENESIS, []
    for seq, record in enumerate(records, 1):
        body = canonical({**wire_record(record), "seq": seq, "epoch": "e1", "prev": head})
        head = chain(head, body)
        rows.append(Row(seq, "e1", head, body))
    bodies = [body_of(row) for row in rows]
    times = instants([body.at for body in bodies])
    return [Placed(*item) for item in zip(rows, bodies, times, strict=True)]
