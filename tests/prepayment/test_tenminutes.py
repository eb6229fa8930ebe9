"""S4-12: ten-minute means of voltage, as arithmetic."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prepayment.tenminutes import (
    HOUR_MS,
    TEN_MS,
    Hours,
    Tally,
    TenMinutes,
    VoltageCheck,
    heard,
    mark_after,
    rolled,
)

CHECK = VoltageCheck("v-1", "case 7", ("voltage_l1", "voltage_l2"), 0, 6 * HOUR_MS, 6 * HOUR_MS)
SAMPLE = st.tuples(st.sampled_from(["voltage_l1", "voltage_l2", "voltage_l3"]), st.integers(-5, 10_005))
POLLS = st.lists(st.tuples(st.integers(-TEN_MS, 7 * HOUR_MS), st.lists(SAMPLE, max_size=3)), max_size=120)


def story(polls: list[tuple[int, list[tuple[str, int]]]]) -> tuple[VoltageCheck, list[TenMinutes]]:
    """All polls one after the other, then the end; what was given out, in order."""
    check = CHECK
    out: list[TenMinutes] = []
    hours: Hours
    for utc_ms, samples in polls:
        check, hours = heard(check, utc_ms, tuple(samples))
        out += [one for hour in hours for one in hour]
    check, hours = rolled(check, CHECK.to_utc_ms + HOUR_MS)
    return check, out + [one for hour in hours for one in hour]


@given(POLLS)
def test_the_means_weighted_by_their_samples_are_the_mean_of_all_samples(
    polls: list[tuple[int, list[tuple[str, int]]]],
) -> None:
    """S4-12: no sample is lost, moved or counted twice; a mean is rounded by half a tenth of a volt at most."""
    polls.sort(key=lambda poll: poll[0])
    _, out = story(polls)
    counted: Counter[tuple[str, int]] = Counter()
    summed: Counter[tuple[str, int]] = Counter()
    for utc_ms, samples in polls:
        for phase, dv in samples:
            if 0 <= utc_ms < CHECK.to_utc_ms and phase in CHECK.phases and 0 <= dv <= 10_000:
                counted[phase, utc_ms // TEN_MS * TEN_MS] += 1
                summed[phase, utc_ms // TEN_MS * TEN_MS] += dv
    assert {(one.phase, one.from_utc_ms): one.samples for one in out} == counted
    assert len(out) == len(counted)
    for one in out:
        assert one.sum_dv == summed[one.phase, one.from_utc_ms]
        assert abs(2 * one.mean_dv * one.samples - 2 * one.sum_dv) <= one.samples
    for phase in CHECK.phases:
        total = sum(number for (name, _), number in counted.items() if name == phase)
        weighted = sum(one.mean_dv * one.samples for one in out if one.phase == phase)
        exact = sum(dv for (name, _), dv in summed.items() if name == phase)
        assert abs(2 * weighted - 2 * exact) <= total


@given(POLLS)
def test_the_tallies_are_those_of_the_values_given_out(polls: list[tuple[int, list[tuple[str, int]]]]) -> None:
    """S4-12: number, lowest, highest and those outside 230 V +-10 %, whatever order the clock gave the polls."""
    check, out = story(polls)
    assert (check.gathering, check.hour) == ((), ())
    assert len({(one.phase, one.from_utc_ms) for one in out}) == len(out), "no ten minutes are given twice"
    for phase in CHECK.phases:
        means = [one.mean_dv for one in out if one.phase == phase]
        tally = next((tally for tally in check.tallies if tally.phase == phase), None)
        if not means:
            assert tally is None
            continue
        outside = sum(mean < 2_070 or mean > 2_530 for mean in means)
        assert tally == Tally(phase, len(means), min(means), max(means), outside)


def test_a_clock_that_is_set_back_rewrites_nothing() -> None:
    """S4-12: ten minutes that are over stay as they are, also after their hour was given out."""
    check, _ = heard(CHECK, HOUR_MS, (("voltage_l1", 2_300),))
    check, _ = heard(check, HOUR_MS + TEN_MS, (("voltage_l1", 2_310),))
    assert heard(check, HOUR_MS, (("voltage_l1", 9_999),)) == (check, ())
    later, hours = heard(check, 3 * HOUR_MS, ())
    assert [one.mean_dv for hour in hours for one in hour] == [2_300, 2_310]
    assert heard(later, HOUR_MS, (("voltage_l1", 9_999),)) == (later, ())


def test_an_hour_is_given_out_when_the_next_begins() -> None:
    """S4-12: not before, and once; a silent gap gives out each hour on its own."""
    check, hours = heard(CHECK, 50 * 60_000, (("voltage_l1", 2_300), ("voltage_l2", 2_299)))
    assert hours == ()
    check, hours = heard(check, HOUR_MS - 1, (("voltage_l1", 2_301),))
    assert hours == ()
    check, hours = heard(check, HOUR_MS, (("voltage_l1", 2_400),))
    assert hours == ((TenMinutes("voltage_l1", 3_000_000, 2, 4_601), TenMinutes("voltage_l2", 3_000_000, 1, 2_299)),)
    assert check.gathering == (TenMinutes("voltage_l1", HOUR_MS, 1, 2_400),)
    assert check.hour == ()
    both = replace(check, hour=(TenMinutes("voltage_l1", 0, 1, 1),))
    assert [hour[0].from_utc_ms for hour in rolled(both, 3 * HOUR_MS)[1]] == [0, HOUR_MS]


@pytest.mark.parametrize(("samples", "sum_dv", "mean_dv"), [(1, 2_300, 2_300), (2, 4_601, 2_301), (3, 6_901, 2_300)])
def test_a_mean_is_rounded_to_the_nearest(samples: int, sum_dv: int, mean_dv: int) -> None:
    """S4-12: a half upwards."""
    assert TenMinutes("voltage", 0, samples, sum_dv).mean_dv == mean_dv


@pytest.mark.parametrize(("mean_dv", "outside"), [(2_069, 1), (2_070, 0), (2_530, 0), (2_531, 1)])
def test_the_band_is_ten_percent_around_230_v(mean_dv: int, outside: int) -> None:
    """S4-12: 207.0 and 253.0 V are inside."""
    check, _ = heard(CHECK, 0, (("voltage_l1", mean_dv),))
    check, _ = rolled(check, TEN_MS)
    assert check.tallies == (Tally("voltage_l1", 1, mean_dv, mean_dv, outside),)


def test_what_cannot_be_is_no_sample() -> None:
    """S4-12: below 0 and above 1000 V; 0 V is a value (the supply is off)."""
    check, _ = heard(CHECK, 0, (("voltage_l1", -1), ("voltage_l1", 10_001), ("voltage_l2", 0), ("voltage_l3", 2_300)))
    assert check.gathering == (TenMinutes("voltage_l2", 0, 1, 0),)
    check, _ = heard(check, 0, (("voltage_l1", 10_000),))
    assert [one.sum_dv for one in check.gathering] == [0, 10_000]


@pytest.mark.parametrize(("utc_ms", "mark"), [(0, 0), (1, TEN_MS), (TEN_MS, TEN_MS), (TEN_MS + 1, 2 * TEN_MS)])
def test_a_campaign_begins_and_ends_on_a_mark(utc_ms: int, mark: int) -> None:
    """S4-12: at the instant itself if it is one."""
    assert mark_after(utc_ms) == mark
