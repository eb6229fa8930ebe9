"""When the time is asked for: at each connection, every half minute until answered, hourly after that (decision 16)."""

import asyncio
from collections.abc import Callable

import msgspec
import pytest

from gateway.commands.link import TimeBody
from gateway.errors import CommandRefused, LinkError
from gateway.headend.payloads import TimeAsk
from gateway.headend.timesync import AGAIN_S, ANSWER_WITHIN_S, NUDGE_MS, TimeSync
from gateway.headend.topics import Topics
from tests.counter import HandClock


class Line:
    """A link that the test connects and breaks; `sent` are the nonces asked, `broken` refuses to send."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.broken = False
        self.sessions = 0
        self.losing: dict[int, asyncio.Event] = {}
        self.waited_for: list[int] = []

    async def connected(self) -> int:
        self.sessions += 1
        self.losing[self.sessions] = asyncio.Event()
        return self.sessions

    async def lost(self, session: int) -> None:
        self.waited_for.append(session)
        await self.losing[session].wait()

    async def send(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self.sent.append((topic, msgspec.json.decode(payload, type=TimeAsk).nonce))
        if self.broken:
            raise LinkError("gone")


class Stopwatch(HandClock):
    """Who sleeps says for how long, and goes on when the test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.asleep: dict[float, asyncio.Event] = {}
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.asleep[seconds] = asyncio.Event()
        await self.asleep[seconds].wait()


class Scene:
    """The asker with its line and stopwatch; `verdict` is what the clock says of an answer."""

    def __init__(self) -> None:
        self.line, self.clock, self.verdict = Line(), Stopwatch(), True
        self.clock.advance(70_000)
        self.taken: list[tuple[int, int, int]] = []
        self.sync = TimeSync(self.line, self.clock, Topics("gw-1"), self._authenticate)  # type: ignore[arg-type]

    def _authenticate(self, utc_ms: int, at_ms: int, rtt_ms: int) -> bool:
        self.taken.append((utc_ms, at_ms, rtt_ms))
        return self.verdict

    def answer(self, utc_ms: int = 1) -> None:
        """The newest question is answered."""
        self.sync.answer(TimeBody(self.line.sent[-1][1], utc_ms))


async def settled() -> None:
    """Everything that can run has run."""
    for _ in range(12):
        await asyncio.sleep(0)


def scene(story: Callable[[Scene], object]) -> None:
    """Play a story with the asker running."""

    async def play() -> None:
        one = Scene()
        task = asyncio.create_task(one.sync.run())
        await settled()
        try:
            await story(one)  # type: ignore[misc]
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await settled()
        assert {left for left in asyncio.all_tasks() if left is not asyncio.current_task()} == set()

    asyncio.run(play())


def test_the_terms_of_asking() -> None:
    """Hourly, half a minute for an answer, a nudge after two seconds."""
    assert (AGAIN_S, ANSWER_WITHIN_S, NUDGE_MS) == (3600.0, 30.0, 2000)


def test_it_asks_until_somebody_answers_and_then_hourly() -> None:
    """Decision 16: each question has a nonce of its own, on its topic; an answer brings an hour of peace."""

    async def story(it: Scene) -> None:
        assert [topic for topic, _ in it.line.sent] == [Topics("gw-1").time_ask]
        assert it.clock.slept == [30.0]
        it.clock.asleep[30.0].set()
        await settled()
        assert len({nonce for _, nonce in it.line.sent}) == 2
        assert all(len(nonce) == 24 for _, nonce in it.line.sent)
        it.answer()
        await settled()
        assert it.clock.slept == [30.0, 30.0, 3600.0]
        assert len(it.line.sent) == 2
        it.clock.asleep[3600.0].set()
        await settled()
        assert len(it.line.sent) == 3
        assert it.clock.slept == [30.0, 30.0, 3600.0, 30.0]

    scene(story)


