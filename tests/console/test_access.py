"""Who is let in, whatever happens in between: power cuts, reboots, a full disk, a rotten file, many guesses."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.console import passwords, register
from gateway.console.access import USERS_MAX, LockName
from gateway.console.lock import PER_DAY_MAX, Lock
from gateway.console.session import Session
from gateway.console.wire import Role
from gateway.errors import StoreError
from tests.console.warden import DAY_MS, MINUTE_MS, PASSWORD, Warden, refused


def test_there_is_no_default_password(tmp_path: Path) -> None:
    """A new gateway has no user at all; only the service centre's word makes the first one."""

    async def story() -> None:
        warden = Warden(tmp_path)
        assert await warden.access.users() == {}
        for name in ("", "admin", "root", "technician", "pi"):
            reason = (await refused(warden.logged_in(name, name))).reason
            assert reason in {"wrong_login", "locked_out"}
            warden.clock.advance(DAY_MS)
        session = await warden.enrolled()
        assert (session.who, session.role, session.proven) == ("rossi", Role.TECHNICIAN, False)

    asyncio.run(story())


def test_an_attempt_is_a_failure_before_it_is_judged(tmp_path: Path) -> None:
    """I18: a power cut between the guess and its answer counts; cutting the power is no way to guess for nothing."""

    async def story() -> None:
        warden = Warden(tmp_path)

        class Cut(BaseException):
            pass

        async def judge() -> bool:
            known = register.load(tmp_path)
            assert known is not None
            judged.append(known.locks["login"].failures)
            raise Cut

        judged: list[int] = []
        for _ in range(3):
            with pytest.raises(Cut):
                await warden.access.attempt(LockName.LOGIN, Session("burglar"), judge)
            warden.again()
        assert judged == [1, 2, 3]
        assert await warden.guess() == "locked_out"

    asyncio.run(story())


def test_a_reboot_loop_clears_nothing(tmp_path: Path) -> None:
    """I18, threat 22: with a reboot after every guess, a day holds 13 attempts and not one more."""

    async def story() -> None:
        warden, judged = Warden(tmp_path), []
        for _ in range(3 * 24 * 60):
            warden.again().clock.advance(MINUTE_MS)
            warden.clock.utc_ms += DAY_MS
            if await warden.guess() == "judged":
                judged.append(warden.clock.running_ms)
        day = [one for one in judged if one <= judged[0] + DAY_MS - MINUTE_MS]
        assert len(day) == PER_DAY_MAX
        assert len(judged) <= PER_DAY_MAX + 4
        assert len(warden.noted("console.refused")) == len(judged)

    asyncio.run(story())


def test_a_saved_running_time_that_is_older_shortens_no_wait(tmp_path: Path) -> None:
    """I18: after a power cut the running time is that of the last checkpoint, a quarter of an hour ago."""

    async def story() -> None:
        warden = Warden(tmp_path)
        warden.clock.advance(DAY_MS)
        for _ in range(3):
            await warden.guess()
        wait_min = await warden.access.wait_min()
        warden.clock.running_ms -= 15 * MINUTE_MS
        assert await warden.again().access.wait_min() == wait_min == 1
        warden.clock.running_ms = 0
        assert await warden.again().access.wait_min() == 1
        warden.clock.advance(MINUTE_MS)
        assert await warden.again().guess() == "judged"

    asyncio.run(story())


def test_passwords_and_codes_share_a_lock_and_credit_codes_have_their_own(tmp_path: Path) -> None:
    """Threat 22: who has used up the guesses at passwords has none at codes; a customer's top-up is not his victim."""

    async def story() -> None:
        warden = Warden(tmp_path)
        session = Session("tty")
        await warden.access.challenge(session, "anna", Role.SUPERVISOR)
        for _ in range(3):
            await refused(warden.logged_in("rossi", "x"))
        zeros = next(f"{'0' * 12}{check:02d}" for check in range(100) if check % 97 == 1)
        refusal = await refused(warden.access.by_code(session, zeros))
        assert (refusal.reason, refusal.detail) == ("locked_out", {"minutes": 1})
        assert await warden.guess(LockName.CREDIT) == "judged"
        assert await warden.access.wait_min(LockName.CREDIT) == 0

    asyncio.run(story())


def test_the_lock_is_the_gateways_and_not_a_names(tmp_path: Path) -> None:
    """Threat 22: another name, another line, another connection: the same guesses."""

    async def story() -> None:
        warden = Warden(tmp_path)
        for number in range(3):
            assert (await refused(warden.logged_in(f"name-{number}", "x"))).reason == "wrong_login"
        assert (await refused(warden.logged_in("name-9", "x"))).reason == "locked_out"

    asyncio.run(story())


