"""What a screen can show: ASCII (any VT100), Latin-1 or UTF-8. Everything that is printed goes through here.

Names, meters and head-ends are others' text: a control character in it would be a command to the screen.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from enum import Enum

_ASCII = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u00ab": '"',
        "\u00bb": '"',
        "\u2013": "-",
        "\u2014": "-",
        "\u2212": "-",
        "\u2026": "...",
        "\u20ac": "EUR",
        "\u00b0": " deg",
        "\u00b7": ".",
        "\u00d7": "x",
        "\u00df": "ss",
        "\u2192": "->",
        "\u2190": "<-",
        "\u2265": ">=",
        "\u2264": "<=",
        "\u00b3": "3",
        "\u00b2": "2",
    }
)


class Charset(Enum):
    """What the line carries. The value is Python's name of the encoding."""

    ASCII = "ascii"
    LATIN_1 = "latin-1"
    UTF_8 = "utf-8"

    def plain(self, text: str) -> str:
        """The text as this screen can show it: nothing that moves a cursor, accents as well as they can be written."""
        if text.isascii() and text.isprintable():
            return text
        text = "".join(map(_printable, text))
        if self is Charset.UTF_8 or text.isascii():
            return text
        if self is Charset.LATIN_1:
            return "".join(one if ord(one) < 256 else _ascii(one) for one in text)
        return _ascii(text)

    def cells(self, text: str) -> str:
        """The same, one character for each: where a cursor moves in it."""
        return "".join(self.plain(one)[:1] for one in text)

    def encode(self, text: str) -> bytes:
        """The bytes of a line that is plain already, one byte at least for each cell."""
        return text.encode(self.value, "replace")


def of_environment(environment: Mapping[str, str]) -> Charset:
    """What the person's terminal shows, by its locale; a VT100 by name has no accents."""
    if environment.get("TERM", "vt100") in {"vt100", "vt102", "dumb"}:
        return Charset.ASCII
    locale = environment.get("LC_ALL") or environment.get("LC_CTYPE") or environment.get("LANG") or ""
    kind = locale.partition(".")[2].partition("@")[0].lower().replace("-", "")
    if kind == "utf8":
        return Charset.UTF_8
    return Charset.LATIN_1 if kind in {"iso88591", "iso885915"} else Charset.ASCII


def _printable(character: str) -> str:
    """Spaces of all kinds are spaces; controls, and marks that turn the direction of text around, are `?`."""
    kind = unicodedata.category(character)
    if kind == "Zs" or character == "\t":
        return " "
    return "?" if kind in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} else character


def _ascii(text: str) -> str:
    """`perche'` for `perché`, as people write it without accents; `?` for what has no such letter."""
    out = []
    text = unicodedata.normalize("NFC", text).translate(_ASCII)
    for at, character in enumerate(text):
        if character.isascii():
            out.append(character)
            continue
        letters = [one for one in unicodedata.normalize("NFKD", character) if one.isascii() and one.isprintable()]
        out.append("".join(letters) or "?")
        if letters and character.isalpha() and not text[at + 1 : at + 2].isalpha() and character in "àèéìòùÀÈÉÌÒÙ":
            out.append("'")
    return "".join(out)
