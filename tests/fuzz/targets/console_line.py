"""Whatever is typed at the console, down to the daemon and back: no crash, no privilege gained (I14, I21, threat 22).

The first byte says who sits there, and whether the bytes go into the line editor, through the grammar and the verbs to
the real desk and back as words, or straight onto the daemon's socket as lines. Each answer is held against a list of
who may what that was written without looking at the code (`tests/simulation/who_may.py`).
"""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.terminal import catalogue, grammar
from gateway.terminal.editor import Did, Editor
from gateway.terminal.table import VERBS
from gateway.terminal.verbs import Data, Refused, Stopped
from gateway.terminal.words import Words
from tests.fuzz.mutation import HOSTILE, after, mutate_bytes, mutate_json
from tests.fuzz.site import LOGGED_IN, Fuzzed, gateway
from tests.fuzz.target import Target
from tests.simulation.who_may import ACTIONS

LINES_MAX = 8
LOOKS_MAX = 20
SHOWN_MAX = 2000
_RAW = 0x80


@dataclass
class Count:
    """What was done in this process."""

    lines: int = 0
    asks: int = 0
    barred: int = 0


count = Count()


class Person:
    """A `Talk` without a screen: what is asked for is what was typed next."""

    def __init__(self, line: Fuzzed, typed: list[str]) -> None:
        self.say = _words()
        self._line = line
        self._typed = typed
        self._looks = 0

    def ask(self, do: str, **args: object) -> Data:
        """See `Talk`."""
        answer = _counted(self._line.ask(do, args))
        if not answer["ok"]:
            raise Refused(answer["code"], answer["reason"], answer.get("detail", {}))
        data: Data = answer["data"]
        return data

    def read(self, key: str, *, masked: bool = False, **facts: str | int) -> str:
        """See `Talk`."""
        assert self.say.text(key, **facts)
        del masked
        if not self._typed:
            raise Stopped
        return self._typed.pop(0).strip()

    def confirm(self, key: str, **facts: str | int) -> bool:
        """See `Talk`."""
        assert self.say.text(key, **facts)
        return self.read("shell.yes_or_no").lower() in ("y", "yes")

    def show(self, lines: Iterable[str]) -> None:
        """See `Talk`."""
        for number, line in enumerate(lines):
            assert isinstance(line, str)
            assert number < SHOWN_MAX

    def key(self, seconds: float) -> bytes:
        """See `Talk`."""
        del seconds
        self._looks += 1
        if self._looks > LOOKS_MAX:
            raise Stopped
        return b""


def check(data: bytes) -> None:
    """One person, some lines."""
    choice, data = data[:1], data[1:]
    line = gateway().line(LOGGED_IN[(choice or b"\0")[0] % len(LOGGED_IN)])
    if choice and choice[0] & _RAW:
        for raw in data.split(b"\n")[:LINES_MAX]:
            count.lines += 1
            _counted(line.raw(raw))
        return
    typed = list(_typed(data))[:LINES_MAX]
    person = Person(line, typed)
    while typed:
        count.lines += 1
        _obey(person, line, typed.pop(0))


def _typed(data: bytes) -> Iterator[str]:
    """The lines that the editor makes of these bytes."""
    editor = Editor()
    editor.begin("gw> ")
    while data:
        taken, did = editor.feed(data)
        data = data[taken:]
        if did is Did.COMPLETE:
            editor.complete(*grammar.candidates(editor.before, VERBS.values(), lambda kind: ("A1", "m1", kind)))
        elif did is not None:
            if did is Did.LINE:
                yield editor.text
            editor.begin("gw> ")
        editor.drain()
    yield editor.text


def _obey(person: Person, line: Fuzzed, text: str) -> None:
    """As the shell does it."""
    try:
        request = grammar.parse(text, VERBS.values())
        if request is None:
            return
        verb = request.verb
        if verb.talk is not None:
            verb.talk(person, request.given)
            return
        numbers = {word.name for word in verb.words if word.number}
        data = person.ask(verb.do, **_args(request.given, numbers))
        if verb.show is not None:
            person.show(verb.show(data, person.say))
    except (Refused, Stopped):
        pass


def _counted(answer: dict[str, Any]) -> dict[str, Any]:
    count.asks += 1
    count.barred += answer.get("reason") in ("not_allowed_here", "code_needed")
    return answer


def _args(given: Mapping[str, str], numbers: set[str]) -> dict[str, object]:
    return {name: int(text) if name in numbers else text for name, text in given.items()}


@functools.cache
def _words() -> Words:
    return Words(catalogue.load("en"))


def seeds() -> Iterator[bytes]:
    """Every verb as its example shows it, and every action as a line of JSON, for each who may sit there."""
    for number, verb in enumerate(VERBS.values()):
        yield bytes([number % 4]) + verb.example.encode() + b"\r" + b"A1\rm1\ry\r1\r"
    for number, do in enumerate(ACTIONS):
        args: dict[str, object] = {"account": "A1"} if number % 2 else {}
        for who in range(1, len(LOGGED_IN)):
            yield bytes([_RAW | who]) + json.dumps({"id": number, "do": do, "args": args}).encode()


def _change(data: bytes, chance: random.Random) -> bytes:
    kind = chance.random()
    if kind < 0.4:
        return mutate_bytes(data, chance)
    if kind < 0.6 and data[:1] == b"{":
        return mutate_json(data, chance)
    at = chance.randint(0, len(data))
    hostile = chance.choice(HOSTILE).encode("utf-8", "surrogatepass")
    return data[:at] + (chance.choice((_verb, _ask))(chance) if kind < 0.9 else hostile) + data[at:]


def _verb(chance: random.Random) -> bytes:
    return b"\r" + chance.choice([*VERBS.values()]).example.encode() + b"\r"


def _ask(chance: random.Random) -> bytes:
    args = {chance.choice(_NAMES): chance.choice(_VALUES) for _ in range(chance.randrange(4))}
    return b"\n" + json.dumps({"id": 1, "do": chance.choice([*ACTIONS]), "args": args}).encode() + b"\n"


_NAMES = (
    "account", "reason", "meter", "name", "role", "password", "code", "challenge", "token", "kind", "value_wh", "job",
)  # fmt: skip
_VALUES: tuple[object, ...] = (
    "A1", "m1", "rossi", "supervisor", "Abcdef1!", "", 0, -1, 2**53, None, [], {}, "A9", "account",
)  # fmt: skip

TARGET = Target(check, seeds, after(1, _change), max_bytes=1500)
