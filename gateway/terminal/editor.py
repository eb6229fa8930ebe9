"""The line editor: bytes of a keyboard in, bytes for a screen out, and what the person did. No I/O, bounded memory.

It draws one row and scrolls sideways in it, because where a VT100 wraps differs from terminal to terminal. What is sent
is the difference to what stands there, once for each piece of input: a pasted line costs one drawing, not one for each
character.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto

from gateway.terminal.buffer import EDITS, Buffer, History
from gateway.terminal.charset import Charset
from gateway.terminal.keys import Key, Keys
from gateway.terminal.row import Row

LISTED_MAX = 60
"""So many candidates are shown; more is no help at 9600 baud."""
BELL = b"\a"
PROMPT_ROOM = 20
"""What is left for the line whatever the prompt."""


class Did(Enum):
    """What ends a piece of editing; the shell must act before the next byte is looked at."""

    LINE = auto()
    INTERRUPT = auto()
    END = auto()
    COMPLETE = auto()
    TOO_LONG = auto()


class Editor:
    """One keyboard and the row it is typed on. Without `echo` nothing is drawn (a script types)."""

    def __init__(self, charset: Charset = Charset.ASCII, width: int = 80, *, echo: bool = True) -> None:
        self._charset = charset
        self._width = max(width, 2 * PROMPT_ROOM)
        self._echo = echo
        self._keys = Keys()
        self._row = Row(charset)
        self._buffer = Buffer()
        self._out = bytearray()
        self._prompt = ""
        self._window = 0
        self._pasting = False
        self._tabbed = False
        self._command = True
        self.history = History()

    @property
    def text(self) -> str:
        """What stands on the line."""
        return self._buffer.text

    @property
    def before(self) -> str:
        """What stands left of the cursor."""
        return self._buffer.before

    def begin(self, prompt: str, *, masked: bool = False, command: bool = True) -> None:
        """Start a line. What is masked shows as stars and is not kept when cut; only commands are in the history."""
        self._buffer.begin(secret=masked)
        self._command = command and not masked
        self._window = 0
        self._pasting = self._tabbed = False
        room = self._width - PROMPT_ROOM
        prompt = self._charset.plain(prompt)
        self._prompt = prompt if len(prompt) <= room else prompt[: room - 2] + "> "
        self._again()

    def feed(self, data: bytes) -> tuple[int, Did | None]:
        """Take bytes, up to the first that needs the shell: how many were taken, and what was done."""
        for at, byte in enumerate(data):
            for key in self._keys.take(byte):
                did = self._press(key)
                if did is not None:
                    self._finish(did)
                    return at + 1, did
        self._draw()
        return len(data), None

    def idle(self) -> None:
        """Nothing was typed for a moment: what looked like the beginning of a sequence was none."""
        for key in self._keys.idle():
            if isinstance(key, str):
                self._buffer.insert(key)
        self._draw()

    def complete(self, candidates: Sequence[str], word: str) -> None:
        """Answer to `Did.COMPLETE`: what the last word may become. One: it is set; more: as far as they agree.

        A second Tab lists them under the line. A candidate that does not begin as the word does replaces it.
        """
        again, self._tabbed = self._tabbed, len(candidates) > 1
        agreed = candidates[0] + " " if len(candidates) == 1 else _agreed(candidates)
        if candidates and len(agreed) > len(word):
            for _ in range(len(word) if not agreed.startswith(word) else 0):
                self._buffer.backspace()
            self._buffer.insert(agreed.removeprefix(word))
        elif again and candidates:
            self.above(_columns(candidates, self._width))
        else:
            self._say(BELL)
        self._draw()

    def above(self, lines: Sequence[str]) -> None:
        """Print lines where the line stands, and the line again below them."""
        self._say(b"\r\x1b[K")
        for line in lines:
            self._say(self._charset.encode(self._charset.plain(line)) + b"\r\n")
        self._again()

    def drain(self) -> bytes:
        """What is to be sent to the screen since the last call."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def _press(self, key: Key | str) -> Did | None:
        if self._pasting:
            return self._pasted(key)
        tabbed, self._tabbed = self._tabbed, False
        if isinstance(key, str):
            return self._type(key)
        match key:
            case Key.ENTER:
                return Did.LINE
            case Key.INTERRUPT:
                return Did.INTERRUPT
            case Key.DELETE_OR_END if not self._buffer.text:
                return Did.END
            case Key.TAB if not self._buffer.secret:
                self._tabbed = tabbed
                return Did.COMPLETE
            case Key.UP | Key.DOWN:
                if not self._command or not self._buffer.recall(self.history, 1 if key is Key.UP else -1):
                    self._say(BELL)
            case Key.CLEAR:
                self._say(b"\x1b[H\x1b[2J")
                self._again()
            case Key.PASTE:
                self._pasting = True
            case _:
                edit = EDITS.get(key)
                if edit is not None:
                    edit(self._buffer)
        return None

    def _type(self, character: str) -> Did | None:
        if self._buffer.full:
            return Did.TOO_LONG
        self._buffer.insert(character)
        return None

    def _pasted(self, key: Key | str) -> Did | None:
        """Inside a paste a key is text: a line's end is a space, so that nothing runs that nobody has looked at."""
        if isinstance(key, str):
            return self._type(key)
        if key is Key.PASTED:
            self._pasting = False
        elif key is Key.INTERRUPT:
            return Did.INTERRUPT
        elif key in {Key.ENTER, Key.TAB} and not self.before.endswith(" ") and self.before:
            return self._type(" ")
        return None

    def _finish(self, did: Did) -> None:
        """Leave the row, unless the line goes on; the shell prints below it."""
        if did is Did.COMPLETE:
            return
        if did is Did.LINE:
            self._draw()
            if self._command:
                self.history.add(self._buffer.text)
        if did is Did.INTERRUPT and len(self._prompt) + self._row.cursor + len("^C") < self._width:
            self._say(b"^C")
        self._say(BELL + b"\r\n" if did is Did.TOO_LONG else b"\r\n")

    def _again(self) -> None:
        self._say(self._charset.encode(self._prompt))
        self._row.fresh()
        self._draw()

    def _draw(self) -> None:
        if not self._echo:
            return
        text, cursor = self._buffer.text, self._buffer.cursor
        room = self._width - len(self._prompt) - 1
        first = self._window + bool(self._window)
        last = self._window + room - 1 - (cursor < len(text))
        if not first <= cursor <= last:
            # Half a row at a time: typing at the edge must not draw everything at each key.
            self._window = 0 if cursor < room - 1 else cursor - room // 2
        shown = text[self._window : self._window + room]
        shown = "*" * len(shown) if self._buffer.secret else self._charset.cells(shown)
        if self._window:
            shown = "<" + shown[1:]
        if self._window + room < len(text):
            shown = shown[:-1] + ">"
        self._out += self._row.change(shown, cursor - self._window)

    def _say(self, data: bytes) -> None:
        if self._echo:
            self._out += data


def _agreed(candidates: Sequence[str]) -> str:
    """What all of them begin with."""
    if not candidates:
        return ""
    first, last = min(candidates), max(candidates)
    count = 0
    while first[count : count + 1] == last[count : count + 1] != "":
        count += 1
    return first[:count]


def _columns(words: Sequence[str], width: int) -> list[str]:
    """Words side by side, as many columns as fit."""
    shown = sorted(words)[:LISTED_MAX]
    if len(words) > len(shown):
        shown.append(f"+{len(words) - len(shown)}")
    cell = max(map(len, shown)) + 2
    each = max(1, (width - 1) // cell)
    rows = [shown[at : at + each] for at in range(0, len(shown), each)]
    return ["".join(word.ljust(cell) for word in row).rstrip()[: width - 1] for row in rows]
