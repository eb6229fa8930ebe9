"""The reference head-end on a real broker, beside a gateway that says what this one would never say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from gateway.headend.connection import MqttLink
from gateway.headend.link import Broker
from gateway.headend.payloads import Status, TimeAsk, VerdictMessage
from gateway.prepayment.events import Moment, TimeTrust
from gateway.prepayment.ledger import Happening, Receipt, VerdictStatus
from gateway.reference import headend as module
from gateway.reference.book import Book
from gateway.reference.headend import HeadEnd
from gateway.reference.sign import new_signer
from tests.brokers import Mosquitto
from tests.headend.world import GATEWAY, until
from tests.prepayment.worlds import NANO
from tests.reference.rows import chained
from tests.reference.test_branches import rows

AT = Moment(1_700_000_000_000, TimeTrust.AUTHENTICATED, 5)


class Stage:
    """A head-end, and the wire on which a test plays the gateway; `heard` are the topics of what was sent to it."""

    def __init__(self, headend: HeadEnd, wire: MqttLink) -> None:
        self.headend = headend
        self.wire = wire
        self.heard: list[str] = []
        self.told: list[str] = []

    async def listen(self) -> None:
        """Keep what the head-end says."""
        async for message in self.wire.messages():
            self.heard.append(message.topic.removeprefix(self.headend.topics.command.removesuffix("command")))
            message.ack()

    async def say(self, topic: str, *payloads: bytes) -> None:
        """The gateway publishes."""
        for payload in payloads:
            await (await self.wire.send(topic, payload))


@asynccontextmanager
async def stage(port: int, book: Path, *, acknowledge: bool = True, signed: str = "headend") -> AsyncIterator[Stage]:
    """Both ends connected; the head-end's are the topics of a whole `watch`."""
    told: list[str] = []
    headend = HeadEnd(
        Broker("127.0.0.1", port, signed), GATEWAY, new_signer("k1", "utility"), Book(book), acknowledge=acknowledge,
        on_trouble=told.append,
    )  # fmt: skip
    topics = headend.topics
    inbound = (topics.ack, topics.resend, topics.time_answer, topics.command)
    wire = MqttLink(Broker("127.0.0.1", port, "the-gateway"), inbound, sleep=asyncio.sleep, on_trouble=told.append)
    async with headend:
        on = Stage(headend, wire)
        on.told = told
        tasks = [asyncio.ensure_future(part) for part in (wire.run(), on.listen())]
        try:
            async with asyncio.timeout(20):
                await wire.connected()
                await headend.connected()
                yield on
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


Story = Callable[[Stage], Awaitable[None]]


def play(port: int, book: Path, story: Story, *, acknowledge: bool = True) -> None:
    """One story."""

    async def whole() -> None:
        async with stage(port, book, acknowledge=acknowledge) as on:
            await story(on)

    asyncio.run(whole())


def quarter(number: int) -> bytes:
    """A quarter-hour as far as its place goes."""
    return msgspec.json.encode({"number": number, "account_id": "CH-1"})


