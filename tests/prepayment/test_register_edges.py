"""Judging a register at the Wh and the millisecond where the judgement changes, and what it tells (decision 6, I6)."""

from dataclasses import replace

import pytest

from gateway.prepayment.events import Detail, Moment, Reading, TimeTrust
from gateway.prepayment.register import (
    CASES_MAX,
    CONFIRMATIONS,
    OVERLOAD_PERCENT,
    REFRESH_MS,
    Candidate,
    Case,
    CaseKind,
    Judgement,
    Register,
    Span,
    Told,
    judge,
    plausible_wh,
)
from tests.prepayment.worlds import HOUR_MS, MONDAY_MS, at

RATED_W = 3_600  # with overload 1.25 Wh a second: 4500 Wh an hour
BEGAN = Register(wh=1_000, at=at(), moved_ms=0, dated=at())


def read(
    register: Register, ms: int, wh: int | None, trust: TimeTrust = TimeTrust.AUTHENTICATED, **more: object
) -> Judgement:
    """One reading so much later."""
    serial, wraps = more.pop("bound_to", None), more.pop("wraps_at_wh", None)
    reading = Reading(at(ms, trust), wh, quantum_wh=more.pop("quantum_wh", 0), **more)  # type: ignore[arg-type]
    return judge(register, reading, serial=serial, rated_power_w=RATED_W, wraps_at_wh=wraps)  # type: ignore[arg-type]


def told(judged: Judgement) -> dict[str, dict[str, str | int]]:
    """What happened, with its details by name."""
    return {what: dict(detail) for what, detail in judged.events}


def test_the_terms_of_judging() -> None:
    """Decision 6: three agreeing readings, a minute of standing still, a quarter of overload, 16 open cases."""
    assert (CONFIRMATIONS, REFRESH_MS, OVERLOAD_PERCENT, CASES_MAX) == (3, 60_000, 125, 16)
    assert Register() == Register(None, None, 1, unobserved=False, trouble="", candidate=None, cases=(), cases_opened=0)
    assert (Register().dated, Register().moved_ms, Register().trusted) == (None, None, False)
    assert Span(at(), at(), 1).case is None
    assert Judgement(BEGAN) == Judgement(BEGAN, (), (), reread=False)


@pytest.mark.parametrize(
    ("ms", "quantum_wh", "most_wh"),
    [(0, 0, 0), (-5, 1, 2), (1, 0, 1), (800, 0, 1), (801, 0, 2), (HOUR_MS, 0, 4_500), (HOUR_MS, 10, 4_520)],
)
def test_the_most_a_register_may_advance(ms: int, quantum_wh: int, most_wh: int) -> None:
    """Decision 6: rated power and a quarter over the time, rounded up, and two quanta."""
    assert plausible_wh(ms, RATED_W, quantum_wh) == most_wh


@pytest.mark.parametrize(("wh", "charged"), [(1_000, True), (999, False), (5_500, True), (5_501, False)])
def test_what_lies_within_is_charged_and_what_does_not_is_read_again(wh: int, charged: bool) -> None:
    """I6: from no advance at all to the most there can be; one Wh beyond charges nothing."""
    judged = read(BEGAN, HOUR_MS, wh)
    if charged:
        assert judged.spans == (Span(at(), at(HOUR_MS), wh - 1_000),)
        assert (judged.register.wh, judged.register.trusted, judged.reread, judged.events) == (wh, True, False, ())
        return
    assert (judged.spans, judged.reread, judged.register.wh) == ((), True, 1_000)
    assert judged.register.candidate == Candidate(wh, at(HOUR_MS), wh, at(HOUR_MS), 1)
    assert told(judged) == {"register.quarantined": {"value_wh": wh, "expected_from_wh": 1_000}}
    again = read(judged.register, HOUR_MS, wh)
    assert (again.events, again.reread, again.register.candidate and again.register.candidate.count) == ((), True, 2)


def test_a_transient_is_told_when_the_register_is_itself_again() -> None:
    """I6: the value that was not believed and the one that stood."""
    judged = read(read(BEGAN, 1_000, 0).register, 2_000, 1_001)
    assert told(judged) == {"register.transient": {"value_wh": 0, "kept_wh": 1_000}}
    assert judged.spans == (Span(at(), at(2_000), 1),)


