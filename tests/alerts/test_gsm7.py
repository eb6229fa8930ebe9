"""The GSM alphabet: against the standard's table, a foreign codec and a packing written a second time."""

import gsm0338
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.alerts import gsm7

CODEC = gsm0338.Codec()
EXTENDED = "€[]{}~^\\|"
EVERY = "".join(CODEC.decode(bytes([code]))[0] for code in range(128) if code != 0x1B) + EXTENDED + "\f"
OUTSIDE = st.characters(exclude_characters=EVERY, exclude_categories=["Cs"])


def bits(codes: bytes) -> str:
    """Septets as they follow each other on the air, lowest bit first."""
    return "".join(f"{code:07b}"[::-1] for code in codes)


def test_every_character_has_the_septet_of_the_standard() -> None:
    """All 127 characters and the ten behind the escape are those of another implementation of 3GPP TS 23.038."""
    assert len(EVERY) == 137
    for sign in EVERY:
        assert gsm7.fits(sign)
        assert b"".join(gsm7.septets(sign)) == CODEC.encode(sign)[0]


@given(st.text(st.sampled_from(EVERY)))
def test_a_text_is_written_as_another_codec_writes_it(text: str) -> None:
    """Whole texts too; the length counts an escape as a place."""
    codes = b"".join(gsm7.septets(text))
    assert codes == CODEC.encode(text)[0]
    assert gsm7.length(text) == len(codes) == len(text) + sum(sign in EXTENDED + "\f" for sign in text)


@given(OUTSIDE)
def test_a_character_outside_the_alphabet_is_named(sign: str) -> None:
    """ç, ê, Cyrillic, emoji: not in the alphabet, and the code point is named."""
    assert not gsm7.fits(f"a{sign}")
    with pytest.raises(ValueError, match=f"U\\+{ord(sign):04X} is not in the GSM alphabet"):
        gsm7.septets(f"a{sign}")


@pytest.mark.parametrize(
    ("text", "packed"),
    [
        ("hellohello", "e8329bfd4697d9ec37"),
        ("1234567", "31d98c56b3dd00"),
        ("12345678", "31d98c56b3dd70"),
        ("", ""),
    ],
)
def test_known_texts_pack_into_known_octets(text: str, packed: str) -> None:
    """Examples that are printed in many places; seven characters leave seven bits of filling."""
    assert gsm7.pack(b"".join(gsm7.septets(text))).hex() == packed


@given(st.binary(max_size=160).map(lambda data: bytes(code & 0x7F for code in data)), st.integers(0, 6))
def test_packing_is_the_bits_in_order(codes: bytes, fill: int) -> None:
    """6.1.2.1: behind the filling the septets follow each other, lowest bit first; what is left is filled with 0."""
    packed = gsm7.pack(codes, fill)
    stream = "".join(f"{octet:08b}"[::-1] for octet in packed)
    assert stream[fill:].startswith(bits(codes))
    assert set(stream[:fill] + stream[fill + 7 * len(codes) :]) <= {"0"}
    assert len(stream) - fill - 7 * len(codes) < 8


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("12\u202f345,60\u00a0€", "12 345,60 €"),
        ("l\u2019interruttore", "l'interruttore"),
        ("\u201cgas\u201d \u00abluce\u00bb", '"gas" "luce"'),
        ("dal 1\u20132\u2014ora\u2026", "dal 1-2-ora..."),
        ("citta\u0300 e\u0300 perche\u0301", "città è perché"),
        ("a\u200bb\ufeffc\u00add", "abcd"),
        ("uno\r\ndue\rtre\ttab\x00\x1b", "uno\ndue\ntre tab"),
        ("\ud83d rotto", " rotto"),
    ],
)
def test_typographic_characters_become_plain_ones(written: str, sent: str) -> None:
    """Section 4.5: Babel's narrow spaces and apostrophes would cut an SMS from 160 to 70 characters."""
    assert gsm7.plain(written) == sent
    assert gsm7.fits(gsm7.plain(written))


@given(st.text())
def test_what_was_made_plain_stays_plain(text: str) -> None:
    """Twice is as once; nothing is left that could not be encoded in UTF-16."""
    once = gsm7.plain(text)
    assert gsm7.plain(once) == once
    assert once.encode("utf-16-be").decode("utf-16-be") == once


@given(st.text(st.sampled_from(EVERY.replace("\f", "").replace("\r", ""))))
def test_a_text_of_the_alphabet_is_left_as_it_is(text: str) -> None:
    """Nothing that GSM can say is rewritten, the accents of Italian least of all."""
    assert gsm7.plain(text) == text
