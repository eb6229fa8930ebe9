"""A technician's override as the console shows it: who gave it, why, and what is left of its bounds."""

from __future__ import annotations

from msgspec import Struct

from gateway.prepayment import overriding
from gateway.prepayment.account import Account
from gateway.prepayment.events import Moment


class Relief(Struct, frozen=True):
    """An override in force."""

    technician: str
    reason: str
    left_s: int
    left_wh: int


def relief(account: Account, at: Moment) -> Relief | None:
    """The account's override; None when there is none."""
    override, left_ms = account.override, overriding.left_ms(account, at)
    if override is None or left_ms is None:
        return None
    left_wh = max(0, override.cap_wh - overriding.used_wh(account, override))
    return Relief(override.technician, override.reason, left_ms // 1000, left_wh)
