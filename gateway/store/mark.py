"""The mark: one line beside the store, written after each commit and around each execution, never flushed.

What it says survives the death of the process, because the page cache does, and may be lost or old after a power cut;
it never runs ahead of the store. Two things can only be told by it:

* A store with fewer commits than the mark has lost something acknowledged: a medium that did not keep what it had
  flushed, rot in the last commit of the log, or an older file put in its place.
* A command that was being executed when the process died, on a machine that stayed up, is one that killed it. A commit
  that failed, or a power cut, ends no execution: a full disk must not use up a customer's top-up.

A mark that is missing says nothing. A rotten one is no error by itself; together with a log that ends in a broken
transaction it is, because then nobody can tell whether that one had been stored.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import msgspec

from gateway.store.orders import Origin

BYTES = 512
"""One sector, so that it is rarely torn."""
BOOT_CHARACTERS = 36
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
BOOT_VARIABLE = "PREPAID_GATEWAY_BOOT"
"""Says the same where `/proc/sys` is hidden, as it is by the unit, which sets it (`%b`)."""
_CRC_BYTES = 8


class Executing(msgspec.Struct, frozen=True):
    """A command between its arrival and its commit; `attempt` is its number, counted from 1."""

    issuer: str
    jti: str
    sequence: int
    own_sequence: bool
    attempt: int

    @property
    def origin(self) -> Origin:
        """Whose command it is."""
        return Origin(self.issuer, self.jti, self.sequence, self.own_sequence)


class Said(msgspec.Struct, frozen=True):
    """What a mark says: the number and the seal of the last commit, and what was going on in which boot."""

    commits: int
    seal: str
    boot: str
    executing: Executing | None = None


class Mark:
    """The open mark; `found` is what the last process left, `rotten` that something else stands there.

    Raises OSError.
    """

    def __init__(self, store: Path) -> None:
        self._file = os.open(mark_of(store), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        line = os.pread(self._file, BYTES, 0)
        self.found = _decoded(line)
        self.rotten = self.found is None and bool(line.strip(b"\0"))
        self._boot = boot_id()
        self._said = Said(0, "", self._boot)

    def died_executing(self) -> Executing | None:
        """The command during which the last process died while the machine stayed up."""
        found = self.found
        return found.executing if found is not None and found.boot == self._boot else None

    def committed(self, commits: int, seal: str) -> None:
        """A commit is on the medium."""
        self._write(Said(commits, seal, self._boot, self._said.executing))

    def executing(self, origin: Origin, attempt: int) -> None:
        """A command is about to be executed."""
        begun = Executing(origin.issuer, origin.jti, origin.sequence, origin.own_sequence, attempt)
        self._write(Said(self._said.commits, self._said.seal, self._boot, begun))

    def settled(self) -> None:
        """Nothing is being executed any more: all that is left is the medium's business."""
        if self._said.executing is not None:
            self._write(Said(self._said.commits, self._said.seal, self._boot))

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def _write(self, said: Said) -> None:
        text = msgspec.json.encode(said).ljust(BYTES - _CRC_BYTES - 1)
        os.pwrite(self._file, text + b"%08x\n" % zlib.crc32(text), 0)
        self._said = said


def mark_of(store: Path) -> Path:
    """Where the mark of a store is."""
    return store.with_name(store.name + "-mark")


def look(store: Path) -> Said | None:
    """What the mark of a store says, without opening either."""
    try:
        return _decoded(mark_of(store).read_bytes())
    except OSError:
        return None


def boot_id() -> str:
    """Which boot of the machine this is; "" where nobody says so, and then every death counts."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return os.environ.get(BOOT_VARIABLE, "")[:BOOT_CHARACTERS]


def _decoded(line: bytes) -> Said | None:
    text, crc = line[: -_CRC_BYTES - 1], line[-_CRC_BYTES - 1 :]
    if crc != b"%08x\n" % zlib.crc32(text):
        return None
    try:
        return msgspec.json.decode(text, type=Said)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
