"""Ending a rollback suspicion: what was signed before and may be forgotten goes first, then what the rows say.

A person decides that it is time: with two gateways of one identity a resync would not last (`headend branches`).
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway.commands import Body, Command
from gateway.commands.agreement import PowerSetBody
from gateway.commands.books import AccountResyncBody
from gateway.errors import ConfigError
from gateway.headend.payloads import VerdictMessage
from gateway.reference.book import Content
from gateway.reference.headend import HeadEnd
from gateway.reference.known import Signed, position


def orders(content: Content, run: str, account_ids: Iterable[str]) -> list[tuple[Command, Body]]:
    """The commands that resync these accounts in the gateway's run, in order. Raises ConfigError for an unknown one."""
    trail = content.trail
    found: list[tuple[Command, Body]] = []
    for account_id in account_ids:
        owed = trail.owed if trail.owed is not None and account_id in trail.owed.accounts else trail.main
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


def accounts(content: Content) -> set[str]:
    """Every account the book has seen in any branch."""
    branches = (content.trail.main, *content.trail.others)
    return {account_id for branch in branches for account_id in branch.accounts}


async def resync(
    headend: HeadEnd, content: Content, account_ids: Iterable[str] = (), *, timeout_s: float = 10.0
) -> list[VerdictMessage]:
    """Send them; the verdicts on the resyncs. A setting the gateway still has is refused as stale, which is right.

    Raises NoAnswer, and ConfigError for an account nobody has seen.
    """
    await headend.until(lambda: headend.status is not None and headend.status.online, timeout_s)
    assert headend.status is not None
    chosen = tuple(account_ids) or tuple(sorted(accounts(content)))
    verdicts = []
    for command, body in orders(content, headend.status.epoch or "", chosen):
        verdict = await headend.command(command, body, timeout_s=timeout_s)
        if command is Command.ACCOUNT_RESYNC:
            verdicts.append(verdict)
    return verdicts
