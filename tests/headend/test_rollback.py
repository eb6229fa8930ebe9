"""Restored images, lost stores and clones, over a real broker: recognised at first contact, ended by a resync."""

import asyncio
import json
import shutil
from contextlib import AsyncExitStack
from pathlib import Path
from unittest.mock import AsyncMock

import pytest

from gateway.commands import Command
from gateway.commands.link import AckBody
from gateway.commands.protection import HoldSetBody, LockoutSetBody
from gateway.errors import CommandRefused
from gateway.headend.link import TAKEN_OVER
from gateway.headend.topics import Topics
from gateway.headend.uplink import FORKS_NOTED_MAX, Uplink
from gateway.prepayment.events import HoldKind, Reading, SuspicionCause
from gateway.prepayment.money import NANO
from gateway.prepayment.position import Resynced
from gateway.reference.branches import report, two_alive
from gateway.reference.cli import main
from gateway.reference.headend import HeadEnd
from gateway.reference.resync import resync
from tests.brokers import Mosquitto
from tests.counter import HandClock
from tests.headend.world import ACCOUNT, Running, World, until


@pytest.fixture
def world(mosquitto: Mosquitto, tmp_path: Path) -> World:
    """A gateway on mosquitto."""
    return World(tmp_path, mosquitto.port)


def image(world: World, name: str) -> Path:
    """A copy of all that the gateway keeps; only while it does not run."""
    kept = world.folder / name
    kept.mkdir()
    for file in world.folder.glob("store.db*"):
        shutil.copy2(file, kept / file.name)
    return kept


def restore(world: World, kept: Path) -> None:
    """Put an old card back."""
    for file in world.folder.glob("store.db*"):
        file.unlink()
    for file in kept.iterdir():
        shutil.copy2(file, world.folder / file.name)


async def read(gateway: Running, wh: int) -> None:
    """The meter is read until its register is believed; a quantum that allows it in a test's time."""
    for _ in range(4):
        await gateway.teller.post(ACCOUNT, Reading(gateway.clock.now(), wh, quantum_wh=100))


async def settled(gateway: Running) -> None:
    """Everything is booked, stored and acknowledged, as after an orderly end."""
    await until(lambda: gateway.teller.accounts[ACCOUNT].start is None or suspicion(gateway))
    gateway.teller.contact = AsyncMock()  # type: ignore[method-assign]  # closed books take no more, and the link goes on
    await gateway.teller.close()
    while await gateway.store.cursor() < gateway.store.head.seq:
        await asyncio.sleep(0.02)


def suspicion(gateway: Running) -> str:
    """Why the account is under suspicion; empty when it is not."""
    found = gateway.teller.accounts[ACCOUNT].suspicion
    return "" if found is None else found.cause.value


async def lost_branch(world: World, headend: HeadEnd) -> Path:
    """A gateway sells, is imaged, lives on with more money, a lock-out and a hold, and its card is put back."""
    async with world.gateway() as gateway:
        await read(gateway, 0)
        await headend.topup(ACCOUNT, "10.00", "CHF")
        await read(gateway, 100)
        await settled(gateway)
    kept = image(world, "old")
    async with world.gateway() as gateway:
        await headend.topup(ACCOUNT, "7.00", "CHF")
        await headend.command(Command.LOCKOUT_SET, LockoutSetBody(ACCOUNT, "line work"))
        await headend.command(Command.HOLD_SET, HoldSetBody(ACCOUNT, "h1", HoldKind.LIFE_SUPPORT))
        await read(gateway, 120)
        await settled(gateway)
    restore(world, kept)
    return kept


async def test_a_restored_image_is_recognised_at_first_contact_and_ended_by_a_resync(world: World) -> None:
    """Threat 3, I23: known before a row is acknowledged; lock-out, hold, money and register come back; both agree."""
    async with world.headend() as headend:
        await lost_branch(world, headend)
        lost = headend.book.read().place
        async with world.gateway() as gateway:
            await until(lambda: suspicion(gateway))
            assert suspicion(gateway) == SuspicionCause.FORK
            await headend.until(lambda: headend.status and headend.status.rollback)
            await headend.until(lambda: headend.status and headend.status.rollback and headend.status.challenge)
            await read(gateway, 130)
            await headend.until(lambda: headend.book.read().trail.others)
            verdicts = await resync(headend, headend.book.read())
            assert [verdict.status for verdict in verdicts] == ["applied"], verdicts
            account = gateway.teller.accounts[ACCOUNT]
            assert (account.lockout, [hold.hold_id for hold in account.holds]) == ("line work", ["h1"])
            await read(gateway, 130)
            assert gateway.balance_nano == (20 + 10 + 7) * NANO - 130 * 250_000, "each Wh once, each franc once"
            await headend.until(lambda: headend.status is not None and headend.status.rollback is None)
            while await gateway.store.cursor() < gateway.store.head.seq:
                await asyncio.sleep(0.02)
            assert headend.trouble == ""
            happened = [json.loads(row) for row in await gateway.happenings()]
            resynced = next(row for row in happened if row.get("what") == "rollback.resynced")
            assert resynced["detail"]["lost_head"] == lost.head, "both heads are on record"
            trail = headend.book.read().trail
            assert trail.main.head == gateway.store.head.hash
            assert trail.others[0].head == lost.head, "the lost branch is kept"
            assert list(world.folder.glob("book-branch-*.jsonl")), "rows of the other branch are kept as they came"
        async with world.gateway() as gateway:
            await headend.until(lambda: headend.status and headend.status.epoch == gateway.store.epoch)
            await until(lambda: gateway.teller.accounts[ACCOUNT].start is None)
            assert suspicion(gateway) == "", "what a resync has settled is not suspected again"


