"""A payment that comes again after an old image was put back counts once: nobody is let off, nobody stays cut off."""

from __future__ import annotations

import asyncio
import shutil
from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.commands import Command
from gateway.commands.arrears import ArrearsNoticeBody, ArrearsPaidBody, OwedBody
from gateway.commands.books import AccountResyncBody, PositionBody
from gateway.prepayment.arrears import ArrearsPaid, Proof
from gateway.prepayment.ledger import VerdictStatus
from gateway.prepayment.supply import Commodity, SupplyState
from gateway.prepayment.taken import refused
from gateway.store import Store
from gateway.teller import Teller
from tests.delinquency.debtor import TERMS, debtor
from tests.delinquency.test_queue import Office
from tests.prepayment.worlds import NANO

LOST = "0f" * 8
OWED = OwedBody(
    "a-1", Commodity.ELECTRICITY, "120.50", date(2026, 1, 31), date(2026, 2, 27), Proof.CERTIFIED_MAIL,
    date(2026, 3, 31), "letter 7", notified_on=date(2026, 3, 2),
)  # fmt: skip
PART = ArrearsPaidBody("IT-1", "a-1", "EUR", "40.50", "80.00")
REST = ArrearsPaidBody("IT-1", "a-1", "EUR", "80.00", "0.00")


class Card(Office):
    """An office whose card somebody copies and puts back."""

    async def opens(self) -> None:
        """Start with what the card holds."""
        self._store = await Store.open(self.path)
        self._teller = await Teller.open(self._store, self.clock, lambda _account: TERMS)

    async def copies(self, to: Path) -> None:
        """An image of the card."""
        await self.stop()
        shutil.copytree(self.path.parent, to)
        await self.opens()

    async def puts_back(self, image: Path) -> None:
        """The image takes the place of the card; the head-end, which knows more rows, says so."""
        await self.stop()
        shutil.rmtree(self.path.parent)
        shutil.copytree(image, self.path.parent)
        await self.opens()
        assert await self.teller.suspect(LOST, 99)

    async def resynced(self, *claims: OwedBody) -> None:
        """The head-end says what is open."""
        known = PositionBody("0.00", SupplyState.NOTICED if claims else SupplyState.REGULAR, 0, arrears=claims)
        body = AccountResyncBody("IT-1", self.store.epoch, LOST, 99, "ab" * 32, "EUR", known)
        assert (await self.teller.execute(self.order(Command.ACCOUNT_RESYNC, body, issuer="accounts"))).reason == ""

    def owed_cents(self) -> list[int]:
        """What is left of each claim."""
        return [claim.amount_nano // (NANO // 100) for claim in self.teller.accounts["IT-1"].arrears]


async def _noticed(tmp_path: Path) -> Card:
    """Books with one claim of 120.50."""
    (tmp_path / "card").mkdir()
    office = Card(tmp_path / "card" / "store.db")
    await office.begin()
    await office.teller.contact(office.to("2026-03-03"))
    await office.teller.post("IT-1", office.reading(0, 0))
    said = {name: getattr(OWED, name) for name in OwedBody.__struct_fields__}
    notice = ArrearsNoticeBody(account_id="IT-1", currency="EUR", **said)
    assert await office.tells(Command.ARREARS_NOTICE, notice) == ""
    return office


@pytest.mark.parametrize("new_id", [False, True])
def test_a_part_counts_once_whatever_an_image_forgets(tmp_path: Path, *, new_id: bool) -> None:
    """I3, threat 3: before the resync and after it, delivered again or signed again, the same 40.50 are paid once."""

    async def story() -> None:
        office = await _noticed(tmp_path)
        await office.copies(tmp_path / "image")
        paid = office.order(Command.ARREARS_PAID, PART)

        async def again() -> str:
            order = office.order(Command.ARREARS_PAID, PART) if new_id else paid
            return (await office.teller.execute(order)).reason

        assert await again() == ""
        assert office.owed_cents() == [8000]
        for resynced_first in (True, False):
            await office.puts_back(tmp_path / "image")
            assert office.owed_cents() == [12050], "the image has forgotten the payment and its id"
            if resynced_first:
                await office.resynced(replace(OWED, amount="80.00"))
                assert await again() == "already_included"
            else:
                assert await again() == ""
                assert office.owed_cents() == [8000]
                await office.resynced(replace(OWED, amount="80.00"))
            assert await again() == "already_included" if new_id else await again() in ("", "already_included")
            assert office.owed_cents() == [8000], "he is let off nothing"
        assert (await office.teller.execute(office.order(Command.ARREARS_PAID, REST))).reason == ""
        assert office.teller.accounts["IT-1"].supply.state is SupplyState.REGULAR
        await office.stop()

    asyncio.run(story())


def test_a_payment_on_its_way_during_a_resync_still_counts(tmp_path: Path) -> None:
    """S1-14, threat 4: the position did not know of it yet; what the customer paid is paid all the same."""

    async def story() -> None:
        office = await _noticed(tmp_path)
        await office.copies(tmp_path / "image")
        paid = office.order(Command.ARREARS_PAID, PART)
        await office.puts_back(tmp_path / "image")
        await office.resynced(OWED)
        assert (await office.teller.execute(paid)).reason == ""
        assert office.owed_cents() == [8000]
        assert (await office.teller.execute(office.order(Command.ARREARS_PAID, REST))).reason == ""
        assert office.owed_cents() == []
        await office.stop()

    asyncio.run(story())


def test_payments_out_of_their_order_and_again() -> None:
    """I3, S1-14: the later one says what is left after both, so the earlier one is in it and changes nothing."""
    home = debtor()
    home.notice()
    first = ArrearsPaid(home.at(), "p-1", "a-1", "EUR", 20 * NANO, 100 * NANO)
    second = ArrearsPaid(home.at(), "p-2", "a-1", "EUR", 30 * NANO, 70 * NANO)
    assert dict(home.said(second).detail) == {"arrears": "a-1", "paid_nano": 50 * NANO, "unpaid_nano": 70 * NANO}
    for event in (first, second):
        late = home.said(event)
        assert (late.status, late.reason) == (VerdictStatus.ALREADY_INCLUDED, "already_included")
        assert dict(late.detail) == {"arrears": "a-1", "unpaid_nano": 70 * NANO}
    assert home.account.arrears[0].amount_nano == 70 * NANO
    assert home.said(ArrearsPaid(home.at(), "p-3", "a-1", "EUR", left_nano=0)).reason == ""
    assert home.account.arrears == ()


def test_an_amount_without_what_is_left_is_refused() -> None:
    """I3: nothing could tell such a payment from the same one again."""
    home = debtor()
    home.notice()
    hint = "what is unpaid of the claim after this payment, 0.00 when nothing is"
    verdict = home.said(ArrearsPaid(home.at(), "p", "a-1", "EUR", 20 * NANO))
    assert verdict == refused("missing_field", field="left", hint=hint)


def test_a_claim_only_falls() -> None:
    """2.4, I3: under the same id less may be owed, never more; else an old payment would pay for what came on top."""
    home = debtor()
    home.notice()
    home.pay(20 * NANO)
    grown = home.notice(amount_nano=101 * NANO)
    assert (grown.reason, dict(grown.detail)["owed"]) == ("arrears_exist", "100.00 EUR")
    assert dict(grown.detail)["hint"] == "a claim only falls: what comes on top is a claim with an id of its own"
    assert home.notice(amount_nano=100 * NANO).reason == ""
    assert home.notice(amount_nano=90 * NANO).reason == ""
    assert home.account.arrears[0].amount_nano == 90 * NANO
