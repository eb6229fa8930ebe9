"""The downlink: signed messages in, verdicts out.

    gate -> verify -> carry out (committed) -> verdict -> acknowledge to the broker

A message is acknowledged to the broker last, so a crash anywhere before brings it again, and the teller gives the
stored verdict for what it has already done (I3, I4). Each topic takes its own kind of command only. Every signed
message, also a refused one, proves that the head-end is there.
"""

from __future__ import annotations

import asyncio

import msgspec

from gateway.clock import Clock
from gateway.commands import Command, Envelope, Keyring, Order, Reason, documents, verify
from gateway.commands.claims import Said
from gateway.commands.documents import DocumentBody
from gateway.commands.envelope import claimed_id
from gateway.commands.link import AckBody, ResendBody, TimeBody
from gateway.commands.order import check_fresh, check_key
from gateway.errors import CommandRefused, LinkError
from gateway.headend.delivery import Delivery
from gateway.headend.gate import Bucket, Junk
from gateway.headend.link import Inbound, Link
from gateway.headend.payloads import VerdictMessage, plain
from gateway.headend.status import StatusKeeper
from gateway.headend.timesync import TimeSync
from gateway.headend.topics import Topics
from gateway.headend.uplink import Uplink
from gateway.prepayment.civil import instant
from gateway.prepayment.events import Detail
from gateway.prepayment.export import granted
from gateway.prepayment.ledger import VerdictStatus
from gateway.prepayment.money import wire_money
from gateway.store import Answer
from gateway.teller import Teller

PER_S = 200
BURST = 200
JUNK_ANSWERS_PER_S = 1
JUNK_ANSWERS_BURST = 10
REFUSALS_NOTED_PER_S = 1
REFUSALS_NOTED_BURST = 30
DOCUMENTS_PER_S = 1
DOCUMENTS_BURST = 20
PRESENTED_PER_S = 1
PRESENTED_BURST = 20
SUMMARY_S = 900.0
CONTACT_MS = 1000


