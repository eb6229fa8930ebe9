"""Gateway and head-end over real brokers: commands once, rows all and in order, whatever breaks in between."""

import asyncio
from pathlib import Path

import pytest

from gateway.commands import Body, Command
from gateway.commands.agreement import AccountCloseBody, PowerSetBody
from gateway.commands.credit import TopUpBody
from gateway.commands.link import AckBody, ReadNowBody, ResendBody
from gateway.commands.protection import HoldReleaseBody, HoldSetBody
from gateway.headend.link import Broker
from gateway.headend.mqtt import INBOUND_MAX
from gateway.prepayment.events import HoldKind, TimeTrust
from gateway.prepayment.money import NANO
from gateway.reference.book import Book
from gateway.reference.headend import HeadEnd, NoAnswer
from gateway.reference.sign import new_signer
from tests.brokers import ChildBroker, Mosquitto
from tests.headend.world import ACCOUNT, GATEWAY, World, until


@pytest.fixture
def world(broker: ChildBroker, tmp_path: Path) -> World:
    """A gateway on each of the two brokers."""
    return World(tmp_path, broker.port)


@pytest.fixture
def reference(mosquitto: Mosquitto, tmp_path: Path) -> World:
    """A gateway on mosquitto alone."""
    return World(tmp_path, mosquitto.port)


def top_up(sequence: int, amount: str, total: str, *, currency: str = "CHF", account_id: str = ACCOUNT) -> TopUpBody:
    """A top-up as the account counts it."""
    return TopUpBody(account_id, sequence, amount, total, currency, "web")


async def test_a_top_up_is_credited_and_answered(world: World) -> None:
    """A signed top-up is credited once, committed, and its verdict names balance and receipt (I3, I4)."""
    async with world.gateway() as gateway, world.headend() as headend:
        verdict = await headend.topup(ACCOUNT, "20.00", "CHF")
        assert (verdict.status, verdict.balance, verdict.currency) == ("applied", "40.00", "CHF")
        assert gateway.balance_nano == 40 * NANO
        row = await gateway.store.row(verdict.journal_seq or 0)
        assert row is not None
        assert verdict.jti.encode() in row.body


async def test_rows_arrive_whole_and_move_the_cursor(world: World) -> None:
    """The head-end receives every row in order with an unbroken chain, and its signed ack moves the cursor."""
    async with world.gateway() as gateway, world.headend() as headend:
        for _ in range(30):
            await headend.topup(ACCOUNT, "1.00", "CHF")
        await headend.until(lambda: len(headend.rows) == gateway.store.head.seq)
        assert [row.seq for row in headend.rows] == list(range(1, gateway.store.head.seq + 1))
        assert headend.rows[-1].hash == gateway.store.head.hash
        while await gateway.store.cursor() < gateway.store.head.seq:
            await asyncio.sleep(0.02)
        assert headend.trouble == ""


async def test_the_time_is_proven_by_a_signed_answer(world: World) -> None:
    """A signed answer to our nonce makes the time AUTHENTICATED (decision 16)."""
    async with world.headend() as headend:
        await headend.connected()
        async with world.gateway() as gateway:
            await until(lambda: gateway.clock.now().trust is TimeTrust.AUTHENTICATED)


async def test_the_status_says_who_is_there(reference: World) -> None:
    """Status is retained, carries epoch, head and challenge, and turns to offline when the gateway vanishes."""
    async with reference.gateway() as gateway:
        async with reference.headend(follow=False) as headend:
            await headend.until(lambda: headend.status is not None and headend.status.online)
            assert headend.status is not None
            assert headend.status.epoch == gateway.store.epoch
            assert headend.status.challenge
        await gateway.headend.farewell()
        async with reference.headend(follow=False) as headend:
            await headend.until(lambda: headend.status is not None)
            assert headend.status is not None
            assert not headend.status.online


