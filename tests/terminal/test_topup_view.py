"""How a top-up is typed: groups that are wrong are asked for again, and a paste of a megabyte goes nowhere."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.terminal.catalogue import load
from gateway.terminal.verbs import Data, Refused, Say, Talk
from gateway.terminal.views import topup
from gateway.terminal.words import Words

CODE = "19245 14044 11724 85561 31780 12162 52419 67021"
DONE = {
    "command": "top_up",
    "status": "applied",
    "repeated": False,
    "row": 12,
    "account": "CH-0001",
    "credited": "20.00",
    "balance": "12.40",
    "currency": "CHF",
    "state": "NORMAL",
}


class Person:
    """Types what the test says; the daemon answers as told, refusals by raising them."""

    def __init__(self, typed: Iterable[str] = (), answers: Iterable[Data | Refused] = (DONE,)) -> None:
        self.say: Say = Words(load("en"))
        self.typed = list(typed)
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.prompts: list[str] = []
        self.lines: list[str] = []

    def ask(self, do: str, **args: object) -> Data:
        """What the daemon says next."""
        self.asked.append((do, args))
        answer = self.answers.pop(0)
        if isinstance(answer, Refused):
            raise answer
        return answer

    def read(self, key: str, **facts: Any) -> str:
        """The next line that is typed."""
        self.prompts.append(self.say.text(key, **facts))
        return self.typed.pop(0)

    def show(self, lines: Iterable[str]) -> None:
        """What is on the screen."""
        self.lines += list(lines)


def talk(person: Person) -> Talk:
    """As the verbs see it."""
    return cast("Talk", person)


def wrong(groups: str) -> Refused:
    """What the daemon says of a slip."""
    return Refused("E-TOP-03", "code_groups", {"groups": groups})


@pytest.mark.parametrize(
    ("words", "account"),
    [
        ({"account": "CH-0001", "code": CODE}, "CH-0001"),
        ({"account": CODE[:5], "code": CODE[6:]}, ""),
        ({"account": CODE.replace(" ", ""), "code": ""}, ""),
        ({"account": "12345", "code": CODE}, "12345"),
    ],
)
def test_the_account_may_be_left_out(words: dict[str, str], account: str) -> None:
    """Where there is one account, 40 digits are enough; an account whose id is five digits is still one."""
    person = Person()
    topup.code(talk(person), words)
    (do, args), *_ = person.asked
    assert (do, args["account"], args["code"].replace(" ", "")) == ("topup.code", account, CODE.replace(" ", ""))
    assert any("12.40 CHF" in line for line in person.lines)


def test_only_the_wrong_groups_are_typed_again() -> None:
    """A slip names its group; the other seven need not be read out again."""
    slipped = CODE.replace("11724", "11742").replace("52419", "52491")
    person = Person([slipped, " 11724 ", "52419"], [wrong("3 7"), DONE])
    topup.code(talk(person), {"account": "CH-0001"})
    assert person.asked[-1][1]["code"] == CODE
    assert person.prompts[1:] == ["Group 3 again (was 11742): ", "Group 7 again (was 52491): "]


def test_digits_without_spaces_are_repaired_too() -> None:
    """The groups are the terminal's to cut, however the digits were typed."""
    person = Person(["11724"], [wrong("3"), DONE])
    topup.code(talk(person), {"account": "", "code": CODE.replace(" ", "").replace("11724", "11725")})
    assert person.asked[-1][1]["code"] == CODE


def test_it_ends_when_it_never_comes_right() -> None:
    """Bounded: after five repairs the person is told to begin again."""
    person = Person(["1"] * 10, [wrong("1")] * 10)
    with pytest.raises(Refused, match="E-KEY-13"):
        topup.code(talk(person), {"account": "CH-0001", "code": CODE})
    assert len(person.asked) == topup.REPAIRS_MAX


@pytest.mark.parametrize(
    "said",
    [
        Refused("E-TOP-04", "code_not_genuine", {"minutes": 2}),
        wrong(""),
        wrong("99"),
        Refused("E-TOP-01", "code_length", {"digits": 39, "digits_right": 40}),
    ],
)
def test_every_other_refusal_is_shown_as_it_is(said: Refused) -> None:
    """Only a named group is repaired; nonsense from the other side ends the conversation."""
    person = Person(answers=[said])
    with pytest.raises(Refused) as refused:
        topup.code(talk(person), {"account": "CH-0001", "code": CODE})
    assert refused.value is said


def test_money_that_is_there_already_is_said_so() -> None:
    """I3: the second time nothing is credited, and the person hears that nothing is lost."""
    person = Person(answers=[{**DONE, "status": "already_included", "credited": "0.00"}])
    topup.code(talk(person), {"account": "CH-0001", "code": CODE})
    assert person.lines[0].startswith("Was already included")


def test_an_envelope_that_mail_has_broken_into_lines_is_joined(tmp_path: Path) -> None:
    """A file from a mail program has line ends in the middle."""
    file = tmp_path / "topup.jws"
    file.write_text("aaa.\r\nbbb.\n ccc\n")
    person = Person()
    topup.envelope(talk(person), {"file": str(file)})
    assert person.asked == [("topup.envelope", {"token": "aaa.bbb.ccc"})]


def test_a_megabyte_is_not_even_sent(tmp_path: Path) -> None:
    """Bad input: a paste of 1 MB, pasted or in a file, is refused at the terminal with its size."""
    person = Person(["x" * 1_000_000])
    with pytest.raises(Refused, match="envelope_too_long"):
        topup.envelope(talk(person), {})
    file = tmp_path / "big"
    file.write_bytes(b"x" * 1_000_000)
    with pytest.raises(Refused, match="envelope_too_long"):
        topup.envelope(talk(person), {"file": str(file)})
    assert person.asked == []


@pytest.mark.parametrize("name", ["", "missing", "\0", "pipe", "."])
def test_what_is_no_file_is_not_read(tmp_path: Path, name: str) -> None:
    """A pipe that nobody writes to, a folder, a name with a zero byte: told at once, nothing hangs."""
    os.mkfifo(tmp_path / "pipe")
    person = Person()
    with pytest.raises(Refused, match="file_unreadable"):
        topup.envelope(talk(person), {"file": f"{tmp_path}/{name}"})


def test_of_an_account_that_is_gone_only_the_order_is_told() -> None:
    """I24: an account closed meanwhile has no balance or state to show; what was on record before has no row."""
    bare = {"command": "top_up", "status": "applied", "repeated": False, "row": 0}
    assert [*topup.shown(bare, Words(load("en")))] == ["Done (top-up)."]
    lines = [*topup.shown({**bare, "row": 7}, Words(load("en")))]
    assert lines[1].split() == ["Journal", "row", "7"]
