"""What happens to one account when its credit runs out, as a timeline computed from its policy. Pure text."""

from __future__ import annotations

from gateway.prepayment.money import wire_money
from gateway.prepayment.policy import Policy, Slots, Term
from gateway.prepayment.power import available_power_w, limit_w

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_WIDEST = len("LOW_CREDIT")
_UNITS = ((86_400_000, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s"), (1, "ms"))


def timeline(policy: Policy, contract_power_w: int, *, can_limit: bool, opens: str, limits: str) -> list[str]:
    """One line a rung, in order; `opens` and `limits` say by what means. Two columns: the rung, and when and what."""
    reminder = (
        f"; a reminder {duration(policy.grace_warn_before_ms)} before its end" if policy.grace_warn_before_ms else ""
    )
    cap = f"{wire_money(policy.grace_debt_cap_nano)} {policy.currency} of debt"
    grace_over = (
        f"after {term(policy.grace)} in GRACE (or {cap}, {duration(policy.min_after_notice_ms)} after the notice)"
    )
    rungs = [
        ("LOW_CREDIT", f"at {_low(policy)}: the customer is told"),
        ("GRACE", f"below 0.00: full supply goes on, notice is given{reminder}"),
    ]
    limited = policy.limit_enabled and can_limit
    if limited:
        watts = limit_w(contract_power_w, policy)
        share = f"{policy.limit_percent} % of the {available_power_w(contract_power_w)} W available"
        rungs.append(("LIMITED", f"{grace_over}: {watts} W ({share}), {limits}"))
        over = f"after {term(policy.limit_term)} in LIMITED"
        if policy.limit_debt_cap_nano is not None:
            over += f" (or {wire_money(policy.limit_debt_cap_nano)} {policy.currency} of debt)"
        rungs.append(("SUSPENDED", f"{over}: {opens}"))
    else:
        rungs.append(("SUSPENDED", f"{grace_over}: {opens}"))
    back = f"{wire_money(policy.restore_min_nano)} {policy.currency}"
    rungs.append(("NORMAL", f"again as soon as a top-up reaches {back}: at once, at any hour"))
    return [f"{rung:<{_WIDEST}}  {text}" for rung, text in rungs] + _conditions(policy, limited=limited)


def _low(policy: Policy) -> str:
    amount = f"{wire_money(policy.low_credit_nano)} {policy.currency} left"
    return amount if policy.low_credit_days is None else f"{amount}, or enough for {policy.low_credit_days} days"


def _conditions(policy: Policy, *, limited: bool) -> list[str]:
    fresh = duration(policy.max_reading_age_ms)
    guarded = f"limit and cut {slots(policy.slots)}; only with proven time, a reading younger than {fresh} and no hold"
    offline = f"{duration(policy.max_offline_ms)} without the head-end or proven time: time alone escalates no more"
    if limited:
        offline += f"; {wire_money(policy.offline_debt_cap_nano)} {policy.currency} of debt then limit, never cut"
    else:
        offline += "; nothing bounds the debt until they are back, because there is no rung of limited power"
    return [guarded, offline]


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
    if not_on:
        text += f", not on {' or '.join(not_on)}"
    if value.moratoria:
        text += f", not during {' or '.join(value.moratoria)}"
    if value.min_open_after_ms:
        text += f", with at least {duration(value.min_open_after_ms)} of help left"
    return text


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
