"""One channel at work on a real store: once each, through crashes, hangs, refusals and weeks of silence."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.alerts import outbox
from gateway.alerts.channel import Later, Never, Sent
from gateway.alerts.queue import HOUR_MS, UNSURE_MS, Limits
from gateway.prepayment.account import Account
from gateway.prepayment.ledger import Happening, Receipt, VerdictStatus
from gateway.prepayment.supply import SupplyState
from tests.alerts.post import ANNA, BRUNO, Scripted, StillClock, lived, post
from tests.alerts.test_queue import account
from tests.prepayment.worlds import NANO, at

S = SupplyState


def on(state: SupplyState, *, armed: bool = False) -> Account:
    """An account on this rung, whatever the books say."""
    return account(state, armed=armed)


def receipt(number: int = 1) -> Receipt:
    """The row of a top-up that was credited."""
    detail = (
        ("sequence", number),
        ("total_nano", number * 20 * NANO),
        ("channel", "web"),
        ("credited_nano", 20 * NANO),
        ("balance_nano", 26 * NANO),
    )
    return Receipt(at(), "CH-1", f"t-{number}", "top_up", number, VerdictStatus.APPLIED, "", detail)


@lived
async def test_one_row_one_message_to_each_who_is_told(tmp_path: Path) -> None:
    """S0-18: each in their language; the row of it names channel, template, masked person and row, and no address."""
    async with post(tmp_path, recipients=(ANNA, BRUNO), state=lambda _: on(S.LOW_CREDIT)) as p:
        p.start()
        await p.settle()
        seq = await p.tell("low")
        await p.settle()
        assert [(message.to, message.subject) for message in p.channel.sent] == [
            ("anna@example.org", "SES: credito in esaurimento"),
            ("bruno@example.org", "SES: Guthaben fast aufgebraucht"),
        ]
        rows = await p.rows()
        assert [row["detail"] for row in rows] == [
            {
                "channel": "email",
                "template": "low",
                "row": seq,
                "recipient": f"{number} {masked}",
                "tries": 1,
                "reference": "ref",
            }
            for number, masked in ((1, "a***@e***.org"), (2, "b***@e***.org"))
        ]
        assert {(row["what"], row["account_id"]) for row in rows} == {("alert.sent", "CH-1")}
        assert not any(b"anna@" in row.body for row in await p.store.rows_after(0, 1000))


@lived
async def test_rows_about_alerts_lead_to_no_alerts(tmp_path: Path) -> None:
    """No loop: what a channel writes wakes it and is nothing to it; a hundred looks later all is as it was."""
    async with post(tmp_path, state=lambda _: on(S.LIMITED)) as p:
        p.start()
        await p.settle()
        await p.tell("limited")
        await p.settle()
        before = (p.store.head.seq, len(p.channel.sent))
        for _ in range(100):
            p.outbox.wake()
            await asyncio.sleep(0)
        await p.settle()
        assert (p.store.head.seq, len(p.channel.sent)) == before == (before[0], 1)


@lived
async def test_a_new_channel_begins_with_what_is_told_from_now_on(tmp_path: Path) -> None:
    """The first start with a channel: a journal of years is history, not news."""
    async with post(tmp_path, state=lambda _: on(S.LOW_CREDIT)) as p:
        for _ in range(5):
            await p.tell("low")
    async with post(tmp_path, state=lambda _: on(S.LOW_CREDIT)) as p:
        p.start()
        await p.settle()
        assert p.channel.sent == []
        await p.tell("low")
        await p.settle()
        assert len(p.channel.sent) == 1


@lived
async def test_a_restart_sends_nothing_twice_and_forgets_nothing(tmp_path: Path) -> None:
    """S0-18: the rows say what is done; what was not done is sent after the restart."""
    clock = StillClock()
    answers = Scripted(answer=lambda message: Sent() if message.to == ANNA.to else Later("busy"))
    async with post(
        tmp_path, channel=answers, clock=clock, recipients=(ANNA, BRUNO), state=lambda _: on(S.LIMITED)
    ) as p:
        p.start()
        await p.settle()
        await p.tell("limited")
        await p.settle()
        assert [message.to for message in p.channel.sent] == [ANNA.to, BRUNO.to]
    told = []
    for _ in range(3):
        async with post(tmp_path, clock=clock, recipients=(ANNA, BRUNO), state=lambda _: on(S.LIMITED)) as p:
            p.start()
            await p.settle()
            assert p.channel.sent == [], "a start counts like a try that failed"
            clock.pass_by(HOUR_MS)
            await p.settle()
            told = [message.to for message in p.channel.sent]
            assert told in ([BRUNO.to], [])
    assert told == []
    async with post(tmp_path, clock=clock) as p:
        assert [row["detail"]["recipient"][0] for row in await p.rows()] == ["1", "2"]


@lived
async def test_a_crash_between_sending_and_the_row_sends_once_more(tmp_path: Path) -> None:
    """At least once: better a message twice than a cut without notice; the e-mail has the same Message-ID."""
    ids = []
    clock = StillClock()
    for attempt in range(2):
        channel = Scripted(hang=asyncio.Event() if attempt == 0 else None)
        async with post(tmp_path, channel=channel, clock=clock, state=lambda _: on(S.SUSPENDED)) as p:
            p.start()
            await p.settle()
            if attempt == 0:
                await p.tell("suspended")
            p.clock.pass_by(60_000)
            await p.until(lambda: p.channel.sent)
            ids.append(p.channel.sent[0].message_id)
            if attempt:
                await p.settle()
                assert len(p.channel.sent) == 1
    assert ids[0] == ids[1]
    assert ids[0].startswith("alert.gw-1.")


@lived
async def test_a_daemon_that_dies_again_and_again_is_no_storm(tmp_path: Path) -> None:
    """S0-18: fifty restarts in an hour, each killed in the middle of sending: the pauses grow across them."""
    sent = 0
    clock = StillClock()
    async with post(tmp_path, clock=clock) as p:
        p.start()
        await p.settle()
    async with post(tmp_path, clock=clock, state=lambda _: on(S.SUSPENDED)) as p:
        await p.tell("suspended")
    for _ in range(50):
        channel = Scripted(hang=asyncio.Event())
        async with post(tmp_path, channel=channel, clock=clock, state=lambda _: on(S.SUSPENDED)) as p:
            p.start()
            await p.settle()
            clock.pass_by(72_000)
            await p.settle()
            sent += len(channel.sent)
            await p.teller.note("checkpoint")  # the running time is saved
    assert sent <= 2


@lived
async def test_later_means_again_with_growing_pauses_and_then_never(tmp_path: Path) -> None:
    """A server that is away: tried for as long as the policy says, then given up, on record with its reason."""
    channel = Scripted(answer=lambda message: Later(f"mailbox {message.to} busy\nsecond line"))
    async with post(tmp_path, channel=channel, limits=Limits("Europe/Zurich", give_up_ms=6 * HOUR_MS)) as p:
        p.outbox.queue.account_of = lambda _: on(S.LIMITED)
        p.start()
        await p.settle()
        seq = await p.tell("limited")
        await p.settle()
        for _ in range(7 * 60):
            p.clock.pass_by(60_000)
            await p.settle() if p.outbox.queue.next(p.clock.now()) else await asyncio.sleep(0)
        await p.settle()
        assert 8 <= len(p.channel.sent) <= 14
        (row,) = await p.rows()
        assert (row["what"], row["detail"]["row"]) == ("alert.given_up", seq)
        assert row["detail"]["reason"] == "mailbox a***@e***.org busy second line"
        assert p.outbox.queue.jobs == {}


@lived
async def test_never_gives_up_at_once_and_goes_on(tmp_path: Path) -> None:
    """A number that is none: nobody else waits for it."""
    channel = Scripted(
        answer=lambda message: Never("recipient refused: 550 5.1.1") if message.to == ANNA.to else Sent()
    )
    async with post(tmp_path, channel=channel, recipients=(ANNA, BRUNO), state=lambda _: on(S.LIMITED)) as p:
        p.start()
        await p.settle()
        await p.tell("limited")
        await p.settle()
        assert [(row["what"], row["detail"]["recipient"][0]) for row in await p.rows()] == [
            ("alert.given_up", "1"),
            ("alert.sent", "2"),
        ]


@lived
async def test_what_may_have_gone_is_tried_once_more_and_no_more(tmp_path: Path) -> None:
    """An SMS without an answer: twice at most, hours apart, and the row says that nobody knows."""
    async with post(tmp_path, channel=Scripted(answer=lambda _: Later("hung", may_have_gone=True))) as p:
        p.outbox.queue.account_of = lambda _: on(S.LIMITED)
        p.start()
        await p.settle()
        await p.tell("limited")
        await p.settle()
        assert len(p.channel.sent) == 1
        p.clock.pass_by(UNSURE_MS)
        await p.settle()
        assert len(p.channel.sent) == 2
        (row,) = await p.rows()
        assert (row["what"], row["detail"]["reason"]) == ("alert.given_up", "unconfirmed")


@lived
async def test_a_channel_that_hangs_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hung channel never disturbs the daemon: the attempt ends, the books go on, the stop comes through."""
    monkeypatch.setattr(outbox, "SEND_MAX_S", 0.05)
    async with post(tmp_path, channel=Scripted(hang=asyncio.Event()), state=lambda _: on(S.LIMITED)) as p:
        p.start()
        await p.settle()
        await p.tell("limited")
        await p.until(lambda: p.outbox.last)
        assert p.outbox.last == "the channel did not come back in time"
        await p.teller.note("still.here")
    assert p.channel.closed == 1


