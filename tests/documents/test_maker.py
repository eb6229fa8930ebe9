"""Documents from a real store: a household's October, sold to, read, charged, asked about."""

import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gateway.commands import Command
from gateway.commands.agreement import PowerSetBody
from gateway.commands.schedule import ScheduleSetBody, ServiceBody
from gateway.documents.maker import Maker
from gateway.documents.seal import Document, signed_claims
from gateway.documents.verify import verified
from gateway.errors import CommandRefused
from gateway.prepayment.civil import midnight_utc_ms
from gateway.prepayment.events import Reading
from gateway.prepayment.export import Channel, DocumentAsked, DocumentKind, Form, Locale, Resolution
from gateway.prepayment.money import parse_money
from gateway.prepayment.periods import BillingClass
from gateway.prepayment.schedule import Rule
from tests.counter import Counter, opening
from tests.documents.rolls import KEY
from tests.prepayment.worlds import NANO
from tests.test_privacy import PERSONAL

FIRST, LAST = date(2026, 10, 1), date(2026, 11, 1)
HOUR_MS = 3_600_000
ZONE = "Europe/Zurich"


class House:
    """One account over October and a bit, polled each five minutes; 12 Wh each, 1.3 Wh fed in."""

    def __init__(self, path: Path) -> None:
        self.counter = Counter(path)
        self.wh = 0

    async def live(self, *, hours: int, step_ms: int = 300_000) -> None:
        """Some hours of ordinary life."""
        teller = self.counter.teller
        for _ in range(hours * HOUR_MS // step_ms):
            self.wh += 12
            at = self.counter.clock.advance(step_ms)
            await teller.post("CH-1", Reading(at, self.wh, export_wh=self.wh // 10))

    async def begin(self, day: date = FIRST) -> None:
        """Open the account on a day at midnight."""
        self.counter.clock.utc_ms = midnight_utc_ms(day, ZONE)
        teller = await self.counter.start()
        for number, name in enumerate(("CH-1", "CH-2"), start=1):
            await teller.open_account(replace(opening(name, f"m{number}"), at=self.counter.clock.now()))
        await self.counter.teller.post("CH-1", Reading(self.counter.clock.now(), 0, export_wh=0))

    def asked(self, kind: DocumentKind, **more: object) -> DocumentAsked:
        """A request of now for October."""
        asked = DocumentAsked(self.counter.clock.now(), "d1", "CH-1", kind, FIRST, LAST)
        return replace(asked, **more)  # type: ignore[arg-type]

    async def make(self, kind: DocumentKind, **more: object) -> Document:
        """A document, as the daemon makes it."""
        return await self.maker.make(self.asked(kind, **more))

    @property
    def maker(self) -> Maker:
        return Maker(self.counter.store, KEY, "gw-1", self.counter.teller.note)


Story = Callable[[House], Awaitable[None]]


def told(tmp_path: Path, story: Story) -> None:
    """Run a story in a fresh house."""
    import asyncio

    async def whole() -> None:
        house = House(tmp_path / "store.db")
        await house.begin()
        await story(house)
        await house.counter.stop()

    asyncio.run(whole())


def inside(document: Document) -> dict[str, Any]:
    """A JSON document, verified."""
    (data,) = document.files.values()
    found: dict[str, Any] = json.loads(verified(data, key=KEY.private.public_key()).content)
    return found


def test_the_statement_is_the_sum_of_the_ledger_to_the_last_digit(tmp_path: Path) -> None:
    """S0-01, S0-03, S3-09: total = sum of ledger lines; quantities and registers agree with it; rounding is a line."""

    async def story(house: House) -> None:
        await house.live(hours=30, step_ms=HOUR_MS)
        await house.counter.teller.execute(house.counter.top_up(5 * NANO + 7))
        await house.live(hours=30, step_ms=HOUR_MS)
        house.counter.clock.advance(40 * 24 * HOUR_MS)
        found = inside(await house.make(DocumentKind.STATEMENT))
        ledger = found["ledger"]
        total = sum(parse_money(line["amount"]) for line in ledger)
        assert parse_money(found["total"]["exact"]) == total
        quantities = sum(parse_money(row["amount"]) for row in found["quantities"])
        charges = -sum(parse_money(line["amount"]) for line in ledger if line["kind"] == "charge")
        assert quantities == charges == parse_money(found["charges"]["exact"]) > 0
        for of in ("total", "charges"):
            parts = found[of]
            exact, line, rounded = (parse_money(parts[name]) for name in ("exact", "rounding", "rounded"))
            assert exact + line == rounded
            assert rounded % 10_000_000 == 0
        energy = sum(row["wh"] for row in found["quantities"] if row["component"] == "energy")
        registers = found["registers"]
        assert energy == registers["closing_wh"] - registers["opening_wh"] > 0
        opening, closing = (parse_money(found["balance"][name]) for name in ("opening", "closing"))
        assert opening + total == closing
        assert [row["sequence"] for row in found["top_ups"]] == [1]

    told(tmp_path, story)


def test_statements_follow_each_other_without_a_gap(tmp_path: Path) -> None:
    """S0-01: what one closes with the next opens with, money and register; together they are the whole ledger."""

    async def story(house: House) -> None:
        await house.live(hours=72, step_ms=HOUR_MS)
        house.counter.clock.advance(24 * HOUR_MS)
        days = [date(2026, 10, day) for day in range(1, 6)]
        parts = [
            inside(await house.make(DocumentKind.STATEMENT, from_day=one, to_day=two)) for one, two in pairwise(days)
        ]
        for one, two in pairwise(parts):
            assert one["balance"]["closing"] == two["balance"]["opening"]
            assert one["registers"]["closing_wh"] == two["registers"]["opening_wh"]
        whole = inside(await house.make(DocumentKind.STATEMENT, from_day=days[0], to_day=days[-1]))
        assert [line for part in parts for line in part["ledger"]] == whole["ledger"]

    told(tmp_path, story)


def test_five_rappen_are_for_francs(tmp_path: Path) -> None:
    """S0-01: the printed total ends on 0.05, and the line says what was added; no other currency is rounded so."""

    async def story(house: House) -> None:
        await house.live(hours=5)
        house.counter.clock.advance(40 * 24 * HOUR_MS)
        found = inside(await house.make(DocumentKind.STATEMENT, five_rappen=True))
        assert found["rounding_step"] == "0.05"
        assert parse_money(found["charges"]["rounded"]) % 50_000_000 == 0

    told(tmp_path, story)


def test_the_page_says_what_the_statement_says(tmp_path: Path) -> None:
    """S0-03, S0-02: one page without a script or an address, in the formats of each place."""

    async def story(house: House) -> None:
        await house.live(hours=5)
        await house.counter.teller.execute(house.counter.top_up(1_200 * NANO // 100))
        house.counter.clock.advance(40 * 24 * HOUR_MS)
        for locale, title, amount in (
            (Locale.IT_CH, "Estratto conto", "CHF\u00a012.00"),
            (Locale.IT_IT, "Estratto conto", "12,00\u00a0CHF"),
            (Locale.DE_CH, "Kontoauszug", "CHF\u00a012.00"),
            (Locale.FR_CH, "Relevé de compte", "12,00\u00a0CHF"),
            (Locale.EN_GB, "Statement of account", "CHF12.00"),
        ):
            document = await house.make(DocumentKind.STATEMENT, form=Form.HTML, locale=locale)
            files = list(document.files.values())
            text = verified(files[0], files[1], KEY.private.public_key()).content.decode()
            assert title in text
            assert amount in text
            assert not [word for word in ("<script", "http://", "https://", "<img", "url(", "@import") if word in text]

    told(tmp_path, story)


def test_the_register_of_top_ups_is_what_the_ledger_credited(tmp_path: Path) -> None:
    """S0-17: the total is the sum of the credits, each with its number and balance; a missing number is named."""

    async def story(house: House) -> None:
        counter = house.counter
        await counter.teller.execute(counter.top_up(5 * NANO))
        await counter.teller.execute(counter.top_up(7 * NANO, "CH-2"))
        lost = counter.top_up(3 * NANO)
        await counter.teller.execute(counter.top_up(2 * NANO))
        del lost
        counter.clock.advance(40 * 24 * HOUR_MS)
        found = inside(await house.make(DocumentKind.TOPUPS))
        rows = found["rows"]
        assert [row["sequence"] for row in rows] == [1, 3]
        assert [row["amount"] for row in rows] == ["5.00", "5.00"]
        assert found["total"] == "10.00"
        assert found["gaps"] == [{"kind": "top_up", "first": 2, "last": 2}]
        document = await house.make(DocumentKind.TOPUPS, form=Form.CSV)
        assert document.content.decode().split("\r\n")[1].split(",")[1:6] == ["top_up", "1", "5.00", "CHF", "25.00"]

    told(tmp_path, story)


def test_a_month_that_was_sent_is_sent_again_with_the_same_bytes(tmp_path: Path) -> None:
    """S4-17: content and seal are the same for ever; the first one is on record with its checksum."""

    async def story(house: House) -> None:
        await house.live(hours=31 * 24 + 6, step_ms=6 * HOUR_MS)
        first = await house.make(DocumentKind.MONTH)
        rows = await house.counter.store.rows_after(0, 100_000)
        (record,) = [json.loads(row.body) for row in rows if b"document.month" in row.body]
        data, beside = first.files.values()
        found = verified(data, beside, KEY.private.public_key())
        assert record["detail"] == {"account": "CH-1", "month": "2026-10", "sha256": found.seal.sha256}
        assert (found.seal.facts["rows"], found.seal.facts["missing"]) == (31 * 96 + 4, 0)
        await house.live(hours=48, step_ms=6 * HOUR_MS)
        assert (await house.make(DocumentKind.MONTH)).files == first.files
        rows = await house.counter.store.rows_after(0, 100_000)
        assert len([row for row in rows if b"document.month" in row.body]) == 1

    told(tmp_path, story)


def test_a_month_that_would_differ_is_not_sent(tmp_path: Path) -> None:
    """S4-17: rows that were lost or came later do not change what was handed out; the refusal names both checksums."""

    async def story(house: House) -> None:
        await house.live(hours=31 * 24 + 6, step_ms=6 * HOUR_MS)
        await house.make(DocumentKind.MONTH)
        await house.counter.teller.checkpoint()

        def lose(raw: object) -> None:
            raw.execute("DELETE FROM interval WHERE number = 50")  # type: ignore[attr-defined]

        await house.counter.store._database.run(lose)
        with pytest.raises(CommandRefused, match="month_changed") as refusal:
            await house.make(DocumentKind.MONTH)
        assert refusal.value.detail["sent"] != refusal.value.detail["now"]

    told(tmp_path, story)


def test_a_month_waits_until_nothing_can_come_any_more(tmp_path: Path) -> None:
    """S4-17: not while the month runs, and not before a reading has gone past its end."""

    async def story(house: House) -> None:
        await house.live(hours=30 * 24, step_ms=6 * HOUR_MS)
        with pytest.raises(CommandRefused, match="in_the_future"):
            await house.make(DocumentKind.MONTH)
        house.counter.clock.advance(24 * HOUR_MS)
        with pytest.raises(CommandRefused, match="month_not_over"):
            await house.make(DocumentKind.MONTH)
        house.counter.clock.advance(2 * 24 * HOUR_MS)
        with pytest.raises(CommandRefused, match="month_not_finished"):
            await house.make(DocumentKind.MONTH)
        await house.live(hours=1)
        found = await house.make(DocumentKind.MONTH)
        assert b"estimated" in found.content
        with pytest.raises(CommandRefused, match="no_month"):
            await house.make(DocumentKind.MONTH, from_day=date(2026, 10, 2))

    told(tmp_path, story)


def test_a_month_made_beside_the_daemon_is_provisional(tmp_path: Path) -> None:
    """S4-17: who cannot put it on record says so in the seal."""

    async def story(house: House) -> None:
        await house.live(hours=31 * 24 + 6, step_ms=6 * HOUR_MS)
        aside = await Maker(house.counter.store, KEY, "gw-1").make(house.asked(DocumentKind.MONTH))
        sent = await house.make(DocumentKind.MONTH)
        assert aside.content == sent.content
        seals = [signed_claims(document.seal).facts for document in (aside, sent)]
        assert [facts.get("provisional", False) for facts in seals] == [True, False]
        assert (await Maker(house.counter.store, KEY, "gw-1").make(house.asked(DocumentKind.MONTH))).files == sent.files

    told(tmp_path, story)


def test_the_curve_of_a_house_is_what_its_register_counted(tmp_path: Path) -> None:
    """S4-07, S4-16, S2-19: the sum of a channel over the days is the growth of its register; nothing is netted."""

    async def story(house: House) -> None:
        await house.live(hours=48, step_ms=900_000)
        await house.counter.teller.checkpoint()
        document = await house.make(
            DocumentKind.LOAD_CURVE, to_day=date(2026, 10, 3), form=Form.JSON, resolution=Resolution.DAY
        )
        rows = inside(document)["rows"]
        assert [row["quality"] for row in rows] == ["actual", "actual"]
        assert sum(row["import_wh"] for row in rows) == house.wh
        assert sum(row["export_wh"] for row in rows) == house.wh // 10
        only = await house.make(DocumentKind.LOAD_CURVE, to_day=date(2026, 10, 2), channels=(Channel.EXPORT,))
        assert only.content.startswith(b"start_utc,start_local,export_kwh,quality\r\n")

    told(tmp_path, story)


def test_certificates_are_the_rows_of_the_journal(tmp_path: Path) -> None:
    """S2-01, S1-03: what was certified at the end of a period is handed out signed, to the byte."""

    async def story(house: House) -> None:
        counter = house.counter
        with pytest.raises(CommandRefused, match="unknown_account"):
            await house.make(DocumentKind.CERTIFICATES, account_id="CH-9")
        monthly = ScheduleSetBody("CH-1", (ServiceBody(Rule.FIXED, BillingClass.MONTHLY),))
        answer = await counter.teller.execute(counter.order(Command.SCHEDULE_SET, monthly))
        assert (answer.status.value, dict(answer.detail)["per_year"]) == ("applied", 12)
        await house.live(hours=31 * 24 + 6, step_ms=6 * HOUR_MS)
        with pytest.raises(CommandRefused, match="nothing_there"):
            await house.make(DocumentKind.CERTIFICATES, to_day=date(2026, 10, 20))
        document = await house.make(DocumentKind.CERTIFICATES, to_day=date(2026, 11, 2))
        (found,) = inside(document)["certificates"]
        assert (found["certificate_id"], found["reason"]) == ("closing-2026-11-01", "billing")
        row = await counter.store.row(found["seq"])
        assert row is not None
        assert (row.body.decode(), row.hash) == (found["row"], found["hash"])

    told(tmp_path, story)


def test_what_is_handed_out_names_the_delivery_point_and_nobody(tmp_path: Path) -> None:
    """S4-28: the words in a statement and a register are these; none of them is about a person."""

    async def story(house: House) -> None:
        await house.live(hours=5)
        await house.counter.teller.execute(house.counter.top_up(NANO))
        house.counter.clock.advance(40 * 24 * HOUR_MS)
        for kind in (DocumentKind.STATEMENT, DocumentKind.TOPUPS):
            assert not names(inside(await house.make(kind))) & PERSONAL

    told(tmp_path, story)


def names(value: object) -> set[str]:
    """Every word in the keys of a document."""
    match value:
        case dict():
            own = {part for key in value for part in str(key).split("_")}
            return own.union(*map(names, value.values()))
        case list():
            return set().union(*map(names, value))
        case _:
            return set()


def test_evidence_of_a_house_names_its_commands_and_hides_the_neighbours(tmp_path: Path) -> None:
    """S2-12, I24: the whole way of a refused command is in the file, with the chain, and nothing of CH-2."""

    async def story(house: House) -> None:
        counter = house.counter
        await counter.teller.execute(counter.order(Command.POWER_SET, PowerSetBody("CH-1", 3_100)))
        await counter.teller.execute(counter.top_up(NANO, "CH-2"))
        await house.live(hours=2)
        await counter.teller.checkpoint()
        document = await house.make(DocumentKind.EVIDENCE, to_day=date(2026, 10, 2))
        (data,) = document.files.values()
        found = verified(data, key=KEY.private.public_key())
        assert b"invalid_step" in found.content
        assert b"CH-2" not in found.content
        assert b'"start":"2026-09-30T22:00:00.000Z"' in found.content
        assert found.rows == counter.store.head.seq
        assert found.seal.facts["head"] == counter.store.head.hash

    told(tmp_path, story)
