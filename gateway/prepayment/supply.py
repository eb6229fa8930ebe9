"""The words for what is supplied, what a supply is allowed and what its switch does: the last two are two machines.

`SupplyState` is policy (what the account entitles to); `SwitchState` is physics (what the switch reports).
Policy never assumes physics: the poll compares the two at every reading (decision 9).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SupplyState(StrEnum):
    """The rung an account stands on: NORMAL, LOW_CREDIT, GRACE are prepaid, REGULAR and NOTICED post-paid.

    Only facts are rungs. That a term has passed follows from dates at an instant (`delinquency.Phase`), not stored.
    """

    NORMAL = "NORMAL"
    LOW_CREDIT = "LOW_CREDIT"
    GRACE = "GRACE"
    LIMITED = "LIMITED"
    SUSPENDED = "SUSPENDED"
    TERMINATED = "TERMINATED"
    REGULAR = "REGULAR"
    NOTICED = "NOTICED"


class Commodity(StrEnum):
    """What is delivered. Debts of another commodity never count against this one (requirements 2.8, invariant 8)."""

    ELECTRICITY = "electricity"
    GAS = "gas"


class Voltage(StrEnum):
    """The level an electricity supply is connected at; gas has none and carries LV."""

    LV = "LV"
    MV = "MV"
    HV = "HV"


class SwitchState(StrEnum):
    """The position of the supply switch, in the words of DLMS disconnect control (class 70)."""

    CONNECTED = "CONNECTED"
    DISCONNECTED = "DISCONNECTED"
    READY_FOR_RECONNECTION = "READY_FOR_RECONNECTION"


@dataclass(frozen=True, slots=True)
class Control:
    """What must be so at the meter: a switch position (None: as it was found) and, while limited, a limit in W."""

    switch: SwitchState | None
    limit_w: int | None
    reason: str
