"""Passwords: the least they must have, how they are kept, how often they change."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.config.settings import ConsoleTable
from gateway.console import passwords
from gateway.console.session import Session
from gateway.console.wire import Role
from gateway.errors import CommandRefused
from tests.console.warden import DAY_MS, MINUTE_MS, PASSWORD, Warden, refused

HOUR_MS = 60 * MINUTE_MS
NEW = "Zyxwvu9+"


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("Abcdef1!", ""),
        ("Àbcdef1!", ""),
        ("Abcdef1", "password_length"),
        ("Abcdef1!" * 17, "password_length"),
        ("abcdef1!", "password_capital"),
        ("Abcdefg!", "password_digit"),
        ("Abcdefg1", "password_special"),
        ("Abcdef 1", "password_special"),
        ("", "password_length"),
    ],
)
def test_what_a_password_must_have_at_least(password: str, reason: str) -> None:
    """S4-20: 8 characters, a capital, a digit, a special character; the refusal says which is missing."""
    if not reason:
        passwords.check(password, ConsoleTable())
        return
    with pytest.raises(CommandRefused, match=f"^{reason}"):
        passwords.check(password, ConsoleTable())


def test_the_least_is_the_utilitys_choice() -> None:
    """S4-20: each rule can be taken out or made stronger in [console]."""
    pin = ConsoleTable(password_length=4, password_capital=False, password_digit=False, password_special=False)
    passwords.check("aaaa", pin)
    with pytest.raises(CommandRefused, match="password_length"):
        passwords.check(PASSWORD, ConsoleTable(password_length=12))


def test_nobody_reads_a_password_back() -> None:
    """What is kept is salted: the same password twice is kept differently, and only the right one matches."""
    kept = passwords.keep(PASSWORD)
    assert kept != passwords.keep(PASSWORD)
    assert PASSWORD not in repr(kept)
    assert passwords.matches(kept, PASSWORD)
    assert not passwords.matches(kept, PASSWORD + " ")
    assert not passwords.matches(passwords.NOBODYS, "")
    assert not passwords.matches(kept, "\ud800")


def test_a_password_changes_once_in_24_hours(tmp_path: Path) -> None:
    """S4-24: after 23 hours of running refused, after 24 not; neither a reboot nor the wall clock shortens it."""

    async def story() -> None:
        warden = Warden(tmp_path)
        session = await warden.enrolled()
        await warden.access.change(session, PASSWORD, NEW)
        assert await warden.access.refresh(session), "one's own change does not end the session"
        warden.clock.advance(23 * HOUR_MS)
        warden.clock.utc_ms += 400 * DAY_MS
        session = await warden.again().logged_in(password=NEW)
        refusal = await refused(warden.access.change(session, NEW, PASSWORD))
        assert (refusal.reason, refusal.detail) == ("changed_already", {"minutes": 60})
        warden.clock.advance(HOUR_MS)
        await warden.access.change(session, NEW, PASSWORD)
        assert (await refused(warden.logged_in(password=NEW))).reason == "wrong_login"

    asyncio.run(story())


def test_a_proven_session_changes_it_at_any_time(tmp_path: Path) -> None:
    """S4-24: the service centre's word is enough, without the old password."""

    async def story() -> None:
        warden = Warden(tmp_path)
        session = await warden.enrolled()
        await warden.access.change(session, PASSWORD, NEW)
        proven = await warden.proven("rossi", Role.TECHNICIAN)
        await warden.access.change(proven, "", PASSWORD)
        await warden.logged_in()
        anna = await warden.proven()
        assert (await refused(warden.access.change(anna, "", PASSWORD))).reason == "no_password"

    asyncio.run(story())


def test_a_first_password_is_changed_at_once(tmp_path: Path) -> None:
    """S4-24: the password that a supervisor gave is not the person's own; the first change does not wait."""

    async def story() -> None:
        warden = Warden(tmp_path)
        session = await warden.enrolled()
        assert (await refused(warden.access.change(session, PASSWORD, "short"))).reason == "password_length"
        assert (await refused(warden.access.change(session, "Wrong12!", NEW))).reason == "wrong_login"
        await warden.access.change(session, PASSWORD, NEW)

    asyncio.run(story())


def test_an_open_session_is_no_place_to_guess_its_password(tmp_path: Path) -> None:
    """Threat 22: the old password asked for a change is an attempt like any other."""

    async def story() -> None:
        warden = Warden(tmp_path)
        session = await warden.enrolled()
        for _ in range(3):
            await refused(warden.access.change(session, "Wrong12!", NEW))
        assert (await refused(warden.access.change(session, PASSWORD, NEW))).reason == "locked_out"
        assert (await refused(warden.logged_in())).reason == "locked_out"

    asyncio.run(story())


def test_a_lost_store_does_not_lock_a_password_for_years(tmp_path: Path) -> None:
    """S4-24: a running time that begins again at 0 makes one wait a day at most."""

    async def story() -> None:
        warden = Warden(tmp_path)
        warden.clock.advance(1000 * DAY_MS)
        session = await warden.enrolled()
        await warden.access.change(session, PASSWORD, NEW)
        warden.clock.running_ms = 0
        session = await warden.again().logged_in(password=NEW)
        refusal = await refused(warden.access.change(session, NEW, PASSWORD))
        assert refusal.detail == {"minutes": 24 * 60}

    asyncio.run(story())


def test_a_session_ends_when_its_password_does(tmp_path: Path) -> None:
    """Who is given another password, or removed, is logged out of every line at the next word; on record."""

    async def story() -> None:
        warden = Warden(tmp_path)
        first, second = await warden.enrolled(), await warden.logged_in()
        assert await warden.access.refresh(first)
        await warden.access.change(first, PASSWORD, NEW)
        assert await warden.access.refresh(first)
        assert not await warden.access.refresh(second)
        assert (second.who, second.role) == ("", Role.NOBODY)
        assert warden.noted("console.logout")[-1]["cause"] == "changed"
        await warden.access.remove_user(await warden.proven(), "rossi")
        assert not await warden.access.refresh(first)
        assert await warden.access.refresh(Session("tty")), "who is not logged in cannot be logged out"

    asyncio.run(story())
