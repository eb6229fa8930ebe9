"""Exact charges and exact quarter-hours: every field of what a reading costs and of the curve it leaves."""

from dataclasses import replace
from datetime import date

import pytest

from gateway.prepayment import civil, rating
from gateway.prepayment.calendar import Calendar
from gateway.prepayment.civil import QUARTER_MS
from gateway.prepayment.events import Moment, TimeTrust
from gateway.prepayment.intervals import (
    BACK_MAX_MS,
    MAX_QUARTERS,
    Interval,
    IntervalState,
    Quality,
    advance,
    rebase,
)
from gateway.prepayment.rating import (
    MAX_SPREAD_MS,
    MAX_STANDING_DAYS,
    PPM,
    Line,
    Rated,
    Usage,
    rate,
    share_wh,
    spread,
    standing,
)
from gateway.prepayment.settle import merge
from gateway.prepayment.tariff import Price, Surcharge, Tariff, Window

ZONE = "Europe/Zurich"
NONE: dict[str, Calendar] = {}
MIDNIGHT = civil.midnight_utc_ms(date(2026, 4, 1), ZONE)
FULL = Tariff(
    "full", 3, "CHF", ZONE, "2020-01-01", None,
    (Price(0, "day", 1_000), Price(1, "day", 2_000), Price(0, "night", 100), Price(1, "night", 200)),
    default_band="day", windows=(Window("night", tuple(range(7)), 0, 15),), blocks_wh=(1_000,),
    surcharges=(Surcharge("eco", 10), Surcharge("grid", 1)), standing_nano_per_day=333, vat_ppm=81_000,
    prices_include_vat=False,
)  # fmt: skip
ACTUAL, ESTIMATED = Quality.ACTUAL, Quality.ESTIMATED


def at(ms: int, trust: TimeTrust = TimeTrust.AUTHENTICATED) -> Moment:
    """So long after midnight of 1 April in Zurich."""
    return Moment(MIDNIGHT + ms, trust, 0)


def line(component: str, nano: int, *, wh: int = 0, days: int = 0, band: str | None = None, block: int | None = None,
         estimated: bool = False) -> Line:  # fmt: skip
    """One line under the tariff of this file."""
    return Line(component, band, block, wh, days, nano, "full@3", estimated)


def test_the_terms_of_rating() -> None:
    """Decision 5, I20: a year and a month are spread, a month of standing charge is made up for, 40 days of curve."""
    assert (PPM, MAX_SPREAD_MS, MAX_STANDING_DAYS) == (10**6, 400 * 86_400_000, 31)
    assert (MAX_QUARTERS, BACK_MAX_MS, rating._MEMO_MAX) == (3_840, 86_400_000, 256)
    assert Rated(Usage()) == Rated(Usage(), (), (), estimated=False)
    assert Usage(net_nano=5, vat_nano=7).charge_total_nano == 12


def test_a_reading_over_bands_blocks_and_months_to_the_last_nano() -> None:
    """Decision 1: energy by band and block, each surcharge, the tax with its rest, and what is remembered."""
    before = Usage(5, 100, 7, 999_999, "2026-03", 900, "2026-03-31", "day", "old@1")
    rated = rate(before, at(-QUARTER_MS), at(2 * QUARTER_MS), 3_000, (FULL,), NONE)
    # 1000 Wh in March, where 100 are left of the first block; 1000 by night in April, 1000 by day in the second block
    march, night, day = 100 * 1_000 + 900 * 2_000, 1_000 * 100, 1_000 * 2_000
    eco, grid = 3_000 * 10, 3_000 * 1
    net = march + night + day + eco + grid
    vat, rest = 0, 999_999
    for part in (march + 11_000, night + 11_000, day + 11_000):
        tax, rest = divmod(part * 81_000 + rest, PPM)
        vat += tax
    assert rated.usage == Usage(3_005, 100 + net, 7 + vat, rest, "2026-04", 2_000, "2026-03-31", "day", "full@3")
    assert rated.lines == (
        line("energy", 100_000, wh=100, band="day", block=0, estimated=True),
        line("energy", 1_800_000 + day, wh=1_900, band="day", block=1, estimated=True),
        line("surcharge:eco", eco, wh=3_000, estimated=True),
        line("surcharge:grid", grid, wh=3_000, estimated=True),
        line("vat", vat, estimated=True),
        line("energy", night, wh=1_000, band="night", block=0, estimated=True),
    )
    assert (rated.alarms, rated.estimated) == ((), True)
    assert rate(before, at(-QUARTER_MS), at(QUARTER_MS), 8, (FULL,), NONE).usage.band == "night"


