"""Plain words that change a running simulation: the same line on stdin, in a scenario's `[[at]]` and in tests.

`parse` checks the words, `check` that what they name exists; carrying out is `Simulation.do`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TYPE_CHECKING

from firmware_sim.clock import NS_PER_S
from firmware_sim.faults import SPECS, Kind, Limit
from firmware_sim.fields import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

WH_PER_KWH = 1000
_MOST_WATTS = 10_000_000
_MOST_SECONDS = 10_000_000
_MOST_KWH = 10**15
_MOST_BYTES = 1_000_000
NETWORKS = {"none": 0, "home": 1, "searching": 2, "denied": 3, "unknown": 4, "roaming": 5, "lte": 0}
"""States of a modem's network, with what +CREG says of each; "lte" is one that only +CEREG knows."""
REPORTS = {"delivered": 0x00, "unsure": 0x01, "waiting": 0x30, "failed": 0x41}
"""What a modem's status reports may say, with the TP-Status of each."""


class ControlError(Exception):
    """A control line cannot be carried out; says why and what would be right. Nothing has changed."""


class Verb(StrEnum):
    """The first word of a line."""

    LOAD = "load"
    UNPLUG = "unplug"
    REPLUG = "replug"
    PLUG = "plug"
    FAULT = "fault"
    CLEAR = "clear"
    RESET = "reset"
    REGISTER = "register"
    WRAP = "wrap"
    SWAP = "swap"
    RELAY = "relay"
    COIL = "coil"
    NETWORK = "network"
    REPORTS = "reports"
    SAYS = "says"
    BABBLE = "babble"
    MESSAGES = "messages"
    STATUS = "status"
    QUIT = "quit"


USAGE = {
    Verb.LOAD: "load METER WATTS|PROFILE",
    Verb.UNPLUG: "unplug LINE",
    Verb.REPLUG: "replug LINE",
    Verb.PLUG: "plug DEVICE on|off",
    Verb.FAULT: "fault DEVICE KIND [VALUE] [LIMIT]",
    Verb.CLEAR: "clear DEVICE [KIND]",
    Verb.RESET: "reset METER",
    Verb.REGISTER: "register METER KWH",
    Verb.WRAP: "wrap METER [WH_BEFORE]",
    Verb.SWAP: "swap METER SERIAL [KWH]",
    Verb.RELAY: "relay METER open|close",
    Verb.COIL: "coil BOARD CHANNEL on|off",
    Verb.NETWORK: "network MODEM STATE",
    Verb.REPORTS: "reports MODEM FATE|none",
    Verb.SAYS: "says MODEM LINE",
    Verb.BABBLE: "babble MODEM BYTES",
    Verb.MESSAGES: "messages MODEM",
    Verb.STATUS: "status",
    Verb.QUIT: "quit",
}
_WORDS = {verb: (sum("[" not in w for w in usage.split()), len(usage.split())) for verb, usage in USAGE.items()}


@dataclass(frozen=True, slots=True)
class Action:
    """One parsed line. Energy is in Wh, power in mW, times in ns; what a verb does not use stays at its default."""

    verb: Verb
    target: str = ""
    word: str = ""
    amount: int | None = None
    on: bool = False
    kind: Kind | None = None
    limit_ns: int | None = None
    times: int | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """What a line may name."""

    lines: Collection[str]
    meters: Collection[str]
    boards: Collection[str]
    profiles: Collection[str]
    modems: Collection[str] = ()


def parse(line: str) -> Action:
    """Read one control line; `ControlError` shows how it is written."""
    words = line.split()
    if not words or words[0] not in list(Verb):
        first = words[0] if words else ""
        message = f'"{first}" is not a control word; {nearest(first, list(Verb))}'
        raise ControlError(message)
    verb = Verb(words[0])
    least, most = _WORDS[verb]
    if not least <= len(words) <= most:
        message = f"write: {USAGE[verb]}"
        raise ControlError(message)
    return _PARSERS[verb](verb, words[1:])


def check(action: Action, names: Names) -> None:
    """Refuse a line that names what is not there."""
    known: Collection[str]
    match action.verb:
        case Verb.STATUS | Verb.QUIT:
            return
        case Verb.UNPLUG | Verb.REPLUG:
            known, what = [*names.lines, *names.modems], "line"
        case Verb.FAULT | Verb.CLEAR | Verb.PLUG:
            known, what = [*names.meters, *names.boards, *names.modems], "device"
        case Verb.COIL:
            known, what = names.boards, "relay board"
        case Verb.NETWORK | Verb.REPORTS | Verb.SAYS | Verb.BABBLE | Verb.MESSAGES:
            known, what = names.modems, "modem"
        case _:
            known, what = names.meters, "meter"
    if action.target not in known:
        message = f'there is no {what} "{action.target}"; {nearest(action.target, known)}'
        raise ControlError(message)
    if action.verb is Verb.LOAD and action.amount is None and action.word not in names.profiles:
        message = f'"{action.word}" is neither watts nor a load profile; {nearest(action.word, names.profiles)}'
        raise ControlError(message)


def _plain(verb: Verb, words: list[str]) -> Action:
    return Action(verb, words[0] if words else "")


def _load(verb: Verb, words: list[str]) -> Action:
    target, load = words
    if load[0] in "+-.0123456789":
        return Action(verb, target, amount=_scaled("watts", load, 1000, _MOST_WATTS))
    return Action(verb, target, word=load)