def test_a_right_password_takes_back_its_own_failure_only(tmp_path: Path) -> None:
    """Threat 22: with a password of one's own one washes no other guesses away; a one-time code clears all."""

    async def story() -> None:
        warden = Warden(tmp_path)
        await warden.enrolled()
        assert (await warden.access.wait_min(), await warden.guess(), await warden.guess()) == (0, "judged", "judged")
        for _ in range(5):
            await warden.logged_in()
        known = register.load(tmp_path)
        assert known is not None
        assert known.locks["login"].failures == 2
        assert await warden.guess() == "judged"
        assert await warden.guess() == "locked_out"
        warden.clock.advance(MINUTE_MS)
        await warden.proven()
        assert [await warden.guess() for _ in range(4)] == ["judged", "judged", "judged", "locked_out"]

    asyncio.run(story())


def test_a_name_that_does_not_exist_costs_as_much(tmp_path: Path) -> None:
    """Answer times must not tell whether a name exists: the same work, the same writes, the same words."""

    async def story() -> None:
        done: list[str] = []

        def counted(work: Callable[[], Any]) -> Any:
            names = " ".join(work.__code__.co_names)
            done.append("hash" if "matches" in names else "save" if "save" in names else "other")
            return work()

        warden = Warden(tmp_path)
        await warden.enrolled()
        warden.work = counted
        told = []
        for name in ("rossi", "nobody-of-this-name"):
            done.clear()
            refusal = await refused(warden.logged_in(name, "Wrong12!"))
            told.append((refusal.reason, dict(refusal.detail), list(done)))
        assert told[0] == told[1] == ("wrong_login", {"minutes": 0}, ["save", "hash"])

    asyncio.run(story())


def test_guesses_do_not_fill_the_journal(tmp_path: Path) -> None:
    """A row for each attempt that was judged, which are few; those at a closed door only as a number in it."""

    async def story() -> None:
        warden = Warden(tmp_path)
        for _ in range(5_000):
            await warden.guess()
        assert len(warden.noted("console.refused")) == 3
        warden.clock.advance(MINUTE_MS)
        await refused(warden.logged_in("PasswordTypedAsName1!", "x"))
        row = warden.noted("console.refused")[-1]
        assert row == {"at": "login", "line": "ttyUSB0", "name": "", "failures": 4, "ignored": 4_997, "wait_min": 2}
        assert "PasswordTypedAsName1!" not in json.dumps(warden.notes)

    asyncio.run(story())


