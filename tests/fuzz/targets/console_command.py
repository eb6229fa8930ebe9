"""A command line at the console: a refusal with a code, or a verb with arguments that fit it; Tab offers what fits."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import suppress

from gateway.terminal import grammar
from gateway.terminal.faults import FAULTS
from gateway.terminal.table import VERBS
from gateway.terminal.verbs import Refused
from tests.fuzz.mutation import mutate_bytes
from tests.fuzz.target import Target
from tests.terminal import verbs

_VERBS = (*VERBS.values(), *(verb for verb in verbs.VERBS if verb.name not in VERBS))
_WORDS = sorted({word for verb in _VERBS for word in verb.name.split()})
_PIECES = (
    b"'",
    b'"',
    b"\\",
    b" ",
    b"=",
    b"--json",
    b"#",
    b"l'utente",
    b'reason="',
    b"\xc2\xa0",
    b"\x00",
    b"9" * 19,
    b"-5",
)


def _names(kind: str) -> Sequence[str]:
    return ("m1", "m2", "main-7", kind)


def check(data: bytes) -> None:
    line = data.decode("utf-8", "replace")
    _parsed(line)
    found, word = grammar.candidates(line, _VERBS, _names)
    assert all(one.lower().startswith(word.lower()) for one in found)
    with suppress(Refused):
        words = [token.text for token in grammar.split(line)]
        assert [token.text for token in grammar.split(grammar.joined(words))] == words


def _parsed(line: str) -> None:
    refused: Refused | None = None
    try:
        request = grammar.parse(line, _VERBS)
    except Refused as no:
        request, refused = None, no
    if refused is not None:
        assert FAULTS[refused.reason] == refused.code
        assert len(str(refused.detail)) < 5000
    if request is not None:
        _fits(request)


def _fits(request: grammar.Request) -> None:
    """Every argument belongs to the verb, none is missing, numbers are numbers, choices are in the list."""
    words = {word.name: word for word in request.verb.words}
    assert set(request.given) <= set(words)
    for name, word in words.items():
        given = request.given.get(name)
        assert given is not None or word.optional
        if given is not None and word.number and not word.rest:
            assert str(int(given)).lstrip("-") == given.lstrip("-0") or int(given) == 0
        if given is not None and isinstance(word.choices, tuple) and word.choices and not word.rest:
            assert given in word.choices


def seeds() -> Iterator[bytes]:
    yield from sorted({verb.example.encode() for verb in _VERBS})
    yield b'  watch 5 "meter show" m1 --json '
    yield "note l'utente è d'accordo".encode()


def mutate(data: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.5:
        return mutate_bytes(data, chance)
    at = chance.randint(0, len(data))
    piece = chance.choice(_PIECES) if chance.random() < 0.5 else b" " + chance.choice(_WORDS).encode()
    return data[:at] + piece + data[at:]


TARGET = Target(check, seeds, mutate, max_bytes=4096)
