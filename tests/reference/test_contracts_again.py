"""What a head-end says before and in a resync of what only it has signed: ends, openings, claims (threat 3)."""

from datetime import UTC, date, datetime
from typing import Any

import msgspec

from gateway.commands import Command
from gateway.commands.agreement import AccountCloseBody, AccountOpenBody
from gateway.commands.arrears import ArrearsNoticeBody, ArrearsPaidBody, OwedBody
from gateway.commands.books import AccountResyncBody, WindowBody
from gateway.commands.protection import OutageCancelBody, OutagePlanBody
from gateway.config.document import load
from gateway.config.policies import PolicyDocument
from gateway.config.tariffs import TariffDocument
from gateway.prepayment.arrears import Proof
from gateway.prepayment.events import CloseCause
from gateway.prepayment.supply import Commodity, SupplyState
from gateway.reference.book import Content
from gateway.reference.headend import SETTLING
from gateway.reference.known import Known, Signed, carried, learn, position
from gateway.reference.resync import orders
from tests.reference.test_known import AT, HOME, entry

NOON = datetime(2027, 9, 1, 12, tzinfo=UTC)
NOTICE = ArrearsNoticeBody(
    "A1", "c-1", Commodity.ELECTRICITY, "EUR", "120.00", date(2027, 1, 31), date(2027, 2, 27), Proof.CERTIFIED_MAIL,
    date(2027, 3, 31), "letter 7", None, date(2027, 3, 2), 30, ("F1",),
)  # fmt: skip


def row(typ: str, account_id: str, running_ms: int, **said: Any) -> dict[str, Any]:
    """A journal row at a running time."""
    base = entry(1, 2) if typ == "entry" else {"type": typ, "detail": {}}
    return {**base, "account_id": account_id, "at": {**AT, "running_ms": running_ms}, **said}


def ended(account_id: str, running_ms: int, source: str) -> dict[str, Any]:
    """The end of a contract."""
    return row("transition", account_id, running_ms, source=source, target="TERMINATED", rule="closed")


def book(cause: CloseCause) -> Content:
    """A1 was cut at 3 and closed at 5; B2 was signed for at 7."""
    content = Content()
    accounts = content.trail.main.accounts
    learn(accounts, row("entry", "A1", 1, kind="opening"))
    learn(accounts, row("transition", "A1", 3, source="LIMITED", target="SUSPENDED", rule="ordered_suspend"))
    learn(accounts, ended("A1", 5, "SUSPENDED"))
    learn(accounts, row("entry", "B2", 7, kind="opening"))
    content.trail.main.running_ms = 9
    content.signed["A1"] = Signed()
    content.signed["A1"].take(NOTICE)
    content.signed["A1"].take(AccountCloseBody("A1", "done", cause))
    policy = load(HOME / "policies" / "prepaid.toml", PolicyDocument)
    tariff = load(HOME / "tariffs" / "ch-flat.toml", TariffDocument)
    content.signed["B2"] = Signed()
    content.signed["B2"].take(AccountOpenBody("B2", "m1", "CHF", 3_000, policy, tariff))
    return msgspec.json.decode(msgspec.json.encode(content), type=Content)


def said(content: Content) -> list[tuple[Command, str, SupplyState | None]]:
    """Command, account and the rung of its position."""
    found = []
    for command, body in orders(content, "run-1", ("B2", "A1")):
        stands = body.position if isinstance(body, AccountResyncBody) else None
        account_id: str = getattr(body, "account_id", "")
        found.append((command, account_id, None if stands is None else stands.state))
    return found


def test_an_end_and_the_next_contract_come_before_the_resyncs() -> None:
    """Threat 3, S2-02: else the resync of A1 would be refused, and B2 would not exist; in the order of their days."""
    assert said(book(CloseCause.CUSTOMER_REQUEST)) == [
        (Command.ACCOUNT_CLOSE, "A1", None),
        (Command.ACCOUNT_OPEN, "B2", None),
        (Command.ACCOUNT_RESYNC, "B2", SupplyState.NORMAL),
        (Command.ACCOUNT_RESYNC, "A1", SupplyState.TERMINATED),
    ]
    unsigned = book(CloseCause.CUSTOMER_REQUEST)
    unsigned.signed["A1"].close = None
    first = orders(unsigned, "run-1", ("A1",))[0]
    assert first == (Command.ACCOUNT_CLOSE, AccountCloseBody("A1", "ended before, as the rows say"))


