"""Amounts, instants, spans, tables and bars, in English and Italian, on ASCII, Latin-1 and UTF-8."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.terminal import layout
from gateway.terminal.catalogue import load
from gateway.terminal.charset import Charset, of_environment
from gateway.terminal.words import Words

EN, IT = load("en"), load("it")


def words(language: str = "en", charset: Charset = Charset.ASCII, width: int = 80) -> Words:
    """Words at a gateway in Rome."""
    found = Words(IT if language == "it" else EN, charset, width)
    found.place("Europe/Rome")
    return found


@pytest.mark.parametrize(
    ("amount", "english", "italian"),
    [
        ("12.4", "12.40 CHF", "12,40 CHF"),
        ("0", "0.00 CHF", "0,00 CHF"),
        ("-3.2147", "-3.21 CHF", "-3,21 CHF"),
        ("-0.001", "-0.00 CHF", "-0,00 CHF"),
        ("0.005", "0.01 CHF", "0,01 CHF"),
        ("-12.345", "-12.35 CHF", "-12,35 CHF"),
        ("999999999.999999999", "1000000000.00 CHF", "1000000000,00 CHF"),
        ("much", "much CHF", "much CHF"),
        ("NaN", "NaN CHF", "NaN CHF"),
    ],
)
def test_money_is_written_with_cents(amount: str, english: str, italian: str) -> None:
    """Two places, the comma of the language, a minus also where the cents are gone, a half as in messages (4.2)."""
    assert (words().money(amount, "CHF"), words("it").money(amount, "CHF")) == (english, italian)


def test_energy_and_power_are_kilo() -> None:
    """Integers of Wh and W become kWh and kW without a rounding."""
    assert words().energy(12_345) == "12.345 kWh"
    assert words("it").energy(-7) == "-0,007 kWh"
    assert words().power(3_000) == "3.000 kW"
    assert words().energy(2**53) == "9007199254740.992 kWh"


@pytest.mark.parametrize(
    ("text", "english", "italian"),
    [
        ("2026-01-31T09:30:00Z", "2026-01-31 10:30", "31.01.2026 10:30"),
        ("2026-07-31T09:30:00.123456+00:00", "2026-07-31 11:30", "31.07.2026 11:30"),
        ("2026-07-31T09:30:00", "2026-07-31 11:30", "31.07.2026 11:30"),
        ("2026-10-25T00:30:00Z", "2026-10-25 02:30 CEST", "25.10.2026 02:30 CEST"),
        ("2026-10-25T01:30:00Z", "2026-10-25 02:30 CET", "25.10.2026 02:30 CET"),
        ("2026-03-02", "2026-03-02", "02.03.2026"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"),
        ("soon", "soon", "soon"),
        ("", "", ""),
    ],
)
def test_instants_are_local_civil_time(text: str, english: str, italian: str) -> None:
    """The gateway's zone; the zone is named in the hour that comes twice; what is no instant stays as it is."""
    assert (words().instant(text), words("it").instant(text)) == (english, italian)


def test_an_unknown_zone_is_utc_and_says_so() -> None:
    """A terminal without the zone's file must not show a wrong time as if it were right."""
    here = words()
    for name in ("Mars/Olympus", "../../etc/passwd", ""):
        here.place(name)
        assert here.instant("2026-01-31T09:30:00Z") == "2026-01-31 09:30 UTC"