def test_what_cannot_be_recorded_is_not_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I18: on a full or read-only disk no guess is judged, right or wrong; afterwards all is as before."""

    async def story() -> None:
        warden = Warden(tmp_path)
        await warden.enrolled()

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            assert (await refused(warden.logged_in())).reason == "not_recorded"
            assert (await refused(warden.access.remove_user(await_session, "rossi"))).reason == "not_recorded"
        await warden.logged_in()

    await_session = Session("tty", "anna", Role.SUPERVISOR, proven=True)
    asyncio.run(story())


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "huge", "deep"])
def test_a_damaged_file_lets_nobody_in_by_password(tmp_path: Path, damage: str) -> None:
    """It is set aside and on record; the free guesses are used up; a one-time code lets in and makes a new one."""

    async def story() -> None:
        warden = Warden(tmp_path)
        await warden.enrolled()
        file = tmp_path / "access.json"
        whole = file.read_bytes()
        damaged = {
            "cut": whole[:-20],
            "flipped": whole.replace(b"technician", b"supervisor"),
            "empty": b"",
            "huge": whole + b" " * 100_000,
            "deep": b"[" * 60_000,
        }[damage]
        file.write_bytes(damaged)
        with pytest.raises(StoreError):
            register.load(tmp_path)
        warden.again()
        assert (await refused(warden.logged_in())).reason == "passwords_lost"
        assert (tmp_path / "access.json.damaged-1").read_bytes() == damaged
        assert len(warden.noted("console.access_damaged")) == 1
        assert (await refused(warden.proven())).detail == {"minutes": 1}
        warden.clock.advance(MINUTE_MS)
        await warden.enrolled()
        assert (await warden.again().logged_in()).who == "rossi"

    asyncio.run(story())


def test_the_file_is_the_gateways_alone_and_always_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mode 0600 from the first byte, written beside itself, flushed, renamed, and the folder flushed after it."""
    steps: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def flushed(descriptor: int) -> None:
        steps.append(f"flush {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
        fsync(descriptor)

    def renamed(path: Path, target: Path) -> Path:
        assert path.stat().st_mode & 0o777 == 0o600
        steps.append(f"rename {path.name} {target.name}")
        return replace(path, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(Path, "replace", renamed)
    kept = register.Register(locks={"login": Lock(2, 5)})
    (tmp_path / "access.json.new").write_text("left over from a power cut")
    register.save(tmp_path, kept)
    assert steps == ["flush access.json.new", "rename access.json.new access.json", f"flush {tmp_path.name}"]
    assert register.load(tmp_path) == kept


def test_a_password_is_in_no_row_and_in_no_file(tmp_path: Path) -> None:
    """The journal names who did what, never what was typed; the file holds salted hashes."""

    async def story() -> None:
        warden = Warden(tmp_path)
        session = await warden.enrolled()
        await warden.access.leave(session, "asked")
        assert PASSWORD not in json.dumps(warden.notes)
        assert PASSWORD not in (tmp_path / "access.json").read_text()
        assert [name for name, _ in warden.notes] == [
            "console.login",
            "console.user_set",
            "console.login",
            "console.logout",
        ]
        assert warden.notes[0][1] == {"who": "anna", "role": "supervisor", "line": "ttyUSB0", "method": "code"}
        assert warden.notes[1][1] == {
            "who": "anna",
            "role": "supervisor",
            "line": "ttyUSB0",
            "name": "rossi",
            "set_role": "technician",
        }
        assert warden.notes[3][1]["cause"] == "asked"

    asyncio.run(story())


def test_there_are_so_many_users_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds on everything: 32 users, and the file stays far below what is read of it."""
    monkeypatch.setattr(passwords, "keep", lambda _: passwords.NOBODYS)

    async def story() -> None:
        warden = Warden(tmp_path)
        session = await warden.proven()
        for number in range(USERS_MAX):
            await warden.access.set_user(session, f"{number:02d}".ljust(64, "x"), Role.VIEWER, PASSWORD)
        refusal = await refused(warden.access.set_user(session, "one-more", Role.VIEWER, PASSWORD))
        assert refusal.reason == "too_many_users"
        await warden.access.set_user(session, "00".ljust(64, "x"), Role.TECHNICIAN, PASSWORD)
        assert (await refused(warden.access.remove_user(session, "one-more"))).reason == "unknown_user"
        await warden.access.remove_user(session, "00".ljust(64, "x"))
        assert len(await warden.again().access.users()) == USERS_MAX - 1
        assert (tmp_path / "access.json").stat().st_size < register.BYTES_MAX / 4

    asyncio.run(story())


@pytest.mark.parametrize(("pause_ms", "goes_on"), [(15 * MINUTE_MS, True), (15 * MINUTE_MS + 1, False)])
def test_a_session_without_a_word_ends(tmp_path: Path, pause_ms: int, goes_on: bool) -> None:
    """15 minutes without a word log out, on record; a technician who went home leaves no open door."""

    async def story() -> None:
        warden = Warden(tmp_path)
        session = await warden.proven()
        warden.clock.advance(pause_ms)
        assert await warden.access.refresh(session) is goes_on
        assert bool(session.who) is session.proven is goes_on
        assert [row["cause"] for row in warden.noted("console.logout")] == [] if goes_on else ["idle"]

    asyncio.run(story())


def test_a_busy_session_ends_once(tmp_path: Path) -> None:
    """Twelve hours in all, however much is asked: a watch that repeats itself keeps no door open for ever."""

    async def story() -> None:
        warden = Warden(tmp_path)
        session, minutes = await warden.proven(), 0
        while await warden.access.refresh(session):
            warden.clock.advance(MINUTE_MS)
            minutes += 1
        assert minutes == 12 * 60 + 1
        assert warden.noted("console.logout")[-1]["cause"] == "over"

    asyncio.run(story())


def test_logging_in_and_out_all_day_does_not_fill_the_journal(tmp_path: Path) -> None:
    """A name logs in by password 20 times an hour and no more; a one-time code and other names are not held up."""

    async def story() -> None:
        warden = Warden(tmp_path)
        await warden.enrolled()
        for _ in range(19):
            await warden.logged_in()
        refusal = await refused(warden.logged_in())
        assert (refusal.reason, refusal.detail["minutes"]) == ("too_many_logins", 60)
        await warden.proven("rossi", Role.TECHNICIAN)
        await warden.enrolled("bianchi")
        warden.clock.advance(60 * MINUTE_MS)
        await warden.logged_in()

    asyncio.run(story())
