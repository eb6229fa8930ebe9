"""Documents over a real broker: asked for, refused, delivered whole, taken up again after a break."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from gateway.commands import Command
from gateway.commands.documents import DocumentBody
from gateway.documents.key import load_or_make
from gateway.documents.seal import Document
from gateway.documents.verify import verified
from gateway.errors import LinkError
from gateway.headend import delivery
from gateway.headend.payloads import DocumentPart, VerdictMessage
from gateway.prepayment.civil import local_date
from gateway.prepayment.export import DocumentKind, Form
from gateway.reference.headend import HeadEnd
from tests.brokers import Mosquitto
from tests.headend.world import ACCOUNT, Running, World, until

KIND = DocumentKind


@pytest.fixture
def world(mosquitto: Mosquitto, tmp_path: Path) -> World:
    """A gateway with a key of its own."""
    world = World(tmp_path, mosquitto.port)
    world.device = asyncio.run(load_or_make(tmp_path, _nothing))
    return world


async def _nothing(_what: str, _detail: object) -> None:
    pass


def body(gateway: Running, kind: DocumentKind, *, days: int = 1, **more: object) -> DocumentBody:
    """A request for the last days up to and with today."""
    today = local_date(gateway.clock.now().utc_ms, "Europe/Zurich")
    asked = DocumentBody(kind, today - timedelta(days=days - 1), today + timedelta(days=1), ACCOUNT)
    changed: DocumentBody = msgspec.structs.replace(asked, **more)
    return changed


@asynccontextmanager
async def both(world: World) -> AsyncIterator[tuple[Running, HeadEnd]]:
    """The head-end first, so that it answers when the gateway asks for the time."""
    async with world.headend() as headend:
        await headend.connected()
        async with world.gateway() as gateway:
            yield gateway, headend


async def proven(gateway: Running) -> None:
    """Wait until the head-end has told the time: documents are of days."""
    await until(lambda: gateway.clock.now().trust.proven)


def joined(parts: list[DocumentPart], name: str = "") -> Document:
    """What the parts say, each checked."""
    for part in parts:
        assert hashlib.sha256(base64.b64decode(part.data)).hexdigest() == part.sha256
    content = b"".join(base64.b64decode(part.data) for part in parts)
    first = parts[0]
    assert [part.part for part in parts] == list(range(1, first.parts + 1))
    return Document(first.name, first.content_type, content, first.seal.encode())


class Post:
    """What arrives on the topic of documents."""

    def __init__(self, headend: HeadEnd) -> None:
        self.parts: list[DocumentPart] = []
        headend.on_document = self.parts.append

    async def whole(self) -> list[DocumentPart]:
        """Wait for the last part."""
        await until(lambda: self.parts and self.parts[-1].part == self.parts[-1].parts)
        return self.parts


async def ask(headend: HeadEnd, gateway: Running, kind: DocumentKind, **more: object) -> VerdictMessage:
    """Ask as the head-end does."""
    await proven(gateway)
    return await headend.command(Command.DOCUMENT, body(gateway, kind, **more))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [KIND.STATEMENT, KIND.TOPUPS, KIND.EVIDENCE, KIND.LOAD_CURVE])
async def test_a_document_is_asked_for_and_arrives_signed(world: World, kind: DocumentKind) -> None:
    """S0-01, S0-17, S2-12, S4-07: verdict, then parts; put together they are what the gateway's key signed."""
    async with both(world) as (gateway, headend):
        post = Post(headend)
        await headend.topup(ACCOUNT, "20.00", "CHF")
        verdict = await ask(headend, gateway, kind)
        assert verdict.status == "applied"
        document = joined(await post.whole())
        assert post.parts[0].id == verdict.jti
        files = list(document.files.values())
        assert world.device is not None
        found = verified(files[0], files[1] if len(files) > 1 else None, world.device.private.public_key())
        assert found.seal.kind == kind.value
        rows = b"\n".join(await gateway.happenings())
        assert b'"what":"document.asked"' in rows
        assert b'"what":"document.sent"' in rows


async def test_the_status_carries_the_key_to_pin(world: World) -> None:
    """S2-12: whoever enrols the gateway sees its public key in the retained status."""
    async with world.gateway(), world.headend(follow=False) as headend:
        await headend.until(lambda: headend.status is not None and headend.status.online)
        assert headend.status is not None
        assert world.device is not None
        assert headend.status.device_key == world.device.public


