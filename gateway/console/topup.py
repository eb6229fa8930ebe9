"""Entering a top-up at the gateway: a code of 40 digits, or the signed envelope itself. Nobody need log in for it.

Both prove themselves, by the service key's tag or by a signature, and both end in `Teller.execute`, where the account's
own sequence makes them count once (decision 4). Only a code that credits something is no failure for the lock on codes:
a wrong one, one that was used, and one the books refuse each cost the attempt, so that nobody can try, or write rows,
without end. A slip that a check digit shows costs nothing.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from gateway.commands import MAX_TOKEN_BYTES, Command
from gateway.commands.credit import BY_CODE, TopUpCodeBody
from gateway.commands.creditcode import TEXT_MAX, Credit, Place, scheme_of
from gateway.commands.order import at_console
from gateway.console.access import LockName
from gateway.console.desk import Action, Desk, Id, Session
from gateway.console.orders import refusal_of
from gateway.console.servicekey import Use
from gateway.console.wire import Role
from gateway.errors import CommandRefused
from gateway.prepayment.account import Account
from gateway.prepayment.ledger import VerdictStatus
from gateway.prepayment.money import wire_money
from gateway.prepayment.supply import SupplyState
from gateway.store import Answer

FOR_ANYBODY = frozenset({Command.TOP_UP})
"""What somebody who has not logged in may bring in an envelope; a technician may bring whatever was signed."""


class CodeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The digits as they were read out; `account` may be left out where the gateway has only one."""

    code: Annotated[str, Meta(max_length=TEXT_MAX)]
    account: Id = ""


class EnvelopeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A compact JWS as it was pasted, or read from a file by the terminal."""

    token: Annotated[str, Meta(max_length=MAX_TOKEN_BYTES)]


class Done(Struct, frozen=True, omit_defaults=True):
    """What became of it, and how the account stands now. `repeated`: it was carried out before, not again."""

    command: str
    status: VerdictStatus
    repeated: bool
    row: int
    account: str = ""
    credited: str = ""
    balance: str = ""
    currency: str = ""
    state: SupplyState | None = None


async def _code(desk: Desk, session: Session, body: CodeBody) -> Done:
    scheme_of(body.code).check(body.code)  # a slip is told before anything is judged
    account = _meant(desk, body.account)
    key = await desk.access.key(Use.CREDIT)
    answers: list[Answer] = []

    async def judge() -> bool:
        credit = None if account is None else _decoded(key, desk, account, body.code)
        if account is not None and credit is not None:
            answers.append(await _book(desk, account, credit))
        return bool(answers) and answers[0].status is VerdictStatus.APPLIED

    await desk.access.attempt(LockName.CREDIT, session, judge)
    if not answers:
        raise CommandRefused("code_not_genuine", minutes=await desk.access.wait_min(LockName.CREDIT))
    return _done(desk, answers[0])


async def _envelope(desk: Desk, session: Session, body: EnvelopeBody) -> Done:
    only = None if session.role.allows(Role.TECHNICIAN) else FOR_ANYBODY
    return _done(desk, await desk.headend.present(body.token.encode(), only))


def _meant(desk: Desk, account_id: str) -> Account | None:
    """The account that is named, else the only open one. An unknown name is answered like a wrong code."""
    if account_id:
        return desk.teller.account(account_id)
    accounts = [one for one in desk.teller.accounts.values() if one.supply.state is not SupplyState.TERMINATED]
    if len(accounts) != 1:
        raise CommandRefused("which_account", accounts=len(accounts))
    return accounts[0]


def _decoded(key: bytes, desk: Desk, account: Account, code: str) -> Credit | None:
    place = Place(desk.settings.gateway.id, account.account_id, account.currency)
    try:
        return scheme_of(code).decode(key, place, code)
    except CommandRefused:
        return None


async def _book(desk: Desk, account: Account, credit: Credit) -> Answer:
    """An id of its own for each entry: what the books refuse today they may take tomorrow."""
    body = TopUpCodeBody(account.account_id, credit.sequence, wire_money(credit.total_nano), account.currency)
    command_id = f"{BY_CODE}-{credit.sequence}-{desk.access.new_id()}"
    order = at_console(Command.TOP_UP, body, issuer=BY_CODE, command_id=command_id, at=desk.clock.now())
    return await desk.teller.execute(order)


def _done(desk: Desk, answer: Answer) -> Done:
    """Raises CommandRefused with the books' own reason when they refused it."""
    if answer.status is VerdictStatus.REFUSED:
        raise refusal_of(answer)
    account = desk.teller.account(answer.account_id)
    shown = Done(answer.command, answer.status, answer.duplicate, answer.journal_seq, answer.account_id)
    if account is None:
        return shown
    return replace(
        shown,
        credited=_credited(answer),
        balance=wire_money(account.balance_nano),
        currency=account.currency,
        state=account.supply.state,
    )


def _credited(answer: Answer) -> str:
    """What this one added: nothing, when it was there before or was no money."""
    found = dict(answer.detail).get("credited_nano", 0)
    return wire_money(0 if answer.duplicate else int(found))


ACTIONS = (
    Action("topup.code", Role.NOBODY, _code, CodeBody),
    Action("topup.envelope", Role.NOBODY, _envelope, EnvelopeBody),
)