def _plug(verb: Verb, words: list[str]) -> Action:
    return Action(verb, words[0], on=_either(words[1], "off", "on"))


def _relay(verb: Verb, words: list[str]) -> Action:
    return Action(verb, words[0], on=_either(words[1], "open", "close"))


def _coil(verb: Verb, words: list[str]) -> Action:
    return Action(verb, words[0], amount=_whole("channel", words[1], 0, 255), on=_either(words[2], "off", "on"))


def _network(verb: Verb, words: list[str]) -> Action:
    return Action(verb, words[0], word=_one_of(words[1], NETWORKS))


def _reports(verb: Verb, words: list[str]) -> Action:
    return Action(verb, words[0], word=_one_of(words[1], [*REPORTS, "none"]))


def _says(verb: Verb, words: list[str]) -> Action:
    return Action(verb, words[0], word=words[1])


def _babble(verb: Verb, words: list[str]) -> Action:
    return Action(verb, words[0], amount=_whole("number of bytes", words[1], 1, _MOST_BYTES))


def _clear(verb: Verb, words: list[str]) -> Action:
    return Action(verb, words[0], kind=_kind(words[1]) if len(words) > 1 else None)


def _register(verb: Verb, words: list[str]) -> Action:
    return Action(verb, words[0], amount=_wh(words[1]))


def _wrap(verb: Verb, words: list[str]) -> Action:
    return Action(verb, words[0], amount=_whole("Wh", words[1], 1, _MOST_KWH) if len(words) > 1 else 10)


def _swap(verb: Verb, words: list[str]) -> Action:
    serial = _whole("serial number", words[1], 0, 0xFFFF_FFFF)
    return Action(verb, words[0], word=str(serial), amount=_wh(words[2]) if len(words) > 2 else None)


def _fault(verb: Verb, words: list[str]) -> Action:
    kind = _kind(words[1])
    spec = SPECS[kind]
    rest = words[2:]
    usage = fault_usage(kind)
    if len(rest) < (spec.value is not None) + spec.needs_limit or len(rest) > (spec.value is not None) + 1:
        message = f"write: {usage}"
        raise ControlError(message)
    value = 0
    if spec.value is not None:
        value = _fault_value(spec.value, rest.pop(0))
    limit_ns = times = None
    if rest and spec.limit is Limit.SECONDS:
        limit_ns = _scaled("seconds", rest[0], NS_PER_S, _MOST_SECONDS, least=0)
    elif rest:
        times = _whole(spec.limit, rest[0], 1, 1_000_000)
    return Action(verb, words[0], amount=value, kind=kind, limit_ns=limit_ns, times=times)


def fault_usage(kind: Kind) -> str:
    """How a fault of this kind is written."""
    spec = SPECS[kind]
    limit = spec.limit.upper() if spec.needs_limit else f"[{spec.limit.upper()}]"
    return " ".join(filter(None, ("fault DEVICE", kind.value, (spec.value or "").upper(), limit)))


def _fault_value(unit: str, word: str) -> int:
    match unit:
        case "ms":
            return _whole("ms", word, 0, 600_000)
        case "code":
            return _whole("exception code", word, 1, 255)
        case "error":
            return _whole("CMS error", word, 0, 999)
        case _:
            return _scaled("kWh", word, WH_PER_KWH, _MOST_KWH)


def _kind(word: str) -> Kind:
    if word not in list(Kind):
        message = f'"{word}" is not a fault; {nearest(word, list(Kind))}'
        raise ControlError(message)
    return Kind(word)


def _one_of(word: str, known: Collection[str]) -> str:
    if word not in known:
        message = f'"{word}" is not known; {nearest(word, known)}'
        raise ControlError(message)
    return word


def _either(word: str, no: str, yes: str) -> bool:
    if word not in (no, yes):
        message = f'"{word}" must be {no} or {yes}'
        raise ControlError(message)
    return word == yes


def _whole(what: str, word: str, least: int, most: int) -> int:
    if not word.isascii() or not word.isdigit() or len(word) > len(str(most)) or not least <= int(word) <= most:
        message = f'"{word}" is not a {what}; write a whole number from {least} to {most}'
        raise ControlError(message)
    return int(word)


def _wh(word: str) -> int:
    return _scaled("kWh", word, WH_PER_KWH, _MOST_KWH, least=0)


def _scaled(what: str, word: str, scale: int, most: int, *, least: int | None = None) -> int:
    """A decimal number in the unit of the line, as an integer in the unit of the action."""
    low = -most if least is None else least
    try:
        number = Decimal(word)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or not low <= number <= most:
        message = f'"{word}" is not a number of {what}; write a number from {low} to {most}'
        raise ControlError(message)
    return int((number * scale).to_integral_value())


_PARSERS: dict[Verb, Callable[[Verb, list[str]], Action]] = {
    Verb.LOAD: _load,
    Verb.UNPLUG: _plain,
    Verb.REPLUG: _plain,
    Verb.PLUG: _plug,
    Verb.FAULT: _fault,
    Verb.CLEAR: _clear,
    Verb.RESET: _plain,
    Verb.REGISTER: _register,
    Verb.WRAP: _wrap,
    Verb.SWAP: _swap,
    Verb.RELAY: _relay,
    Verb.COIL: _coil,
    Verb.NETWORK: _network,
    Verb.REPORTS: _reports,
    Verb.SAYS: _says,
    Verb.BABBLE: _babble,
    Verb.MESSAGES: _plain,
    Verb.STATUS: _plain,
    Verb.QUIT: _plain,
}