async def test_what_is_beyond_the_limits_is_refused_with_what_would_be_right(world: World) -> None:
    """S4-07: too long, too old, of another account: a reason, nothing delivered, nothing on record as sent."""
    async with both(world) as (gateway, headend):
        post = Post(headend)
        for more, reason in (
            ({"days": 190}, "too_long"),
            ({"days": 600}, "too_old"),
            ({"account_id": "CH-9"}, "unknown_account"),
            ({"form": Form.HTML}, "unknown_form"),
        ):
            verdict = await ask(headend, gateway, KIND.LOAD_CURVE, **more)
            assert (verdict.status, verdict.reason) == ("refused", reason)
        assert post.parts == []


async def test_what_cannot_be_made_says_so_on_its_topic(world: World) -> None:
    """S4-17: a month without a reading is no document; the asker hears why."""
    async with both(world) as (gateway, headend):
        post = Post(headend)
        await proven(gateway)
        first = (local_date(gateway.clock.now().utc_ms, "Europe/Zurich").replace(day=1) - timedelta(days=1)).replace(
            day=1
        )
        month = DocumentBody(KIND.MONTH, first, (first + timedelta(days=31)).replace(day=1), ACCOUNT)
        assert (await headend.command(Command.DOCUMENT, month)).status == "applied"
        await until(lambda: post.parts)
        assert (post.parts[0].parts, post.parts[0].reason) == (0, "month_not_finished")


async def test_a_large_document_comes_in_small_parts_and_survives_a_break(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threat 19, I20: no message above 128 KiB; a connection lost in the middle loses and repeats no part but one."""
    monkeypatch.setattr(delivery, "PART_BYTES", 150)
    async with both(world) as (gateway, headend):
        post = Post(headend)
        assert world.link is not None
        send, sent = world.link.send, 0

        async def breaking(topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[None]:
            nonlocal sent
            if "/document/" in topic:
                assert len(payload) < 128 * 1024
                sent += 1
                if sent == 3:
                    raise LinkError("the cable")
            return await send(topic, payload, retain=retain)

        monkeypatch.setattr(world.link, "send", breaking)
        monkeypatch.setattr(delivery, "RETRY_S", 0.01)
        monkeypatch.setattr(delivery, "PAUSE_S", 0.0)
        await ask(headend, gateway, KIND.EVIDENCE)
        parts = await post.whole()
        assert len(parts) > 4
        assert sent == len(parts) + 1
        (data,) = joined(parts).files.values()
        assert verified(data).rows > 0


async def test_parts_of_full_size_reach_the_head_end(world: World) -> None:
    """S4-07: half a year of quarter-hours goes in parts of 64 KiB, and a head-end takes each of them whole."""
    async with both(world) as (gateway, headend):
        post = Post(headend)
        assert (await ask(headend, gateway, KIND.LOAD_CURVE, days=60)).status == "applied"
        parts = await post.whole()
        assert max(len(base64.b64decode(part.data)) for part in parts) == delivery.PART_BYTES
        assert len(joined(parts).content) > delivery.PART_BYTES
        assert headend.trouble == ""


async def test_the_same_request_again_brings_the_same_again(world: World) -> None:
    """I3: a redelivered request is delivered again under its id; too many at once are told to wait."""
    async with both(world) as (gateway, headend):
        post = Post(headend)
        await proven(gateway)
        jti, token = headend.sign(Command.DOCUMENT, body(gateway, KIND.TOPUPS))
        for _ in range(2):
            post.parts.clear()
            assert (await headend.send_token(jti, token)).status == "applied"
            await post.whole()
            assert {part.id for part in post.parts} == {jti}


def test_parts_are_bounded() -> None:
    """I20: with base64, name and seal a part stays below 128 KiB."""
    document = Document("a" * 200, "text/csv", b"\xff" * 1_000_000, b"x" * 8192)
    sizes = [len(msgspec.json.encode(part)) for part in delivery.parts_of("i" * 64, document)]
    assert len(sizes) == -(-1_000_000 // delivery.PART_BYTES)
    assert max(sizes) < 128 * 1024
