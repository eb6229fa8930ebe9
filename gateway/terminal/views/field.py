"""Field work on a supply and its meter: override, safety, reconnection, replacement, comparison test, a reading."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from gateway.console.wire import Role
from gateway.terminal.faults import fault
from gateway.terminal.verbs import Data, Refused, Say, Talk, Verb, Word

WH_PER_KWH = 1000
WH_DECIMALS = 3
TRIES = 3


def ordered(data: Data, say: Say) -> Iterator[str]:
    """What became of an order: the row, what the books add, and the signed report if there is one."""
    yield say.text("field.done", command=ordered_as(data["command"], say), account=data["account"])
    if data.get("note"):
        yield "! " + say.text(f"field.note_{data['note']}")
    rows = [("field.row", str(data["row"]))]
    if data.get("balance"):
        rows.append(("field.balance", say.money(data["balance"], data["currency"])))
    if data.get("report_name"):
        rows.append(("field.report", data["report_name"]))
    yield from say.pairs(rows)
    yield from (f"  {name} = {value}" for name, value in data.get("detail", {}).items())


def ordered_as(command: str, say: Say) -> str:
    """What an order is called by people; its own name where a newer daemon knows more of them."""
    key = f"order.{command}"
    text = say.text(key)
    return command if text == key else text


def safety_off(talk: Talk, words: Mapping[str, str]) -> None:
    """The supply may come back onto somebody at work: asked once more."""
    if talk.confirm("field.confirm_safety", account=words["account"]):
        _told(talk, talk.ask("safety.off", account=words["account"], reason=words["reason"]))


def restore(talk: Talk, words: Mapping[str, str]) -> None:
    """An armed supply closes when somebody has looked at every appliance."""
    if talk.confirm("field.confirm_restore", account=words["account"]):
        _told(talk, talk.ask("restore", account=words["account"], reason=words["reason"]))


def replace(talk: Talk, words: Mapping[str, str]) -> None:
    """Guided: the end of the old meter, twice; the new one as it says itself; the customer's consent; and again."""
    found = talk.ask("replace.look", account=words["account"])
    talk.show(_hanging(found, talk.say))
    old_serial = talk.read("field.ask_old_serial", known=found.get("old_serial") or "-") or found.get("old_serial", "")
    old_end_wh = _twice(talk, "field.ask_old_end")
    new_serial = found.get("serial") or talk.read("field.ask_new_serial")
    new_start_wh = _twice(talk, "field.ask_new_start")
    exports: dict[str, object] = {}
    if found.get("export_wh") is not None and talk.confirm("field.confirm_export"):
        exports["old_export_end_wh"] = _twice(talk, "field.ask_old_export")
        exports["new_export_start_wh"] = _twice(talk, "field.ask_new_export")
    company = talk.read("field.ask_company")
    consent = talk.read("field.ask_consent")
    facts = {"old": old_serial, "old_end": talk.say.energy(old_end_wh), "new": new_serial}
    facts |= {"new_start": talk.say.energy(new_start_wh)} | _counted(found, new_start_wh, talk.say)
    talk.show(_summary(talk.say, {**facts, "consent": consent}))
    if not talk.confirm("field.confirm_customer") or not talk.confirm("field.confirm_replace"):
        talk.show([talk.say.text("field.nothing_done")])
        return
    done = talk.ask(
        "replace.do",
        account=found["account"],
        old_serial=old_serial,
        old_end_wh=old_end_wh,
        new_serial=new_serial,
        new_start_wh=new_start_wh,
        company=company,
        consent=consent,
        reason=words["reason"],
        **exports,
    )
    _told(talk, done)


def test_end(talk: Talk, words: Mapping[str, str]) -> None:
    """What both registers counted; the error is computed by the gateway."""
    meter_wh = _energy_wh(talk, talk.read("field.ask_meter_energy"))
    reference_wh = _energy_wh(talk, talk.read("field.ask_reference_energy"))
    fits = talk.confirm("field.confirm_correct")
    instrument = talk.read("field.ask_instrument")
    done = talk.ask(
        "test.end",
        account=words["account"],
        test=words["test"],
        meter_wh=meter_wh,
        reference_wh=reference_wh,
        outcome="correct" if fits else "out_of_tolerance",
        reference=instrument,
    )
    _told(talk, done)


def reading(talk: Talk, words: Mapping[str, str]) -> None:
    """A reading by eye, in kWh as the display shows it."""
    args: dict[str, object] = {"account": words["account"], "value_wh": _energy_wh(talk, words["kwh"])}
    if words.get("source"):
        args["source"] = words["source"]
    if words.get("day"):
        args["day"] = words["day"]
    talk.show(ordered(talk.ask("reading.enter", **args), talk.say))