@pytest.mark.parametrize(
    ("moved_ms", "ms", "room_ms"),
    [
        (0, 1_000, 1_000),
        (-30_000, 1_000, 31_000),
        (-59_000, 1_000, 60_000),
        (-90_000, 1_000, 60_000),
        (-90_000, 90_000, 90_000),
        (None, 1_000, 1_000),
    ],
)
def test_a_register_that_stood_still_may_catch_up_a_minute(moved_ms: int | None, ms: int, room_ms: int) -> None:
    """Decision 6: meters that renew their register now and then; never more than rated power over the time."""
    register = replace(BEGAN, moved_ms=moved_ms)
    most_wh = plausible_wh(room_ms, RATED_W, 0)
    assert read(register, ms, 1_000 + most_wh).spans == (Span(at(), at(ms), most_wh),)
    assert read(register, ms, 1_001 + most_wh).spans == ()


def test_when_a_register_moved_last() -> None:
    """The time it stood still counts from the reading that moved it, and from the first one if none did."""
    assert read(BEGAN, 5_000, 1_001).register.moved_ms == 5_000
    assert read(replace(BEGAN, moved_ms=-7), 5_000, 1_000).register.moved_ms == -7
    assert read(replace(BEGAN, moved_ms=None), 5_000, 1_000).register.moved_ms == 0


def test_an_accepted_reading_forgets_what_was_wrong_and_keeps_what_is_open() -> None:
    """Segment, cases and their count stay; quarantine, trouble and the absence are over; dated only if it is."""
    case = Case(4, CaseKind.DISCONTINUITY, 1, 2, 1, at(), at(), 0)
    register = replace(BEGAN, segment=3, unobserved=True, cases=(case,), cases_opened=4, trouble="nan")
    made = read(register, 5_000, 1_001).register
    assert made == Register(
        wh=1_001, at=at(5_000), segment=3, cases=(case,), cases_opened=4, dated=at(5_000), moved_ms=5_000
    )
    for trust in (TimeTrust.UNKNOWN, TimeTrust.RESTORED):
        assert read(register, 5_000, 1_001, trust).register.dated == at()


@pytest.mark.parametrize(("defect", "trouble"), [("nan", "nan"), (None, "unreadable")])
def test_an_unreadable_register_is_told_once_and_again_when_it_is_over(defect: str | None, trouble: str) -> None:
    """I6: it charges nothing and is read again at once."""
    first = read(BEGAN, 1_000, None, defect=defect)
    known = (Told("register.unreadable", 1_000),)
    assert (first.register, first.spans, first.reread) == (replace(BEGAN, trouble=trouble, told=known), (), True)
    assert told(first) == {"register.unreadable": {"trouble": trouble}}
    assert not first.register.trusted
    second = read(first.register, 2_000, None, defect=defect)
    assert (second.events, second.reread) == ((), True)
    over = read(second.register, 3_000, 1_001)
    assert told(over) == {"register.readable": {"after": trouble}}
    assert over.spans == (Span(at(), at(3_000), 1),)


def test_another_meter_is_told_with_its_serial_and_not_read_in_haste() -> None:
    """I8: another serial number charges nothing; where either side has none, none is compared."""
    judged = read(BEGAN, 1_000, 1_001, bound_to="A", serial="B")
    assert told(judged) == {"register.foreign_serial": {"trouble": "serial", "serial": "B"}}
    assert (judged.register.trouble, judged.reread, judged.spans) == ("serial", False, ())
    assert read(judged.register, 2_000, 1_001, bound_to="A", serial="B").events == ()
    for bound, shown in ((None, "B"), ("A", None), ("A", "A")):
        assert read(BEGAN, 1_000, 1_001, bound_to=bound, serial=shown).spans
    nan = read(BEGAN, 1_000, None, bound_to="A", serial="A", defect="nan")
    assert told(nan) == {"register.unreadable": {"trouble": "nan"}}


def thrice(register: Register, ms: int, first_wh: int, step_wh: int = 1, **more: object) -> Judgement:
    """Three readings a second apart."""
    judged = read(register, ms, first_wh, **more)  # type: ignore[arg-type]
    for number in (1, 2):
        judged = read(judged.register, ms + 1_000 * number, first_wh + step_wh * number, **more)  # type: ignore[arg-type]
    return judged


