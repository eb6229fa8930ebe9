from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import shipped
from gateway.config.calendars import load_calendar
from gateway.config.tariffs import load_tariff
from gateway.prepayment import civil
from gateway.prepayment.civil import QUARTER_MS
from gateway.prepayment.events import Moment, TimeTrust
from gateway.prepayment.rating import PPM, Rated, Usage, rate, spread, standing
from gateway.prepayment.tariff import Price, Surcharge, Tariff, Window

ZONE = "Europe/Zurich"
CALENDARS = {path.stem: load_calendar(path) for path in (shipped.folder() / "calendars").glob("*.toml")}
SHIPPED = tuple(load_tariff(path) for path in sorted((shipped.folder() / "tariffs").glob("*.toml")))
START_MS = civil.midnight_utc_ms(date(2026, 3, 1), ZONE)
HOUR_MS = 4 * QUARTER_MS
DAY_MS = 24 * HOUR_MS

FLAT = Tariff("flat", 1, "CHF", ZONE, "2020-01-01", None, (Price(0, "all", 250_000),))
TAXED = replace(
    FLAT,
    tariff_id="taxed",
    surcharges=(Surcharge("eco", 10_000), Surcharge("grid", 98_001)),
    standing_nano_per_day=250_000_001,
    vat_ppm=81_000,
    prices_include_vat=False,
)
NIGHT = replace(
    FLAT,
    tariff_id="night",
    default_band="day",
    windows=(Window("night", (0, 1, 2, 3, 4, 5, 6), 0, 6 * 60),),
    prices=(Price(0, "day", 300_000), Price(0, "night", 100_000)),
)
BLOCKS = replace(
    FLAT,
    tariff_id="blocks",
    blocks_wh=(100, 250),
    prices=(Price(0, "all", 1), Price(1, "all", 10), Price(2, "all", 100)),
)


def at(utc_ms: int, trust: TimeTrust = TimeTrust.AUTHENTICATED) -> Moment:
    """A moment; rating does not look at the running time."""
    return Moment(utc_ms, trust, 0)


def charged(from_ms: int, to_ms: int, wh: int, *tariffs: Tariff, usage: Usage | None = None) -> Rated:
    """One difference rated from a fresh account, or from `usage`."""
    return rate(usage or Usage(), at(from_ms), at(to_ms), wh, tariffs, CALENDARS)


def wh_by(rated: Rated, what: str) -> dict[object, int]:
    """Energy lines summed by one of their fields."""
    found: dict[object, int] = {}
    for line in rated.lines:
        if line.component == "energy":
            found[getattr(line, what)] = found.get(getattr(line, what), 0) + line.wh
    return found


# --- exactness -------------------------------------------------------------------------------------------------------


def test_one_kilowatt_hour_costs_its_price() -> None:
    """S0-10: 1.000 kWh at 0.25 is 0.25, exactly."""
    rated = charged(START_MS, START_MS + 1000, 1000, FLAT)
    assert rated.usage.charge_total_nano == 250_000_000
    (line,) = rated.lines
    assert (line.component, line.wh, line.amount_nano, line.tariff_ref) == ("energy", 1000, 250_000_000, "flat@1")


steps = st.lists(st.tuples(st.integers(0, 3 * HOUR_MS), st.integers(0, 5000)), min_size=1, max_size=20)


@given(steps)
def test_any_split_of_a_series_costs_the_same(series: list[tuple[int, int]]) -> None:
    """Flat prices: many readings or one, VAT and surcharges included, the same total to the nano (decision 1)."""
    usage, now = Usage(), START_MS
    for gap_ms, wh in series:
        usage = rate(usage, at(now), at(now + gap_ms), wh, (TAXED,), CALENDARS).usage
        now += gap_ms
    total_wh = sum(wh for _, wh in series)
    at_once = rate(Usage(), at(START_MS), at(now), total_wh, (TAXED,), CALENDARS).usage
    assert usage.charge_total_nano == at_once.charge_total_nano
    assert usage.net_nano == total_wh * (250_000 + 10_000 + 98_001)
    assert usage.vat_nano * PPM + usage.vat_rest_ppm == usage.net_nano * 81_000


moments = st.tuples(
    st.integers(-2 * DAY_MS, 20 * DAY_MS),
    st.sampled_from(TimeTrust),
    st.integers(0, 20_000),
    st.booleans(),
)


