"""What became of a request: `Taken` says how an accepted one changes the account; a `Verdict` changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.prepayment.account import Account
from gateway.prepayment.ladder import Rule
from gateway.prepayment.ledger import EntryKind, Record, Verdict, VerdictStatus

APPLIED = Verdict(VerdictStatus.APPLIED)
"""Nothing to add."""


@dataclass(frozen=True, slots=True)
class Taken:
    """An accepted request: how it changes the account, the entry it posts (if money moves) and a forced transition.

    `told` makes what else goes on record, of the account before and after; `opens` is an account that begins with it.
    """

    change: Callable[[Account], Account]
    verdict: Verdict = APPLIED
    kind: EntryKind | None = None
    reference: str = ""
    transition: Rule | None = None
    told: Callable[[Account, Account], tuple[Record, ...]] = lambda _before, _after: ()
    opens: Account | None = None


def refused(reason: str, **detail: str | int) -> Verdict:
    """A refusal with its reason code and what helps to correct it."""
    return Verdict(VerdictStatus.REFUSED, reason, tuple(detail.items()))
