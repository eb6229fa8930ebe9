"""What the terminal needs before anything else: who the gateway is, who is at the line, and the names to complete."""

from __future__ import annotations

from typing import Literal, assert_never

from msgspec import Struct

from gateway import __version__, shipped
from gateway.console.desk import Action, Desk, Nothing, Session
from gateway.console.wire import Role

NAMES_MAX = 500
"""More names than anybody would complete from."""


class Hello(Struct, frozen=True):
    """The gateway, and the session as it stands now; the terminal asks again whenever that may have changed."""

    gateway: str
    version: str
    timezone: str
    """Of what people read."""
    languages: tuple[str, ...]
    who: str
    """Empty: nobody has logged in."""
    role: Role
    proven: bool


class NamesBody(Struct, frozen=True, forbid_unknown_fields=True):
    """What kind of thing to name."""

    kind: Literal["account", "meter", "bus", "job"]


class Names(Struct, frozen=True):
    """Ids, sorted."""

    names: tuple[str, ...]


async def _hello(desk: Desk, session: Session, _: Nothing) -> Hello:
    table = desk.settings.gateway
    languages = tuple(sorted(path.stem for path in (shipped.folder() / "console").glob("*.toml")))
    return Hello(table.id, __version__, table.timezone, languages, session.who, session.role, session.proven)


async def _names(desk: Desk, _: Session, body: NamesBody) -> Names:
    found: set[str]
    match body.kind:
        case "account":
            found = set(desk.teller.accounts)
        case "meter":
            found = {point.table.id for point in desk.installation.points}
        case "bus":
            found = {bus.id for bus in desk.settings.bus}
        case "job":
            found = {job.job_id for account in desk.teller.accounts.values() for job in account.agenda.jobs}
        case _:
            assert_never(body.kind)
    return Names(tuple(sorted(found)[:NAMES_MAX]))


ACTIONS = (
    Action("hello", Role.NOBODY, _hello),
    Action("names", Role.VIEWER, _names, NamesBody),
)