async def test_a_redelivered_command_gets_its_first_verdict(world: World) -> None:
    """The same token twice credits once; the second verdict is the stored one (I3)."""
    async with world.gateway() as gateway, world.headend() as headend:
        jti, token = headend.sign(Command.TOP_UP, top_up(1, "5.00", "5.00"))
        first = await headend.send_token(jti, token)
        again = await headend.send_token(jti, token)
        assert (first.status, first.duplicate) == ("applied", False)
        assert (again.status, again.duplicate, again.journal_seq) == ("applied", True, first.journal_seq)
        assert gateway.balance_nano == 25 * NANO


async def test_a_crash_before_the_acknowledgement_credits_once(world: World) -> None:
    """A command that was committed but not acknowledged to the broker comes again and credits nothing (I3, I4)."""
    async with world.headend() as headend:
        await headend.connected()
        async with world.gateway() as gateway:
            assert world.link is not None
            inbound = world.link._inbound
            gateway.task.cancel()  # the link goes, what it delivers next stays unacknowledged in the broker
            await asyncio.wait({gateway.task})
            jti, token = headend.sign(Command.TOP_UP, top_up(1, "5.00", "5.00"))
            await (await headend.link.send(headend.topics.command, token))
            # An answer to what the gateway asked before may lie there unread; the command may not.
            assert not any(message.topic == headend.topics.command for message in inbound._queue)  # type: ignore[attr-defined]
        waiting = asyncio.create_task(headend.send_token(jti, token))  # and once more, for good measure
        async with world.gateway() as gateway:
            verdict = await waiting
            await headend.until(lambda: any(row.body["type"] == "entry" and row.seq > 2 for row in headend.rows))
            assert verdict.status == "applied"
            assert gateway.balance_nano == 25 * NANO


async def test_top_ups_out_of_order_add_up(world: World) -> None:
    """The later total arrives first; the earlier one is then already included (decision 4).

    What goes beyond its own amount is credited once the head-end has confirmed the new books (threat 3).
    """
    async with world.gateway() as gateway, world.headend() as headend:
        later = await headend.command(Command.TOP_UP, top_up(2, "10.00", "15.00"))
        earlier = await headend.command(Command.TOP_UP, top_up(1, "5.00", "5.00"))
        assert (later.status, earlier.status) == ("applied", "already_included")
        await until(lambda: gateway.balance_nano == 35 * NANO)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (top_up(1, "5.00", "5.00", currency="EUR"), "wrong_currency"),
        (top_up(1, "500000.00", "500000.00"), "above_cap"),
        (top_up(1, "5.00", "5.00", account_id="CH-9"), "unknown_account"),
        (top_up(1, "6.00", "5.00"), "bad_payload"),
    ],
)
async def test_a_wrong_top_up_changes_nothing(reference: World, body: Body, reason: str) -> None:
    """Wrong currency, above the cap, unknown account, impossible amounts: a reason, and the balance stays."""
    async with reference.gateway() as gateway, reference.headend(follow=False) as headend:
        verdict = await headend.command(Command.TOP_UP, body)
        assert verdict.status == "refused"
        assert verdict.reason == reason
        assert gateway.balance_nano == 20 * NANO


async def test_a_forged_command_is_refused_and_named(world: World) -> None:
    """A flipped bit and a stranger's key change nothing; the verdict carries the claimed id and why (I14)."""
    async with world.gateway() as gateway, world.headend(follow=False) as headend:
        jti, token = headend.sign(Command.TOP_UP, top_up(1, "5.00", "5.00"))
        flipped = token[:-1] + (b"A" if token[-1:] != b"A" else b"Q")
        verdict = await headend.send_token(jti, flipped)
        assert (verdict.status, verdict.reason) == ("refused", "bad_signature")
        stranger = world.headend(follow=False, signer=new_signer("k9", "utility"))
        verdict = await headend.send_token(*stranger.sign(Command.TOP_UP, top_up(1, "5.00", "5.00")))
        assert verdict.reason == "unknown_key"
        assert gateway.balance_nano == 20 * NANO


