"""Asks the head-end for the time: a random nonce, and only a signed answer to the outstanding one counts (decision 16).

Asked at each connection and hourly, and every 30 s until it is answered.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

import msgspec

from gateway.clock import Clock
from gateway.commands import Reason
from gateway.commands.link import TimeBody
from gateway.errors import CommandRefused, LinkError
from gateway.headend.link import Link
from gateway.headend.payloads import TimeAsk
from gateway.headend.topics import Topics

AGAIN_S = 3600.0
ANSWER_WITHIN_S = 30.0
NUDGE_MS = 2000

Authenticate = Callable[[int, int, int], bool]
"""`clock.authenticate(utc_ms, at_monotonic_ms, rtt_ms)`; False when the answer is not worth anything."""


class TimeSync:
    """Keeps asking; `answer` takes what the downlink verified."""

    def __init__(self, link: Link, clock: Clock, topics: Topics, authenticate: Authenticate) -> None:
        self._link = link
        self._clock = clock
        self._topics = topics
        self._authenticate = authenticate
        self._nonce: str | None = None
        self._asked_ms = 0
        self._answered = asyncio.Event()
        self._nudged = asyncio.Event()

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            session = await self._link.connected()
            lost = asyncio.ensure_future(self._link.lost(session))
            try:
                while not lost.done():
                    await self._ask()
                    await self._either(lost, ANSWER_WITHIN_S, or_answered=True)
                    if self._answered.is_set():
                        await self._either(lost, AGAIN_S, or_answered=False)
            except LinkError:
                await self._link.lost(session)
            finally:
                lost.cancel()

    def answer(self, body: TimeBody) -> None:
        """Take a signed answer. Raises CommandRefused(stale_command) unless it is to our nonce and in time."""
        now_ms = self._clock.monotonic_ms()
        rtt_ms = now_ms - self._asked_ms
        if body.nonce != self._nonce or rtt_ms > ANSWER_WITHIN_S * 1000:
            raise CommandRefused(Reason.STALE_COMMAND, hint="answer the newest nonce at once")
        self._nonce = None  # one answer for each
        if not self._authenticate(body.utc_ms, now_ms, rtt_ms):
            raise CommandRefused(Reason.CLOCK_UNTRUSTED, rtt_ms=rtt_ms, utc_ms=body.utc_ms)
        self._answered.set()

    def nudge(self) -> None:
        """Somebody signed something just now, so the head-end is there: ask again if nobody answered."""
        waited_ms = self._clock.monotonic_ms() - self._asked_ms
        if self._nonce is not None and waited_ms > NUDGE_MS:
            self._nonce = None
            self._nudged.set()

    async def _ask(self) -> None:
        self._answered.clear()
        self._nudged.clear()
        self._nonce = secrets.token_urlsafe(18)
        self._asked_ms = self._clock.monotonic_ms()
        await self._link.send(self._topics.time_ask, msgspec.json.encode(TimeAsk(self._nonce)))

    async def _either(self, lost: asyncio.Future[None], seconds: float, *, or_answered: bool) -> None:
        """Wait for whichever comes first: the end of the session, the time, or an answer."""
        waits: list[asyncio.Future[Any]] = [asyncio.ensure_future(self._clock.sleep(seconds))]
        if or_answered:
            waits += [asyncio.ensure_future(event.wait()) for event in (self._answered, self._nudged)]
        try:
            await asyncio.wait({lost, *waits}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
