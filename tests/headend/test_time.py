"""Time asked and answered: only the outstanding nonce counts, once, and in time (decision 16)."""

import asyncio

import msgspec
import pytest

from gateway.commands.link import TimeBody
from gateway.errors import CommandRefused
from gateway.headend.gate import Bucket, Junk
from gateway.headend.payloads import TimeAsk
from gateway.headend.timesync import ANSWER_WITHIN_S, NUDGE_MS, TimeSync
from gateway.headend.topics import Topics
from tests.counter import HandClock
from tests.headend.world import until


class Wire:
    """A link that is always there and remembers what was asked."""

    session = 1

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def run(self) -> None:
        """Nothing to keep up."""

    async def connected(self) -> int:
        return 1

    async def lost(self, session: int) -> None:
        await asyncio.Event().wait()

    async def send(self, topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[None]:
        self.asked.append(msgspec.json.decode(payload, type=TimeAsk).nonce)
        return asyncio.get_running_loop().create_future()

    def send_lossy(self, topic: str, payload: bytes) -> bool:
        return False

    def messages(self) -> None:
        raise NotImplementedError


class SlowClock(HandClock):
    """Time stands still while somebody sleeps."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()


async def test_only_the_outstanding_nonce_counts() -> None:
    """A wrong nonce, a second answer and a late one are stale; the right one sets the clock once."""
    wire, clock, taken = Wire(), SlowClock(), list[tuple[int, int, int]]()

    def authenticate(*answer: int) -> bool:
        taken.append((answer[0], answer[1], answer[2]))
        return True

    sync = TimeSync(wire, clock, Topics("gw"), authenticate)  # type: ignore[arg-type]
    task = asyncio.create_task(sync.run())
    await until(lambda: wire.asked)
    clock.advance(40)
    with pytest.raises(CommandRefused, match="stale_command"):
        sync.answer(TimeBody("another-nonce", 1))
    sync.answer(TimeBody(wire.asked[0], 1_800_000_000_000))
    assert taken == [(1_800_000_000_000, 40, 40)]
    with pytest.raises(CommandRefused, match="stale_command"):
        sync.answer(TimeBody(wire.asked[0], 1_800_000_000_000))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_late_or_worthless_answer_is_refused() -> None:
    """After 30 s the nonce is worth nothing, and the clock may refuse an answer by itself."""
    wire, clock = Wire(), SlowClock()
    sync = TimeSync(wire, clock, Topics("gw"), lambda *_: False)  # type: ignore[arg-type]
    task = asyncio.create_task(sync.run())
    await until(lambda: wire.asked)
    with pytest.raises(CommandRefused, match="clock_untrusted"):
        sync.answer(TimeBody(wire.asked[0], 1))
    clock.advance(NUDGE_MS + 1)
    sync._nonce = wire.asked[0]
    sync.nudge()
    await until(lambda: len(wire.asked) == 2)
    clock.advance(int(ANSWER_WITHIN_S * 1000) + 1)
    with pytest.raises(CommandRefused, match="stale_command"):
        sync.answer(TimeBody(wire.asked[1], 1))
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_gate_lets_a_burst_and_then_a_rate_through() -> None:
    """A bucket gives its burst at once, then its rate (threat 25)."""
    clock = HandClock()
    bucket = Bucket(clock, per_s=10, burst=5)
    assert [bucket.take() for _ in range(7)] == [True] * 5 + [False] * 2
    clock.advance(200)
    assert [bucket.take() for _ in range(3)] == [True, True, False]
    before_ms = clock.running_ms
    await bucket.wait()
    assert clock.running_ms - before_ms == 100


def test_junk_is_summarised() -> None:
    """Junk is told as one sum by reason, then forgotten (decision 7)."""
    junk = Junk()
    for reason in ("malformed", "bad_signature", "malformed", "malformed", "bad_signature"):
        junk.count(reason)
    assert junk.summary() == (("bad_signature", 1), ("malformed", 2))
    assert junk.summary() == ()


def test_the_first_junk_of_a_kind_is_told_at_once() -> None:
    """I24: a power cut before the next sum leaves a trace of each kind of attack; later ones wait for the sum."""
    junk = Junk()
    told = [junk.count(reason) for reason in ("malformed", "malformed", "unknown_key")]
    assert told == [(("malformed", 1),), (), (("unknown_key", 1),)]
    assert junk.summary() == (("malformed", 1),)
    assert junk.count("malformed") == ()
