"""A message file: ConfigError that names the key, or texts of which each can be sent, whatever is known of an occasion.

The seeds are the shipped languages without the words between the fields, which only slow the fuzzer down.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway import shipped
from gateway.alerts import words
from gateway.alerts.occasions import Occasion
from gateway.config.messages import Messages, load_messages
from gateway.prepayment.account import Account
from gateway.prepayment.events import TimeTrust
from gateway.prepayment.money import NANO
from tests.alerts.samples import CASES, CONTACT, account_for, occasion
from tests.fuzz import documents
from tests.fuzz.mutation import mutate_toml
from tests.fuzz.target import Target

_TEXT = re.compile(r'"""(.+?)"""|"([^"\n]+)"', re.DOTALL)
_FIELD = re.compile(r"\{\w+\}")
_BARE: dict[str, Any] = {"low": {}, "grace": {}, "restored_arrears": {}}
"""Occasions of which a row says less than it might."""
_PIECES = (b"{", b"}", b"{{", b"}}", b"{}", b"{0}", b"{bal!r}", b"{bal:>9}", b"{bal.x}", b"{bal[0]}", b"{n}")
_SOMETIMES = (b"{days}", b"{until}", b"{susp}", b"{date}", b"{hour}", b"{serial}", b"{due}", b"{bal}", b"{lim}")


def load(path: Path) -> None:
    messages = load_messages(path)
    for message in CASES:
        whose = account_for(message)
        for trust in (TimeTrust.AUTHENTICATED, TimeTrust.UNKNOWN):
            _told(occasion(message, trust), whose, messages)
    for message, detail in _BARE.items():
        full = occasion(message)
        _told(Occasion(7, full.mark, full.at, "CH-1", message, -3 * NANO, detail), account_for(message), messages)


def _told(about: Occasion, whose: Account, messages: Messages) -> None:
    """Whoever waits for this message gets it: nothing fails after the file was accepted."""
    name, text = words.text_for(about, whose, messages)
    known = words.facts(about, whose, CONTACT, messages)
    words.sms(text, known)
    subject, body = words.email(name, text, known, CONTACT, messages)
    assert "\n" not in subject
    assert body.endswith("\n")


def seeds() -> Iterator[bytes]:
    for path in sorted((shipped.folder() / "messages").glob("*.toml")):
        head, mark, texts = documents.bare(path.read_text(encoding="utf-8")).decode().partition("[message.low]")
        yield (head + mark + _TEXT.sub(_fields, texts)).encode()


def _fields(text: re.Match[str]) -> str:
    return '"' + "".join(_FIELD.findall(text[0])) + '"'


def mutate(data: bytes, chance: random.Random) -> bytes:
    """A change of the file; often one more field in a text, or something that is none."""
    places = [place.end() for place in re.finditer(rb"\{\w+\}", data)]
    if not places or chance.random() < 0.5:
        return mutate_toml(data, chance)
    at = chance.choice(places)
    if chance.random() < 0.5:
        return data[:at] + chance.choice(_SOMETIMES) + data[at:]
    at -= chance.randint(0, 2)
    return data[:at] + chance.choice(_PIECES) + data[at + chance.randint(0, 1) :]


TARGET = Target(documents.target("messages", load).check, seeds, mutate, max_bytes=6000)
