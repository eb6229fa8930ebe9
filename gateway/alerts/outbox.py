"""One channel at work: reads the journal from its own cursor, sends what must be heard of, records what became of it.

A message is done when a row says so (`alert.sent`, `alert.given_up`); only then may the cursor pass it. So a restart
reads from the cursor, leaves out what those rows name, and lets the rest wait as after a try that failed. A crash
between sending and the row sends once more: better a message twice than a cut without notice. An e-mail then has the
same Message-ID; an SMS comes twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from gateway.alerts import words
from gateway.alerts.channel import REASON_MAX_CHARS, SEND_MAX_S, Channel, Later, Message, Never, Result, Sent
from gateway.alerts.occasions import EXPIRED, GIVEN_UP, SENT, UNDELIVERED, Began, Occasion, Outcome, read, running_ms
from gateway.alerts.queue import DAY_MS, Job, Limits, Queue
from gateway.alerts.recipients import Recipient, mask
from gateway.clock import Clock
from gateway.config.messages import Messages
from gateway.config.settings import UtilityTable
from gateway.config.telling import contact
from gateway.prepayment.account import Account
from gateway.store import Store
from gateway.teller import Teller

BATCH = 100
RECALLED_MAX_ROWS = 4_000
"""So far back what was sent is looked for; more than any gateway writes in a day."""
BEHIND_MAX_ROWS = 20_000
"""A channel that is further behind than this begins so far back and not at its cursor."""
CURSOR_STEP_ROWS = 200
"""The cursor moves in steps: it only saves reading, and each move is a write to flash."""
LOOK_S = 60.0
DELIVERED, FAILED = "delivered", "failed"
"""What a status report may say, besides that nobody knows."""
REPORTS_MAX = 64

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Shared:
    """What every channel shares."""

    gateway_id: str
    store: Store
    teller: Teller
    clock: Clock
    utility: UtilityTable
    messages: Mapping[str, Messages]


class Outbox:
    """The queue of one channel and the task that empties it."""

    def __init__(self, channel: Channel, shared: Shared, recipients: Sequence[Recipient], limits: Limits) -> None:
        self.channel = channel
        self.queue = Queue(limits, shared.teller.account)
        self.recipients = recipients
        self.last = ""
        """What became of the latest attempt: "sent", or the reason why not; "" before the first."""
        self._shared = shared
        self._grown = asyncio.Event()
        self._failed: list[str] = []
        self._read_seq = 0
        self._kept_seq = 0
        self._born_seq = shared.store.head.seq

    @property
    def cursor(self) -> str:
        """Its name in the store's table."""
        return f"alerts.{self.channel.name}"

    @property
    def behind_rows(self) -> int:
        """How many rows of the journal it has not read yet."""
        return self._shared.store.head.seq - self._read_seq

    def reported(self, message_id: str, fate: str) -> None:
        """The network says what became of a message it had taken; never blocks. Only what failed is worth a row."""
        self.queue.counts.delivered += fate == DELIVERED
        if fate == FAILED and len(self._failed) < REPORTS_MAX:
            self._failed.append(message_id)
            self._grown.set()

    def wake(self) -> None:
        """The journal has grown; never blocks."""
        self._grown.set()

    async def run(self) -> None:
        """Until cancelled. An error of the store ends it, and nothing that a channel does."""
        await self._begin()
        try:
            while True:
                self._grown.clear()
                await self._catch_up()
                now = self._shared.clock.now()
                self.queue.tidy(now)
                await self._tell_expired()
                await self._tell_failed()
                job = self.queue.next(now)
                if job is not None:
                    await self._deliver(job)
                    continue
                await self._keep_cursor()
                await self._wait()
        finally:
            await self.channel.close()

    async def _begin(self) -> None:
        """From the cursor; a channel that is new begins with what is told from now on."""
        store = self._shared.store
        kept, head = await store.cursor(self.cursor), store.head.seq
        if not kept or kept > head:  # never used before, or a journal that began anew
            kept = self._born_seq
            await store.move_own_cursor(self.cursor, kept)
        if head - kept > BEHIND_MAX_ROWS:
            skipped = head - BEHIND_MAX_ROWS - kept
            kept = head - BEHIND_MAX_ROWS
            await self._note(EXPIRED, "", ("rows", skipped), ("through", kept))
        self._read_seq = self._kept_seq = kept
        await self._recall(head)

    async def _recall(self, head: int) -> None:
        """The rates count what earlier runs sent: else each restart would allow another day's worth."""
        now_ms, found = self._shared.clock.now().running_ms, list[tuple[int, str]]()
        for before in range(head, max(0, head - RECALLED_MAX_ROWS), -BATCH):
            rows = await self._shared.store.rows_after(max(0, before - BATCH), min(BATCH, before))
            ages_ms = [now_ms - at_ms for row in rows if (at_ms := running_ms(row)) is not None]
            sent = [one for one in map(read, rows) if isinstance(one, Outcome) and one.sent]
            found += [
                (one.running_ms, f"{one.account_id} {one.recipient}")
                for one in sent
                if one.channel == self.channel.name and now_ms - one.running_ms < DAY_MS
            ]
            if ages_ms and min(ages_ms) >= DAY_MS:
                break
        self.queue.recalled(found)

    async def _catch_up(self) -> None:
        """Read all that is new; what was told long ago is dropped before anything is sent."""
        while rows := await self._shared.store.rows_after(self._read_seq, BATCH):
            for row in rows:
                self._read_seq = row.seq
                match read(row):
                    case Occasion() as occasion:
                        told = [one for one in self.recipients if one.account_id == occasion.account_id]
                        self.queue.add(occasion, told)
                    case Outcome(channel=self.channel.name, seq=seq, recipient=recipient):
                        self.queue.done(seq, recipient)
                    case Began():
                        self.queue.restarted(self._shared.clock.now())
                    case _:
                        pass

    async def _deliver(self, job: Job) -> None:
        """One attempt, and what it means."""
        shared, now = self._shared, self._shared.clock.now()
        if job.tries and self.queue.too_old(job, now):
            await self._give_up(job, job.reason)
            return
        account = shared.teller.account(job.occasion.account_id)
        assert account is not None, "tidied before"
        result = await self._send(self._message(job, account))
        now = shared.clock.now()
        match result:
            case Sent(reference):
                self.queue.counted(job.recipient, now)
                await self._finish(job, SENT, ("reference", reference[:40]))
                self.queue.counts.sent += 1
                self.last = "sent"
            case Later(reason, may_have_gone):
                self.last = reason
                if may_have_gone:
                    self.queue.counted(job.recipient, now)
                if may_have_gone and job.unsure:
                    await self._give_up(job, "unconfirmed")
                else:
                    self.queue.later(job, now, reason, unsure=may_have_gone)
                    log.warning("alert.not_sent", channel=self.channel.name, row=job.occasion.seq, reason=reason)
            case Never(reason):
                self.last = reason
                await self._give_up(job, reason)

    async def _send(self, message: Message) -> Result:
        """What the channel says, without a trace of whom it was for."""
        try:
            async with asyncio.timeout(SEND_MAX_S):
                result = await self.channel.send(message)
        except TimeoutError:
            return Later("the channel did not come back in time", may_have_gone=True)
        match result:
            case Later(reason, may_have_gone):
                return Later(_scrubbed(reason, message), may_have_gone)
            case Never(reason):
                return Never(_scrubbed(reason, message))
            case _:
                return result

    def _message(self, job: Job, account: Account) -> Message:
        shared, occasion, recipient = self._shared, job.occasion, job.recipient
        messages = shared.messages[recipient.language]
        whom = contact(shared.utility, account.policy.policy_id)
        name, text = words.text_for(occasion, account, messages)
        known = words.facts(occasion, account, whom, messages)
        message_id = f"alert.{shared.gateway_id}.{occasion.seq}.{occasion.mark}.{recipient.number}"
        if self.channel.name == "sms":
            return Message(message_id, recipient.to, "", words.sms(text, known))
        subject, body = words.email(name, text, known, whom, messages)
        return Message(message_id, recipient.to, subject, body)

    async def _give_up(self, job: Job, reason: str) -> None:
        self.queue.counts.given_up += 1
        log.error("alert.given_up", channel=self.channel.name, row=job.occasion.seq, reason=reason)
        await self._finish(job, GIVEN_UP, ("reason", reason))

    async def _finish(self, job: Job, what: str, *detail: tuple[str, str | int]) -> None:
        """On record first, out of the queue then; the cursor follows by itself."""
        occasion = job.occasion
        told = (("template", occasion.message), ("row", occasion.seq), ("recipient", job.recipient.key))
        await self._note(what, occasion.account_id, *told, ("tries", job.tries + 1), *detail)
        self.queue.done(occasion.seq, job.recipient.key)

    async def _tell_expired(self) -> None:
        """One row for all that became too old: the order of weeks without a channel."""
        gone = self.queue.expired
        if gone:
            log.warning("alert.expired", channel=self.channel.name, messages=len(gone))
            await self._note(EXPIRED, "", ("messages", len(gone)), ("first", min(gone)), ("through", max(gone)))
            gone.clear()

    async def _tell_failed(self) -> None:
        """Messages that were taken and did not arrive: nothing is tried again, but the head-end should know."""
        while self._failed:
            _, row, _, number = self._failed.pop(0).rsplit(".", 3)
            log.warning("alert.undelivered", channel=self.channel.name, row=int(row))
            await self._note(UNDELIVERED, "", ("row", int(row)), ("recipient", number))

    async def _note(self, what: str, account_id: str, *detail: tuple[str, str | int]) -> None:
        await self._shared.teller.note(what, (("channel", self.channel.name), *detail), account_id)

    async def _keep_cursor(self) -> None:
        oldest = self.queue.oldest_seq()
        reached = self._read_seq if oldest is None else min(oldest - 1, self._read_seq)
        if reached - self._kept_seq >= CURSOR_STEP_ROWS:
            self._kept_seq = reached
            await self._shared.store.move_own_cursor(self.cursor, reached)

    async def _wait(self) -> None:
        """Until the journal has grown or something may be due; a rung may change without a row of ours."""
        left_ms = self.queue.left_ms(self._shared.clock.now())
        if left_ms is None:
            await self._grown.wait()
            return
        pause_s = min(LOOK_S, max(left_ms / 1000, 0.05))
        waits = {
            asyncio.ensure_future(self._grown.wait()),
            asyncio.ensure_future(self._shared.clock.sleep(pause_s)),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


def _scrubbed(reason: str, message: Message) -> str:
    """One line, and never the address: servers repeat it in their answers."""
    clean = " ".join(reason.replace(message.to, mask(message.to)).split())
    return clean[:REASON_MAX_CHARS]
