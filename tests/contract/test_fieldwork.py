"""Tests of the meter, readings by eye and jobs: kept, flagged, bounded; no money moves."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.prepayment.agenda import JobKind, JobState, MeterTestOutcome, ReadingSource
from gateway.prepayment.certificate import Certificate, CertificateQuality, CertificateReason, Known
from gateway.prepayment.events import Tick, TimeTrust
from gateway.prepayment.fieldwork import frozen, months_after
from gateway.prepayment.ledger import Happening, Verdict, VerdictStatus
from gateway.prepayment.operations import (
    JobAssigned,
    JobMoved,
    ManuallyRead,
    MeterTestBegun,
    MeterTestEnded,
    Operation,
    ReadingValidated,
)
from tests.prepayment.worlds import DAY_MS, HOUR_MS, MONDAY_MS, World, opened, world

APPLIED, REFUSED = VerdictStatus.APPLIED, VerdictStatus.REFUSED


def ask(place: World, request: Operation) -> Verdict:
    """What the account says to it."""
    answer = place.post(request).verdict
    assert answer is not None
    return answer


def told(place: World, what: str) -> list[dict[str, str | int]]:
    """The details of everything on record under this name."""
    return [dict(row.detail) for row in place.records if isinstance(row, Happening) and row.what == what]


def pass_days(place: World, days: int) -> None:
    """Days go by with nothing but time."""
    for _ in range(days):
        place.running_ms += DAY_MS
        place.utc_ms += DAY_MS
        place.post(Tick(place.now()))


def begun(place: World, **changes: Any) -> Verdict:
    """A test begins, with the raw data of the last ten days."""
    request = MeterTestBegun(place.now(), "j-1", "t-1", "case 7", place.utc_ms - 10 * DAY_MS)
    return ask(place, replace(request, **changes))


def ended(place: World, **changes: Any) -> Verdict:
    """It found two per cent too much."""
    request = MeterTestEnded(
        place.now(), "j-2", "t-1", "2026-03-02", MeterTestOutcome.OUT_OF_TOLERANCE, "M. R.", 20_000, "lab 3"
    )
    return ask(place, replace(request, **changes))


def test_a_test_freezes_its_quarter_hours_until_nobody_can_contest_it() -> None:
    """S2-13, S4-11: from the order on, also after the test, for the year that a reconstruction may reach back."""
    place = world()
    assert begun(place).status is APPLIED
    assert frozen([place.account]) == {"CH-1": ((MONDAY_MS - 10 * DAY_MS, 2**62),)}
    place.utc_ms += HOUR_MS
    ended(place)
    assert frozen([place.account]) == {"CH-1": ((MONDAY_MS - 10 * DAY_MS, MONDAY_MS + HOUR_MS),)}
    pass_days(place, 366)
    assert frozen([place.account])
    pass_days(place, 1)
    assert frozen([place.account]) == {}
    assert told(place, "meter_test.released") == [{"test_id": "t-1", "case_id": "case 7"}]


def test_the_result_is_on_record_with_who_found_it() -> None:
    """S2-14: outcome, error, technician, the day, and the last day to tell the customer."""
    place = world()
    begun(place)
    ended(place)
    [row] = told(place, "meter_test.result")
    assert row == {
        "command_id": "j-2", "test_id": "t-1", "case_id": "case 7", "test_on": "2026-03-02", "technician": "M. R.",
        "outcome": "out_of_tolerance", "error_ppm": 20_000, "reference": "lab 3", "info_due_on": "2026-05-02",
    }  # fmt: skip


def test_the_reminder_comes_two_months_after_the_test_once() -> None:
    """S2-20: on the day, not before, only in proven time, and once."""
    place = world()
    begun(place)
    ended(place)
    pass_days(place, 60)  # 1 May
    assert told(place, "case.timer") == []
    place.trust = TimeTrust.SYNCHRONISED
    pass_days(place, 3)
    assert told(place, "case.timer") == []
    place.trust = TimeTrust.AUTHENTICATED
    pass_days(place, 3)
    assert told(place, "case.timer") == [
        {"kind": "info_due", "test_id": "t-1", "case_id": "case 7", "due_on": "2026-05-02"}
    ]


@given(st.dates(date(1970, 1, 1), date(9990, 1, 1)), st.integers(0, 24))
def test_months_are_counted_as_people_do(day: date, months: int) -> None:
    """S2-20: the same day of the month, or its last; never a day more than that many months."""
    after = months_after(day, months)
    assert (after.year - day.year) * 12 + after.month - day.month == months
    assert after.day == day.day or (after.day < day.day and months_after(after, 0).day >= 28)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"frozen_from_utc_ms": MONDAY_MS + 1}, "contradictory_date"),
        ({"frozen_from_utc_ms": MONDAY_MS - 367 * DAY_MS}, "reconstruction_limit"),
    ],
)
def test_a_test_that_cannot_be(changes: dict[str, Any], reason: str) -> None:
    """S2-18: raw data of the future, or of more than a year back: a reason, nothing changed."""
    place = world()
    before = place.account
    assert (begun(place, **changes).reason, place.account) == (reason, before)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"test_id": "t-9"}, "no_test"),
        ({"test_on": "2026-03-01"}, "contradictory_date"),
        ({"test_on": "2026-03-03"}, "contradictory_date"),
        ({"technician": ""}, "no_technician"),
    ],
)
def test_a_result_that_cannot_be(changes: dict[str, Any], reason: str) -> None:
    """S2-14: another test, a day before it began or still to come, nobody's name: a reason, nothing changed."""
    place = world()
    begun(place)
    before = place.account
    assert (ended(place, **changes).reason, place.account) == (reason, before)


