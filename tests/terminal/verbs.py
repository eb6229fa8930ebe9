"""A few verbs for tests, one of each kind, and the program with them in place of the real ones."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from unittest import mock

from gateway.console.wire import Role
from gateway.terminal import cli
from gateway.terminal.verbs import Data, Say, Talk, Verb, Word


def _rows(data: Data, say: Say) -> Iterator[str]:
    for number in range(data["count"]):
        yield f"row {number}"


def _echo(data: Data, say: Say) -> Iterator[str]:
    yield f"said {data['text']}"


def _sign_in(talk: Talk, given: Mapping[str, str]) -> None:
    pin = talk.read("shell.example", masked=True)
    talk.ask("sign_in", who=given["who"], pin=pin)


def _wipe(talk: Talk, given: Mapping[str, str]) -> None:
    if talk.confirm("shell.example"):
        talk.ask("wipe")
        talk.show(["wiped"])


VERBS = (
    Verb("echo", Role.NOBODY, "echo hello", (Word("text", rest=True),), "echo", _echo),
    Verb("rows", Role.NOBODY, "rows 3", (Word("count", number=True, optional=True),), "rows", _rows),
    Verb("meter show", Role.VIEWER, "meter show m1", (Word("meter", "meter"),), "echo", _echo),
    Verb("meter scan", Role.VIEWER, "meter scan fast", (Word("how", ("fast", "full"), optional=True),), "echo", _echo),
    Verb("signin", Role.NOBODY, "signin anna", (Word("who"),), talk=_sign_in),
    Verb("wipe", Role.NOBODY, "wipe", talk=_wipe),
)


def main() -> int:
    """`prepaid-gateway console` with these verbs."""
    with mock.patch.object(cli, "VERBS", {verb.name: verb for verb in VERBS}):
        return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
