"""Guided field work at the keyboard: registers typed twice, consent, and nothing done before the last yes."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.terminal.catalogue import load
from gateway.terminal.verbs import Data, Refused, Say, Talk
from gateway.terminal.views import field, visit
from gateway.terminal.words import Words

HANGING = {
    "account": "CH-1",
    "meter": "m1",
    "delivery_point": "",
    "old_serial": "A-1",
    "last_wh": 1_204_170,
    "seen_s": 3,
    "serial": "B-2",
    "import_wh": 40,
}
ORDERED = {
    "account": "CH-1",
    "command": "meter_replace",
    "row": 12,
    "detail": {"charged_wh": 500},
    "balance": "7.5",
    "currency": "CHF",
    "report_name": "report-console-1.json",
    "report": '{"document":{}}',
}
SAY: Say = Words(load("en"))


class Person:
    """Answers prompts and questions in their order; the daemon answers by action."""

    def __init__(self, typed: Iterable[str], yes: Iterable[bool], answers: dict[str, Data]) -> None:
        self.say = SAY
        self.typed, self.yes, self.answers = list(typed), list(yes), answers
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.lines: list[str] = []

    def ask(self, do: str, **args: object) -> Data:
        """What the daemon says."""
        self.asked.append((do, args))
        return self.answers[do]

    def read(self, key: str, **facts: Any) -> str:
        """The next line that is typed; the prompt must be a text."""
        assert self.say.text(key, **facts) != key
        return self.typed.pop(0)

    def confirm(self, key: str, **facts: Any) -> bool:
        """The next answer."""
        assert self.say.text(key, **facts) != key
        return self.yes.pop(0)

    def show(self, lines: Iterable[str]) -> None:
        """What is on the screen."""
        self.lines += list(lines)


def talk(person: Person) -> Talk:
    """As the verbs see it."""
    return cast("Talk", person)


def replacing(typed: Iterable[str], yes: Iterable[bool] = (True, True)) -> Person:
    """Somebody in the middle of a replacement."""
    return Person(typed, yes, {"replace.look": HANGING, "replace.do": ORDERED})


WORDS = {"account": "CH-1", "reason": "display dead"}
RIGHT = ["", "1204,67", "1204.67", "0", "0.000", "Elettra SA", "sheet 17", ""]


def test_a_replacement_step_by_step() -> None:
    """S4-09, S2-21: the serials as plate and meter say them, both registers twice, consent, two confirmations."""
    person = replacing(RIGHT)
    field.replace(talk(person), WORDS)
    do, args = person.asked[-1]
    assert do == "replace.do"
    assert args == {
        "account": "CH-1",
        "old_serial": "A-1",
        "old_end_wh": 1_204_670,
        "new_serial": "B-2",
        "new_start_wh": 0,
        "company": "Elettra SA",
        "consent": "sheet 17",
        "reason": "display dead",
    }
    assert any("report-console-1.json" in line for line in person.lines)
    assert any("1204.67 kWh" in line or "1204.670 kWh" in line for line in person.lines)


@pytest.mark.parametrize("yes", [(False,), (True, False)])
def test_without_the_customer_or_the_last_yes_nothing_is_done(yes: tuple[bool, ...]) -> None:
    """S2-21: dual confirmation; either no leaves everything as it was."""
    person = replacing(RIGHT, yes)
    field.replace(talk(person), WORDS)
    assert [do for do, _ in person.asked] == ["replace.look"]
    assert person.lines[-1] == "Nothing was done."


def test_a_register_that_is_not_the_same_twice_is_read_again() -> None:
    """S4-09: money hangs on it; three times different ends it."""
    person = replacing(["", "1204.67", "1204.76", "1204.76", "1204.76", *RIGHT[3:]])
    field.replace(talk(person), WORDS)
    assert person.asked[-1][1]["old_end_wh"] == 1_204_760
    person = replacing(["", *("1", "2") * 3])
    with pytest.raises(Refused, match="not_the_same"):
        field.replace(talk(person), WORDS)
    assert len(person.asked) == 1


def test_a_meter_that_counts_both_ways_has_two_more_registers() -> None:
    """S4-09: export of the old and the new meter, where somebody says so."""
    answers: dict[str, Data] = {"replace.look": {**HANGING, "export_wh": 3}, "replace.do": ORDERED}
    typed = [*RIGHT[:5], "7", "7", "0", "0", *RIGHT[5:]]
    person = Person(typed, (True, True, True), answers)
    field.replace(talk(person), WORDS)
    args = person.asked[-1][1]
    assert (args["old_export_end_wh"], args["new_export_start_wh"]) == (7_000, 0)


@pytest.mark.parametrize(
    ("text", "wh"),
    [
        ("1204.17", 1_204_170),
        ("1204,17", 1_204_170),
        (" 0 ", 0),
        ("0.001", 1),
        ("999999999999", 999_999_999_999_000),
        ("", None),
        (".5", None),
        ("5.", None),
        ("1.2345", None),
        ("-1", None),
        ("1e3", None),
        ("1 204", None),
        ("1.204,17", None),
        ("٣", None),
        ("9999999999999", None),
    ],
)
def test_kwh_as_people_write_them(text: str, wh: int | None) -> None:
    """Nothing is guessed: what could mean two things is asked again."""
    assert field.energy_wh(text) == wh


@pytest.mark.parametrize(("verb", "do"), [(field.safety_off, "safety.off"), (field.restore, "restore")])
def test_what_may_close_onto_somebody_is_asked_once_more(verb: Callable[[Talk, dict[str, str]], None], do: str) -> None:
    """Decision 13, 14: no is the default, and no does nothing."""
    person = Person([], [False], {})
    verb(talk(person), WORDS)
    assert person.asked == []
    person = Person([""], [True], {do: ORDERED})
    verb(talk(person), WORDS)
    assert person.asked == [(do, WORDS)]
    person = Person([], [True], {do: {**ORDERED, "report": ""}})
    verb(talk(person), WORDS)
    assert person.lines[0].startswith("Done: "), "and without a signed report nobody is asked where to keep it"


def test_a_signed_report_is_kept_and_overwrites_nothing(tmp_path: Path) -> None:
    """S4-09: the technician may take the report along; a file that is there stays."""
    file = tmp_path / "report.json"
    person = replacing([*RIGHT[:-1], str(file)])
    field.replace(talk(person), WORDS)
    assert file.read_text() == ORDERED["report"]
    with pytest.raises(Refused, match="file_not_written"):
        field.replace(talk(replacing([*RIGHT[:-1], str(file)])), WORDS)


def test_a_comparison_test_and_a_reading() -> None:
    """S2-14, S2-40: energies in kWh as the instruments show them."""
    person = Person(["1.031", "x", "1", "MT-310", ""], [False], {"test.end": ORDERED})
    field.test_end(talk(person), {"account": "CH-1", "test": "T-1"})
    args = person.asked[0][1]
    assert (args["meter_wh"], args["reference_wh"], args["outcome"]) == (1_031, 1_000, "out_of_tolerance")
    person = Person([], [], {"reading.enter": {**ORDERED, "note": "outside_window", "report": ""}})
    field.reading(talk(person), {"account": "CH-1", "kwh": "1204,17", "source": "self"})
    assert person.asked[0][1] == {"account": "CH-1", "value_wh": 1_204_170, "source": "self"}
    assert "! Outside of its window: put on record so." in person.lines


def test_lists_fit_a_screen() -> None:
    """24x80: jobs, outages and sticks in a line each, plain where there are none."""
    job = {"job": "J-1", "account": "CH-1", "kind": "meter_test", "case": "7", "begins": "2026-03-02T08:00:00.000Z",
           "ends": "2026-03-02T09:00:00.000Z", "state": "assigned", "now": True}  # fmt: skip
    outage = {**job, "outage": "O-9", "reference": "substation", "set_by": "console/anna"}
    lines = [*visit.jobs({"jobs": [job]}, SAY), *visit.outages({"outages": [outage]}, SAY)]
    lines += [*visit.sticks({"sticks": [{"path": "/media/a", "free_bytes": 2**30}]}, SAY)]
    lines += [*visit.exported({"bytes": 7, "stick": "/media/a", "files": ["x.csv"]}, SAY)]
    assert all(len(line) <= 80 for line in lines)
    assert any("J-1*" in line and "meter test" in line for line in lines)
    for show, empty in ((visit.jobs, "jobs"), (visit.outages, "outages"), (visit.sticks, "sticks")):
        assert len(list(show({empty: []}, SAY))) == 1


def test_an_order_without_a_balance_or_a_report_shows_its_row() -> None:
    """I24: a lock-out moves no money: the row on record stands there, and no empty label."""
    lines = [*field.ordered({"account": "CH-1", "command": "lockout.set", "row": 12, "detail": {}}, SAY)]
    assert len(lines) == 2
    assert lines[1].split() == ["Journal", "row", "12"]


def test_an_energy_that_is_none_is_asked_for_again_and_then_given_up() -> None:
    """S2-40: nothing is guessed, and nothing is on record before there is a number."""
    answers: dict[str, Data] = {"reading.enter": {**ORDERED, "report": ""}}
    person = Person(["about 5"] * field.TRIES, [], answers)
    with pytest.raises(Refused) as caught:
        field.reading(talk(person), {"account": "CH-1", "kwh": "five"})
    assert caught.value.code == "E-KEY-14"
    assert person.asked == []
    person = Person([], [], answers)
    field.reading(talk(person), {"account": "CH-1", "kwh": "5", "day": "2026-03-01"})
    assert person.asked == [("reading.enter", {"account": "CH-1", "value_wh": 5_000, "day": "2026-03-01"})]


def test_a_meter_that_does_not_answer_is_typed_from_its_plate() -> None:
    """S4-09, threat 11: of a meter that says nothing no serial, register or age is shown, and none is made up."""
    silent = {"account": "CH-1", "meter": "m1", "delivery_point": ""}
    person = Person(
        ["A-1", "1", "1", "B-9", "0", "0", "Elettra SA", "sheet 17"], (True, False), {"replace.look": silent}
    )
    field.replace(talk(person), WORDS)
    assert [line.split()[0] for line in person.lines[:3]] == ["Account", "Meter", "Old"]
    assert person.lines[3] == SAY.text("field.summary")
    assert any(line.split()[-1] == "B-9" for line in person.lines)
    assert not any(line.startswith(SAY.text("field.sum_counted")) for line in person.lines)


@pytest.mark.parametrize("name", ["status --json", "no/such/folder/report.json"])
def test_a_command_typed_ahead_is_no_file_name(name: str) -> None:
    """I24: the replacement is on record; that its copy was not kept is said with a code."""
    with pytest.raises(Refused, match="file_not_written"):
        field.replace(talk(replacing([*RIGHT[:-1], name])), WORDS)
