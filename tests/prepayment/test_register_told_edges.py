"""When a trouble of the register is told, to the millisecond, and which case gives way when there are too many."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.prepayment.events import Moment, Reading, TimeTrust
from gateway.prepayment.register import CASES_MAX, Case, CaseKind, Register, _kept, judge

QUARTER_MS = 15 * 60_000
READ = Register(wh=1_000, at=Moment(0, TimeTrust.AUTHENTICATED, 0))
GOOD: dict[str, object] = {"import_wh": 1_000}
WRONG: dict[str, tuple[dict[str, object], tuple[str, str]]] = {
    "unreadable": ({"import_wh": None, "defect": "nan"}, ("register.unreadable", "register.readable")),
    "foreign": ({"import_wh": 1_000, "serial": "other"}, ("register.foreign_serial", "register.readable")),
    "transient": ({"import_wh": 0}, ("register.quarantined", "register.transient")),
}


def told(register: Register, running_ms: int, values: dict[str, object]) -> tuple[Register, list[str]]:
    """One reading at this running time; the words that are told."""
    at = Moment(running_ms, TimeTrust.AUTHENTICATED, running_ms)
    judged = judge(register, Reading(at, **values), serial="mine", rated_power_w=10_000, wraps_at_wh=None)  # type: ignore[arg-type]
    return judged.register, [what for what, _ in judged.events]


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize(("after_ms", "again"), [(QUARTER_MS - 1, False), (QUARTER_MS, True), (QUARTER_MS + 1, True)])
def test_a_trouble_is_told_again_after_a_quarter_of_an_hour(kind: str, after_ms: int, again: bool) -> None:
    """I20, I24: its beginning and its end, or neither; counted from when it was told last."""
    wrong, words = WRONG[kind]
    register, began_ms = READ, 5_000_000
    for at_ms, values, said in (
        (began_ms, wrong, [words[0]]),
        (began_ms + 10, GOOD, [words[1]]),
        (began_ms + after_ms, wrong, [words[0]] if again else []),
        (began_ms + after_ms + 10, GOOD, [words[1]] if again else []),
    ):
        register, found = told(register, at_ms, values)
        assert found == said


def test_two_troubles_at_once_are_over_at_once() -> None:
    """I24: each is told when it begins; one good reading ends both, and that is one row."""
    register, words = READ, []
    for at_ms, values in ((1, WRONG["foreign"][0]), (2, WRONG["unreadable"][0]), (3, GOOD), (4, GOOD)):
        register, found = told(register, at_ms, values)
        words += found
    assert words == ["register.foreign_serial", "register.unreadable", "register.readable"]


def test_a_trouble_that_lasts_is_told_once() -> None:
    """I20: however long it lasts, and its end in any case."""
    wrong, words = WRONG["unreadable"]
    register, found = told(READ, 1_000, wrong)
    assert found == [words[0]]
    for number in range(1, 4):
        register, found = told(register, 1_000 + number * QUARTER_MS, wrong)
        assert found == []
    assert told(register, 1_001 + 3 * QUARTER_MS, GOOD)[1] == [words[1]]


def test_the_oldest_gives_way_where_all_wait_for_the_time() -> None:
    """I20, I6: a difference that a person must judge first, wherever it stands; else the oldest."""
    at = Moment(0, TimeTrust.UNKNOWN, 0)
    waiting = [Case(number, CaseKind.UNOBSERVED, 0, 1, 1, at, at, 0) for number in range(CASES_MAX + 1)]
    assert [case.case_id for case in _kept(tuple(waiting))] == list(range(1, CASES_MAX + 1))
    assert _kept(tuple(waiting[1:])) == tuple(waiting[1:])
    judged = replace(waiting[5], kind=CaseKind.DISCONTINUITY)
    kept = _kept((*waiting[:5], judged, *waiting[6:]))
    assert [case.case_id for case in kept] == [number for number in range(CASES_MAX + 1) if number != 5]
