"""How often an account is billed: what it remembers of its schedule (the rules are in `schedule.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class BillingClass(StrEnum):
    """How many bills a year, by the length of their periods."""

    YEARLY = "yearly"
    HALF_YEARLY = "half_yearly"
    FOUR_MONTHLY = "four_monthly"
    FIVE = "five"
    TWO_MONTHLY = "two_monthly"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class Schedule:
    """The class, and the instant up to which closings are on the agenda or done."""

    billing: BillingClass
    last_utc_ms: int