def test_tests_are_bounded() -> None:
    """I20: four at a time; a fifth takes the place of one that has ended, and none runs or ends twice."""
    place = world()
    for number in range(4):
        assert begun(place, test_id=f"t-{number}").status is APPLIED
    assert begun(place, test_id="t-3").reason == "test_exists"
    assert begun(place, test_id="t-4").reason == "too_many_tests"
    ended(place, test_id="t-0")
    assert ended(place, test_id="t-0").reason == "test_ended"
    assert begun(place, test_id="t-4").status is APPLIED
    assert [test.test_id for test in place.account.agenda.tests] == ["t-1", "t-2", "t-3", "t-4"]


def on(day: date) -> World:
    """An account that has been read up to 09:00 of that day."""
    place = World(opened())
    noon_ms = int(datetime(day.year, day.month, day.day, 8, tzinfo=UTC).timestamp() * 1000)
    place.running_ms, place.utc_ms, place.register_wh = noon_ms - MONDAY_MS, noon_ms, 50_000
    for _ in range(3):
        place.running_ms += 1_000
        place.utc_ms += 1_000
        place.read()
    return place


def by_eye(place: World, value_wh: int, **changes: Any) -> Verdict:
    """The customer calls with a value of today."""
    today = datetime.fromtimestamp(place.utc_ms / 1000, UTC).date().isoformat()
    request = ManuallyRead(place.now(), "j-7", value_wh, today, ReadingSource.SELF)
    return ask(place, replace(request, **changes))


@pytest.mark.parametrize(
    ("day", "reason"),
    [
        (date(2026, 5, 1), ""),
        (date(2026, 5, 10), ""),
        (date(2026, 5, 11), "outside_window"),
        (date(2026, 4, 5), "outside_window"),
        (date(2026, 11, 10), ""),
    ],
)
def test_the_window_of_a_self_reading(day: date, reason: str) -> None:
    """S2-40: day 1 to 10 of the odd months; outside it is stored and flagged, never lost."""
    place = on(day)
    answer = by_eye(place, 50_000)
    assert (answer.status, answer.reason) == (APPLIED, reason)
    [row] = told(place, "reading.manual")
    assert (row["status"], row["source"], row["outside_window"]) == ("pending_validation", "self", int(bool(reason)))
    assert place.account.agenda.readings[0].outside_window is bool(reason)


@pytest.mark.parametrize(
    ("value_wh", "known", "reason"),
    [
        (49_000, None, "implausible"),
        (50_900, None, ""),
        (48_999, 49_500, "lower_than_last"),
        (49_000, 49_500, ""),
        (900_000, None, "implausible_register"),
    ],
)
def test_a_self_reading_is_held_against_the_register(value_wh: int, known: int | None, reason: str) -> None:
    """S2-40: lower than the register that day (in whole kWh, as displays show) or beyond what can be: refused."""
    place = on(date(2026, 5, 4))
    before = place.account
    floor = None if known is None else Known(0, CertificateQuality.ACTUAL, known)
    answer = by_eye(place, value_wh, floor=floor)
    if reason == "implausible":  # nobody knows what the register showed at midnight: kept, and said so
        assert told(place, "reading.manual")[0]["checked"] == 0
        return
    assert (answer.status, answer.reason) == (REFUSED if reason else APPLIED, reason)
    assert (place.account == before) is bool(reason)


def test_a_self_reading_above_the_end_of_its_day() -> None:
    """S2-40: yesterday's value cannot be higher than what the register showed at midnight."""
    place = on(date(2026, 5, 4))
    ceiling = Known(0, CertificateQuality.ACTUAL, 49_700)
    answer = by_eye(place, 49_701, read_on="2026-05-03", floor=replace(ceiling, import_wh=48_000), ceiling=ceiling)
    assert answer.reason == "implausible_register"


def test_a_silent_meter_is_what_self_readings_are_for() -> None:
    """S2-40: no reading for two days: the value lies between the last one and what rated power allows."""
    place = on(date(2026, 5, 4))
    place.running_ms += 2 * DAY_MS
    place.utc_ms += 2 * DAY_MS
    assert by_eye(place, 50_000).reason == ""
    assert by_eye(place, 49_999).reason == "lower_than_last"
    assert by_eye(place, 300_000).reason == ""
    assert by_eye(place, 50_000 + 13_800 * 48 * 2).reason == "implausible_register"