@pytest.mark.parametrize(
    ("month_wh", "wh", "cut"),
    [(0, 999, {0: 999}), (0, 1_000, {0: 1_000}), (0, 1_001, {0: 1_000, 1: 1}), (999, 1, {0: 1}), (1_000, 1, {1: 1}),
     (1_500, 7, {1: 7})],
)  # fmt: skip
def test_a_block_ends_at_its_limit(month_wh: int, wh: int, cut: dict[int, int]) -> None:
    """S3-07: the last Wh of a block and the first of the next."""
    rated = rate(Usage(month="2026-04", month_wh=month_wh), at(1_000), at(2_000), wh, (FULL,), NONE)
    assert {one.block: one.wh for one in rated.lines if one.component == "energy"} == cut
    assert (rated.estimated, rated.usage.month_wh) == (False, month_wh + wh)


@pytest.mark.parametrize(
    ("before", "after", "estimated", "alarm"),
    [
        (at(0), at(QUARTER_MS - 1), False, ()),
        (at(1), at(QUARTER_MS + 1), False, ()),
        (at(0), at(QUARTER_MS), False, ()),
        (at(0), at(QUARTER_MS + 1), True, ()),
        (at(0), at(0), False, ()),
        (at(1), at(0), True, ()),
        (at(0, TimeTrust.RESTORED), at(1), True, ()),
        (at(0), at(1, TimeTrust.UNKNOWN), True, ()),
        (at(0), at(MAX_SPREAD_MS + 1), True, ("span_too_long",)),
    ],
)
def test_when_a_charge_is_an_estimate(before: Moment, after: Moment, estimated: bool, alarm: tuple[str, ...]) -> None:
    """Decision 5: longer than a quarter-hour, without dates, back in time, or too long to be spread."""
    flat = replace(FULL, windows=(), prices=FULL.prices[:2], surcharges=(), vat_ppm=0)
    rated = rate(Usage(), before, after, 8, (flat,), NONE)
    assert (rated.estimated, rated.alarms, {one.estimated for one in rated.lines}) == (estimated, alarm, {estimated})
    assert rate(Usage(), before, after, 1, (flat,), NONE).estimated is estimated
    nothing = rate(Usage(), before, after, 0, (flat,), NONE)
    assert (nothing.estimated, nothing.lines, nothing.alarms) == (False, (), alarm)
    assert nothing.usage.tariff_ref == "full@3"


def test_the_longest_gap_is_spread() -> None:
    """I20: four hundred days, and each quarter-hour at its own price."""
    assert len(list(spread(0, MAX_SPREAD_MS, 8))) == 400 * 96
    flat = replace(FULL, windows=(), prices=FULL.prices[:2], surcharges=(), vat_ppm=0)
    assert rate(Usage(), at(0), at(MAX_SPREAD_MS), 0, (flat,), NONE).alarms == ()


def test_energy_without_a_date_costs_the_band_in_use_or_the_cheapest() -> None:
    """Decision 12: the band last known if the tariff still has it; of several tariffs the one that costs least."""
    dear = replace(FULL, tariff_id="dear", surcharges=(Surcharge("eco", 500),))
    undated = at(0, TimeTrust.UNKNOWN)

    def charged(usage: Usage, *tariffs: Tariff) -> tuple[str, str | None, str | None]:
        rated = rate(usage, undated, undated, 10, tariffs, NONE)
        return rated.lines[0].tariff_ref, rated.usage.band, rated.usage.month

    assert charged(Usage(band="day", tariff_ref="full@3", month="2026-01"), dear, FULL) == ("full@3", "day", "2026-01")
    assert charged(Usage(band="gone", tariff_ref="dear@3"), dear, FULL) == ("dear@3", "night", None)
    assert charged(Usage(tariff_ref="dear@3"), dear, FULL) == ("dear@3", "night", None)
    assert charged(Usage(tariff_ref="other@1"), dear, FULL) == ("full@3", "night", None)
    assert charged(Usage(), FULL, dear) == ("full@3", "night", None)
    later = (Price(0, "day", 1_000), Price(1, "day", 1), Price(0, "night", 101), Price(1, "night", 1))
    assert charged(Usage(), replace(FULL, tariff_id="later", prices=later), FULL) == ("full@3", "night", None)


