"""What the stored quarter-hours say of an instant gone by, at the edge of each quarter-hour."""

from dataclasses import replace

import pytest

from gateway.prepayment.account import Account, Parallel
from gateway.prepayment.agenda import ReadingSource
from gateway.prepayment.certificate import CertificateQuality, CertificateReason, Known
from gateway.prepayment.civil import instant
from gateway.prepayment.contract import informed, known_at, past_asked, to_come
from gateway.prepayment.intervals import Interval, IntervalState, Quality
from gateway.prepayment.operations import CertificateAsked, ManuallyRead
from gateway.prepayment.rating import Usage
from gateway.prepayment.register import Register
from tests.contract.premises import POLL_MS, QUARTER_MS
from tests.prepayment.worlds import MONDAY_MS, at, opened

ACTUAL, NEAREST, ESTIMATED = CertificateQuality.ACTUAL, CertificateQuality.NEAREST, CertificateQuality.ESTIMATED
OPEN_MS = MONDAY_MS + 4 * QUARTER_MS
LAST_MS = OPEN_MS + POLL_MS
CURVE = IntervalState(LAST_MS, 440, 79, open_import_wh=40, open_export_wh=9)


def row(number: int, quality: Quality = Quality.ACTUAL, export_wh: int | None = 10) -> Interval:
    """The quarter-hour of this number since Monday 09:00: 100 Wh taken, 10 given."""
    return Interval(MONDAY_MS + number * QUARTER_MS, 100, export_wh, quality)


ROWS = tuple(map(row, range(4)))


def account(curve: IntervalState = CURVE, since_utc_ms: int | None = MONDAY_MS) -> Account:
    """Four quarter-hours are stored and five minutes of the fifth are known: 5,440 Wh on the register, 79 given."""
    read = at(LAST_MS - MONDAY_MS)
    return replace(
        opened(),
        register=Register(wh=5_440, at=read, dated=read),
        usage=Usage(wh=440),
        intervals=curve,
        parallel=Parallel(5_000, since_utc_ms),
    )


def known(
    after_ms: int, rows: tuple[Interval, ...] = ROWS, curve: IntervalState = CURVE, since_utc_ms: int = MONDAY_MS
) -> Known | None:
    """What is known so long after Monday 09:00; the rows can be looked through once, as a store gives them."""
    return known_at(account(curve, since_utc_ms), MONDAY_MS + after_ms, iter(rows), rows[0].start_utc_ms)


