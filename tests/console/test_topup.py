"""Top-ups at the console: by code and by envelope, once, bounded, and without anybody logging in."""

from pathlib import Path
from typing import Any

import pytest

from gateway.commands import Command
from gateway.commands.claims import Body
from gateway.commands.credit import TopUpBody
from gateway.commands.creditcode import Credit, Place, encode
from gateway.commands.protection import LockoutReleaseBody, LockoutSetBody
from gateway.console import servicekey
from gateway.console.lock import WAITS_MIN
from gateway.console.servicekey import Use
from gateway.console.wire import Role
from tests.console.counterdesk import GATEWAY, SERVICE_KEY, Station, story
from tests.prepayment.worlds import NANO

KEY = servicekey.key_for(SERVICE_KEY, Use.CREDIT)
HOUR_MS = 3_600_000


@pytest.fixture
def station(tmp_path: Path) -> Station:
    """A gateway whose books begin with 20 francs on each account."""
    return Station(tmp_path)


def code(sequence: int, total: int, account: str = "CH-1", *, key: bytes = KEY, gateway: str = GATEWAY) -> str:
    """What the service centre reads out."""
    return encode(key, Place(gateway, account, "CHF"), Credit(sequence, total * NANO))


def token(station: Station, command: Command, body: Body, *, challenge: str | None = None, sequence: int = 7) -> str:
    """What the head-end signs."""
    now_s = station.counter.clock.utc_ms // 1000
    _, signed = station.signer.sign(
        command, body, gateway_id=GATEWAY, sequence=sequence, now_s=now_s, challenge=challenge
    )
    return signed.decode()


def top_up(station: Station, sequence: int = 1, amount: str = "20.00", total: str = "20.00") -> str:
    """A signed top-up of CH-1."""
    return token(station, Command.TOP_UP, TopUpBody("CH-1", sequence, amount, total, "CHF", "counter"))


def test_a_code_credits_once_and_its_row_tells_that_it_came_by_code(station: Station) -> None:
    """I3, threat 22: entry and receipt as online, an id that says it was a code; the same code again adds nothing."""

    async def run() -> None:
        async with station.open("CH-1"):
            done = await station.done("topup.code", code=code(1, 20), account="CH-1")
            assert (done["status"], done["credited"], done["balance"]) == ("applied", "20.00", "40.00")
            receipt = (await station.rows("receipt"))[-1]
            assert done["row"] == receipt["seq"]
            assert receipt["command_id"].startswith("code-1-")
            assert (receipt["detail"]["sequence"], receipt["detail"]["total"]) == (1, "20.00")
            assert receipt["detail"]["channel"] == "code"
            assert (await station.rows("entry"))[-1]["reference"] == receipt["command_id"]
            again = await station.done("topup.code", code=code(1, 20), account="CH-1")
            assert (again["status"], again["balance"]) == ("already_included", "40.00")

    story(run())


def test_code_and_envelope_of_one_sale_credit_it_once(station: Station) -> None:
    """Decision 4: whichever comes first, the other is already included; a later code has what is missing."""

    async def run() -> None:
        async with station.open("CH-1"):
            assert (await station.done("topup.envelope", token=top_up(station)))["credited"] == "20.00"
            assert (await station.done("topup.code", code=code(1, 20)))["status"] == "already_included"
            assert (await station.done("topup.code", code=code(4, 75)))["credited"] == "55.00"
            third = await station.done("topup.envelope", token=top_up(station, 3, "20.00", "60.00"))
            assert (third["status"], third["balance"]) == ("already_included", "95.00")

    story(run())


def test_an_envelope_pasted_twice_says_that_it_was_done_before(station: Station) -> None:
    """I3: the stored answer, nothing more is credited and no row is written."""

    async def run() -> None:
        async with station.open("CH-1"):
            first = await station.done("topup.envelope", token=top_up(station))
            pasted = top_up(station)
            await station.done("topup.envelope", token=pasted)
            rows = len(await station.rows())
            again = await station.done("topup.envelope", token=pasted)
            assert (first["repeated"], again["repeated"], again["balance"]) == (False, True, "40.00")
            assert len(await station.rows()) == rows

    story(run())