def test_a_tariff_without_blocks_has_one() -> None:
    """S3-07: all that is used is in the first block."""
    flat = replace(FULL, blocks_wh=(), prices=(FULL.prices[0], FULL.prices[2]))
    energy = rate(Usage(), at(1), at(2), 5_000, (flat,), NONE).lines[0]
    assert (energy.component, energy.block, energy.wh, energy.amount_nano) == ("energy", 0, 5_000, 500_000)


def test_nothing_used_in_the_same_band_changes_nothing() -> None:
    """Decision 8: a poll without consumption is the same account; another band or tariff is remembered."""
    usage = Usage(band="night", tariff_ref="full@3")
    assert rate(usage, at(1), at(2), 0, (FULL,), NONE).usage is usage
    for other in (replace(usage, band="day"), replace(usage, tariff_ref="old@1")):
        after = rate(other, at(1), at(2), 0, (FULL,), NONE).usage
        assert (after.band, after.tariff_ref) == ("night", "full@3")
    with pytest.raises(ValueError, match="-1 Wh"):
        rate(usage, at(1), at(2), -1, (FULL,), NONE)


def test_alarms_of_each_quarter_are_told_once() -> None:
    """Requirements 4.4: a tariff that has ended and a calendar that is missing, in the order they came up."""
    ended = replace(FULL, valid_to="2026-04-01", calendar="none")
    day = 86_400_000
    rated = rate(Usage(), at(day - QUARTER_MS), at(day + 2 * QUARTER_MS), 9, (ended,), NONE)
    assert rated.alarms == ("tariff_calendar_missing", "tariff_expired")
    told = ("tariff_expired", "tariff_calendar_missing")
    for through, more in (
        (None, ()),
        ("2026-04-02", ()),
        ("2026-04-09", ("standing_ahead",)),
        ("2026-01-01", ("standing_capped",)),
    ):
        assert standing(Usage(standing_through=through), at(day), (ended,), NONE).alarms == (*told, *more)


@pytest.mark.parametrize(
    ("through", "days", "alarms"),
    [
        (None, 1, ()),
        ("2026-03-31", 1, ()),
        ("2026-03-30", 2, ()),
        ("2026-04-01", 0, ()),
        ("2026-04-02", 0, ()),
        ("2026-04-03", 0, ("standing_ahead",)),
        ("2026-03-01", 31, ()),
        ("2026-02-28", 31, ("standing_capped",)),
    ],
)
def test_each_day_has_one_standing_charge(through: str | None, days: int, alarms: tuple[str, ...]) -> None:
    """I5: no day twice, none left out within a month; the rest of the tax is carried."""
    usage = Usage(net_nano=1, vat_nano=2, vat_rest_ppm=5, standing_through=through)
    rated = standing(usage, at(0), (FULL,), NONE)
    vat, rest = divmod(days * 333 * 81_000 + 5, PPM)
    assert rated.alarms == alarms
    if not days:
        assert (rated.usage, rated.lines) == (usage, ())
        return
    assert rated.usage == replace(
        usage, net_nano=1 + 333 * days, vat_nano=2 + vat, vat_rest_ppm=rest, standing_through="2026-04-01"
    )
    assert rated.lines == (line("standing", 333 * days, days=days), line("vat", vat))
    free = replace(FULL, standing_nano_per_day=0)
    nothing = standing(usage, at(0), (free,), NONE)
    assert (nothing.lines, nothing.usage) == ((), replace(usage, standing_through="2026-04-01"))
    assert standing(usage, at(0, TimeTrust.RESTORED), (FULL,), NONE) == Rated(usage)


