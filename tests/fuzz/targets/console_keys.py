"""Bytes of a keyboard, in pieces: the line editor never fails, is bounded, and its screen shows the line (issue 5)."""

from __future__ import annotations

import random
from collections.abc import Iterator

from gateway.terminal.buffer import HISTORY_MAX_CHARS, HISTORY_MAX_LINES, LINE_MAX_CHARS
from gateway.terminal.charset import Charset
from gateway.terminal.editor import Did, Editor
from gateway.terminal.keys import STRING_MAX_BYTES
from tests.fuzz.mutation import after, mutate_bytes
from tests.fuzz.target import Target
from tests.terminal.screen import Screen, judge

_CHARSETS = tuple(Charset)
_WIDTHS = (40, 80, 132)
PIECES_MAX = 60
_PROMPT = "gw> "
_KEYS = (
    *(bytes([byte]) for byte in range(32)),
    *(b"\x1b[" + end for end in (b"A", b"B", b"C", b"D", b"H", b"F", b"3~", b"1;5C", b"1;5D", b"200~", b"201~")),
    *(
        b"\x1bb",
        b"\x1b",
        b"\x1b[",
        b"\x1b]",
        b"\x1bP",
        b"\x7f",
        b"\xc3\xa8",
        b"\xe8",
        b"\xe6\x97\xa5",
        b"x" * 50,
        b"\r",
    ),
)


def check(data: bytes) -> None:
    """The first byte chooses screen and mask, the second how large the pieces are."""
    choice, size, data = (data + b"\0\0")[0], (data + b"\0\0")[1] % 64 + 1, data[2:]
    size = max(size, len(data) // PIECES_MAX)  # the judge takes longer than the editor
    charset, width, masked = _CHARSETS[choice % 3], _WIDTHS[choice // 3 % 3], bool(choice & 0x80)
    editor, screen = Editor(charset, width), Screen(width)
    editor.begin(_PROMPT, masked=masked)
    while data:
        taken, did = editor.feed(data[:size])
        assert 0 < taken <= size
        data = data[taken:]
        if did is Did.COMPLETE:
            editor.complete(["meter", "meters"][: choice % 4], editor.before.rpartition(" ")[2])
        elif did is not None:
            editor.begin(_PROMPT, masked=masked)
        screen.take(editor.drain(), charset.value)
        judge(editor, screen, charset, len(_PROMPT), masked=masked)
        assert len(editor.text) <= LINE_MAX_CHARS
        assert len(editor._keys._held) <= STRING_MAX_BYTES
    editor.idle()
    kept = [editor.history.line(back) for back in range(1, len(editor.history) + 1)]
    assert len(kept) <= HISTORY_MAX_LINES
    assert sum(map(len, kept)) <= HISTORY_MAX_CHARS
    assert not (masked and kept)


def seeds() -> Iterator[bytes]:
    for choice in (0, 1, 2, 0x80):
        yield (
            bytes([choice, 63]) + b"meter show m1\x1b[D\x1b[D\x7fx\x01y\x05\x17\x19\t\t\rstatus\r\x1b[A\x1b[A\x1b[B\x03"
        )
    yield b"\x01\x00" + "caffè più\x1b[1;5D\x0b\x0c".encode() + b"\xe8\xe9 \x1b[200~a\r\nb\tc\x1b[201~\r"
    yield b"\x03\x3f" + b"x" * 300 + b"\x1b[H" + b"y" * 60 + b"\x1b[F\x15\x04"


def _keys(data: bytes, chance: random.Random) -> bytes:
    if chance.random() < 0.3:
        return mutate_bytes(data, chance)
    at = chance.randint(0, len(data))
    return data[:at] + b"".join(chance.choices(_KEYS, k=chance.randint(1, 8))) + data[at:]


TARGET = Target(check, seeds, after(2, _keys), max_bytes=1000)