@pytest.mark.parametrize(("step_wh", "stable"), [(0, True), (2, True), (3, False), (-1, False)])
def test_readings_confirm_each_other_within_rated_power(step_wh: int, stable: bool) -> None:
    """Decision 6: a value that jumps about is no baseline, be it by one Wh too many or back by one."""
    judged = thrice(BEGAN, 1_000, 100, step_wh)
    assert (judged.register.candidate is None) is stable
    assert judged.reread is not stable


def test_a_new_segment_leaves_the_difference_to_a_person() -> None:
    """Decision 6: charging goes on from the new baseline; the case names both ends and when."""
    judged = thrice(replace(BEGAN, cases_opened=2), 1_000, 100)
    case = Case(3, CaseKind.DISCONTINUITY, 1_000, 100, -900, at(), at(1_000), 1_000)
    assert (judged.register.cases, judged.register.cases_opened, judged.register.segment) == ((case,), 3, 2)
    assert (judged.register.wh, judged.register.at) == (102, at(3_000))
    assert judged.spans == (Span(at(1_000), at(3_000), 2),)
    wanted = {"case_id": 3, "from_wh": 1_000, "to_wh": 100, "segment": 2}
    assert told(judged) == {"register.discontinuity": wanted}


def test_the_first_value_is_confirmed_before_it_counts() -> None:
    """Decision 3: an account without a register begins at the next that is stable."""
    judged = thrice(Register(), 1_000, 100)
    assert told(judged) == {"register.opened": {"register_wh": 100}}
    assert judged.spans == (Span(at(1_000), at(3_000), 2),)
    assert (judged.register.wh, judged.register.segment, judged.register.moved_ms) == (102, 1, 3_000)
    assert read(Register(), 1_000, 100).events == ()


@pytest.mark.parametrize(("first_wh", "wrapped"), [(0, True), (4_499, True), (4_500, True), (4_501, False)])
def test_a_wrap_is_charged_across(first_wh: int, wrapped: bool) -> None:
    """Decision 6: if what lies across the wrap fits rated power; else it is a discontinuity like any other."""
    register = replace(BEGAN, wh=9_999)
    judged = thrice(register, HOUR_MS, first_wh, wraps_at_wh=9_999)
    if wrapped:
        spans = (Span(at(), at(HOUR_MS), first_wh), Span(at(HOUR_MS), at(HOUR_MS + 2_000), 2))
        assert (judged.spans, judged.register.segment, judged.register.cases) == (spans, 1, ())
        wanted = {"from_wh": 9_999, "to_wh": first_wh, "wraps_at_wh": 9_999}
        assert told(judged) == {"register.wrapped": wanted}
    else:
        assert (len(judged.spans), judged.register.segment) == (1, 2)
    assert thrice(register, HOUR_MS, first_wh).register.segment == 2


def shifted(ms: int, off_ms: int, trust: TimeTrust = TimeTrust.AUTHENTICATED) -> Moment:
    """A moment after the gateway was off so long."""
    return Moment(MONDAY_MS + ms + off_ms, trust, ms)


def absent(register: Register, off_ms: int, first_wh: int, trust: TimeTrust = TimeTrust.AUTHENTICATED) -> Judgement:
    """Three readings after a start, a second apart."""
    judged = Judgement(replace(register, unobserved=True))
    for number in (1, 2, 3):
        reading = Reading(shifted(1_000 * number, off_ms, trust), first_wh + number - 1, quantum_wh=0)
        judged = judge(judged.register, reading, serial=None, rated_power_w=RATED_W, wraps_at_wh=None)
    return judged


@pytest.mark.parametrize(("gap_wh", "charged"), [(4_502, True), (4_503, False)])
def test_a_dated_absence_is_charged_if_rated_power_allows_it(gap_wh: int, charged: bool) -> None:
    """Decision 6: an hour off and a second on; one Wh more is left to a person."""
    judged = absent(BEGAN, HOUR_MS, 1_000 + gap_wh)
    if charged:
        assert judged.spans[0] == Span(at(), shifted(1_000, HOUR_MS), gap_wh)
        assert (judged.spans[1].wh, judged.register.segment, judged.register.cases) == (2, 1, ())
    else:
        assert judged.register.cases[0].kind is CaseKind.DISCONTINUITY
        assert judged.register.segment == 2


