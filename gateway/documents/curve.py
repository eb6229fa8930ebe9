"""The load curve of an account: a row for each quarter-hour, hour, day or month of civil time (S4-07, S4-16).

The label is the *start* of a row, in UTC and on the local wall clock with its offset: the hour that comes twice in
autumn has two labels. A day has 92, 96 or 100 quarter-hours and is never padded. What was not measured is not there:
its row stands with no value and the quality `missing`, and a sum says how many quarter-hours it is short of.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from gateway.documents.formats import kwh
from gateway.documents.rows import Period, Quarter
from gateway.documents.seal import CSV, JSON, Draft, Fact, json_content
from gateway.prepayment import civil
from gateway.prepayment.civil import QUARTER_MS
from gateway.prepayment.export import Channel, DocumentKind, Form, Resolution
from gateway.prepayment.intervals import Quality

MISSING = "missing"
INCOMPLETE = "incomplete"
BOM = "\ufeff"
KWH, M3 = "kwh", "m3"

_ITALIAN = {
    "start_utc": "inizio_utc",
    "start_local": "inizio_locale",
    "import_kwh": "prelevata_kwh",
    "export_kwh": "immessa_kwh",
    "production_kwh": "prodotta_kwh",
    "import_m3": "prelevato_m3",
    "export_m3": "immesso_m3",
    "production_m3": "prodotto_m3",
    "quality": "qualita",
    "quarters": "quarti",
    "missing": "mancanti",
}


@dataclass(frozen=True, slots=True)
class Value:
    """One row: Wh by channel (None: not measured), the quarter-hours it covers and how many of them are missing."""

    start_utc_ms: int
    wh: tuple[int | None, ...]
    quality: str
    quarters: int = 1
    missing: int = 0


def curve(
    quarters: Iterable[Quarter], period: Period, resolution: Resolution, channels: Sequence[Channel]
) -> Iterator[Value]:
    """The rows of a period in order, whatever the order of the quarter-hours."""
    known = _by_start(quarters)
    group: list[Value] = []
    label = ""
    for start in range(period.from_utc_ms, period.to_utc_ms, QUARTER_MS):
        value = _value(start, known.get(start), channels)
        if resolution is Resolution.QUARTER:
            yield value
            continue
        here = _label(start, resolution, period.zone)
        if group and here != label:
            yield _sum(group)
            group = []
        label = here
        group.append(value)
    if group:
        yield _sum(group)


def draft(
    quarters: Iterable[Quarter],
    *,
    account_id: str,
    period: Period,
    resolution: Resolution,
    channels: Sequence[Channel],
    form: Form,
    gas: bool = False,
) -> Draft:
    """The load curve as a document. The same quarter-hours give the same bytes. A gas account counts litres."""
    asked = tuple(channel for channel in Channel if channel in channels) or tuple(Channel)
    values = list(curve(quarters, period, resolution, asked))
    facts: dict[str, Fact] = {
        "account_id": account_id,
        "from": period.from_day.isoformat(),
        "to": period.to_day.isoformat(),
        "resolution": resolution.value,
        "rows": len(values),
        "missing": sum(value.missing for value in values),
    }
    stem = f"load-curve-{account_id}-{period.from_day}-{period.to_day}-{resolution}"
    kind = DocumentKind.LOAD_CURVE
    if form is Form.JSON:
        return Draft(kind, f"{stem}.json", JSON, _json(values, account_id, period, resolution, asked, gas=gas), facts)
    content = csv(values, period.zone, resolution, asked, italian=form is Form.CSV_IT, gas=gas)
    return Draft(kind, f"{stem}.csv", CSV, content, facts)


def csv(
    values: Iterable[Value],
    zone: str,
    resolution: Resolution,
    channels: Sequence[Channel],
    *,
    italian: bool = False,
    gas: bool = False,
) -> bytes:
    """CSV (RFC 4180, CRLF). Italian: `;`, decimal comma, a UTF-8 BOM, so that a spreadsheet there opens it as it is."""
    names = ["start_utc", "start_local", *(f"{channel}_{M3 if gas else KWH}" for channel in channels), "quality"]
    summed = resolution is not Resolution.QUARTER
    names += ["quarters", "missing"] if summed else []
    between = ";" if italian else ","
    lines = [between.join(_ITALIAN[name] if italian else name for name in names)]
    for value in values:
        numbers = ["" if wh is None else kwh(wh) for wh in value.wh]
        if italian:
            numbers = [text.replace(".", ",") for text in numbers]
        cells = [civil.instant(value.start_utc_ms), local_label(value.start_utc_ms, zone), *numbers, value.quality]
        cells += [str(value.quarters), str(value.missing)] if summed else []
        lines.append(between.join(cells))
    text = "\r\n".join(lines) + "\r\n"
    return ((BOM if italian else "") + text).encode()


def local_label(utc_ms: int, zone: str) -> str:
    """The wall clock's time with its offset, "2026-10-25T02:00+01:00"."""
    return civil.local_time(utc_ms, zone).isoformat(timespec="minutes")


