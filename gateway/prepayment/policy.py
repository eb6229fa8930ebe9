"""A supply policy as data: the terms under which an account is warned, limited, suspended and restored.

Policies are files (`config/policies/*.toml`); this is what the ladder reads. Terms come in two kinds (decision 16):
a *duration* counts time observed while running and needs no clock; a number of *days* counts civil days or working
days in the policy's zone and stands still while the time is not proven.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gateway.prepayment.supply import SupplyState


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


class Anchor(StrEnum):
    """Where the days until a suspension count from: the due date, or the notification of the notice."""

    DUE = "due"
    NOTICE = "notice"


class Reconnect(StrEnum):
    """How supply comes back: by itself, or when somebody on site has confirmed it (decision 14)."""

    AUTO = "auto"
    ARMED = "armed"


@dataclass(frozen=True, slots=True)
class Interest:
    """Interest on late payment as the central system computes it: `spread_ppm` a year above the rate named `base`.

    A good payer (`good_payer_years` without delay) owes only the legal rate for the first `good_payer_days`.
    """

    base: str
    spread_ppm: int
    good_payer_years: int = 0
    good_payer_days: int = 0


@dataclass(frozen=True, slots=True)
class Indemnity:
    """What the customer is owed for a supply cut wrongly: without notice, or before a minimum term."""

    no_notice_nano: int
    wrong_term_nano: int


@dataclass(frozen=True, slots=True)
class Delinquency:
    """The minimum terms of a post-paid supply, in whole days; the day of the event is never counted.

    `notice_after_days`: from the due date to the notice. `pay_*_days`: the least time to pay, by the proof of the
    notice. `request_working_days`: from the final term. `notified_*_days`: from the notification, for low voltage that
    is limited first, for other electricity, for gas. `suspend_after_days` from `anchor`. `terminate_days`: from
    suspension. Nothing escalates for a net debt of `debt_floor_nano` or less.
    """

    notice_after_days: int
    pay_registered_days: int
    pay_certified_days: int
    pay_unproven_days: int
    request_working_days: int
    notified_limited_days: int
    notified_other_days: int
    notified_gas_days: int
    anchor: Anchor
    suspend_after_days: int
    terminate_days: int
    debt_floor_nano: int
    hearing_required: bool = False
    interest: Interest | None = None
    indemnity: Indemnity | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """One version of one policy; money in nano-units of `currency`, durations in ms of running time.

    A central initiator has `delinquency` and none of the thresholds of credit, which are zero then. Gas is always
    armed, whatever `reconnect` says of electricity. `example`: its thresholds are nobody's own.
    """

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
    posting_max_nano: int = 2_000_000_000_000
    delinquency: Delinquency | None = None
    reconnect: Reconnect = Reconnect.AUTO
    example: bool = False

    @property
    def first_state(self) -> SupplyState:
        """Where an account under this policy begins."""
        return SupplyState.NORMAL if self.delinquency is None else SupplyState.REGULAR

    def above_cap(self, balance_nano: int) -> bool:
        """More credit than a prepaid account may hold; what is paid ahead for a post-paid supply has no cap."""
        return self.delinquency is None and balance_nano > self.balance_max_nano

    def counts_days(self, state: SupplyState) -> bool:
        """A term of days may begin with this rung."""
        last = SupplyState.GRACE if self.delinquency is None else SupplyState.SUSPENDED
        return state in (SupplyState.LIMITED, last)

    def has(self, state: SupplyState) -> bool:
        """This rung is one of its ladder; a head-end that knows no rows of a change tells the first of the other."""
        if self.delinquency is None:
            return state not in (SupplyState.REGULAR, SupplyState.NOTICED)
        return state not in (SupplyState.NORMAL, SupplyState.LOW_CREDIT, SupplyState.GRACE)
