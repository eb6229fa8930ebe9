"""Entering a top-up: the code that was read out on the phone, or the signed envelope, pasted or from a file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping

from gateway.console.wire import Role
from gateway.terminal.faults import fault
from gateway.terminal.verbs import Data, Refused, Say, Talk, Verb, Word
from gateway.terminal.views.field import ordered_as

GROUPS = 8
GROUP_DIGITS = 5
DIGITS = GROUPS * GROUP_DIGITS
REPAIRS_MAX = 5
ENVELOPE_MAX_BYTES = 16 * 1024
"""As the daemon has it: a longer paste or file is not even sent."""


def code(talk: Talk, words: Mapping[str, str]) -> None:
    """Enter a code; the groups that a check digit shows to be wrong are asked for again, and only those."""
    account, digits = _parted(words.get("account", ""), words.get("code", ""))
    digits = digits or talk.read("topup.ask_code")
    for _ in range(REPAIRS_MAX):
        try:
            done = talk.ask("topup.code", code=digits, account=account)
        except Refused as refused:
            digits = _repaired(talk, digits, refused)
        else:
            talk.show(shown(done, talk.say))
            return
    raise Refused(*fault("not_repaired", groups=GROUPS))


def envelope(talk: Talk, words: Mapping[str, str]) -> None:
    """Bring a signed envelope to the gateway: from a file of this machine, or pasted."""
    name = words.get("file", "")
    text = _read(name) if name else talk.read("topup.ask_envelope")
    token = "".join(text.split())  # mail programs break long lines
    if len(token) > ENVELOPE_MAX_BYTES:
        raise Refused(*fault("envelope_too_long", bytes=len(token), most=ENVELOPE_MAX_BYTES))
    talk.show(shown(talk.ask("topup.envelope", token=token), talk.say))


def shown(data: Data, say: Say) -> Iterator[str]:
    """What became of it, and how the account stands."""
    repeated = data["status"] == "already_included" or data["repeated"]
    yield say.text("topup.included" if repeated else "topup.done", command=ordered_as(data["command"], say))
    rows: list[tuple[str, str]] = []
    if data.get("account"):
        rows.append(("topup.account", data["account"]))
    if data.get("balance"):
        credited = "0.00" if repeated else data["credited"]
        rows.append(("topup.credited", say.money(credited, data["currency"])))
        rows.append(("topup.balance", say.money(data["balance"], data["currency"])))
    if data.get("state"):
        rows.append(("topup.state", say.text(f"state.{data['state']}")))
    if data["row"]:
        rows.append(("topup.row", str(data["row"])))
    yield from say.pairs(rows)


def _parted(account: str, digits: str) -> tuple[str, str]:
    """Where a gateway has one account, people type the digits alone: then the first word is the first group."""
    whole = f"{account} {digits}"
    if not _is_code(digits) and _is_code(whole):
        return "", whole.strip()
    return account, digits


def _is_code(text: str) -> bool:
    kept = [sign for sign in text if sign not in " \t._/-"]
    return len(kept) == DIGITS and all(sign in "0123456789" for sign in kept)


def _repaired(talk: Talk, digits: str, refused: Refused) -> str:
    """The code with the wrong groups typed again. Raises the refusal when it is not about groups."""
    places = [int(place) for place in str(refused.detail.get("groups", "")).split() if place.isdecimal()]
    groups = digits.split() if len(digits.split()) == GROUPS else _cut(digits)
    if refused.reason != "code_groups" or not places or max(places) > len(groups):
        raise refused
    for place in places:
        groups[place - 1] = talk.read("topup.ask_group", place=place, was=groups[place - 1]).strip()
    return " ".join(groups)


def _cut(digits: str) -> list[str]:
    kept = "".join(sign for sign in digits if sign in "0123456789")
    return [kept[at : at + GROUP_DIGITS] for at in range(0, len(kept), GROUP_DIGITS)]


def _read(name: str) -> str:
    """The text of a file; a device, a pipe or something large is not read at all."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise Refused(*fault("file_unreadable", file=name, complaint="not a file"))
            raw = os.read(descriptor, 2 * ENVELOPE_MAX_BYTES + 1)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:  # a name with a zero byte is the latter
        raise Refused(*fault("file_unreadable", file=name, complaint=str(error)[:200])) from error
    if len(raw) > 2 * ENVELOPE_MAX_BYTES:
        raise Refused(*fault("envelope_too_long", bytes=found.st_size, most=ENVELOPE_MAX_BYTES))
    return raw.decode("ascii", "replace")


ACCOUNT = Word("account", "account", optional=True)
VERBS = (
    Verb(
        "topup code",
        Role.NOBODY,
        "topup code CH-0001 19245 14044 11724 85561 31780 12162 52419 67021",
        (ACCOUNT, Word("code", optional=True, rest=True)),
        talk=code,
    ),
    Verb(
        "topup envelope",
        Role.NOBODY,
        "topup envelope /media/stick/topup.jws",
        (Word("file", optional=True, rest=True),),
        talk=envelope,
    ),
)
