"""What a head-end must not forget: sequence numbers, lifetime totals, unanswered top-ups and the journal's head.

One small JSON file, written whole and renamed into place under a lock, so that two commands at once cannot count
twice. A top-up that got no answer is kept as it was signed and sent again before the next one: same id, same sequence.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct, field

from gateway.errors import ConfigError
from gateway.prepayment.ledger import GENESIS
from gateway.reference.branches import Trail
from gateway.reference.known import Signed


class Total(Struct):
    """The lifetime total of one account in nano-units and the sequence that reached it."""

    sequence: int = 0
    total_nano: int = 0


class Pending(Struct):
    """A token that was signed and not answered, and the total it would reach."""

    jti: str
    token: str
    after: Total


class Place(Struct):
    """How far the journal was received: the last row's number, hash and epoch."""

    seq: int = 0
    head: str = GENESIS
    epoch: str = ""
    interval_number: int = 0


class Content(Struct):
    """The whole file."""

    sequence: int = 0
    topups: dict[str, Total] = field(default_factory=dict)
    pending: dict[str, Pending] = field(default_factory=dict)
    place: Place = field(default_factory=Place)
    trail: Trail = field(default_factory=Trail)
    signed: dict[str, Signed] = field(default_factory=dict)
    codes: dict[str, list[Total]] = field(default_factory=dict)
    """Every credit code that was made, by account: a gateway that takes another one has been tampered with."""
    currencies: dict[str, str] = field(default_factory=dict)
    """In what an account's codes were sold: a total is of one currency."""


class Book:
    """The file of one gateway."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Content:
        """What it says; an absent file is an empty book. Raises ConfigError when it cannot be understood."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Content)
        except FileNotFoundError:
            return Content()
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            hint = "restore it from a backup: with an empty book new top-ups would be taken for old ones"
            raise ConfigError(f"is not a head-end's book: {error}", file=str(self.path), hint=hint) from error

    @contextmanager
    def change(self) -> Iterator[Content]:
        """Read, let the caller change it, write; nothing is written if the caller fails."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            content = self.read()
            yield content
            draft = self.path.with_suffix(".new")
            with draft.open("wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(content)))
                file.flush()
                os.fsync(file.fileno())
            draft.rename(self.path)

    def keep_other(self, epoch: str, row: bytes) -> None:
        """Append a row of a branch that is not followed to that branch's own file, beside the book."""
        file = self.path.with_name(f"{self.path.stem}-branch-{epoch}.jsonl")
        with file.open("ab") as kept:
            kept.write(row + b"\n")

    def next_sequence(self, now_ms: int) -> int:
        """The next sequence of the issuer; never below the time in ms, so that a lost book does not lock us out."""
        with self.change() as content:
            content.sequence = max(content.sequence + 1, now_ms)
            return content.sequence
