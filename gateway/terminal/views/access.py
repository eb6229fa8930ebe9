"""Logging in and out, one's own password, and who has one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.console.wire import Role
from gateway.terminal.verbs import Data, Refused, Say, Stopped, Talk, Verb, Word

BY_CODE = "--code"
TRIES_MAX = 5
"""So often a conversation asks again for what was mistyped."""
ROLES = (Role.VIEWER.value, Role.TECHNICIAN.value, Role.SUPERVISOR.value)
_GROUP_DIGITS = 4


def whoami(data: Data, say: Say) -> Iterable[str]:
    """Who is at the line."""
    if data["who"]:
        role, how = say.text(f"fact.needs.{data['role']}"), "access.proven" if data["proven"] else "access.unproven"
        yield say.text("access.you", who=data["who"], role=role)
        yield say.text(how)
    else:
        yield say.text("access.nobody" if data["enrolled"] else "access.enrol")
    if data["wait_min"]:
        yield say.text("access.locked", minutes=data["wait_min"])


def login(talk: Talk, words: Mapping[str, str]) -> None:
    """By password; with a one-time code when asked for, and where nobody has a password yet."""
    given = [words[key] for key in ("name", "how") if words.get(key)]
    by_code = BY_CODE in given
    enrolled = talk.ask("whoami")["enrolled"]
    if not enrolled:
        talk.show([talk.say.text("access.enrol")])
    name = next((word for word in given if word != BY_CODE), "") or talk.read("access.ask_name")
    if by_code or not enrolled:
        _by_code(talk, name, Role.TECHNICIAN if enrolled else Role.SUPERVISOR)
    else:
        password = talk.read("access.ask_password", masked=True)
        talk.show(whoami(talk.ask("login", name=name, password=password), talk.say))


def _by_code(talk: Talk, name: str, usual: Role) -> None:
    """Show the challenge, take the answer; a slip of the finger is asked for again."""
    shown = talk.ask("challenge", name=name, role=_role(talk, usual))
    role = talk.say.text(f"fact.needs.{shown['role']}")
    talk.show(
        [
            talk.say.text("access.call"),
            *talk.say.pairs(
                (
                    ("access.gateway", shown["gateway_id"]),
                    ("access.name", shown["name"]),
                    ("access.role", f"{role} ({shown['role']})" if role != shown["role"] else role),
                    ("access.challenge", grouped(shown["challenge"])),
                )
            ),
            talk.say.text("access.valid", minutes=shown["valid_min"]),
        ]
    )
    left = TRIES_MAX
    while True:
        left -= 1
        try:
            standing = talk.ask("login", code=talk.read("access.ask_code"))
        except Refused as refusal:
            if refusal.reason not in {"code_mistyped", "bad_arguments"} or not left:
                raise
            talk.show([talk.say.text("access.mistyped")])
        else:
            talk.show(whoami(standing, talk.say))
            return


def _role(talk: Talk, usual: Role) -> str:
    for _ in range(TRIES_MAX):
        said = talk.read("access.ask_role", usual=usual.value).lower()
        found = [role for role in ROLES if said and role.startswith(said)]
        if not said or found:
            return found[0] if found else usual.value
    raise Stopped


def logout(talk: Talk, _: Mapping[str, str]) -> None:
    """A conversation, because the prompt must not go on saying who was here."""
    talk.show(whoami(talk.ask("logout"), talk.say))


def passwd(talk: Talk, _: Mapping[str, str]) -> None:
    """One's own password."""
    standing = talk.ask("whoami")
    old = "" if standing["proven"] else talk.read("access.ask_old", masked=True)
    talk.ask("passwd", old=old, new=_twice(talk))
    talk.show([talk.say.text("access.changed")])


def add(talk: Talk, words: Mapping[str, str]) -> None:
    """Give somebody a role and a first password."""
    data = talk.ask("user.add", name=words["name"], role=words["role"], password=_twice(talk))
    talk.show(users(data, talk.say))


def remove(talk: Talk, words: Mapping[str, str]) -> None:
    """Nobody logs in under this name any more."""
    if talk.confirm("access.sure", name=words["name"]):
        talk.show(users(talk.ask("user.remove", name=words["name"]), talk.say))


def users(data: Data, say: Say) -> Iterable[str]:
    """Everybody with a password."""
    if not data["users"]:
        yield say.text("access.nobody_yet")
        return
    rows = [
        (one["name"], say.text(f"fact.needs.{one['role']}"), say.text("access.own" if one["own"] else "access.given"))
        for one in data["users"]
    ]
    yield from say.table(("access.name", "access.role", "access.password"), rows)


def grouped(digits: str) -> str:
    """Digits in groups, to be read out."""
    return " ".join(digits[at : at + _GROUP_DIGITS] for at in range(0, len(digits), _GROUP_DIGITS))


def _twice(talk: Talk) -> str:
    for _ in range(TRIES_MAX):
        new = talk.read("access.ask_new", masked=True)
        if new and new == talk.read("access.ask_again", masked=True):
            return new
        talk.show([talk.say.text("access.differ")])
    raise Stopped


_NAME, _ROLE = Word("name"), Word("role", ROLES)

VERBS = (
    Verb("whoami", Role.NOBODY, "whoami", do="whoami", show=whoami),
    Verb(
        "login",
        Role.NOBODY,
        "login rossi --code",
        (Word("name", (), optional=True), Word("how", (BY_CODE,), optional=True)),
        talk=login,
    ),
    Verb("logout", Role.VIEWER, "logout", talk=logout),
    Verb("passwd", Role.VIEWER, "passwd", talk=passwd),
    Verb("user add", Role.SUPERVISOR, "user add rossi technician", (_NAME, _ROLE), talk=add),
    Verb("user remove", Role.SUPERVISOR, "user remove rossi", (_NAME,), talk=remove),
    Verb("user list", Role.SUPERVISOR, "user list", do="user.list", show=users),
)
