"""Rating: Wh in, money out, exactly, and the same however the Wh were cut into readings.

`Usage` is all that rating remembers; `rate` and `standing` return the next one together with the lines that make the
difference. Energy, surcharges and days multiply to whole nano-units. The one thing that does not divide, VAT, is
computed on the cumulative amount: its remainder stays in `Usage`, so the parts always add up (decision 1).

A register difference belongs to the time between two moments. Within one quarter-hour it has one price. Over several
it is spread evenly, by a cumulative split whose parts sum to the difference, and marked estimated when the span is
longer than a quarter-hour (decision 5, S3-07). Without dates it is charged at the last band known, or the cheapest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta

from gateway.prepayment import civil
from gateway.prepayment.calendar import Calendar
from gateway.prepayment.civil import QUARTER_MS
from gateway.prepayment.events import Moment
from gateway.prepayment.tariff import Tariff, band_at, calendar_of, tariff_at

PPM = 1_000_000
MAX_SPREAD_MS = 400 * 24 * 3600 * 1000  # a longer gap is not spread: it is a clock fault or a museum piece
MAX_STANDING_DAYS = 31
DAY_MS = 24 * 3600 * 1000
_MEMO_MAX = 256


@dataclass(frozen=True, slots=True)
class Usage:
    """What rating remembers of one account; every total is over the account's life and never decreases (I5).

    `vat_rest_ppm` is the part of VAT below one nano-unit, in millionths of it. `month_wh` is what counts towards the
    blocks in the civil month `month`. `standing_through` is the last civil day whose standing charge is booked. For gas
    the Wh are litres, and `volume_rest_ppm` is the part of the price below one nano-unit (`gas`).
    """

    wh: int = 0
    net_nano: int = 0
    vat_nano: int = 0
    vat_rest_ppm: int = 0
    month: str | None = None
    month_wh: int = 0
    standing_through: str | None = None
    band: str | None = None
    tariff_ref: str | None = None
    volume_rest_ppm: int = 0

    @property
    def charge_total_nano(self) -> int:
        """Everything ever charged, tax included; never decreases (I5)."""
        return self.net_nano + self.vat_nano


@dataclass(frozen=True, slots=True)
class Line:
    """One part of a charge. `component`: energy, surcharge:<name>, standing or vat; `block` 0 is the first."""

    component: str
    band: str | None
    block: int | None
    wh: int
    days: int
    amount_nano: int
    tariff_ref: str
    estimated: bool


@dataclass(frozen=True, slots=True)
class Rated:
    """The usage after, and lines whose amounts sum to the growth of `charge_total_nano`, always.

    `alarms` hold as long as they are returned: tariff_expired, tariff_not_begun, tariff_calendar_missing,
    tariff_calendar_not_covered, span_too_long, standing_capped, standing_ahead.
    """

    usage: Usage
    lines: tuple[Line, ...] = ()
    alarms: tuple[str, ...] = ()
    estimated: bool = False


def rate(
    usage: Usage,
    before: Moment,
    after: Moment,
    wh: int,
    tariffs: tuple[Tariff, ...],
    calendars: Mapping[str, Calendar],
) -> Rated:
    """Charge `wh` used between two moments. `tariffs` must not be empty; ValueError for a negative `wh`.

    `tariffs` and `calendars` are compared by identity to spare work at every poll: never change them in place.
    """
    if wh < 0:
        raise ValueError(f"{wh} Wh: consumption does not shrink; a register going back is not for rating (decision 6)")
    quarter = after.utc_ms // QUARTER_MS
    span_ms = after.utc_ms - before.utc_ms
    if not (before.trust.dated and after.trust.dated) or span_ms < 0:
        return _charge(usage, [(_undated(usage, tariffs), wh)], estimated=wh > 0, alarms=())
    if before.utc_ms // QUARTER_MS == quarter:
        place = _place(quarter, tariffs, calendars)
        if wh == 0 and usage.band == place.band and usage.tariff_ref == place.ref:
            return Rated(usage, (), place.alarms)
        return _charge(usage, [(place, wh)], estimated=False, alarms=place.alarms)
    if span_ms > MAX_SPREAD_MS:
        return _charge(usage, [(_undated(usage, tariffs), wh)], estimated=wh > 0, alarms=("span_too_long",))
    zone = tariff_at(tariffs, before.utc_ms)[0].time_zone if span_ms > DAY_MS else None
    split = spread(before.utc_ms, after.utc_ms, wh, zone)
    parts = [(_place(part, tariffs, calendars), part_wh) for part, part_wh in split]
    alarms = tuple(dict.fromkeys(alarm for place, _ in parts for alarm in place.alarms))
    return _charge(usage, parts, estimated=wh > 0 and span_ms > QUARTER_MS, alarms=alarms)


def standing(usage: Usage, at: Moment, tariffs: tuple[Tariff, ...], calendars: Mapping[str, Calendar]) -> Rated:
    """Charge the civil days that began since the last one booked, each at its own tariff; the first is today.

    Nothing while the time is not dated. More than 31 days are never made up for: a clock that leaps ahead must not
    empty an account; the alarm `standing_capped` says that days were left out.
    """
    if not at.trust.dated:
        return Rated(usage)
    place = _place(at.utc_ms // QUARTER_MS, tariffs, calendars)
    if usage.standing_through == place.day:
        return Rated(usage, (), place.alarms)
    return _standing_days(usage, place, tariffs)


def spread(from_ms: int, to_ms: int, wh: int, zone: str | None = None) -> Iterator[tuple[int, int]]:
    """Split `wh` over the quarter-hours (numbered since 1970) between two instants; parts sum to `wh`.

    Evenly over the time; if the zone is said, evenly over its civil days, whether they have 23, 24 or 25 hours: daily
    consumption is conventionally constant (S3-07).
    """
    elapsed_ms = _as_it_passed if zone is None else _days_alike(zone)
    began_ms = elapsed_ms(from_ms)
    span_ms = elapsed_ms(to_ms) - began_ms
    done_wh = 0
    for quarter in range(from_ms // QUARTER_MS, (to_ms - 1) // QUARTER_MS + 1):
        until_ms = min((quarter + 1) * QUARTER_MS, to_ms)
        due_wh = share_wh(wh, elapsed_ms(until_ms) - began_ms, span_ms)
        yield quarter, due_wh - done_wh
        done_wh = due_wh


def _as_it_passed(utc_ms: int) -> int:
    return utc_ms


def _days_alike(zone: str) -> Callable[[int], int]:
    """A clock on which every civil day of the zone takes 24 hours."""
    day, begin_ms, end_ms = date.min, 0, 0

    def elapsed_ms(utc_ms: int) -> int:
        nonlocal day, begin_ms, end_ms
        if not begin_ms <= utc_ms < end_ms:
            day = civil.local_date(utc_ms, zone)
            begin_ms = civil.midnight_utc_ms(day, zone)
            end_ms = civil.midnight_utc_ms(day + timedelta(days=1), zone)
        return day.toordinal() * DAY_MS + (utc_ms - begin_ms) * DAY_MS // (end_ms - begin_ms)

    return elapsed_ms


def share_wh(wh: int, done_ms: int, span_ms: int) -> int:
    """The part of `wh` used after `done_ms` of `span_ms`, rounded to whole Wh; differences of shares add up to `wh`."""
    return (2 * wh * done_ms + span_ms) // (2 * span_ms)


@dataclass(frozen=True, slots=True)
class _Place:
    """Everything one quarter-hour decides about a price; `month` None: unknown, the blocks go on counting."""

    ref: str
    day: str
    month: str | None
    band: str
    blocks_wh: tuple[int, ...]
    nano_per_wh: tuple[int, ...]
    surcharges: tuple[tuple[str, int], ...]
    vat_ppm: int
    alarms: tuple[str, ...]
    coefficient_ppm: int = PPM


# The last quarter-hour of each account, so that a poll costs a handful of integer operations. Entries hold what they
# were made from, so an identity cannot be re-used while it is in here.
_Memo = tuple[tuple[Tariff, ...], Mapping[str, Calendar], int, _Place]
_memo: dict[int, _Memo] = {}


def _place(quarter: int, tariffs: tuple[Tariff, ...], calendars: Mapping[str, Calendar]) -> _Place:
    known = _memo.get(id(tariffs))
    if known is not None and known[1] is calendars and known[2] == quarter:
        return known[3]
    place = _resolve(quarter * QUARTER_MS, tariffs, calendars)
    if len(_memo) >= _MEMO_MAX:
        _memo.clear()
    _memo[id(tariffs)] = (tariffs, calendars, quarter, place)
    return place


def _resolve(utc_ms: int, tariffs: tuple[Tariff, ...], calendars: Mapping[str, Calendar]) -> _Place:
    tariff, late = tariff_at(tariffs, utc_ms)
    day = civil.local_date(utc_ms, tariff.time_zone)
    calendar, gap = calendar_of(tariff, day.year, calendars)
    alarms = tuple(alarm for alarm in (late, gap) if alarm is not None)
    return _at(tariff, band_at(tariff, utc_ms, calendar), day=day.isoformat(), month=civil.month_of(day), alarms=alarms)


def _undated(usage: Usage, tariffs: tuple[Tariff, ...]) -> _Place:
    """The tariff in use at the last band known; without one, whatever costs the customer least."""
    for tariff in tariffs:
        if tariff.ref == usage.tariff_ref:
            band = usage.band if usage.band in tariff.bands else None
            return _at(tariff, band or tariff.cheapest_band, day="", month=None, alarms=())
    places = [_at(tariff, tariff.cheapest_band, day="", month=None, alarms=()) for tariff in tariffs]
    return min(places, key=lambda place: place.nano_per_wh[0] + sum(nano for _, nano in place.surcharges))


def _at(tariff: Tariff, band: str, *, day: str, month: str | None, alarms: tuple[str, ...]) -> _Place:
    blocks = range(len(tariff.blocks_wh) + 1)
    return _Place(
        ref=tariff.ref,
        day=day,
        month=month,
        band=band,
        blocks_wh=tariff.blocks_wh,
        nano_per_wh=tuple(tariff.price_nano_per_wh(block, band) for block in blocks),
        surcharges=tuple((f"surcharge:{extra.name}", extra.nano_per_wh) for extra in tariff.surcharges),
        vat_ppm=tariff.vat_ppm,
        alarms=alarms,
        coefficient_ppm=tariff.coefficient_ppm,
    )


class _Sums:
    """Amounts of one charge by what they are for, in the order they came up."""

    __slots__ = ("lines",)

    def __init__(self) -> None:
        self.lines: dict[tuple[str, str | None, int | None, str], tuple[int, int, int]] = {}

    def add(self, key: tuple[str, str | None, int | None, str], wh: int, days: int, nano: int) -> None:
        old_wh, old_days, old_nano = self.lines.get(key, (0, 0, 0))
        self.lines[key] = (old_wh + wh, old_days + days, old_nano + nano)

    def done(self, *, estimated: bool) -> tuple[Line, ...]:
        return tuple(
            Line(component, band, block, wh, days, nano, ref, estimated)
            for (component, band, block, ref), (wh, days, nano) in self.lines.items()
        )


def _charge(usage: Usage, parts: list[tuple[_Place, int]], *, estimated: bool, alarms: tuple[str, ...]) -> Rated:
    sums = _Sums()
    net, vat, rest = usage.net_nano, usage.vat_nano, usage.vat_rest_ppm
    month, month_wh, volume_rest = usage.month, usage.month_wh, usage.volume_rest_ppm
    total_wh = 0
    for place, wh in parts:
        if place.month is not None and place.month != month:
            month, month_wh = place.month, 0
        if wh == 0:
            continue
        taxed = 0
        for block, block_wh in _by_block(place.blocks_wh, month_wh, wh):
            nano, volume_rest = _priced(block_wh * place.nano_per_wh[block], place, volume_rest)
            taxed += nano
            sums.add(("energy", place.band, block, place.ref), block_wh, 0, nano)
        for name, nano_per_wh in place.surcharges:
            nano, volume_rest = _priced(wh * nano_per_wh, place, volume_rest)
            taxed += nano
            sums.add((name, None, None, place.ref), wh, 0, nano)
        month_wh += wh
        total_wh += wh
        net += taxed
        if place.vat_ppm:
            tax, rest = divmod(taxed * place.vat_ppm + rest, PPM)
            vat += tax
            sums.add(("vat", None, None, place.ref), 0, 0, tax)
    last = parts[-1][0]
    after = Usage(
        wh=usage.wh + total_wh,
        net_nano=net,
        vat_nano=vat,
        vat_rest_ppm=rest,
        month=month,
        month_wh=month_wh,
        standing_through=usage.standing_through,
        band=last.band,
        tariff_ref=last.ref,
        volume_rest_ppm=volume_rest,
    )
    return Rated(after, sums.done(estimated=estimated), alarms, estimated)


def _priced(nano: int, place: _Place, rest_ppm: int) -> tuple[int, int]:
    """What units of the register cost, and the remainder to carry: litres of gas times C do not divide."""
    if place.coefficient_ppm == PPM:
        return nano, rest_ppm
    return divmod(nano * place.coefficient_ppm + rest_ppm, PPM)


def _by_block(blocks_wh: tuple[int, ...], month_wh: int, wh: int) -> list[tuple[int, int]]:
    """Cut `wh`, which follow `month_wh` in the month, at the monthly limits: (block, Wh), none of them empty."""
    if not blocks_wh:
        return [(0, wh)]
    cut = []
    for block, limit_wh in enumerate(blocks_wh):
        fits_wh = min(wh, limit_wh - month_wh)
        if fits_wh > 0:
            cut.append((block, fits_wh))
            month_wh += fits_wh
            wh -= fits_wh
    if wh:
        cut.append((len(blocks_wh), wh))
    return cut


def _standing_days(usage: Usage, place: _Place, tariffs: tuple[Tariff, ...]) -> Rated:
    today = date.fromisoformat(place.day)
    first = today if usage.standing_through is None else date.fromisoformat(usage.standing_through) + timedelta(days=1)
    if first > today:
        ahead = first - today > timedelta(days=2)  # a zone change alone moves the date by one
        return Rated(usage, (), (*place.alarms, "standing_ahead") if ahead else place.alarms)
    alarms = place.alarms
    if (today - first).days >= MAX_STANDING_DAYS:
        first = today - timedelta(days=MAX_STANDING_DAYS - 1)
        alarms = (*alarms, "standing_capped")
    sums = _Sums()
    net, vat, rest = usage.net_nano, usage.vat_nano, usage.vat_rest_ppm
    for offset in range((today - first).days + 1):
        tariff, _ = tariff_at(tariffs, _noon_utc_ms(first + timedelta(days=offset)))
        nano = tariff.standing_nano_per_day
        if nano == 0:
            continue
        net += nano
        sums.add(("standing", None, None, tariff.ref), 0, 1, nano)
        if tariff.vat_ppm:
            tax, rest = divmod(nano * tariff.vat_ppm + rest, PPM)
            vat += tax
            sums.add(("vat", None, None, tariff.ref), 0, 0, tax)
    after = replace(usage, net_nano=net, vat_nano=vat, vat_rest_ppm=rest, standing_through=place.day)
    return Rated(after, sums.done(estimated=False), alarms)


def _noon_utc_ms(day: date) -> int:
    """An instant that has this civil date in every zone from UTC-12 to UTC+11."""
    return civil.midnight_utc_ms(day, "UTC") + 12 * 3600 * 1000
