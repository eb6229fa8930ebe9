"""What the head-end keeps of one account's money, and amounts as they stand in messages."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.simulation.signer import Order

NANO = 1_000_000_000


@dataclass(slots=True)
class Till:
    """The credit sold for one account: entry n of `totals_nano` is the lifetime total after sale n.

    `reversed_nano` is the same for what was taken back.
    """

    totals_nano: list[int] = field(default_factory=lambda: [0])
    confirmed: int = 0
    open_sale: Order | None = None
    last_sale: Order | None = None
    reversed_nano: list[int] = field(default_factory=lambda: [0])
    reversals: int = 0
    open_reversal: Order | None = None


@dataclass(slots=True)
class Wish:
    """A command that is sent until it is answered for good."""

    order: Order
    tries: int = 1


def money(nano: int) -> str:
    """Decimal text of nano-units."""
    return f"{nano // NANO}.{nano % NANO:09d}"


def nano_of(text: str) -> int:
    """Nano-units of decimal text, exactly."""
    whole, _, part = text.lstrip("-").partition(".")
    value = int(whole) * NANO + int(part.ljust(9, "0"))
    return -value if text.startswith("-") else value
