"""Orders that wait for a slot: carried out there, or dropped with the reason on record; never early."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.commands import Command
from gateway.commands.agreement import AccountCloseBody
from gateway.commands.arrears import (
    ArrearsNoticeBody,
    ArrearsPaidBody,
    ReconnectBody,
    SupplyLimitBody,
    SupplySuspendBody,
)
from gateway.prepayment.account import Account, Terms
from gateway.prepayment.arrears import Proof, ReconnectAllowed
from gateway.prepayment.entitlement import control
from gateway.prepayment.events import (
    AccountOpened,
    CloseCause,
    Confirmed,
    HoldKind,
    HoldReleased,
    HoldSet,
    LockoutReleased,
    Moment,
    Opening,
    Restarted,
    Tick,
    TimeTrust,
)
from gateway.prepayment.ledger import VerdictStatus
from gateway.prepayment.step import apply, next_deadline_ms
from gateway.prepayment.supply import Commodity, SupplyState, SwitchState
from gateway.store import Store, codec
from gateway.teller import Teller
from tests.counter import Counter
from tests.delinquency.debtor import TERMS, Debtor, debtor, shipped, utc_ms
from tests.prepayment.worlds import tariff

S = SupplyState
SLOT = "2026-04-07"


def _queued() -> Debtor:
    """Ordered on Easter Sunday, kept for Tuesday 08:00."""
    home = debtor()
    home.notice()
    home.stand("2026-04-05", "12:00")
    verdict = home.limit(queue=True)
    assert (verdict.status, verdict.reason) == (VerdictStatus.APPLIED, "queued")
    assert dict(verdict.detail) == {"next_slot_utc_ms": utc_ms(SLOT, "08:00")}
    assert home.last("supply.order_queued")["target"] == "LIMITED"
    assert home.state is S.NOTICED
    return home


def test_a_kept_order_is_carried_out_when_its_slot_begins() -> None:
    """2.4: not a minute earlier; the deadline says when to look; the row names the order."""
    home = _queued()
    home.stand("2026-04-07", "07:59")
    assert home.state is S.NOTICED
    assert next_deadline_ms(home.account, home.terms, home.at()) == 60_000
    home.stand("2026-04-07", "08:00")
    assert home.state is S.LIMITED
    assert home.account.ordered is None
    assert next_deadline_ms(home.account, home.terms, home.at()) is None


def test_only_the_slot_lets_an_order_wait() -> None:
    """2.4: `queue` keeps nothing that is refused for another reason, and nothing waits unless it was asked for."""
    home = debtor()
    home.notice()
    home.stand("2026-04-01")
    assert home.limit(queue=True).reason == "too_early"
    home.stand("2026-04-05")
    assert home.limit().reason == "slot_blocked"
    assert home.account.ordered is None


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda home: home.said(HoldSet(home.at(), "h", "h-1", HoldKind.COMPLAINT)), "held"),
        (lambda home: setattr(home, "terms", replace(TERMS, can_limit=False)), "cannot_limit"),
        (lambda home: home.pay(), "paid"),
        (lambda home: home.said(HoldSet(home.at(), "h", "d", HoldKind.DISPUTE, amount_nano=10**12)), "paid"),
    ],
)
def test_everything_is_asked_again_in_the_slot(spoil: Any, reason: str) -> None:
    """S1-08, 2.4: what came up meanwhile drops the order, on record; it does not come back by itself."""
    home = _queued()
    home.stand("2026-04-06", "12:00")
    spoil(home)
    home.stand("2026-04-07", "08:00")
    assert home.state in (S.NOTICED, S.REGULAR)
    told = home.last("supply.order_refused")
    assert (told["command_id"], told["reason"]) == ("order-1", reason)
    home.terms = TERMS
    home.said(HoldReleased(home.at(), "r", "h-1"))
    home.stand("2026-04-08", "09:00")
    assert home.state in (S.NOTICED, S.REGULAR)


def test_without_a_clock_the_slot_has_not_begun() -> None:
    """Invariant 6 of 2.8: a clock nobody vouches for opens no slot; the order waits until the time is proven."""
    home = _queued()
    home.trust = TimeTrust.SYNCHRONISED
    home.stand("2026-04-07", "09:00")
    assert (home.state, home.account.ordered is not None) == (S.NOTICED, True)
    home.trust = TimeTrust.AUTHENTICATED
    home.stand("2026-04-07", "16:00")
    assert home.account.ordered is not None
    assert home.account.ordered.slot_utc_ms == utc_ms("2026-04-08", "08:00"), "missed: the next one"
    home.stand("2026-04-08", "08:00")
    assert home.state is S.LIMITED


def test_books_that_nobody_has_confirmed_carry_out_no_kept_order() -> None:
    """Threat 3: an old image may have forgotten the payment; the head-end says so, or nothing happens."""
    home = _queued()
    home.post(Restarted(home.at(), awaits=True))
    for minute in range(3):
        home.stand("2026-04-07", f"08:0{minute}")
    assert (home.state, home.account.ordered is not None) == (S.NOTICED, True)
    assert next_deadline_ms(home.account, home.terms, home.at()) is None, "the next poll looks again, no timer spins"
    home.post(Confirmed(home.at()))
    assert home.state is S.LIMITED


def test_a_meter_that_is_silent_in_the_slot_drops_the_order() -> None:
    """Invariant 1 of 2.8: no fresh reading, no escalation."""
    home = _queued()

    home.stand("2026-04-07", "08:00", look=False)
    home.post(Tick(home.at()))
    assert home.last("supply.order_refused")["reason"] == "meter_untrusted"


def test_a_kept_order_survives_a_restart_as_it_is() -> None:
    """I22: the snapshot holds the claim, the order and what is armed, to the last field."""
    home = _queued()
    account = replace(home.account, armed=True)
    assert codec.restore(account.account_id, codec.SNAPSHOT_FORMAT, codec.snapshot(account)) == account


def test_no_local_evaluation_changes_a_post_paid_supply() -> None:
    """Invariant 12 of 2.8: a thousand francs of consumption, a month of polls, no order: full supply."""
    home = debtor()
    home.notice()
    home.register_wh += 5_000_000
    for day in range(1, 29):
        home.stand(f"2026-05-{day:02d}", "09:00")
    assert home.state is S.NOTICED
    assert home.account.balance_nano < 0
    assert control(home.account, home.terms).switch is SwitchState.CONNECTED
    assert home.moves() == [("noticed", "2026-03-02")]


def _terms(_account: Account | AccountOpened) -> Terms:
    return TERMS


class Office(Counter):
    """A counter whose accounts are post-paid, in Italy."""

    async def begin(self, commodity: Commodity = Commodity.ELECTRICITY) -> Teller:
        """Open the books with one account."""
        self._store = await Store.open(self.path)
        self._teller = await Teller.open(self._store, self.clock, _terms)
        prices = replace(tariff(), currency="EUR", time_zone="Europe/Rome", commodity=commodity)
        name = "estenergy-gas" if commodity is Commodity.GAS else "estenergy-electricity"
        event = AccountOpened(
            self.clock.now(), "file", "IT-1", "m1", "EUR", 3_000, shipped(name), prices, 0, 0, commodity=commodity
        )
        await self._teller.open_account(event)
        return self._teller

    def to(self, day: str, clock: str = "10:00") -> Moment:
        """Let time pass until then."""
        return self.clock.advance(utc_ms(day, clock) - self.clock.utc_ms)

    async def tells(self, command: Command, body: Any) -> str:
        """The reason on record for a command that passed through the books; "" when it was applied."""
        answer = await self.teller.execute(self.order(command, body))
        row = await self.store.row(answer.journal_seq)
        assert row is not None
        receipt = msgspec.json.decode(row.body)
        assert (receipt["command"], receipt.get("reason", "")) == (command.value, answer.reason)
        return answer.reason


def _contract(office: Office, commodity: Commodity = Commodity.ELECTRICITY) -> AccountOpened:
    """A new contract of the same customer."""
    prices = replace(tariff(), currency="EUR", time_zone="Europe/Rome", commodity=commodity)
    name = "estenergy-gas" if commodity is Commodity.GAS else "estenergy-electricity"
    at, kind = office.clock.now(), Opening.ACTIVATION
    return AccountOpened(
        at, "open", "IT-2", "m1", "EUR", 3_000, shipped(name), prices, 0, 0, commodity=commodity, kind=kind,
        contract_id="c-2",
    )  # fmt: skip


def _notice(commodity: Commodity = Commodity.ELECTRICITY) -> ArrearsNoticeBody:
    return ArrearsNoticeBody(
        "IT-1", "a-1", commodity, "EUR", "120.50", date(2026, 1, 31), date(2026, 2, 27), Proof.CERTIFIED_MAIL,
        date(2026, 3, 31), "letter 7", notified_on=date(2026, 3, 2), invoices=("2026/77",),
    )  # fmt: skip


def test_a_whole_delinquency_through_the_books(tmp_path: Path) -> None:
    """S1-07..S1-15: notice, limit, suspension, end, each refused a day early, over a real store with restarts."""
    office = Office(tmp_path / "store.db")

    async def polled(day: str, clock: str = "10:00") -> None:
        at = office.to(day, clock)
        await office.teller.contact(at)
        await office.teller.post("IT-1", office.reading(0, 0))

    async def story() -> None:
        await office.begin()
        limit = SupplyLimitBody("IT-1", "a-1", "decision 1")
        suspend = SupplySuspendBody("IT-1", "a-1", "decision 2", queue=True)
        close = AccountCloseBody("IT-1", "arrears", CloseCause.DELINQUENCY)
        await polled("2026-03-03")
        assert await office.tells(Command.SUPPLY_LIMIT, limit) == "no_notice"
        assert await office.tells(Command.ARREARS_NOTICE, _notice()) == ""
        await polled("2026-04-03")
        assert await office.tells(Command.SUPPLY_LIMIT, limit) == "too_early"
        await polled("2026-04-07")
        assert await office.tells(Command.SUPPLY_LIMIT, limit) == ""
        await office.crash()
        office._teller = None
        office._store = await Store.open(office.path)
        office._teller = await Teller.open(office._store, office.clock, _terms)
        await polled("2026-04-17")
        assert await office.tells(Command.SUPPLY_SUSPEND, suspend) == "too_early"
        await polled("2026-04-18")
        assert await office.tells(Command.SUPPLY_SUSPEND, suspend) == "queued"
        await polled("2026-04-20", "08:00")
        assert office.teller.accounts["IT-1"].supply.state is S.SUSPENDED
        await polled("2026-05-10")
        assert await office.tells(Command.ACCOUNT_CLOSE, close) == "too_early"
        await polled("2026-05-11")
        assert await office.tells(Command.ACCOUNT_CLOSE, close) == ""
        again = _contract(office)
        unpaid = await office.teller.open_account(again)
        assert (unpaid.reason, [name for name, _ in unpaid.detail]) == ("arrears_unpaid", ["hint"])
        assert "IT-1" not in str(unpaid.detail), "the contract before may have been a neighbour's"
        paid = ArrearsPaidBody("IT-1", "a-1", "EUR")
        assert await office.tells(Command.ARREARS_PAID, paid) == ""
        assert office.teller.accounts["IT-1"].supply.state is S.TERMINATED
        assert (await office.teller.open_account(again)).reason == ""
        assert control(office.teller.accounts["IT-2"], TERMS).switch is SwitchState.CONNECTED
        await office.stop()

    asyncio.run(story())


def test_gas_through_the_books_waits_for_the_word_from_the_site(tmp_path: Path) -> None:
    """Decision 14, S1-10: paid, ready; `reconnect` closes it, and only then."""
    office = Office(tmp_path / "store.db")

    async def story() -> None:
        teller = await office.begin(Commodity.GAS)
        reconnect = ReconnectBody("IT-1", "installer 12")
        for day in ("2026-03-03", "2026-04-07"):
            await teller.contact(office.to(day))
            await teller.post("IT-1", office.reading(0, 0))
            if day == "2026-03-03":
                assert await office.tells(Command.ARREARS_NOTICE, _notice(Commodity.GAS)) == ""
        assert await office.tells(Command.RECONNECT, reconnect) == "not_armed"
        assert await office.tells(Command.SUPPLY_SUSPEND, SupplySuspendBody("IT-1", "a-1", "decision 2")) == ""
        assert await office.tells(Command.ARREARS_PAID, ArrearsPaidBody("IT-1", "a-1", "EUR", "120.50", "0.00")) == ""
        assert control(teller.accounts["IT-1"], TERMS).switch is SwitchState.READY_FOR_RECONNECTION
        assert await office.tells(Command.RECONNECT, reconnect) == ""
        assert control(teller.accounts["IT-1"], TERMS).switch is SwitchState.CONNECTED
        assert await office.tells(Command.ACCOUNT_CLOSE, AccountCloseBody("IT-1", "moved")) == ""
        assert (await teller.open_account(_contract(office, Commodity.GAS))).reason == ""
        assert control(teller.accounts["IT-2"], TERMS).switch is SwitchState.READY_FOR_RECONNECTION, "after a cut"
        await office.stop()

    asyncio.run(story())


@pytest.mark.parametrize("day", ["1970-12-31", "0001-01-01", "9999-12-31"])
def test_a_day_that_no_calendar_has_is_a_bad_payload(tmp_path: Path, day: str) -> None:
    """I24: bad input is a reason code, on record, and nothing changes."""
    office = Office(tmp_path / "store.db")

    async def story() -> None:
        teller = await office.begin()
        office.to("2026-03-03")
        before = teller.accounts["IT-1"]
        body = msgspec.structs.replace(_notice(), final_term_on=date.fromisoformat(day))
        assert await office.tells(Command.ARREARS_NOTICE, body) == "bad_payload"
        assert teller.accounts["IT-1"] == before
        await office.stop()

    asyncio.run(story())


def test_an_armed_supply_is_not_closed_over_a_lockout() -> None:
    """Decisions 13 and 14: somebody is at work on the line."""
    home = debtor("estenergy-gas", commodity=Commodity.GAS)
    account = replace(home.account, armed=True, lockout="work")

    outcome = apply(account, ReconnectAllowed(home.at(), "c", "x"), home.terms)
    assert outcome.verdict is not None
    assert outcome.verdict.reason == "locked_out"
    assert control(account, home.terms).switch is SwitchState.DISCONNECTED
    freed = apply(replace(account, armed=False), LockoutReleased(home.at(), "l"), home.terms).account
    assert control(freed, home.terms).switch is SwitchState.READY_FOR_RECONNECTION, "a valve was closed for safety"
