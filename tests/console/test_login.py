"""Logging in through the desk: roles, proof, records, and what each of them may do."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from gateway.console import otp
from gateway.console.access import IDLE_MS
from gateway.console.actions import ACTIONS
from gateway.console.desk import Session
from gateway.console.servicekey import Use, key_for
from gateway.console.wire import Role
from tests.console.counterdesk import GATEWAY, SERVICE_KEY, Station, story

PASSWORD = "Abcdef1!"


async def by_code(station: Station, name: str, role: Role) -> dict[str, Any]:
    """Log in as a technician does on the phone."""
    shown = await station.done("challenge", name=name, role=role.value)
    assert shown["valid_min"] == 30
    subject = otp.Subject(GATEWAY, name, role)
    return await station.done("login", code=otp.answer(key_for(SERVICE_KEY, Use.OTP), subject, shown["challenge"]))


async def events(station: Station) -> list[str]:
    """The names of the console's rows."""
    return [row["what"] for row in await station.rows("event") if row["what"].startswith("console.")]


def test_the_first_user_is_made_by_the_service_centres_word(tmp_path: Path) -> None:
    """No default password: a new gateway says so; a code lets a supervisor in, who adds the rest."""
    station = Station(tmp_path)

    async def run() -> None:
        async with station.open():
            standing = await station.done("whoami")
            assert (standing["enrolled"], standing["who"], standing["gateway_id"]) == (False, "", GATEWAY)
            standing = await by_code(station, "anna", Role.SUPERVISOR)
            assert (standing["who"], standing["role"], standing["proven"]) == ("anna", "supervisor", True)
            users = await station.done("user.add", name="rossi", role="technician", password=PASSWORD)
            assert list(users["users"]) == [{"name": "rossi", "role": "technician", "own": False}]
            assert (await station.done("logout"))["enrolled"]
            standing = await station.done("login", name="rossi", password=PASSWORD)
            assert (standing["role"], standing["proven"]) == ("technician", False)
            assert await events(station) == [
                "console.login",
                "console.user_set",
                "console.logout",
                "console.login",
            ]

    story(run())


def test_only_a_proven_supervisor_changes_who_may_log_in(tmp_path: Path) -> None:
    """I14: passwords are keys, so giving or taking one needs the service centre's word as well as the role."""
    station = Station(tmp_path)

    async def run() -> None:
        async with station.open():
            add = {"name": "x", "role": "viewer", "password": PASSWORD}
            for role, proven, reason in (
                (Role.NOBODY, False, "not_allowed_here"),
                (Role.TECHNICIAN, True, "not_allowed_here"),
                (Role.SUPERVISOR, False, "code_needed"),
            ):
                station.as_role(role, proven=proven)
                assert (await station.refused("user.add", **add))[0] == reason
                assert (await station.refused("user.remove", name="x"))[0] == reason
            station.as_role(Role.SUPERVISOR)
            assert not (await station.done("user.list"))["users"]

    story(run())


def test_the_role_is_the_one_that_was_signed(tmp_path: Path) -> None:
    """A code for a technician makes no supervisor, even for a name that is one by password."""
    station = Station(tmp_path)

    async def run() -> None:
        async with station.open():
            await by_code(station, "anna", Role.SUPERVISOR)
            await station.done("user.add", name="anna", role="supervisor", password=PASSWORD)
            standing = await by_code(station, "anna", Role.TECHNICIAN)
            assert (standing["role"], standing["proven"]) == ("technician", True)
            assert (await station.refused("user.list"))[0] == "not_allowed_here"

    story(run())


def test_logging_in_again_is_another_session(tmp_path: Path) -> None:
    """A proof belongs to the session it was given in: who logs in by password afterwards is not proven any more."""
    station = Station(tmp_path)

    async def run() -> None:
        async with station.open():
            await by_code(station, "anna", Role.SUPERVISOR)
            await station.done("user.add", name="anna", role="supervisor", password=PASSWORD)
            standing = await station.done("login", name="anna", password=PASSWORD)
            assert not standing["proven"]
            assert (await events(station))[-2:] == ["console.logout", "console.login"]
            reason, detail = await station.refused("login", name="anna", password="Wrong12!")
            assert (reason, detail) == ("wrong_login", {"minutes": 0})
            assert (await station.done("whoami"))["who"] == "anna", "a slip logs nobody out"

    story(run())