class Downlink:
    """Takes what the link delivers, one message after the other. `delivery`: who makes documents, if anybody does."""

    def __init__(
        self,
        link: Link,
        teller: Teller,
        clock: Clock,
        topics: Topics,
        keys: Keyring,
        *,
        status: StatusKeeper,
        uplink: Uplink,
        timesync: TimeSync,
    ) -> None:
        self._link = link
        self._teller = teller
        self._clock = clock
        self._topics = topics
        self._keys = keys
        self._status = status
        self._uplink = uplink
        self._timesync = timesync
        self.delivery: Delivery | None = None
        self._documents = Bucket(clock, per_s=DOCUMENTS_PER_S, burst=DOCUMENTS_BURST)
        self._gate = Bucket(clock, per_s=PER_S, burst=BURST)
        self._junk_answers = Bucket(clock, per_s=JUNK_ANSWERS_PER_S, burst=JUNK_ANSWERS_BURST)
        self._refusals_noted = Bucket(clock, per_s=REFUSALS_NOTED_PER_S, burst=REFUSALS_NOTED_BURST)
        self._presented = Bucket(clock, per_s=PRESENTED_PER_S, burst=PRESENTED_BURST)
        self._junk = Junk()
        self._contact_ms: int | None = None

    async def run(self) -> None:
        """Serve until cancelled. Raises CommitUnknown, after which the process must end."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._summaries())
            async for message in self._link.messages():
                await self._handle(message)
                message.ack()

    async def present(self, token: bytes, only: frozenset[Command] | None = None) -> Answer:
        """Carry out a signed command that somebody brought to the gateway by hand. Raises CommandRefused.

        Every check is that of the broker's way. But it is no sign of the head-end: it may have been signed long ago,
        and who brings one each week would put off for ever what waits for a head-end that is away (decision 12).
        """
        if not self._presented.take():
            raise CommandRefused(Reason.BUSY, hint="too many at once; again in a moment")
        try:
            envelope = verify(token, self._keys, self._topics.gateway_id)
        except CommandRefused as refusal:
            await self._count(refusal.reason)
            raise
        if only is not None and envelope.command not in only:
            raise CommandRefused(Reason.NOT_ALLOWED, command=envelope.command.value, hint="log in as a technician")
        return await self._teller.execute(Order(envelope, self._status.challenges))

    async def _handle(self, message: Inbound) -> None:
        if message.retained:
            await self._refuse_junk(message.payload, CommandRefused(Reason.RETAINED, hint="publish without retain"))
            return
        if not self._gate.take():
            await self._gate.wait()
        try:
            envelope = verify(message.payload, self._keys, self._topics.gateway_id)
        except CommandRefused as refusal:
            if "command_id" in refusal.detail:
                await self._refuse_signed(refusal)
            else:
                await self._refuse_junk(message.payload, refusal)
            return
        await self._carry_out(message.topic, envelope)
        await self._contact()

    async def _carry_out(self, topic: str, envelope: Envelope) -> None:
        try:
            match envelope.body:
                case AckBody() as body if topic == self._topics.ack:
                    check_key(envelope, self._clock.now())
                    await self._uplink.acknowledge(body)
                case ResendBody() as body if topic == self._topics.resend:
                    check_key(envelope, self._clock.now())
                    self._uplink.resend(body)
                    await self._verdict(self._plain_verdict(envelope, VerdictStatus.APPLIED))
                case TimeBody() as body if topic == self._topics.time_answer:
                    check_key(envelope, self._clock.now())
                    self._timesync.answer(body)
                case DocumentBody() as body if topic == self._topics.command:
                    await self._document(envelope, body)
                    await self._verdict(self._plain_verdict(envelope, VerdictStatus.APPLIED))
                case AckBody() | ResendBody() | TimeBody():
                    raise CommandRefused(Reason.UNKNOWN_COMMAND, hint=f"{envelope.command} has a topic of its own")
                case _ if topic == self._topics.command:
                    answer = await self._teller.execute(Order(envelope, self._status.challenges))
                    await self._verdict(_of_answer(answer, envelope))
                case _:
                    raise CommandRefused(
                        Reason.UNKNOWN_COMMAND, hint=f"{envelope.command} belongs on the command topic"
                    )
        except CommandRefused as refusal:
            if refusal.reason == Reason.UNKNOWN_COMMAND:  # somebody may be trying a captured one on another topic
                command = envelope.command.value
                await self._note_refusal(refusal.reason, envelope.command_id, envelope.issuer, command)
            verdict = self._plain_verdict(envelope, VerdictStatus.REFUSED, refusal)
            await self._verdict(verdict)

    async def _document(self, envelope: Envelope, body: DocumentBody) -> None:
        """Put a request for a document on record and in line. Raises CommandRefused with its limits.

        It changes no books, so it has no sequence: asked again with the same id, the same is delivered again.
        """
        at = self._clock.now()
        check_fresh(envelope, self._status.challenges, at)
        asked = documents.document(body, Said(at, envelope.command_id, envelope.issuer))
        verdict = granted(asked, self._teller.account(body.account_id))
        if verdict.status is VerdictStatus.REFUSED:
            raise CommandRefused(verdict.reason, **dict(verdict.detail))
        if self.delivery is None:
            raise CommandRefused(Reason.UNKNOWN_COMMAND, hint="this gateway has no key of its own to sign with")
        if self.delivery.waits(envelope.command_id):
            return
        if self.delivery.full or not self._documents.take():
            raise CommandRefused(Reason.BUSY, hint="earlier documents are still on their way; ask again later")
        detail: Detail = (("jti", asked.command_id), ("issuer", envelope.issuer), ("kind", asked.kind.value))
        days: Detail = (("from", body.from_day.isoformat()), ("to", body.to_day.isoformat()))
        await self._teller.note("document.asked", (*detail, ("account", asked.account_id), *days))
        self.delivery.ask(asked)

    async def _refuse_signed(self, refusal: CommandRefused) -> None:
        """Somebody we know made a mistake: on record, within bounds, and answered."""
        facts = dict(refusal.detail)
        jti, issuer, typ = (str(facts.pop(name, "")) for name in ("command_id", "issuer", "command"))
        await self._note_refusal(refusal.reason, jti, issuer, typ)
        at = instant(self._clock.now().utc_ms)
        verdict = VerdictMessage(
            jti, VerdictStatus.REFUSED, at, typ, issuer, reason=refusal.reason, detail=plain(facts.items())
        )
        await self._verdict(verdict)
        await self._contact()

    async def _note_refusal(self, reason: str, jti: str, issuer: str, typ: str) -> None:
        if self._refusals_noted.take():
            detail: Detail = (("reason", reason), ("jti", jti), ("issuer", issuer), ("command", typ))
            await self._teller.note("headend.refused", detail)
        else:
            await self._count(reason)

    async def _refuse_junk(self, payload: bytes, refusal: CommandRefused) -> None:
        await self._count(refusal.reason)
        if self._junk_answers.take():
            at = instant(self._clock.now().utc_ms)
            verdict = VerdictMessage(
                claimed_id(payload),
                VerdictStatus.REFUSED,
                at,
                reason=refusal.reason,
                detail=plain(refusal.detail.items()),
            )
            await self._verdict(verdict)

    async def _count(self, reason: str) -> None:
        told = self._junk.count(reason)
        if told:
            await self._teller.note("headend.junk", told)

    def _plain_verdict(
        self, envelope: Envelope, status: VerdictStatus, refusal: CommandRefused | None = None
    ) -> VerdictMessage:
        return VerdictMessage(
            envelope.command_id,
            status,
            instant(self._clock.now().utc_ms),
            envelope.command,
            envelope.issuer,
            envelope.sequence,
            reason="" if refusal is None else refusal.reason,
            detail={} if refusal is None else plain(refusal.detail.items()),
        )

    async def _verdict(self, verdict: VerdictMessage) -> None:
        try:
            await self._link.send(self._topics.verdict, msgspec.json.encode(verdict))
        except LinkError:
            return  # not acknowledged to that broker either: the command comes again and gets the same verdict

    async def _contact(self) -> None:
        at = self._clock.now()
        if self._contact_ms is None or at.running_ms - self._contact_ms >= CONTACT_MS:
            self._contact_ms = at.running_ms
            self._timesync.nudge()
            await self._teller.contact(at)

    async def _summaries(self) -> None:
        while True:
            await self._clock.sleep(SUMMARY_S)
            counts = self._junk.summary()
            if counts:
                await self._teller.note("headend.junk", counts)


def _of_answer(answer: Answer, envelope: Envelope) -> VerdictMessage:
    return VerdictMessage(
        answer.command_id,
        answer.status,
        instant(answer.at.utc_ms),
        answer.command,
        envelope.issuer,
        answer.sequence,
        answer.reason,
        plain(answer.detail),
        answer.account_id,
        None if answer.balance_nano is None else wire_money(answer.balance_nano),
        answer.currency,
        answer.journal_seq,
        answer.duplicate,
    )
