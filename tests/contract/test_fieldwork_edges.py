"""Work in the field at the edge: what a refusal says, whose day counts, and that two jobs are two."""

from dataclasses import replace
from datetime import date

import pytest

from gateway.prepayment.account import Outcome
from gateway.prepayment.agenda import JobState
from gateway.prepayment.certificate import CertificateQuality, Known
from gateway.prepayment.events import Detail, TimeTrust
from gateway.prepayment.fieldwork import reminded
from gateway.prepayment.ledger import Happening, Verdict
from tests.contract.test_fieldwork import APPLIED, REFUSED, assigned, begun, by_eye, ended, moved, on, pass_days, told
from tests.prepayment.worlds import DAY_MS, HOUR_MS, MONDAY_MS, World, opened, world

MAY = date(2026, 5, 4)
ANOTHERS = "a day before the contract is another's"


def refused(reason: str, *detail: tuple[str, str | int]) -> Verdict:
    """A whole refusal."""
    return Verdict(REFUSED, reason, detail)


def test_a_result_is_given_once_and_by_somebody() -> None:
    """S2-14: the second one is told the day of the first; blanks are nobody's name."""
    place = world()
    begun(place)
    assert ended(place, technician=" \t") == refused("no_technician")
    assert ended(place).status is APPLIED
    assert ended(place) == refused("test_ended", ("test_on", "2026-03-02"))


@pytest.mark.parametrize(
    ("value_wh", "read_on", "refusal"),
    [
        (50_000, "2026-03-01", refused("no_data", ("opened_utc_ms", MONDAY_MS), ("hint", ANOTHERS))),
        (48_999, "2026-05-04", refused("lower_than_last", ("last_wh", 49_500))),
    ],
)
def test_a_reading_by_eye_is_refused_with_what_is_known(value_wh: int, read_on: str, refusal: Verdict) -> None:
    """S2-40: since when there is a contract, and what the register showed."""
    floor = Known(0, CertificateQuality.ACTUAL, 49_500)
    assert by_eye(on(MAY), value_wh, read_on=read_on, floor=floor) == refusal


@pytest.mark.parametrize(("day", "reason"), [(MAY, ""), (date(2026, 5, 11), "outside_window")])
def test_a_reading_by_eye_is_answered_with_where_it_stands(day: date, reason: str) -> None:
    """S2-40: it waits for validation, in the window or not."""
    answer = by_eye(on(day), 50_000)
    assert answer == Verdict(APPLIED, reason, (("status", "pending_validation"),))


def test_a_contract_of_which_nobody_knows_the_day_refuses_no_day() -> None:
    """S2-40, I10: opened under a clock that was wrong, it has no first day to hold a reading against."""
    place = on(MAY)
    wrong = replace(place.account.opened, utc_ms=MONDAY_MS + 3_000 * DAY_MS)
    for trust, answer in ((TimeTrust.AUTHENTICATED, "no_data"), (TimeTrust.UNKNOWN, "")):
        place.account = replace(place.account, opened=replace(wrong, trust=trust))
        assert by_eye(place, 50_000).reason == answer


def test_the_load_curve_goes_before_the_last_reading() -> None:
    """S2-40: what the stored quarter-hours say of the beginning of the day is the least, also when nothing was read."""
    place = silent_for(2 * DAY_MS)
    floor = Known(0, CertificateQuality.ACTUAL, 49_500)
    assert by_eye(place, 49_000, floor=floor).status is APPLIED
    assert by_eye(place, 49_999) == refused("lower_than_last", ("last_wh", 50_000))


def silent_for(ms: int, *, off: bool = False) -> World:
    """Nobody has read the meter for so long: it did not answer, or the gateway was off."""
    place = on(MAY)
    place.utc_ms += ms
    place.running_ms += 0 if off else ms
    return place


@pytest.mark.parametrize("off", [False, True])
def test_what_a_meter_can_have_counted_while_nobody_read_it(off: bool) -> None:
    """S2-40, decision 6: rated power over the time that passed, also that of a gateway that was off."""
    most_wh = 50_000 + 13_800 * 125 * 48 // 100 + 2_000
    assert by_eye(silent_for(2 * DAY_MS, off=off), most_wh).status is APPLIED
    answer = by_eye(silent_for(2 * DAY_MS, off=off), most_wh + 1)
    assert answer == refused("implausible_register", ("most_wh", most_wh))