async def test_hurtful_commands_need_the_challenge(reference: World) -> None:
    """Without proven time a power change without the current challenge is stale; with it, applied (decision 17)."""
    async with reference.gateway() as gateway, reference.headend(follow=False) as headend:
        await headend.until(lambda: headend.status)
        status, headend.status = headend.status, None
        stale = await headend.send_token(*headend.sign(Command.POWER_SET, PowerSetBody(ACCOUNT, 4500)))
        assert (stale.status, stale.reason) == ("refused", "stale_command")
        headend.status = status
        assert (await headend.command(Command.POWER_SET, PowerSetBody(ACCOUNT, 4500))).status == "applied"
        account = gateway.teller.account(ACCOUNT)
        assert account is not None
        assert account.contract_power_w == 4500


async def test_the_other_commands_reach_the_account(reference: World) -> None:
    """Holds, read now and closing arrive signed and are answered."""
    async with reference.gateway(), reference.headend(follow=False) as headend:
        orders: list[tuple[Command, Body]] = [
            (Command.HOLD_SET, HoldSetBody(ACCOUNT, "h1", HoldKind.LIFE_SUPPORT)),
            (Command.HOLD_RELEASE, HoldReleaseBody(ACCOUNT, "h1")),
            (Command.READ_NOW, ReadNowBody(ACCOUNT)),
            (Command.ACCOUNT_CLOSE, AccountCloseBody(ACCOUNT, "moved out")),
        ]
        for command, body in orders:
            verdict = await headend.command(command, body)
            assert (command, verdict.status) == (command, "applied"), verdict


async def test_garbage_is_counted_and_the_daemon_goes_on(world: World) -> None:
    """Truncated, empty, binary and huge payloads change nothing, and the next top-up is applied (I21)."""
    async with world.gateway() as gateway, world.headend(follow=False) as headend:
        await headend.connected()
        _, token = headend.sign(Command.TOP_UP, top_up(1, "5.00", "5.00"))
        rows = gateway.store.head.seq
        for junk in (b"", b"\x00" * 100, token[:50], token[:-1], b"{}", b"a.b.c", b"x" * 17_000):
            for topic in gateway.headend._downlink._topics.inbound:
                await (await headend.link.send(topic, junk))
        assert (await headend.topup(ACCOUNT, "5.00", "CHF")).status == "applied"
        assert gateway.store.head.seq == rows + 4, "each kind of junk is on record once (I24)"


async def test_a_flood_of_junk_does_not_stop_a_top_up(reference: World) -> None:
    """Threat 25: thousands of junk messages pass at a bounded rate, answered rarely, never journaled one by one."""
    async with reference.gateway() as gateway, reference.headend(follow=False) as headend:
        await headend.connected()
        rows = gateway.store.head.seq
        answers: list[str] = []
        headend._verdict = lambda verdict: answers.append(verdict.reason)  # type: ignore[method-assign]
        for number in range(600):
            await headend.link.send(headend.topics.command, b"junk %d" % number)
        del headend._verdict
        assert (await headend.topup(ACCOUNT, "5.00", "CHF", timeout_s=15)).status == "applied"
        assert gateway.store.head.seq == rows + 3
        assert len(answers) < 40
        assert waiting(reference) <= INBOUND_MAX


def waiting(world: World) -> int:
    """How much waits in memory."""
    assert world.link is not None
    return world.link._inbound.qsize()


async def test_a_retained_command_is_refused(reference: World) -> None:
    """A command the broker kept and hands to each new subscriber is refused, however well signed."""
    async with reference.headend(follow=False) as headend:
        await headend.connected()
        _, token = headend.sign(Command.TOP_UP, top_up(1, "5.00", "5.00"))
        await (await headend.link.send(headend.topics.command, token, retain=True))
        reasons: list[str] = []
        headend._verdict = lambda verdict: reasons.append(verdict.reason)  # type: ignore[method-assign]
        async with reference.gateway() as gateway:
            await headend.until(lambda: reasons)
            assert reasons == ["retained"]
            assert gateway.balance_nano == 20 * NANO


