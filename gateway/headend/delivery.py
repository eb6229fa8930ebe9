"""Documents on their way out: made one after the other, published in bounded parts, taken up again after a break.

A part is sent when the broker has the one before, so one document is in memory and nothing is queued elsewhere. Who
lost parts asks again with the same command: the same document comes again under the same id.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections import deque
from collections.abc import Awaitable, Callable, Iterator

import msgspec

from gateway.documents.seal import Document
from gateway.errors import CommandRefused, LinkError
from gateway.headend.link import Link, Sleep
from gateway.headend.payloads import DocumentPart, plain
from gateway.headend.topics import Topics
from gateway.prepayment.events import Detail
from gateway.prepayment.export import DocumentAsked

WAITING_MAX = 8
PART_BYTES = 64 * 1024
"""Content in one part; with base64 and the seal the message stays below 128 KiB."""
PAUSE_S = 0.1
RETRY_S = 10.0

Note = Callable[[str, Detail], Awaitable[None]]
Make = Callable[[DocumentAsked], Awaitable[Document]]
"""Makes a document; raises CommandRefused."""


class Delivery:
    """Makes and publishes what `ask` has put in line."""

    def __init__(self, link: Link, make: Make, topics: Topics, sleep: Sleep, note: Note) -> None:
        self._link = link
        self._make = make
        self._topics = topics
        self._sleep = sleep
        self._note = note
        self._waiting: deque[DocumentAsked] = deque()
        self._asked = asyncio.Event()

    @property
    def full(self) -> bool:
        """No room for another request."""
        return len(self._waiting) >= WAITING_MAX

    def waits(self, command_id: str) -> bool:
        """This request is in line already: a redelivery of it adds nothing."""
        return any(asked.command_id == command_id for asked in self._waiting)

    def ask(self, asked: DocumentAsked) -> None:
        """Put a request in line, which must not be full."""
        self._waiting.append(asked)
        self._asked.set()

    async def run(self) -> None:
        """Serve until cancelled. An error of the store ends it; the connection's do not."""
        while True:
            await self._asked.wait()
            asked = self._waiting.popleft()
            if not self._waiting:
                self._asked.clear()
            await self._publish(asked.command_id, await self._parts(asked))

    async def _parts(self, asked: DocumentAsked) -> Iterator[DocumentPart]:
        try:
            document = await self._make(asked)
        except CommandRefused as refusal:
            reason = ("reason", refusal.reason)
            await self._note("document.failed", (("jti", asked.command_id), ("account", asked.account_id), reason))
            failed = DocumentPart(asked.command_id, 0, 0, reason=refusal.reason, detail=plain(refusal.detail.items()))
            return iter([failed])
        seal = hashlib.sha256(document.seal).hexdigest()
        named = (("jti", asked.command_id), ("account", asked.account_id), ("name", document.name))
        await self._note("document.sent", (*named, ("seal_sha256", seal)))
        return parts_of(asked.command_id, document)

    async def _publish(self, command_id: str, parts: Iterator[DocumentPart]) -> None:
        for part in parts:
            payload = msgspec.json.encode(part)
            while not await self._sent(command_id, payload):
                await self._sleep(RETRY_S if self._link.session else 0.0)
            await self._sleep(PAUSE_S)

    async def _sent(self, command_id: str, payload: bytes) -> bool:
        await self._link.connected()
        try:
            await (await self._link.send(self._topics.document(command_id), payload))
        except LinkError:
            return False
        return True


def parts_of(command_id: str, document: Document) -> Iterator[DocumentPart]:
    """A document in parts; an empty one in one part."""
    content = document.content
    parts = max(1, -(-len(content) // PART_BYTES))
    for number in range(parts):
        data = content[number * PART_BYTES : (number + 1) * PART_BYTES]
        yield DocumentPart(
            command_id,
            number + 1,
            parts,
            document.name,
            document.content_type,
            document.seal.decode(),
            hashlib.sha256(data).hexdigest(),
            base64.b64encode(data).decode(),
        )
