"""What a head-end knows of an account that these books may have lost, and the event that says so (threat 4)."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.prepayment.arrears import Arrears
from gateway.prepayment.events import Hold, Moment
from gateway.prepayment.outages import Outage
from gateway.prepayment.supply import SupplyState


@dataclass(frozen=True, slots=True)
class Position:
    """What the head-end's rows say of an account: its money at a register, its rung, and what protects it.

    `at_utc_ms` is when `register_wh` was read, None if that was never dated. The times count what was observed while
    running: since the rung was reached, since its notice. `dated_utc_ms` is when the rung was reached, if proven, and
    `standing_utc_ms` when a standing charge was booked last. `bonuses_through` is the last day credited of each bonus.
    `arrears` are the claims that are open, each with what is left of it; None: nothing is said of them.
    """

    register_wh: int | None
    at_utc_ms: int | None
    balance_nano: int
    top_up_sequence: int
    top_up_total_nano: int
    reversal_sequence: int
    reversal_total_nano: int
    state: SupplyState
    in_state_ms: int
    notice_age_ms: int | None = None
    dated_utc_ms: int | None = None
    standing_utc_ms: int | None = None
    lockout: str | None = None
    holds: tuple[Hold, ...] = ()
    posting_sequence: int = 0
    posting_missing: tuple[int, ...] = ()
    bonuses_through: tuple[tuple[str, str], ...] = ()
    arrears: tuple[Arrears, ...] | None = None
    outages: tuple[Outage, ...] = ()


@dataclass(frozen=True, slots=True)
class Resynced:
    """The head-end states where the account stood in the branch that these books have lost, and so ends a suspicion.

    `run` is the epoch it answers; `epoch`, `seq` and `head` are its last row. `position` None: it knows nothing of
    this account, which goes on as it is.
    """

    at: Moment
    command_id: str
    run: str
    epoch: str
    seq: int
    head: str
    currency: str
    position: Position | None
