"""SMS in PDU mode (3GPP TS 23.040): what a modem is given to send, and the status reports that it hands over.

The text goes in the GSM alphabet when that has all its characters, else in UCS-2 (UTF-16, big-endian). A text too long
for one part is cut into several that the telephone joins again; they share a reference. No escape sequence and no
surrogate pair is cut in two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from gateway.alerts.gsm7 import fits, pack, plain, septets

PARTS_MAX = 4
"""A longer text is refused: alerts are short, and whoever pays for parts wants a bound."""
_GSM_ALONE, _GSM_PART = 160, 153
_UCS2_ALONE, _UCS2_PART = 70, 67
_HEADER_FILL_BITS = 1
"""A header of 6 octets is 48 bits: one more and the text begins on a septet."""
_NUMBER = re.compile(r"\+([1-9][0-9]{6,14})")
_SUBMIT, _RELATIVE_VALIDITY, _REPORT_WANTED, _HEADER = 0x01, 0x10, 0x20, 0x40
_INTERNATIONAL = 0x91
_NO_CENTRE = "00"
_REPORT_TYPE, _TYPE_BITS = 0x02, 0x03
_DCS_GSM, _DCS_UCS2 = 0x00, 0x08
_DIGITS = "0123456789*#abc"
_TPDU_OCTETS_MAX = 164
_STAMP_OCTETS = 7


class Unsendable(ValueError):
    """This number or text can never go out as an SMS; says why in plain words, without the number or the text."""


class Garbled(ValueError):
    """These are not the octets of a status report."""


@dataclass(frozen=True, slots=True)
class Submit:
    """One part as the modem wants it: `octets` is what AT+CMGS announces, `text` the hexadecimal digits to send."""

    octets: int
    text: str


class Fate(StrEnum):
    """What became of a part."""

    DELIVERED = "delivered"
    """It is on the telephone."""
    WAITING = "waiting"
    """The service centre goes on trying."""
    UNSURE = "unsure"
    """The service centre has handed it on and cannot tell whether it arrived."""
    FAILED = "failed"
    """The service centre has given up."""


@dataclass(frozen=True, slots=True)
class Report:
    """A status report: of which reference, to which digits, and what became of it."""

    reference: int
    digits: str
    fate: Fate


def submits(to: str, text: str, reference: int, *, validity_minutes: int) -> tuple[Submit, ...]:
    """The parts of one message, in order, each asking for a status report. `reference` (0..255) joins them."""
    number = _NUMBER.fullmatch(to)
    if number is None:
        raise Unsendable("the telephone number is not in the international form (E.164)")
    said = plain(text)
    if not said.strip():
        raise Unsendable("there is nothing in the text that could be sent")
    gsm = fits(said)
    pieces = septets(said) if gsm else [sign.encode("utf-16-be") for sign in said]
    unit = 1 if gsm else 2
    alone, each = (_GSM_ALONE, _GSM_PART) if gsm else (_UCS2_ALONE, _UCS2_PART)
    bodies = [b"".join(pieces)]
    if len(bodies[0]) > alone * unit:
        bodies = _cut(pieces, each * unit)
    if len(bodies) > PARTS_MAX:
        raise Unsendable(f"the text needs {len(bodies)} parts, and {PARTS_MAX} are the most")
    address = bytes((len(number[1]), _INTERNATIONAL)) + _swapped(number[1])
    first = _SUBMIT | _RELATIVE_VALIDITY | _REPORT_WANTED | (_HEADER if len(bodies) > 1 else 0)
    head = bytes((first, 0)) + address + bytes((0, _DCS_GSM if gsm else _DCS_UCS2, validity(validity_minutes)))
    made = []
    for place, body in enumerate(bodies, 1):
        header = bytes((5, 0, 3, reference, len(bodies), place)) if len(bodies) > 1 else b""
        tpdu = head + (_gsm_data(header, body) if gsm else bytes((len(header) + len(body),)) + header + body)
        made.append(Submit(len(tpdu), _NO_CENTRE + tpdu.hex().upper()))
    return tuple(made)


def validity(minutes: int) -> int:
    """How long the service centre keeps trying (9.2.3.12.1), as one octet: the longest time that is not longer."""
    hour, day, week = 60, 1_440, 10_080
    if minutes < 5:
        raise ValueError("no validity is shorter than five minutes")
    if minutes <= 12 * hour:
        return minutes // 5 - 1
    if minutes < 2 * day:
        return 143 + min((minutes - 12 * hour) // 30, 24)
    if minutes < 5 * week:
        return 166 + min(minutes // day, 30)
    return 192 + min(minutes // week, 63)


def status_report(digits: str) -> Report:
    """Read what follows `+CDS:` (hexadecimal, the service centre's address in front). Raises Garbled."""
    try:
        octets = bytes.fromhex(digits)
    except ValueError as error:
        raise Garbled("these are not hexadecimal digits") from error
    tpdu = octets[1 + octets[0] :] if octets else b""
    if len(tpdu) < 4 or len(tpdu) > _TPDU_OCTETS_MAX:
        raise Garbled("a status report is longer, or not so long")
    if tpdu[0] & _TYPE_BITS != _REPORT_TYPE:
        raise Garbled("this is no status report")
    length, kind = tpdu[2], tpdu[3]
    end = 4 + (length + 1) // 2
    status = end + 2 * _STAMP_OCTETS
    if length > 20 or status >= len(tpdu):
        raise Garbled("the status report ends too early")
    number = _unswapped(tpdu[4:end])[:length] if kind & 0x70 != 0x50 else ""
    return Report(tpdu[1], number, _fate(tpdu[status]))


def _gsm_data(header: bytes, body: bytes) -> bytes:
    """TP-UDL in septets and TP-UD."""
    if not header:
        return bytes((len(body),)) + pack(body)
    taken = (8 * len(header) + _HEADER_FILL_BITS) // 7
    return bytes((taken + len(body),)) + header + pack(body, _HEADER_FILL_BITS)


def _cut(pieces: Iterable[bytes], room: int) -> list[bytes]:
    """The pieces in as few parts as hold them in order, none of them cut."""
    parts = [b""]
    for piece in pieces:
        if len(parts[-1]) + len(piece) > room:
            parts.append(b"")
        parts[-1] += piece
    return parts


def _swapped(digits: str) -> bytes:
    """Semi-octets: two digits an octet, the first one low, an F behind an odd number."""
    even = digits + "F" * (len(digits) % 2)
    return bytes.fromhex("".join(even[at + 1] + even[at] for at in range(0, len(even), 2)))


def _unswapped(octets: bytes) -> str:
    signs = [half for octet in octets for half in (octet & 0xF, octet >> 4)]
    return "".join(_DIGITS[sign] for sign in signs if sign < len(_DIGITS))


def _fate(status: int) -> Fate:
    """TP-Status (9.2.3.15): up to 0x1F it has gone on, up to 0x3F the centre goes on trying, beyond it has given up."""
    if status == 0:
        return Fate.DELIVERED
    if status < 0x20:
        return Fate.UNSURE
    return Fate.WAITING if status < 0x40 else Fate.FAILED