def test_an_answer_is_not_waited_for_when_there_was_one() -> None:
    """During the hour after an answer only the end of the session or of the hour asks again."""

    async def story(it: Scene) -> None:
        it.answer()
        await settled()
        it.clock.advance(NUDGE_MS + 1)
        it.sync.nudge()
        await settled()
        assert len(it.line.sent) == 1
        it.line.losing[1].set()
        await settled()
        assert it.line.sessions == 2
        assert len(it.line.sent) == 2

    scene(story)


def test_a_lost_session_begins_anew() -> None:
    """A new connection asks at once, whether the old one ended in silence or while sending."""

    async def story(it: Scene) -> None:
        it.line.losing[1].set()
        await settled()
        assert (it.line.sessions, len(it.line.sent)) == (2, 2)
        it.line.broken = True
        it.clock.asleep[30.0].set()
        await settled()
        assert it.line.sessions == 2  # it waits until the link has seen it, too
        assert it.line.waited_for == [1, 2, 2]
        it.line.broken = False
        it.line.losing[2].set()
        await settled()
        assert (it.line.sessions, len(it.line.sent)) == (3, 4)

    scene(story)


@pytest.mark.parametrize(("rtt_ms", "good"), [(0, True), (30_000, True), (30_001, False)])
def test_an_answer_is_in_time_for_thirty_seconds(rtt_ms: int, good: bool) -> None:
    """Threat 13: the clock is told when it arrived and how long it took; a late one is not passed on."""

    async def story(it: Scene) -> None:
        began_ms = it.clock.monotonic_ms()
        it.clock.advance(rtt_ms)
        if good:
            it.answer(77)
            assert it.taken == [(77, began_ms + rtt_ms, rtt_ms)]
            return
        with pytest.raises(CommandRefused) as refused:
            it.answer(77)
        assert (refused.value.reason, it.taken) == ("stale_command", [])
        assert "newest nonce" in str(refused.value.detail["hint"])

    scene(story)


def test_a_nonce_is_used_up_by_one_answer_and_another_is_never_taken() -> None:
    """Threat 13: neither a replayed answer nor one to a nonce that we did not send."""

    async def story(it: Scene) -> None:
        with pytest.raises(CommandRefused, match="stale_command"):
            it.sync.answer(TimeBody("not-our-nonce", 1))
        it.answer()
        with pytest.raises(CommandRefused, match="stale_command"):
            it.answer()
        assert len(it.taken) == 1

    scene(story)


def test_a_refused_answer_is_told_and_asked_again() -> None:
    """Decision 16: an answer that the clock does not believe is no answer; the question comes again in time."""

    async def story(it: Scene) -> None:
        it.verdict = False
        it.clock.advance(3)
        with pytest.raises(CommandRefused) as refused:
            it.answer(77)
        assert (refused.value.reason, refused.value.detail) == ("clock_untrusted", {"rtt_ms": 3, "utc_ms": 77})
        await settled()
        assert it.clock.slept == [30.0]
        it.clock.asleep[30.0].set()
        await settled()
        assert len(it.line.sent) == 2

    scene(story)


@pytest.mark.parametrize(("waited_ms", "again"), [(2000, False), (2001, True)])
def test_a_nudge_asks_again_when_nobody_answered_for_two_seconds(waited_ms: int, again: bool) -> None:
    """Somebody signed something, so the head-end is there: the old nonce is void and a new one is sent."""

    async def story(it: Scene) -> None:
        it.clock.advance(waited_ms)
        old = it.line.sent[-1][1]
        it.sync.nudge()
        if again:
            with pytest.raises(CommandRefused, match="stale_command"):
                it.answer()
        await settled()
        assert len(it.line.sent) == 1 + again
        assert (it.line.sent[-1][1] != old) is again

    scene(story)


def test_before_the_first_question_no_answer_counts() -> None:
    """Threat 13: an answer that nobody asked for is stale, and a nudge has nothing to ask again."""
    sync = Scene().sync
    with pytest.raises(CommandRefused, match="stale_command"):
        sync.answer(TimeBody("n" * 8, 1))
    sync.nudge()
