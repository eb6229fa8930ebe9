"""The single writer: everything that changes an account passes here, one event at a time.

    apply (pure) -> commit -> replace in memory -> tell subscribers

An ordinary reading only moves the charge and stays in memory: if it is lost in a crash, the meter's register still has
it and the next reading charges it (decision 8). Whatever must be told is committed first. When a commit fails, nobody
knows what is stored: the error ends the process, and this object refuses to write anything after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from gateway.clock import Clock
from gateway.commands import Command, Order, ReadNow
from gateway.errors import CommandRefused, CommitUnknown
from gateway.prepayment.account import Account, Outcome, Start, Terms
from gateway.prepayment.agreement import NEW_ID, after, after_refusal, open_account
from gateway.prepayment.civil import QUARTER_MS
from gateway.prepayment.contract import Past, informed, known_at, past_asked
from gateway.prepayment.events import (
    AccountOpened,
    Confirmed,
    Contact,
    Detail,
    Moment,
    Restarted,
    Suspected,
    SuspicionCause,
)
from gateway.prepayment.fieldwork import frozen
from gateway.prepayment.intervals import Interval
from gateway.prepayment.ledger import Happening, Record, Verdict, VerdictStatus
from gateway.prepayment.operations import RolledOver
from gateway.prepayment.position import Resynced
from gateway.prepayment.rollback import given_up, suspicion_of
from gateway.prepayment.rollover import repeats
from gateway.prepayment.step import Event, apply, settle
from gateway.prepayment.supply import SupplyState
from gateway.prepayment.taken import refused
from gateway.store import JOURNAL, Answer, Attempt, Origin, Pace, Row, Store, legible

PRUNE_MS = 24 * 3_600_000
ATTEMPTS_MAX = 2
"""A command that has crashed the process this often is refused (decision 8)."""
OWN_SEQUENCE = frozenset({Command.TOP_UP, Command.TOP_UP_REVERSE, Command.POSTING})
"""Commands numbered by their account, which accepts them late and out of order (decision 4)."""

TermsOf = Callable[[Account | AccountOpened], Terms]
"""The installation at an account's delivery point; raises CommandRefused when there is no such meter."""
Told = Callable[[str, Account, Outcome], None]