@lived
async def test_weeks_without_a_channel_end_in_one_row(tmp_path: Path) -> None:
    """Never a storm: what nobody needs to hear any more is counted, not sent."""
    clock = StillClock()
    async with post(tmp_path, clock=clock) as p:
        p.start()
        await p.settle()
    async with post(tmp_path, clock=clock) as p:
        first = await p.record(receipt(1))
        for number in range(2, 200):
            await p.record(receipt(number))
            p.clock.pass_by(HOUR_MS)
    clock.pass_by(14 * 24 * HOUR_MS)
    async with post(tmp_path, clock=clock) as p:
        p.start()
        await p.settle()
        assert p.channel.sent == []
        (row,) = await p.rows()
        assert row["what"] == "alert.expired"
        assert (row["detail"]["messages"], row["detail"]["first"]) == (199, first)
        await p.record(Receipt(p.clock.now(), "CH-1", "t", "top_up", 200, VerdictStatus.APPLIED, "", receipt().detail))
        await p.settle()
        assert len(p.channel.sent) == 1


@lived
async def test_a_channel_far_behind_begins_near_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full queue: how far behind a channel may be is bounded, and what was left out is on record."""
    monkeypatch.setattr(outbox, "BEHIND_MAX_ROWS", 10)
    async with post(tmp_path) as p:
        p.start()
        await p.settle()
    async with post(tmp_path) as p:
        for number in range(1, 31):
            await p.record(receipt(number))
    async with post(tmp_path) as p:
        p.start()
        await p.settle()
        p.clock.pass_by(60_000)
        await p.settle()
        skipped, *_ = await p.rows()
        assert skipped["what"] == "alert.expired"
        assert skipped["detail"]["rows"] > 20
        assert 7 <= len(p.channel.sent) <= 10


@lived
async def test_a_thousand_crossings_are_no_storm(tmp_path: Path) -> None:
    """S0-18: whatever happens in a day, the rates hold; only the newest word about the supply waits."""
    states = {"limited": S.LIMITED, "low": S.LOW_CREDIT}
    now = ["low"]
    async with post(tmp_path, state=lambda _: on(states[now[0]])) as p:
        p.start()
        await p.settle()
        for crossing in range(1000):
            now[0] = "limited" if crossing % 2 else "low"
            await p.tell(now[0])
            p.clock.pass_by(60_000)
            if crossing % 50 == 0:
                await p.settle()
        await p.settle()
        assert len(p.channel.sent) <= 2 * 12
        assert len(p.outbox.queue.jobs) <= 1


@lived
async def test_the_cursor_moves_in_steps_and_never_past_what_waits(tmp_path: Path) -> None:
    """Flash: a thousand rows that are nothing cost a few writes; a message that waits keeps the cursor before it."""
    channel = Scripted(answer=lambda _: Later("busy"))
    async with post(tmp_path, channel=channel, state=lambda _: on(S.LIMITED)) as p:
        p.start()
        await p.settle()
        began = await p.store.cursor("alerts.email")
        for _ in range(100):
            await p.record(*(Happening(at(), "", "nothing") for _ in range(10)))
        await p.settle()
        assert 800 <= await p.store.cursor("alerts.email") - began <= 1000
        seq = await p.tell("limited")
        for _ in range(100):
            await p.record(*(Happening(at(), "", "nothing") for _ in range(10)))
        await p.settle()
        assert await p.store.cursor("alerts.email") < seq


@lived
async def test_quiet_hours_keep_a_receipt_until_the_morning(tmp_path: Path) -> None:
    """Never for what announces a cut; everything else waits, through a restart too."""
    limits = Limits("Europe/Zurich", quiet=(8 * 60, 11 * 60))  # it is Monday, 09:00
    clock = StillClock()
    async with post(tmp_path, clock=clock, limits=limits, state=lambda _: on(S.LIMITED)) as p:
        p.start()
        await p.settle()
        await p.record(receipt())
        await p.tell("limited")
        await p.settle()
        assert [message.subject for message in p.channel.sent] == ["SES: potenza ridotta"]
    async with post(tmp_path, clock=clock, limits=limits, state=lambda _: on(S.LIMITED)) as p:
        p.start()
        await p.settle()
        assert p.channel.sent == []
        clock.pass_by(2 * HOUR_MS)
        await p.settle()
        assert [message.subject for message in p.channel.sent] == ["Ricevuta di ricarica n. 1"]


@lived
async def test_an_sms_has_the_short_text(tmp_path: Path) -> None:
    """4.6: the SMS of the same row, without subject."""
    async with post(tmp_path, channel=Scripted("sms"), state=lambda _: on(S.SUSPENDED)) as p:
        p.start()
        await p.settle()
        await p.tell("suspended")
        await p.settle()
        (message,) = p.channel.sent
        assert message.subject == ""
        assert message.text.endswith("la riattivazione è immediata. Info 0848 238 238.")
        assert await p.store.cursor("alerts.sms") > 0
