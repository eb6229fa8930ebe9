"""From a line to a verb and its arguments, and what Tab offers."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.console.wire import Role
from gateway.terminal import grammar
from gateway.terminal.verbs import Refused, Verb, Word

VERBS = (
    Verb("status", Role.NOBODY, "status"),
    Verb("meters", Role.VIEWER, "meters"),
    Verb("meter show", Role.VIEWER, "meter show m1", (Word("meter", "meter"),)),
    Verb("meter scan", Role.VIEWER, "meter scan fast", (Word("how", ("fast", "full"), optional=True),)),
    Verb("ledger", Role.VIEWER, "ledger", (Word("account", "account"), Word("count", optional=True, number=True))),
    Verb("ledger export", Role.VIEWER, "ledger export", (Word("to"),)),
    Verb("note", Role.VIEWER, "note x", (Word("account", "account"), Word("text", rest=True))),
    Verb("when", Role.VIEWER, "when", (Word("from", optional=True), Word("to", optional=True))),
    Verb("help", Role.NOBODY, "help", (Word("verb", grammar.VERB, optional=True, rest=True),)),
    Verb("watch", Role.NOBODY, "watch", (Word("command", grammar.VERB, rest=True),)),
)
NAMES = {"meter": ("m1", "m2", "main-7"), "account": ("CH-1", "CH-2")}


def names(kind: str) -> tuple[str, ...]:
    """What the daemon would list."""
    return NAMES[kind]


def refusal(line: str) -> tuple[str, dict[str, str | int]]:
    """Why a line is refused."""
    with pytest.raises(Refused) as caught:
        grammar.parse(line, VERBS)
    return caught.value.code, dict(caught.value.detail)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("a b  c", ["a", "b", "c"]),
        ("  'a b' c ", ["a b", "c"]),
        ('"a \\"b\\" \\\\ \\n"', ['a "b" \\ \\n']),
        ("a\\ b \\'c \\", ["a b", "'c", "\\"]),
        ("l'utente e' qui", ["l'utente", "e'", "qui"]),
        ('reason="as agreed"', ["reason=as agreed"]),
        ("reason='as agreed'x", ["reason=as agreedx"]),
        ("''", [""]),
        ("", []),
    ],
)
def test_words_are_split_as_in_a_shell(line: str, words: list[str]) -> None:
    """Quotes hold spaces; a quote inside a word is an apostrophe."""
    assert [token.text for token in grammar.split(line)] == words


@pytest.mark.parametrize(
    ("line", "verb", "given"),
    [
        ("status", "status", {}),
        ("sta", "status", {}),
        ("STATUS", "status", {}),
        ("meters", "meters", {}),
        ("meter show m1", "meter show", {"meter": "m1"}),
        ("meter sh m1", "meter show", {"meter": "m1"}),
        ("meter sc", "meter scan", {}),
        ("met sc", "meter scan", {}),
        ("meter scan fu", "meter scan", {"how": "full"}),
        ("ledger CH-1", "ledger", {"account": "CH-1"}),
        ("ledger CH-1 20", "ledger", {"account": "CH-1", "count": "20"}),
        ("ledger count=20 CH-1", "ledger", {"account": "CH-1", "count": "20"}),
        ("ledger export usb", "ledger export", {"to": "usb"}),
        ("led exp usb", "ledger export", {"to": "usb"}),
        ("note CH-1 it's  all right'", "note", {"account": "CH-1", "text": "it's  all right'"}),
        ("met sh m1", "meter show", {"meter": "m1"}),
        ("note CH-1 'one thing'", "note", {"account": "CH-1", "text": "one thing"}),
        ("when to=b a", "when", {"to": "b", "from": "a"}),
        ("when x=y", "when", {"from": "x=y"}),
        ("watch 5 meter show m1", "watch", {"command": "5 meter show m1"}),
    ],
)
def test_a_line_is_a_verb_and_its_words(line: str, verb: str, given: dict[str, str]) -> None:
    """The most words that fit are the verb, each as short as it stays unique; words go in order or by name."""
    request = grammar.parse(line, VERBS)
    assert request is not None
    assert (request.verb.name, dict(request.given), request.json) == (verb, given, False)


def test_json_is_asked_for_at_the_end() -> None:
    """`--json` behind any command, also behind one that takes the rest of the line."""
    for line, bound in (("ledger CH-1 --json", {"account": "CH-1"}), ("note CH-1 a b --json", {"text": "a b"})):
        request = grammar.parse(line, VERBS)
        assert request is not None
        assert request.json
        assert bound.items() <= request.given.items()


@pytest.mark.parametrize("line", ["", "   ", "# a remark", "--json"])
def test_nothing_is_nothing(line: str) -> None:
    """An empty line and a remark do nothing."""
    assert grammar.parse(line, VERBS) is None


@pytest.mark.parametrize(
    ("line", "code", "detail"),
    [
        ("frobnicate", "E-KEY-01", {"typed": "frobnicate"}),
        ("m", "E-KEY-02", {"typed": "m", "choices": "meter scan, meter show, meters"}),
        ("meter s", "E-KEY-02", {"typed": "meter s", "choices": "meter scan, meter show"}),
        ("fly m1", "E-KEY-01", {"typed": "fly m1"}),
        ("'' x", "E-KEY-01", {"typed": " x"}),
        ("meter", "E-KEY-02", {"typed": "meter", "choices": "meter scan, meter show"}),
        ("meter show", "E-KEY-03", {"verb": "meter show", "word": "meter", "usage": "meter show METER"}),
        ("meter scan slow", "E-KEY-04", {"verb": "meter scan", "typed": "slow", "choices": "fast, full"}),
        ("meter scan f", "E-KEY-04", {"verb": "meter scan", "typed": "f", "choices": "fast, full"}),
        ("ledger CH-1 many", "E-KEY-05", {"verb": "ledger", "word": "count", "typed": "many"}),
        ("ledger CH-1 \u0661", "E-KEY-05", {"verb": "ledger", "word": "count", "typed": "\u0661"}),
        ("ledger CH-1 " + "9" * 30, "E-KEY-05", {"verb": "ledger", "word": "count", "typed": "9" * 30}),
        ("status now", "E-KEY-06", {"verb": "status", "extra": "now", "usage": "status"}),
        ("note 'open", "E-KEY-07", {}),
        ("a " * 300, "E-KEY-06", {"verb": "", "extra": "", "usage": ""}),
    ],
)
def test_what_does_not_fit_is_refused_with_a_code(line: str, code: str, detail: dict[str, str]) -> None:
    """Each mistake has its code and names what would be right."""
    assert refusal(line) == (code, detail)


@pytest.mark.parametrize(
    ("before", "found", "word"),
    [
        ("", ["help", "ledger", "meter", "meters", "note", "status", "watch", "when"], ""),
        ("me", ["meter", "meters"], "me"),
        ("meter ", ["scan", "show"], ""),
        ("meter sh", ["show"], "sh"),
        ("meter show m", ["m1", "m2", "main-7"], "m"),
        ("met show ma", ["main-7"], "ma"),
        ("meter scan f", ["fast", "full"], "f"),
        ("ledger ", ["CH-1", "CH-2", "export"], ""),
        ("ledger account=CH-", ["account=CH-1", "account=CH-2"], "account=CH-"),
        ("ledger CH-1 ", [], ""),
        ("help meter s", ["scan", "show"], "s"),
        ("watch 5 meter show m2", ["m2"], "m2"),
        ("watch 5 ", ["help", "ledger", "meter", "meters", "note", "status", "watch", "when"], ""),
        ("nothing ", [], ""),
        ("note 'open", [], ""),
    ],
)
def test_tab_offers_verbs_words_and_ids(before: str, found: list[str], word: str) -> None:
    """Verbs word by word, fixed choices, and what the daemon lists; of `help` and `watch` the command itself."""
    assert grammar.candidates(before, VERBS, names) == (found, word)


@given(
    st.text(max_size=80) | st.lists(st.sampled_from([*"abm'\"\\= \t", "meter", "show", "watch ", "help "])).map("".join)
)
def test_any_line_is_a_request_or_a_refusal(line: str) -> None:
    """Nothing that can be typed raises anything else, and what Tab offers begins as it should."""
    with suppress(Refused):
        request = grammar.parse(line, VERBS)
        assert request is None or set(request.given) <= {word.name for word in request.verb.words}
    found, word = grammar.candidates(line, VERBS, names)
    assert all(one.lower().startswith(word.lower()) for one in found)


@given(st.lists(st.text(max_size=12), max_size=8))
def test_words_joined_are_split_into_the_same(words: list[str]) -> None:
    """A command given as arguments of the program is the one that was meant."""
    assert [token.text for token in grammar.split(grammar.joined(words))] == words
