"""Builders for the tests of the core: a policy, a tariff, terms and an open account that mean something."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from gateway.prepayment.account import Account, Outcome, Terms
from gateway.prepayment.agreement import open_account
from gateway.prepayment.calendar import Calendar
from gateway.prepayment.events import AccountOpened, Contact, Moment, Reading, TimeTrust, TopUp
from gateway.prepayment.ledger import Entry, Notice, Record, Transition, Verdict
from gateway.prepayment.policy import DayKind, Initiator, Policy, Slots, Term
from gateway.prepayment.step import Event, apply
from gateway.prepayment.supply import Commodity
from gateway.prepayment.tariff import Price, Tariff

NANO = 1_000_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MONDAY_MS = int(datetime(2026, 3, 2, 8, 0, tzinfo=UTC).timestamp() * 1000)  # a Monday, 09:00 in Zurich
CALENDAR = Calendar("test", tuple(range(2020, 2041)), frozenset({"2026-04-06", "2026-12-25"}))
TERMS = Terms(rated_power_w=13_800, can_disconnect=True, can_limit=True, calendars={"test": CALENDAR})


def at(ms: int = 0, trust: TimeTrust = TimeTrust.AUTHENTICATED, *, utc_ms: int | None = None) -> Moment:
    """`ms` after Monday morning, wall clock and running time in step."""
    return Moment(MONDAY_MS + ms if utc_ms is None else utc_ms, trust, ms)


def policy(**changes: Any) -> Policy:
    """A policy like `prepaid`, without slots so that time of day does not matter unless a test says so."""
    base = Policy(
        policy_id="test",
        version=1,
        currency="CHF",
        time_zone="Europe/Zurich",
        initiator=Initiator.LOCAL,
        valid_from="2020-01-01",
        valid_to=None,
        calendar="test",
        low_credit_nano=10 * NANO,
        low_credit_hysteresis_nano=1 * NANO,
        low_credit_days=None,
        grace=Term(duration_ms=72 * HOUR_MS),
        grace_debt_cap_nano=15 * NANO,
        grace_warn_before_ms=12 * HOUR_MS,
        min_after_notice_ms=24 * HOUR_MS,
        limit_enabled=True,
        limit_required=False,
        limit_percent=15,
        limit_term=Term(days=10, day_kind=DayKind.CALENDAR),
        limit_debt_cap_nano=None,
        restore_min_nano=0,
        min_dwell_ms=60_000,
        max_reading_age_ms=900_000,
        max_offline_ms=72 * HOUR_MS,
        offline_debt_cap_nano=20 * NANO,
        slots=Slots(),
        top_up_max_nano=500 * NANO,
        balance_max_nano=2_000 * NANO,
    )
    return replace(base, **changes)


def tariff(nano_per_wh: int = 250_000, **changes: Any) -> Tariff:
    """A flat tariff, 0.25 per kWh unless told otherwise."""
    base = Tariff(
        tariff_id="flat",
        version=1,
        currency="CHF",
        time_zone="Europe/Zurich",
        valid_from="2020-01-01",
        valid_to=None,
        prices=(Price(0, "all", nano_per_wh),),
    )
    return replace(base, **changes)


def opened(
    balance_nano: int = 20 * NANO, *, terms: Terms = TERMS, register_wh: int | None = 0, **changes: Any
) -> Account:
    """An account opened on Monday morning at register `register_wh`; `changes` go to the opening."""
    opening = AccountOpened(
        at=at(),
        command_id="open-1",
        account_id="CH-1",
        meter_id="m1",
        currency="CHF",
        contract_power_w=3_000,
        policy=policy(),
        tariff=tariff(commodity=changes.get("commodity", Commodity.ELECTRICITY)),
        opening_balance_nano=balance_nano,
        opening_register_wh=register_wh,
    )
    outcome = open_account(replace(opening, **changes), terms)
    assert not isinstance(outcome, Verdict)
    return outcome.account


@dataclass
class World:
    """One account and its meter under a clock that the test moves; keeps every record."""

    account: Account
    terms: Terms = TERMS
    running_ms: int = 0
    utc_ms: int = MONDAY_MS
    register_wh: int = 0
    trust: TimeTrust = TimeTrust.AUTHENTICATED
    records: list[Record] = field(default_factory=list)
    top_ups: int = 0
    top_up_total_nano: int = 0

    def now(self) -> Moment:
        """The instant as the gateway knows it."""
        return Moment(self.utc_ms, self.trust, self.running_ms)

    def post(self, event: Event) -> Outcome:
        """Apply one event and keep what it led to."""
        outcome = apply(self.account, event, self.terms)
        self.account = outcome.account
        self.records += outcome.records
        return outcome

    def read(self, **changes: Any) -> Outcome:
        """One poll of the meter now."""
        return self.post(replace(Reading(self.now(), self.register_wh), **changes))

    def use(self, wh: int, hours: float = 1.0, *, contact: bool = True, poll_ms: int = 300_000) -> None:
        """Let time pass with polls every five minutes while `wh` are used evenly; the head-end is heard from."""
        polls = max(int(hours * HOUR_MS) // poll_ms, 1)
        begin_wh = self.register_wh
        for poll in range(1, polls + 1):
            self.running_ms += poll_ms
            self.utc_ms += poll_ms
            self.register_wh = begin_wh + wh * poll // polls
            if contact:
                self.post(Contact(self.now()))
            self.read()

    def top_up(self, nano: int) -> Outcome:
        """The next top-up in sequence."""
        self.top_ups += 1
        self.top_up_total_nano += nano
        return self.post(
            TopUp(self.now(), f"top-{self.top_ups}", self.top_ups, nano, self.top_up_total_nano, "CHF", "web")
        )

    def transitions(self) -> list[str]:
        """The states gone through, in order."""
        return [record.target.value for record in self.records if isinstance(record, Transition)]

    def notices(self) -> list[str]:
        """The message templates due so far."""
        return [record.template for record in self.records if isinstance(record, Notice)]

    def entries_nano(self) -> int:
        """The sum of all entries posted since this world began."""
        return sum(record.amount_nano for record in self.records if isinstance(record, Entry))


def world(balance_nano: int = 20 * NANO, **changes: Any) -> World:
    """A world whose account is open and has its first reading."""
    made = World(opened(balance_nano, **changes))
    made.read()
    return made
