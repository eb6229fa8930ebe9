"""Ending a rollback suspicion: what was signed before and may be forgotten goes first, then what the rows say.

A person decides that it is time: with two gateways of one identity a resync would not last (`headend branches`).
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import structs

from gateway.commands import Body, Command
from gateway.commands.agreement import AccountCloseBody, PowerSetBody
from gateway.commands.books import AccountResyncBody
from gateway.errors import ConfigError
from gateway.headend.payloads import VerdictMessage
from gateway.prepayment.events import CloseCause
from gateway.prepayment.supply import SupplyState
from gateway.reference.book import Content
from gateway.reference.branches import Branch
from gateway.reference.headend import SETTLED, HeadEnd
from gateway.reference.known import Known, Signed, position

_HANDED_OVER = ("", "account_exists", "account_closed")
"""The change of holder is done, now or long ago."""


def orders(content: Content, run: str, account_ids: Iterable[str]) -> list[tuple[Command, Body]]:
    """The commands that resync these accounts in the gateway's run, in order. Raises ConfigError for an unknown one."""
    chosen = tuple(account_ids)
    found = _contracts(content, chosen)
    for account_id in chosen:
        known = _owed(content, account_id).accounts.get(account_id)
        signed = content.signed.get(account_id, Signed())
        if known is None or signed.close is None or not _ends_after(known, signed):
            found += [(None, *order) for order in _resynced(content, run, account_id)]
            continue
        # Its end comes after its resync, and who came after could not begin before that.
        until = [*_resynced(content, run, account_id), (Command.ACCOUNT_CLOSE, signed.close)]
        at = next((n for n, (ms, _, _) in enumerate(found) if ms is None or ms > known.since_ms), len(found))
        found[at:at] = [(known.since_ms, *order) for order in until]
    return [(command, body) for _, command, body in found]


def _resynced(content: Content, run: str, account_id: str) -> list[tuple[Command, Body]]:
    """Its resync, after the settings that are in force."""
    trail, owed = content.trail, _owed(content, account_id)
    known, signed = owed.accounts.get(account_id), content.signed.get(account_id, Signed())
    if known is None or known.state is None:
        currency = next((o.accounts[account_id].currency for o in trail.others if account_id in o.accounts), "")
        if not currency:
            hint = "the book has seen " + (", ".join(sorted(accounts(content))) or "none")
            raise ConfigError(f"account {account_id} was never seen", hint=hint)
        nothing = AccountResyncBody(account_id, run, owed.epoch, owed.seq, owed.head, currency)
        return [(Command.ACCOUNT_RESYNC, nothing)]
    found: list[tuple[Command, Body]] = [(Command.TARIFF_SET, tariff) for tariff in signed.tariffs]
    found += [(Command.POLICY_SET, signed.policy)] if signed.policy is not None else []
    power = signed.power if known.power_w is None else PowerSetBody(account_id, known.power_w)
    found += [(Command.POWER_SET, power)] if power is not None else []
    found += [(Command.POWER_SET, due) for due in signed.powers_due]
    found += [(Command.METER_REPLACE, signed.meter)] if signed.meter is not None else []
    stood = known.reopened() if _ends_after(known, signed) else known
    stands = position(stood, signed, owed.running_ms)
    body = AccountResyncBody(account_id, run, owed.epoch, owed.seq, owed.head, known.currency, stands)
    return [*found, (Command.ACCOUNT_RESYNC, body)]


def _owed(content: Content, account_id: str) -> Branch:
    trail = content.trail
    return trail.owed if trail.owed is not None and account_id in trail.owed.accounts else trail.main


def _contracts(content: Content, account_ids: Iterable[str]) -> list[tuple[int | None, Command, Body]]:
    """Contracts that ended, and those signed for after them, oldest first: an image may lack either (S2-02, S2-03)."""
    found: list[tuple[int | None, Command, Body]] = []
    for account_id in account_ids:
        known, signed = _owed(content, account_id).accounts.get(account_id), content.signed.get(account_id, Signed())
        if known is None:
            continue
        if signed.opening is not None:
            found.append((known.opened_ms, Command.ACCOUNT_OPEN, signed.opening))
        if known.rolled_over and signed.rollover is not None:
            again = structs.replace(signed.rollover, at=None)
            found.append((known.since_ms, Command.ACCOUNT_ROLLOVER, again))
        elif known.state is SupplyState.TERMINATED and not known.rolled_over and not _ends_after(known, signed):
            body = signed.close or AccountCloseBody(account_id, "ended before, as the rows say")
            found.append((known.since_ms, Command.ACCOUNT_CLOSE, body))
    return sorted(found, key=lambda one: one[0] or 0)


def _ends_after(known: Known, signed: Signed) -> bool:
    """An end for arrears is held against terms: it comes after the resync that brings back the day they count from."""
    close = signed.close
    ended = known.state is SupplyState.TERMINATED and known.before_end is not None
    return ended and close is not None and close.cause is CloseCause.DELINQUENCY


def accounts(content: Content) -> set[str]:
    """Every account the book has seen in any branch."""
    branches = (content.trail.main, *content.trail.others)
    return {account_id for branch in branches for account_id in branch.accounts}


async def resync(
    headend: HeadEnd, content: Content, account_ids: Iterable[str] = (), *, timeout_s: float = 10.0
) -> list[VerdictMessage]:
    """Send them; the verdicts on the resyncs. A setting the gateway still has is refused as stale, which is right.

    A change of holder that is refused (the meter was not read in this run yet) leaves that account out: try again.

    Raises NoAnswer, and ConfigError for an account nobody has seen.
    """
    await headend.until(lambda: headend.status is not None and headend.status.online, timeout_s)
    assert headend.status is not None
    chosen = tuple(account_ids) or tuple(sorted(accounts(content)))
    verdicts: list[VerdictMessage] = []
    waiting: set[str] = set()
    for command, body in orders(content, headend.status.epoch or "", chosen):
        account_id: str = getattr(body, "account_id", "")
        if account_id in waiting:
            continue  # the resync of the old holder, who is closed, would cut the new one off
        verdict = await headend.command(command, body, timeout_s=timeout_s)
        if command is Command.ACCOUNT_ROLLOVER and verdict.reason not in _HANDED_OVER:
            waiting.add(account_id)
            verdicts.append(verdict)
        unsettled = command is Command.ACCOUNT_CLOSE and verdict.status not in SETTLED
        if command is Command.ACCOUNT_RESYNC or (unsettled and verdict.reason != "account_closed"):
            verdicts.append(verdict)
    return verdicts