def test_a_slip_costs_nothing_and_names_the_group(station: Station) -> None:
    """A wrong check digit is no guess: no wait, no row, and the group to be read out again."""

    async def run() -> None:
        async with station.open("CH-1"):
            good = code(1, 20)
            digit = "1" if good[7] != "1" else "2"
            rows = len(await station.rows())
            for _ in range(50):
                reason, detail = await station.refused("topup.code", code=good[:7] + digit + good[8:])
                assert (reason, detail) == ("code_groups", {"groups": "2"})
            assert len(await station.rows()) == rows
            assert (await station.done("topup.code", code=good))["status"] == "applied"

    story(run())


@pytest.mark.parametrize(
    "made",
    [
        {"key": servicekey.key_for(SERVICE_KEY, Use.OTP)},
        {"key": servicekey.key_for(servicekey.derive(b"m" * 32, "gw-2"), Use.CREDIT)},
        {"gateway": "gw-2"},
        {"account": "CH-2"},
    ],
)
def test_a_code_for_another_place_is_a_wrong_code(station: Station, made: dict[str, Any]) -> None:
    """I14: it cannot be told apart from one that nobody made; nothing is credited, and it counts as a guess."""

    async def run() -> None:
        async with station.open("CH-1"):
            reason, detail = await station.refused("topup.code", code=code(1, 20, **made), account="CH-1")
            assert (reason, detail) == ("code_not_genuine", {"minutes": 0})
            assert station.counter.teller.accounts["CH-1"].balance_nano == 20 * NANO
            assert (await station.rows("event"))[-1]["what"] == "console.refused"

    story(run())


def test_an_account_that_is_not_here_is_answered_like_a_wrong_code(station: Station) -> None:
    """S4-25: nobody learns at the door which accounts a gateway has."""

    async def run() -> None:
        async with station.open("CH-1", "CH-2"):
            reason, _ = await station.refused("topup.code", code=code(1, 20), account="CH-9")
            assert reason == "code_not_genuine"
            assert await station.refused("topup.code", code=code(1, 20)) == ("which_account", {"accounts": 2})
            assert (await station.done("topup.code", code=code(1, 20, "CH-2"), account="CH-2"))["account"] == "CH-2"

    story(run())


def test_guessing_is_locked_out_and_a_restart_does_not_help(station: Station) -> None:
    """Threat 22, I18: each wrong code doubles the wait, also for a right one, over reboots and with any clock."""

    async def run() -> None:
        wrong = code(1, 20, key=bytes(32))
        async with station.open("CH-1"):
            for _ in range(3):
                await station.refused("topup.code", code=wrong)
            assert (await station.refused("topup.code", code=code(1, 20)))[0] == "locked_out"
        station.counter.clock.utc_ms += 400 * 24 * HOUR_MS
        async with station.open():
            reason, detail = await station.refused("topup.code", code=code(1, 20))
            assert (reason, detail) == ("locked_out", {"minutes": 1})
            station.counter.clock.advance(60_000)
            assert (await station.done("topup.code", code=code(1, 20)))["status"] == "applied"

    story(run())


def test_a_month_of_guessing_is_not_ninety_tries(station: Station) -> None:
    """Threat 22: who tries whenever the lock lets them has 13 tries on the first day, and two on each one after it."""

    async def run() -> None:
        judged, month_ms = 0, 30 * 24 * HOUR_MS
        async with station.open("CH-1"):
            while station.counter.clock.running_ms < month_ms:
                reason, detail = await station.refused("topup.code", code=code(judged + 1, 20, key=bytes(32)))
                judged += reason == "code_not_genuine"
                station.counter.clock.advance(max(1, int(detail["minutes"])) * 60_000)
        assert judged <= 80
        assert len(WAITS_MIN) < judged

    story(run())


