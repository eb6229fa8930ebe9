"""One row of a screen and the fewest bytes that change it: at 9600 baud a byte costs a millisecond.

Only what every VT100 knows: backspace, carriage return, cursor left and right, erase to the end of the line.
"""

from __future__ import annotations

from dataclasses import dataclass

from gateway.terminal.charset import Charset


@dataclass(slots=True)
class Row:
    """What stands on the row, right of the prompt, and where the cursor is."""

    charset: Charset
    shown: str = ""
    cursor: int = 0

    def change(self, wanted: str, cursor: int) -> bytes:
        """The bytes that make the row show this; it fits the width, the caller sees to that."""
        start = _same(self.shown, wanted)
        if len(self.shown) == len(wanted):
            end = len(wanted) - _same(self.shown[start:][::-1], wanted[start:][::-1])
        else:
            end = len(wanted)
        out = b""
        if start < end or len(self.shown) > len(wanted):
            out = self._move(start, wanted) + self.charset.encode(wanted[start:end])
            self.cursor = end
            extra = len(self.shown) - len(wanted)
            if extra == 1 and cursor <= end:
                out += b" "
                self.cursor += 1
            elif extra > 0:
                out += b"\x1b[K"
        self.shown = wanted
        out += self._move(cursor, wanted)
        return out

    def fresh(self) -> None:
        """The row is empty now: somebody printed something else."""
        self.shown = ""
        self.cursor = 0

    def _move(self, to: int, wanted: str) -> bytes:
        by = to - self.cursor
        start, self.cursor = self.cursor, to
        if by < 0:
            return min(b"\b" * -by, b"\x1b[%dD" % -by, key=len)
        jump = b"\x1b[%dC" % by if by else b""
        return min(self.charset.encode(wanted[start:to]), jump, key=len)  # what stands there already, once more


def _same(one: str, other: str) -> int:
    """How many characters are the same at the beginning."""
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        count += 1
    return count
