"""A supply policy as data: the terms under which an account is warned, limited, suspended and restored.

Policies are files (`config/policies/*.toml`); this is what the ladder reads. Terms come in two kinds (decision 16):
a *duration* counts time observed while running and needs no clock; a number of *days* counts civil days or working
days in the policy's zone and stands still while the time is not proven.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Initiator(StrEnum):
    """Who decides to escalate: the account itself (prepaid) or a signed order of the central system (post-paid)."""

    LOCAL = "local"
    CENTRAL = "central"


class DayKind(StrEnum):
    """How the days of a term are counted (requirements 2.2)."""

    CALENDAR = "calendar"
    WORKING = "working"
    FERIALI = "feriali"


@dataclass(frozen=True, slots=True)
class Term:
    """Exactly one of `duration_ms` (hour-based) and `days` (date-based; the day of the event is not counted)."""

    duration_ms: int | None = None
    days: int | None = None
    day_kind: DayKind = DayKind.CALENDAR


@dataclass(frozen=True, slots=True)
class Slots:
    """When an escalation may be carried out, in civil time of the policy's zone; minutes count from midnight.

    `moratoria` are named as in `Calendar.moratoria`. At least `min_open_after_ms` of `help_hours` (pairs of minutes;
    none: the slot itself) must be left on the day, so that who is cut can still reach somebody (S0-07).
    """

    closed_weekdays: tuple[int, ...] = ()
    closed_on_holidays: bool = False
    closed_on_eves: bool = False
    from_minute: int = 0
    to_minute: int = 24 * 60
    moratoria: tuple[str, ...] = ()
    help_hours: tuple[tuple[int, int], ...] = ()
    min_open_after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of one policy; money in nano-units of `currency`, durations in ms of running time."""

    policy_id: str
    version: int
    currency: str
    time_zone: str
    initiator: Initiator
    valid_from: str
    valid_to: str | None
    calendar: str
    low_credit_nano: int
    low_credit_hysteresis_nano: int
    low_credit_days: int | None
    grace: Term
    grace_debt_cap_nano: int
    grace_warn_before_ms: int
    min_after_notice_ms: int
    limit_enabled: bool
    limit_required: bool
    limit_percent: int
    limit_term: Term
    limit_debt_cap_nano: int | None
    restore_min_nano: int
    min_dwell_ms: int
    max_reading_age_ms: int
    max_offline_ms: int
    offline_debt_cap_nano: int
    slots: Slots
    top_up_max_nano: int
    balance_max_nano: int
    payment_proof_working_days: int = 5
