"""Installations whose supply is paid afterwards: the central system orders, the gateway checks (requirements 2.4).

The policies are real documents, read by the production loader. Their terms are days where the shipped ones have weeks,
so that a week sees every rung; only the twenty days before the end of a contract cannot be made shorter (S1-14).
"""

from __future__ import annotations

import random
from dataclasses import dataclass

_POLICY = """\
policy = "sim"
version = 1
description = "Post-paid, terms of days"
currency = "CHF"
time_zone = "{zone}"
valid_from = "2020-01-01"
initiator = "central"
calendar = "{calendar}"
[limit]
enabled = true
percent = 15
term = "{limit}"
[restore]
electricity = "{reconnect}"
[guards]
min_dwell = "1h"
max_reading_age = "15 min"
max_offline = "24h"
payment_proof_working_days = 1
[slots]
closed_weekdays = [{closed}]
closed_on_holidays = {holidays}
closed_on_eves = {holidays}
hours = "{hours}"
[delinquency]
debt_floor = "{floor}"
hearing_required = {hearing}
[delinquency.notice]
after_due_days = {after_due}
registered_letter_days = {registered}
certified_mail_days = {certified}
unproven_days = {unproven}
[delinquency.request]
working_days = {working}
notified_limited_days = {limited}
notified_other_days = {other}
notified_gas_days = {gas_days}
[delinquency.suspend]
anchor = "{anchor}"
after_days = {after}
[delinquency.terminate]
after_suspension_days = {terminate}
"""


@dataclass(frozen=True, slots=True)
class PostPaid:
    """One kind of post-paid supply, as its policy document and its installation say it; terms in days."""

    name: str
    zone: str
    calendar: str
    limit: str
    letters: tuple[int, int, int]
    """The least time to pay: registered letter, certified mail, unproven."""
    working: int
    limited: int
    other: int
    anchor: str = "notice"
    after: int = 0
    after_due: int = 0
    floor: str = "0.00"
    reconnect: str = "auto"
    voltage: str = "LV"
    limiter: bool = True
    hearing: bool = False
    terminate: int = 20

    @property
    def limits(self) -> bool:
        """Reduced power comes before a suspension (S1-11)."""
        return self.limiter and self.voltage == "LV"

    def policy_text(self, *, closed: str, holidays: str, hours: str, gas: bool = False) -> str:
        """Its policy document, with slots."""
        registered, certified, unproven = self.letters
        return _POLICY.format(
            zone=self.zone,
            calendar=self.calendar,
            limit=self.limit,
            registered=registered,
            certified=certified,
            unproven=unproven,
            working=self.working,
            limited=self.limited,
            other=self.other,
            gas_days=self.other if gas else 9,
            anchor=self.anchor,
            after=self.after,
            after_due=self.after_due,
            floor=self.floor,
            reconnect=self.reconnect,
            hearing=str(self.hearing).lower(),
            terminate=self.terminate,
            closed=closed,
            holidays=holidays,
            hours=hours,
        )


KINDS = (
    PostPaid("prompt", "Europe/Zurich", "ch-ti", "1 calendar days", (1, 1, 2), working=0, limited=1, other=2),
    PostPaid(
        "by_letter", "Europe/Rome", "it", "2 calendar days", (2, 1, 3), working=1, limited=2, other=4, after_due=1,
        floor="5.00",
    ),
    PostPaid(
        "no_limiter", "Europe/Rome", "it", "9 calendar days", (1, 1, 1), working=0, limited=9, other=0, anchor="due",
        after=6, after_due=2, reconnect="armed", limiter=False, terminate=22,
    ),
    PostPaid(
        "armed", "Europe/Zurich", "ch-ti", "1 working days", (1, 1, 2), working=1, limited=0, other=9, after=2,
        reconnect="armed", hearing=True,
    ),
    PostPaid(
        "medium_voltage", "Europe/Rome", "it", "9 calendar days", (1, 2, 2), working=0, limited=0, other=2,
        voltage="MV",
    ),
)  # fmt: skip
OF_SEEDS = (7, 9)
"""The last digits of the seeds that are post-paid runs."""
OF_GAS = {15: False, 18: True}
"""What is left of the seeds that are gas, divided by twenty, and whether it is paid afterwards."""


def kind_of(seed: int) -> PostPaid | None:
    """What is paid afterwards in the run of this seed; None for a prepaid one."""
    chance = random.Random(f"{seed}/postpaid")
    if OF_GAS.get(seed % 20):
        return chance.choice([kind for kind in KINDS if kind.voltage == "LV"])
    return chance.choice(KINDS) if seed % 10 in OF_SEEDS else None


def gas_of(seed: int) -> bool:
    """Whether the meter of this seed's run counts litres of gas."""
    return seed % 20 in OF_GAS
