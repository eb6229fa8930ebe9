"""Is a load curve, or a month, what is stored? Every quarter-hour of the civil days, none more: 92, 96 or 100 a day."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.simulation.papers import Paper, Shelf, midnight_ms
from tests.simulation.protections import utc_ms

QUARTER_MS = 900_000
CHANNELS = ("import", "export", "production")
Line = tuple[int, str, tuple[int | None, ...], str, int, int]
"""Start, local label, Wh by channel, quality, quarter-hours, missing ones."""


def wrong(paper: Paper, body: dict[str, Any], shelf: Shelf, zone: str) -> str:
    """What is not right about it; "" when all is."""
    resolution = body.get("resolution", "quarter") if body["kind"] == "load_curve" else "quarter"
    asked = body.get("channels") if body["kind"] == "load_curve" else None
    channels = tuple(name for name in CHANNELS if not asked or name in asked)
    span = (midnight_ms(body["from_day"], zone), midnight_ms(body["to_day"], zone))
    try:
        told = _json(paper.content, channels) if paper.claims["name"].endswith(".json") else _csv(paper.content)
    except (ValueError, KeyError, IndexError) as error:
        return f"it cannot be read: {error!r}"
    certain, perhaps = (
        _lines(shelf.curve(body["account_id"], certain=sure), span, resolution, channels, zone)
        for sure in (True, False)
    )
    if len(told) != len(certain):
        return f"{len(told)} rows from {body['from_day']} to {body['to_day']}, {len(certain)} are due"
    for line, least, most in zip(told, certain, perhaps, strict=True):
        if line not in (least, most):
            return f"its row {line}, stored is {least}"
    said = paper.claims["facts"]
    if (said["rows"], said["missing"]) != (len(told), sum(line[5] for line in told)):
        return f"its seal says {said}"
    return ""


def _lines(
    stored: dict[int, list[dict[str, Any]]],
    span: tuple[int, int],
    resolution: str,
    channels: tuple[str, ...],
    zone: str,
) -> list[Line]:
    where = ZoneInfo(zone)
    groups: dict[str, list[Line]] = {}
    for start in range(*span, QUARTER_MS):
        local = datetime.fromtimestamp(start / 1000, UTC).astimezone(where)
        found = stored.get(start, [])
        wh = tuple(_sum([one.get(f"{name}_wh") for one in found]) for name in channels)
        quality = "missing" if not found else found[0]["quality"] if len(found) == 1 else "estimated"
        line = (start, local.isoformat(timespec="minutes"), wh, quality, 1, int(not found))
        label = {"hour": local.replace(minute=0).isoformat(), "day": str(local.date()), "month": str(local)[:7]}
        groups.setdefault(label.get(resolution, str(start)), []).append(line)
    return [_together(group) for group in groups.values()]


def _together(group: list[Line]) -> Line:
    missing, qualities = sum(line[5] for line in group), {line[3] for line in group}
    columns = zip(*(line[2] for line in group), strict=True)
    if len(group) > 1:
        whole = "estimated" if "estimated" in qualities else "actual"
        quality = "missing" if missing == len(group) else "incomplete" if missing else whole
    else:
        quality = group[0][3]
    return (*group[0][:2], tuple(_sum(column) for column in columns), quality, len(group), missing)


def _sum(values: Any) -> int | None:
    given = [wh for wh in values if wh is not None]
    return sum(given) if given else None


def _json(content: bytes, channels: tuple[str, ...]) -> list[Line]:
    document = json.loads(content)
    unit = "l" if any(name.endswith("_l") for row in document["rows"] for name in row) else "wh"
    return [
        (
            utc_ms(row["start"]), row["local"], tuple(row.get(f"{name}_{unit}") for name in channels), row["quality"],
            row.get("quarters", 1), row.get("missing", int(row["quality"] == "missing")),
        )
        for row in document["rows"]
    ]  # fmt: skip


def _csv(content: bytes) -> list[Line]:
    text = content.decode("utf-8-sig")
    italian = text.startswith("inizio")
    if italian != content.startswith(b"\xef\xbb\xbf"):
        raise ValueError("the byte order mark belongs to the Italian form")
    head, *rows = csv.reader(io.StringIO(text, newline=""), delimiter=";" if italian else ",")
    columns = [at for at, name in enumerate(head) if name.endswith(("_kwh", "_m3"))]
    quality, summed = columns[-1] + 1, len(head) > columns[-1] + 2
    found: list[Line] = []
    for row in rows:
        wh = tuple(_wh(row[at].replace(",", ".") if italian else row[at]) for at in columns)
        counted = (int(row[-2]), int(row[-1])) if summed else (1, int(row[quality] == "missing"))
        found.append((utc_ms(row[0]), row[1], wh, row[quality], *counted))
    return found


def _wh(text: str) -> int | None:
    whole, _, part = text.partition(".")
    return int(whole) * 1000 + int(part.ljust(3, "0")) if text else None