@pytest.mark.parametrize(("days_ago", "checked"), [(0, 1), (1, 0)])
def test_of_a_day_that_is_over_only_the_load_curve_knows_the_end(days_ago: int, checked: int) -> None:
    """S2-40: once a reading lies beyond its midnight, the last one says nothing about it: kept, and said so."""
    place = on(MAY)
    floor = Known(0, CertificateQuality.ACTUAL, 49_500)
    read_on = MAY.replace(day=MAY.day - days_ago).isoformat()
    assert by_eye(place, 50_000, read_on=read_on, floor=floor).status is APPLIED
    assert [row["checked"] for row in told(place, "reading.manual")] == [checked]


def test_a_meter_never_read_refuses_no_value() -> None:
    """S2-40: without a first reading there is nothing to hold a value against."""
    place = World(opened(register_wh=None))
    assert by_eye(place, 10**9).status is APPLIED
    assert told(place, "reading.manual")[0]["checked"] == 0


@pytest.mark.parametrize(
    ("trust", "left_ms", "reason"),
    [
        (TimeTrust.AUTHENTICATED, 0, "in_the_past"),
        (TimeTrust.AUTHENTICATED, 1, ""),
        (TimeTrust.SYNCHRONISED, 0, ""),
        (TimeTrust.UNKNOWN, -DAY_MS, ""),
    ],
)
def test_a_window_is_past_only_by_proven_time(trust: TimeTrust, left_ms: int, reason: str) -> None:
    """S4-05, I10: a clock that may be ahead sends nobody away."""
    place = world()
    place.trust = trust
    answer = assigned(place, from_utc_ms=place.utc_ms - 2 * DAY_MS, to_utc_ms=place.utc_ms + left_ms)
    assert answer.reason == reason
    assert answer.detail == ((("now_utc_ms", place.utc_ms),) if reason else ())


@pytest.mark.parametrize(
    ("moves", "refusal"),
    [
        ((JobState.ASSIGNED,), "assigned"),
        ((JobState.DONE,), "assigned"),
        ((JobState.STARTED, JobState.STARTED), "started"),
    ],
)
def test_a_job_that_cannot_move_says_where_it_is(moves: tuple[JobState, ...], refusal: str) -> None:
    """S4-05: no step twice, none back, no end before a start."""
    place = world()
    assigned(place)
    *before, last = moves
    assert [moved(place, state).status for state in before] == [APPLIED] * len(before)
    assert moved(place, last) == refused("job_state", ("state", refusal))


@pytest.mark.parametrize("last", [JobState.DONE, JobState.CANCELLED])
def test_a_job_that_is_over_takes_no_other_with_it(last: JobState) -> None:
    """S4-05: of two jobs the other one stays as it was."""
    place = world()
    assigned(place, "w-1")
    assigned(place, "w-2")
    [_, other] = place.account.agenda.jobs
    moved(place, JobState.STARTED)
    assert moved(place, last).status is APPLIED
    assert place.account.agenda.jobs == (other,)


@pytest.mark.parametrize(
    ("after_ms", "answer"),
    [(HOUR_MS - 1, "outside_window"), (HOUR_MS, ""), (3 * HOUR_MS - 1, ""), (3 * HOUR_MS, "outside_window")],
)
def test_who_starts_outside_the_window_is_told(after_ms: int, answer: str) -> None:
    """S4-05: applied either way, and the answer says so; the end of it is no question of the window."""
    place = world()
    assigned(place)
    place.utc_ms += after_ms
    assert moved(place, JobState.STARTED) == Verdict(APPLIED, answer)
    assert moved(place, JobState.DONE) == Verdict(APPLIED)


def test_the_reminder_comes_on_the_very_day() -> None:
    """S2-20: two months after 2 March are over on 2 May: not the day before, and not only the day after."""
    place = world()
    begun(place)
    ended(place)
    pass_days(place, 60)
    assert told(place, "case.timer") == []
    pass_days(place, 1)
    assert len(told(place, "case.timer")) == 1


@pytest.mark.parametrize("days", [61, 367])
def test_a_reminder_takes_no_other_record_with_it(days: int) -> None:
    """I1: what the same event has put on record stays there, before it."""
    place = world()
    begun(place)
    ended(place)
    detail: Detail = ()
    first = Happening(place.now(), "CH-1", "first", detail)
    later = replace(place.now(), utc_ms=MONDAY_MS + days * DAY_MS)
    records = reminded(Outcome(place.account, (first,)), later).records
    assert records[0] == first
    assert len(records) == 2
