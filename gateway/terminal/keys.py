"""Bytes from a keyboard -> keys: VT100 sequences, UTF-8 or Latin-1, whatever else is noise. Pure, and bounded."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import Enum, auto

SEQUENCE_MAX_BYTES = 16
"""A longer escape sequence is noise; no key sends one."""
STRING_MAX_BYTES = 256
"""What a terminal answers to a question nobody asked (OSC, DCS) is passed over up to this length."""


class Key(Enum):
    """Everything a key can mean here."""

    ENTER = auto()
    TAB = auto()
    INTERRUPT = auto()
    DELETE_OR_END = auto()
    BACKSPACE = auto()
    DELETE = auto()
    LEFT = auto()
    RIGHT = auto()
    WORD_LEFT = auto()
    WORD_RIGHT = auto()
    UP = auto()
    DOWN = auto()
    HOME = auto()
    END = auto()
    KILL_LEFT = auto()
    KILL_RIGHT = auto()
    KILL_WORD = auto()
    YANK = auto()
    CLEAR = auto()
    PASTE = auto()
    PASTED = auto()
    ESCAPE = auto()
    NOISE = auto()


CONTROL = {
    0x01: Key.HOME,
    0x02: Key.LEFT,
    0x03: Key.INTERRUPT,
    0x04: Key.DELETE_OR_END,
    0x05: Key.END,
    0x06: Key.RIGHT,
    0x08: Key.BACKSPACE,
    0x09: Key.TAB,
    0x0B: Key.KILL_RIGHT,
    0x0C: Key.CLEAR,
    0x0E: Key.DOWN,
    0x10: Key.UP,
    0x15: Key.KILL_LEFT,
    0x17: Key.KILL_WORD,
    0x19: Key.YANK,
    0x7F: Key.BACKSPACE,
}
_FINAL = {
    b"A": Key.UP,
    b"B": Key.DOWN,
    b"C": Key.RIGHT,
    b"D": Key.LEFT,
    b"H": Key.HOME,
    b"F": Key.END,
}
_NUMBERED = {
    b"1": Key.HOME,
    b"3": Key.DELETE,
    b"4": Key.END,
    b"7": Key.HOME,
    b"8": Key.END,
    b"200": Key.PASTE,
    b"201": Key.PASTED,
}
_META = {0x62: Key.WORD_LEFT, 0x66: Key.WORD_RIGHT, 0x7F: Key.KILL_WORD, 0x08: Key.KILL_WORD}
_WORDWISE = {Key.LEFT: Key.WORD_LEFT, Key.RIGHT: Key.WORD_RIGHT}


@dataclass(slots=True)
class Keys:
    """One keyboard: what was typed of a key that is not complete yet. At most a few hundred bytes, whatever comes."""

    _held: bytes = b""
    _after_return: bool = False

    def take(self, byte: int) -> list[Key | str]:
        """What this byte completes: nothing, one key or character, seldom more."""
        after_return, self._after_return = self._after_return, byte == 0x0D and not self._held
        if after_return and byte in {0x0A, 0x00}:  # CR LF, or the CR NUL of telnet, is one Enter
            return []
        if not self._held:
            return self._first(byte)
        if self._held[0] == 0x1B:
            return self._escaped(byte)
        return self._continued(byte)

    def idle(self) -> list[Key | str]:
        """Nothing more came for a while: what is held is complete as it is."""
        held, self._held = self._held, b""
        if held[:1] == b"\x1b":
            return [Key.ESCAPE] if len(held) == 1 else []
        return _latin(held)

    def _first(self, byte: int) -> list[Key | str]:
        if byte in {0x0D, 0x0A}:
            return [Key.ENTER]
        if byte == 0x1B or 0xC2 <= byte <= 0xF4:
            self._held = bytes([byte])
            return []
        if byte in CONTROL:
            return [CONTROL[byte]]
        return _latin(bytes([byte]))

    def _continued(self, byte: int) -> list[Key | str]:
        """Inside a UTF-8 character, unless it was a Latin-1 one all along."""
        if not 0x80 <= byte <= 0xBF:
            held, self._held = self._held, b""
            return [*_latin(held), *self._first(byte)]
        held = self._held + bytes([byte])
        length = 2 if held[0] < 0xE0 else 3 if held[0] < 0xF0 else 4
        if len(held) < length:
            self._held = held
            return []
        self._held = b""
        try:
            return [_one(held.decode())]
        except UnicodeDecodeError:
            return _latin(held)

    def _escaped(self, byte: int) -> list[Key | str]:
        held = self._held + bytes([byte])
        if byte in {0x18, 0x1A}:  # CAN and SUB end any sequence (ECMA-48)
            self._held = b""
            return [Key.NOISE]
        if byte in {0x03, 0x0D} or (byte == 0x1B and held[1:2] not in {b"]", b"P"}):
            # What somebody pressed must not vanish in a sequence that noise began.
            self._held = b""
            return [Key.NOISE, *self._first(byte)]
        kind = held[1:2]
        if kind == b"[":
            return self._sequence(held)
        if kind == b"O":
            return self._hold(held) if len(held) == 2 else self._done(_FINAL.get(held[2:], Key.NOISE))
        if kind in {b"]", b"P"}:
            if byte == 0x07 or held.endswith(b"\x1b\\") or len(held) > STRING_MAX_BYTES:
                return self._done(Key.NOISE)
            return self._hold(held)
        return self._done(_META.get(byte, Key.NOISE))

    def _sequence(self, held: bytes) -> list[Key | str]:
        last = held[-1]
        if len(held) == 2 or (0x20 <= last <= 0x3F and len(held) < SEQUENCE_MAX_BYTES):
            return self._hold(held)
        if not 0x40 <= last <= 0x7E:
            return self._done(Key.NOISE)
        parts = held[2:-1].split(b";")
        if held[-1:] == b"~":
            return self._done(_NUMBERED.get(parts[0], Key.NOISE))
        key = _FINAL.get(held[-1:], Key.NOISE)
        return self._done(_WORDWISE.get(key, key) if len(parts) == 2 and parts[1] in {b"3", b"5"} else key)

    def _hold(self, held: bytes) -> list[Key | str]:
        self._held = held
        return []

    def _done(self, key: Key) -> list[Key | str]:
        self._held = b""
        return [key]


def _latin(held: bytes) -> list[Key | str]:
    return [_one(bytes([byte]).decode("latin-1")) for byte in held]


def _one(character: str) -> Key | str:
    """The character, if it takes exactly one cell of a screen: the cursor is counted by characters."""
    kind = unicodedata.category(character)
    if kind == "Zs":
        return " "  # a no-break space out of a document is a space here
    if kind[0] in "CMZ" or unicodedata.east_asian_width(character) in "WF":
        return Key.NOISE
    return character
