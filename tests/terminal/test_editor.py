"""The line editor, key by key."""

from __future__ import annotations

import pytest

from gateway.terminal.buffer import HISTORY_MAX_CHARS, HISTORY_MAX_LINES, LINE_MAX_CHARS
from gateway.terminal.charset import Charset
from gateway.terminal.editor import Did, Editor
from tests.terminal.screen import Screen

UP, DOWN, RIGHT, LEFT = b"\x1b[A", b"\x1b[B", b"\x1b[C", b"\x1b[D"


def edited(*typed: bytes, charset: Charset = Charset.ASCII, width: int = 80) -> tuple[Editor, Screen]:
    """An editor and its screen after these pieces of input."""
    editor, screen = Editor(charset, width), Screen(width)
    editor.begin("gw> ")
    for piece in typed:
        taken, did = editor.feed(piece)
        assert (taken, did) == (len(piece), None)
        screen.take(editor.drain(), charset.value)
    return editor, screen


def entered(editor: Editor, line: bytes, *, masked: bool = False) -> None:
    """Enter a whole line."""
    editor.begin("> ", masked=masked)
    assert editor.feed(line + b"\r") == (len(line) + 1, Did.LINE)


@pytest.mark.parametrize(
    ("typed", "text", "column"),
    [
        ((b"status",), "status", 6),
        ((b"stats", LEFT, b"u"), "status", 5),
        ((b"stats", b"\x1bOD", b"u"), "status", 5),
        ((b"abc", b"\x01", b"x"), "xabc", 1),
        ((b"abc", b"\x1b[H", b"x", b"\x1b[F", b"y"), "xabcy", 5),
        ((b"abc", b"\x1b[1~", b"\x1b[3~"), "bc", 0),
        ((b"abc", b"\x1b[7~", b"\x04"), "bc", 0),
        ((b"abc", b"\x7f"), "ab", 2),
        ((b"abc", b"\x08"), "ab", 2),
        ((b"abc", b"\x02\x02", b"\x7f"), "bc", 0),
        ((b"abc", b"\x7f\x7f\x7f\x7f\x7f"), "", 0),
        ((b"meter show m1", b"\x17"), "meter show ", 11),
        ((b"meter show m1", b"\x1b\x7f"), "meter show ", 11),
        ((b"meter show m1", b"\x15"), "", 0),
        ((b"meter show m1", b"\x1bb\x1bb", b"\x0b"), "meter ", 6),
        ((b"meter show m1", b"\x1b[1;5D", b"\x1b[1;5D", b"\x15"), "show m1", 0),
        ((b"one two", b"\x17", b"\x01", b"\x19"), "twoone ", 3),
        ((b"abc", RIGHT, RIGHT, b"d"), "abcd", 4),
        ((b"a", UP, DOWN, b"b"), "ab", 2),
    ],
)
def test_each_key_does_what_it_does_everywhere(typed: tuple[bytes, ...], text: str, column: int) -> None:
    """Arrows, Home, End, Delete, Backspace, Ctrl-A/B/D/E/F/U/K/W/Y and word by word; the screen shows the line."""
    editor, screen = edited(*typed)
    assert editor.text == text
    assert screen.column == 4 + column
    assert screen.shown == ("gw> " + text).rstrip()


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        (b"perch\xc3\xa9", "perché"),
        (b"perch\xe9 no", "perché no"),
        (b"\xe2\x82\xac", "€"),
        (b"\xe9\xb0\xb0\xb0", "\xb0"),
        (b"\xe9", ""),
        (b"\xe0\x80\xb0", "à°"),
        (b"a\x80\x9f\xadb", "ab"),
        (b"\xf0\x9f\x92\xa1x", "x"),
        ("e\u0301\u202ex".encode(), "ex"),
    ],
)
def test_utf8_and_latin_1_are_both_understood(typed: bytes, text: str) -> None:
    """Either is read without a setting; what has no cell of its own on the screen is not taken."""
    editor, _ = edited(typed)
    assert editor.text == text


