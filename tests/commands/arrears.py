"""What each command of a post-paid account becomes: rows of the table in `test_orders`."""

from __future__ import annotations

from datetime import date

from gateway.commands import Command
from gateway.commands.agreement import AccountCloseBody
from gateway.commands.arrears import (
    ArrearsNoticeBody,
    ArrearsPaidBody,
    ReconnectBody,
    SupplyLimitBody,
    SupplySuspendBody,
)
from gateway.commands.claims import Body
from gateway.prepayment.arrears import Arrears, ArrearsNoticed, ArrearsPaid, Proof, ReconnectAllowed, SupplyOrdered
from gateway.prepayment.events import AccountClosed, CloseCause, Moment, TimeTrust
from gateway.prepayment.supply import Commodity, SupplyState

AT = Moment(1_772_366_400_000, TimeTrust.AUTHENTICATED, 7)
DAYS = [date(2026, 3, number) for number in range(1, 6)]
TEXTS = [day.isoformat() for day in DAYS]
GAS, EUR = Commodity.GAS, "EUR"

ARREARS: tuple[tuple[Command, Body, object], ...] = (
    (Command.ARREARS_NOTICE,
     ArrearsNoticeBody("a", "c-1", GAS, EUR, "12.5", DAYS[0], DAYS[1], Proof.UNPROVEN, DAYS[4], "letter"),
     ArrearsNoticed(AT, "j-1", EUR, Arrears(
         "c-1", GAS, 12_500_000_000, TEXTS[0], TEXTS[1], None, None, Proof.UNPROVEN, TEXTS[4], 0, (), "letter", AT))),
    (Command.ARREARS_NOTICE,
     ArrearsNoticeBody("a", "c-1", GAS, EUR, "12.5", DAYS[0], DAYS[1], Proof.CERTIFIED_MAIL, DAYS[4], "letter", DAYS[2],
                       DAYS[3], 30, ("i-1", "i-2")),
     ArrearsNoticed(AT, "j-1", EUR, Arrears(
         "c-1", GAS, 12_500_000_000, TEXTS[0], TEXTS[1], TEXTS[2], TEXTS[3], Proof.CERTIFIED_MAIL, TEXTS[4], 30,
         ("i-1", "i-2"), "letter", AT))),
    (Command.ARREARS_PAID, ArrearsPaidBody("a", "c-1", EUR), ArrearsPaid(AT, "j-1", "c-1", EUR)),
    (
        Command.ARREARS_PAID,
        ArrearsPaidBody("a", "c-1", EUR, "0.5", "7.00"),
        ArrearsPaid(AT, "j-1", "c-1", EUR, 500_000_000, 7_000_000_000),
    ),
    (Command.SUPPLY_LIMIT, SupplyLimitBody("a", "c-1", "order 7"),
     SupplyOrdered(AT, "j-1", SupplyState.LIMITED, "c-1", "order 7")),
    (Command.SUPPLY_SUSPEND, SupplySuspendBody("a", "c-1", "order 7", True, True),
     SupplyOrdered(AT, "j-1", SupplyState.SUSPENDED, "c-1", "order 7", queue=True, affected_heard=True)),
    (Command.RECONNECT, ReconnectBody("a", "installer"), ReconnectAllowed(AT, "j-1", "installer")),
    (Command.ACCOUNT_CLOSE, AccountCloseBody("a", "arrears", CloseCause.DELINQUENCY),
     AccountClosed(AT, "j-1", "arrears", CloseCause.DELINQUENCY)),
)  # fmt: skip
