"""Orders that are given at the gateway's own console: nobody signed them, and no key may pass for one."""

import asyncio
from pathlib import Path

import pytest

from gateway.commands import Command, Order, Role
from gateway.commands.credit import TopUpCodeBody
from gateway.commands.keys import OWN_ISSUERS, parse_keys
from gateway.commands.order import at_console
from gateway.commands.protection import LockoutReleaseBody, LockoutSetBody
from gateway.errors import CommandRefused, ConfigError
from gateway.prepayment.events import LockoutSet, Moment, TimeTrust, TopUp
from gateway.prepayment.ledger import VerdictStatus
from gateway.reference.sign import new_signer
from tests.counter import Counter
from tests.prepayment.worlds import NANO

UNPROVEN = Moment(0, TimeTrust.UNKNOWN, 77)
LOCKOUT = at_console(Command.LOCKOUT_SET, LockoutSetBody("CH-1", "work"), issuer="console", command_id="x", at=UNPROVEN)


def test_who_stands_there_is_not_late() -> None:
    """Decision 17: freshness is proven by the session, whatever the clock is worth; a signed one still proves it."""
    assert LOCKOUT.event(UNPROVEN) == LockoutSet(UNPROVEN, "x", "work")
    assert (LOCKOUT.issuer, LOCKOUT.sequence) == ("console", 77)
    with pytest.raises(CommandRefused, match="stale_command"):
        Order(LOCKOUT.envelope).event(UNPROVEN)


def test_a_code_is_a_top_up_without_an_amount() -> None:
    """Decision 4: the record names the issuer and the id of a code; the amount is what the account finds new."""
    body = TopUpCodeBody("CH-1", 3, "20.50", "CHF")
    order = at_console(Command.TOP_UP, body, issuer="code", command_id="code-3-ab", at=UNPROVEN)
    assert order.event(UNPROVEN) == TopUp(UNPROVEN, "code-3-ab", 3, None, 20_500_000_000, "CHF", "code")


@pytest.mark.parametrize("issuer", OWN_ISSUERS)
def test_no_key_signs_in_the_name_of_the_gateway(issuer: str) -> None:
    """I14: the record tells by the issuer what was given at the console, so no key file may take that name."""
    with pytest.raises(ConfigError, match="is the gateway itself"):
        parse_keys(new_signer("k1", issuer).public_table(frozenset({Role.TOPUP})))


def test_orders_of_the_console_need_no_numbers_and_take_none(tmp_path: Path) -> None:
    """I3: two orders in the same millisecond are both carried out, and a signed command's sequence is untouched."""

    async def story() -> None:
        counter = Counter(tmp_path / "store.db")
        teller = await counter.start("CH-1")
        at, balance_nano = counter.clock.now(), None
        for number, (command, body) in enumerate(
            [
                (Command.LOCKOUT_SET, LockoutSetBody("CH-1", "work")),
                (Command.LOCKOUT_RELEASE, LockoutReleaseBody("CH-1")),
                (Command.TOP_UP, TopUpCodeBody("CH-1", 1, "5.00", "CHF")),
            ]
        ):
            answer = await teller.execute(
                at_console(command, body, issuer="console", command_id=f"console-{number}", at=at)
            )
            assert answer.status is VerdictStatus.APPLIED, answer
            balance_nano = answer.balance_nano
        assert balance_nano == 25 * NANO
        signed = await teller.execute(counter.order(Command.LOCKOUT_SET, LockoutSetBody("CH-1", "again")))
        assert signed.status is VerdictStatus.APPLIED
        await counter.stop()

    asyncio.run(story())
