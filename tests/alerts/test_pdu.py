"""PDUs: printed examples, and whatever is written is read back by the simulator's own reader."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.sms import Part, Telephone, read_submit, report
from gateway.alerts import gsm7
from gateway.alerts.pdu import PARTS_MAX, Fate, Garbled, Submit, Unsendable, status_report, submits, validity

TO = "+41791234567"
DAY = 1_440
PLAIN = st.text(st.sampled_from("abc ABC èéàòù€[]{}~^\\|\n'\"1290"), min_size=1)
ANY = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cf"]), min_size=1)


def read(parts: tuple[Submit, ...]) -> list[Part]:
    """As the service centre reads them; it checks the announced length, too."""
    return [read_submit(bytes.fromhex(part.text), part.octets) for part in parts]


def test_the_printed_example_is_made() -> None:
    """Hellohello to +46708251358, valid four days: the example of many manuals, with a status report asked for."""
    (part,) = submits("+46708251358", "hellohello", 0, validity_minutes=4 * DAY)
    assert part.text == "0031000B916407281553F80000AA0AE8329BFD4697D9EC37"
    assert part.octets == 23


def test_an_even_number_has_no_filling() -> None:
    """TP-DA: ten digits are five octets without an F (9.1.2.5)."""
    (part,) = submits("+4179123456", "x", 0, validity_minutes=DAY)
    assert "0A911497214365" in part.text


def test_cyrillic_goes_in_ucs2() -> None:
    """UTF-16 big-endian behind DCS 8, two octets a character."""
    (part,) = submits(TO, "Свет", 0, validity_minutes=DAY)
    assert part.text.endswith("0008A708" + "042104320435" + "0442")


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("a" * 160, [160]),
        ("a" * 161, [153, 8]),
        ("a" * 306, [153, 153]),
        ("€" * 80, [80]),
        ("€" * 81, [76, 5]),  # 153 places hold 76 escapes with their septets; the last place stays empty
        ("a" * 152 + "€" * 10, [152, 10]),
        ("ж" * 70, [70]),
        ("ж" * 71, [67, 4]),
        ("😀" * 35, [35]),
        ("😀" * 36, [33, 3]),  # 67 places hold 33 pairs; no pair is cut
        ("ж" * 66 + "😀" * 3, [66, 3]),
    ],
)
def test_parts_are_as_full_as_they_may_be(text: str, lengths: list[int]) -> None:
    """160/153 and 70/67 characters a part; neither an escape nor a surrogate pair is split."""
    parts = read(submits(TO, text, 7, validity_minutes=DAY))
    assert [len(part.text) for part in parts] == lengths
    assert [(part.place, part.parts) for part in parts] == [(n + 1, len(lengths)) for n in range(len(lengths))]
    assert {part.group for part in parts} == ({7} if len(lengths) > 1 else {None})
    assert "".join(part.text for part in parts) == text


@settings(max_examples=300)
@given(PLAIN | ANY, st.integers(0, 255), st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True))
def test_what_is_written_is_read(text: str, reference: int, to: str) -> None:
    """Every text in every part, to the right number, within 140 octets, with a report asked for; or it is refused."""
    try:
        parts = submits(to, text, reference, validity_minutes=DAY)
    except Unsendable:
        plain = gsm7.plain(text)
        assert not plain.strip() or len(plain.encode("utf-16-be")) > PARTS_MAX * 67 * 2
        return
    assert 1 <= len(parts) <= PARTS_MAX
    telephone = Telephone()
    for part in read(parts)[::-1]:
        assert (part.to, part.report, part.validity_minutes) == (to, True, DAY)
        telephone.take(part)
    assert telephone.messages == [(to, gsm7.plain(text))]


@pytest.mark.parametrize(
    ("to", "text", "told"),
    [
        ("0791234567", "x", "international form"),
        ("+0791234567", "x", "international form"),
        ("+41 79 123", "x", "international form"),
        ("+4179123456789012", "x", "international form"),
        ("+41791234567\n", "x", "international form"),
        ("+\u0664\u0661791234567", "x", "international form"),
        (TO, "", "nothing"),
        (TO, " \u200b\x00 ", "nothing"),
        (TO, "a" * (4 * 153 + 1), "needs 5 parts"),
        (TO, "ж" * (4 * 67 + 1), "needs 5 parts"),
    ],
)
def test_what_cannot_go_is_refused_in_words(to: str, text: str, told: str) -> None:
    """A number that is none, nothing to say, more than four parts; the reason holds neither number nor text."""
    with pytest.raises(Unsendable, match=told) as caught:
        submits(to, text, 0, validity_minutes=DAY)
    assert to not in str(caught.value)


@pytest.mark.parametrize(
    ("minutes", "octet"),
    [
        *[(5, 0), (60, 11), (720, 143), (749, 143), (750, 144), (DAY, 167), (2 * DAY, 168), (4 * DAY, 170)],
        *[(30 * DAY, 196), (34 * DAY, 196), (35 * DAY, 197), (63 * 7 * DAY, 255), (10**7, 255), (2 * DAY - 1, 167)],
    ],
)
def test_validity_is_the_longest_that_is_not_longer(minutes: int, octet: int) -> None:
    """TP-VP, relative (23.040, 9.2.3.12.1)."""
    assert validity(minutes) == octet


def test_no_validity_is_refused() -> None:
    """Less than five minutes cannot be said."""
    with pytest.raises(ValueError, match="five minutes"):
        validity(4)


@pytest.mark.parametrize(
    ("status", "fate"),
    [
        *[(0x00, Fate.DELIVERED), (0x01, Fate.UNSURE), (0x02, Fate.UNSURE), (0x20, Fate.WAITING), (0x3F, Fate.WAITING)],
        *[(0x40, Fate.FAILED), (0x46, Fate.FAILED), (0x60, Fate.FAILED), (0xFF, Fate.FAILED)],
    ],
)
@pytest.mark.parametrize("to", [TO, "+4179123456"])
def test_a_status_report_says_what_became_of_it(status: int, fate: Fate, to: str) -> None:
    """TP-ST (9.2.3.15) behind an address of odd or even length, as the simulator's modem hands it over."""
    _, digits = report(0xA5, to, status, 1_795_000_000)
    found = status_report(digits)
    assert (found.reference, found.digits, found.fate) == (0xA5, to[1:], fate)


def test_a_status_report_written_out_by_hand_is_read() -> None:
    """Octet by octet as 23.040, 9.2.2.3 lays it out: without a service centre, reference 0x1D, received."""
    found = status_report("00061D0B911326880736F4111011719551401110117195714000")
    assert (found.reference, found.digits, found.fate) == (0x1D, "31628870634", Fate.DELIVERED)


@given(st.binary(max_size=200))
def test_octets_that_are_no_report_are_refused(octets: bytes) -> None:
    """Whatever a modem hands over: a report or Garbled, nothing else."""
    try:
        found = status_report(octets.hex())
    except Garbled:
        return
    assert 0 <= found.reference <= 255
    assert len(found.digits) <= 20


@pytest.mark.parametrize(
    "digits", ["", "0", "zz", "07", "0006", "00111111111111111111111111111111111111", "0006000F91"]
)
def test_half_a_report_is_refused(digits: str) -> None:
    """Cut off, not hexadecimal, or another kind of PDU."""
    with pytest.raises(Garbled):
        status_report(digits)