def test_a_session_that_went_idle_says_so_once(tmp_path: Path) -> None:
    """The next ask after 15 minutes is refused with a code of its own; what anybody may ask goes on."""
    station = Station(tmp_path)

    async def run() -> None:
        async with station.open():
            await by_code(station, "anna", Role.SUPERVISOR)
            station.counter.clock.advance(IDLE_MS + 1)
            assert (await station.refused("user.list"))[0] == "session_ended"
            assert (await station.refused("user.list"))[0] == "not_allowed_here"
            await by_code(station, "anna", Role.SUPERVISOR)
            station.counter.clock.advance(IDLE_MS + 1)
            assert (await station.done("whoami"))["who"] == ""

    story(run())


def test_failures_survive_the_daemon(tmp_path: Path) -> None:
    """I18: three wrong passwords, the daemon dies and starts again: the lock is where it was."""
    station = Station(tmp_path)

    async def run() -> None:
        async with station.open():
            for _ in range(3):
                await station.refused("login", name="anna", password="x")
        async with station.open():
            reason, detail = await station.refused("login", name="anna", password="x")
            assert (reason, detail) == ("locked_out", {"minutes": 1})
            assert (await station.done("whoami"))["wait_min"] == 1
            assert (await events(station)).count("console.refused") == 3

    story(run())


@pytest.mark.parametrize(
    ("do", "args"),
    [
        ("login", {}),
        ("login", {"name": "x"}),
        ("login", {"name": "x", "password": "y", "code": "z"}),
        ("login", {"name": "x", "password": "y" * 129}),
        ("challenge", {"name": "x", "role": "nobody"}),
        ("challenge", {"name": "x", "role": "root"}),
        ("challenge", {"name": "../x"}),
        ("challenge", {"name": "x\n"}),
        ("challenge", {"name": ""}),
        ("challenge", {}),
        ("passwd", {"new": 1}),
    ],
)
def test_arguments_that_do_not_fit_are_no_attempt(tmp_path: Path, do: str, args: dict[str, Any]) -> None:
    """A name is a name and a role is a role; nothing of it reaches the lock."""
    station = Station(tmp_path)

    async def run() -> None:
        async with station.open():
            station.as_role(Role.SUPERVISOR)
            assert (await station.refused(do, **args))[0] == "bad_arguments"
            assert await events(station) == []

    story(run())


def test_every_action_names_who_may(tmp_path: Path) -> None:
    """I14: nobody who has not logged in gets an answer from anything but what is on this list."""
    station = Station(tmp_path)
    for_anybody = {name for name, action in ACTIONS.items() if action.role is Role.NOBODY}
    assert for_anybody == {"hello", "whoami", "challenge", "login", "logout", "topup.code", "topup.envelope"}

    async def run() -> None:
        async with station.open():
            for name in set(ACTIONS) - for_anybody:
                assert (await station.refused(name))[0] == "not_allowed_here"

    story(run())


def test_a_line_that_is_lost_logs_out_on_record(tmp_path: Path) -> None:
    """Whoever was logged in on a connection that ends is not any more, and the journal says so."""
    station = Station(tmp_path)

    async def run() -> None:
        async with station.open():
            await by_code(station, "anna", Role.SUPERVISOR)
            await station.desk.access.leave(station.session, "gone")
            await station.desk.access.leave(station.session, "gone")
            rows = [row for row in await station.rows("event") if row["what"] == "console.logout"]
            assert [row["detail"]["cause"] for row in rows] == ["gone"]
            assert station.session == Session(
                "tester", since_ms=station.session.since_ms, active_ms=station.session.active_ms
            )

    asyncio.run(run())
