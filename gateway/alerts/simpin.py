"""Which PINs this gateway has tried on the SIM, on the medium: three wrong ones lock it, whoever restarts in between.

Before a PIN is entered it is on record as tried. A PIN is tried once; only one that this SIM took before, and of which
the outcome stayed unknown (the power went), is tried once more. Two tries without success are the last: the third
belongs to a person, who removes the file.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

TRIES_MAX = 2
PIN_CHARACTERS = range(4, 9)


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Digests: of the PIN that was taken last, and of those entered since."""

    accepted: str = ""
    tried: tuple[str, ...] = ()


class PinRecord:
    """The record in its file. Everything here touches the medium and may raise OSError or ValueError (damaged)."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def begin(self, pin: str) -> bool:
        """Put this try on record; False, and nothing is changed, when it must not be."""
        record, digest = self._load(), _digest(pin)
        before = record.tried.count(digest)
        if len(record.tried) >= TRIES_MAX or before > (digest == record.accepted):
            return False
        self._save(_Record(record.accepted, (*record.tried, digest)))
        return True

    def accepted(self, pin: str) -> None:
        """The SIM took it, and has forgotten the wrong ones before."""
        self._save(_Record(_digest(pin)))

    def refused(self, pin: str) -> None:
        """It is wrong, also if an earlier SIM took it."""
        record = self._load()
        if record.accepted == _digest(pin):
            self._save(_Record("", record.tried))

    def _load(self) -> _Record:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Record)
        except FileNotFoundError:
            return _Record()
        except msgspec.MsgspecError as error:
            raise ValueError("the record of PINs is damaged") from error

    def _save(self, record: _Record) -> None:
        draft = self._path.with_name(f"{self._path.name}.new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(record))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        descriptor = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_pin(file: Path) -> str:
    """The PIN in its file. Raises OSError; ValueError for what is no PIN, which is never tried."""
    pin = file.read_text(encoding="ascii").strip()
    if not pin.isdigit() or len(pin) not in PIN_CHARACTERS:
        raise ValueError("a PIN has 4 to 8 digits")
    return pin


def _digest(pin: str) -> str:
    """Tells PINs apart. It hides nothing: there are only ten thousand, so the file is as private as the PIN's own."""
    return hashlib.sha256(b"prepaid-gateway sim pin " + pin.encode("ascii")).hexdigest()[:16]
