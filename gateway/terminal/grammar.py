"""A command line -> the verb and its arguments, or a reason why not. Pure, and it never runs long."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gateway.terminal.faults import fault
from gateway.terminal.verbs import Refused, Verb, Word

WORDS_MAX = 200
_INTEGER_MAX_CHARS = 18
_QUOTED = re.compile(r"'([^']*)'|\"((?:[^\"\\]|\\.)*)\"", re.DOTALL)
_PIECE = re.compile(r"\\(.)|([^\s\\]|\\$)", re.DOTALL)
_NEEDS_QUOTES = re.compile(r"[\s\\]|(^|=)['\"]")
_QUOTABLE = re.compile(r"[\"\\]")
_ESCAPED = re.compile(r"\\([\"\\])")

VERB = "verb"
"""The kind of a word that is itself a command (`help meter show`)."""

Names = Callable[[str], Sequence[str]]
"""The ids of a kind ("meter"), as the daemon lists them."""


@dataclass(frozen=True, slots=True)
class Token:
    """One word, and where it began in the line."""

    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Request:
    """What a line asks for."""

    verb: Verb
    given: Mapping[str, str]
    json: bool


def split(line: str) -> list[Token]:
    """Words as in a shell: quotes hold spaces, a backslash takes the next character as it is.

    A quote inside a word is an apostrophe (`l'utente`), unless it follows an equals sign (`reason="as agreed"`).
    """
    tokens: list[Token] = []
    word: str | None = None
    at = position = 0
    while position < len(line):
        if line[position].isspace():
            if word is not None:
                tokens.append(Token(word, at))
            word, position = None, position + 1
            continue
        if word is None:
            word, at = "", position
        opens = line[position] in "'\"" and (not word or word.endswith("="))
        piece = (_QUOTED if opens else _PIECE).match(line, position)
        if piece is None:
            raise Refused(*fault("quote_open"))
        word += _ESCAPED.sub(r"\1", piece[0][1:-1]) if opens and line[position] == '"' else piece[1] or piece[2] or ""
        position = piece.end()
    if word is not None:
        tokens.append(Token(word, at))
    if len(tokens) > WORDS_MAX:
        raise Refused(*fault("too_many_words", verb="", extra="", usage=""))
    return tokens


def joined(words: Sequence[str]) -> str:
    """The line that `split` takes apart into these words."""
    return " ".join(
        '"' + _QUOTABLE.sub(r"\\\g<0>", word) + '"' if _NEEDS_QUOTES.search(word) or not word else word
        for word in words
    )


def parse(line: str, verbs: Iterable[Verb]) -> Request | None:
    """What a line asks for, None for an empty one; Refused says what is wrong with it."""
    tokens = split(line)
    json = bool(tokens) and tokens[-1].text == "--json"
    if json:
        line = line[: tokens[-1].at]
        tokens.pop()
    if not tokens or tokens[0].text.startswith("#"):
        return None
    verb, used = find(tokens, verbs)
    return Request(verb, _bind(verb, tokens[used:], line), json)


def find(tokens: Sequence[Token], verbs: Iterable[Verb]) -> tuple[Verb, int]:
    """The verb with the most words that the line begins with, each word abbreviated as far as it stays the only one."""
    known = {tuple(verb.name.split()): verb for verb in verbs}
    typed = [token.text.lower() for token in tokens]
    begun = [name for name in known if _begins(name, typed)]
    whole = [name for name in begun if len(name) <= len(typed)]
    longest = max(map(len, whole), default=0)
    # Without an argument behind it, `m` is also the beginning of a longer verb.
    found = [name for name in (begun if longest in {0, len(typed)} else whole) if len(name) >= longest]
    for depth in range(longest or 1):  # what is typed in full is meant: `meter` is not `meters`
        exact = [name for name in found if name[depth : depth + 1] == (typed[depth],)]
        found = exact or found
    meant = {name[: len(typed)] for name in found}
    if len(meant) == 1 and (name := meant.pop()) in known:
        return known[name], len(name)
    if not found:
        raise Refused(*fault("unknown_verb", typed=" ".join(typed[:2])[:40]))
    choices = ", ".join(" ".join(name) for name in sorted(found))
    raise Refused(*fault("ambiguous_verb", typed=" ".join(typed[: max(longest, 1)])[:60], choices=choices))


def _begins(name: Sequence[str], typed: Sequence[str]) -> bool:
    """Whether each typed word is the beginning of the verb's word at its place."""
    return all(word.startswith(part) for word, part in zip(name, typed, strict=False) if part) and bool(typed[0])


