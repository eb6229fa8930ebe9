"""The uplink: drains the journal, and the intervals, from their durable cursors in order.

A new connection begins again after the cursor, so a broker that lost everything loses us nothing; but what a broker
has confirmed goes again at most once an hour, for a line that breaks all day is paid by the megabyte. The cursor moves
by the head-end's signed acknowledgement {epoch, seq, head}, compared with our own row; a head-end that cannot
acknowledge is configured as such, then the broker's PUBACK moves it.

While an acknowledgement is owed, the newest row is sent again now and then: a head-end that missed rows sees the gap
and asks for them, one that has them acknowledges again. Of the quarter-hours, which nobody can ask for, the first after
the cursor is sent again: it is the one that is missing; and more of them as acknowledgements advance. So both agree
again even if nothing more happens (I23).
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from gateway.clock import Clock
from gateway.commands import Reason
from gateway.commands.link import AckBody, ResendBody
from gateway.errors import CommandRefused, LinkError
from gateway.headend.link import Link
from gateway.headend.topics import Topics
from gateway.prepayment.events import Detail
from gateway.store import JOURNAL, Store
from gateway.store.quarters import CURSOR as INTERVAL
from gateway.teller import Teller

BATCH = 50
RESENDS_MAX = 8
REPEATED_MAX = 1000
FORKS_NOTED_MAX = 16
REFUSED_WAIT_S = 10.0
PROBE_FIRST_S = 5.0
PROBE_MAX_S = 3600.0
AGAIN_MS = 3_600_000
"""A clone and its gateway throw each other out twice a minute: that made of a month's 7,000 rows 286,000 messages."""