def _json(
    values: Iterable[Value],
    account_id: str,
    period: Period,
    resolution: Resolution,
    channels: Sequence[Channel],
    *,
    gas: bool,
) -> bytes:
    unit = "l" if gas else "wh"
    rows = [
        {
            "start": civil.instant(value.start_utc_ms),
            "local": local_label(value.start_utc_ms, period.zone),
            **{f"{channel}_{unit}": wh for channel, wh in zip(channels, value.wh, strict=True) if wh is not None},
            "quality": value.quality,
            **({} if resolution is Resolution.QUARTER else {"quarters": value.quarters, "missing": value.missing}),
        }
        for value in values
    ]
    return json_content(
        {
            "format": 1,
            "kind": DocumentKind.LOAD_CURVE.value,
            "account_id": account_id,
            "period": period.wire,
            "resolution": resolution.value,
            "label": "start",
            "channels": [channel.value for channel in channels],
            "rows": rows,
        }
    )


def _by_start(quarters: Iterable[Quarter]) -> dict[int, Quarter]:
    """One quarter-hour for each start. A clock set back can give two: their energy is all there is, and an estimate."""
    found: dict[int, Quarter] = {}
    for quarter in quarters:
        start = quarter.start_utc_ms
        twin = found.get(start)
        found[start] = quarter if twin is None else _joined(twin, quarter)
    return found


def _joined(one: Quarter, other: Quarter) -> Quarter:
    return Quarter(
        one.account_id,
        other.number,
        one.start,
        one.import_wh + other.import_wh,
        Quality.ESTIMATED,
        _added((one.export_wh, other.export_wh)),
        _added((one.production_wh, other.production_wh)),
    )


def _value(start_utc_ms: int, quarter: Quarter | None, channels: Sequence[Channel]) -> Value:
    if quarter is None:
        return Value(start_utc_ms, (None,) * len(channels), MISSING, missing=1)
    wh = {
        Channel.IMPORT: quarter.import_wh,
        Channel.EXPORT: quarter.export_wh,
        Channel.PRODUCTION: quarter.production_wh,
    }
    return Value(start_utc_ms, tuple(wh[channel] for channel in channels), quarter.quality.value)


def _sum(group: Sequence[Value]) -> Value:
    missing = sum(value.missing for value in group)
    qualities = {value.quality for value in group}
    if missing == len(group):
        quality = MISSING
    elif missing:
        quality = INCOMPLETE
    else:
        quality = (Quality.ESTIMATED if Quality.ESTIMATED in qualities else Quality.ACTUAL).value
    columns = zip(*(value.wh for value in group), strict=True)
    return Value(group[0].start_utc_ms, tuple(_added(column) for column in columns), quality, len(group), missing)


def _added(column: Iterable[int | None]) -> int | None:
    """What is there of it, added; None when nothing is."""
    given = [wh for wh in column if wh is not None]
    return sum(given) if given else None


def _label(utc_ms: int, resolution: Resolution, zone: str) -> str:
    local = civil.local_time(utc_ms, zone)
    match resolution:
        case Resolution.HOUR:
            return local.replace(minute=0).isoformat()
        case Resolution.DAY:
            return local.date().isoformat()
        case _:
            return civil.month_of(local.date())


def quarters_expected(first: date, last: date, zone: str) -> int:
    """How many quarter-hours the civil days from `first` to before `last` have."""
    return sum(civil.quarters_of_day(first + timedelta(days=n), zone) for n in range((last - first).days))
