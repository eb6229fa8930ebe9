"""What editing costs on the line: 9600 baud carries 960 bytes a second, so a millisecond a byte."""

from __future__ import annotations

import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.terminal.charset import Charset
from gateway.terminal.editor import Did, Editor
from tests.terminal.screen import Screen, judge
from tests.terminal.test_editor import LEFT, RIGHT, UP, edited, entered

KEYS = [
    *(b"%c" % byte for byte in (1, 2, 3, 4, 5, 6, 8, 9, 11, 12, 14, 16, 21, 23, 25, 127)),
    *(b"\x1b[" + end for end in (b"A", b"B", b"C", b"D", b"H", b"F", b"1~", b"3~", b"1;5C", b"1;5D")),
    *(b"\x1b[200~", b"\x1b[201~", b"\x1bb", b"\x1bf", b"\x1b", b"\x1b[", b"\x00", b"\xff", b"\xc3", b"\xe9"),
    *("abc ü€ℵ\u0301\u202e\u65e5\U0001f4a1".encode()[at : at + 1] for at in range(23)),
    *(b"meter show", b"x" * 60, b" ", "più".encode()),
]


def cost(editor: Editor, typed: bytes) -> int:
    """How many bytes go to the screen for this."""
    editor.drain()
    editor.feed(typed)
    return len(editor.drain())


def test_a_character_at_the_end_costs_itself() -> None:
    """Typing echoes one byte for each character; Backspace there costs three, an arrow one."""
    editor, _ = edited(b"meter sho")
    assert cost(editor, b"w") == 1
    assert cost(editor, b"\x7f") == 3
    assert cost(editor, LEFT) == 1
    assert cost(editor, RIGHT) == 1


def test_a_character_in_the_middle_costs_the_rest_of_the_line() -> None:
    """Nothing left of the cursor is sent again; going to either end costs at most four or five bytes."""
    editor, _ = edited(b"meter replace m1", b"\x1bb")
    assert cost(editor, b"x") == len("xm1") + 2
    assert cost(editor, b"\x01") <= 5
    assert cost(editor, b"\x05") <= 5
    assert cost(editor, b"\x15") <= 5 + 3


def test_a_paste_is_drawn_once() -> None:
    """A thousand characters in one piece cost a row, not a thousand rows."""
    editor, _ = edited()
    assert cost(editor, b"x" * 1000) < 90


def test_typing_far_beyond_the_row_stays_cheap() -> None:
    """Half a row is drawn at a time: on the mean four bytes for each character, however long the line."""
    editor, _ = edited()
    chance = random.Random(1)
    costs = [cost(editor, b"%d" % chance.randrange(10)) for _ in range(1000)]
    assert statistics.mean(costs) < 4
    assert max(costs) <= 100


def test_completion_costs_what_it_adds() -> None:
    """A word completed by Tab costs its missing letters and the space."""
    editor, _ = edited(b"sta")
    assert editor.feed(b"\t")[1] is Did.COMPLETE
    editor.drain()
    editor.complete(["status"], "sta")
    assert editor.drain() == b"tus "


def test_a_line_from_history_costs_the_difference() -> None:
    """What is the same at the beginning is not sent again."""
    editor, _ = edited()
    entered(editor, b"meter show m1")
    entered(editor, b"meter show m2")
    editor.begin("gw> ")
    assert cost(editor, UP) == len("meter show m2")
    assert cost(editor, UP) <= 3


def test_usual_editing_costs_two_bytes_for_each_key() -> None:
    """Over usual commands, corrected as people do: what docs/technician.md says."""
    editor, _ = edited()
    costs: list[int] = []
    for line in (b"status", b"meter show m1", b"ledger CH-0001", b"topup code CH-0001"):
        keys = [bytes([byte]) for byte in line[:-1] + b"x\x7f" + line[-1:]]
        keys += [LEFT, LEFT, LEFT, b"y", b"\x7f", b"\x05", b"\x17", b"\x15"]
        costs += [cost(editor, key) for key in keys]
    mean = statistics.mean(costs)
    print(f"{len(costs)} keys, {mean:.2f} bytes for each, {max(costs)} at most")
    assert mean < 2.5
    assert max(costs) < 30


@given(
    st.lists(st.sampled_from(KEYS) | st.binary(max_size=12), max_size=60),
    st.sampled_from(Charset),
    st.sampled_from((40, 80, 132)),
    st.booleans(),
)
def test_whatever_is_typed_the_screen_shows_the_line(
    pieces: list[bytes], charset: Charset, width: int, masked: bool
) -> None:
    """After any keys and any noise the cells around the cursor are those of the text, and the cursor is where it is."""
    editor, screen = Editor(charset, width), Screen(width)
    prompt = "gw> "
    editor.begin(prompt, masked=masked)
    for piece in pieces:
        data = piece
        while data:
            taken, did = editor.feed(data)
            data = data[taken:]
            if did is Did.COMPLETE:
                editor.complete(["meter", "meters"], editor.before.rpartition(" ")[2])
            elif did is not None:
                editor.begin(prompt, masked=masked)
        screen.take(editor.drain(), charset.value)
        judge(editor, screen, charset, len(prompt), masked=masked)
    editor.idle()
    screen.take(editor.drain(), charset.value)
    judge(editor, screen, charset, len(prompt), masked=masked)


@pytest.mark.parametrize("charset", Charset)
def test_no_byte_for_the_screen_is_ever_a_control_that_was_typed(charset: Charset) -> None:
    """Junk in, nothing of it out: what is echoed is printable, or one of the few sequences the editor makes."""
    for byte in range(256):
        editor, screen = Editor(charset), Screen()
        editor.begin("> ")
        editor.feed(bytes([byte, byte, 0x41]))
        screen.take(editor.drain(), charset.value)
