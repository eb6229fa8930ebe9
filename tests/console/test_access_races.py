"""What happens between an attempt and what follows from it: somebody is removed, the medium fills up."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest

from gateway.console import passwords, register
from gateway.console.access import LockName
from gateway.console.session import Session
from gateway.console.wire import Role
from tests.console.warden import DAY_MS, PASSWORD, Warden, refused


def test_who_is_removed_while_a_new_password_is_computed_stays_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S4-24, I18: a change of one's own password brings back neither a removed name nor a role that was taken."""

    async def story() -> None:
        warden = Warden(tmp_path)
        boss, kept = await warden.proven("boss"), warden.access._kept
        demoted = False

        async def slowly(password: str) -> passwords.Kept:
            made = await kept(password)
            monkeypatch.setattr(warden.access, "_kept", kept)
            if demoted:
                await warden.access.set_user(boss, "rossi", Role.VIEWER, PASSWORD)
            else:
                await warden.access.remove_user(boss, "rossi")
            return made

        for demoted in (False, True):
            session = await warden.enrolled()
            warden.clock.advance(DAY_MS)
            monkeypatch.setattr(warden.access, "_kept", slowly)
            assert (await refused(warden.access.change(session, PASSWORD, "Zbcdef2!"))).reason == "session_ended"
            roles = {name: user.role for name, user in (await warden.access.users()).items()}
            assert roles == ({"rossi": Role.VIEWER} if demoted else {})
            assert (await warden.again().access.users()).keys() == roles.keys()
            boss = await warden.proven("boss")
            kept = warden.access._kept

    asyncio.run(story())


@pytest.mark.parametrize("clears", [False, True])
def test_what_was_right_counts_although_the_medium_is_full_by_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, clears: bool
) -> None:
    """I18: `judge` has done it (a code is booked), so nobody is told otherwise; the failure stays, which only waits."""

    async def story() -> None:
        warden, save = Warden(tmp_path), register.save

        def full(folder: Path, changed: register.Register) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        async def judge() -> bool:
            monkeypatch.setattr(register, "save", full)
            return True

        assert await warden.access.attempt(LockName.CREDIT, Session("anna"), judge, clears=clears)
        monkeypatch.setattr(register, "save", save)
        known = register.load(tmp_path)
        assert known is not None
        assert known.locks["credit"].failures == 1
        assert await warden.guess(LockName.CREDIT) == "judged"

    asyncio.run(story())
