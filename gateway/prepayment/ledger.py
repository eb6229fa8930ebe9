"""What the journal keeps: the records a person might ask about later, and the hash that chains them.

A record is a plain value. The store writes it, chained to the one before, and the uplink sends exactly the bytes that
were stored. `chain` is the whole rule of the chain: anybody with SHA-256 can check a journal.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from gateway.prepayment.certificate import Certificate
from gateway.prepayment.civil import instant
from gateway.prepayment.events import Detail, Moment
from gateway.prepayment.money import wire_money
from gateway.prepayment.rating import Line
from gateway.prepayment.supply import SupplyState

NANO = "_nano"
UTC_MS = "_utc_ms"

GENESIS = "0" * 64
"""The hash before the first row."""


class EntryKind(StrEnum):
    """Why money moved."""

    OPENING = "opening"
    TOP_UP = "top_up"
    TOP_UP_REVERSAL = "top_up_reversal"
    CHARGE = "charge"
    RESYNC = "resync"
    FEE = "fee"
    INTEREST = "interest"
    COMPENSATION = "compensation"
    INDEMNITY = "indemnity"
    RECONSTRUCTION = "reconstruction"
    ESTIMATE = "estimate"
    CONGUAGLIO = "conguaglio"
    SETOFF = "setoff"
    ADJUSTMENT = "adjustment"
    REFUND = "refund"
    BONUS = "bonus"


class VerdictStatus(StrEnum):
    """What became of a command; `already_included` credits nothing because the money is already there (decision 4)."""

    APPLIED = "applied"
    ALREADY_INCLUDED = "already_included"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one command: a status, a reason code when it is not plain success, and what helps to correct it."""

    status: VerdictStatus
    reason: str = ""
    detail: Detail = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement of money. `amount_nano` is signed: credit is positive. A charge names its registers (I5).

    A posting and a day of bonus say in `detail` what they are for; other entries have none.
    """

    at: Moment
    account_id: str
    kind: EntryKind
    currency: str
    amount_nano: int
    balance_nano: int
    reference: str = ""
    from_register_wh: int | None = None
    to_register_wh: int | None = None
    lines: tuple[Line, ...] = ()
    detail: Detail | None = None


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of the supply state with its evidence: rule, policy, balance, the reading and the notice behind it."""

    at: Moment
    account_id: str
    source: SupplyState
    target: SupplyState
    rule: str
    policy: str
    balance_nano: int
    currency: str
    register_wh: int | None
    limit_w: int | None
    detail: Detail = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the customer must be told; `template` names the message (requirements 4.6)."""

    at: Moment
    account_id: str
    template: str
    balance_nano: int
    currency: str
    detail: Detail = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """The verdict on one command, as it is sent back."""

    at: Moment
    account_id: str
    command_id: str
    command: str
    sequence: int
    status: VerdictStatus
    reason: str = ""
    detail: Detail = ()


@dataclass(frozen=True, slots=True)
class Happening:
    """Something the meter, the clock or the gateway did; `account_id` is empty for the gateway itself."""

    at: Moment
    account_id: str
    what: str
    detail: Detail = ()


@dataclass(frozen=True, slots=True)
class EpochOpened:
    """The first row after each start; names the head it continues from, so a restored image shows as a fork.

    `restored` says where the store was taken from when the one before was damaged or missing ("backup"); "" normally.
    """

    at: Moment
    epoch: str
    parent_head: str
    version: str
    restored: str = ""


Record = Entry | Transition | Notice | Receipt | Happening | EpochOpened | Certificate


def wire_fact(name: str, value: str | int) -> tuple[str, str | int]:
    """How a named fact is written: `*_nano` as decimal text, `*_utc_ms` as an instant, both without the suffix."""
    if isinstance(value, int) and name.endswith(NANO):
        return name.removesuffix(NANO), wire_money(value)
    if isinstance(value, int) and name.endswith(UTC_MS):
        return name.removesuffix(UTC_MS), instant(value)
    return name, value


def chain(previous_hash: str, row: bytes) -> str:
    """Return the hex SHA-256 over the previous row's 32 hash bytes followed by this row's canonical bytes."""
    return hashlib.sha256(bytes.fromhex(previous_hash) + row).hexdigest()
