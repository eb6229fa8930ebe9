"""What a service centre understands: SMS-SUBMIT decoded, parts joined, status reports made (3GPP TS 23.038, 23.040).

Written from the standard and sharing nothing with the gateway, so that a mistake there cannot hide here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

_ESCAPE = 0x1B
_ABOVE_ASCII = {
    0x00: 0x40, 0x01: 0xA3, 0x02: 0x24, 0x03: 0xA5, 0x04: 0xE8, 0x05: 0xE9, 0x06: 0xF9, 0x07: 0xEC, 0x08: 0xF2,
    0x09: 0xC7, 0x0B: 0xD8, 0x0C: 0xF8, 0x0E: 0xC5, 0x0F: 0xE5, 0x10: 0x394, 0x11: 0x5F, 0x12: 0x3A6, 0x13: 0x393,
    0x14: 0x39B, 0x15: 0x3A9, 0x16: 0x3A0, 0x17: 0x3A8, 0x18: 0x3A3, 0x19: 0x398, 0x1A: 0x39E, 0x1C: 0xC6, 0x1D: 0xE6,
    0x1E: 0xDF, 0x1F: 0xC9, 0x24: 0xA4, 0x40: 0xA1, 0x5B: 0xC4, 0x5C: 0xD6, 0x5D: 0xD1, 0x5E: 0xDC, 0x5F: 0xA7,
    0x60: 0xBF, 0x7B: 0xE4, 0x7C: 0xF6, 0x7D: 0xF1, 0x7E: 0xFC, 0x7F: 0xE0,
}  # fmt: skip
"""Where the default alphabet differs from ASCII: septet -> code point."""
_AFTER_ESCAPE = {
    0x0A: 0x0C, 0x14: 0x5E, 0x28: 0x7B, 0x29: 0x7D, 0x2F: 0x5C, 0x3C: 0x5B, 0x3D: 0x7E, 0x3E: 0x5D, 0x40: 0x7C,
    0x65: 0x20AC,
}  # fmt: skip
_TYPE_SUBMIT = 1
_CODINGS = {0x00: "gsm", 0x08: "ucs2"}
_LONGEST_DATA = 140
_CONCATENATED = 0


class PduError(ValueError):
    """These octets are no SMS-SUBMIT; says what does not fit."""


@dataclass(frozen=True, slots=True)
class Part:
    """One SMS-SUBMIT as a service centre reads it; `place` of `parts`, joined by `group` (None: it stands alone)."""

    to: str
    text: str
    coding: str
    report: bool
    validity_minutes: int
    group: int | None = None
    parts: int = 1
    place: int = 1


def read_submit(pdu: bytes, announced: int) -> Part:
    """Read what follows AT+CMGS, the service centre's address in front. Raises PduError."""
    try:
        return _submit(pdu, announced)
    except (IndexError, UnicodeDecodeError) as error:
        raise PduError(f"ends too early, or is no text: {error}") from error


def _submit(pdu: bytes, announced: int) -> Part:
    tpdu = pdu[1 + pdu[0] :]
    if len(tpdu) != announced:
        raise PduError(f"{len(tpdu)} octets came, {announced} were announced")
    first = tpdu[0]
    if first & 3 != _TYPE_SUBMIT:
        raise PduError("is no SMS-SUBMIT")
    digits, kind = tpdu[2], tpdu[3]
    if not 1 <= digits <= 20:
        raise PduError("the address has no length that is allowed")
    at = 4 + (digits + 1) // 2
    number = _digits(tpdu[4:at])
    if len(number) != digits:
        raise PduError("the address is not as long as it says")
    if tpdu[at]:
        raise PduError("the protocol identifier is not that of a plain message")
    coding = _CODINGS.get(tpdu[at + 1])
    if coding is None:
        raise PduError(f"data coding {tpdu[at + 1]:#04x} is not known here")
    at += 2
    minutes = 0
    if first & 0x18 == 0x10:
        minutes = _minutes(tpdu[at])
        at += 1
    elif first & 0x18:
        raise PduError("an absolute validity is not known here")
    length, data = tpdu[at], tpdu[at + 1 :]
    text, header = _user_data(length, data, coding, has_header=bool(first & 0x40))
    group, parts, place = _concatenation(header)
    to = ("+" if kind == 0x91 else "") + number
    return Part(to, text, coding, bool(first & 0x20), minutes, group, parts, place)