def usage(verb: Verb) -> str:
    """The verb and its words as a person reads them."""
    parts = [verb.name]
    for word in verb.words:
        shown = "|".join(word.choices) if isinstance(word.choices, tuple) and word.choices else word.name.upper()
        shown += "..." if word.rest else ""
        parts.append(f"[{shown}]" if word.optional else shown)
    return " ".join(parts)


def candidates(before: str, verbs: Iterable[Verb], names: Names) -> tuple[list[str], str]:
    """What the word left of the cursor may become, and the word as it stands."""
    known = list(verbs)
    try:
        tokens = split(before)
    except Refused:
        return [], ""
    word = tokens.pop().text if tokens and not before[-1:].isspace() else ""
    found = {
        name[len(tokens)]
        for name in (tuple(verb.name.split()) for verb in known)
        if len(name) > len(tokens)
        and all(part.startswith(token.text.lower()) for part, token in zip(name, tokens, strict=False))
        and name[len(tokens)].startswith(word.lower())
    }
    try:
        verb, used = find(tokens, known) if tokens else (None, 0)
    except Refused:
        verb, used = None, 0
    if verb is not None and any(one.choices == VERB for one in verb.words):
        rest = tokens[used:]
        while rest and _is_number(rest[0].text):
            rest = rest[1:]
        start = rest[0].at if rest else len(before) - len(word)
        return candidates(before[start:], known, names)
    if verb is not None:
        found |= set(_choices(verb, [token.text for token in tokens[used:]], word, names))
    return sorted(found), word


def _choices(verb: Verb, given: Sequence[str], word: str, names: Names) -> list[str]:
    """What fits at this place of the verb, and the optional words by name."""
    free = [one for one in verb.words if not any(text.startswith(one.name + "=") for text in given)]
    place = sum(1 for text in given if _named(text, verb) is None)
    name, equals, value = word.partition("=")
    here = next((one for one in free if one.name == name and equals), None)
    if here is not None:
        return [f"{name}={choice}" for choice in _offered(here, names) if choice.startswith(value)]
    offered = _offered(free[min(place, len(free) - 1)], names) if free and place < len(free) else []
    return [choice for choice in offered if choice.startswith(word)]


def _offered(word: Word, names: Names) -> Sequence[str]:
    return names(word.choices) if isinstance(word.choices, str) else word.choices


def _bind(verb: Verb, tokens: Sequence[Token], line: str) -> dict[str, str]:
    """Which argument is which: in order, or as name=value."""
    given: dict[str, str] = {}
    free = list(verb.words)
    for token in tokens:
        named = _named(token.text, verb)
        if named is not None and named in free:
            free.remove(named)
            given[named.name] = _fitting(verb, named, token.text.partition("=")[2])
            continue
        if not free:
            raise Refused(*fault("too_many_words", verb=verb.name, extra=token.text[:40], usage=usage(verb)))
        word = free.pop(0)
        if word.rest:
            given[word.name] = token.text if token is tokens[-1] else line[token.at :].strip()
            break
        given[word.name] = _fitting(verb, word, token.text)
    missing = next((word for word in free if not word.optional), None)
    if missing is not None:
        raise Refused(*fault("word_missing", verb=verb.name, word=missing.name, usage=usage(verb)))
    return given


def _named(text: str, verb: Verb) -> Word | None:
    name, equals, _ = text.partition("=")
    return next((word for word in verb.words if word.name == name), None) if equals else None


def _fitting(verb: Verb, word: Word, text: str) -> str:
    if isinstance(word.choices, tuple) and word.choices and text not in word.choices:
        found = [choice for choice in word.choices if text and choice.startswith(text)]
        if len(found) != 1:
            choices = ", ".join(found or word.choices)
            raise Refused(*fault("word_unknown", verb=verb.name, typed=text[:40], choices=choices))
        return found[0]
    if word.number and not _is_number(text):
        raise Refused(*fault("not_a_number", verb=verb.name, word=word.name, typed=text[:40]))
    return text


def _is_number(text: str) -> bool:
    digits = text.removeprefix("-")
    return digits.isascii() and digits.isdigit() and len(digits) <= _INTEGER_MAX_CHARS
