"""What a refusal says: what is wrong and what to do next, and never whose account is behind it."""

from pathlib import Path

import pytest
from msgspec import structs

from gateway.commands import Command
from gateway.commands.contract import NextHolderBody
from gateway.commands.fieldwork import MeterReplaceBody
from tests.contract.premises import HOUR_MS, POLICY, TARIFF, Premises, run
from tests.contract.test_certificates import certificate
from tests.contract.test_operations import NEXT
from tests.contract.test_rollover import rollover
from tests.counter import Counter
from tests.delinquency.debtor import debtor, shipped
from tests.prepayment.worlds import NANO, opened, policy

REPORT = MeterReplaceBody("CH-1", "S-1", 0, "S-2", 0, "E-D", "M. R.", "signed sheet 4711")


@pytest.fixture
def home(tmp_path: Path) -> Premises:
    """A delivery point in a fresh store."""
    return Premises(Counter(tmp_path / "store.db"))


def test_a_meter_in_use_says_so_without_its_account(home: Premises) -> None:
    """S2-02, privacy: who sends an account_open learns what to do, not who is the customer there."""

    async def story() -> None:
        await home.begin()
        answer = await home.order(Command.ACCOUNT_OPEN, NEXT)
        hint = "a contract is open on this meter: end it with account_close, or change its holder with account_rollover"
        assert (answer.reason, dict(answer.detail)) == ("meter_in_use", {"meter_id": "m1", "hint": hint})
        [receipt] = await home.rows("receipt", command="account_open")
        assert "CH-1" not in str(receipt)
        await home.counter.stop()

    run(story())


def test_refusals_say_what_is_missing_and_what_comes_next(home: Premises) -> None:
    """Requirements 2.4: no reason code stands alone where something can be done."""

    async def story() -> None:
        await home.begin()
        await home.live(HOUR_MS)
        old = await home.order(Command.READING_CERTIFICATE, certificate(-1))
        assert dict(old.detail)["stored_from_utc_ms"] == home.account.opened.utc_ms
        same = NextHolderBody("CH-1", "CHF", 4_500, POLICY, TARIFF)
        for command, body, reason, word in (
            (Command.ACCOUNT_ROLLOVER, rollover(to=same), "account_exists", "another account_id"),
            (Command.ACCOUNT_OPEN, structs.replace(NEXT, account_id="CH-1"), "account_exists", "another account_id"),
            (Command.METER_REPLACE, structs.replace(REPORT, consent=""), "no_consent", "consent"),
            (Command.METER_REPLACE, structs.replace(REPORT, technician=""), "no_technician", "technician"),
        ):
            answer = await home.order(command, body)
            assert answer.reason == reason
            assert word in str(dict(answer.detail)["hint"])
        await home.counter.stop()

    run(story())


def test_a_post_paid_account_may_begin_with_money_paid_ahead() -> None:
    """S3-11: the cap of credit is a term of prepaid policies; post-paid ones have none, so nothing is above it."""
    home = debtor(balance_nano=50 * NANO)
    assert home.account.balance_nano == 50 * NANO
    assert not shipped("it-gas-2026").above_cap(10**9 * NANO)
    assert opened(2_000 * NANO).balance_nano == 2_000 * NANO
    assert policy().above_cap(2_000 * NANO + 1)