def test_a_day_costs_what_its_own_tariff_says_west_of_greenwich_too() -> None:
    """S3-07: the day is the one of the tariff's zone; in New York midnight UTC is still the day before."""
    zone = "America/New_York"
    old = replace(FULL, tariff_id="old", time_zone=zone, valid_to="2026-03-31", vat_ppm=0)
    new = replace(old, tariff_id="new", valid_from="2026-04-01", valid_to=None, standing_nano_per_day=777)
    noon = Moment(civil.utc_ms_at(date(2026, 4, 2), 720, zone), TimeTrust.AUTHENTICATED, 0)
    lines = standing(Usage(standing_through="2026-03-30"), noon, (old, new), NONE).lines
    assert [(one.tariff_ref, one.days, one.amount_nano) for one in lines] == [("old@3", 1, 333), ("new@3", 2, 1_554)]


@pytest.mark.parametrize(("done_ms", "wh"), [(0, 0), (1, 0), (49, 2), (50, 3), (100, 5)])
def test_a_share_is_rounded_to_whole_wh(done_ms: int, wh: int) -> None:
    """Decision 2: half up, so that shares never drift."""
    assert share_wh(5, done_ms, 100) == wh


def test_a_spread_names_its_quarters() -> None:
    """Decision 5: from the one it begins in to the one it ends in, the end not included."""
    assert list(spread(QUARTER_MS - 100, QUARTER_MS + 300, 8)) == [(0, 2), (1, 6)]
    assert list(spread(0, 2 * QUARTER_MS, 7)) == [(0, 4), (1, 3)]
    assert list(spread(5, 6, 7)) == [(0, 7)]


def test_lines_of_the_same_thing_are_added_up() -> None:
    """Decision 7: component, band, block, tariff and estimate; all else stays apart, in the order it came."""
    one = line("energy", 5, wh=2, days=1, band="day", block=0)
    others = [replace(one, component="x"), replace(one, band=None), replace(one, block=1),
              replace(one, tariff_ref="t@1"), replace(one, estimated=True)]  # fmt: skip
    assert merge((one,), tuple(others)) == (one, *others)
    assert merge((one,), (replace(one, wh=3, days=4, amount_nano=6),)) == (replace(one, wh=5, days=5, amount_nano=11),)
    assert merge((), (one, one))[0].amount_nano == 10
    assert merge((one, *others), ()) == (one, *others)


def q(number: int) -> int:
    """The start of a quarter-hour."""
    return MIDNIGHT + number * QUARTER_MS


def test_the_curve_of_an_ordinary_hour() -> None:
    """S3-07: what each quarter used, the open one collecting, the first an estimate because it was not seen whole."""
    state, finished = advance(IntervalState(), at(100), 1_000, 50)
    assert (state, finished) == (IntervalState(MIDNIGHT + 100, 1_000, 50, 0, 0, open_estimated=True), ())
    state, finished = advance(state, at(600), 1_004, 52)
    assert (state, finished) == (IntervalState(MIDNIGHT + 600, 1_004, 52, 4, 2, open_estimated=True), ())
    state, finished = advance(state, at(QUARTER_MS + 600), 1_014, 52)
    assert finished == (Interval(q(0), 14, 2, ESTIMATED),)
    assert state == IntervalState(MIDNIGHT + QUARTER_MS + 600, 1_014, 52, 0, 0, open_estimated=False)
    state, finished = advance(state, at(2 * QUARTER_MS), 1_020, 53)
    assert finished == (Interval(q(1), 6, 1, ACTUAL),)
    assert state == IntervalState(q(2), 1_020, 53, 0, 0, open_estimated=False)
    assert advance(IntervalState(), at(0), 7)[0].open_estimated is False