async def test_signed_nonsense_is_on_record(reference: World) -> None:
    """A trusted sender's mistake is refused with its id, and recorded (I24)."""
    async with reference.gateway() as gateway, reference.headend(follow=False) as headend:
        elsewhere = HeadEnd(
            Broker("127.0.0.1", reference.port, "x"), "gw-2", reference.signer, reference.book, follow=False
        )
        jti, token = elsewhere.sign(Command.TOP_UP, top_up(1, "5.00", "5.00"))
        verdict = await headend.send_token(jti, token)
        assert (verdict.reason, verdict.jti) == ("wrong_audience", jti)
        assert any(b"headend.refused" in row and jti.encode() in row for row in await gateway.happenings())


async def test_each_topic_takes_its_own_kind(reference: World) -> None:
    """An acknowledgement on the command topic, or a top-up on the ack topic, is refused, and on record (I24)."""
    async with reference.gateway() as gateway, reference.headend(follow=False) as headend:
        wrong: list[tuple[Command, Body, str]] = [
            (Command.ACK, AckBody("0" * 16, 1, "0" * 64), headend.topics.command),
            (Command.RESEND, ResendBody(1, 1), headend.topics.ack),
            (Command.TOP_UP, top_up(1, "5.00", "5.00"), headend.topics.ack),
        ]
        for command, body, topic in wrong:
            jti, token = headend.sign(command, body)
            verdict = await headend.send_token(jti, token, topic=topic)
            assert verdict.reason == "unknown_command"
            assert any(b"headend.refused" in row and jti.encode() in row for row in await gateway.happenings())
        assert gateway.balance_nano == 20 * NANO


async def test_an_ack_with_a_wrong_head_is_a_fork(reference: World) -> None:
    """A head that is not ours moves nothing and is put on record once (decision 7, threat 4)."""
    async with reference.gateway() as gateway, reference.headend(follow=False) as headend:
        for _ in range(2):
            body = AckBody(gateway.store.epoch, 2, "ab" * 32)
            verdict = await headend.send_token(*headend.sign(Command.ACK, body), topic=headend.topics.ack)
            assert (verdict.status, verdict.reason) == ("refused", "fork")
        assert await gateway.store.cursor() == 0
        assert sum(b"headend.fork" in row for row in await gateway.happenings()) == 1


async def test_rows_are_sent_again_on_request(reference: World) -> None:
    """Decision 7: a resend brings the rows again, the cursor stays; rows that do not exist are refused."""
    async with reference.gateway() as gateway, reference.headend() as headend:
        for _ in range(40):
            await headend.topup(ACCOUNT, "1.00", "CHF")
        while await gateway.store.cursor() < gateway.store.head.seq:
            await asyncio.sleep(0.02)
        cursor = await gateway.store.cursor()
        fresh = reference.headend(book=Book(reference.folder / "another.json"))
        fresh.link._broker = Broker("127.0.0.1", reference.port, "another")
        async with fresh:
            await fresh.connected()
            assert (await fresh.resend(1, 10_000)).status == "applied"
            await fresh.until(lambda: len(fresh.rows) == gateway.store.head.seq)
            assert await gateway.store.cursor() == cursor
            assert (await fresh.resend(9_999, 10_000)).reason == "bad_payload"


async def test_a_head_end_that_lost_its_book_asks_for_what_is_missing(reference: World) -> None:
    """The first row after an unknown past shows the gap, and the rows come."""
    async with reference.gateway() as gateway:
        async with reference.headend() as headend:
            await headend.topup(ACCOUNT, "1.00", "CHF")
            while await gateway.store.cursor() < gateway.store.head.seq:
                await asyncio.sleep(0.02)
        reference.book.path.unlink()
        async with reference.headend() as headend:
            await headend.connected()
            await headend.command(Command.TOP_UP, top_up(2, "1.00", "2.00"))
            await headend.until(lambda: len(headend.rows) == gateway.store.head.seq)