@pytest.mark.parametrize(
    ("after_ms", "quarters", "quality"),
    [
        (0, 0, ACTUAL),
        (1, 0, NEAREST),
        (QUARTER_MS // 2, 0, NEAREST),
        (QUARTER_MS // 2 + 1, 1, NEAREST),
        (4 * QUARTER_MS, 4, ACTUAL),
        (4 * QUARTER_MS + POLL_MS, 4, NEAREST),
    ],
)
def test_the_nearest_boundary_is_meant(after_ms: int, quarters: int, quality: CertificateQuality) -> None:
    """S2-33: from the first quarter-hour to the one that is still open; of two equally near, the earlier."""
    wanted = Known(MONDAY_MS + quarters * QUARTER_MS, quality, 5_000 + 100 * quarters, 30 + 10 * quarters)
    assert known(after_ms) == wanted


def test_a_clock_that_went_back_leaves_the_earlier_boundary() -> None:
    """S2-33: quarter-hours after the open one may be stored then; of two equally near the earlier counts even so."""
    half_ms = 4 * QUARTER_MS + QUARTER_MS // 2
    found = known(half_ms, (*ROWS, row(5)), replace(CURVE, at_utc_ms=MONDAY_MS + half_ms))
    assert found is not None
    assert found.stands_utc_ms == OPEN_MS


@pytest.mark.parametrize("after_ms", [-1, 4 * QUARTER_MS + POLL_MS + 1])
def test_beyond_either_end_nothing_is_known(after_ms: int) -> None:
    """S2-33: one millisecond before the first quarter-hour, one after the last reading."""
    assert known(after_ms) is None


@pytest.mark.parametrize(
    ("since_ms", "after_ms", "stands_ms"),
    [
        (QUARTER_MS, QUARTER_MS - 1, None),
        (QUARTER_MS, QUARTER_MS, QUARTER_MS),
        (QUARTER_MS + 1, QUARTER_MS + 1, 2 * QUARTER_MS),
        (4 * QUARTER_MS + 1, 4 * QUARTER_MS + 2, None),
    ],
)
def test_no_boundary_counts_from_before_register_and_curve_ran_side_by_side(
    since_ms: int, after_ms: int, stands_ms: int | None
) -> None:
    """S2-33, decision 6: a boundary at that very instant does; where none came since, nothing is said."""
    found = known(after_ms, since_utc_ms=MONDAY_MS + since_ms)
    assert (None if found is None else found.stands_utc_ms - MONDAY_MS) == stands_ms


@pytest.mark.parametrize(("number", "quality"), [(0, ACTUAL), (1, ESTIMATED), (2, ESTIMATED), (3, ACTUAL)])
def test_an_estimate_on_either_side_of_the_boundary_makes_one(number: int, quality: CertificateQuality) -> None:
    """S2-33: a register between two quarter-hours is as good as the worse of them; the others do not matter."""
    rows = tuple(row(place, Quality.ESTIMATED if place == number else Quality.ACTUAL) for place in range(4))
    found = known(2 * QUARTER_MS, rows)
    assert found is not None
    assert (found.quality, found.import_wh) == (quality, 5_200)


@pytest.mark.parametrize(
    ("open_estimated", "quarters", "quality"), [(True, 4, ESTIMATED), (False, 4, ACTUAL), (True, 3, ACTUAL)]
)
def test_an_open_quarter_that_is_estimated_counts_at_its_own_start(
    open_estimated: bool, quarters: int, quality: CertificateQuality
) -> None:
    """S2-33: what is open now says nothing of the boundary before it."""
    found = known(quarters * QUARTER_MS, curve=replace(CURVE, open_estimated=open_estimated))
    assert found is not None
    assert found.quality is quality


@pytest.mark.parametrize("quarters", [2, 4])
def test_where_the_meter_tells_no_export_none_is_known(quarters: int) -> None:
    """S2-33: not now, or not in one of the quarter-hours since: the import is certified all the same."""
    silent = replace(CURVE, export_wh=None, open_export_wh=0)
    for curve, rows in ((silent, ROWS), (CURVE, (*ROWS[:3], row(3, export_wh=None)))):
        found = known(quarters * QUARTER_MS, rows, curve)
        assert found is not None
        known_export = curve is CURVE and quarters == 4
        assert (found.import_wh, found.export_wh) == (5_000 + 100 * quarters, 70 if known_export else None)


def test_the_instant_of_the_last_dated_reading_is_gone_by() -> None:
    """S2-33: it is answered from what is stored, one millisecond later waits for a reading."""
    assert not to_come(account(), LAST_MS)
    assert to_come(account(), LAST_MS + 1)
    assert to_come(opened(register_wh=None), MONDAY_MS)


def test_a_reading_by_eye_is_held_between_the_ends_of_its_day() -> None:
    """S2-40: what the register showed at both midnights of its day, in the customer's zone; in that order."""
    read = ManuallyRead(at(), "j-1", 5_000, "2026-02-26", ReadingSource.SELF)
    first_ms, next_ms = past_asked(account(), read)
    assert (instant(first_ms), instant(next_ms)) == ("2026-02-25T23:00:00.000Z", "2026-02-26T23:00:00.000Z")
    floor, ceiling = Known(first_ms, ACTUAL, 4_000), Known(next_ms, ACTUAL, 6_000)
    told = informed(read, [floor, ceiling])
    assert isinstance(told, ManuallyRead)
    assert (told.floor, told.ceiling) == (floor, ceiling)
    asked = informed(CertificateAsked(at(), "j-2", CertificateReason.CHECK, first_ms), [floor])
    assert isinstance(asked, CertificateAsked)
    assert asked.known == floor
