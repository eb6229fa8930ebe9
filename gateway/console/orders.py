"""Orders that are given at the console: who gives them is on record before they are carried out.

    console.order (who, what) -> Teller.execute (entry, receipt) -> console.signed (a statement, where it matters)

The order's id is the gateway's own and begins with `console-`; its receipt and its rows have it.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from gateway.commands import Body, Command
from gateway.commands.claims import Name
from gateway.commands.order import at_console
from gateway.console.desk import Desk, Session
from gateway.documents.report import report
from gateway.errors import CommandRefused
from gateway.headend.payloads import plain
from gateway.prepayment.civil import instant
from gateway.prepayment.events import Detail
from gateway.prepayment.ledger import VerdictStatus
from gateway.prepayment.money import wire_money
from gateway.store import Answer

ISSUER = "console"
_NOT_EMPTY = r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x1f\x7f]*$(?!\n)"
Reason = Annotated[str, Meta(min_length=1, max_length=120, pattern=_NOT_EMPTY)]
"""Why: one line, not empty. Shorter than a label, because who gave the order may be put behind it."""
NewId = Name


class Ordered(Struct, frozen=True, omit_defaults=True):
    """What became of an order. `note` is what the books add to a plain yes (outside_window); `report` a signed file."""

    account: str
    command: str
    row: int
    note: str = ""
    detail: dict[str, str | int] = {}
    balance: str = ""
    currency: str = ""
    report_name: str = ""
    report: str = ""


async def carry_out(
    desk: Desk, session: Session, command: Command, body: Body, *, why: str = "", signed: Detail | None = None
) -> Ordered:
    """Carry out an order of this session's person. Raises CommandRefused with the books' reason, or busy.

    `signed`: it changes money or supply, so these facts are signed with the gateway's key when it is done.
    """
    account_id: str = getattr(body, "account_id", "")
    account = desk.teller.account(account_id)
    if command is not Command.LOCKOUT_SET or account is None or account.lockout is not None:
        desk.access.count_order()  # a first lock-out is never kept waiting: there are hands on the wires
    command_id = f"{ISSUER}-{desk.access.new_id()}"
    who: Detail = (("who", session.who), ("role", session.role.value), ("line", session.line))
    what: Detail = (("command", command.value), ("command_id", command_id), ("account", account_id))
    await desk.teller.note("console.order", (*who, *what, *((("reason", why),) if why else ())))
    order = at_console(command, body, issuer=ISSUER, command_id=command_id, at=desk.clock.now())
    answer = await desk.teller.execute(order)
    if answer.status is VerdictStatus.REFUSED:
        raise refusal_of(answer)
    if signed is None:
        return _done(answer)
    return await _signed(desk, answer, (*what, ("who", session.who), ("why", why), *signed))


def refusal_of(answer: Answer) -> CommandRefused:
    """The books' refusal; their lock-out is of the supply, and no lock on guessing."""
    reason = "supply_locked_out" if answer.reason == "locked_out" else answer.reason
    return CommandRefused(reason, **plain(answer.detail))


async def _signed(desk: Desk, answer: Answer, facts: Detail) -> Ordered:
    """Sign what was done, put the seal on record, and give the file."""
    gateway_id = desk.settings.gateway.id
    written = {**plain(facts), **plain(answer.detail), "row": answer.journal_seq, "done_at": instant(answer.at.utc_ms)}
    made = report(desk.device, gateway_id, answer.at, answer.command_id, written)
    await desk.teller.note("console.signed", (("command_id", answer.command_id), ("seal", made.seal.decode())))
    ((name, content),) = made.files.items()
    return _done(answer, name, content.decode())


def _done(answer: Answer, name: str = "", report_text: str = "") -> Ordered:
    return Ordered(
        answer.account_id,
        answer.command,
        answer.journal_seq,
        answer.reason,
        plain(answer.detail),
        "" if answer.balance_nano is None else wire_money(answer.balance_nano),
        answer.currency,
        name,
        report_text,
    )
