"""Access alone: a real file, a clock that the test moves, what is noted in a list; `again()` is a reboot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gateway.config.settings import ConsoleTable
from gateway.console import otp, servicekey
from gateway.console.access import Access, LockName, Outside
from gateway.console.session import Session
from gateway.console.wire import Role
from gateway.errors import CommandRefused
from gateway.prepayment.events import Detail
from tests.counter import HandClock

GATEWAY = "gw-1"
MASTER = b"m" * 32
KEY = servicekey.key_for(servicekey.derive(MASTER, GATEWAY), servicekey.Use.OTP)
PASSWORD = "Abcdef1!"
MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS


@dataclass
class Warden:
    """One gateway's access over its lives."""

    folder: Path
    table: ConsoleTable = field(default_factory=ConsoleTable)
    clock: HandClock = field(default_factory=HandClock)
    notes: list[tuple[str, dict[str, str | int]]] = field(default_factory=list)
    work: Callable[[Callable[[], Any]], Any] = lambda work: work()

    def __post_init__(self) -> None:
        self.key_file = self.folder / "service.key"
        self.key_file.write_text(servicekey.written(servicekey.derive(MASTER, GATEWAY)))
        self.key_file.chmod(0o600)
        self.again()

    def again(self) -> Warden:
        """The process starts anew: only the file is left."""

        async def aside(work: Callable[[], Any]) -> Any:
            return self.work(work)

        async def note(what: str, detail: Detail) -> None:
            self.notes.append((what, dict(detail)))

        self.access = Access(
            self.folder,
            GATEWAY,
            self.table,
            self.clock,
            note,
            service_key=self.key_file,
            outside=Outside(aside=aside),
        )
        return self

    def noted(self, what: str) -> list[dict[str, str | int]]:
        """The details of all rows of this name."""
        return [detail for name, detail in self.notes if name == what]

    async def proven(self, name: str = "anna", role: Role = Role.SUPERVISOR) -> Session:
        """Somebody whom the service centre let in."""
        session = Session("ttyUSB0")
        shown = await self.access.challenge(session, name, role)
        await self.access.by_code(session, answer(shown))
        return session

    async def enrolled(self, name: str = "rossi", role: Role = Role.TECHNICIAN, password: str = PASSWORD) -> Session:
        """Somebody with a password, logged in with it; made by a supervisor."""
        await self.access.set_user(await self.proven(), name, role, password)
        return await self.logged_in(name, password)

    async def logged_in(self, name: str = "rossi", password: str = PASSWORD) -> Session:
        """A new line, logged in by password."""
        session = Session("ttyUSB0")
        await self.access.by_password(session, name, password)
        return session

    async def guess(self, lock: LockName = LockName.LOGIN) -> str:
        """One wrong guess: "judged", or the reason why it was not."""

        async def judge() -> bool:
            return False

        try:
            assert not await self.access.attempt(lock, Session("burglar"), judge)
        except CommandRefused as refusal:
            return refusal.reason
        return "judged"


def answer(shown: otp.Challenge) -> str:
    """What the service centre says."""
    return otp.answer(KEY, shown.subject, shown.digits)


async def refused(call: Any) -> CommandRefused:
    """The refusal that this call must end in."""
    with pytest.raises(CommandRefused) as caught:
        await call
    return caught.value
