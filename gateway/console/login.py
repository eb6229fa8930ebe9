"""Logging in and out, passwords and users: the actions."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.commands.claims import Name
from gateway.console import otp
from gateway.console.desk import Action, Desk, Nothing, Session
from gateway.console.passwords import LONGEST
from gateway.console.wire import Role
from gateway.errors import CommandRefused

Password = Annotated[str, Meta(max_length=LONGEST)]
AnyRole = Literal["viewer", "technician", "supervisor"]


class Standing(Struct, frozen=True):
    """Who is at the line, and what the next log-in would be."""

    gateway_id: str
    who: str
    role: str
    proven: bool
    line: str
    enrolled: bool
    """Somebody has a password. Otherwise only a one-time code lets in, and that is how the first user is made."""
    wait_min: int
    """Too many failures: so long nobody can log in."""


class ChallengeBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants a one-time code, and for what role: both are in the code."""

    name: Name
    role: AnyRole = "technician"


class Shown(Struct, frozen=True):
    """What to tell the service centre."""

    gateway_id: str
    name: str
    role: str
    challenge: str
    valid_min: int


class LoginBody(Struct, frozen=True, forbid_unknown_fields=True):
    """A name and a password, or the code that answers the line's challenge."""

    name: Annotated[str, Meta(max_length=64)] = ""
    password: Password = ""
    code: Annotated[str, Meta(max_length=otp.TEXT_MAX)] = ""


class PasswdBody(Struct, frozen=True, forbid_unknown_fields=True):
    """One's own password; a proven session needs no `old`."""

    new: Password
    old: Password = ""


class UserBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody with a password: new, or with another role and a new first password."""

    name: Name
    role: AnyRole
    password: Password


class NameBody(Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody who has a password."""

    name: Name


class UserRow(Struct, frozen=True):
    """One user. `own`: the password is the person's own, no longer the one a supervisor set."""

    name: str
    role: str
    own: bool


class Users(Struct, frozen=True):
    """Everybody who has a password."""

    users: tuple[UserRow, ...]


async def _whoami(desk: Desk, session: Session, _: Nothing) -> Standing:
    gateway_id = desk.settings.gateway.id
    enrolled, wait_min = bool(await desk.access.users()), await desk.access.wait_min()
    return Standing(
        gateway_id, session.who, session.role.value, session.proven, session.line, enrolled=enrolled, wait_min=wait_min
    )


async def _challenge(desk: Desk, session: Session, body: ChallengeBody) -> Shown:
    shown = await desk.access.challenge(session, body.name, Role(body.role))
    subject = shown.subject
    return Shown(subject.gateway_id, subject.name, subject.role.value, shown.digits, otp.VALID_MS // 60_000)


async def _login(desk: Desk, session: Session, body: LoginBody) -> Standing:
    if bool(body.code) == bool(body.password):
        raise CommandRefused("bad_arguments", complaint="a password, or a one-time code")
    if body.code:
        await desk.access.by_code(session, body.code)
    else:
        await desk.access.by_password(session, body.name, body.password)
    return await _whoami(desk, session, Nothing())


async def _logout(desk: Desk, session: Session, _: Nothing) -> Standing:
    await desk.access.leave(session, "asked")
    return await _whoami(desk, session, Nothing())


async def _passwd(desk: Desk, session: Session, body: PasswdBody) -> Standing:
    await desk.access.change(session, body.old, body.new)
    return await _whoami(desk, session, Nothing())


async def _user_add(desk: Desk, session: Session, body: UserBody) -> Users:
    await desk.access.set_user(session, body.name, Role(body.role), body.password)
    return await _user_list(desk, session, Nothing())


async def _user_remove(desk: Desk, session: Session, body: NameBody) -> Users:
    await desk.access.remove_user(session, body.name)
    return await _user_list(desk, session, Nothing())


async def _user_list(desk: Desk, _: Session, __: Nothing) -> Users:
    users = await desk.access.users()
    rows = (UserRow(name, user.role.value, user.changed_ms is not None) for name, user in sorted(users.items()))
    return Users(tuple(rows))


ACTIONS = (
    Action("whoami", Role.NOBODY, _whoami),
    Action("challenge", Role.NOBODY, _challenge, ChallengeBody),
    Action("login", Role.NOBODY, _login, LoginBody),
    Action("logout", Role.NOBODY, _logout),
    Action("passwd", Role.VIEWER, _passwd, PasswdBody),
    Action("user.add", Role.SUPERVISOR, _user_add, UserBody, proven=True),
    Action("user.remove", Role.SUPERVISOR, _user_remove, NameBody, proven=True),
    Action("user.list", Role.SUPERVISOR, _user_list),
)