@pytest.mark.parametrize(
    ("seconds", "english", "italian"),
    [
        (0, "0 s", "0 s"),
        (59, "59 s", "59 s"),
        (61, "1 min 1 s", "1 min 1 s"),
        (3600, "1 h", "1 h"),
        (3661, "1 h 1 min", "1 h 1 min"),
        (90_000, "1 d 1 h", "1 g 1 h"),
        (86_459, "1 d", "1 g"),
        (-90, "-1 min 30 s", "-1 min 30 s"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(seconds: int, english: str, italian: str) -> None:
    """Enough to act on, short enough to read."""
    assert (words().duration(seconds), words("it").duration(seconds)) == (english, italian)


def test_a_table_is_as_narrow_as_it_can_be() -> None:
    """Columns by their widest cell, numbers to the right, what is too long is cut with a mark."""
    lines = words(width=40).table(
        ["shell.example", "shell.needs"],
        [("m1", "3.5 kW"), ("a very long name of a meter in a cellar", "12 kW"), ("m3", "-")],
    )
    assert lines == [
        "Example:                         Needs:",
        "m1                               3.5 kW",
        "a very long name of a meter in~   12 kW",
        "m3                                    -",
    ]


def test_a_table_cuts_words_before_instants_and_amounts() -> None:
    """24x80: a date that lost its hour is worth nothing; a name that lost its end still is one."""
    (_, line) = words(width=40).table(["a", "b", "c"], [("01.12.2026 08:00", "-1204,17 CHF", "substation in the yard")])
    assert line == "01.12.2026 08:00  -1204,17 CHF  substa~"
    assert layout.table(["a"], [["1" * 60]], 40)[1].endswith("~")


def test_pairs_are_aligned_and_go_on_below() -> None:
    """Values stand below each other; a long one goes on under itself."""
    lines = words(width=40).pairs([("shell.needs", "x"), ("shell.example", "one two three four five six seven")])
    assert lines == ["Needs:    x", "Example:  one two three four five six", "          seven"]


def test_what_is_set_in_stays_so() -> None:
    """24x80: advice below its check goes on below itself when it is long."""
    assert layout.wrap("   one two three", 10) == ["   one two", "   three"]
    assert layout.wrap("one two three", 10) == ["one two", "three"]


def test_bars_show_peaks_and_gaps() -> None:
    """Eight heights with UTF-8, six in ASCII, a gap for what is not known; never wider than the line."""
    values = [0, 1, 2, 3, 4, 5, 6, 7, None, 7]
    assert words(charset=Charset.UTF_8).spark(values) == "▁▂▃▄▅▆▇█ █"
    assert words().spark(values) == "__.--=*# #"
    assert words().spark([0, 5, 10]) == "_-#"
    assert words().spark([None, None]) == "  "
    assert words().spark([]) == ""
    assert words(charset=Charset.UTF_8).spark([-5, 0, 5]) == "▁▄█"
    many = [0] * 1000
    many[777] = 9
    assert len(words().spark(many)) == 79
    assert "#" in words().spark(many)


def test_a_screen_is_never_told_what_to_do_by_data() -> None:
    """Escape sequences, line ends and marks of direction in a name are shown as question marks (threat: injection)."""
    for charset in Charset:
        assert charset.plain("a\x1b[2Jb\r\n\x9b1mc\u202ed\x00") == "a?[2Jb???1mc?d?"


def test_accents_are_written_as_well_as_the_screen_can() -> None:
    """Italian on ASCII is read as Italians write it there; Latin-1 has the accents but not the euro."""
    text = "perché è più così… 12,40\u202f€ “sì” naïve"
    assert Charset.ASCII.plain(text) == "perche' e' piu' cosi'... 12,40 EUR \"si'\" naive"
    assert Charset.LATIN_1.plain(text) == 'perché è più così... 12,40 EUR "sì" naïve'
    assert Charset.UTF_8.plain(text) == "perché è più così… 12,40 € “sì” naïve"
    assert Charset.ASCII.plain("日本") == "??"


@pytest.mark.parametrize(
    ("environment", "charset"),
    [
        ({}, Charset.ASCII),
        ({"TERM": "xterm", "LANG": "it_IT.UTF-8"}, Charset.UTF_8),
        ({"TERM": "xterm", "LANG": "it_IT.utf8"}, Charset.UTF_8),
        ({"TERM": "vt100", "LANG": "it_IT.UTF-8"}, Charset.ASCII),
        ({"TERM": "xterm", "LANG": "it_IT@euro"}, Charset.ASCII),
        ({"TERM": "xterm", "LANG": "it_IT.ISO-8859-15@euro"}, Charset.LATIN_1),
        ({"TERM": "xterm", "LC_ALL": "C", "LANG": "it_IT.UTF-8"}, Charset.ASCII),
    ],
)
def test_what_the_terminal_shows_is_what_its_locale_says(environment: dict[str, str], charset: Charset) -> None:
    """A VT100 by name, or no locale, is ASCII."""
    assert of_environment(environment) is charset


@given(st.text(max_size=60), st.sampled_from(Charset))
def test_any_text_is_plain_and_can_be_sent(text: str, charset: Charset) -> None:
    """What comes out has no control character, is one cell a character, and the encoding takes it."""
    plain = charset.plain(text)
    assert plain.isprintable() or not plain
    assert charset.encode(plain).decode(charset.value)[: len(plain)].isprintable()
    assert charset.plain(plain) == plain
    assert len(charset.cells(text)) == len(text)


@given(st.lists(st.lists(st.text(max_size=30), max_size=5), max_size=8), st.integers(20, 132))
def test_no_table_is_wider_than_the_line(rows: list[list[str]], width: int) -> None:
    """Whatever is in the cells."""
    assert all(len(line) < width for line in words(width=width).table(["a", "b", "c"], rows))


@given(st.text(max_size=300), st.integers(1, 100))
def test_wrapping_loses_nothing(text: str, width: int) -> None:
    """Every line fits, and all characters but spaces are still there."""
    plain = Charset.UTF_8.plain(text)
    lines = layout.wrap(plain, width)
    assert all(len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == plain.replace(" ", "")


@given(st.lists(st.none() | st.integers(-(2**53), 2**53), max_size=300), st.sampled_from(Charset))
def test_any_values_are_a_line_of_bars(values: list[int | None], charset: Charset) -> None:
    """Also negative and huge ones; the greatest is the highest bar."""
    line = words(charset=charset).spark(values)
    assert len(line) == min(len(values), 79)
    known = [value for value in values if value is not None]
    if known and max(known) > 0:
        assert ("#" if charset is not Charset.UTF_8 else "█") in line


@given(st.integers(-(10**12), 10**12))
def test_any_span_has_at_most_two_units(seconds: int) -> None:
    """And is never empty."""
    assert 2 <= len(words().duration(seconds).removeprefix("-").split()) <= 4
