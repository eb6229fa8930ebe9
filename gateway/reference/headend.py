"""A small head-end as an object: connects, answers the time, checks and acknowledges rows, sends signed commands.

    async with HeadEnd(broker, "gw-1", signer, Book(path)) as headend:
        verdict = await headend.topup("CH-0001", "20.00", "CHF")

It is the other side of the contract for the demonstration, for tests and for an operator's command line.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import msgspec

from gateway.commands import Body, Command
from gateway.commands.credit import TopUpBody
from gateway.commands.kinds import HURTFUL
from gateway.commands.link import AckBody, ResendBody, TimeBody
from gateway.errors import GatewayError, LinkError
from gateway.headend.connection import MqttLink
from gateway.headend.link import Broker, Inbound
from gateway.headend.payloads import DocumentPart, Live, Status, TimeAsk, VerdictMessage
from gateway.headend.topics import Topics
from gateway.prepayment.money import parse_money, wire_money
from gateway.reference.book import Book, Pending, Place, Total
from gateway.reference.branches import Branches, two_alive
from gateway.reference.chain import Chain, Checked, Taken
from gateway.reference.codes import further, never_made
from gateway.reference.known import Signed
from gateway.reference.quarters import Quarters
from gateway.reference.sign import Signer

ANSWER_WITHIN_S = 10.0
ACK_AFTER_S = 0.2
RESEND_AGAIN_S = 2.0
ROWS_MAX = 10_000
DOCUMENT_MAX_BYTES = 128 * 1024
"""What a part of a document stays below (docs/documents.md); everything else that a gateway says is smaller."""
SETTLED = ("applied", "already_included")
SETTLING = frozenset(
    {
        Command.HOLD_SET,
        Command.HOLD_RELEASE,
        Command.LOCKOUT_SET,
        Command.LOCKOUT_RELEASE,
        Command.TARIFF_SET,
        Command.POLICY_SET,
        Command.POWER_SET,
        Command.METER_REPLACE,
        Command.ACCOUNT_ROLLOVER,
        Command.ACCOUNT_OPEN,
        Command.ACCOUNT_CLOSE,
        Command.ARREARS_NOTICE,
        Command.ARREARS_PAID,
        Command.OUTAGE_PLAN,
        Command.OUTAGE_CANCEL,
    }
)
"""What stays in force and an old image may have forgotten."""


class NoAnswer(GatewayError):
    """The gateway gave no verdict, or no status, in time; it may still carry the command out."""


class HeadEnd:
    """One gateway's head-end. `rows` are the checked rows so far, `live` and `status` the latest messages."""

    def __init__(  # noqa: PLR0913 - an operator's tool has many knobs
        self,
        broker: Broker,
        gateway_id: str,
        signer: Signer,
        book: Book,
        *,
        follow: bool = True,
        acknowledge: bool = True,
        on_row: Callable[[Checked], None] = lambda _: None,
        on_live: Callable[[Live], None] = lambda _: None,
        on_trouble: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.topics = Topics(gateway_id)
        self.status: Status | None = None
        self.live: dict[str, Live] = {}
        self.rows: list[Checked] = []
        self.intervals: list[dict[str, Any]] = []
        self.trouble = ""
        self.on_document: Callable[[DocumentPart], None] = lambda _: None
        self._gateway_id = gateway_id
        self._signer = signer
        self.book = book
        self._acknowledges = follow and acknowledge
        self._on_row = on_row
        self._on_live = on_live
        self._on_trouble = on_trouble
        topics = self.topics.outbound if follow else (self.topics.status, self.topics.verdict)
        broker = replace(broker, inbound_max_bytes=DOCUMENT_MAX_BYTES)
        self.link = MqttLink(broker, topics, sleep=asyncio.sleep, on_trouble=self._lost, backoff_s=(0.2, 10.0))
        self._waiting: dict[str, asyncio.Future[VerdictMessage]] = {}
        self._changed = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []
        content = book.read()
        self._branches = Branches(content.trail)
        self._quarters = Quarters(content.place.interval_number)
        self._resend_asked_s = 0.0
        self._resend_to = 0
        self._news = asyncio.Event()

    @property
    def _chain(self) -> Chain:
        """The branch that is followed."""
        return self._branches.main

    async def __aenter__(self) -> Self:
        """Start; returns at once, `connected` waits."""
        parts: list[Awaitable[None]] = [self.link.run(), self._receive()]
        if self._acknowledges:
            parts.append(self._acknowledge())
        self._tasks = [asyncio.ensure_future(part) for part in parts]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect. An error of a background task is raised here."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def connected(self, timeout_s: float = ANSWER_WITHIN_S) -> None:
        """Wait for the broker. Raises NoAnswer."""
        try:
            await asyncio.wait_for(self.link.connected(), timeout_s)
        except TimeoutError as error:
            raise NoAnswer(f"no connection to the broker within {timeout_s:g} s; not sent yet") from error

    async def until(self, what: Callable[[], object], timeout_s: float = ANSWER_WITHIN_S) -> None:
        """Wait until something that arrives makes `what()` true. Raises NoAnswer."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                await self._changed.wait_for(lambda: bool(what()))
        except TimeoutError as error:
            raise NoAnswer("what was waited for did not arrive in time") from error

    async def topup(
        self,
        account_id: str,
        amount: str,
        currency: str,
        *,
        channel: str = "reference",
        timeout_s: float = ANSWER_WITHIN_S,
    ) -> VerdictMessage:
        """Sell credit: the account's next sequence and lifetime total. Raises NoAnswer; then it is sent again first."""
        await self.settle(account_id, timeout_s=timeout_s)
        with self.book.change() as content:
            before = content.topups.get(account_id, Total())
            after = Total(before.sequence + 1, before.total_nano + parse_money(amount))
            body = TopUpBody(account_id, after.sequence, amount, wire_money(after.total_nano), currency, channel)
            sequence = content.sequence = max(content.sequence + 1, _now_ms())
            jti, token = self.sign(Command.TOP_UP, body, sequence=sequence)
            content.pending[account_id] = Pending(jti, token.decode(), after)
        return await self.settle(account_id, timeout_s=timeout_s) or _nothing(jti)

    def unanswered_nano(self, account_id: str) -> int | None:
        """The amount of a sale that got no verdict yet; it may have been credited all the same."""
        content = self.book.read()
        pending = content.pending.get(account_id)
        if pending is None:
            return None
        return pending.after.total_nano - content.topups.get(account_id, Total()).total_nano

    async def settle(self, account_id: str, *, timeout_s: float = ANSWER_WITHIN_S) -> VerdictMessage | None:
        """Send an unanswered sale again, the same token; None when there is none. Raises NoAnswer."""
        pending = self.book.read().pending.get(account_id)
        if pending is None:
            return None
        verdict = await self.send_token(pending.jti, pending.token.encode(), timeout_s=timeout_s)
        with self.book.change() as content:
            content.pending.pop(account_id, None)
            if verdict.status in SETTLED:
                further(content, account_id, pending.after)
        return verdict

    async def command(self, command: Command, body: Body, *, timeout_s: float = ANSWER_WITHIN_S) -> VerdictMessage:
        """Sign, send, wait for the verdict; with the gateway's challenge where one is needed. Raises NoAnswer."""
        if command in HURTFUL:
            await self.until(lambda: self.status is not None and self.status.challenge, timeout_s)
        jti, token = self.sign(command, body)
        verdict = await self.send_token(jti, token, timeout_s=timeout_s)
        account_id: str = getattr(body, "account_id", "")
        if verdict.status == "applied" and account_id and command in SETTLING:
            with self.book.change() as content:
                content.signed.setdefault(account_id, Signed()).take(body)
        return verdict

    def sign(
        self, command: Command, body: Body, *, sequence: int | None = None, challenge: str | None = None
    ) -> tuple[str, bytes]:
        """The command's id and token; the challenge is the one in the status unless given."""
        known = self.status.challenge if self.status is not None and command in HURTFUL else None
        return self._signer.sign(
            command,
            body,
            gateway_id=self._gateway_id,
            sequence=sequence or self.book.next_sequence(_now_ms()),
            now_s=int(time.time()),
            challenge=challenge or known,
        )

    async def send_token(
        self, jti: str, token: bytes, *, topic: str = "", timeout_s: float = ANSWER_WITHIN_S
    ) -> VerdictMessage:
        """Publish a token and wait for its verdict. Raises NoAnswer."""
        future: asyncio.Future[VerdictMessage] = asyncio.get_running_loop().create_future()
        self._waiting[jti] = future
        try:
            await self.connected(timeout_s)
            async with asyncio.timeout(timeout_s):
                await (await self.link.send(topic or self.topics.command, token))
                return await future
        except (TimeoutError, LinkError) as error:
            raise NoAnswer(f"no verdict within {timeout_s:g} s: {self._silence()} (command {jti})") from error
        finally:
            self._waiting.pop(jti, None)

    async def resend(self, from_seq: int, to_seq: int) -> VerdictMessage:
        """Ask for rows again; the verdict says whether they will come. Raises NoAnswer."""
        jti, token = self._untracked(Command.RESEND, ResendBody(from_seq, to_seq))
        return await self.send_token(jti, token, topic=self.topics.resend)

    async def acknowledge(self, epoch: str, seq: int, head: str) -> None:
        """Acknowledge one row by hand. Raises NoAnswer when the broker does not take it."""
        _, token = self._untracked(Command.ACK, AckBody(epoch, seq, head))
        try:
            await (await self.link.send(self.topics.ack, token))
        except LinkError as error:
            raise NoAnswer(str(error)) from error

    async def ended(self) -> None:
        """Wait for ever, or for the error that ends a background task."""
        await asyncio.gather(*self._tasks)

    def _untracked(self, command: Command, body: Body) -> tuple[str, bytes]:
        """Sign what has no sequence the gateway remembers."""
        return self.sign(command, body, sequence=_now_ms())

    def _silence(self) -> str:
        if self.status is None:
            return f"gateway {self._gateway_id!r} has never been seen at this broker, or may not be read"
        return "the gateway may be busy" if self.status.online else "the gateway is offline"

    def _lost(self, trouble: str) -> None:
        """What the gateway said of itself is old now; the broker repeats it if it still holds."""
        self.status = None
        self._on_trouble(trouble)

    async def _receive(self) -> None:
        async for message in self.link.messages():
            await self._take(message)
            message.ack()
            async with self._changed:
                self._changed.notify_all()

    async def _take(self, message: Inbound) -> None:
        topic, payload = message.topic, message.payload
        try:
            if topic == self.topics.journal:
                await self._row(payload)
            elif topic == self.topics.verdict:
                self._verdict(msgspec.json.decode(payload, type=VerdictMessage))
            elif topic == self.topics.status:
                await self._stands(msgspec.json.decode(payload, type=Status))
            elif topic == self.topics.time_ask:
                await self._time(msgspec.json.decode(payload, type=TimeAsk))
            elif topic == self.topics.interval:
                self._interval(msgspec.json.decode(payload, type=dict[str, Any]))
            elif topic.startswith(self.topics.document("")):
                self.on_document(msgspec.json.decode(payload, type=DocumentPart))
            else:
                live = msgspec.json.decode(payload, type=Live)
                self.live[live.account_id] = live
                self._on_live(live)
        except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
            self.trouble = f"{topic}: {error}"
            self._on_trouble(self.trouble)

    async def _stands(self, status: Status) -> None:
        """Answer a status with what is known of the journal, so that an old image is recognised at first contact."""
        self.status = status
        if not status.online or not status.epoch or not self._acknowledges:
            return
        self._branches.hear(status.epoch)
        alive = two_alive(self._branches.trail)
        if alive is not None:
            self._trouble(f"two gateways with one identity: the epochs {alive[0]} and {alive[1]} speak in turns")
        main = self._chain
        await self._send(self.topics.ack, Command.ACK, AckBody(main.epoch, main.seq, main.head, run=status.epoch))
        if not self._branches.elsewhere(status.epoch):
            await self._behind(status.seq or 0)

    async def _row(self, raw: bytes) -> None:
        if not self._acknowledges and not self._chain.seq:
            self._branches.begin(raw)  # only looking: what came earlier is somebody else's business
        lost = self._branches.trail.main
        taken, rows, other = self._branches.take(raw)
        adopted = lost is not self._branches.trail.main
        for row in rows:
            if len(self.rows) < ROWS_MAX:
                self.rows.append(row)
            if other and self._acknowledges:
                self.book.keep_other(row.epoch, msgspec.json.encode(row.body, order="sorted"))
            self._on_row(row)
        for strange in never_made(self.book, (row.body for row in rows)):
            self._trouble(strange)
        if adopted:
            self.trouble = ""
        elif taken is Taken.BROKEN or (other and rows):
            self._trouble(
                f"the journal forks at row {rows[0].seq if rows else self._chain.seq + 1}: "
                "a restored image, or a second gateway; see `headend branches`"
            )
        gap = self._chain.gap
        if gap is not None:
            await self._behind(gap[1])
        elif self._branches.gap is not None:
            await self._ask(*self._branches.gap)
        self._news.set()

    def _trouble(self, what: str) -> None:
        self.trouble = what
        self._on_trouble(what)

    async def _ask(self, first: int, last: int) -> None:
        if self._acknowledges and time.monotonic() - self._resend_asked_s >= RESEND_AGAIN_S:
            self._resend_asked_s = time.monotonic()
            await self._send(self.topics.resend, Command.RESEND, ResendBody(first, last))

    async def _behind(self, newest: int) -> None:
        """Ask for the rows that are missing up to `newest`, but not at every row that comes meanwhile."""
        if not self._acknowledges or newest <= self._chain.seq:
            return
        recently = time.monotonic() - self._resend_asked_s < RESEND_AGAIN_S
        first = max(self._chain.seq, self._resend_to if recently else 0) + 1
        if first <= newest:
            self._resend_asked_s, self._resend_to = time.monotonic(), newest
            await self._send(self.topics.resend, Command.RESEND, ResendBody(first, newest))

    def _interval(self, interval: dict[str, Any]) -> None:
        if not self._acknowledges and not self._quarters.number:
            self._quarters = Quarters(interval.get("number", 1) - 1)  # only looking, as with rows
        follow = self._quarters.take(interval, time.monotonic())
        self.intervals += follow[: ROWS_MAX - len(self.intervals)]
        self._news.set()

    def _verdict(self, verdict: VerdictMessage) -> None:
        future = self._waiting.get(verdict.jti)
        if future is not None and not future.done():
            future.set_result(verdict)

    async def _time(self, ask: TimeAsk) -> None:
        if self._acknowledges:
            await self._send(self.topics.time_answer, Command.TIME, TimeBody(ask.nonce, _now_ms()))

    async def _acknowledge(self) -> None:
        """Acknowledge what was checked, a little later, so that a burst of rows costs one signature."""
        while True:
            await self._news.wait()
            await asyncio.sleep(ACK_AFTER_S)
            self._news.clear()
            main = self._chain
            if not main.seq:
                continue
            place = Place(main.seq, main.head, main.epoch, self._quarters.number)
            with self.book.change() as content:
                content.place, content.trail = place, self._branches.trail
            if self.status is not None and self._branches.elsewhere(self.status.epoch or ""):
                continue  # the gateway has been told, in answer to its status
            body = AckBody(place.epoch, place.seq, place.head, place.interval_number or None)
            await self._send(self.topics.ack, Command.ACK, body)

    async def _send(self, topic: str, command: Command, body: Body) -> None:
        with suppress(LinkError):  # the gateway asks, or sends, again
            await self.link.send(topic, self._untracked(command, body)[1])


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _nothing(jti: str) -> VerdictMessage:
    raise NoAnswer(f"{jti} was settled by somebody else at the same time")