@pytest.mark.parametrize("change", [{"dated": None}, {"wh": 9_000}])
def test_only_a_gap_ahead_of_a_dated_reading_waits_for_the_time(change: dict[str, object]) -> None:
    """Decision 6: without a date there is nothing to hold it against; a register that went back was never used."""
    judged = absent(replace(BEGAN, **change), HOUR_MS, 3_000, TimeTrust.UNKNOWN)  # type: ignore[arg-type]
    assert [case.kind for case in judged.register.cases] == [CaseKind.DISCONTINUITY]


def test_absences_without_a_clock_are_one_case_until_the_time_is_known() -> None:
    """Decision 6: their sum is held against the whole time, however often the gateway was off; another stands apart."""
    older = Case(1, CaseKind.UNOBSERVED, 100, 200, 100, at(-9), at(-8), 5)
    register = replace(BEGAN, cases=(older,), cases_opened=1)
    first = absent(register, HOUR_MS, 2_000, TimeTrust.UNKNOWN)
    case = Case(2, CaseKind.UNOBSERVED, 1_000, 2_000, 1_000, at(), shifted(1_000, HOUR_MS, TimeTrust.UNKNOWN), 1_000)
    assert first.register.cases == (older, case)
    assert told(first) == {"register.unobserved": {"case_id": 2, "from_wh": 1_000, "to_wh": 2_000, "segment": 1}}
    assert first.register.dated == at()
    again = replace(first.register, unobserved=True)
    judged = Judgement(again)
    for number in (10, 11, 12):
        reading = Reading(Moment(0, TimeTrust.UNKNOWN, 1_000 * number), 3_000 + number, quantum_wh=0)
        judged = judge(judged.register, reading, serial=None, rated_power_w=RATED_W, wraps_at_wh=None)
    second = judged.register.cases[1]
    assert len(judged.register.cases) == 2
    assert (second.case_id, second.from_wh, second.to_wh, second.wh) == (3, 1_000, 3_010, 1_000 + 1_008)
    assert (second.began, second.ended.running_ms, second.observed_ms) == (at(), 10_000, 1_000 + 7_000)


@pytest.mark.parametrize(("wh", "charged"), [(4_500, True), (4_501, False)])
def test_an_open_absence_is_settled_when_the_time_is_known(wh: int, charged: bool) -> None:
    """Decision 6: rated power over all the time since the last dated reading decides, in an entry of its own."""
    case = Case(2, CaseKind.UNOBSERVED, 1_000, 1_000 + wh, wh, at(), Moment(0, TimeTrust.UNKNOWN, 1_000), 1_000)
    kept = Case(1, CaseKind.DISCONTINUITY, 5, 6, 1, at(), at(), 0)
    register = replace(BEGAN, wh=9_000, at=Moment(0, TimeTrust.UNKNOWN, 2_000), cases=(kept, case), cases_opened=2)
    now = Moment(MONDAY_MS + HOUR_MS + 2_000, TimeTrust.SYNCHRONISED, 3_000)
    judged = judge(register, Reading(now, 9_000, quantum_wh=0), serial=None, rated_power_w=RATED_W, wraps_at_wh=None)
    detail: Detail = (("case_id", 2), ("from_wh", 1_000), ("to_wh", 1_000 + wh), ("segment", 1), ("wh", wh))
    ended = Moment(MONDAY_MS + HOUR_MS, TimeTrust.SYNCHRONISED, 1_000)
    if charged:
        assert judged.spans[1] == Span(at(), ended, wh, case)
        assert judged.register.cases == (kept,)
        assert judged.events == (("register.unobserved_charged", detail),)
    else:
        assert len(judged.spans) == 1
        assert judged.register.cases == (kept, replace(case, kind=CaseKind.DISCONTINUITY, ended=ended))
        assert judged.events == (("register.discontinuity", detail),)
    undated = Reading(Moment(5, TimeTrust.RESTORED, 3_000), 9_000, quantum_wh=0)
    still = judge(register, undated, serial=None, rated_power_w=RATED_W, wraps_at_wh=None)
    assert (still.register.cases, still.events) == ((kept, case), ())


def test_sixteen_open_cases_are_kept() -> None:
    """I20: the newest; the journal has all of them."""
    cases = tuple(Case(number, CaseKind.DISCONTINUITY, 1, 2, 1, at(), at(), 0) for number in range(1, 17))
    register = thrice(replace(BEGAN, cases=cases, cases_opened=16), 1_000, 100).register
    assert [case.case_id for case in register.cases] == list(range(2, 18))