def test_an_end_for_arrears_comes_after_the_day_it_counts_from() -> None:
    """S1-14: first as it was suspended, with its claims and the day of it; then the end, held against its terms."""
    content = book(CloseCause.DELINQUENCY)
    assert said(content) == [
        (Command.ACCOUNT_RESYNC, "A1", SupplyState.SUSPENDED),
        (Command.ACCOUNT_CLOSE, "A1", None),
        (Command.ACCOUNT_OPEN, "B2", None),
        (Command.ACCOUNT_RESYNC, "B2", SupplyState.NORMAL),
    ]
    stands = next(body.position for _, body in orders(content, "run-1", ("A1",)) if isinstance(body, AccountResyncBody))
    assert stands is not None
    assert (stands.in_state_ms, stands.dated_at) == (6, datetime(2027, 9, 30, 3, 59, 35, 172_000, UTC))
    assert [one.arrears_id for one in stands.arrears or ()] == ["c-1"]


def test_claims_are_told_with_what_is_left_of_them() -> None:
    """2.4: a part leaves the rest, all of it (or more) nothing; a payment of an unknown claim changes nothing."""
    signed = Signed()
    assert position(Known(), signed, 0).arrears == ()
    signed.take(NOTICE)
    signed.take(ArrearsPaidBody("A1", "c-1", "EUR", "20.50", "99.50"))
    signed.take(ArrearsPaidBody("A1", "c-1", "EUR", "10.00", "110.00"))
    signed.take(ArrearsPaidBody("A1", "c-9", "EUR"))
    [owed] = position(Known(), signed, 0).arrears or ()
    assert owed == OwedBody(
        "c-1", Commodity.ELECTRICITY, "99.50", NOTICE.due_on, NOTICE.issued_on, Proof.CERTIFIED_MAIL,
        NOTICE.final_term_on, "letter 7", None, NOTICE.notified_on, 30, ("F1",),
    )  # fmt: skip
    signed.take(ArrearsPaidBody("A1", "c-1", "EUR", "99.51", "0.00"))
    assert signed.arrears == {}
    for left in ("0.00", None):
        signed.take(NOTICE)
        signed.take(ArrearsPaidBody("A1", "c-1", "EUR", "120.00", left))
        assert signed.arrears == {}


def test_outages_stand_until_they_are_cancelled() -> None:
    """S4-06: the window signed last."""
    signed = Signed()
    signed.take(OutagePlanBody("A1", "o-1", NOON, NOON, "works", "M. R."))
    assert position(Known(), signed, 0).outages == (WindowBody("o-1", NOON, NOON, "works", "M. R."),)
    signed.take(OutageCancelBody("A1", "o-1"))
    assert position(Known(), signed, 0).outages == ()


def test_a_branch_that_goes_on_keeps_what_was_before_the_end() -> None:
    """Threat 3: in the running time of the new branch; only when the end is still what it stands at."""
    old = Known(state=SupplyState.TERMINATED, since_ms=5, opened_ms=1, before_end=(SupplyState.SUSPENDED, 3, "day"))
    merged = carried(old, Known(), lost_ms=10, resynced_ms=20)
    assert (merged.before_end, merged.opened_ms) == ((SupplyState.SUSPENDED, 13, "day"), 11)
    assert carried(Known(), Known(), lost_ms=10, resynced_ms=20).before_end is None
    assert Known(state=SupplyState.NORMAL).reopened().state is SupplyState.NORMAL


def test_all_of_it_is_kept_when_it_is_signed() -> None:
    """Threat 3: what `Signed` takes over must be handed to it."""
    wanted = {Command.ACCOUNT_OPEN, Command.ACCOUNT_CLOSE, Command.ARREARS_NOTICE, Command.ARREARS_PAID}
    assert wanted | {Command.OUTAGE_PLAN, Command.OUTAGE_CANCEL} <= SETTLING
