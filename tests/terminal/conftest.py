"""A daemon that speaks the wire, and somebody at a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from gateway.console.wire import Answer, Ask
from tests.terminal.daemon import FakeDaemon
from tests.terminal.person import Person

Sit = Callable[..., Person]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[FakeDaemon]:
    """A running daemon with answers for the verbs of the tests."""
    made = FakeDaemon(tmp_path / "console.sock")

    def echo(ask: Ask) -> Answer:
        return Answer(ask.id, ok=True, data={"text": str(ask.args.get("text") or ask.args)})

    def rows(ask: Ask) -> Answer:
        return Answer(ask.id, ok=True, data={"count": ask.args.get("count", 3)})

    def sign_in(ask: Ask) -> Answer:
        if ask.args["pin"] != "Secret1!":
            return Answer(ask.id, ok=False, code="E-AUT-03", reason="wrong_password", detail={"minutes": 1})
        made.log_in(ask.args["who"], "technician")
        return Answer(ask.id, ok=True, data={"who": ask.args["who"]})

    def wipe(ask: Ask) -> Answer:
        return Answer(ask.id, ok=True, data={})

    made.replies.update(echo=echo, rows=rows, sign_in=sign_in, wipe=wipe)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def sit(daemon: FakeDaemon) -> Iterator[Sit]:
    """`sit("--json")`: somebody sits down at the console of that daemon."""
    with ExitStack() as stack:

        def start(*options: str, serial: bool = False, greeted: bool = True) -> Person:
            person = Person("--socket", str(daemon.path), *options, serial=serial)
            stack.callback(person.close)
            if greeted:
                person.sees("> ")
            return person

        yield start