def test_a_latin_1_letter_alone_is_there_after_a_moment() -> None:
    """The first byte of a longer character is a letter when nothing follows; a lone Escape is dropped."""
    editor, screen = edited(b"perch\xe9", charset=Charset.UTF_8)
    editor.idle()
    screen.take(editor.drain(), "utf-8")
    assert (editor.text, screen.shown) == ("perché", "gw> perché")
    editor.feed(b"\x1b")
    editor.idle()
    editor.feed(b"[A")
    assert editor.text == "perché[A"


def test_a_screen_without_accents_shows_letters_and_keeps_the_text() -> None:
    """On ASCII a character is still one cell, so the cursor is where it seems to be."""
    editor, screen = edited("caffè più".encode(), LEFT, b"X")
    assert editor.text == "caffè piXù"
    assert screen.shown == "gw> caffe piXu"


def test_enter_is_one_enter_whatever_the_terminal_sends() -> None:
    """CR, LF, CR LF and CR NUL end a line once; what follows is for the next one."""
    editor = Editor()
    for ending in (b"\r", b"\n", b"\r\n", b"\r\x00"):
        editor.begin("> ")
        taken, did = editor.feed(b"a" + ending + b"b")
        assert (taken, did, editor.text) == (2, Did.LINE, "a")
        rest = (b"a" + ending + b"b")[taken:]
        editor.begin("> ")
        assert editor.feed(rest)[1] is None
        assert editor.text == "b"


def test_ctrl_c_and_ctrl_d_leave_the_line() -> None:
    """Ctrl-C gives the line up, Ctrl-D ends only an empty one."""
    editor, screen = edited(b"half a line")
    assert editor.feed(b"\x03rest") == (1, Did.INTERRUPT)
    screen.take(editor.drain())
    assert screen.left == ["gw> half a line^C"]
    editor.begin("> ")
    assert editor.feed(b"\x04") == (1, Did.END)


def test_ctrl_c_is_heard_inside_what_noise_began() -> None:
    """An escape sequence cut short, or a paste whose end was lost, does not swallow Ctrl-C and Enter."""
    for begun in (b"\x1b", b"\x1b[", b"\x1b[1;", b"\x1bO", b"\x1b]0;title", b"\x1bP1$r", b"\x1b[200~pasted"):
        editor, _ = edited()
        assert editor.feed(begun + b"\x03")[1] is Did.INTERRUPT, begun


def test_a_sequence_too_long_is_noise() -> None:
    """Sequences are bounded: after 16 bytes (256 in a terminal's answer) what follows is text again."""
    editor, _ = edited(b"\x1b[" + b"1" * 50 + b"A", b"\x1b]" + b"x" * 500)
    assert editor.text.startswith("1" * 30)
    assert editor.text.endswith("x" * 200)


def test_history_is_walked_and_comes_back() -> None:
    """Up and down show earlier lines and, at the end, what was being typed."""
    editor = Editor()
    for line in (b"status", b"meters", b"meters", b" secret", b"ledger CH-1"):
        entered(editor, line)
    editor.begin("> ")
    seen = []
    for key in (b"dra", UP, UP, UP, UP, DOWN, DOWN, DOWN, DOWN):
        editor.feed(key)
        seen.append(editor.text)
    assert seen == ["dra", "ledger CH-1", "meters", "status", "status", "meters", "ledger CH-1", "dra", "dra"]


def test_what_is_masked_is_nowhere() -> None:
    """A password shows as stars, is in no history, is not kept when cut, and Tab does not complete it."""
    editor, screen = Editor(), Screen()
    editor.begin("PIN: ", masked=True)
    assert editor.feed(b"12\t34") == (5, None)
    screen.take(editor.drain())
    assert (screen.shown, editor.text) == ("PIN: ****", "1234")
    editor.feed(b"\x15" + UP + b"\x19")
    assert editor.text == ""
    editor.feed(b"5678\r")
    assert b"5678" not in editor.drain()
    editor.begin("> ")
    editor.feed(UP + b"\x19")
    assert editor.text == ""


