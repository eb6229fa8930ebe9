"""What a verb of the console is, and what it may use. The verbs themselves are in `views/`, one file for each area."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gateway.console.wire import Role

Data = Mapping[str, Any]
"""`Answer.data` of one action, as it came."""


class Say(Protocol):
    """Words and formats in the technician's language; every text is plain ASCII when the line asks for that."""

    width: int

    def text(self, key: str, **facts: str | int) -> str:
        """The text of this key from `config/console/<language>.toml`, with its facts filled in."""
        ...

    def money(self, amount: str, currency: str) -> str:
        """An amount from the wire ("12.4", "CHF") as people write it: `12.40 CHF`."""
        ...

    def energy(self, wh: int) -> str:
        """Wh as kWh."""
        ...

    def power(self, watts: int) -> str:
        """W as kW."""
        ...

    def instant(self, text: str) -> str:
        """An ISO 8601 UTC instant from the wire as local civil time."""
        ...

    def duration(self, seconds: int) -> str:
        """A span of time in its two largest units."""
        ...

    def table(self, head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
        """Columns as narrow as they can be; what does not fit the width is cut with a mark. `head` are text keys."""
        ...

    def pairs(self, rows: Iterable[tuple[str, str]]) -> list[str]:
        """Label and value, one a line, labels (text keys) aligned."""
        ...

    def spark(self, values: Sequence[int | None]) -> str:
        """A line of bars, one for each value, None as a gap."""
        ...


class Talk(Protocol):
    """The line and the daemon, for a verb that is a conversation (a guided replacement, a log-in)."""

    @property
    def say(self) -> Say:
        """The words of the line."""
        ...

    def ask(self, do: str, **args: object) -> Data:
        """Ask the daemon; raises `Refused` with code, reason and detail when it says no."""
        ...

    def read(self, key: str, *, masked: bool = False, **facts: str | int) -> str:
        """Prompt with this text key and read one line; raises `Stopped` on Ctrl-C or when the line is gone."""
        ...

    def confirm(self, key: str, **facts: str | int) -> bool:
        """A question that is answered with yes or no, in the technician's language; no by default."""
        ...

    def show(self, lines: Iterable[str]) -> None:
        """Print lines, a page at a time."""
        ...

    def key(self, seconds: float) -> bytes:
        """Wait at most so long for a key; b"" when none came (to leave what repeats itself)."""
        ...


class Refused(Exception):
    """The daemon said no."""

    def __init__(self, code: str, reason: str, detail: Mapping[str, str | int]) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason
        self.detail = detail


class Stopped(Exception):
    """The person gave up (Ctrl-C), or the line is gone."""


@dataclass(frozen=True, slots=True)
class Word:
    """One argument of a verb: its name in the ask's body, and what completion offers.

    `choices` are fixed words, or the name of a kind the daemon lists: "account", "meter", "bus", "job".
    """

    name: str
    choices: tuple[str, ...] | str = ()
    optional: bool = False
    number: bool = False
    rest: bool = False
    """Takes everything to the end of the line."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb: what is typed ("meter show"), what it asks, how the answer reads. Its help is the text `help.<name>`.

    Either `show` (one ask of `do`, one answer) or `talk` (a conversation) is there.
    """

    name: str
    role: Role
    example: str
    words: tuple[Word, ...] = ()
    do: str = ""
    show: Callable[[Data, Say], Iterable[str]] | None = None
    talk: Callable[[Talk, Mapping[str, str]], None] | None = None
