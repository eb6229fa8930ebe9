"""Arrears: an unpaid claim of a post-paid supply with the evidence of its notice, and the events about it.

The central system sends the notice with its dates; the gateway keeps them, so that it can compute every minimum term
again when an order comes (requirements 0.1), and so that each row about an escalation can name them (2.8, 11).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.prepayment.events import Moment
from gateway.prepayment.supply import Commodity, SupplyState

ARREARS_MAX = 8
INVOICES_MAX = 12


class Proof(StrEnum):
    """How the notice can be shown to have reached the customer: it decides from when the time to pay counts (3.1)."""

    REGISTERED_LETTER = "registered_letter"
    """From the day it was sent."""
    CERTIFIED_MAIL = "certified_mail"
    """From the day it was received."""
    UNPROVEN = "unproven"
    """The day it was sent cannot be shown: from the day it was written, and longer."""


@dataclass(frozen=True, slots=True)
class Arrears:
    """One claim; dates are civil dates (ISO) in the policy's zone. `amount_nano` is what is still unpaid of it.

    `letter_days` is the time from suspension to the end of the contract that the letter names.
    """

    arrears_id: str
    commodity: Commodity
    amount_nano: int
    due_on: str
    issued_on: str
    sent_on: str | None
    notified_on: str | None
    proof: Proof
    final_term_on: str
    letter_days: int
    invoices: tuple[str, ...]
    legal_ref: str
    at: Moment


@dataclass(frozen=True, slots=True)
class Ordered:
    """The order being carried out, or kept for the slot that begins at `slot_utc_ms` (None: not kept)."""

    target: SupplyState
    arrears_id: str
    command_id: str
    legal_ref: str
    at: Moment
    slot_utc_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ArrearsNoticed:
    """The customer has been put in default in writing. The same id again replaces what was known of it."""

    at: Moment
    command_id: str
    currency: str
    claim: Arrears


@dataclass(frozen=True, slots=True)
class ArrearsPaid:
    """A claim is paid, or `amount_nano` of it, which leaves `left_nano`: so the same payment again changes nothing."""

    at: Moment
    command_id: str
    arrears_id: str
    currency: str
    amount_nano: int | None = None
    left_nano: int | None = None


@dataclass(frozen=True, slots=True)
class SupplyOrdered:
    """The supplier asks for the supply to be limited or suspended; `queue`: keep it when only the slot is closed."""

    at: Moment
    command_id: str
    target: SupplyState
    arrears_id: str
    legal_ref: str
    queue: bool = False
    affected_heard: bool = False


@dataclass(frozen=True, slots=True)
class ReconnectAllowed:
    """Somebody on site has confirmed that the supply may be closed again (decision 14)."""

    at: Moment
    command_id: str
    confirmed_by: str


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The switch was seen closed while it waited for somebody on site."""

    at: Moment