@pytest.mark.parametrize(("read_on", "reason"), [("2026-05-05", "contradictory_date"), ("2026-03-01", "no_data")])
def test_a_self_reading_of_another_time(read_on: str, reason: str) -> None:
    """S2-40: of tomorrow, or from before the contract: refused."""
    assert by_eye(on(date(2026, 5, 4)), 50_000, read_on=read_on).reason == reason


def test_the_distributor_has_the_last_word() -> None:
    """S2-40: accepted, it is certified as declared; rejected, it is on record; either way it waits no longer."""
    place = on(date(2026, 5, 4))
    balance_nano = place.account.balance_nano
    by_eye(place, 50_000)
    by_eye(place, 50_000, command_id="j-8", source=ReadingSource.TECHNICIAN)
    assert ask(place, ReadingValidated(place.now(), "v-1", "j-7", accept=True)).status is APPLIED
    [made] = [row for row in place.records if isinstance(row, Certificate)]
    assert (made.reason, made.quality, made.import_wh, made.reference) == (
        CertificateReason.SELF_READING, CertificateQuality.DECLARED, 50_000, "j-7",
    )  # fmt: skip
    assert ask(place, ReadingValidated(place.now(), "v-2", "j-8", accept=False)).status is APPLIED
    assert told(place, "reading.rejected")[0]["source"] == "technician"
    assert place.account.agenda.readings == ()
    assert place.account.balance_nano == balance_nano
    assert ask(place, ReadingValidated(place.now(), "v-3", "j-7", accept=True)).reason == "no_reading"


def test_self_readings_are_bounded() -> None:
    """I20: eight wait for validation; a ninth is refused."""
    place = on(date(2026, 5, 4))
    answers = [by_eye(place, 50_000, command_id=f"j-{number}").reason for number in range(9)]
    assert answers == [""] * 8 + ["too_many_readings"]


def assigned(place: World, job_id: str = "w-1", **changes: Any) -> Verdict:
    """A technician will come in an hour, for two hours."""
    request = JobAssigned(
        place.now(), "j-1", job_id, JobKind.METER_REPLACEMENT, "case 7", place.utc_ms + HOUR_MS,
        place.utc_ms + 3 * HOUR_MS,
    )  # fmt: skip
    return ask(place, replace(request, **changes))


def moved(place: World, state: JobState, job_id: str = "w-1") -> Verdict:
    """The technician says so."""
    return ask(place, JobMoved(place.now(), "j-2", job_id, state, "M. R."))


@pytest.mark.parametrize(
    ("after_ms", "reason"),
    [(0, "outside_window"), (HOUR_MS, ""), (3 * HOUR_MS - 1, ""), (3 * HOUR_MS, "outside_window")],
)
def test_a_job_in_its_window_or_flagged(after_ms: int, reason: str) -> None:
    """S4-05: a start outside the window is flagged; every event names the central case (S4-08)."""
    place = world()
    assigned(place)
    place.utc_ms += after_ms
    assert (moved(place, JobState.STARTED).status, moved(place, JobState.STARTED).reason) == (APPLIED, "job_state")
    [row] = told(place, "job.started")
    assert (row["outside_window"], row["case_id"], row["technician"]) == (int(bool(reason)), "case 7", "M. R.")
    assert assigned(place).reason == "job_started"
    assert moved(place, JobState.DONE).status is APPLIED
    assert told(place, "job.done")[0]["case_id"] == "case 7"
    assert place.account.agenda.jobs == ()


def test_jobs_that_cannot_be() -> None:
    """S4-05: an empty window, one gone by, an end before the start, a job nobody knows: a reason, nothing changed."""
    place = world()
    assert assigned(place, to_utc_ms=place.utc_ms + HOUR_MS).reason == "contradictory_date"
    assert assigned(place, from_utc_ms=1, to_utc_ms=2).reason == "in_the_past"
    assert moved(place, JobState.STARTED).reason == "no_job"
    assigned(place)
    assert moved(place, JobState.DONE).reason == "job_state"
    assert moved(place, JobState.ASSIGNED).reason == "job_state"
    assert moved(place, JobState.CANCELLED).status is APPLIED
    assert place.account.agenda.jobs == ()


def test_jobs_are_bounded_and_a_new_window_replaces_the_old() -> None:
    """I20: sixteen at a time; the same id again moves its window."""
    place = world()
    answers = [assigned(place, f"w-{number}").reason for number in range(17)]
    assert answers == [""] * 16 + ["too_many_jobs"]
    assert assigned(place, "w-3", to_utc_ms=place.utc_ms + 9 * HOUR_MS).status is APPLIED
    assert place.account.agenda.jobs[-1].to_utc_ms == place.utc_ms + 9 * HOUR_MS
