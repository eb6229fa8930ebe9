"""The texts: the same in every language, for every code, verb and argument that there is."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import console, terminal
from gateway.commands import Command
from gateway.console import actions, codes
from gateway.console.wire import Role
from gateway.errors import ConfigError
from gateway.prepayment.agenda import JobState
from gateway.prepayment.supply import SupplyState
from gateway.terminal import catalogue, cli, faults, grammar, own
from gateway.terminal.catalogue import differences, fields, load, read
from gateway.terminal.client import Client
from gateway.terminal.line import Pipe
from gateway.terminal.seat import Seat
from gateway.terminal.shell import OWN_NAMES, Shell
from gateway.terminal.table import AREAS, VERBS
from gateway.terminal.words import Words

TEXTS = {language: read(catalogue.folder() / f"{language}.toml") for language in catalogue.languages()}
# The first argument of these is the key of a text; the head of a table and the labels of pairs are lists of keys.
ASKED = {"text", "read", "confirm"}


def everything() -> list[terminal.verbs.Verb]:
    """Every verb of the program, its own and those of the areas."""
    seat = Seat(Pipe(), Words(load("en")))
    return list(Shell(Client(Path("nowhere")), seat, VERBS.values()).verbs.values())


def asked_for() -> Iterator[tuple[str, str]]:
    """Every text that the source names by a plain string, with the place."""
    for path in sorted(Path(terminal.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr=name), args=[ast.Constant(value=str(key)), *_]) if name in ASKED:
                    yield key, f"{path.name}:{node.lineno}"


def test_there_are_english_and_italian() -> None:
    """Issue 5, part 1: both languages are shipped, and load."""
    assert set(TEXTS) >= {"en", "it"}
    for language in TEXTS:
        assert load(language).text("language")


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_every_language_has_the_same_texts(language: str) -> None:
    """No text is missing in a language or only there, and each names the same facts."""
    assert differences(TEXTS["en"], TEXTS[language]) == []
    assert {key: fields(text) for key, text in TEXTS[language].items()} == {
        key: fields(text) for key, text in TEXTS["en"].items()
    }


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_every_code_has_a_text_and_every_text_a_code(language: str) -> None:
    """Each stable code of the daemon and of the terminal says what it means, in each language; no text is left over."""
    known = {*codes.CODES.values(), codes.OTHER, *faults.FAULTS.values()}
    said = {key.removeprefix("code.") for key in TEXTS[language] if key.startswith("code.")}
    assert known - said == set()
    assert said - known == set()


def test_a_code_means_one_thing() -> None:
    """No code is given twice, and the terminal's are not the daemon's."""
    given = [*faults.FAULTS.values(), *set(codes.CODES.values()), codes.OTHER]
    assert len(given) == len(set(given))


def test_every_verb_is_there_once_and_has_help_in_every_language() -> None:
    """Names are unique, and each verb has its help, and an example that the grammar understands as that verb."""
    verbs = everything()
    names = [verb.name for verb in (*(verb for area in AREAS for verb in area), *verbs[: len(OWN_NAMES)])]
    assert sorted(names) == sorted(set(names))
    assert {verb.name for verb in verbs[: len(OWN_NAMES)]} == OWN_NAMES
    for verb in verbs:
        for texts in TEXTS.values():
            assert texts.get(f"help.{verb.name}"), f"no help for {verb.name}"
        request = grammar.parse(verb.example, verbs)
        assert request is not None
        assert request.verb is verb, verb.example


@pytest.mark.parametrize("language", sorted(TEXTS))
def test_the_list_of_commands_is_never_cut(language: str) -> None:
    """24x80: the first sentence of each help stands in `help` whole, beside the longest name."""
    verbs = everything()
    room = 79 - max(len(verb.name) for verb in verbs) - 2
    firsts = {verb.name: TEXTS[language][f"help.{verb.name}"].partition(". ")[0].rstrip(".") for verb in verbs}
    assert {name: len(first) for name, first in firsts.items() if len(first) > room} == {}


def test_what_was_done_is_said_in_words() -> None:
    """Every order that the console gives, and every state that a refusal names, has its word in each language."""
    source = "".join(path.read_text(encoding="utf-8") for path in Path(console.__file__).parent.glob("*.py"))
    orders = {f"order.{Command[name].value}" for name in re.findall(r"Command\.([A-Z_]+)", source)}
    states = {f"fact.state.{state.value}" for state in (*SupplyState, *JobState)}
    for texts in TEXTS.values():
        assert orders | states <= set(texts)


def test_advice_names_commands_that_there_are() -> None:
    """What stands in backquotes and begins like a command of the console is one."""
    names = {verb.name for verb in everything()}
    others = {"dialout", "ls", "systemctl", "journalctl", "word"}
    for texts in TEXTS.values():
        for key, text in texts.items():
            for quoted in re.findall(r"`([a-z]+(?: [a-z]+)?)[^`]*`", text):
                assert quoted in names or quoted.split()[0] in names | others, (key, quoted)


def test_no_help_is_left_over() -> None:
    """There is no help for a verb that does not exist."""
    names = {f"help.{verb.name}" for verb in everything()}
    assert {key for key in TEXTS["en"] if key.startswith("help.")} - names == set()


def test_a_verb_asks_what_the_daemon_knows() -> None:
    """Each verb of one ask names an action, needs no less than it, and its words fit its body."""
    for verb in VERBS.values():
        assert (verb.show is None) != (verb.talk is None), verb.name
        if verb.show is None:
            continue
        action = actions.ACTIONS[verb.do]
        assert verb.role.allows(action.role), verb.name
        assert {word.name for word in verb.words} <= set(action.body.__struct_fields__), verb.name


def test_every_text_that_is_asked_for_is_there() -> None:
    """A key written in the source has its text."""
    assert [(key, place) for key, place in asked_for() if key not in TEXTS["en"]] == []


@pytest.mark.parametrize("role", Role)
def test_a_role_has_words(role: Role) -> None:
    """What is needed and what somebody is are said in the language of the line."""
    for texts in TEXTS.values():
        assert texts[f"fact.needs.{role.value}"]
        assert texts[f"fact.role.{role.value}"]


def test_a_text_without_its_fact_still_reads() -> None:
    """A missing fact is a question mark, an unknown key itself; a fact is never read as a text again."""
    english = load("en")
    assert "?" in english.text("code.E-AUT-01", role="x")
    assert english.text("no.such.text") == "no.such.text"
    assert "{role}" in english.text("code.E-AUT-01", needs="{role}", role="x")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('[code]\nE-1 = "needs {Role!r}"', "braces"),
        ('[code]\nE-1 = "needs {role"', "braces"),
        ('[code]\nE-1 = "needs role}"', "braces"),
        ('[code]\nE-1 = "needs {0.__class__}"', "braces"),
        ("[code]\nE-1 = 5", "a text in quotes"),
        ("[code", "cannot be read"),
    ],
)
def test_a_broken_file_is_refused_at_the_start(tmp_path: Path, content: str, complaint: str) -> None:
    """What is no text, or would format more than a fact, is refused with the file and the key."""
    file = tmp_path / "xx.toml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=complaint):
        read(file)


def test_a_translation_with_an_unknown_fact_is_refused_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slip of a translator is met at the start, with its key, and not in a cellar."""
    monkeypatch.setattr(catalogue, "folder", lambda: tmp_path)
    (tmp_path / "en.toml").write_text('[code]\nE-1 = "needs {role}"\nE-2 = "x"')
    (tmp_path / "it.toml").write_text('[code]\nE-1 = "serve {ruolo}"\nE-3 = "y"')
    with pytest.raises(ConfigError) as caught:
        load("it")
    for part in ("{ruolo}", "E-2 is missing", "E-3 is not in en.toml"):
        assert part in str(caught.value)
    assert cli.main(["--lang", "it", "--socket", "none", "status"]) == cli.EXIT_CONFIG
    with pytest.raises(ConfigError, match=r"xx\.toml"):
        load("xx")


def test_help_and_watch_take_a_command() -> None:
    """Their words are completed as commands."""
    verbs = {verb.name: verb for verb in everything()}
    assert own.WATCH_S < own.WATCH_MAX_S
    assert [verbs[name].words[0].choices for name in ("help", "watch")] == [grammar.VERB, grammar.VERB]
