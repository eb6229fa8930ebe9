"""Tables, pairs and bars in a given width. The texts are plain already (`charset`): one character, one cell."""

from __future__ import annotations

import re
from collections.abc import Sequence

GAP = "  "
CUT = "~"
_COLUMN_MIN = 4
_WORDS_MIN = 6
_NUMBER = re.compile(r"[-+]?[0-9][0-9.,:]*( ?[A-Za-z%/]{1,5})?|-|")
_KEPT = re.compile(_NUMBER.pattern + r"|[0-9]{2,4}[-.][0-9]{2}[-.][0-9]{2,4}( [0-9]{2}:[0-9]{2}( [A-Z+0-9]{2,5})?)?")
_ASCII_BARS = "_.-=*#"
_BLOCKS = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"


def table(names: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """A line of names and one for each row; columns of numbers are set to the right."""
    count = max([len(names), *map(len, rows)])
    full = [[*row, *[""] * (count - len(row))] for row in (names, *rows)]
    widths = [max(len(row[at]) for row in full) for at in range(count)]
    soft = [not all(_KEPT.fullmatch(row[at]) for row in full[1:]) for at in range(count)]
    while sum(widths) + len(GAP) * (count - 1) > width - 1 and max(widths, default=0) > _COLUMN_MIN:
        words = [size if may and size > _WORDS_MIN else 0 for size, may in zip(widths, soft, strict=True)]
        sizes = words if any(words) else widths  # words give way first: a date without its hour is worth nothing
        widths[sizes.index(max(sizes))] -= 1
    right = [bool(rows) and all(_NUMBER.fullmatch(row[at]) for row in full[1:]) for at in range(count)]
    return [_row(row, widths, right)[: width - 1] for row in full]


def pairs(rows: Sequence[tuple[str, str]], width: int) -> list[str]:
    """Label and value with the values below each other."""
    indent = min(max((len(label) for label, _ in rows), default=0) + len(GAP), width // 2)
    lines: list[str] = []
    for label, value in rows:
        first, *more = wrap(value, width - 1 - indent) or [""]
        shown = cut(label, indent - len(GAP))
        lines.append(f"{shown.ljust(indent)}{first}".rstrip())
        lines += [" " * indent + part for part in more]
    return lines


def wrap(text: str, width: int) -> list[str]:
    """The text in lines of at most this width, broken between words where there are words."""
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        inset = len(paragraph) - len(paragraph.lstrip(" "))
        if paragraph.strip(" ") and 0 < inset <= width // 2:  # what is set in stays so in each of its lines
            lines += [" " * inset + part for part in wrap(paragraph[inset:], width - inset)]
            continue
        line = ""
        for word in paragraph.split(" "):
            while len(line) + bool(line) + len(word) > width and (line or len(word) > width):
                if line:
                    lines.append(line)
                    line = ""
                else:
                    lines.append(word[:width])
                    word = word[width:]  # noqa: PLW2901  (what is left of it goes on)
            line = f"{line} {word}" if line else word
        lines.append(line)
    return lines


def spark(values: Sequence[int | None], width: int, *, blocks: bool) -> str:
    """One bar for each value between zero (or the least, if that is less) and the greatest."""
    values = _thinned(values, max(width, 1))
    known = [value for value in values if value is not None]
    if not known:
        return " " * len(values)
    bars = _BLOCKS if blocks else _ASCII_BARS
    least, most = min(0, *known), max(known)
    span = max(most - least, 1)
    return "".join(" " if value is None else bars[(value - least) * (len(bars) - 1) // span] for value in values)


def _thinned(values: Sequence[int | None], width: int) -> Sequence[int | None]:
    """At most so many values: each the greatest of those it stands for, because peaks are what is looked for."""
    if len(values) <= width:
        return values
    thinned: list[int | None] = []
    for at in range(width):
        part = values[at * len(values) // width : (at + 1) * len(values) // width]
        thinned.append(max((value for value in part if value is not None), default=None))
    return thinned


def _row(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    cells = [cut(cell, width) for cell, width in zip(row, widths, strict=True)]
    set_out = [
        cell.rjust(width) if to_right else cell.ljust(width)
        for cell, width, to_right in zip(cells, widths, right, strict=True)
    ]
    return GAP.join(set_out).rstrip()


def cut(text: str, width: int) -> str:
    """The text, or as much as fits with a mark."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + CUT
