"""Commands at the teller: carried out once, refused with a reason on record, never able to keep the gateway down."""

import asyncio
import json
import subprocess
import sys
import tomllib
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.commands import Command
from gateway.commands.agreement import AccountCloseBody, AccountOpenBody, PowerSetBody
from gateway.commands.credit import TopUpBody
from gateway.commands.link import ReadNowBody, TimeBody
from gateway.config.policies import PolicyDocument
from gateway.config.tariffs import TariffDocument
from gateway.errors import CommandRefused
from gateway.prepayment.account import Account, Terms
from gateway.prepayment.events import AccountOpened, TimeTrust
from gateway.prepayment.ledger import VerdictStatus
from gateway.store import Answer, Store
from gateway.teller import Teller
from tests.counter import Counter, opening
from tests.prepayment.worlds import NANO

CONFIG = Path(__file__).parent.parent / "config"
APPLIED, REFUSED, INCLUDED = VerdictStatus.APPLIED, VerdictStatus.REFUSED, VerdictStatus.ALREADY_INCLUDED


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    """Books in a fresh file."""
    return Counter(tmp_path / "store.db")


def run(story: Coroutine[Any, Any, None]) -> None:
    """One test's story."""
    asyncio.run(story)


async def types(store: Store) -> list[str]:
    """What the journal holds, in order."""
    return [json.loads(row.body)["type"] for row in await store.rows_after(0, 1_000)]


def test_a_top_up_is_answered_with_the_balance_and_its_row(counter: Counter) -> None:
    """I4: entry, receipt, account and used id are one transaction, and the answer says where to find it."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        answer = await teller.execute(counter.top_up(5 * NANO))
        assert (answer.status, answer.balance_nano, answer.currency) == (APPLIED, 25 * NANO, "CHF")
        row = await counter.store.row(answer.journal_seq)
        assert row is not None
        receipt = json.loads(row.body)
        assert (receipt["type"], receipt["command_id"], receipt["status"]) == ("receipt", "jti-1", "applied")
        assert (await types(counter.store))[-2:] == ["entry", "receipt"]
        await counter.crash()
        teller = await counter.start()
        assert teller.accounts["CH-1"].balance_nano == 25 * NANO
        await counter.stop()

    run(story())


def test_a_redelivered_command_gets_the_stored_answer(counter: Counter) -> None:
    """I3: the same id again, also after a restart, changes nothing, adds no row and answers the same (threat 1)."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        order = counter.top_up(5 * NANO)
        first = await teller.execute(order)
        again = await teller.execute(order)
        assert again == replace(first, duplicate=True)
        await counter.stop()
        teller = await counter.start()
        rows = counter.store.head.seq
        assert await teller.execute(order) == replace(first, duplicate=True)
        assert counter.store.head.seq == rows
        assert teller.accounts["CH-1"].balance_nano == 25 * NANO
        await counter.stop()

    run(story())


def test_the_same_top_up_signed_anew_credits_nothing(counter: Counter) -> None:
    """Decision 4: another id with the account's old sequence is already included."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        await teller.execute(counter.top_up(5 * NANO))
        body = TopUpBody("CH-1", 1, "5.00", "5.00", "CHF", "counter")
        answer = await teller.execute(counter.order(Command.TOP_UP, body))
        assert (answer.status, answer.balance_nano) == (INCLUDED, 25 * NANO)
        await counter.stop()

    run(story())


def test_an_issuer_counts_upwards_but_top_ups_may_come_late(counter: Counter) -> None:
    """I15: a command numbered below an executed one is refused; top-ups have the account's own sequence."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        top_up = counter.top_up(5 * NANO)
        newer = await teller.execute(counter.order(Command.POWER_SET, PowerSetBody("CH-1", 4_000), sequence=9))
        older = await teller.execute(counter.order(Command.POWER_SET, PowerSetBody("CH-1", 6_000), sequence=8))
        assert (newer.status, older.status, older.reason) == (APPLIED, REFUSED, "out_of_sequence")
        assert older.detail == (("last_sequence", 9),)
        assert teller.accounts["CH-1"].contract_power_w == 4_000
        assert (await teller.execute(top_up)).status is APPLIED
        other = counter.order(Command.POWER_SET, PowerSetBody("CH-1", 6_000), sequence=1, issuer="regulator")
        assert (await teller.execute(other)).status is APPLIED, "each issuer has a sequence of its own"
        await counter.stop()

    run(story())


