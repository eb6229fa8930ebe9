"""Who is let in: passwords, one-time codes, and the lock that makes guessing hopeless (threat 22, I18).

An attempt is a failure on the medium before it is judged; only then may it turn out right. One lock serves the whole
gateway, not each name; passwords and one-time codes share it, credit codes have their own.
"""

from __future__ import annotations

import asyncio
import hmac
import math
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeVar

import structlog
from msgspec.structs import replace

from gateway.clock import Clock
from gateway.config.settings import ConsoleTable
from gateway.console import otp, passwords, register, servicekey
from gateway.console.lock import WAITS_MIN, Lock
from gateway.console.register import Register, User
from gateway.console.session import Session
from gateway.console.wire import Role
from gateway.errors import CommandRefused, ConfigError, StoreError
from gateway.headend.gate import Bucket
from gateway.prepayment.events import Detail

IDLE_MS = 15 * 60_000
LONGEST_MS = 12 * 3_600_000
"""However busy somebody is, a session ends once."""
CHANGE_MS = 24 * 3_600_000
USERS_MAX = 32
LOGINS_MAX = 20
LOGINS_MS = 3_600_000
"""So often one name logs in by password within so long: each log-in is a row for ever."""
ORDERS_BURST, ORDERS_PER_S = 60, 0.1
"""What a person does in a visit goes at once; a script that repeats an order would fill the journal and wear the flash
out, and each trial of a switch wears its contacts out."""
PACE_MS = 1_000
"""Between two attempts, and between two challenges: nobody waits until one of these 10^10 comes again."""

T = TypeVar("T")
log = structlog.get_logger()


class LockName(StrEnum):
    """What is guessed at."""

    LOGIN = "login"
    CREDIT = "credit"


class Aside(Protocol):
    """Runs what takes a moment, or flushes a medium, beside the event loop."""

    async def __call__(self, work: Callable[[], T], /) -> T:
        """What the work gives."""
        ...


@dataclass(frozen=True, slots=True)
class Outside:
    """What is not deterministic; the simulation has its own."""

    aside: Aside = asyncio.to_thread
    draw: Callable[[int], int] = secrets.randbelow


