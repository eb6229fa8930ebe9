"""The wires: meters and their registers, a trial of the switch, the buses, who is on them, and what is said there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from gateway.console.wire import Role
from gateway.terminal.verbs import Data, Say, Talk, Verb, Word

METER = Word("meter", "meter", optional=True)
BUS = Word("bus", "bus", optional=True)
UNIT = Word("unit", number=True)
LISTENS_S = 1.0
FITS_SHOWN = 5
GOOD_SCORE = 80


def meters(data: Data, say: Say) -> Iterable[str]:
    """Every meter in a line."""
    head = ("wires.meter", "wires.bus", "wires.address", "wires.model", "wires.account", "wires.serial", "wires.seen")
    return say.table(head, [_meter_line(one, say) for one in data["meters"]])


def _meter_line(one: Data, say: Say) -> tuple[str, ...]:
    seen_s = one.get("seen_s")
    seen = say.text("status.never") if seen_s is None else say.duration(seen_s)
    names = ("meter", "bus", "address", "model", "account", "serial")
    return (*(str(one.get(name, "")) for name in names), seen)


def meter(data: Data, say: Say) -> Iterator[str]:
    """What a meter is and what it showed last."""
    seen_s = data.get("seen_s")
    rows = [
        ("wires.meter", data["meter"]),
        ("wires.model", f"{data['model']} ({data['description']})"),
        ("wires.where", f"{data['bus']} {data['where']} / {data['address']}"),
        ("wires.account", data.get("account", "")),
        ("wires.serial", data.get("serial", "")),
        ("wires.serial_configured", data.get("serial_configured", "")),
        ("wires.rated", say.power(data["rated_power_w"])),
        ("wires.can", ", ".join(data["capabilities"])),
        ("wires.seen", say.text("status.never") if seen_s is None else say.duration(seen_s)),
        ("wires.register", _maybe(data.get("import_wh"), say.energy)),
        ("wires.export", _maybe(data.get("export_wh"), say.energy)),
        ("wires.power", _maybe(data.get("power_w"), say.power)),
        ("wires.limit", _maybe(data.get("limit_w"), say.power)),
        ("wires.switch", say.text(f"switch.{data['switch']}") if data.get("switch") else ""),
        ("wires.trouble", data.get("switch_trouble", "")),
        ("wires.defect", data.get("defect", "")),
    ]
    yield from say.pairs([(label, value) for label, value in rows if value])
    for name, value in data.get("values", {}).items():
        yield f"  {name} = {value:g}"


def _maybe(value: int | None, shown: Any) -> str:  # noqa: ANN401 - a method of Say
    return "" if value is None else str(shown(value))


def registers(data: Data, say: Say) -> Iterable[str]:
    """Every register of the model as it is read now."""
    head = ("wires.function", "wires.address", "wires.name", "wires.words", "wires.value", "wires.unit")
    rows = [
        (
            f"FC{one['function']:02}",
            str(one["address"]),
            one["name"],
            one["words"],
            "-" if one["value"] is None else f"{one['value']:g}",
            one["unit"],
        )
        for one in data["registers"]
    ]
    return say.table(head, rows)


def tried(data: Data, say: Say) -> Iterator[str]:
    """What came of a trial of the switch."""
    for name in ("opened", "closed"):
        ms = data[f"{name}_ms"]
        yield say.text(f"wires.{name}", ms=ms) if ms is not None else "! " + say.text(f"wires.not_{name}")
    if data["trouble"]:
        yield say.text("wires.said", trouble=data["trouble"])


def try_switch(talk: Talk, words: Mapping[str, str]) -> None:
    """Ask once more, then interrupt the supply for a second."""
    if talk.confirm("wires.confirm_try", meter=words["meter"]):
        talk.show(tried(talk.ask("meter.try", meter=words["meter"], reason=words["reason"]), talk.say))


def buses(data: Data, say: Say) -> Iterable[str]:
    """Every bus in a line."""
    head = ("wires.bus", "wires.kind", "wires.port", "wires.line", "wires.meters")
    return say.table(head, [(b["bus"], b["kind"], b["where"], b["line"], " ".join(b["meters"])) for b in data["buses"]])


def raw(data: Data, say: Say) -> Iterator[str]:
    """Raw words, eight a line."""
    words = data["words"]
    yield say.text("wires.raw", bus=data["bus"], unit=data["unit"], count=len(words))
    for at in range(0, len(words), 8):
        yield f"  {data['address'] + at:5d}  {' '.join(words[at : at + 8])}"


def sniff(talk: Talk, words: Mapping[str, str]) -> None:
    """Show the traffic of a bus until a key is pressed."""
    last, bus = 0, words.get("bus", "")
    talk.show([talk.say.text("wires.sniffing")])
    while True:
        data = talk.ask("bus.frames", bus=bus, after=last)
        last = data["last"]
        talk.show(frame_line(frame, talk.say) for frame in data["frames"])
        if talk.key(LISTENS_S):
            return


def frame_line(frame: Data, say: Say) -> str:
    """One frame: when, which way, what it says, its bytes."""
    way = ">" if frame["sent"] else "<"
    said = [f"{frame['at_ms'] % 100_000 / 1000:7.3f} {way}"]
    if frame.get("unit") is not None:
        said.append(f"u{frame['unit']}")
    if frame.get("function") is not None:
        said.append(f"FC{frame['function']:02}")
    if frame.get("address") is not None:
        said.append(f"@{frame['address']}")
    if frame.get("count") is not None:
        said.append(f"x{frame['count']}")
    if frame.get("refusal"):
        said.append(say.text("wires.refused", refusal=frame["refusal"]))
    if frame.get("fault"):
        said.append("!" + say.text(f"wires.fault.{frame['fault']}"))
    return " ".join((*said, f"[{frame['data']}]"))


def scan(talk: Talk, words: Mapping[str, str]) -> None:
    """Go through a bus from unit 1; a key stops it."""
    say, unit, found = talk.say, 1, 0
    while unit:
        data = talk.ask("bus.scan", bus=words.get("bus", ""), unit=unit)
        for one in data["found"]:
            found += 1
            owner = one["meter"] or say.text("wires.nobody")
            talk.show([say.text("wires.found", unit=one["unit"], meter=owner)])
        unit = data["next_unit"]
        if unit and talk.key(0.0):
            talk.show([say.text("wires.stopped", unit=unit - 1)])
            return
    talk.show([say.text("wires.scanned", found=found)])


def identify(talk: Talk, words: Mapping[str, str]) -> None:
    """Hold a unit against every model and show the best."""
    say, fits, model, more = talk.say, [], 0, True
    while more:
        data = talk.ask("bus.identify", bus=words["bus"], unit=int(words["unit"]), model=model)
        fits += data["fits"]
        model, more = data["next_model"], bool(data["next_model"])
    best = sorted(fits, key=lambda fit: (-fit["score"], -fit["believed"]))[:FITS_SHOWN]
    head = ("wires.score", "wires.model", "wires.about", "wires.believed", "wires.order")
    rows = [
        (f"{fit['score']} %", fit["model"], fit["description"], f"{fit['believed']}/{fit['asked']}", fit["word_order"])
        for fit in best
    ]
    talk.show(say.table(head, rows))
    if not best or best[0]["score"] < GOOD_SCORE:
        talk.show([say.text("wires.no_fit")])
    else:
        talk.show([say.text("wires.compare")])


STATED = ("rtc", "kernel_clock", "link", "meter")
"""Checks whose name says what should be, so that a bad one needs its `no`."""


def _fact(check: Data, say: Say) -> str:
    if check["name"] == "time":
        return say.text(f"trust.{check['fact']}")
    if not check["fact"] and check["name"] in STATED and check["found"] != "good":
        return ("= " if check["about"] else "") + say.text("word.no")
    return say.instant(check["fact"])


def doctor(data: Data, say: Say) -> Iterator[str]:
    """Every check, the bad ones first, with what to do about those."""
    marks = {"bad": "!!", "warn": "! ", "good": "ok"}
    for check in data["checks"]:
        fact = " ".join(part for part in (check["about"], _fact(check, say)) if part)
        text = say.text(f"doctor.{check['name']}")
        yield f"{marks[check['found']]} {check['code']}  {text}{': ' + fact if fact else ''}"
        if check["found"] != "good":
            yield "     " + say.text(f"advice.{check['name']}")


T = Role.TECHNICIAN
VERBS = (
    Verb("meters", Role.VIEWER, "meters", (), "meter.list", meters),
    Verb("meter", Role.VIEWER, "meter m1", (METER,), "meter.show", meter),
    Verb("registers", T, "registers m1", (METER,), "meter.registers", registers),
    Verb("switch try", T, "switch try m1 contactor was replaced",
         (Word("meter", "meter"), Word("reason", rest=True)), talk=try_switch),
    Verb("buses", Role.VIEWER, "buses", (), "bus.list", buses),
    Verb("bus read", T, "bus read rs485-1 1 0 2",
         (Word("bus", "bus"), UNIT, Word("address", number=True), Word("count", optional=True, number=True),
          Word("function", optional=True, number=True)), "bus.read", raw),
    Verb("bus sniff", T, "bus sniff rs485-1", (BUS,), talk=sniff),
    Verb("bus scan", T, "bus scan rs485-1", (BUS,), talk=scan),
    Verb("bus identify", T, "bus identify rs485-1 7", (Word("bus", "bus"), UNIT), talk=identify),
    Verb("doctor", T, "doctor", (), "doctor", doctor),
)  # fmt: skip