def test_a_trouble_is_over_even_when_the_value_is_not_believed_yet() -> None:
    """I6: readable again and quarantined are two things, and both are told."""
    judged = read(replace(BEGAN, trouble="nan", told=(Told("register.unreadable", 0),)), 1_000, 9_000)
    assert list(told(judged)) == ["register.readable", "register.quarantined"]
    assert (judged.register.trouble, judged.register.trusted) == ("", False)


def test_an_open_absence_waits_for_a_register_that_is_believed() -> None:
    """Decision 6: a value in quarantine settles nothing, whatever the time."""
    case = Case(1, CaseKind.UNOBSERVED, 900, 1_000, 100, at(-HOUR_MS), at(-1), HOUR_MS)
    register = replace(BEGAN, cases=(case,), cases_opened=1)
    assert read(register, 1_000, 9_000).register.cases == (case,)
    assert read(register, 1_000, 1_001).register.cases == ()


LATER = replace(BEGAN, at=at(HOUR_MS), dated=at(HOUR_MS), moved_ms=HOUR_MS)


def test_times_count_from_the_last_reading() -> None:
    """Decision 6: not from the beginning: a wrap, a step of the wall clock and an absence an hour into the life."""
    wrapped = thrice(replace(LATER, wh=9_999), HOUR_MS + 800, 2, wraps_at_wh=9_999)
    assert wrapped.register.segment == 2  # one Wh in 0.8 s is the most
    assert thrice(replace(LATER, wh=9_999), HOUR_MS + 801, 2, wraps_at_wh=9_999).register.segment == 1
    assert thrice(replace(BEGAN, wh=10_000), HOUR_MS, 0, wraps_at_wh=9_999).register.segment == 2
    assert thrice(replace(LATER, wh=9_999), HOUR_MS + 1_000, 100).register.cases[0].observed_ms == 1_000


@pytest.mark.parametrize(("gap_wh", "charged"), [(4_502, True), (4_503, False)])
def test_how_long_the_gateway_was_off_does_not_depend_on_its_age(gap_wh: int, charged: bool) -> None:
    """Decision 6: the wall clock says how long it was off, less the time it was running."""
    judged = Judgement(replace(LATER, unobserved=True))
    for number in (1, 2, 3):
        reading = Reading(shifted(HOUR_MS + 1_000 * number, HOUR_MS), 1_000 + gap_wh + number - 1, quantum_wh=0)
        judged = judge(judged.register, reading, serial=None, rated_power_w=RATED_W, wraps_at_wh=None)
    assert (judged.register.cases == ()) is charged


def test_only_after_a_start_may_the_wall_clock_explain_a_gap() -> None:
    """I16: a clock stepped ahead while the gateway runs explains no energy."""
    judged = Judgement(BEGAN)
    for number in (1, 2, 3):
        reading = Reading(shifted(1_000 * number, HOUR_MS), 3_000 + number, quantum_wh=0)
        judged = judge(judged.register, reading, serial=None, rated_power_w=RATED_W, wraps_at_wh=None)
    assert [case.kind for case in judged.register.cases] == [CaseKind.DISCONTINUITY]


def test_a_single_wh_used_while_off_is_charged() -> None:
    """Decision 6: also when nothing has been observed since."""
    judged = Judgement(replace(BEGAN, unobserved=True))
    for _ in range(3):
        reading = Reading(shifted(0, HOUR_MS), 1_001, quantum_wh=0)
        judged = judge(judged.register, reading, serial=None, rated_power_w=RATED_W, wraps_at_wh=None)
    assert (judged.spans[0].wh, judged.register.cases) == (1, ())


def test_an_absence_is_not_joined_to_a_discontinuity() -> None:
    """Decision 6: what a person must look at stays apart from what time settles, though both began at one reading."""
    open_case = Case(1, CaseKind.DISCONTINUITY, 1, 2, 1, at(), at(), 0)
    register = replace(BEGAN, cases=(open_case,), cases_opened=1)
    cases = absent(register, HOUR_MS, 2_000, TimeTrust.UNKNOWN).register.cases
    assert [case.kind for case in cases] == [CaseKind.DISCONTINUITY, CaseKind.UNOBSERVED]
    assert cases[0] == open_case
