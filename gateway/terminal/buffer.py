"""A line of text with a cursor in it, and what keys do to it. Pure, and bounded."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gateway.terminal.keys import Key

LINE_MAX_CHARS = 4096
HISTORY_MAX_LINES = 100
HISTORY_MAX_CHARS = 16_384


@dataclass(slots=True)
class History:
    """Lines that were entered, the newest last: bounded in lines and in characters."""

    _lines: deque[str] = field(default_factory=lambda: deque(maxlen=HISTORY_MAX_LINES))

    def add(self, line: str) -> None:
        """Keep a line; not one twice in a row, nor one that begins with a space (as in a shell)."""
        if not line.strip() or line.startswith(" ") or (self._lines and self._lines[-1] == line):
            return
        self._lines.append(line)
        while sum(map(len, self._lines)) > HISTORY_MAX_CHARS:
            self._lines.popleft()

    def forget(self) -> None:
        """Who comes next does not see what was typed before."""
        self._lines.clear()

    def __len__(self) -> int:
        return len(self._lines)

    def line(self, back: int) -> str:
        """The line so many back, 1 is the newest."""
        return self._lines[-back]


@dataclass(slots=True)
class Buffer:
    """The text, the cursor, and what was cut last. `secret`: what is cut is not kept."""

    text: str = ""
    cursor: int = 0
    secret: bool = False
    kept: str = ""
    back: int = 0
    """How many lines back in the history this one is from; 0: it is new."""
    _draft: str = ""

    def begin(self, *, secret: bool) -> None:
        """An empty line."""
        self.text = self._draft = ""
        self.cursor = self.back = 0
        self.secret = secret

    @property
    def before(self) -> str:
        """What stands left of the cursor."""
        return self.text[: self.cursor]

    @property
    def full(self) -> bool:
        """Whether nothing more fits."""
        return len(self.text) >= LINE_MAX_CHARS

    def insert(self, text: str) -> None:
        """Put text at the cursor, as much as fits."""
        text = text[: LINE_MAX_CHARS - len(self.text)]
        self.text = self.before + text + self.text[self.cursor :]
        self.cursor += len(text)

    def go(self, to: int) -> None:
        """Move the cursor, at most to either end."""
        self.cursor = min(max(to, 0), len(self.text))

    def recall(self, history: History, by: int) -> bool:
        """Show the line so many further back (or forth) in the history; False when there is none."""
        back = self.back + by
        if not 0 <= back <= len(history):
            return False
        if not self.back:
            self._draft = self.text
        self.back = back
        self.text = history.line(back) if back else self._draft
        self.cursor = len(self.text)
        return True

    def backspace(self) -> None:
        """Take away what is left of the cursor."""
        self._cut(max(self.cursor - 1, 0), self.cursor)

    def delete(self) -> None:
        """Take away what is under the cursor."""
        self._cut(self.cursor, self.cursor + 1)

    def left(self) -> None:
        """One to the left."""
        self.go(self.cursor - 1)

    def right(self) -> None:
        """One to the right."""
        self.go(self.cursor + 1)

    def home(self) -> None:
        """To the beginning."""
        self.go(0)

    def end(self) -> None:
        """To the end."""
        self.go(len(self.text))

    def word_left(self) -> None:
        """To the beginning of this word, or of the one before."""
        self.go(self._word_start())

    def word_right(self) -> None:
        """Behind this word, or the next one."""
        at = self.cursor
        while self.text[at : at + 1] == " ":
            at += 1
        end = self.text.find(" ", at)
        self.go(len(self.text) if end < 0 else end)

    def kill_left(self) -> None:
        """Cut everything left of the cursor."""
        self._kill(0, self.cursor)

    def kill_right(self) -> None:
        """Cut everything from the cursor on."""
        self._kill(self.cursor, len(self.text))

    def kill_word(self) -> None:
        """Cut the word left of the cursor."""
        self._kill(self._word_start(), self.cursor)

    def yank(self) -> None:
        """Put back what was cut last."""
        self.insert(self.kept)

    def _word_start(self) -> int:
        return self.before.rstrip(" ").rfind(" ") + 1

    def _kill(self, start: int, end: int) -> None:
        if start < end and not self.secret:
            self.kept = self.text[start:end]
        self._cut(start, end)

    def _cut(self, start: int, end: int) -> None:
        self.text = self.text[:start] + self.text[end:]
        self.cursor = start


EDITS: Mapping[Key, Callable[[Buffer], None]] = {
    Key.BACKSPACE: Buffer.backspace,
    Key.DELETE: Buffer.delete,
    Key.DELETE_OR_END: Buffer.delete,
    Key.LEFT: Buffer.left,
    Key.RIGHT: Buffer.right,
    Key.WORD_LEFT: Buffer.word_left,
    Key.WORD_RIGHT: Buffer.word_right,
    Key.HOME: Buffer.home,
    Key.END: Buffer.end,
    Key.KILL_LEFT: Buffer.kill_left,
    Key.KILL_RIGHT: Buffer.kill_right,
    Key.KILL_WORD: Buffer.kill_word,
    Key.YANK: Buffer.yank,
}