def test_who_only_looks_begins_where_the_gateway_stands_and_answers_nothing(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """Decision 7, decision 16: a second pair of eyes takes no cursor, proves no time, asks for nothing again."""
    bodies = [row.body for row in chained([Happening(AT, "", f"what.{number}") for number in range(6)])]

    async def story(on: Stage) -> None:
        headend = on.headend
        await on.say(headend.topics.journal, bodies[3], bodies[5], bodies[4])
        await on.say(headend.topics.interval, quarter(40), quarter(41))
        await on.say(headend.topics.time_ask, msgspec.json.encode(TimeAsk("nonce-nonce-nonce")))
        await headend.until(lambda: len(headend.rows) == 3 and len(headend.intervals) == 2)
        await on.say(headend.topics.status, msgspec.json.encode(Status(GATEWAY, online=True, epoch="e", seq=9)))
        await headend.until(lambda: headend.status is not None)
        assert [row.seq for row in headend.rows] == [4, 5, 6]
        assert [one["number"] for one in headend.intervals] == [40, 41]
        assert headend.trouble == ""
        await asyncio.sleep(0.3)
        assert on.heard == []
        assert not (tmp_path / "book.json").exists()

    play(mosquitto.port, tmp_path / "book.json", story, acknowledge=False)


def test_rows_in_memory_are_bounded(mosquitto: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I20: years of rows do not fill a head-end's memory: the first are kept, all are checked and acknowledged."""
    monkeypatch.setattr(module, "ROWS_MAX", 2)
    bodies = [row.body for row in chained([Happening(AT, "", f"what.{number}") for number in range(4)])]

    async def story(on: Stage) -> None:
        headend = on.headend
        await on.say(headend.topics.journal, *bodies)
        await until(lambda: headend.book.read().place.seq == 4)
        assert [row.seq for row in headend.rows] == [1, 2]
        await until(lambda: "ack" in on.heard)

    play(mosquitto.port, tmp_path / "book.json", story)


def test_a_code_that_was_never_made_here_is_trouble(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Threat 22: the row comes from a whole journal, so only the book can tell that somebody has the gateway's key."""
    detail = (("sequence", 1), ("total_nano", 20 * NANO))
    row = Receipt(AT, "CH-1", "code-1-ab", "top_up", 1, VerdictStatus.APPLIED, "", detail)

    async def story(on: Stage) -> None:
        headend = on.headend
        await on.say(headend.topics.journal, *(row.body for row in chained([row])))
        await headend.until(lambda: headend.trouble)
        assert headend.trouble == "row 1: CH-1 took a code that was never made here"
        assert on.told == [headend.trouble]

    play(mosquitto.port, tmp_path / "book.json", story)


def test_rows_that_are_missing_of_another_branch_are_asked_for_but_not_at_each_row(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    """I23: a fork is told, its missing rows are asked for once, and nothing of it is acknowledged as the journal."""
    followed, other = rows("e-first", 2), rows("e-second", 9)

    async def story(on: Stage) -> None:
        headend = on.headend
        await on.say(headend.topics.journal, *(body for body, _ in followed))
        await until(lambda: headend.book.read().place.seq == 2)
        await on.say(headend.topics.journal, *(other[number][0] for number in (0, 1, 4, 5, 6)))
        await headend.until(lambda: any("the journal forks at row 1" in one for one in on.told))
        await until(lambda: "resend" in on.heard)
        await on.say(headend.topics.journal, other[7][0], other[2][0], other[3][0])
        await until(lambda: [branch.seq for branch in headend.book.read().trail.others] == [8])
        assert on.heard.count("resend") == 1
        assert headend.book.read().place.head == followed[-1][1]

    play(mosquitto.port, tmp_path / "book.json", story)


def test_quarter_hours_alone_acknowledge_no_row(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Decision 7: before the first row there is nothing that could be acknowledged, whatever else arrives."""

    async def story(on: Stage) -> None:
        headend = on.headend
        await on.say(headend.topics.interval, quarter(1))
        await headend.until(lambda: headend.intervals)
        await asyncio.sleep(module.ACK_AFTER_S * 2)
        assert on.heard == []
        assert headend.book.read().place.seq == 0

    play(mosquitto.port, tmp_path / "book.json", story)


def test_a_sale_that_is_refused_is_not_booked(mosquitto: Mosquitto, tmp_path: Path) -> None:
    """Decision 4, I3: the number of a refused sale is free again, and its amount is in no total."""

    async def story(on: Stage) -> None:
        headend = on.headend
        selling = asyncio.ensure_future(headend.topup("CH-1", "900.00", "CHF"))
        await until(lambda: "command" in on.heard)
        jti = headend.book.read().pending["CH-1"].jti
        verdict = VerdictMessage(jti, VerdictStatus.REFUSED, "2027-09-30T03:59:35.172Z", reason="above_cap")
        await on.say(headend.topics.verdict, msgspec.json.encode(verdict))
        assert (await selling).reason == "above_cap"
        content = headend.book.read()
        assert content.pending == {}
        assert content.topups == {}
        assert headend.unanswered_nano("CH-1") is None

    play(mosquitto.port, tmp_path / "book.json", story)
    assert json.loads((tmp_path / "book.json").read_text())["pending"] == {}
