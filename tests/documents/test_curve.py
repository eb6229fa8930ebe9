"""Load curves: rows, labels, change days, gaps, sums, forms."""

import json

import pytest

from gateway.documents.curve import csv, curve, draft, quarters_expected
from gateway.documents.rows import Period, Quarter
from gateway.prepayment.civil import QUARTER_MS
from gateway.prepayment.export import Channel, Form, Resolution
from gateway.prepayment.intervals import Quality
from tests.documents.rolls import AUTUMN, SPRING, ZONE, full, period, quarter

ALL = tuple(Channel)


def text(
    quarters: list[Quarter], span: Period, resolution: Resolution = Resolution.QUARTER, form: Form = Form.CSV
) -> str:
    made = draft(quarters, account_id="CH-1", period=span, resolution=resolution, channels=(), form=form)
    return made.content.decode()


@pytest.mark.parametrize(
    ("first", "last", "rows"),
    [("2026-03-29", "2026-03-30", 92), ("2026-10-25", "2026-10-26", 100), ("2026-10-26", "2026-10-27", 96)],
)
def test_a_change_day_has_92_or_100_quarter_hours_and_is_never_padded(first: str, last: str, rows: int) -> None:
    """S4-07: 92, 100 and 96 rows, each label once, and all of the energy is there."""
    span = period(first, last)
    lines = text(full(span), span).strip().split("\r\n")[1:]
    assert len(lines) == rows
    assert len({line.split(",")[0] for line in lines}) == rows
    assert len({line.split(",")[1] for line in lines}) == rows
    hours = list(curve(full(span), span, Resolution.HOUR, ALL))
    assert (len(hours), sum(hour.wh[0] or 0 for hour in hours)) == (rows // 4, 25 * rows)
    (day,) = curve(full(span), span, Resolution.DAY, ALL)
    assert (day.quarters, day.wh) == (rows, (25 * rows, 3 * rows, None))
    assert quarters_expected(span.from_day, span.to_day, ZONE) == rows


def test_the_hour_that_comes_twice_has_two_labels() -> None:
    """S4-07: 02:00 of 25 October is there at +02:00 and then at +01:00."""
    span = period(AUTUMN.isoformat(), "2026-10-26")
    labels = [line.split(",")[1] for line in text(full(span), span).split("\r\n")[1:-1]]
    assert [label for label in labels if "T02:00" in label] == ["2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"]
    spring = period(SPRING.isoformat(), "2026-03-30")
    assert not [line for line in text(full(spring), spring).split("\r\n") if "T02:" in line.split(",")[-1]]


def test_what_was_not_measured_is_shown_and_not_invented() -> None:
    """S3-05: two hours without a reading are eight rows without a value; sums say what they are short of."""
    span = period("2026-10-01", "2026-10-02")
    known = [item for n, item in enumerate(full(span)) if not 8 <= n < 16]
    rows = list(curve(known, span, Resolution.QUARTER, ALL))
    gap = rows[8:16]
    assert {(row.quality, row.wh, row.missing) for row in gap} == {("missing", (None, None, None), 1)}
    assert not [row for row in rows[:8] + rows[16:] if row.quality != "actual"]
    (day,) = curve(known, span, Resolution.DAY, ALL)
    assert (day.quality, day.missing, day.quarters, day.wh[0]) == ("incomplete", 8, 96, 88 * 25)
    hours = list(curve(known, span, Resolution.HOUR, ALL))
    assert [hour.quality for hour in hours[:5]] == ["actual", "actual", "missing", "missing", "actual"]
    (month,) = curve([], span, Resolution.MONTH, ALL)
    assert (month.quality, month.wh) == ("missing", (None, None, None))


def test_an_estimate_makes_its_sum_an_estimate() -> None:
    """S3-05: the quality of a sum is that of its worst part."""
    span = period("2026-10-01", "2026-10-02")
    quarters = full(span)
    quarters[5] = quarter(quarters[5].start_utc_ms, 7, Quality.ESTIMATED)
    hours = list(curve(quarters, span, Resolution.HOUR, ALL))
    assert [hour.quality for hour in hours[:3]] == ["actual", "estimated", "actual"]


def test_a_quarter_hour_given_twice_is_added_and_an_estimate() -> None:
    """A clock set back gives a start twice: no energy is lost or counted again."""
    span = period("2026-10-01", "2026-10-02")
    twice = [quarter(span.from_utc_ms, 10, export_wh=1), quarter(span.from_utc_ms, 5)]
    first = next(curve(twice, span, Resolution.QUARTER, ALL))
    assert (first.wh, first.quality) == ((15, 1, None), "estimated")


def test_machine_and_human_csv() -> None:
    """S4-16: machines get commas, dots and ISO; people in Italy `;`, a decimal comma and a byte order mark."""
    span = period("2026-10-01", "2026-10-02")
    one = [quarter(span.from_utc_ms, 1234, export_wh=5, production_wh=70)]
    machine = text(one, span).split("\r\n")
    assert machine[0] == "start_utc,start_local,import_kwh,export_kwh,production_kwh,quality"
    assert machine[1] == "2026-09-30T22:00:00.000Z,2026-10-01T00:00+02:00,1.234,0.005,0.070,actual"
    assert machine[2] == "2026-09-30T22:15:00.000Z,2026-10-01T00:15+02:00,,,,missing"
    human = text(one, span, form=Form.CSV_IT).split("\r\n")
    assert human[0].startswith("\ufeffinizio_utc;inizio_locale;prelevata_kwh;immessa_kwh;prodotta_kwh;")
    assert human[1] == "2026-09-30T22:00:00.000Z;2026-10-01T00:00+02:00;1,234;0,005;0,070;actual"


def test_json_leaves_out_what_was_not_measured() -> None:
    """S4-07: energy in Wh, no null and no zero for what nobody saw."""
    span = period("2026-10-01", "2026-10-02")
    rows = json.loads(text([quarter(span.from_utc_ms, 9)], span, form=Form.JSON))["rows"]
    assert rows[0]["import_wh"] == 9
    assert "export_wh" not in rows[0]
    assert set(rows[1]) == {"start", "local", "quality"}
    months = json.loads(text([quarter(span.from_utc_ms, 9)], span, Resolution.MONTH, Form.JSON))["rows"]
    assert (months[0]["import_wh"], months[0]["missing"]) == (9, 95)


def test_channels_are_never_netted() -> None:
    """S4-16: import and export stand side by side; asked for alone, each is what it was."""
    span = period("2026-10-01", "2026-10-02")
    both = full(span)
    for channel, wh in ((Channel.IMPORT, 25), (Channel.EXPORT, 3)):
        (day,) = curve(both, span, Resolution.DAY, (channel,))
        assert day.wh == (96 * wh,)
    lines = csv(curve(both, span, Resolution.DAY, (Channel.EXPORT,)), ZONE, Resolution.DAY, (Channel.EXPORT,))
    assert lines.split(b"\r\n")[0] == b"start_utc,start_local,export_kwh,quality,quarters,missing"


def test_gas_is_counted_in_cubic_metres() -> None:
    """G2: a gas account's register counts litres; nobody reads kWh where there are none."""
    span = period("2026-10-01", "2026-10-02")
    for form, head, first in (
        (Form.CSV, "import_m3,export_m3", ",1.234,"),
        (Form.CSV_IT, "prelevato_m3;immesso_m3", ";1,234;"),
        (Form.JSON, '"import_l":1234', ""),
    ):
        made = draft(
            [quarter(span.from_utc_ms, 1234)],
            account_id="G-1",
            period=span,
            resolution=Resolution.QUARTER,
            channels=(),
            form=form,
            gas=True,
        )
        assert head in made.content.decode()
        assert first in made.content.decode()


def test_months_and_days_follow_the_local_calendar() -> None:
    """S4-07: a month of 31 days with the change of the clocks has 31 x 96 + 4 quarter-hours."""
    span = period("2026-10-01", "2026-11-01")
    (month,) = curve(full(span), span, Resolution.MONTH, ALL)
    assert (month.quarters, month.wh[0]) == (31 * 96 + 4, (31 * 96 + 4) * 25)
    days = list(curve(full(span), span, Resolution.DAY, ALL))
    assert len(days) == 31
    assert (days[25].start_utc_ms - days[24].start_utc_ms) // QUARTER_MS == 100
