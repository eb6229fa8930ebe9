"""When the time is asked for, how often, and which answer counts (decision 16)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import msgspec
import pytest

from gateway.commands.claims import TimeBody
from gateway.errors import CommandRefused, LinkError
from gateway.headend.payloads import TimeAsk
from gateway.headend.timesync import AGAIN_S, ANSWER_WITHIN_S, NUDGE_MS, TimeSync
from gateway.headend.topics import Topics
from tests.counter import HandClock
from tests.headend.world import until

if TYPE_CHECKING:
    from gateway.headend.link import Link

UTC_MS = 1_800_000_000_000


class Sleeper(HandClock):
    """Somebody who sleeps until the test says that the time is over."""

    def __init__(self) -> None:
        super().__init__()
        self.sleeping: list[tuple[float, asyncio.Future[None]]] = []

    async def sleep(self, seconds: float) -> None:
        """Wait for the test."""
        future = asyncio.get_running_loop().create_future()
        self.sleeping.append((seconds, future))
        try:
            await future
        finally:
            self.sleeping = [entry for entry in self.sleeping if entry[1] is not future]

    def seconds(self) -> list[float]:
        """For how long, each."""
        return [seconds for seconds, _ in self.sleeping]

    def over(self) -> None:
        """All of it has passed."""
        for seconds, future in self.sleeping:
            self.running_ms += int(seconds * 1000)
            future.set_result(None)


class Broken:
    """A link whose sessions the test ends, and which may refuse to send."""

    def __init__(self) -> None:
        self.session = 0
        self.topics: list[str] = []
        self.asked: list[str] = []
        self.refuses = False
        self.ended = asyncio.Event()

    async def connected(self) -> int:
        """At once, a new session each time."""
        self.session += 1
        self.ended = asyncio.Event()
        return self.session

    async def lost(self, session: int) -> None:
        """When the test ends it."""
        assert session == self.session
        await self.ended.wait()

    async def send(self, topic: str, payload: bytes) -> None:
        """Remember the nonce."""
        self.topics.append(topic)
        if self.refuses:
            raise LinkError("the connection broke")
        self.asked.append(msgspec.json.decode(payload, type=TimeAsk).nonce)


class Scene:
    """A `TimeSync` that runs, and what it handed to the clock."""

    def __init__(self) -> None:
        self.clock = Sleeper()
        self.wire = Broken()
        self.taken: list[tuple[int, int, int]] = []
        self.believes = True
        self.sync = TimeSync(cast("Link", self.wire), self.clock, Topics("gw"), self._authenticate)

    def _authenticate(self, utc_ms: int, at_ms: int, rtt_ms: int) -> bool:
        self.taken.append((utc_ms, at_ms, rtt_ms))
        return self.believes

    async def asked(self, times: int) -> str:
        """The nonce of the nth question."""
        await until(lambda: len(self.wire.asked) == times and self.clock.sleeping)
        return self.wire.asked[-1]


@asynccontextmanager
async def running() -> AsyncIterator[Scene]:
    """It runs for the length of a test."""
    scene = Scene()
    task = asyncio.create_task(scene.sync.run())
    try:
        yield scene
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def test_the_intervals_are_those_of_the_contract() -> None:
    """Decision 16: hourly, again after 30 s; somebody who signed something else is asked after 2 s."""
    assert (AGAIN_S, ANSWER_WITHIN_S, NUDGE_MS) == (3600.0, 30.0, 2000)


async def test_without_an_answer_another_nonce_is_asked_after_30_seconds() -> None:
    """Decision 16: each question has a nonce of its own, of 144 random bits, on the topic of its own."""
    async with running() as scene:
        first = await scene.asked(1)
        assert scene.clock.seconds() == [30.0]
        scene.clock.over()
        second = await scene.asked(2)
        assert len({first, second}) == 2
        assert {len(first), len(second)} == {24}
        assert set(scene.wire.topics) == {Topics("gw").time_ask}
        with pytest.raises(CommandRefused, match="stale_command"):
            scene.sync.answer(TimeBody(first, UTC_MS))
        assert scene.taken == []


async def test_after_an_answer_it_is_an_hour_until_the_next_question() -> None:
    """Decision 16: hourly, so that the proof of a day is renewed long before it ends."""
    async with running() as scene:
        scene.sync.answer(TimeBody(await scene.asked(1), UTC_MS))
        await until(lambda: scene.clock.seconds() == [3600.0])
        scene.clock.over()
        await scene.asked(2)
        assert scene.clock.seconds() == [30.0]


async def test_an_answer_the_clock_does_not_believe_is_asked_for_again_in_30_seconds() -> None:
    """Threat 13: a leap is confirmed by answers over an hour, so they must be asked for more than hourly."""
    async with running() as scene:
        scene.believes = False
        nonce = await scene.asked(1)
        scene.clock.advance(40)
        with pytest.raises(CommandRefused, match="clock_untrusted") as caught:
            scene.sync.answer(TimeBody(nonce, UTC_MS))
        assert dict(caught.value.detail) == {"rtt_ms": 40, "utc_ms": UTC_MS}
        with pytest.raises(CommandRefused, match="stale_command"):
            scene.sync.answer(TimeBody(nonce, UTC_MS))
        assert scene.taken == [(UTC_MS, 40, 40)], "one answer for each"
        assert scene.clock.seconds() == [30.0]
        scene.clock.over()
        await scene.asked(2)


@pytest.mark.parametrize(("late_ms", "reason"), [(30_000, None), (30_001, "stale_command")])
async def test_a_nonce_is_worth_30_seconds(late_ms: int, reason: str | None) -> None:
    """Decision 16: an answer that somebody kept back is no answer."""
    async with running() as scene:
        nonce = await scene.asked(1)
        scene.clock.advance(late_ms)
        if reason is None:
            scene.sync.answer(TimeBody(nonce, UTC_MS))
            assert scene.taken == [(UTC_MS, 30_000, 30_000)]
        else:
            with pytest.raises(CommandRefused, match=reason) as caught:
                scene.sync.answer(TimeBody(nonce, UTC_MS))
            assert caught.value.detail["hint"] == "answer the newest nonce at once"


async def test_the_round_trip_begins_with_the_question() -> None:
    """Decision 16: measured from this question, not from an earlier one."""
    async with running() as scene:
        await scene.asked(1)
        scene.clock.over()
        nonce = await scene.asked(2)
        scene.clock.advance(7)
        scene.sync.answer(TimeBody(nonce, UTC_MS))
        assert scene.taken == [(UTC_MS, 30_007, 7)]


@pytest.mark.parametrize(("waited_ms", "questions"), [(2_000, 1), (2_001, 2)])
async def test_a_head_end_that_signs_something_is_asked_again(waited_ms: int, questions: int) -> None:
    """Decision 16: after a broker lost the question, the next sign of life asks it again, but not in a burst."""
    async with running() as scene:
        first = await scene.asked(1)
        scene.clock.advance(waited_ms)
        scene.sync.nudge()
        scene.sync.nudge()
        for _ in range(5):
            await asyncio.sleep(0)
        await scene.asked(questions)
        if questions == 2:
            with pytest.raises(CommandRefused, match="stale_command"):
                scene.sync.answer(TimeBody(first, UTC_MS))


async def test_an_answered_question_is_not_nudged() -> None:
    """Every signed command nudges; that must not make hourly questions of the answered kind more frequent."""
    async with running() as scene:
        scene.sync.answer(TimeBody(await scene.asked(1), UTC_MS))
        await until(lambda: scene.clock.seconds() == [3600.0])
        scene.clock.advance(10_000)
        scene.sync.nudge()
        for _ in range(5):
            await asyncio.sleep(0)
        assert (len(scene.wire.asked), scene.clock.seconds()) == (1, [3600.0])


@pytest.mark.parametrize("answered", [False, True])
async def test_a_new_session_asks_at_once(answered: bool) -> None:
    """Decision 16: at each connection, whether the last question was answered or not."""
    async with running() as scene:
        nonce = await scene.asked(1)
        if answered:
            scene.sync.answer(TimeBody(nonce, UTC_MS))
            await until(lambda: scene.clock.seconds() == [3600.0])
        scene.wire.ended.set()
        await scene.asked(2)
        await until(lambda: scene.clock.seconds() == [30.0])
        assert scene.wire.session == 2


async def test_a_link_that_breaks_while_asking_is_waited_for() -> None:
    """Threat 19: no question goes into the void again and again; the next session asks."""
    async with running() as scene:
        await scene.asked(1)
        scene.wire.refuses = True
        scene.clock.over()
        await until(lambda: len(scene.wire.topics) == 2)
        for _ in range(10):
            await asyncio.sleep(0)
        assert len(scene.wire.topics) == 2
        scene.wire.refuses = False
        scene.wire.ended.set()
        await scene.asked(2)
        assert scene.wire.session == 2