async def test_the_cursor_survives_a_restart(reference: World) -> None:
    """After a restart only what was not acknowledged is sent; the new epoch continues the chain (decision 7)."""
    async with reference.headend() as headend:
        async with reference.gateway() as gateway:
            await headend.topup(ACCOUNT, "1.00", "CHF")
            while await gateway.store.cursor() < gateway.store.head.seq:
                await asyncio.sleep(0.02)
            before = gateway.store.head.seq
        async with reference.gateway() as gateway:
            await headend.until(lambda: headend.rows[-1].seq == gateway.store.head.seq)
            assert await gateway.store.cursor() >= before
            assert headend.rows[before].body["type"] == "epoch"
            assert headend.trouble == ""


@pytest.mark.parametrize("acknowledges", [True, False])
async def test_a_broker_that_loses_everything_loses_no_row(
    mosquitto: Mosquitto, tmp_path: Path, acknowledges: bool
) -> None:
    """Kill -9 of the broker in the middle: with acknowledgements every row arrives, in order (threat 20, I23)."""
    world = World(tmp_path, mosquitto.port, acknowledges=acknowledges)
    async with world.gateway() as gateway, world.headend() as headend:
        await headend.topup(ACCOUNT, "1.00", "CHF")
        for round_ in range(3):
            for number in range(20):
                await gateway.teller.note("test.row", (("round", round_), ("number", number)))
            await asyncio.to_thread(mosquitto.kill)
            for number in range(20):
                await gateway.teller.note("test.row", (("round", round_), ("number", number)))
            await asyncio.to_thread(mosquitto.start)
        if acknowledges:
            await headend.until(lambda: len(headend.rows) == gateway.store.head.seq, timeout_s=30)
            assert [row.seq for row in headend.rows] == list(range(1, gateway.store.head.seq + 1))
        while await gateway.store.cursor() < gateway.store.head.seq:
            await asyncio.sleep(0.02)


async def test_nobody_answers_when_the_gateway_is_away(reference: World) -> None:
    """A top-up to an absent gateway is kept and sent again with the same id: it is credited once."""
    async with reference.gateway():
        pass
    async with reference.headend() as headend:
        with pytest.raises(NoAnswer):
            await headend.topup(ACCOUNT, "5.00", "CHF", timeout_s=0.3)
        async with reference.gateway() as gateway:
            verdict = await headend.topup(ACCOUNT, "7.00", "CHF")
            assert verdict.status == "applied"
            assert gateway.balance_nano == 32 * NANO


async def test_live_values_are_published_and_dropped(reference: World) -> None:
    """A reading is shown while somebody may see it, and dropped without a connection."""
    async with reference.gateway() as gateway, reference.headend() as headend:
        account = gateway.teller.account(ACCOUNT)
        assert account is not None
        await headend.connected()
        for power_w in (100, 200):
            assert gateway.headend.live.publish(
                account, gateway.clock.now(), switch=None, power_w=power_w, limit_w=None, import_wh=5
            )
        await headend.until(lambda: headend.live and headend.live[ACCOUNT].power_w == 200)
        assert headend.live[ACCOUNT].balance == "20.00"
        gateway.task.cancel()
        await asyncio.wait({gateway.task})
        assert not gateway.headend.live.publish(
            account, gateway.clock.now(), switch=None, power_w=1, limit_w=None, import_wh=5
        )


def test_the_gateway_id_names_every_topic() -> None:
    """Two gateways on one broker never share a topic."""
    from gateway.headend.topics import Topics

    one, other = Topics(GATEWAY), Topics("gw-2")
    assert not {*one.inbound, *one.outbound} & {*other.inbound, *other.outbound}
    assert all(topic.startswith("prepaid/1/gw-1/") for topic in (*one.inbound, *one.outbound))