async def test_a_lost_store_credits_a_sale_once_and_never_a_life(world: World) -> None:
    """Threat 3: a store that began anew takes the lifetime total as known and credits what was bought now."""
    async with world.headend() as headend:
        async with world.gateway() as gateway:
            await read(gateway, 0)
            for _ in range(3):
                await headend.topup(ACCOUNT, "10.00", "CHF")
            await read(gateway, 100)
            await settled(gateway)
            truth_nano = gateway.balance_nano
        for file in world.folder.glob("store.db*"):
            file.unlink()
        async with world.gateway() as gateway:
            verdict = await headend.topup(ACCOUNT, "5.00", "CHF")
            assert (verdict.status, verdict.balance) == ("applied", "25.00"), "not 55.00"
            await until(lambda: suspicion(gateway))
            assert suspicion(gateway) == SuspicionCause.LOST
            await headend.until(lambda: headend.status and headend.status.rollback)
            await headend.until(lambda: headend.book.read().trail.others)
            assert "began anew" in "\n".join(report(headend.book.read().trail))
            verdicts = await resync(headend, headend.book.read())
            assert [verdict.status for verdict in verdicts] == ["applied"], verdicts
            await read(gateway, 140)
            assert gateway.balance_nano == truth_nano + 5 * NANO - 40 * 250_000
            assert gateway.teller.accounts[ACCOUNT].withheld_nano == 0
            assert (await headend.topup(ACCOUNT, "1.00", "CHF")).status == "applied"


async def test_a_clone_is_suspected_however_many_came_before_it(world: World) -> None:
    """Threat 4, I23: forks are noted only so often, but a suspicion that a resync has ended may begin again."""
    async with world.gateway() as gateway:
        uplink = Uplink(AsyncMock(), gateway.store, gateway.teller, Topics("gw-1"), clock=HandClock())

        async def fork(epoch: str, seq: int) -> None:
            with pytest.raises(CommandRefused):
                await uplink.acknowledge(AckBody(epoch, seq, "ab" * 32))

        async def noted() -> int:
            return sum(b"headend.fork" in row for row in await gateway.happenings())

        for seq in range(100, 100 + FORKS_NOTED_MAX + 5):
            await fork("clone-1", seq)
        assert await noted() == FORKS_NOTED_MAX
        known = gateway.teller.accounts[ACCOUNT].suspicion
        assert known is not None
        assert known.seq == 100 + FORKS_NOTED_MAX + 4, "a resync must know as much as the newest of them"
        await gateway.teller.post(
            ACCOUNT, Resynced(gateway.clock.now(), "r", gateway.store.epoch, "clone-1", 999, "ab" * 32, "CHF", None)
        )
        assert suspicion(gateway) == ""
        for seq in (200, 201):
            await fork("clone-1", seq)
            assert (suspicion(gateway), await noted()) == ("", FORKS_NOTED_MAX), "of a branch given up: no news"
        await fork("clone-2", 210)
        assert suspicion(gateway) != ""
        await fork("clone-2", 211)
        assert await noted() == FORKS_NOTED_MAX + 1


async def test_two_gateways_of_one_name_are_told_apart(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Threat 4: a clone speaks in turns with the original; the head-end names both, each gateway notes the other."""
    async with world.headend() as headend:
        async with world.gateway() as gateway:
            await settled(gateway)
        clone = World(world.folder / "clone", world.port)
        clone.folder.mkdir()
        clone.signer, clone.keys, clone.book = world.signer, world.keys, world.book
        for file in world.folder.glob("store.db*"):
            shutil.copy2(file, clone.folder / file.name)
        async with AsyncExitStack() as both:
            one = await both.enter_async_context(world.gateway())
            other = await both.enter_async_context(clone.gateway())
            await headend.until(lambda: two_alive(headend._branches.trail), timeout_s=20)
            assert set(two_alive(headend._branches.trail) or ()) == {one.store.epoch, other.store.epoch}
            await until(lambda: suspicion(one) or suspicion(other))
            for gateway in (one, other):
                while not any(b"headend.flapping" in row for row in await gateway.happenings()):
                    await asyncio.sleep(0.02)
            await headend.until(lambda: len(headend.book.read().trail.others) == 1)
        assert main(["branches", str(world.book.path)]) == 1
        said = capsys.readouterr().out
        assert "two gateways with one identity" in said
        assert one.store.epoch in said
        assert other.store.epoch in said


async def test_a_session_that_is_taken_over_is_on_record_once(tmp_path: Path, free_port: int) -> None:
    """Threat 4: a broker that says who took the name over (MQTT 5, 0x8E) leaves one row an hour, however often."""
    world, kicks = World(tmp_path, free_port), 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal kicks
        await reader.read(1000)
        writer.write(b"\x20\x03\x00\x00\x00")
        subscribe = await reader.read(1000)
        writer.write(b"\x90\x07" + subscribe[2:4] + b"\x00\x01\x01\x01\x01")
        await asyncio.sleep(0.1)
        writer.write(b"\xe0\x01\x8e")
        kicks += 1
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", free_port), world.gateway() as gateway:
        await until(lambda: kicks >= 3)
        rows = [json.loads(row) for row in await gateway.happenings()]
        assert sum(row.get("what") == "headend.taken_over" for row in rows) == 1
        assert any(TAKEN_OVER in trouble for trouble in world.troubles)