@given(st.lists(moments, max_size=15), st.sets(st.sampled_from([*SHIPPED, FLAT, TAXED, NIGHT, BLOCKS]), min_size=1))
def test_lines_sum_to_the_growth_of_the_charge(
    events: list[tuple[int, TimeTrust, int, bool]], some: set[Tariff]
) -> None:
    """Whatever clock, tariffs and gaps: lines == growth, no line below zero, no Wh lost (I5)."""
    tariffs = tuple(sorted(some, key=lambda tariff: tariff.ref))
    usage, before, used_wh = Usage(), at(START_MS), 0
    for step_ms, trust, wh, days in events:
        now = at(before.utc_ms + step_ms, trust)
        if days:
            rated = standing(usage, now, tariffs, CALENDARS)
        else:
            rated = rate(usage, before, now, wh, tariffs, CALENDARS)
            used_wh += wh
            assert sum(wh_by(rated, "band").values()) == wh
            before = now
        growth = rated.usage.charge_total_nano - usage.charge_total_nano
        assert sum(line.amount_nano for line in rated.lines) == growth
        assert all(line.amount_nano >= 0 and line.wh >= 0 for line in rated.lines)
        usage = rated.usage
    assert usage.wh == used_wh
    assert 0 <= usage.vat_rest_ppm < PPM


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**6))
def test_a_spread_sums_exactly_and_is_even(offset_ms: int, span_ms: int, wh: int) -> None:
    """Parts sum to the whole, lie on consecutive quarter-hours and are within one Wh of their share of the time."""
    start, end = START_MS + offset_ms, START_MS + offset_ms + span_ms + 1
    parts = list(spread(start, end, wh))
    assert sum(part for _, part in parts) == wh
    quarters = [quarter for quarter, _ in parts]
    assert quarters == list(range(start // QUARTER_MS, (end - 1) // QUARTER_MS + 1))
    for quarter, part in parts:
        inside_ms = min(end, (quarter + 1) * QUARTER_MS) - max(start, quarter * QUARTER_MS)
        assert abs(part * (end - start) - wh * inside_ms) <= end - start


def test_the_rest_of_the_tax_is_carried() -> None:
    """VAT of less than a nano per reading still arrives: 1000 single Wh pay what 1000 Wh pay."""
    tiny = replace(FLAT, prices=(Price(0, "all", 1),), vat_ppm=81_000, prices_include_vat=False)
    usage = Usage()
    for _ in range(1000):
        usage = charged(START_MS, START_MS + 1, 1, tiny, usage=usage).usage
    assert (usage.net_nano, usage.vat_nano, usage.vat_rest_ppm) == (1000, 81, 0)


def test_consumption_does_not_shrink() -> None:
    """A negative difference is a quarantine case and never reaches rating (decision 6)."""
    with pytest.raises(ValueError, match="does not shrink"):
        charged(START_MS, START_MS + 1, -1, FLAT)


# --- a price that changes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("wh", "old_wh", "new_wh"), [(590_000, 310_000, 280_000), (500_000, 262_712, 237_288)])
def test_a_new_price_counts_from_its_day(wh: int, old_wh: int, new_wh: int) -> None:
    """S3-07: 59 days with two readings, the change on day 32: pro rata, and the parts add up."""
    new = replace(FLAT, version=2, valid_from="2026-02-01")
    start = civil.midnight_utc_ms(date(2026, 1, 1), ZONE)
    rated = charged(start, start + 59 * DAY_MS, wh, FLAT, new)
    assert wh_by(rated, "tariff_ref") == {"flat@1": old_wh, "flat@2": new_wh}
    assert rated.estimated


def test_another_eco_product_changes_the_price_from_that_quarter_hour_only() -> None:
    """S0-08: tiacqua until 30 June, tisole from 1 July 00:00 local."""
    water = replace(FLAT, surcharges=(Surcharge("tiacqua", 10_000),))
    sun = replace(water, version=2, valid_from="2026-07-01", surcharges=(Surcharge("tisole", 80_000),))
    change = civil.midnight_utc_ms(date(2026, 7, 1), ZONE)
    rated = charged(change - QUARTER_MS // 2, change + QUARTER_MS // 2, 100, water, sun)
    extra = {line.component: (line.wh, line.amount_nano) for line in rated.lines if line.component != "energy"}
    assert extra == {"surcharge:tiacqua": (50, 500_000), "surcharge:tisole": (50, 4_000_000)}
    assert not rated.estimated


@pytest.mark.parametrize(
    ("day", "quarters", "night"),
    [(date(2026, 3, 29), 92, 20), (date(2026, 10, 25), 100, 28), (date(2026, 10, 26), 96, 24)],
)
def test_the_days_when_the_clocks_change(day: date, quarters: int, night: int) -> None:
    """One Wh per quarter-hour: 92, 96 or 100 of them, and the night is an hour shorter or longer (requirements 4.3)."""
    start = civil.midnight_utc_ms(day, ZONE)
    assert civil.quarters_of_day(day, ZONE) == quarters
    rated = charged(start, start + quarters * QUARTER_MS, quarters, NIGHT)
    assert wh_by(rated, "band") == {"night": night, "day": quarters - night}


def test_a_late_tariff_goes_on_with_an_alarm() -> None:
    """Nothing is free because a file is late; somebody is told at every reading (decision 5)."""
    ended = replace(FLAT, valid_to="2026-02-28")
    rated = charged(START_MS, START_MS + 1000, 10, ended)
    assert (rated.usage.charge_total_nano, rated.alarms) == (2_500_000, ("tariff_expired",))
    assert charged(START_MS, START_MS, 0, ended, usage=rated.usage).alarms == ("tariff_expired",)


def test_accounts_with_the_same_reference_and_other_prices_are_kept_apart() -> None:
    """What is remembered of one account's tariff is never used for another's."""
    dear = replace(FLAT, prices=(Price(0, "all", 999_000),))
    ours, theirs = (FLAT,), (dear,)
    for tariffs, nano in ((ours, 250_000), (theirs, 999_000), (ours, 250_000)):
        rated = rate(Usage(), at(START_MS), at(START_MS + 1), 1, tariffs, CALENDARS)
        assert rated.usage.charge_total_nano == nano


# --- blocks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("already_wh", "wh", "blocks"),
    [
        (0, 100, {0: 100}),
        (0, 101, {0: 100, 1: 1}),
        (99, 1, {0: 1}),
        (100, 1, {1: 1}),
        (50, 300, {0: 50, 1: 150, 2: 100}),
        (250, 7, {2: 7}),
    ],
)
def test_a_reading_is_cut_at_the_block_limits(already_wh: int, wh: int, blocks: dict[object, int]) -> None:
    """A limit belongs to the block below it, to the Wh."""
    usage = Usage(month="2026-03", month_wh=already_wh)
    rated = charged(START_MS, START_MS + 1, wh, BLOCKS, usage=usage)
    assert wh_by(rated, "block") == blocks
    assert rated.usage.net_nano == sum(count * 10**block for block, count in blocks.items() if isinstance(block, int))


def test_blocks_begin_anew_with_the_civil_month() -> None:
    """The count restarts at local midnight of the first, in the middle of a reading if need be."""
    start = civil.midnight_utc_ms(date(2026, 3, 31), ZONE) + 12 * HOUR_MS
    rated = charged(start, start + 24 * HOUR_MS, 200, BLOCKS)
    assert wh_by(rated, "block") == {0: 200}
    assert (rated.usage.month, rated.usage.month_wh) == ("2026-04", 100)


@given(st.lists(st.integers(0, 200), max_size=12))
def test_blocks_do_not_depend_on_the_split(parts: list[int]) -> None:
    """Within a month the n-th Wh has its block, however it was read."""
    usage = Usage()
    for wh in parts:
        usage = charged(START_MS, START_MS + 1, wh, BLOCKS, usage=usage).usage
    assert usage.net_nano == charged(START_MS, START_MS + 1, sum(parts), BLOCKS).usage.net_nano


# --- gaps and doubtful clocks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("span_ms", "estimated"), [(QUARTER_MS, False), (QUARTER_MS + 1, True)])
def test_a_long_span_is_estimated(span_ms: int, *, estimated: bool) -> None:
    """More than a quarter-hour between two readings is a guess about when, and says so (decision 5)."""
    rated = charged(START_MS + 1, START_MS + 1 + span_ms, 10, NIGHT)
    assert rated.estimated is estimated
    assert {line.estimated for line in rated.lines} == {estimated}


@pytest.mark.parametrize("trusts", [("UNKNOWN", "AUTHENTICATED"), ("SYNCHRONISED", "RESTORED")])
def test_without_a_date_the_last_band_goes_on(trusts: tuple[str, str]) -> None:
    """An undated difference is charged at the band in use, flagged estimated; the clock's claim is not looked at."""
    usage = charged(START_MS + 12 * HOUR_MS, START_MS + 12 * HOUR_MS + 1, 1, NIGHT).usage
    before, after = at(START_MS, TimeTrust(trusts[0])), at(START_MS + 60_000, TimeTrust(trusts[1]))
    rated = rate(usage, before, after, 10, (NIGHT,), CALENDARS)
    assert wh_by(rated, "band") == {"day": 10}
    assert rated.estimated
    assert rated.usage.month == usage.month


def test_the_band_in_use_is_known_even_when_nothing_is_used() -> None:
    """Readings without consumption carry the band along, for the day the clock is lost."""
    usage = charged(START_MS, START_MS + 1, 1, NIGHT).usage
    noon = START_MS + 12 * HOUR_MS
    assert (usage.band, charged(noon, noon + 1, 0, NIGHT, usage=usage).usage.band) == ("night", "day")


def test_without_a_date_or_a_past_it_is_the_cheapest() -> None:
    """A new account on a gateway that does not know the time pays the lowest price there is."""
    unknown = at(START_MS + 12 * HOUR_MS, TimeTrust.UNKNOWN)
    rated = rate(Usage(), unknown, unknown, 10, (FLAT, NIGHT), CALENDARS)
    assert (wh_by(rated, "band"), rated.usage.tariff_ref) == ({"night": 10}, "night@1")


def test_a_clock_that_goes_back_charges_once_at_the_last_band() -> None:
    """A step back moves no price by itself: the difference is charged where the account stands (decision 16)."""
    usage = charged(START_MS + 12 * HOUR_MS, START_MS + 12 * HOUR_MS + 1, 1, NIGHT).usage
    rated = rate(usage, at(START_MS + 12 * HOUR_MS), at(START_MS + HOUR_MS), 10, (NIGHT,), CALENDARS)
    assert (wh_by(rated, "band"), rated.estimated) == ({"day": 10}, True)


def test_a_gap_of_years_is_not_spread() -> None:
    """A clock fault of decades costs no decades of quarter-hours: one estimate and an alarm."""
    rated = charged(START_MS, START_MS + 50 * 365 * DAY_MS, 1000, FLAT)
    assert (rated.usage.wh, rated.estimated, rated.alarms) == (1000, True, ("span_too_long",))


# --- standing charge -------------------------------------------------------------------------------------------------


def days_booked(usage: Usage, utc_ms: int, *tariffs: Tariff, trust: TimeTrust = TimeTrust.SYNCHRONISED) -> Rated:
    """The standing charge looked at once."""
    return standing(usage, at(utc_ms, trust), tariffs, CALENDARS)


def test_the_day_of_opening_is_the_first_and_no_day_is_booked_twice() -> None:
    """One day at once, nothing more until local midnight, then one more; VAT goes with it."""
    first = days_booked(Usage(), START_MS + 20 * HOUR_MS, TAXED)
    assert [(line.component, line.days) for line in first.lines] == [("standing", 1), ("vat", 0)]
    again = days_booked(first.usage, START_MS + DAY_MS - 1, TAXED)
    assert (again.lines, again.usage) == ((), first.usage)
    second = days_booked(first.usage, START_MS + DAY_MS, TAXED)
    assert second.usage.net_nano == 2 * TAXED.standing_nano_per_day


def test_missed_days_are_made_up_for_each_at_its_own_tariff() -> None:
    """A week without the gateway across a tariff change: each civil day at the tariff of that day."""
    dear = replace(TAXED, version=2, valid_from="2026-03-05", standing_nano_per_day=1_000_000_000)
    first = days_booked(Usage(), START_MS, TAXED, dear).usage
    rated = days_booked(first, START_MS + 7 * DAY_MS, TAXED, dear)
    assert {line.tariff_ref: line.days for line in rated.lines if line.component == "standing"} == {
        "taxed@1": 3,
        "taxed@2": 4,
    }


def test_a_clock_that_leaps_ahead_books_a_month_at_most() -> None:
    """31 days and an alarm; back in the present nothing is booked until that day, with an alarm."""
    first = days_booked(Usage(), START_MS, TAXED).usage
    leapt = days_booked(first, START_MS + 400 * DAY_MS, TAXED)
    assert leapt.usage.net_nano == 32 * TAXED.standing_nano_per_day
    assert leapt.alarms == ("standing_capped",)
    back = days_booked(leapt.usage, START_MS + 2 * DAY_MS, TAXED)
    assert (back.lines, back.alarms) == ((), ("standing_ahead",))


@pytest.mark.parametrize(("due", "booked", "alarms"), [(31, 31, ()), (32, 31, ("standing_capped",))])
def test_a_month_of_missed_days_is_made_up_for(due: int, booked: int, alarms: tuple[str, ...]) -> None:
    """31 days are, the 32nd is not and says so."""
    first = days_booked(Usage(), START_MS - 60 * DAY_MS, TAXED).usage
    rated = days_booked(first, START_MS - (60 - due) * DAY_MS, TAXED)
    assert (sum(line.days for line in rated.lines), rated.alarms) == (booked, alarms)


def test_the_rest_of_the_tax_on_days_is_carried_too() -> None:
    """However the days were booked, VAT is that of their sum."""
    odd = replace(TAXED, standing_nano_per_day=7)
    usage = Usage()
    for day in range(20):
        usage = days_booked(usage, START_MS + day * DAY_MS, odd).usage
    assert usage.net_nano == 20 * 7
    assert usage.vat_nano * PPM + usage.vat_rest_ppm == 20 * 7 * 81_000


def test_without_a_date_no_day_is_booked() -> None:
    """A restored clock is a lower bound, not a date (decision 16)."""
    assert days_booked(Usage(), START_MS, TAXED, trust=TimeTrust.RESTORED) == Rated(Usage())
