"""The shell: prompt, command, answer. It is the `Talk` of every verb, and says what the daemon's codes mean."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from gateway.console.wire import Role
from gateway.errors import ConfigError
from gateway.terminal import catalogue, grammar, layout
from gateway.terminal.client import Away, Client
from gateway.terminal.editor import PROMPT_ROOM
from gateway.terminal.faults import fault
from gateway.terminal.line import Gone
from gateway.terminal.own import own_verbs
from gateway.terminal.seat import Ended, Idle, Seat
from gateway.terminal.ticks import ticks_ms
from gateway.terminal.verbs import Data, Refused, Stopped, Verb
from gateway.terminal.words import Words

FINE = 0
REFUSED = 1
UNAVAILABLE = 69
"""EX_UNAVAILABLE: there is no daemon to ask."""
INTERRUPTED = 130
COMPLETE_MAX_S = 3.0
_RETRY_MS = 2_000


@dataclass(slots=True)
class Sitting:
    """What the terminal knows of its session, as the daemon last said it."""

    gateway: str = ""
    version: str = ""
    who: str = ""
    role: Role = Role.NOBODY
    proven: bool = False


class Shell:
    """One person and the daemon. `json`: every answer as one line of JSON; `redraw`: what repeats clears the screen."""

    def __init__(
        self, client: Client, seat: Seat, verbs: Iterable[Verb], *, json: bool = False, redraw: bool = False
    ) -> None:
        self.client = client
        self.seat = seat
        self.say: Words = seat.words
        self.sitting = Sitting()
        self.redraw = redraw
        self.leaving = False
        self.verbs: Mapping[str, Verb] = {verb.name: verb for verb in (*own_verbs(self), *verbs)}
        self._json_always = json
        self._json = json
        self._last: Data | None = None
        self._tried_ms = -_RETRY_MS
        self._resting = False
        """Nobody is here: the daemon's few lines are for those who are."""

    # ------------------------------------------------------------------------------------------------------ verbs.Talk

    def ask(self, do: str, **args: object) -> Data:
        """Ask the daemon; Refused when it says no, Stopped when the person gives up waiting."""
        try:
            self._last = self.client.ask(do, args, self.seat.look)
        except Away:
            self._alone()
            raise
        return self._last

    def read(self, key: str, *, masked: bool = False, **facts: str | int) -> str:
        """Prompt with this text and read one line; Stopped on Ctrl-C or when the line is gone."""
        return self._answer(self.say.text(key, **facts), masked=masked)

    def confirm(self, key: str, **facts: str | int) -> bool:
        """Yes or no, in the language of the line; no by default."""
        question = f"{self.say.text(key, **facts)} {self.say.text('shell.yes_or_no')} "
        given = self._answer(question).lower()
        return bool(given) and given in self.say.text("shell.yes").split()

    def show(self, lines: Iterable[str]) -> None:
        """Print lines, a page at a time; nothing where the answer itself is printed."""
        if self._json:
            for _ in lines:
                self.seat.look()
        else:
            self.seat.show(lines)

    def key(self, seconds: float) -> bytes:
        """Wait at most so long for a key."""
        return self.seat.key(seconds)

    # ---------------------------------------------------------------------------------------------------------- running

    def run(self) -> int:
        """Prompt and obey until the person leaves; the exit code says whether everything was done."""
        code = FINE
        self.seat.raw(b"\x1b[?2004h")
        self._greet()
        try:
            while not self.leaving:
                code = max(code if not self.seat.line.person else FINE, self._turn())
        except Gone:
            pass
        finally:
            self.client.close()
        if not self.seat.line.person:
            return code
        self._leave()
        return FINE

    def once(self, line: str) -> int:
        """One command given at the start."""
        try:
            try:
                self._meet()
            except Away as refusal:
                self.complain(refusal)
                return UNAVAILABLE
            return self.obey(line)
        except Stopped:
            return INTERRUPTED
        finally:
            self.client.close()

    def obey(self, line: str) -> int:
        """Run one command line and print what comes of it."""
        self._json = self._json_always or line.rstrip().endswith(" --json")  # also of what is refused below
        try:
            request = grammar.parse(line, self.verbs.values())
            if request is None:
                return FINE
            self._json = self._json_always or request.json
            self.perform(request)
        except Refused as refusal:
            self.complain(refusal)
            if self.client.connected and self.sitting.who:
                self._renew()  # the daemon may have ended the log-in
            return UNAVAILABLE if isinstance(refusal, Away) else REFUSED
        return FINE

    def perform(self, request: grammar.Request) -> None:
        """Do what was asked for and show the answer."""
        verb = request.verb
        self._last = None
        if verb.talk is not None:
            verb.talk(self, request.given)
            if self._json:
                self._print_last()
            if verb.name not in OWN_NAMES and not self.leaving:
                self._renew()
            return
        numbers = {word.name for word in verb.words if word.number}
        args = {name: int(text) if name in numbers else text for name, text in request.given.items()}
        data = self.ask(verb.do, **args)
        if self._json:
            self.seat.put(_json(data))
        else:
            assert verb.show is not None, "a verb is a conversation or shows its answer"
            self.seat.show(verb.show(data, self.say))

    def _print_last(self) -> None:
        """Of a conversation, the last answer."""
        if self._last is not None:
            self.seat.put(_json(self._last))

    def complain(self, refusal: Refused) -> None:
        """The stable code and what it means, in the language of the line."""
        text = self._meaning(refusal)
        if self._json:
            told = {"code": refusal.code, "reason": refusal.reason, "detail": dict(refusal.detail), "text": text}
            self.seat.put(_json({"ok": False, **told}))
            return
        code = refusal.code + "  "
        first, *more = layout.wrap(text, self.say.width - 1 - len(code)) or [""]
        self.seat.put(code + first)
        for line in more:
            self.seat.put(" " * len(code) + line)

    def speak(self, language: str) -> None:
        """Another language from here on."""
        try:
            self.say.catalogue = catalogue.load(language)
        except ConfigError as error:
            raise Refused(*fault("no_such_language", typed=str(error)[:200], choices="")) from error

    def log_out(self) -> None:
        """End the session at the daemon; the next ask begins another, with nobody logged in."""
        self.client.close()
        self._alone()

    # ----------------------------------------------------------------------------------------------------------- inside

    def _answer(self, question: str, *, masked: bool = False) -> str:
        """Ask; of a question that is longer than a prompt may be, only the end is the prompt."""
        room = self.say.width - PROMPT_ROOM
        if len(question) > room:
            *above, end = layout.wrap(self.say.charset.plain(question), room - 1)
            for line in above:
                self.seat.put(line)
            question = f"{end.rstrip()} "
        try:
            return self.seat.read(question, masked=masked).strip()
        except Gone:
            if self.seat.line.person:
                raise
            raise Refused(*fault("needs_a_person")) from None

    def _turn(self) -> int:
        """One prompt and what is entered there."""
        try:
            line = self.seat.read(self._prompt(), complete=self._complete, tick=self._tick)
            self._resting = False
            return self.obey(line)
        except Ended:
            self.leaving = True
        except Idle:
            if self.sitting.who:
                self.seat.put(self.say.text("shell.idle"))
            self.log_out()
            self._resting = True
        except Gone:
            raise
        except Stopped:
            pass
        except Refused as refusal:
            self.complain(refusal)
            return REFUSED
        return FINE

    def _greet(self) -> None:
        try:
            self._meet()
        except Away as refusal:
            self.complain(refusal)
        if self.seat.line.person:
            sitting = self.sitting
            if sitting.gateway:
                self.seat.put(self.say.text("shell.greeting", gateway=sitting.gateway, version=sitting.version))
            self.seat.put(self.say.text("shell.hint"))

    def _leave(self) -> None:
        try:
            self.seat.raw(b"\x1b[?2004l")
            self.seat.put(self.say.text("shell.bye"))
        except Gone:
            pass  # nobody is there to read it

    def _prompt(self) -> str:
        sitting = self.sitting
        where = sitting.gateway or "gateway"
        who = f"{sitting.who}@" if sitting.who else ""
        mark = "?" if not (self.client.connected or self._resting) else "#" if sitting.proven else ">"
        return f"{who}{where}{mark} "

    def _meet(self) -> None:
        """Connect and learn where we are."""
        self._tried_ms = ticks_ms()
        self.client.connect()
        self._renew()

    def _renew(self) -> None:
        """Ask who is logged in now; whoever comes next sees nothing of the one before."""
        try:
            data = self.client.ask("hello", {}, self.seat.look)
            met = msgspec.convert(data, Met)
        except Away:
            self._alone()
            raise
        except Refused as refusal:  # there are too many lines already, say
            self.log_out()
            raise Away(refusal.code, refusal.reason, refusal.detail) from refusal
        except msgspec.ValidationError as error:
            self.log_out()
            raise Away(*fault("answer_unreadable")) from error
        if self.sitting.who and met.who != self.sitting.who:
            self.seat.editor.history.forget()
        self.sitting = Sitting(met.gateway, met.version, met.who, met.role, met.proven)
        self.say.place(met.timezone)

    def _alone(self) -> None:
        """The session is over, whoever was logged in."""
        if self.sitting.who:
            self.seat.editor.history.forget()
        self.sitting = Sitting(self.sitting.gateway, self.sitting.version)

    def _tick(self) -> Sequence[str]:
        """While nothing is typed: what to say if the daemon has gone, or has come back."""
        if self.client.connected:
            if not self.client.ended():
                return ()
            who, key = self.sitting.who, "shell.lost_session" if self.sitting.who else "shell.lost"
            self._alone()
            parting = self.client.parting()
            told = [self.say.text(key, who=who), *([self._line_of(parting)] if parting is not None else ())]
            return [part for line in told for part in layout.wrap(self.say.charset.plain(line), self.say.width - 1)]
        if self._resting or ticks_ms() - self._tried_ms < _RETRY_MS:
            return ()
        try:
            self._meet()
        except Refused:
            return ()
        return (self.say.text("shell.back", gateway=self.sitting.gateway),)

    def _complete(self, before: str) -> tuple[Sequence[str], str]:
        return grammar.candidates(before, self.verbs.values(), self._names)

    def _names(self, kind: str) -> Sequence[str]:
        """Ids for completion; none rather than a complaint."""
        if not self.client.connected:
            return ()
        try:
            data = self.client.ask("names", {"kind": kind}, within_s=COMPLETE_MAX_S)
        except Away:
            self._alone()
            return ()
        except Refused:
            return ()
        names = data.get("names")
        return [name for name in names if isinstance(name, str)] if isinstance(names, list) else ()

    def _line_of(self, refusal: Refused) -> str:
        return f"{refusal.code}  {self._meaning(refusal)}"

    def _meaning(self, refusal: Refused) -> str:
        """The text of a code; a fact that has words of its own (`fact.<name>.<value>`) is said in them."""
        facts: dict[str, str | int] = {"reason": refusal.reason, **refusal.detail}
        known = self.say.catalogue
        said = {
            name: known.text(key) if known.has(key := f"fact.{name}.{value}") else value
            for name, value in facts.items()
        }
        if known.has("code." + refusal.code):
            return known.text("code." + refusal.code, **said)
        return " ".join([refusal.reason, *(f"{name}={value}" for name, value in refusal.detail.items())])


class Met(msgspec.Struct, frozen=True):
    """The answer to `hello` as far as the terminal needs it."""

    gateway: str
    version: str
    timezone: str
    who: str
    role: Role
    proven: bool


OWN_NAMES = frozenset({"help", "language", "watch", "quit"})


def _json(data: object) -> str:
    """One line for a machine, in ASCII whatever the screen can show."""
    return json.dumps(data, separators=(",", ":")).replace("\x7f", "\\u007f")
