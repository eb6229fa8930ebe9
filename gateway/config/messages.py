"""Message files (`messages/<language>.toml`): what customers are told, as texts with fields, checked before the start.

A text that names a field its message does not have is refused at the start, with file, key and field. A list of texts
is read from the top: the first one whose fields are all known is sent, so the last may use only what is always known.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from string import Formatter

from msgspec import Struct
from msgspec import field as member

from gateway.config import document
from gateway.errors import ConfigError

ALWAYS = frozenset({"util", "tel", "url", "pod"})
"""Known in every message: the utility's name, telephone and address, and the delivery point."""
_CREDIT = frozenset({"bal", "neg", "min"})
_LIMIT = frozenset({"pct", "lim"})
FIELDS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "low": (frozenset({"bal"}), frozenset({"days"})),
    "grace": (_CREDIT, frozenset({"until"})),
    "grace_limit": (_CREDIT | _LIMIT, frozenset({"until"})),
    "expiring": (_CREDIT, frozenset({"until"})),
    "expiring_limit": (_CREDIT | _LIMIT, frozenset({"until"})),
    "limited": (_CREDIT | _LIMIT, frozenset({"limd", "susp", "until"})),
    "limited_arrears": (_LIMIT | {"due"}, frozenset({"limd", "susp", "until"})),
    "suspended": (_CREDIT, frozenset()),
    "suspended_armed": (_CREDIT, frozenset()),
    "suspended_gas": (_CREDIT, frozenset()),
    "suspended_arrears": (frozenset({"due"}), frozenset()),
    "restored": (frozenset({"newbal"}), frozenset({"date", "hour"})),
    "restored_arrears": (frozenset(), frozenset({"date", "hour"})),
    "ready": (frozenset(), frozenset()),
    "gas_paid": (frozenset(), frozenset()),
    "topup": (frozenset({"amt", "newbal", "old", "rcpt", "channel"}), frozenset({"date", "hour", "serial"})),
    "overload": (frozenset({"warn"}), frozenset()),
}
"""Message -> the fields it always has besides ALWAYS, and those it has when they are known."""
FRAME = frozenset({"text", "facts", "util", "tel", "url"})
FACTS = frozenset({"pod", "bal", "min", "due", "until", "days", "lim", "opening"})
SPANS = frozenset({"n"})
MONEY = frozenset({"number", "currency"})


class MoneyFormat(Struct, frozen=True, forbid_unknown_fields=True):
    """How one currency is written; empty: as `[formats]` says."""

    date: str = ""
    decimal: str = ""
    group: str = ""
    money: str = ""
    negative: str = ""


class Formats(Struct, frozen=True, forbid_unknown_fields=True):
    """Dates, numbers and spans of time in this language. `date` has the places dd, mm and yyyy."""

    date: str
    decimal: str
    group: str
    money: str
    negative: str
    days: str
    hours: str
    minutes: str
    seconds: str
    currency: dict[str, MoneyFormat] = {}


class EmailFrame(Struct, frozen=True, forbid_unknown_fields=True):
    """What stands around a text in an e-mail, and the labels of the facts below it."""

    frame: str
    facts: dict[str, str]


class Text(Struct, frozen=True, forbid_unknown_fields=True):
    """One message. `body` empty: the e-mail says what the SMS says."""

    subject: str
    sms: str | tuple[str, ...]
    body: str | tuple[str, ...] = ()


class Messages(Struct, frozen=True, forbid_unknown_fields=True):
    """All texts of one language."""

    language: str
    formats: Formats
    email: EmailFrame
    channels: dict[str, str]
    message: dict[str, Text] = member(default_factory=dict)


def load_messages(path: Path) -> Messages:
    """One language; ConfigError for anything that could fail later, when a customer is waiting for it."""
    found = document.load(path, Messages)
    where = str(path)
    for key in sorted(set(found.message) ^ set(FIELDS)):
        if key in FIELDS:
            raise ConfigError("this message is missing", file=where, key=f"message.{key}")
        raise ConfigError("there is no such message", file=where, key=f"message.{key}", hint=_nearest(key, FIELDS))
    for key, text in found.message.items():
        certain, maybe = (ALWAYS | FIELDS[key][0], FIELDS[key][1])
        _check(text.subject, f"message.{key}.subject", certain, certain, where)
        for name, texts in (("sms", texts_of(text.sms)), ("body", texts_of(text.body))):
            if not texts and name == "sms":
                raise ConfigError("there is no text", file=where, key=f"message.{key}.sms")
            for number, one in enumerate(texts):
                last = number == len(texts) - 1
                place = f"message.{key}.{name}" + ("" if len(texts) == 1 else f"[{number}]")
                _check(one, place, certain | maybe, certain if last else certain | maybe, where)
    _check(found.email.frame, "email.frame", FRAME, FRAME, where)
    for name in sorted(set(found.email.facts) ^ FACTS):
        problem = "this label is missing" if name in FACTS else "there is no such fact"
        raise ConfigError(problem, file=where, key=f"email.facts.{name}", hint=_nearest(name, FACTS))
    _check_formats(found.formats, where)
    return found


def texts_of(texts: str | tuple[str, ...]) -> tuple[str, ...]:
    """One text or several, as several."""
    return (texts,) if isinstance(texts, str) else texts


def fields_of(text: str) -> frozenset[str]:
    """The fields a text names; ValueError for braces that belong to nothing."""
    found = set()
    for _, name, spec, conversion in Formatter().parse(text):
        if name is None:
            continue
        if not name.isidentifier() or spec or conversion:
            raise ValueError(f"{{{name}}} is no field: a field is a plain word in braces")
        found.add(name)
    return frozenset(found)


def _check(text: str, key: str, known: frozenset[str], certain: frozenset[str], where: str) -> None:
    try:
        named = fields_of(text)
    except ValueError as error:
        raise ConfigError(str(error), file=where, key=key, hint="a brace that is meant is written twice") from None
    for name in sorted(named - known):
        raise ConfigError(f"unknown field {{{name}}}", file=where, key=key, hint=_nearest(name, known))
    for name in sorted(named - certain):
        hint = "add a last text to the list that does without it"
        raise ConfigError(f"{{{name}}} is not always known", file=where, key=key, hint=hint)


def _check_formats(formats: Formats, where: str) -> None:
    for name in ("days", "hours", "minutes", "seconds"):
        _check(getattr(formats, name), f"formats.{name}", SPANS, SPANS, where)
    for label, table in (("formats", formats), *((f"formats.currency.{c}", f) for c, f in formats.currency.items())):
        for name in ("money", "negative"):
            _check(getattr(table, name), f"{label}.{name}", MONEY, MONEY, where)


def _nearest(word: str, known: object) -> str:
    assert isinstance(known, frozenset | Mapping)
    return document.nearest(word, known)