def test_answers_are_no_commands() -> None:
    """What is answered in a conversation (a code read out on the phone) is in no history; Up shows nothing there."""
    editor = Editor()
    entered(editor, b"topup code")
    editor.begin("Code: ", command=False)
    editor.feed(UP + b"12345 67890\r")
    assert editor.text == "12345 67890"
    editor.begin("> ")
    editor.feed(UP)
    assert (editor.text, len(editor.history)) == ("topup code", 1)


def test_history_is_bounded() -> None:
    """No more than 100 lines and 16 KiB are kept, and they can be forgotten."""
    editor = Editor()
    for number in range(300):
        entered(editor, b"line %d" % number)
    assert len(editor.history) == HISTORY_MAX_LINES
    for number in range(20):
        entered(editor, b"%d" % number + b"x" * 4000)
    assert sum(len(editor.history.line(back)) for back in range(1, len(editor.history) + 1)) <= HISTORY_MAX_CHARS
    editor.history.forget()
    assert len(editor.history) == 0


def test_a_line_is_bounded() -> None:
    """The character after 4096 ends it; nothing of it is kept as a line."""
    editor, _ = edited(b"x" * LINE_MAX_CHARS)
    assert editor.feed(b"yz") == (1, Did.TOO_LONG)
    assert len(editor.history) == 0


def test_a_paste_is_text_and_runs_nothing() -> None:
    """In a bracketed paste the end of a line is a space and a Tab does not complete: somebody presses Enter."""
    editor, screen = edited(b"\x1b[200~topup\r\nabc\tdef\r\n\x1b[201~")
    assert editor.text == "topup abc def "
    assert screen.shown == "gw> topup abc def"
    assert editor.feed(b"\r") == (1, Did.LINE)


def test_a_long_line_scrolls_in_one_row() -> None:
    """Nothing wraps: marks show that there is more on either side, and the cursor stays visible."""
    editor, screen = edited(b"0123456789" * 20, width=40)
    assert screen.shown.startswith("gw> <")
    assert len(screen.shown) <= 39
    for _ in range(200):
        editor.feed(LEFT)
        screen.take(editor.drain())
    assert (screen.column, screen.shown[4:10], screen.shown[-1]) == (4, "012345", ">")


def test_ctrl_l_clears_and_shows_the_line_again() -> None:
    """The one thing that draws a whole screen is the key that asks for it."""
    editor, screen = edited(b"status", b"\x0c")
    assert (screen.shown, screen.column, editor.text) == ("gw> status", 10, "status")


@pytest.mark.parametrize(
    ("typed", "candidates", "word", "text"),
    [
        (b"st", ["status"], "st", "status "),
        (b"meter s", ["scan", "show"], "s", "meter s"),
        (b"me", ["meter", "meters"], "me", "meter"),
        (b"xyz", [], "xyz", "xyz"),
        (b"ST", ["status"], "ST", "status "),
    ],
)
def test_tab_completes_as_far_as_it_is_certain(typed: bytes, candidates: list[str], word: str, text: str) -> None:
    """One candidate is set with a space behind it, more as far as they agree; otherwise the bell."""
    editor, screen = edited(typed)
    assert editor.feed(b"\t") == (1, Did.COMPLETE)
    editor.complete(candidates, word)
    out = editor.drain()
    screen.take(out)
    assert editor.text == text
    assert screen.shown == ("gw> " + text).rstrip()
    assert (b"\a" in out) == (text == typed.decode())


def test_a_second_tab_lists_what_there_is() -> None:
    """Below the line, in columns, and the line again; bounded, however many there are."""
    editor, screen = edited(b"m")
    for _ in range(2):
        editor.feed(b"\t")
        editor.complete([f"m{number}" for number in range(500)], "m")
    screen.take(editor.drain())
    assert screen.shown == "gw> m"
    assert screen.left[-1].endswith("+440")
    assert len(screen.left) < 10
    editor.feed(b"\t")
    editor.complete(["x" * 300, "y" * 300], "")
    editor.feed(b"\t")
    editor.complete(["x" * 300, "y" * 300], "")
    screen.take(editor.drain())