def test_a_used_code_cannot_fill_the_journal(station: Station) -> None:
    """Threat 22: what credits nothing is a failure for the lock: an old code typed for ever writes next to nothing."""

    async def run() -> None:
        async with station.open("CH-1"):
            await station.done("topup.code", code=code(1, 20))
            rows = len(await station.rows())
            said = [(await station.ask("topup.code", code=code(1, 20))).ok for _ in range(100)]
            assert said.count(True) == 3
            assert len(await station.rows()) - rows <= 6

    story(run())


def test_what_the_books_refuse_today_they_may_take_tomorrow(station: Station) -> None:
    """A genuine code above the balance's cap is refused with the cap, and is good once there is room (nothing lost)."""

    async def run() -> None:
        async with station.open("CH-1"):
            for sequence in range(1, 4):
                await station.done("topup.code", code=code(sequence, 500 * sequence))
            reason, detail = await station.refused("topup.code", code=code(4, 2000))
            assert (reason, detail) == ("balance_above_cap", {"cap": "2000.00 CHF"})
            await station.counter.teller.post("CH-1", station.counter.reading(100_000, after_ms=48 * HOUR_MS))
            assert (await station.done("topup.code", code=code(4, 2000)))["credited"] == "500.00"

    story(run())


def test_without_a_service_key_there_are_no_codes(station: Station) -> None:
    """Bad input: no key, or one that others may read, is said; envelopes go on."""

    async def run() -> None:
        async with station.open("CH-1"):
            station.key_file.chmod(0o644)
            assert (await station.refused("topup.code", code=code(1, 20)))[0] == "no_service_key"
            assert (await station.done("topup.envelope", token=top_up(station)))["status"] == "applied"

    story(run())


def test_an_envelope_is_checked_as_if_the_broker_had_brought_it(station: Station) -> None:
    """I14: signature, audience and key decide, junk is counted, and it is no sign that the head-end is there."""

    async def run() -> None:
        async with station.open("CH-1"):
            contact_ms = station.counter.teller.accounts["CH-1"].contact_running_ms
            station.counter.clock.advance(HOUR_MS)
            good = top_up(station)
            changed = good[:-2] + ("A" if good[-2] != "A" else "B") + good[-1]
            assert (await station.refused("topup.envelope", token=changed))[0] == "bad_signature"
            assert (await station.refused("topup.envelope", token="hello"))[0] == "malformed"
            assert (await station.refused("topup.envelope", token="a" * 1_000_000))[0] == "bad_arguments"
            assert [row["what"] for row in await station.rows("event")][-2:] == ["headend.junk", "headend.junk"]
            assert (await station.done("topup.envelope", token=good))["status"] == "applied"
            assert station.counter.teller.accounts["CH-1"].contact_running_ms == contact_ms

    story(run())


def test_who_has_not_logged_in_brings_top_ups_only(station: Station) -> None:
    """I14: whatever else is signed needs a technician at the line, and its freshness as ever (decision 17)."""

    async def run() -> None:
        async with station.open("CH-1"):
            lockout = token(station, Command.LOCKOUT_SET, LockoutSetBody("CH-1", "work"), challenge="challenge-1")
            assert (await station.refused("topup.envelope", token=lockout))[0] == "not_allowed"
            station.as_role(Role.TECHNICIAN)
            assert (await station.done("topup.envelope", token=lockout))["command"] == "lockout_set"
            release = token(station, Command.LOCKOUT_RELEASE, LockoutReleaseBody("CH-1"), sequence=8)
            assert (await station.done("topup.envelope", token=release))["command"] == "lockout_release"

    story(run())


def test_a_flood_of_envelopes_waits(station: Station) -> None:
    """Bad input: after twenty at once the next is told to wait; a minute later it is taken."""

    async def run() -> None:
        async with station.open("CH-1"):
            said = [(await station.refused("topup.envelope", token="x.y.z"))[0] for _ in range(22)]
            assert said == ["malformed"] * 20 + ["busy"] * 2
            station.counter.clock.advance(60_000)
            assert (await station.done("topup.envelope", token=top_up(station)))["status"] == "applied"

    story(run())