def test_every_refusal_is_on_record_and_changes_nothing(counter: Counter) -> None:
    """I24: refused commands are receipts with a reason; the account is the same value as before."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        before = teller.accounts["CH-1"]
        euro = TopUpBody("CH-1", 1, "5.00", "5.00", "EUR", "web")
        stale = counter.order(Command.POWER_SET, PowerSetBody("CH-1", 4_000))
        cases = [
            (stale, "stale_command"),
            (counter.order(Command.TOP_UP, euro), "wrong_currency"),
            (counter.order(Command.TOP_UP, replace_body(euro, account_id="CH-9")), "unknown_account"),
            (counter.order(Command.READ_NOW, ReadNowBody("CH-9")), "unknown_account"),
            (counter.order(Command.TIME, TimeBody("nonce-nonce", 5)), "unknown_command"),
            (counter.order(Command.TOP_UP, replace_body(euro, amount="0.00", currency="CHF")), "bad_payload"),
        ]
        for order, reason in cases:
            counter.clock.trust = TimeTrust.SYNCHRONISED
            answer = await teller.execute(order)
            assert (answer.status, answer.reason) == (REFUSED, reason)
            row = await counter.store.row(answer.journal_seq)
            assert row is not None
            assert json.loads(row.body)["reason"] == reason
        assert teller.accounts["CH-1"] == before
        await counter.stop()

    def replace_body(body: TopUpBody, **changes: str) -> TopUpBody:
        return msgspec.structs.replace(body, **changes)

    run(story())


def test_read_now_is_answered_by_the_teller_and_done_by_the_poll(counter: Counter) -> None:
    """A read-now changes nothing in the books but is on record."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        answer = await teller.execute(counter.order(Command.READ_NOW, ReadNowBody("CH-1")))
        assert (answer.status, answer.balance_nano) == (APPLIED, 20 * NANO)
        await counter.stop()

    run(story())


def open_body(account_id: str, meter_id: str) -> AccountOpenBody:
    """A signed opening under the shipped policy and tariff."""
    policy = msgspec.convert(tomllib.loads((CONFIG / "policies/prepaid.toml").read_text()), PolicyDocument)
    tariff = msgspec.convert(tomllib.loads((CONFIG / "tariffs/ch-flat.toml").read_text()), TariffDocument)
    policy = msgspec.structs.replace(policy, calendar="test")
    return AccountOpenBody(account_id, meter_id, "CHF", 3_000, policy, tariff, "7.50", 1_000)


def test_an_account_is_opened_by_a_signed_command_and_once(counter: Counter) -> None:
    """Decision 3: opening is durable; a second account on the same meter, or with the same id, is refused."""

    async def story() -> None:
        teller = await counter.start()
        answers: list[Answer] = [
            await teller.execute(counter.order(Command.ACCOUNT_OPEN, open_body(*names)))
            for names in (("CH-1", "m1"), ("CH-1", "m2"), ("CH-2", "m1"))
        ]
        assert [answer.reason for answer in answers] == ["", "account_exists", "meter_in_use"]
        assert answers[0].balance_nano == 7_500_000_000
        await counter.crash()
        teller = await counter.start()
        assert list(teller.accounts) == ["CH-1"]
        served = teller.account_of_meter("m1")
        assert served is not None
        assert served.account_id == "CH-1"
        assert teller.account_of_meter("m9") is None
        await counter.stop()

    run(story())


def test_a_meter_is_free_for_another_account_after_the_first_is_closed(counter: Counter) -> None:
    """S1-15: a closed account stays on record and no longer serves the meter."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        await teller.post("CH-1", counter.reading(0))
        closed = await teller.execute(counter.order(Command.ACCOUNT_CLOSE, AccountCloseBody("CH-1", "moved")))
        assert closed.status is APPLIED
        opened = await teller.execute(counter.order(Command.ACCOUNT_OPEN, open_body("CH-2", "m1")))
        assert opened.status is APPLIED
        served = teller.account_of_meter("m1")
        assert served is not None
        assert served.account_id == "CH-2"
        await counter.stop()

    run(story())


def test_an_opening_for_a_meter_nobody_has_is_refused(counter: Counter) -> None:
    """Bad input: the installation does not know the meter; the reason goes back and nothing is opened."""

    def none(_account: Account | AccountOpened) -> Terms:
        raise CommandRefused("unknown_meter", meter_id="m7")

    async def story() -> None:
        counter._store = await Store.open(counter.path)
        teller = await Teller.open(counter.store, counter.clock, none)
        answer = await teller.execute(counter.order(Command.ACCOUNT_OPEN, open_body("CH-7", "m7")))
        assert (answer.reason, answer.detail) == ("unknown_meter", (("meter_id", "m7"),))
        assert (await teller.open_account(opening("CH-7", "m7"))).reason == "unknown_meter"
        assert not teller.accounts
        await counter.store.close()

    run(story())


CRASHING = """
import asyncio, os, sys
from pathlib import Path
from gateway import teller
from gateway.commands import Command
from gateway.commands.agreement import PowerSetBody
from tests.counter import Counter

async def main():
    books = Counter(Path(sys.argv[1]))
    await books.start("CH-1")
    if sys.argv[2] == "crash":
        teller.apply = lambda *_: os._exit(9)
    order = books.order(Command.POWER_SET, PowerSetBody("CH-1", 4_000), jti="poison", sequence=1)
    answer = await books.teller.execute(order)
    print(answer.status.value, answer.reason, books.teller.accounts["CH-1"].contract_power_w)
    await books.stop()

asyncio.run(main())
"""


def test_a_command_that_crashed_the_process_twice_is_refused(counter: Counter) -> None:
    """Decision 8: a poisoned command cannot keep the gateway down; the refusal is durable, even if it would work."""

    def start(mode: str) -> subprocess.CompletedProcess[str]:
        root = Path(__file__).parent.parent
        command = [sys.executable, "-c", CRASHING, str(counter.path), mode]
        return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=30)

    assert [start("crash").returncode for _ in range(2)] == [9, 9]
    third = start("crash")
    assert third.stdout.split() == ["refused", "crashed_before", "3000"], third
    assert start("fine").stdout.split() == ["refused", "crashed_before", "3000"], "the stored answer"