def test_a_gap_is_spread_over_its_quarters() -> None:
    """Decision 5: evenly, with what the open one held; estimated all of it, and so is the one it ends in."""
    state = IntervalState(q(0), 100, 10, 3, 1, open_estimated=False)
    after, finished = advance(state, at(2 * QUARTER_MS + QUARTER_MS // 2), 200, 20)
    assert finished == (Interval(q(0), 43, 5, ESTIMATED), Interval(q(1), 40, 4, ESTIMATED))
    assert after == IntervalState(q(2) + QUARTER_MS // 2, 200, 20, 20, 2, open_estimated=True)
    whole, _ = advance(state, at(2 * QUARTER_MS), 200, 20)
    assert whole.open_estimated is False
    _, short = advance(replace(state, open_estimated=True), at(QUARTER_MS), 200, 20)
    assert [one.quality for one in short] == [ESTIMATED]
    _, two = advance(replace(state, at_utc_ms=q(0) + 1), at(QUARTER_MS + 1), 200, 20)
    assert [one.quality for one in two] == [ACTUAL]


def test_a_meter_that_does_not_tell_its_export_has_none() -> None:
    """S3-07: unknown is not zero; the next value told catches up, one that went back used nothing."""
    state = IntervalState(q(0), 100, 10, 0, 4)
    after, finished = advance(state, at(QUARTER_MS), 101, None)
    assert (finished[0].export_wh, after.export_wh, after.open_export_wh) == (None, 10, 4)
    after, finished = advance(after, at(2 * QUARTER_MS), 102, 15)
    assert (finished[0].export_wh, after.export_wh, after.open_export_wh) == (9, 15, 0)
    _, finished = advance(after, at(3 * QUARTER_MS), 103, 3)
    assert finished[0].export_wh == 0
    _, finished = advance(replace(state, export_wh=None, open_export_wh=0), at(QUARTER_MS), 101, 5)
    assert finished[0].export_wh is None
    collected, _ = advance(state, at(1), 101, None)
    assert (collected.export_wh, collected.open_export_wh) == (10, 4)


@pytest.mark.parametrize(("back_ms", "goes_on"), [(1, False), (BACK_MAX_MS, False), (BACK_MAX_MS + 1, True)])
def test_a_clock_that_went_back_waits_a_day_and_no_longer(back_ms: int, goes_on: bool) -> None:
    """I16: nothing is given twice; after more than a day the earlier time was the wrong one."""
    state = IntervalState(q(0), 100, 10, 3, 1, open_estimated=False)
    after, finished = advance(state, at(-back_ms), 105, 12)
    assert finished == ()
    wanted = IntervalState(MIDNIGHT - back_ms, 105, 12, 8, 3, open_estimated=True) if goes_on else state
    assert after == wanted
    lower, _ = advance(state, at(-BACK_MAX_MS - 1), 90, 12)
    assert lower == IntervalState(MIDNIGHT - BACK_MAX_MS - 1, 90, 12, 3, 3, open_estimated=True)
    same, _ = advance(state, at(0), 105, 12)
    assert same == IntervalState(q(0), 105, 12, 8, 3, open_estimated=False)


def test_a_register_that_went_back_is_a_new_baseline() -> None:
    """I6: nothing is counted, and the quarter is an estimate; without a date nothing is counted at all."""
    state = IntervalState(q(0), 100, 10, 3, 1, open_estimated=False)
    after, _ = advance(state, at(5), 99, 10)
    assert after == IntervalState(MIDNIGHT + 5, 99, 10, 3, 1, open_estimated=True)
    assert rebase(state, 7) == replace(state, register_wh=7, open_estimated=True)
    for trust in (TimeTrust.UNKNOWN, TimeTrust.RESTORED):
        assert advance(state, at(5, trust), 101, 10) == (state, ())


def test_more_than_forty_days_end_in_a_lump() -> None:
    """I20: 3840 quarter-hours at most; the oldest holds all that went before it."""
    state = IntervalState(q(0), 0, None, 5, 0, open_estimated=False)
    number = MAX_QUARTERS + 2
    after, finished = advance(state, at(number * QUARTER_MS), number * 10, None)
    assert len(finished) == MAX_QUARTERS
    assert finished[0] == Interval(q(2), 35, None, ESTIMATED)
    assert (finished[1].import_wh, finished[-1].start_utc_ms, after.open_import_wh) == (10, q(number - 1), 0)


def test_a_place_is_resolved_once_and_a_bounded_number_is_remembered() -> None:
    """I20: a poll costs a handful of operations, and many accounts do not fill the memory."""
    tariffs = (FULL,)
    first = rating._place(7, tariffs, NONE)
    assert rating._place(7, tariffs, NONE) is first
    assert rating._place(8, tariffs, NONE) is not first
    named, april = (replace(FULL, calendar="c"),), MIDNIGHT // QUARTER_MS
    assert rating._place(april, named, NONE).alarms == ("tariff_calendar_missing",)
    assert rating._place(april, named, {"c": Calendar("c", (2026,), frozenset())}).alarms == ()
    many = [(replace(FULL, version=number),) for number in range(600)]
    most = 0
    for ones in many:
        rating._place(7, ones, NONE)
        most = max(most, len(rating._memo))
    assert most == 256
