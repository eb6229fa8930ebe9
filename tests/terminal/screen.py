"""As much of a VT100 as the line editor may use; anything else it is sent is an error."""

from __future__ import annotations

import re

from gateway.terminal.charset import Charset
from gateway.terminal.editor import Editor

_SEQUENCE = re.compile(r"\x1b\[(\d*)([CDKHJ])")


class Screen:
    """The row the cursor is on, and the rows that were left behind."""

    def __init__(self, width: int = 80) -> None:
        self.width = width
        self.row: list[str] = []
        self.left: list[str] = []
        self.column = 0

    @property
    def shown(self) -> str:
        """The row without what was erased at its end."""
        return "".join(self.row).rstrip(" ")

    def take(self, data: bytes, encoding: str = "ascii") -> None:
        """Show these bytes."""
        text = data.decode(encoding)
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                found = _SEQUENCE.match(text, at)
                assert found, f"no VT100 knows {text[at : at + 8]!r}"
                self._sequence(int(found[1] or 1), found[2], found[1])
                at = found.end()
                continue
            self._one(text[at])
            at += 1

    def _sequence(self, count: int, kind: str, given: str) -> None:
        if kind == "C":
            self.column += count
            assert self.column < self.width, "the cursor leaves the row"
        elif kind == "D":
            self.column -= count
            assert self.column >= 0, "the cursor leaves the row"
        elif kind == "K":
            assert given == "", "only to the end of the line"
            del self.row[self.column :]
        elif kind == "H":
            self.column = 0
        else:
            assert given == "2"
            self.row.clear()

    def _one(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self.left.append(self.shown)
            self.row.clear()
        elif character == "\b":
            assert self.column, "the cursor leaves the row"
            self.column -= 1
        elif character != "\a":
            assert character.isprintable(), f"{character!r} is sent to the screen"
            assert self.column < self.width - 1, "the last column wraps on some terminals"
            self.row += [" "] * (self.column + 1 - len(self.row))
            self.row[self.column] = character
            self.column += 1


def judge(editor: Editor, screen: Screen, charset: Charset, prompt: int, *, masked: bool) -> None:
    """Each cell right of the prompt is the character of the text at that distance from the cursor, or a mark."""
    row = "".join(screen.row)
    cursor = len(editor.before)
    first = cursor - (screen.column - prompt)
    assert first >= 0
    for at, cell in enumerate(row[prompt:].rstrip(" ")):
        place = first + at
        assert place < len(editor.text), (row, editor.text)
        one = "*" if masked else charset.cells(editor.text[place])
        more_left, more_right = at == 0 and first > 0, prompt + at == len(row.rstrip(" ")) - 1
        assert cell == one or (cell == "<" and more_left) or (cell == ">" and more_right), (row, editor.text)
    shown = first + len(row) - prompt
    assert shown >= len(editor.text.rstrip(" ")) or row.rstrip(" ").endswith(">"), (row, editor.text)
