"""What the store remembers of commands: the answer together with its effect, and which ones killed the process.

A delivery may come twice, out of order, or after a crash: the issuer and the id (`jti`) decide what it is (I3).
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace

import msgspec

from gateway.prepayment.ledger import Receipt
from gateway.store.life import Life, put


@dataclass(frozen=True, slots=True)
class Answer(Receipt):
    """A receipt as it goes back: where it stands in the journal, the balance after it, and whether it is a repeat.

    `balance_nano` is None when no account is concerned.
    """

    journal_seq: int = 0
    balance_nano: int | None = None
    currency: str = ""
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """Who sent a command under which id and number; `own_sequence`: numbered by its account, not by its issuer."""

    issuer: str
    jti: str
    sequence: int
    own_sequence: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is known of a command when it arrives: its answer, the attempts that killed us, the issuer's last number."""

    answer: Answer | None
    attempts: int
    last_sequence: int

    def in_order(self, origin: Origin) -> bool:
        """The command's number is above every answered one of its issuer, or counted by its account."""
        return origin.own_sequence or origin.sequence > self.last_sequence


_answers = msgspec.json.Decoder(Answer)


def find(connection: sqlite3.Connection, origin: Origin) -> Attempt:
    """Look a command up; changes nothing."""
    known = connection.execute(
        "SELECT attempts, answer FROM command WHERE issuer = ? AND jti = ?", (origin.issuer, origin.jti)
    ).fetchone()
    attempts, text = known or (0, None)
    answer = None if text is None else replace(_answers.decode(text), duplicate=True)
    (last,) = connection.execute(
        "SELECT max(sequence) FROM command WHERE issuer = ? AND own_sequence = 0 AND answer IS NOT NULL",
        (origin.issuer,),
    ).fetchone()
    return Attempt(answer, attempts, last or 0)


def crashed(connection: sqlite3.Connection, life: Life, origin: Origin, attempt: int) -> Life:
    """Remember that the process died in this attempt, once however often it is told; the caller commits."""
    known = find(connection, origin)
    if known.answer is not None or known.attempts >= attempt:
        return life
    return put(connection, life, "command", (*_columns(origin), attempt, None))


def answer(connection: sqlite3.Connection, life: Life, origin: Origin, given: Answer) -> Life:
    """Store the answer of a command; the caller commits."""
    text = msgspec.json.encode(given).decode()
    return put(connection, life, "command", (*_columns(origin), find(connection, origin).attempts, text))


def _columns(origin: Origin) -> tuple[str, str, int, int]:
    return origin.issuer, origin.jti, origin.sequence, int(origin.own_sequence)
