"""Ending a rollback suspicion: what was signed before and may be forgotten goes first, then what the rows say.

A person decides that it is time: with two gateways of one identity a resync would not last (`headend branches`).
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import structs

from gateway.commands import Body, Command
from gateway.commands.agreement import PowerSetBody
from gateway.commands.books import AccountResyncBody
from gateway.commands.contract import AccountRolloverBody
from gateway.errors import ConfigError
from gateway.headend.payloads import VerdictMessage
from gateway.reference.book import Content
from gateway.reference.branches import Branch
from gateway.reference.headend import HeadEnd
from gateway.reference.known import Signed, position

_HANDED_OVER = ("", "account_exists", "account_closed")
"""The change of holder is done, now or long ago."""


def orders(content: Content, run: str, account_ids: Iterable[str]) -> list[tuple[Command, Body]]:
    """The commands that resync these accounts in the gateway's run, in order. Raises ConfigError for an unknown one."""
    trail = content.trail
    chosen = tuple(account_ids)
    found: list[tuple[Command, Body]] = [(Command.ACCOUNT_ROLLOVER, body) for body in _rollovers(content, chosen)]
    for account_id in chosen:
        owed = _owed(content, account_id)
        known = owed.accounts.get(account_id)
        signed = content.signed.get(account_id, Signed())
        if known is None or known.state is None:
            currency = next((o.accounts[account_id].currency for o in trail.others if account_id in o.accounts), "")
            if not currency:
                hint = "the book has seen " + (", ".join(sorted(accounts(content))) or "none")
                raise ConfigError(f"account {account_id} was never seen", hint=hint)
            body = AccountResyncBody(account_id, run, owed.epoch, owed.seq, owed.head, currency)
        else:
            found += [(Command.TARIFF_SET, tariff) for tariff in signed.tariffs]
            found += [(Command.POLICY_SET, signed.policy)] if signed.policy is not None else []
            power = signed.power if known.power_w is None else PowerSetBody(account_id, known.power_w)
            found += [(Command.POWER_SET, power)] if power is not None else []
            found += [(Command.POWER_SET, due) for due in signed.powers_due]
            found += [(Command.METER_REPLACE, signed.meter)] if signed.meter is not None else []
            stands = position(known, signed, owed.running_ms)
            body = AccountResyncBody(account_id, run, owed.epoch, owed.seq, owed.head, known.currency, stands)
        found.append((Command.ACCOUNT_RESYNC, body))
    return found


def _owed(content: Content, account_id: str) -> Branch:
    trail = content.trail
    return trail.owed if trail.owed is not None and account_id in trail.owed.accounts else trail.main


def _rollovers(content: Content, account_ids: Iterable[str]) -> list[AccountRolloverBody]:
    """The changes of holder that the rows tell, oldest first: an image that lacks one lacks the account of today."""
    found = []
    for account_id in account_ids:
        known, signed = _owed(content, account_id).accounts.get(account_id), content.signed.get(account_id)
        if known is not None and known.rolled_over and signed is not None and signed.rollover is not None:
            found.append((known.since_ms, structs.replace(signed.rollover, at=None)))
    return [body for _, body in sorted(found, key=lambda one: one[0])]


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
        if command is Command.ACCOUNT_RESYNC:
            verdicts.append(verdict)
    return verdicts
