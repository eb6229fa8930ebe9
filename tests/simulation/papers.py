"""A document as whoever receives it opens it: parts put together, the seal checked, from docs/documents.md alone."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.simulation.protections import utc_ms

PART_BYTES_MAX = 64 * 1024
LAST_MS = 1 << 60
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Paper:
    """One document: what its seal says, and its content."""

    jti: str
    seal: str
    claims: dict[str, Any]
    content: bytes

    @property
    def content_is_json(self) -> bool:
        """One JSON value, not a table or a page."""
        return bool(self.claims["content_type"] == "application/json")


@dataclass(slots=True)
class Arriving:
    """The parts of one document that are here."""

    parts: dict[int, dict[str, Any]] = field(default_factory=dict)

    def take(self, part: dict[str, Any]) -> str:
        """Keep one part; why it cannot be right, "" when it can."""
        data = base64.b64decode(part["data"], validate=True)
        if hashlib.sha256(data).hexdigest() != part["sha256"] or len(data) > PART_BYTES_MAX:
            return f"part {part['part']} of {part['parts']} is not what its checksum says"
        if not 1 <= part["part"] <= part["parts"] or self.parts.get(part["part"], part) != part:
            return f"part {part['part']} of {part['parts']} is another than before"
        self.parts[part["part"]] = part
        return ""

    def whole(self) -> bytes | None:
        """The content, when nothing is missing."""
        first = next(iter(self.parts.values()))
        if len(self.parts) < first["parts"]:
            return None
        return b"".join(base64.b64decode(self.parts[number]["data"]) for number in sorted(self.parts))


def opened(jti: str, part: dict[str, Any], content: bytes, public: str) -> tuple[Paper | None, str]:
    """The document behind a seal that the key `public` made, or why it is none."""
    seal = part["seal"]
    head, payload, signature = seal.split(".")
    try:
        Ed25519PublicKey.from_public_bytes(_raw(public)).verify(_raw(signature), f"{head}.{payload}".encode())
    except InvalidSignature:
        return None, "the signature is not good"
    header, claims = json.loads(_raw(head)), json.loads(_raw(payload))
    kid = hashlib.sha256(_raw(public)).hexdigest()[:16]
    if header != {"alg": "EdDSA", "kid": kid, "typ": "prepaid-document+jws"} or claims["public"] != public:
        return None, f"it is sealed with another key than the one on record: {header}"
    said = (claims["sha256"], claims["bytes"], claims["name"], claims["content_type"])
    if said != (hashlib.sha256(content).hexdigest(), len(content), part["name"], part["content_type"]):
        return None, f"its content is not what was sealed: {said}"
    return Paper(jti, seal, claims, content), ""


def instants(rows: list[Row]) -> list[int]:
    """When each row counts: at its own time if that was dated, in order, and never after a later proven time."""
    bounds, bound = [], LAST_MS
    for row in reversed(rows):
        bound = min(bound, utc_ms(row["at"]["utc"])) if row["at"]["trust"] == "AUTHENTICATED" else bound
        bounds.append(bound)
    found, now_ms = [], 0
    for row, latest_ms in zip(rows, reversed(bounds), strict=True):
        dated = row["at"]["trust"] in ("SYNCHRONISED", "AUTHENTICATED")
        now_ms = min(max(now_ms, utc_ms(row["at"]["utc"]) if dated else now_ms), latest_ms)
        found.append(now_ms)
    return found


@dataclass(frozen=True, slots=True)
class Shelf:
    """What the gateway had when it made a document: rows up to `asked` for certain, up to `sent` perhaps.

    The same of the quarter-hours, each a pair of its number and its body; those up to `numbered` for certain.
    """

    rows: list[Row]
    bodies: list[str]
    hashes: list[str]
    asked: int
    sent: int
    quarters: list[tuple[int, Row]]
    numbered: int

    def within(self, from_ms: int, to_ms: int) -> tuple[set[int], set[int]]:
        """The numbers of the rows that must, and that may, count in this time."""
        sets = []
        for last in (self.asked, self.sent):
            times = instants(self.rows[:last])
            sets.append({seq for seq, at_ms in enumerate(times, start=1) if from_ms <= at_ms < to_ms})
        return {seq for seq in sets[0] & sets[1] if seq <= self.asked}, sets[0] | sets[1]

    def curve(self, account_id: str, *, certain: bool) -> dict[int, list[Row]]:
        """The account's quarter-hours by their start."""
        found: dict[int, list[Row]] = {}
        for number, quarter in self.quarters:
            if quarter["account_id"] == account_id and (number <= self.numbered or not certain):
                found.setdefault(utc_ms(quarter["start"]), []).append(quarter)
        return found


def midnight_ms(day: str, zone: str) -> int:
    """When a civil day begins."""
    begins = datetime.combine(date.fromisoformat(day), datetime.min.time(), ZoneInfo(zone))
    return round(begins.astimezone(UTC).timestamp() * 1000)


def _raw(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