class Teller:
    """All accounts of this gateway; build it with `open`."""

    def __init__(self, store: Store, clock: Clock, terms: TermsOf) -> None:
        self._store = store
        self._clock = clock
        self._terms_of = terms
        self._accounts: dict[str, Account] = {}
        self._serving: dict[str, str] = {}
        self._terms: dict[str, Terms] = {}
        self._dirty: set[str] = set()
        self._lock = asyncio.Lock()
        self._subscribers: list[Told] = []
        self._committed: list[Callable[[], None]] = []
        self._finished: list[tuple[str, Interval]] = []
        self._unknown = False
        self._pace = Pace(clock.now().running_ms)
        self._pruned_ms: int | None = None
        self._awaits = False
        self._known = True

    @classmethod
    async def open(cls, store: Store, clock: Clock, terms: TermsOf, *, awaits: bool = False) -> Teller:
        """Load the accounts, open this run's epoch and tell each account of the restart; raises StoreError.

        `awaits`: a head-end will say whether it has rows that this store does not (`confirm`, `suspect`).
        """
        teller = cls(store, clock, terms)
        at = clock.now()
        teller._awaits = awaits
        teller._known = await store.cursor(JOURNAL) > 0
        records: list[Record] = []
        for account in await store.accounts():
            outcome = apply(account, Restarted(at, awaits, teller._known), terms(account))
            records.extend(outcome.records)
            if store.restored:
                outcome = apply(outcome.account, Suspected(at, SuspicionCause.BACKUP), terms(account))
                records.extend(outcome.records)
            teller._keep(outcome.account)
        await store.open_epoch(at)
        await teller._commit(None, at, everything=True, more=records)
        return teller

    @property
    def accounts(self) -> Mapping[str, Account]:
        """Every account as it is now; read only."""
        return MappingProxyType(self._accounts)

    def account(self, account_id: str) -> Account | None:
        """The account as it is now; None while it is not open."""
        return self._accounts.get(account_id)

    def account_of_meter(self, meter_id: str) -> Account | None:
        """The account this meter serves: the open one, else the one closed last; None if it never served any."""
        account_id = self._serving.get(meter_id)
        return None if account_id is None else self._accounts[account_id]

    def terms(self, account_id: str) -> Terms:
        """The installation at the account's delivery point; KeyError for an unknown account."""
        return self._terms[account_id]

    def subscribe(self, callback: Told) -> None:
        """Call it with id, account and outcome after each event, once committed if it had to be; must not block."""
        self._subscribers.append(callback)

    def subscribe_committed(self, callback: Callable[[], None]) -> None:
        """Call it whenever the journal or the interval table has grown; must not block."""
        self._committed.append(callback)

    async def post(self, account_id: str, event: Event) -> Outcome:
        """Apply one event; returns after the commit, if one is needed. KeyError for an unknown account.

        Raises CommitUnknown. Cancelled during a commit, it lets the commit end before it gives way.
        """
        async with self._lock:
            account = self._accounts[account_id]
            outcome = apply(account, event, self._terms[account_id])
            due = self._pace.due(event.at.running_ms, len(self._finished))
            if due or outcome.records:
                await self._commit(outcome, event.at, everything=due)
                if due:
                    await self._tidy(event.at)
                return outcome
            if self._unknown:
                raise _unknown_refusal()
            if outcome.account is not account:
                self._accounts[account_id] = outcome.account
                self._dirty.add(account_id)
            if outcome.intervals:
                if not self._finished:
                    self._pace.finished(event.at.running_ms)
                self._finished += [(account_id, interval) for interval in outcome.intervals]
            self._tell(outcome)
            return outcome

    async def execute(self, order: Order) -> Answer:
        """Carry out a verified command, once: a repeat gets the stored answer. Raises CommitUnknown.

        Refusals: crashed_before, out_of_sequence, unknown_account, account_exists, meter_in_use, those of
        `Order.event` and those of the account itself.
        """
        own_sequence = order.present or order.command in OWN_SEQUENCE
        origin = Origin(order.issuer, order.command_id, order.sequence, own_sequence)
        async with self._lock:
            if self._unknown:
                raise _unknown_refusal()
            at = self._clock.now()
            known = await self._store.attempt(origin, attempts_max=ATTEMPTS_MAX)
            if known.answer is not None:
                return known.answer
            decided = await self._decide(order, origin, known, at)
            outcome = decided if isinstance(decided, Outcome) else None
            verdict = decided if isinstance(decided, Verdict) else decided.verdict
            assert verdict is not None, f"{order.command}: the account gave no verdict"
            account = self._accounts.get(order.account_id) if outcome is None else outcome.account
            answer = Answer(
                at=at,
                account_id=order.account_id,
                command_id=order.command_id,
                command=order.command.value,
                sequence=order.sequence,
                status=verdict.status,
                reason=str(verdict.reason),
                detail=verdict.detail,
                balance_nano=None if account is None else account.balance_nano,
                currency="" if account is None else account.currency,
            )
            rows = await self._commit(outcome, at, command=(origin, answer))
            return replace(answer, journal_seq=rows[-1].seq)

    async def open_account(self, event: AccountOpened) -> Verdict:
        """Open an account that a file seeds (the first boot); a signed one comes through `execute`."""
        async with self._lock:
            opened = self._opened(event)
            if isinstance(opened, Verdict):
                return opened
            await self._commit(opened, event.at)
            return opened.verdict or Verdict(VerdictStatus.APPLIED)

    async def contact(self, at: Moment) -> None:
        """The head-end proved that it is there: every account learns it, in memory."""
        for account_id in tuple(self._accounts):
            await self.post(account_id, Contact(at))

    async def confirm(self) -> None:
        """The head-end proved in this run that it has no row which this store does not have."""
        self._awaits = False
        self._known = await self._store.cursor(JOURNAL) > 0
        for account_id, account in tuple(self._accounts.items()):
            if account.start is not None or account.suspicion is not None or account.withheld_nano:
                await self.post(account_id, Confirmed(self._clock.now()))

    async def suspect(self, epoch: str, seq: int) -> bool:
        """The head-end has a row that this store does not: an old image, a clone (threats 3, 4). True: it is news."""
        cause, news = SuspicionCause.FORK if self._known else SuspicionCause.LOST, False
        for account_id in tuple(self._accounts):
            news |= bool((await self.post(account_id, Suspected(self._clock.now(), cause, epoch, seq))).records)
        return news

    async def note(self, what: str, detail: Detail = (), account_id: str = "") -> None:
        """Put something on record that changes nothing (a clock step, junk counted), of the gateway or an account."""
        async with self._lock:
            at = self._clock.now()
            await self._commit(None, at, more=(Happening(at, account_id, what, detail),))

    async def checkpoint(self) -> None:
        """Save what is only in memory."""
        async with self._lock:
            at = self._clock.now()
            await self._commit(None, at, everything=True)
            await self._tidy(at)

    async def close(self) -> None:
        """Settle and save everything; the store stays open. Does nothing after a failed commit."""
        async with self._lock:
            if self._unknown:
                return
            at = self._clock.now()
            settled = [settle(account, at) for account in self._accounts.values()]
            for outcome in settled:
                self._keep(outcome.account)
            await self._commit(None, at, everything=True, more=[record for out in settled for record in out.records])
            self._unknown = True

    async def _decide(self, order: Order, origin: Origin, known: Attempt, at: Moment) -> Outcome | Verdict:
        """Carry out what an order asks for, in memory's copy only."""
        if known.attempts >= ATTEMPTS_MAX:
            return refused("crashed_before", attempts=known.attempts)
        if not known.in_order(origin):
            return refused("out_of_sequence", last_sequence=known.last_sequence)
        account = self._accounts.get(order.account_id)
        try:
            event = order.event(at)
            if isinstance(event, Past) and account is not None:
                event = await self._informed(account, event)
        except CommandRefused as refusal:
            return refused(refusal.reason, **refusal.detail)
        if isinstance(event, AccountOpened):
            return self._opened(event)
        if account is None:
            return refused("unknown_account", account_id=order.account_id)
        if isinstance(event, Resynced) and event.run != self._store.epoch:
            return refused("stale_command", run=self._store.epoch)
        if isinstance(event, ReadNow):
            return Outcome(account, verdict=Verdict(VerdictStatus.APPLIED))
        if isinstance(event, RolledOver) and self._named(event.to.account_id) and not repeats(account, event):
            return refused("account_exists", hint=NEW_ID)
        return apply(account, event, self._terms[order.account_id])

    async def _informed(self, account: Account, event: Past) -> Past:
        """The event with what the quarter-hours, stored or about to be, say of the instants it asks about."""
        waiting = [interval for owner, interval in self._finished if owner == account.account_id]
        known = []
        for utc_ms in past_asked(account, event):
            with legible():
                stored, oldest_utc_ms = await self._store.intervals_since(account.account_id, utc_ms - QUARTER_MS)
            known.append(known_at(account, utc_ms, (*stored, *waiting), oldest_utc_ms))
        return informed(event, known) if known else event

    def _named(self, account_id: str) -> bool:
        """An account has this id, or will."""
        due = (account.agenda.rollover_due for account in self._accounts.values())
        return account_id in self._accounts or any(one is not None and one.to.account_id == account_id for one in due)

    def _opened(self, event: AccountOpened) -> Outcome | Verdict:
        if self._named(event.account_id):
            return refused("account_exists", hint=NEW_ID)
        other = self.account_of_meter(event.meter_id)
        if (refusal := after_refusal(event, other)) is not None:
            return refusal
        try:
            terms = self._terms_of(event)
        except CommandRefused as unfit:
            return refused(unfit.reason, **unfit.detail)
        opened = open_account(event, terms)
        if isinstance(opened, Outcome) and other is not None:
            opened = replace(opened, account=after(opened.account, other))
        if isinstance(opened, Outcome):
            # It shares the books with the others, and what is not known of these.
            start = Start(event.at.running_ms, self._known) if self._awaits else None
            suspicion, _ = suspicion_of(self._accounts.values())
            lost = given_up(epoch for account in self._accounts.values() for epoch in account.lost_epochs)
            account = replace(opened.account, start=start, suspicion=suspicion, lost_epochs=lost)
            opened = replace(opened, account=account)
        return opened

    async def _commit(
        self,
        outcome: Outcome | None,
        at: Moment,
        *,
        everything: bool = False,
        more: Iterable[Record] = (),
        command: tuple[Origin, Answer] | None = None,
    ) -> list[Row]:
        """The one way to the store, with the lock held. Once begun it is seen through: a cancelled caller waits."""
        if self._unknown:
            raise _unknown_refusal()
        changed = [] if outcome is None else [one for one in (outcome.account, outcome.opened) if one is not None]
        others = [self._accounts[account_id] for account_id in self._dirty] if everything else []
        saved = {account.account_id: account for account in (*others, *changed)}
        finished = [] if outcome is None else [(outcome.account.account_id, interval) for interval in outcome.intervals]
        # A snapshot knows which quarter-hours it has given out: they are stored with it, never after it.
        finished = [waiting for waiting in self._finished if waiting[0] in saved] + finished
        records = [*(() if outcome is None else outcome.records), *more]
        self._unknown = True
        commit = asyncio.ensure_future(
            self._store.commit(at=at, accounts=saved.values(), records=records, intervals=finished, command=command)
        )
        cancelled = await _ended(commit)
        rows = commit.result()
        self._unknown = False
        for account in changed:
            self._keep(account)
        self._dirty.difference_update(saved)
        self._finished = [waiting for waiting in self._finished if waiting[0] not in saved]
        if everything:
            self._pace.saved(at.running_ms)
        if outcome is not None:
            self._tell(outcome)
        if rows or finished:
            for callback in self._committed:
                callback()
        if cancelled is not None:
            raise cancelled
        return rows

    async def _tidy(self, at: Moment) -> None:
        """Now and then: a short log, no quarter-hours past their retention."""
        if self._pruned_ms is None or at.running_ms - self._pruned_ms >= PRUNE_MS:
            await self._store.prune_intervals(at, frozen(self._accounts.values()))
            self._pruned_ms = at.running_ms
        await self._store.checkpoint()

    def _keep(self, account: Account) -> None:
        """Replace an account in memory; a new policy may mean other terms."""
        known = self._accounts.get(account.account_id)
        self._accounts[account.account_id] = account
        self._dirty.add(account.account_id)
        if known is None or _closed(account):
            self._serve(account.meter_id)
        if known is None or known.policy is not account.policy:
            self._terms[account.account_id] = self._terms_of(account)

    def _serve(self, meter_id: str) -> None:
        """Settle whom this meter serves now; polls ask several times each."""
        found = [account for account in self._accounts.values() if account.meter_id == meter_id]
        self._serving[meter_id] = max(found, key=lambda a: (not _closed(a), a.opened.running_ms)).account_id

    def _tell(self, outcome: Outcome) -> None:
        for callback in self._subscribers:
            callback(outcome.account.account_id, outcome.account, outcome)


async def _ended(task: asyncio.Future[list[Row]]) -> asyncio.CancelledError | None:
    """Wait for the end of a task that must not be abandoned; gives the cancellation that arrived meanwhile."""
    cancelled = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    return cancelled


def _closed(account: Account) -> bool:
    return account.supply.state is SupplyState.TERMINATED


def _unknown_refusal() -> CommitUnknown:
    return CommitUnknown(
        "an earlier commit did not come back, or the books are closed; start again to see what is stored"
    )
