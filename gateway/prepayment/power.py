"""Contract power, available power, reduced power: the three a contract speaks of, in W."""

from __future__ import annotations

from gateway.prepayment.policy import Policy

POWER_MIN_W = 500
POWER_MAX_W = 1_000_000


def valid_power_w(power_w: int) -> bool:
    """The steps in which contract power is sold: 0.5 kW up to 6 kW, 1 kW up to 10 kW, 5 kW above (S2-07)."""
    if not POWER_MIN_W <= power_w <= POWER_MAX_W:
        return False
    step_w = 500 if power_w <= 6_000 else 1_000 if power_w <= 10_000 else 5_000
    return power_w % step_w == 0


def available_power_w(contract_power_w: int) -> int:
    """Contract power plus the 10 % tolerance up to 30 kW (S2-39)."""
    return contract_power_w * 11 // 10 if contract_power_w <= 30_000 else contract_power_w


def limit_w(contract_power_w: int, policy: Policy) -> int:
    """The reduced power in W, a share of the *available* power, rounded up: 3 kW gives 495 W (S1-11)."""
    return -(-available_power_w(contract_power_w) * policy.limit_percent // 100)