def energy_wh(text: str) -> int | None:
    """Wh of kWh as people write it, "1204.17" or "1204,17"; None for what is no such number."""
    whole, point, part = text.strip().replace(",", ".").partition(".")
    digits = f"{whole}{part}"
    if not (whole and digits.isascii() and digits.isdigit()) or len(part) > WH_DECIMALS or len(whole) > WH_DECIMALS * 4:
        return None
    if point and not part:
        return None
    return int(whole) * WH_PER_KWH + int(part.ljust(WH_DECIMALS, "0"))


def _energy_wh(talk: Talk, text: str) -> int:
    for _ in range(TRIES):
        found = energy_wh(text)
        if found is not None:
            return found
        text = talk.read("field.ask_energy_again", typed=text[:20])
    raise Refused(*fault("no_energy", typed=text[:20]))


def _twice(talk: Talk, key: str) -> int:
    """A register that money hangs on is typed twice, by the same person with another look."""
    for _ in range(TRIES):
        first = _energy_wh(talk, talk.read(key))
        if first == _energy_wh(talk, talk.read("field.ask_once_more")):
            return first
        talk.show([talk.say.text("field.not_the_same")])
    raise Refused(*fault("not_the_same", tries=TRIES))


def _hanging(found: Data, say: Say) -> Iterator[str]:
    """What the books know of the old meter, and what hangs there."""
    rows = [("field.account", found["account"]), ("field.meter", found["meter"])]
    rows.append(("field.old_serial", found.get("old_serial") or "-"))
    if found.get("last_wh") is not None:
        rows.append(("field.last", say.energy(found["last_wh"])))
    if found.get("seen_s") is not None:
        rows.append(("field.seen", say.duration(found["seen_s"])))
        rows.append(("field.serial_now", found.get("serial") or "-"))
    if found.get("import_wh") is not None:
        rows.append(("field.register_now", say.energy(found["import_wh"])))
    yield from say.pairs(rows)


def _counted(found: Data, new_start_wh: int, say: Say) -> dict[str, str]:
    """What the new meter has counted since it hangs, by what was typed: it will be charged, so somebody must see it."""
    now_wh = found.get("import_wh")
    return {} if now_wh is None else {"counted": say.energy(now_wh - new_start_wh)}


def _summary(say: Say, facts: Mapping[str, str]) -> Iterator[str]:
    yield say.text("field.summary")
    yield from say.pairs([(f"field.sum_{name}", value) for name, value in facts.items()])


def _told(talk: Talk, data: Data) -> None:
    """Show what became of it, and offer to keep the signed report on this machine."""
    talk.show(ordered(data, talk.say))
    if not data.get("report"):
        return
    name = talk.read("field.ask_keep", name=data["report_name"]).strip()
    if name:
        _keep(name, data["report"])
        talk.show([talk.say.text("field.kept", file=name)])


def _keep(name: str, text: str) -> None:
    """A new file; nothing that is there is overwritten, and a command typed ahead is no name."""
    try:
        if " " in name:
            raise ValueError("a name without spaces, please")
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
    except (OSError, ValueError) as error:
        raise Refused(*fault("file_not_written", file=name, complaint=str(error)[:200])) from error


T = Role.TECHNICIAN
ACCOUNT = Word("account", "account")
REASON = Word("reason", rest=True)
VERBS = (
    Verb("override on", T, "override on CH-0001 24 ill child",
         (ACCOUNT, Word("hours", number=True), REASON), "override.set", ordered),
    Verb("override off", T, "override off CH-0001 the debt is settled", (ACCOUNT, REASON), "override.end", ordered),
    Verb("safety on", T, "safety on CH-0001 work on the riser", (ACCOUNT, REASON), "safety.on", ordered),
    Verb("safety off", T, "safety off CH-0001 riser closed and tested", (ACCOUNT, REASON), talk=safety_off),
    Verb("restore", T, "restore CH-0001 all appliances checked", (ACCOUNT, REASON), talk=restore),
    Verb("replace", T, "replace CH-0001 display dead", (ACCOUNT, REASON), talk=replace),
    Verb("test begin", T, "test begin CH-0001 T-1 case 7",
         (ACCOUNT, Word("test"), Word("case", optional=True, rest=True)), "test.begin", ordered),
    Verb("test end", T, "test end CH-0001 T-1", (ACCOUNT, Word("test")), talk=test_end),
    Verb("reading", T, "reading CH-0001 1204.17 self",
         (ACCOUNT, Word("kwh"), Word("source", ("self", "technician"), optional=True), Word("day", optional=True)),
         talk=reading),
)  # fmt: skip
