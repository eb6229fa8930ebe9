"""Where the person sits: a line, an editor, pages. It reads and prints; what is said there is the shell's affair."""

from __future__ import annotations

import itertools
import select
from collections.abc import Callable, Iterable, Sequence

from gateway.terminal import layout
from gateway.terminal.editor import Did, Editor
from gateway.terminal.faults import fault
from gateway.terminal.line import Line
from gateway.terminal.ticks import ticks_ms
from gateway.terminal.verbs import Refused, Stopped
from gateway.terminal.words import Words

TYPED_MAX_BYTES = 4096
"""Typed ahead while a command runs; more is dropped."""
BURST_MAX_LINES = 50
"""So many lines without a pause are a paste that nobody means to run."""
IDLE_S = 600.0
LOOK_S = 0.25
_QUIET_S = 0.3
_INTERRUPT = 0x03
_LOOKS_MAX = 16

Complete = Callable[[str], tuple[Sequence[str], str]]
"""What the word left of the cursor may become, and that word."""


class Ended(Stopped):
    """Ctrl-D: the person is done here."""


class Idle(Stopped):
    """Nobody has entered anything for a long time."""


class Seat:
    """One person at one line. `height` 0: no pages."""

    def __init__(self, line: Line, words: Words, *, height: int = 24, idle_s: float = IDLE_S) -> None:
        self.line = line
        self.words = words
        self.height = height
        self.editor = Editor(words.charset, words.width, echo=line.person)
        self._idle_ms = int(idle_s * 1000)
        self._typed = b""
        self._burst = 0
        self._awake_ms = ticks_ms()
        self._asleep = False
        self._entered_now = False

    def read(
        self,
        prompt: str,
        *,
        masked: bool = False,
        complete: Complete | None = None,
        tick: Callable[[], Sequence[str]] | None = None,
    ) -> str:
        """One line; a command is one with `complete`, and only those are in the history.

        `tick` is called while nothing is typed; the lines it gives are printed above this one.

        Stopped on Ctrl-C, Ended on Ctrl-D, Idle after a long time, Gone with the line; Refused for more than a line.
        """
        self.editor.begin(prompt, masked=masked, command=complete is not None)
        self.line.write(self.editor.drain())
        self._typed = self._typed or self.line.read(0)
        if not self._typed:
            self._burst = 0  # whoever waits for the prompt may be as quick as they like
        while True:
            self.line.write(self.editor.drain())
            data = self._typed or self.line.read(LOOK_S)
            self._typed = b""
            if not data:
                self._pause(tick)
                continue
            taken, did = self.editor.feed(data)
            self._typed = data[taken:]
            if did is None:
                continue
            if did is Did.COMPLETE:
                self._burst += bool(self._typed)
                may = complete is not None and self._burst <= BURST_MAX_LINES  # noise must not keep the daemon busy
                self.editor.complete(*(complete(self.editor.before) if complete and may else ((), "")))
                continue
            self.line.write(self.editor.drain())
            return self._entered(did)

    def show(self, lines: Iterable[str]) -> None:
        """Print lines, a page at a time; Stopped on Ctrl-C."""
        left = self._page()
        for line in itertools.chain.from_iterable(map(self._fitted, lines)):
            if left == 0:
                left = self._more()
                if not left:
                    return
            self.put(line)
            left -= 1
            self.look()

    def put(self, line: str) -> None:
        """Print one line as it is."""
        charset = self.words.charset
        self.line.write(charset.encode(charset.plain(line)) + self.line.newline)

    def raw(self, data: bytes) -> None:
        """Something for the screen itself."""
        if self.line.person:
            self.line.write(data)

    def key(self, seconds: float) -> bytes:
        """What is typed within so long, b"" when nothing was; Stopped on Ctrl-C."""
        if not self.line.person:
            select.select([], [], [], seconds)
            return b""
        data, self._typed = self._typed or self.line.read(seconds), b""
        if data and self._entered_now:  # the rest of the Enter that began this: CR LF, or the CR NUL of telnet
            self._entered_now = False
            data = data[data[:1] in {b"\n", b"\0"} :]
        self._stopped(data)
        if data:
            self.awake()
        self._check_idle()
        return data

    def look(self) -> None:
        """While something runs: Ctrl-C stops it, the rest is kept for later."""
        if not self.line.person:
            return
        for _ in range(_LOOKS_MAX):
            data = self.line.read(0)
            self._stopped(data)
            self._typed = (self._typed + data)[:TYPED_MAX_BYTES]
            if len(data) < TYPED_MAX_BYTES:
                return

    def _stopped(self, data: bytes) -> None:
        """Ctrl-C drops what was typed before it, not what comes after."""
        if _INTERRUPT in data:
            self._typed = data[data.rindex(_INTERRUPT) + 1 :]
            raise Stopped

    def awake(self) -> None:
        """Somebody is here: count the time without a person from now."""
        self._awake_ms = ticks_ms()
        self._asleep = False

    def _entered(self, did: Did) -> str:
        if did is Did.INTERRUPT:
            raise Stopped
        if did is Did.END:
            raise Ended
        if did is Did.TOO_LONG:
            self._quiet()
            raise Refused(*fault("line_too_long"))
        self._burst += 1
        if self._burst > BURST_MAX_LINES and self.line.person:
            self._quiet()
            raise Refused(*fault("too_many_lines"))
        self.awake()
        self._entered_now = True
        return self.editor.text

    def _pause(self, tick: Callable[[], Sequence[str]] | None) -> None:
        self._burst = 0
        self.editor.idle()
        lines = tick() if tick is not None else ()
        if lines:
            self.editor.above(lines)
        self._check_idle()

    def _check_idle(self) -> None:
        if ticks_ms() - self._awake_ms > self._idle_ms and self.line.person and not self._asleep:
            self._asleep = True  # said once, until somebody is here again
            self.line.write(self.line.newline)
            raise Idle

    def _quiet(self) -> None:
        """Drop what comes until nothing does."""
        self._typed = b""
        while self.line.read(_QUIET_S):
            self._check_idle()
        self._burst = 0

    def _page(self) -> int:
        """Lines until the next stop; negative: none."""
        return self.height - 1 if self.height > 1 and self.line.person else -1

    def _fitted(self, line: str) -> Sequence[str]:
        if not self.line.person or len(line) < self.words.width:
            return (line,)
        return layout.wrap(self.words.charset.plain(line), self.words.width - 1)

    def _more(self) -> int:
        """Ask whether to go on: how many lines more, 0 for none."""
        charset = self.words.charset
        self.line.write(charset.encode(charset.plain(self.words.text("shell.more"))))
        try:
            while not (key := self.key(LOOK_S)):
                self._check_idle()
        finally:
            self.line.write(b"\r\x1b[K")
        if key[:1] in b"qQ":
            return 0
        return 1 if key[:1] in b"\r\n" else self._page()