def _user_data(length: int, data: bytes, coding: str, *, has_header: bool) -> tuple[str, bytes]:
    octets = (length * 7 + 7) // 8 if coding == "gsm" else length
    if len(data) != octets or octets > _LONGEST_DATA:
        raise PduError(f"{len(data)} octets of text, {octets} by its length")
    header_octets = data[0] + 1 if has_header else 0
    header = data[1:header_octets]
    if coding == "ucs2":
        return data[header_octets:].decode("utf-16-be"), header
    bits = "".join(f"{octet:08b}"[::-1] for octet in data)
    skip = -(-header_octets * 8 // 7)
    codes = [int(bits[place * 7 : place * 7 + 7][::-1], 2) for place in range(skip, length)]
    return _letters(codes), header


def _letters(codes: list[int]) -> str:
    text, escaped = "", False
    for code in codes:
        if escaped:
            text += chr(_AFTER_ESCAPE.get(code, 0x20))
            escaped = False
        elif code == _ESCAPE:
            escaped = True
        else:
            text += chr(_ABOVE_ASCII.get(code, code))
    if escaped:
        raise PduError("the text ends in an escape")
    return text


def _concatenation(header: bytes) -> tuple[int | None, int, int]:
    at = 0
    while at < len(header):
        element, size = header[at], header[at + 1]
        value = header[at + 2 : at + 2 + size]
        if element == _CONCATENATED:
            group, parts, place = value
            if not 1 <= place <= parts:
                raise PduError(f"part {place} of {parts}")
            return group, parts, place
        at += 2 + size
    return None, 1, 1


def _minutes(octet: int) -> int:
    for last, minutes in (
        (143, (octet + 1) * 5),
        (167, 12 * 60 + (octet - 143) * 30),
        (196, (octet - 166) * 24 * 60),
        (255, (octet - 192) * 7 * 24 * 60),
    ):
        if octet <= last:
            return minutes
    raise PduError("is no octet")


def _digits(octets: bytes) -> str:
    text = "".join(f"{octet & 15:x}{octet >> 4:x}" for octet in octets)
    return text.removesuffix("f")


class Telephone:
    """Joins the parts as a telephone does: by sender's number, group and count, whatever order they come in."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []
        """Number and whole text, in the order in which they were complete."""
        self._waiting: dict[tuple[str, int | None, int], dict[int, str]] = {}

    def take(self, part: Part) -> None:
        """One part has arrived."""
        if part.parts == 1:
            self.messages.append((part.to, part.text))
            return
        key = (part.to, part.group, part.parts)
        places = self._waiting.setdefault(key, {})
        places[part.place] = part.text
        if len(places) == part.parts:
            del self._waiting[key]
            self.messages.append((part.to, "".join(places[place] for place in sorted(places))))


def report(reference: int, to: str, status: int, unix_s: int) -> tuple[int, str]:
    """An SMS-STATUS-REPORT as a modem hands it over: octets without the centre's address, and hexadecimal digits."""
    number = to.removeprefix("+")
    even = number + "f" * (len(number) % 2)
    address = bytes(int(even[at + 1] + even[at], 16) for at in range(0, len(even), 2))
    when = _stamp(unix_s)
    tpdu = bytes((0x06, reference, len(number), 0x91)) + address + when + when + bytes((status,))
    centre = bytes((0x07, 0x91, 0x14, 0x97, 0x97, 0x79, 0x97, 0xF9))
    return len(tpdu), (centre + tpdu).hex().upper()


def _stamp(unix_s: int) -> bytes:
    text = datetime.fromtimestamp(unix_s, UTC).strftime("%y%m%d%H%M%S") + "00"
    return bytes(int(text[at + 1] + text[at], 16) for at in range(0, 14, 2))
