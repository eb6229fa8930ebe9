"""A post-paid household whose day the test chooses: notices, orders and what became of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from gateway.config.calendars import load_calendar
from gateway.config.policies import load_policy
from gateway.prepayment.account import Account, Outcome, Terms
from gateway.prepayment.arrears import Arrears, ArrearsNoticed, ArrearsPaid, Proof, SupplyOrdered
from gateway.prepayment.events import Contact, Moment, Reading, Tick, TimeTrust
from gateway.prepayment.ledger import Happening, Record, Transition, Verdict
from gateway.prepayment.policy import Policy
from gateway.prepayment.step import Event, apply
from gateway.prepayment.supply import Commodity, SupplyState
from gateway.shipped import folder
from tests.prepayment.worlds import NANO, opened, tariff

ROME = ZoneInfo("Europe/Rome")
POLICIES = folder() / "policies"
ITALY = load_calendar(folder() / "calendars" / "it.toml")
TERMS = Terms(rated_power_w=13_800, can_disconnect=True, can_limit=True, calendars={"it": ITALY})


def shipped(name: str, **changes: Any) -> Policy:
    """A preset as it is shipped."""
    return replace(load_policy(POLICIES / f"{name}.toml"), **changes)


def utc_ms(day: str, clock: str = "10:00") -> int:
    """The instant of a wall clock in Rome."""
    return int(datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ROME).timestamp() * 1000)


@dataclass
class Debtor:
    """One account; time moves only forward, with a reading and a contact at each stop."""

    account: Account
    terms: Terms = TERMS
    now_ms: int = 0
    running_ms: int = 0
    trust: TimeTrust = TimeTrust.AUTHENTICATED
    register_wh: int = 0
    records: list[Record] = field(default_factory=list)
    orders: int = 0

    def at(self) -> Moment:
        """The instant as the gateway knows it."""
        return Moment(self.now_ms, self.trust, self.running_ms)

    def post(self, event: Event) -> Outcome:
        """Apply one event and keep what it led to."""
        outcome = apply(self.account, event, self.terms)
        self.account = outcome.account
        self.records += outcome.records
        return outcome

    def stand(self, day: str, clock: str = "10:00", *, look: bool = True) -> None:
        """Let time pass until then; `look`: read the meter and hear from the head-end."""
        then_ms = utc_ms(day, clock)
        self.running_ms += then_ms - self.now_ms
        self.now_ms = then_ms
        if look:
            self.post(Contact(self.at()))
            self.post(Reading(self.at(), self.register_wh))
            self.post(Tick(self.at()))

    def said(self, event: Event) -> Verdict:
        """The verdict; a refusal changes nothing."""
        before = self.account
        verdict = self.post(event).verdict
        assert verdict is not None
        assert verdict.status.value == "applied" or self.account == before
        return verdict

    def notice(self, *, currency: str = "EUR", **changes: Any) -> Verdict:
        """A notice by certified mail that was received two days after it was written."""
        claim = Arrears(
            arrears_id="a-1",
            commodity=self.account.commodity,
            amount_nano=120 * NANO,
            due_on="2026-01-31",
            issued_on="2026-02-27",
            sent_on=None,
            notified_on="2026-03-02",
            proof=Proof.CERTIFIED_MAIL,
            final_term_on="2026-03-31",
            letter_days=0,
            invoices=(),
            legal_ref="letter 7/2026",
            at=self.at(),
        )
        return self.said(ArrearsNoticed(self.at(), "notice-1", currency, replace(claim, **changes)))

    def order(self, target: SupplyState, **changes: Any) -> Verdict:
        """An order for the claim."""
        self.orders += 1
        event = SupplyOrdered(self.at(), f"order-{self.orders}", target, "a-1", "decision 12/2026")
        return self.said(replace(event, **changes))

    def limit(self, **changes: Any) -> Verdict:
        """Reduce the power."""
        return self.order(SupplyState.LIMITED, **changes)

    def suspend(self, **changes: Any) -> Verdict:
        """Open the supply."""
        return self.order(SupplyState.SUSPENDED, **changes)

    def pay(self, nano: int | None = None) -> Verdict:
        """All of the claim, or a part."""
        owed_nano = next((one.amount_nano for one in self.account.arrears if one.arrears_id == "a-1"), 0)
        left_nano = None if nano is None else max(0, owed_nano - nano)
        return self.said(ArrearsPaid(self.at(), "paid-1", "a-1", "EUR", nano, left_nano))

    @property
    def state(self) -> SupplyState:
        """The rung."""
        return self.account.supply.state

    def moves(self) -> list[tuple[str, str]]:
        """Rules and the civil days on which they were carried out."""
        return [(record.rule, _day(record.at.utc_ms)) for record in self.records if isinstance(record, Transition)]

    def last(self, what: str) -> dict[str, str | int]:
        """The detail of the last happening of this name."""
        found = [record for record in self.records if isinstance(record, Happening) and record.what == what]
        return dict(found[-1].detail)


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, ROME).date().isoformat()


def debtor(
    name: str = "estenergy-electricity",
    *,
    day: str = "2026-03-02",
    terms: Terms = TERMS,
    policy: Policy | None = None,
    commodity: Commodity = Commodity.ELECTRICITY,
    balance_nano: int = 0,
    **changes: Any,
) -> Debtor:
    """A household with a contract since this day."""
    chosen = policy or shipped(name)
    start = Moment(utc_ms(day, "09:00"), TimeTrust.AUTHENTICATED, 0)
    prices = replace(tariff(), currency="EUR", time_zone="Europe/Rome", commodity=commodity)
    account = opened(
        balance_nano,
        terms=terms,
        at=start,
        policy=chosen,
        tariff=prices,
        currency="EUR",
        commodity=commodity,
        **changes,
    )
    made = Debtor(account, terms, now_ms=start.utc_ms)
    made.stand(day, "09:05")
    return made


def weekday(day: str) -> str:
    """Mon to Sun, to read vectors by."""
    return date.fromisoformat(day).strftime("%a")