class Uplink:
    """One run drains both streams; `wake` is called when the journal has grown.

    The teller hears what an acknowledgement says of the books: that the head-end knows no more than they hold, or that
    it does (a fork, put on record once).
    """

    def __init__(
        self, link: Link, store: Store, teller: Teller, topics: Topics, *, clock: Clock, acknowledges: bool = True
    ) -> None:
        self._link = link
        self._store = store
        self._topics = topics
        self._teller = teller
        self._clock = clock
        self._acknowledges = acknowledges
        self._work = asyncio.Event()
        self._resends: deque[tuple[int, int]] = deque()
        self._forks: set[tuple[str, int, str]] = set()
        self._confirmed = self._confirmed_interval = 0
        self._again_ms = 0

    def wake(self) -> None:
        """The journal or the interval table has grown; never blocks."""
        self._work.set()

    async def run(self) -> None:
        """Drain until cancelled. An error of the store ends it; the connection's do not."""
        while True:
            session = await self._link.connected()
            lost = asyncio.ensure_future(self._link.lost(session))
            lost.add_done_callback(lambda _: self._work.set())
            try:
                await self._drain(session)
            except LinkError:
                # Gone; or the broker refuses our messages: then not again at once.
                if self._link.session == session:
                    await self._clock.sleep(REFUSED_WAIT_S)
            finally:
                lost.cancel()

    async def acknowledge(self, body: AckBody) -> None:
        """Move the cursor. Raises CommandRefused(fork) when the head-end has a row this store does not.

        Only what names this run proves that nothing is missing here: an old message may have waited at the broker.
        """
        if body.seq and not await self._store.move_cursor(body.epoch, body.seq, body.head):
            await self._fork(body)
            raise CommandRefused(Reason.FORK, seq=body.seq, our_seq=self._store.head.seq)
        if body.interval_number is not None:
            newest = await self._store.intervals_after(body.interval_number - 1, 1) if body.interval_number else []
            if newest and newest[0].number == body.interval_number:
                await self._store.move_interval_cursor(body.interval_number)
        if self._store.epoch in (body.epoch, body.run):
            await self._teller.confirm()

    def resend(self, body: ResendBody) -> None:
        """Send rows again, soon; the cursor stays. Raises CommandRefused for rows that do not exist."""
        last = self._store.head.seq
        if body.from_seq > body.to_seq or body.from_seq > last:
            raise CommandRefused(Reason.BAD_PAYLOAD, from_seq=body.from_seq, to_seq=body.to_seq, our_seq=last)
        if len(self._resends) >= RESENDS_MAX:
            raise CommandRefused(Reason.BUSY, hint="earlier resends are still on their way")
        self._resends.append((body.from_seq, min(body.to_seq, last)))
        self._work.set()

    async def _drain(self, session: int) -> None:
        sent, sent_interval = await self._begin()
        probe_s = PROBE_FIRST_S
        while self._link.session == session:
            self._work.clear()
            await self._send_again()
            rows = await self._store.rows_after(sent, BATCH)
            await self._publish(self._topics.journal, [row.body for row in rows])
            if rows:
                sent = self._confirmed = rows[-1].seq
                if not self._acknowledges:
                    await self._store.move_cursor(rows[-1].epoch, sent, rows[-1].hash)
            intervals = await self._store.intervals_after(sent_interval, BATCH)
            await self._publish(self._topics.interval, [row.body for row in intervals])
            if intervals:
                sent_interval = self._confirmed_interval = intervals[-1].number
                if not self._acknowledges:
                    await self._store.move_interval_cursor(sent_interval)
            if rows or intervals:
                probe_s = PROBE_FIRST_S
            elif not self._resends:
                probe_s = await self._idle(sent, sent_interval, probe_s)

    async def _begin(self) -> tuple[int, int]:
        """The row and the interval a new connection goes on after: the cursors, or what a broker confirmed lately."""
        now_ms = self._clock.monotonic_ms()
        if now_ms >= self._again_ms:
            self._again_ms = now_ms + AGAIN_MS
            self._confirmed = self._confirmed_interval = 0
        cursor, quarter = await self._store.cursor(JOURNAL), await self._store.cursor(INTERVAL)
        return max(cursor, self._confirmed), max(quarter, self._confirmed_interval)

    async def _idle(self, sent: int, sent_interval: int, probe_s: float) -> float:
        """Wait for work; while an acknowledgement is owed, only for so long, then probe. The next time to wait."""
        quarter = await self._store.cursor(INTERVAL)
        if not self._acknowledges or (await self._store.cursor(JOURNAL) >= sent and quarter >= sent_interval):
            await self._work.wait()
            return PROBE_FIRST_S
        waits: set[asyncio.Future[Any]] = {
            asyncio.ensure_future(self._clock.sleep(probe_s)),
            asyncio.ensure_future(self._work.wait()),
        }
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self._work.is_set():
            return probe_s
        newest = await self._store.row(sent)
        if newest is not None and await self._store.cursor(JOURNAL) < sent:
            await self._publish(self._topics.journal, [newest.body])
        reached = await self._store.cursor(INTERVAL)
        if reached < sent_interval:
            # Twice what was acknowledged since: a long gap closes fast, and what is sent in vain stays within bounds.
            missing = await self._store.intervals_after(reached, min(max(1, 2 * (reached - quarter)), REPEATED_MAX))
            for begin in range(0, len(missing), BATCH):  # verdicts get in between
                await self._publish(self._topics.interval, [row.body for row in missing[begin : begin + BATCH]])
        return PROBE_FIRST_S if reached > quarter else min(probe_s * 2, PROBE_MAX_S)

    async def _send_again(self) -> None:
        """One batch of the oldest resend, so that new rows are not held up for long."""
        if not self._resends:
            return
        first, last = self._resends[0]
        rows = await self._store.rows_after(first - 1, min(BATCH, last - first + 1))
        await self._publish(self._topics.journal, [row.body for row in rows])
        self._resends.popleft()  # not before the broker has them: a connection that breaks here owes them still
        if rows and rows[-1].seq < last:
            self._resends.appendleft((rows[-1].seq + 1, last))

    async def _publish(self, topic: str, bodies: list[bytes]) -> None:
        """All in order through the window; returns when the broker has them. Raises LinkError if one did not go."""
        futures = [await self._link.send(topic, body) for body in bodies]
        for future in futures:
            await future

    async def _fork(self, body: AckBody) -> None:
        fork = (body.epoch, body.seq, body.head)
        if fork in self._forks:
            return
        if len(self._forks) >= FORKS_NOTED_MAX:
            if await self._teller.suspect(body.epoch, body.seq):
                self._forks.clear()  # the suspicion they were noted for has ended, this is another one
            return
        self._forks.add(fork)
        ours = await self._store.row(body.seq)
        found = ours.hash if ours is not None else "none"
        detail: Detail = (("seq", body.seq), ("epoch", body.epoch), ("head", body.head), ("ours", found))
        await self._teller.note("headend.fork", detail)
        await self._teller.suspect(body.epoch, body.seq)
