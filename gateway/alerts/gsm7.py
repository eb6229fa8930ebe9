"""The GSM 7-bit default alphabet (3GPP TS 23.038): what an SMS of 160 characters can say, and how it is packed.

A septet is one place of a message. Ten characters cost two: the escape and a septet of the extension table.
"""

from __future__ import annotations

import unicodedata

ESCAPE = 0x1B
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = {
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}
_SEPTETS = {sign: bytes((code,)) for code, sign in enumerate(_BASIC) if code != ESCAPE} | {
    sign: bytes((ESCAPE, code)) for sign, code in _EXTENSION.items()
}
_PLAIN = {
    **dict.fromkeys((0x09, 0xA0, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000), " "),
    **dict.fromkeys((0x60, 0xB4, 0x02B9, 0x02BC, 0x2018, 0x2019, 0x201A, 0x201B, 0x2032, 0x2039, 0x203A), "'"),
    **dict.fromkeys((0xAB, 0xBB, 0x201C, 0x201D, 0x201E, 0x201F, 0x2033), '"'),
    **dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212), "-"),
    **dict.fromkeys((0x0B, 0x0C, 0x0D, 0x85, 0x2028, 0x2029), "\n"),
    0x2022: "-",
    0x2026: "...",
    0xB7: ".",
}
"""Code points that mean no more than the plain character beside them."""
_SPOKEN = "\n"
_UNSEEN = frozenset({"Cc", "Cf", "Cs"})


def plain(text: str) -> str:
    """The text in characters that say the same and cost less: plain spaces, quotes and dashes; accents composed.

    What nobody would see is left out: controls, zero-width signs and halves of surrogate pairs. Letters stay.
    """
    lines = unicodedata.normalize("NFC", text.replace("\r\n", "\n")).translate(_PLAIN)
    return "".join(sign for sign in lines if sign in _SPOKEN or unicodedata.category(sign) not in _UNSEEN)


def fits(text: str) -> bool:
    """Every character is in the alphabet or its extension table."""
    return all(sign in _SEPTETS for sign in text)


def septets(text: str) -> list[bytes]:
    """One entry for each character: one septet, or two that belong together. ValueError for any other character."""
    try:
        return [_SEPTETS[sign] for sign in text]
    except KeyError as error:
        raise ValueError(f"U+{ord(error.args[0]):04X} is not in the GSM alphabet") from None


def length(text: str) -> int:
    """The places that a text takes. ValueError for a character outside the alphabet."""
    return sum(map(len, septets(text)))


def pack(codes: bytes, fill_bits: int = 0) -> bytes:
    """Septets, one in each byte, as octets (6.1.2.1): the first one lowest, behind so many bits of filling."""
    value = size = 0
    for code in codes:
        value |= code << size
        size += 7
    return (value << fill_bits).to_bytes((size + fill_bits + 7) // 8, "little")
