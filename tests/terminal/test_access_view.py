"""Logging in as a technician types it: what is asked, what is masked, what is read out on the phone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import pytest

from gateway.console.codes import code_of
from gateway.terminal.catalogue import load
from gateway.terminal.verbs import Data, Refused, Say, Stopped, Talk
from gateway.terminal.views import access
from gateway.terminal.words import Words

NOBODY = {"gateway_id": "gw-1", "who": "", "role": "nobody", "proven": False, "enrolled": True, "wait_min": 0}
NEW = {**NOBODY, "enrolled": False}
ROSSI = {**NOBODY, "who": "rossi", "role": "technician"}
PROVEN = {**ROSSI, "proven": True}
SHOWN = {"gateway_id": "gw-1", "name": "rossi", "role": "technician", "challenge": "123456789012", "valid_min": 30}


class Person:
    """Types what the test says; the daemon answers as told, refusals by raising them."""

    def __init__(self, typed: Iterable[str], answers: Iterable[Data | Refused], language: str = "en") -> None:
        self.say: Say = Words(load(language))
        self.typed = list(typed)
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.masked: list[str] = []
        self.lines: list[str] = []

    def ask(self, do: str, **args: object) -> Data:
        """What the daemon says next."""
        self.asked.append((do, args))
        answer = self.answers.pop(0)
        if isinstance(answer, Refused):
            raise answer
        return answer

    def read(self, key: str, *, masked: bool = False, **facts: str | int) -> str:
        """The next line that is typed."""
        self.lines.append(self.say.text(key, **facts))
        typed = self.typed.pop(0)
        if masked:
            self.masked.append(typed)
        return typed

    def confirm(self, key: str, **facts: str | int) -> bool:
        """Whether "y" is typed."""
        self.lines.append(self.say.text(key, **facts))
        return self.typed.pop(0) == "y"

    def show(self, lines: Iterable[str]) -> None:
        """What is on the screen."""
        self.lines += list(lines)


def no(reason: str, **detail: str | int) -> Refused:
    """A refusal of the daemon."""
    return Refused(code_of(reason), reason, detail)


def login(person: Person, **words: str) -> None:
    """Type `login`."""
    access.login(cast("Talk", person), words)


def test_by_password() -> None:
    """Name and password; the password is masked, and the screen says what it is good for."""
    person = Person(["rossi", "Abcdef1!"], [NOBODY, ROSSI])
    login(person)
    assert person.asked == [("whoami", {}), ("login", {"name": "rossi", "password": "Abcdef1!"})]
    assert person.masked == ["Abcdef1!"]
    assert person.lines[-2:] == [
        "You are rossi, technician.",
        "By password: looking and field work. What changes supply or money needs `login --code`.",
    ]


@pytest.mark.parametrize("words", [{"name": "rossi", "how": "--code"}, {"name": "--code"}, {"how": "--code"}])
def test_by_code(words: dict[str, str]) -> None:
    """`login rossi --code`, `login --code`: the challenge in groups, and what else the service centre must hear."""
    typed = [*(["rossi"] if words.get("name") != "rossi" else []), "t", "1234 5678 9012 34"]
    person = Person(typed, [NOBODY, SHOWN, PROVEN])
    login(person, **words)
    assert person.asked[1:] == [
        ("challenge", {"name": "rossi", "role": "technician"}),
        ("login", {"code": "1234 5678 9012 34"}),
    ]
    screen = "\n".join(person.lines)
    assert "1234 5678 9012" in screen
    assert "gw-1" in screen
    assert "for 30 min" in screen
    assert person.masked == []


def test_the_first_boot_shows_an_enrolment_challenge() -> None:
    """No default password: where nobody is enrolled `login` asks for no password, and offers a supervisor."""
    person = Person(["anna", "", "12345678901234"], [NEW, {**SHOWN, "role": "supervisor"}, PROVEN])
    login(person)
    assert person.asked[1] == ("challenge", {"name": "anna", "role": "supervisor"})
    assert person.lines[0].startswith("Nobody has a password at this gateway yet. Call the service centre")


def test_a_slip_is_asked_for_again_and_a_wrong_code_is_not() -> None:
    """A mistyped digit costs nothing; a wrong answer ends the conversation with its code."""
    person = Person(["", "1", "", "2"], [NOBODY, SHOWN, no("code_mistyped", digits=14), no("bad_arguments"), PROVEN])
    login(person, name="rossi", how="--code")
    assert sum("mistyped" in one for one in person.lines) == 2
    person = Person(["", "1"], [NOBODY, SHOWN, no("wrong_code", minutes=1)])
    with pytest.raises(Refused, match="E-AUT-04 wrong_code"):
        login(person, name="rossi", how="--code")
    person = Person(["", *"12345"], [NOBODY, SHOWN, *[no("code_mistyped", digits=14)] * 5])
    with pytest.raises(Refused, match="E-AUT-08"):
        login(person, name="rossi", how="--code")


def test_a_role_is_one_of_three() -> None:
    """Abbreviated or whole; what is none is asked for again, and not for ever."""
    person = Person(["root", "sup", "12345678901234"], [NOBODY, SHOWN, PROVEN])
    login(person, name="anna", how="--code")
    assert person.asked[1][1]["role"] == "supervisor"
    with pytest.raises(Stopped):
        login(Person(["root"] * access.TRIES_MAX, [NOBODY]), name="anna", how="--code")


@pytest.mark.parametrize("language", ["en", "it"])
def test_who_is_at_the_line_reads_in_both_languages(language: str) -> None:
    """Every state of a line has its words; none of them is a key without a text."""
    say: Say = Words(load(language))
    for data in (NOBODY, NEW, ROSSI, PROVEN, {**NOBODY, "wait_min": 64}):
        lines = list(access.whoami(data, say))
        assert lines
        assert not any("access." in line or "fact." in line for line in lines)


def test_a_new_password_is_typed_twice() -> None:
    """Two that differ are asked for again; nothing of a password is ever shown."""
    person = Person(["Old12345!", "New12345!", "New1234!", "New12345!", "New12345!"], [ROSSI, ROSSI])
    access.passwd(cast("Talk", person), {})
    assert person.asked[1] == ("passwd", {"old": "Old12345!", "new": "New12345!"})
    assert len(person.masked) == 5
    assert not any("1234" in line for line in person.lines)
    proven = Person(["New12345!", "New12345!"], [PROVEN, PROVEN])
    access.passwd(cast("Talk", proven), {})
    assert proven.asked[1] == ("passwd", {"old": "", "new": "New12345!"})
    with pytest.raises(Stopped):
        access.passwd(cast("Talk", Person([""] * access.TRIES_MAX, [PROVEN])), {})


def test_users_are_added_listed_and_removed() -> None:
    """A table of who has a password and whether it is the person's own; removing asks once."""
    rows = {"users": [{"name": "rossi", "role": "technician", "own": False}]}
    person = Person(["Abcdef1!", "Abcdef1!"], [rows])
    access.add(cast("Talk", person), {"name": "rossi", "role": "technician"})
    assert person.asked == [("user.add", {"name": "rossi", "role": "technician", "password": "Abcdef1!"})]
    assert person.lines[-1].split()[:3] == ["rossi", "technician", "first"]
    for typed, asked in (("n", []), ("y", [("user.remove", {"name": "rossi"})])):
        person = Person([typed], [{"users": []}])
        access.remove(cast("Talk", person), {"name": "rossi"})
        assert person.asked == asked