class Access:
    """The one who lets in. `folder` holds access.json; `service_key` is the file of the key, None without one."""

    def __init__(
        self,
        folder: Path,
        gateway_id: str,
        table: ConsoleTable,
        clock: Clock,
        note: Callable[[str, Detail], Awaitable[None]],
        *,
        service_key: Path | None = None,
        outside: Outside | None = None,
    ) -> None:
        self._folder = folder
        self._gateway_id = gateway_id
        self._table = table
        self._clock = clock
        self._note = note
        self._service_key = service_key
        self._outside = outside or Outside()
        self._known: Register | None = None
        self._damaged = False
        self._ignored = 0
        self._logins: dict[str, deque[int]] = {}
        self._turn = asyncio.Lock()
        self._paced_ms: int | None = None
        self._orders = Bucket(clock, per_s=ORDERS_PER_S, burst=ORDERS_BURST)

    def new_id(self) -> str:
        """A number for an order that no other order has."""
        return f"{self._outside.draw(2**64):016x}"

    def count_order(self) -> None:
        """Something that leaves a row for ever is asked for. Raises CommandRefused(busy)."""
        if not self._orders.take():
            raise CommandRefused("busy")

    async def key(self, use: servicekey.Use) -> bytes:
        """The key of one use. Raises CommandRefused(no_service_key)."""
        path = self._service_key
        if path is None:
            raise CommandRefused("no_service_key")
        try:
            return servicekey.key_for(await self._outside.aside(lambda: servicekey.read(path)), use)
        except ConfigError as error:
            log.warning("console.service_key", reason=str(error))
            raise CommandRefused("no_service_key") from error

    async def attempt(
        self,
        lock: LockName,
        session: Session,
        judge: Callable[[], Awaitable[bool]],
        *,
        name: str = "",
        clears: bool = False,
    ) -> bool:
        """Whether `judge` says that it is right. What is wrong, what raises and what a power cut ends is a failure.

        What is right takes its own failure back; with `clears` all of them. Raises CommandRefused, before anything is
        judged: locked_out, not_recorded. Nothing that `judge` calls may make an attempt itself.
        """
        async with self._turn:
            found = await self._opened()
            before, running_ms = found.locks.get(lock, Lock()), self._clock.now().running_ms
            if before.wait_ms(running_ms):
                self._ignored += 1
                raise CommandRefused("locked_out", minutes=_minutes(before.wait_ms(running_ms)))
            await self._pace()
            failed = before.failed(running_ms)
            await self._lock(lock, failed)
            if await judge():
                with suppress(CommandRefused):  # it is done; a medium that is full since then only makes waits longer
                    await self._lock(lock, Lock() if clears else before)
                return True
            known = name if name in found.users else ""  # else it may be a password, typed a line too early
            wait_min = WAITS_MIN[failed.failures - 1]
            ignored, self._ignored = self._ignored, 0
            detail = (("at", lock.value), ("line", session.line), ("name", known), ("failures", failed.failures))
            await self._note("console.refused", (*detail, ("ignored", ignored), ("wait_min", wait_min)))
            return False

    async def challenge(self, session: Session, name: str, role: Role) -> otp.Challenge:
        """A new challenge for this line; the one before is worth nothing any more."""
        await self.key(servicekey.Use.OTP)
        async with self._turn:
            await self._pace()
        subject = otp.Subject(self._gateway_id, name, role)
        session.challenge = otp.Challenge(subject, otp.new_challenge(self._outside.draw), self._clock.monotonic_ms())
        return session.challenge

    async def by_code(self, session: Session, code: str) -> None:
        """Log in with the answer to the line's challenge. Raises CommandRefused."""
        shown = session.challenge
        if shown is None:
            raise CommandRefused("no_challenge")
        if self._clock.monotonic_ms() - shown.shown_ms > otp.VALID_MS:
            session.challenge = None
            raise CommandRefused("code_expired")
        given = otp.read(code)
        right = otp.answer(await self.key(servicekey.Use.OTP), shown.subject, shown.digits)

        async def judge() -> bool:
            return hmac.compare_digest(given, right)

        if not await self.attempt(LockName.LOGIN, session, judge, name=shown.subject.name, clears=True):
            raise CommandRefused("wrong_code", minutes=await self.wait_min())
        session.challenge = None
        await self._begin(session, shown.subject.name, shown.subject.role, None)

    async def by_password(self, session: Session, name: str, password: str) -> None:
        """Log in with a password. Raises CommandRefused; that and when tells nobody whether there is such a name."""
        await self.users()
        if self._damaged:
            raise CommandRefused("passwords_lost")
        user = await self._proves(session, name, password)
        if user is None:
            raise CommandRefused("wrong_login", minutes=await self.wait_min())
        self._count_login(name)
        await self._begin(session, name, user.role, user)

    async def refresh(self, session: Session) -> bool:
        """Something is asked: whether the session goes on. One that is too old, or whose entry changed, has ended."""
        now_ms = self._clock.monotonic_ms()
        idle_ms, session.active_ms = now_ms - session.active_ms, now_ms
        if not session.who:
            return True
        if idle_ms > IDLE_MS:
            cause = "idle"
        elif now_ms - session.since_ms > LONGEST_MS:
            cause = "over"
        elif session.user is not None and (await self.users()).get(session.who) is not session.user:
            cause = "changed"
        else:
            return True
        await self.leave(session, cause)
        return False

    async def leave(self, session: Session, cause: str) -> None:
        """Log out, on record; nothing when nobody is logged in."""
        if session.who:
            await self._note("console.logout", (*_who(session), ("cause", cause)))
            session.end()

    async def users(self) -> dict[str, User]:
        """Everybody with a password, by name."""
        async with self._turn:
            return (await self._opened()).users

    async def wait_min(self, lock: LockName = LockName.LOGIN) -> int:
        """Minutes until the next attempt is allowed; 0: now."""
        async with self._turn:
            found = (await self._opened()).locks.get(lock, Lock())
        return _minutes(found.wait_ms(self._clock.now().running_ms))

    async def change(self, session: Session, old: str, new: str) -> None:
        """The person's own password: once in 24 hours of running, a proven session at any time (S4-24)."""
        user = (await self.users()).get(session.who)
        if user is None:
            raise CommandRefused("no_password", name=session.who)
        passwords.check(new, self._table)
        running_ms = self._clock.now().running_ms
        if not session.proven:
            due_ms = 0 if user.changed_ms is None else min(user.changed_ms, running_ms) + CHANGE_MS - running_ms
            if due_ms > 0:
                raise CommandRefused("changed_already", minutes=_minutes(due_ms))
            if await self._proves(session, session.who, old) is None:
                raise CommandRefused("wrong_login", minutes=await self.wait_min())
        changed = User(user.role, await self._kept(new), running_ms)
        await self._set(session, session.who, changed, instead_of=user)
        if session.user is not None:
            session.user = changed

    async def set_user(self, session: Session, name: str, role: Role, password: str) -> None:
        """A supervisor gives somebody a role and a first password, which that person may change at once."""
        passwords.check(password, self._table)
        await self._set(session, name, User(role, await self._kept(password)))

    async def remove_user(self, session: Session, name: str) -> None:
        """Nobody logs in under this name any more."""
        await self._set(session, name, None)

    async def _proves(self, session: Session, name: str, password: str) -> User | None:
        """The entry whose password this is; one attempt."""
        found: list[User] = []

        async def judge() -> bool:
            user = (await self._opened()).users.get(name)
            kept = passwords.NOBODYS if user is None else user.kept
            right = await self._outside.aside(lambda: passwords.matches(kept, password))
            if user is not None and right:
                found.append(user)
            return bool(found)

        return found[0] if await self.attempt(LockName.LOGIN, session, judge, name=name) else None

    def _count_login(self, name: str) -> None:
        """Raises CommandRefused(too_many_logins)."""
        now_ms = self._clock.monotonic_ms()
        times = self._logins.setdefault(name, deque(maxlen=LOGINS_MAX))
        if len(times) == LOGINS_MAX and now_ms - times[0] < LOGINS_MS:
            raise CommandRefused("too_many_logins", minutes=_minutes(LOGINS_MS - (now_ms - times[0])))
        times.append(now_ms)

    async def _begin(self, session: Session, name: str, role: Role, user: User | None) -> None:
        await self.leave(session, "again")
        method = "code" if user is None else "password"
        detail = (("who", name), ("role", role.value), ("line", session.line), ("method", method))
        await self._note("console.login", detail)
        session.who, session.role, session.proven, session.user = name, role, user is None, user
        session.since_ms = session.active_ms = self._clock.monotonic_ms()

    async def _set(self, session: Session, name: str, user: User | None, *, instead_of: User | None = None) -> None:
        """`instead_of`: only while that is still the entry; who was removed meanwhile stays removed."""
        async with self._turn:
            found = await self._opened()
            self.count_order()
            if instead_of is not None and found.users.get(name) is not instead_of:
                raise CommandRefused("session_ended")
            if user is None and name not in found.users:
                raise CommandRefused("unknown_user", name=name)
            others = {other: entry for other, entry in found.users.items() if other != name}
            if user is not None and len(others) >= USERS_MAX:
                raise CommandRefused("too_many_users", most=USERS_MAX)
            await self._save(replace(found, users=others if user is None else {**others, name: user}))
            self._damaged = False
            role = "" if user is None else user.role.value
            await self._note("console.user_set", (*_who(session), ("name", name), ("set_role", role)))

    async def _kept(self, password: str) -> passwords.Kept:
        return await self._outside.aside(lambda: passwords.keep(password))

    async def _opened(self) -> Register:
        """What is known, from the medium at the first time; with the turn held."""
        if self._known is not None:
            return self._known
        running_ms = self._clock.now().running_ms
        try:
            found = await self._outside.aside(lambda: register.load(self._folder)) or Register()
        except StoreError as error:
            log.warning("console.access_damaged", reason=str(error))
            return await self._start_over(str(error), running_ms)
        anchored = {name: lock.anchored(running_ms) for name, lock in found.locks.items()}
        if anchored == found.locks:
            self._known = found
            return found
        return await self._save(replace(found, locks=anchored))

    async def _start_over(self, reason: str, running_ms: int) -> Register:
        """A file that cannot be believed: no password counts, and the free attempts are used up."""
        try:
            await self._outside.aside(lambda: register.set_aside(self._folder))
        except OSError as error:
            raise CommandRefused("not_recorded", complaint=str(error)[:200]) from error
        lock = Lock(WAITS_MIN.count(0) + 1, running_ms)
        self._damaged = True
        saved = await self._save(Register(locks=dict.fromkeys(map(str, LockName), lock)))
        await self._note("console.access_damaged", (("reason", reason[:200]),))
        return saved

    async def _lock(self, name: LockName, lock: Lock) -> None:
        found = await self._opened()
        await self._save(replace(found, locks={**found.locks, name.value: lock}))

    async def _save(self, changed: Register) -> Register:
        """Raises CommandRefused(not_recorded); then nothing is changed."""
        try:
            await self._outside.aside(lambda: register.save(self._folder, changed))
        except OSError as error:
            log.warning("console.not_recorded", reason=str(error))
            raise CommandRefused("not_recorded", complaint=str(error)[:200]) from error
        self._known = changed
        return changed

    async def _pace(self) -> None:
        now_ms = self._clock.monotonic_ms()
        if self._paced_ms is not None and now_ms - self._paced_ms < PACE_MS:
            await self._clock.sleep((PACE_MS - (now_ms - self._paced_ms)) / 1000)
        self._paced_ms = self._clock.monotonic_ms()


def _who(session: Session) -> Detail:
    return (("who", session.who), ("role", session.role.value), ("line", session.line))


def _minutes(wait_ms: int) -> int:
    return math.ceil(wait_ms / 60_000)
