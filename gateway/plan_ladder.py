"""What happens to one account when its credit runs out, as a timeline computed from its policy. Pure text."""

from __future__ import annotations

from gateway.prepayment.money import wire_money
from gateway.prepayment.policy import Policy, Slots, Term
from gateway.prepayment.step import available_power_w, limit_w

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms"))


def timeline(policy: Policy, contract_power_w: int, *, can_limit: bool, opens: str, limits: str) -> list[str]:
    """One line a step, in order; `opens` and `limits` say by what means. Two columns: when, and what happens."""
    cap = f"{wire_money(policy.grace_debt_cap_nano)} {policy.currency}"
    notice = duration(policy.min_after_notice_ms)
    rows = [
        (_low(policy), "LOW_CREDIT: the customer is told"),
        ("below 0.00", "GRACE: full supply goes on, notice given"),
    ]
    if policy.grace_warn_before_ms:
        rows.append((f"{duration(policy.grace_warn_before_ms)} before the end of grace", "a reminder"))
    grace_over = f"{term(policy.grace)} in GRACE, or {cap} of debt but {notice} after the notice"
    limited = policy.limit_enabled and can_limit
    if limited:
        watts = limit_w(contract_power_w, policy)
        of = f"{policy.limit_percent} % of the {available_power_w(contract_power_w)} W available"
        rows.append((grace_over, f"LIMITED: {watts} W ({of}), {limits}"))
        over = f"{term(policy.limit_term)} in LIMITED"
        if policy.limit_debt_cap_nano is not None:
            over += f", or {wire_money(policy.limit_debt_cap_nano)} {policy.currency} of debt"
        rows.append((over, f"SUSPENDED: {opens}"))
    else:
        rows.append((grace_over, f"SUSPENDED: {opens}"))
    rows.append(
        (f"a top-up to {wire_money(policy.restore_min_nano)} {policy.currency}", "NORMAL: at once, at any hour")
    )
    width = max(len(when) for when, _ in rows)
    return [f"{when:<{width}}  {what}" for when, what in rows] + _conditions(policy, limited=limited)


def _low(policy: Policy) -> str:
    amount = f"{wire_money(policy.low_credit_nano)} {policy.currency} left"
    return amount if policy.low_credit_days is None else f"{amount}, or enough for {policy.low_credit_days} days"


def _conditions(policy: Policy, *, limited: bool) -> list[str]:
    lines = [f"limit and cut only {slots(policy.slots)}, with proven time, a reading younger than "]
    lines[0] += f"{duration(policy.max_reading_age_ms)} and no hold"
    offline = f"{duration(policy.max_offline_ms)} without the head-end or proven time: time alone escalates no more"
    cap = f"{wire_money(policy.offline_debt_cap_nano)} {policy.currency}"
    lines.append(f"{offline}{f'; {cap} of debt then limit, never cut' if limited else ''}")
    return lines


def term(value: Term) -> str:
    """A term as people say it."""
    if value.duration_ms is not None:
        return duration(value.duration_ms)
    return f"{value.days} {value.day_kind.value} days"


def duration(value_ms: int) -> str:
    """A duration in the largest unit that is exact; up to three days in hours."""
    for unit_ms, name in _UNITS:
        if value_ms % unit_ms == 0 and value_ms and not (name == "d" and value_ms <= 3 * unit_ms):
            return f"{value_ms // unit_ms} {name}"
    return "0 s"


def slots(value: Slots) -> str:
    """The hours and days on which something may get worse."""
    days = ", ".join(day for number, day in enumerate(WEEKDAYS) if number not in value.closed_weekdays)
    text = days if value.closed_weekdays else "on any day"
    if (value.from_minute, value.to_minute) != (0, 24 * 60):
        text += f" {_clock(value.from_minute)}-{_clock(value.to_minute)}"
    not_on = [
        name for name, closed in (("holidays", value.closed_on_holidays), ("eves", value.closed_on_eves)) if closed
    ]
    return f"{text}, not on {' or '.join(not_on)}" if not_on else text


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
