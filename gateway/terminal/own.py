"""The verbs that are the terminal's own: they ask nothing, or repeat what others ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from gateway.console.wire import Role
from gateway.terminal import grammar, layout
from gateway.terminal.catalogue import languages
from gateway.terminal.faults import fault
from gateway.terminal.verbs import Refused, Talk, Verb, Word

if TYPE_CHECKING:
    from gateway.terminal.shell import Shell

WATCH_S = 5
WATCH_MAX_S = 3600


def own_verbs(shell: Shell) -> tuple[Verb, ...]:
    """Those of this shell."""

    def tell(_: Talk, given: Mapping[str, str]) -> None:
        shell.show(_help(shell, given.get("verb", "")))

    def speak(_: Talk, given: Mapping[str, str]) -> None:
        shell.speak(given["language"])

    def watch(_: Talk, given: Mapping[str, str]) -> None:
        _watch(shell, given["command"])

    def leave(_: Talk, __: Mapping[str, str]) -> None:
        shell.leaving = True

    nobody = Role.NOBODY
    return (
        Verb("help", nobody, "help watch", (Word("verb", grammar.VERB, optional=True, rest=True),), talk=tell),
        Verb("language", nobody, "language it", (Word("language", languages()),), talk=speak),
        Verb("watch", nobody, "watch 5 status", (Word("command", grammar.VERB, rest=True),), talk=watch),
        Verb("quit", nobody, "quit", talk=leave),
    )


def _help(shell: Shell, asked: str) -> Iterator[str]:
    say = shell.say
    if asked:
        verb, _ = grammar.find(grammar.split(asked), shell.verbs.values())
        yield grammar.usage(verb)
        yield from layout.wrap(say.charset.plain(say.text(f"help.{verb.name}")), say.width - 1)
        yield f"{say.text('shell.example')}  {verb.example}"
        yield f"{say.text('shell.needs')}  {say.text('fact.needs.' + verb.role.value)}"
        return
    mine = [verb for verb in shell.verbs.values() if shell.sitting.role.allows(verb.role)]
    wide = max(len(verb.name) for verb in mine) + len(layout.GAP)
    for verb in sorted(mine, key=lambda verb: verb.name):
        first = say.text(f"help.{verb.name}").partition(". ")[0].rstrip(".")
        yield layout.cut(f"{verb.name.ljust(wide)}{say.charset.plain(first)}", say.width - 1)
    more = len(shell.verbs) - len(mine)
    if more:
        yield say.text("shell.more_verbs", count=more)


def _watch(shell: Shell, command: str) -> None:
    """Run a command again and again until a key is pressed."""
    first, _, rest = command.partition(" ")
    seconds = WATCH_S
    if first.isascii() and first.isdigit() and len(first) <= len(str(WATCH_MAX_S)):
        seconds, command = min(max(int(first), 1), WATCH_MAX_S), rest
    request = grammar.parse(command, shell.verbs.values())
    if request is None:
        raise Refused(*fault("word_missing", verb="watch", word="command", usage="watch [SECONDS] COMMAND..."))
    if request.verb.show is None:
        raise Refused(*fault("not_repeatable", verb=request.verb.name))
    while True:
        if shell.redraw:
            shell.seat.raw(b"\x1b[H\x1b[2J")
        shell.perform(request)
        if shell.key(seconds):
            return
