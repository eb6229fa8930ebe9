"""Postings and bonuses as signed commands, through the teller on a real store."""

import asyncio
import json
from collections.abc import Coroutine
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.commands import Command, Order
from gateway.commands.postings import BonusSetBody, PostingBody
from gateway.errors import CommandRefused
from gateway.prepayment.events import Tick, TimeTrust
from gateway.prepayment.posting import PostingKind
from gateway.store.wire import row_decoder
from tests.counter import Counter
from tests.prepayment.worlds import DAY_MS, NANO


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    """Books in a fresh file."""
    return Counter(tmp_path / "store.db")


def run(story: Coroutine[Any, Any, None]) -> None:
    """One test's story."""
    asyncio.run(story)


def posting(counter: Counter, number: int, kind: PostingKind, amount: str, **changes: Any) -> Order:
    """The account's posting with this number."""
    body = PostingBody("CH-1", number, kind, amount, "CHF", f"P-{number}", "art. 1")
    return counter.order(Command.POSTING, msgspec.structs.replace(body, **changes))


async def entries(counter: Counter) -> list[dict[str, Any]]:
    """The entries of the journal, each read by the strict reader too."""
    rows = [row.body for row in await counter.store.rows_after(0, 1_000)]
    for row in rows:
        row_decoder().decode(row)
    return [found for row in rows if (found := json.loads(row))["type"] == "entry"]


def test_postings_out_of_order_count_once_across_a_crash(counter: Counter) -> None:
    """S1-16, S2-26, I3: the second before the first, both again after a crash: two entries, and rows that sum up."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        late, early = (
            posting(counter, 1, PostingKind.FEE, "-46.59"),
            posting(counter, 2, PostingKind.COMPENSATION, "35.00"),
        )
        for order in (early, late):
            assert (await teller.execute(order)).reason == ""
        await counter.crash()
        teller = await counter.start()
        for order in (late, early):
            assert (await teller.execute(order)).duplicate
        again = posting(counter, 1, PostingKind.FEE, "-46.59")
        assert (await teller.execute(again)).reason == "already_included"
        made = await entries(counter)
        assert [(one["kind"], one["amount"], one["balance"]) for one in made] == [
            ("opening", "20.00", "20.00"),
            ("compensation", "35.00", "55.00"),
            ("fee", "-46.59", "8.41"),
        ]
        assert made[2]["detail"] == {"sequence": 1, "reference": "P-1", "legal_ref": "art. 1"}
        assert "detail" not in made[0]
        assert teller.accounts["CH-1"].balance_nano == 8_410_000_000
        await counter.stop()

    run(story())


def test_a_posting_needs_freshness_and_a_known_kind(counter: Counter) -> None:
    """S3-12, decision 17: without a proven clock or a challenge nothing is posted; an unknown kind is no command."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        before = teller.accounts["CH-1"]
        counter.clock.trust = TimeTrust.SYNCHRONISED
        stale = posting(counter, 1, PostingKind.FEE, "-1.00")
        assert (await teller.execute(stale)).reason == "stale_command"
        assert teller.accounts["CH-1"] == before
        await counter.stop()

    run(story())
    body = msgspec.json.encode(PostingBody("CH-1", 1, PostingKind.FEE, "-1.00", "CHF", "P-1"))
    for kind in (b'"bonus"', b'"present"'):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(body.replace(b'"fee"', kind), type=PostingBody)


def test_a_bonus_goes_on_after_a_restart(counter: Counter) -> None:
    """S2-35: set by a signed command, credited each day, also by the process after the next."""

    async def story() -> None:
        teller = await counter.start("CH-1")
        first = datetime.fromtimestamp(counter.clock.utc_ms / 1000, UTC).date()
        last = date.fromordinal(first.toordinal() + 364)
        body = BonusSetBody("CH-1", "BONUS-1", first, last, "CHF", per_day="0.50")
        assert (await teller.execute(counter.order(Command.BONUS_SET, body))).reason == ""
        await teller.post("CH-1", Tick(counter.clock.now()))
        await teller.post("CH-1", Tick(counter.clock.advance(DAY_MS)))
        await counter.crash()
        teller = await counter.start()
        await teller.post("CH-1", Tick(counter.clock.now()))
        await teller.post("CH-1", Tick(counter.clock.advance(DAY_MS)))
        made = [one for one in await entries(counter) if one["kind"] == "bonus"]
        assert [one["amount"] for one in made] == ["0.50"] * 3
        assert teller.accounts["CH-1"].balance_nano == 21 * NANO + NANO // 2
        await counter.stop()

    run(story())


@pytest.mark.parametrize(
    "changes",
    [
        {"per_day": None},
        {"total": "5.00"},
        {"from_day": date(1969, 12, 31)},
        {"to_day": date(9999, 1, 1)},
    ],
)
def test_a_bonus_says_its_amount_once_and_in_this_age(counter: Counter, changes: dict[str, Any]) -> None:
    """S2-35, I24: an amount a day or in all, days that every calendar has."""
    body = BonusSetBody("CH-1", "B", date(2026, 3, 2), date(2026, 4, 1), "CHF", per_day="0.50")
    order = counter.order(Command.BONUS_SET, msgspec.structs.replace(body, **changes))
    with pytest.raises(CommandRefused) as refusal:
        order.event(counter.clock.now())
    assert refusal.value.reason == "bad_payload"


def test_days_are_called_from_and_to_on_the_wire() -> None:
    """Requirements 5: `bonus.set(from, to, ...)`; a total may stand for the days."""
    said = (
        b'{"account_id":"CH-1","reference":"B","from":"2026-01-01","to":"2026-12-31","currency":"CHF","total":"120.00"}'
    )
    body = msgspec.json.decode(said, type=BonusSetBody)
    assert (body.from_day, body.to_day, body.total) == (date(2026, 1, 1), date(2026, 12, 31), "120.00")
