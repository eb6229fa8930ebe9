"""Looking: the state of everything, an account and why it stands where it does, its ledger, clock, network, log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from gateway.console.wire import Role
from gateway.terminal.verbs import Data, Say, Verb, Word

ACCOUNT = Word("account", "account", optional=True)
COUNT = Word("count", optional=True, number=True)
BEFORE = Word("before", optional=True, number=True)


def status(data: Data, say: Say) -> Iterator[str]:
    """One screen: who, when, the points in a line each, and what needs a look."""
    facts = {"gateway": data["gateway"], "version": data["version"], "at": say.instant(data["at"])}
    yield say.text("status.head", **facts, trust=say.text(f"trust.{data['trust']}"))
    link = "status.connected" if data["connected"] else "status.away"
    yield say.text(link, rows=data["waiting_rows"], quarters=data["waiting_quarters"])
    yield ""
    head = ("status.meter", "status.seen", "status.power", "status.switch", "status.account", "status.state")
    yield from say.table((*head, "status.balance"), [_point(point, say) for point in data["points"]])
    yield ""
    if not data["attention"]:
        yield say.text("status.well")
    for one in data["attention"]:
        yield attention(one, say)


def attention(one: Data, say: Say) -> str:
    """One thing to look at, as a sentence."""
    where = " ".join(one[name] for name in ("meter", "account") if one.get(name))
    fact = one.get("fact", "")
    if one["what"] == "meter_silent":
        fact = say.duration(int(fact)) if fact else say.text("status.never")
    text = say.text(f"attention.{one['what']}", fact=fact or "-")
    said = f"{where}: {text}" if where else text
    return f"{one['code']}  {said}"


def _point(point: Data, say: Say) -> tuple[str, ...]:
    seen_s = point.get("seen_s")
    seen = say.text("status.never") if seen_s is None else say.duration(seen_s)
    power_w, balance = point.get("power_w"), point.get("balance")
    days = point.get("days_left")
    money = "" if not balance else say.money(balance, point["currency"])
    return (
        point["meter"],
        f"{seen} !" if point["silent"] else seen,
        "" if power_w is None else say.power(power_w),
        say.text(f"switch.{point['switch']}") if point.get("switch") else "",
        point.get("account", ""),
        say.text(f"state.{point['state']}") if point.get("state") else "",
        money if days is None else say.text("status.days", money=money, days=days),
    )


def accounts(data: Data, say: Say) -> Iterable[str]:
    """Every account in a line."""
    rows = [
        (one["account"], one["meter"], say.text(f"state.{one['state']}"), say.money(one["balance"], one["currency"]))
        for one in data["accounts"]
    ]
    return say.table(("status.account", "status.meter", "status.state", "status.balance"), rows)


def account(data: Data, say: Say) -> Iterator[str]:
    """One account, label and value."""
    currency = data["currency"]
    rows: list[tuple[str, str]] = [
        ("account.account", data["account"]),
        ("account.state", say.text(f"state.{data['state']}")),
        ("account.balance", say.money(data["balance"], currency)),
    ]
    if data.get("days_left") is not None:
        rows.append(("account.days_left", str(data["days_left"])))
    rows += [
        ("account.meter", data["meter"]),
        ("account.serial", data.get("serial", "")),
        ("account.delivery_point", data.get("delivery_point", "")),
        ("account.contract", data.get("contract", "")),
        ("account.commodity", say.text(f"commodity.{data['commodity']}")),
        ("account.contract_power", say.power(data["contract_power_w"])),
        ("account.policy", data["policy"]),
        ("account.tariffs", ", ".join(data["tariffs"])),
        ("account.opened", say.instant(data["opened_at"])),
        ("account.topups", f"{say.money(data['top_up_total'], currency)} ({data['top_up_sequence']})"),
    ]
    if data.get("register_wh") is not None:
        rows.append(("account.register", f"{say.energy(data['register_wh'])}  {say.instant(data['read_at'])}"))
    rows += [
        ("account.trouble", data.get("trouble", "")),
        ("account.cases", str(data.get("open_cases") or "")),
        ("account.withheld", say.money(data["withheld"], currency) if data.get("withheld") else ""),
        ("account.lockout", data.get("lockout", "")),
        ("account.armed", say.text("word.yes") if data.get("armed") else ""),
    ]
    yield from say.pairs([(label, value) for label, value in rows if value])
    yield from _holds(data, say)


def why(data: Data, say: Say) -> Iterator[str]:
    """Why the supply is as it is, what comes next and when, and what would help: in sentences."""
    facts = {"since": say.instant(data["since"]), "balance": say.money(data["balance"], data["currency"])}
    yield say.text(f"why.state.{data['state']}", **facts)
    if data.get("rule"):
        yield _coded(say.text(f"why.rule.{data['rule']}", **facts), data.get("code", ""))
    if data.get("limit_w") is not None:
        yield say.text("why.limit", limit=say.power(data["limit_w"]))
    if data.get("lockout"):
        yield say.text("why.lockout", reason=data["lockout"])
    if data.get("override"):
        given = data["override"]
        left = {"left": say.duration(given["left_s"]), "energy": say.energy(given["left_wh"])}
        yield say.text("why.override", who=given["technician"], reason=given["reason"], **left)
    if data.get("armed"):
        yield say.text("why.armed")
    yield from _next(data, say)
    if data.get("held_by"):
        held = say.text("why.held", reason=say.text(f"held.{data['held_by']}"))
        yield _coded(held, data.get("held_code", ""))
    if data.get("disputed"):
        yield say.text("why.disputed", amount=say.money(data["disputed"], data["currency"]))
    if data.get("missing"):
        key = "why.pay_arrears" if data.get("owed") else "why.pay"
        yield say.text(key, amount=say.money(data["missing"], data["currency"]))
    yield from _holds(data, say)
    if data.get("history"):
        yield ""
        yield say.text("why.history")
        for step in data["history"]:
            moved = f"{say.text('state.' + step['source'])} > {say.text('state.' + step['target'])}"
            yield f"  {say.instant(step['at'])}  {moved}  {say.money(step['balance'], data['currency'])}"


def _coded(text: str, code: str) -> str:
    """A sentence with its stable code, so that support needs no language."""
    return f"{text} [{code}]" if code else text


def _next(data: Data, say: Say) -> Iterator[str]:
    """The next step that makes things worse, or that there is none by itself."""
    if not data.get("next_state"):
        return
    state = say.text(f"why.next.{data['next_state']}")
    if data.get("not_before"):
        yield say.text("why.not_before", next=state, at=say.instant(data["not_before"]))
    elif data.get("left_s") is not None:
        yield say.text("why.after", next=state, after=say.duration(data["left_s"]))
    else:
        yield say.text("why.unknown", next=state)


def _holds(data: Data, say: Say) -> Iterator[str]:
    for hold in data.get("holds", ()):
        until = say.instant(hold["until"]) if hold.get("until") else say.text("word.until_released")
        yield say.text("why.hold", hold=hold["hold"], kind=say.text(f"hold.{hold['kind']}"), until=until)


def ledger(data: Data, say: Say) -> Iterator[str]:
    """Entries, the newest first, with the balance they led to as a curve."""
    rows = [
        (
            str(entry["seq"]),
            say.instant(entry["at"]),
            say.text(f"entry.{entry['kind']}"),
            say.money(entry["amount"], data["currency"]),
            say.money(entry["balance"], data["currency"]),
            say.energy(entry["used_wh"]) if entry.get("used_wh") is not None else entry.get("reference", ""),
        )
        for entry in data["entries"]
    ]
    if not rows:
        yield say.text("ledger.empty")
        return
    head = ("ledger.row", "ledger.at", "ledger.kind", "ledger.amount", "ledger.balance", "ledger.about")
    yield from say.table(head, rows)
    balances = [_cents(entry["balance"]) for entry in reversed(data["entries"])]
    if len(balances) > 1:
        yield say.text("ledger.curve", curve=say.spark(balances))
    if data["before"]:
        yield say.text("ledger.more", before=data["before"])


def _cents(amount: str) -> int:
    """A decimal amount in hundredths, for a curve only."""
    whole, _, part = amount.partition(".")
    sign = -1 if whole.startswith("-") else 1
    return sign * (abs(int(whole or "0")) * 100 + int((part + "00")[:2]))


def usage(data: Data, say: Say) -> Iterator[str]:
    """Energy by hour as a curve, with what it adds up to."""
    hours = data["hours"]
    yield say.text("usage.head", account=data["account"], since=say.instant(data["from_at"]), hours=len(hours))
    if all(hour is None for hour in hours):
        yield "  " + say.text("usage.empty")
        hours = ()
    for begin in range(0, len(hours), say.width - 4):
        yield "  " + say.spark(hours[begin : begin + say.width - 4])
    yield say.text("usage.total", total=say.energy(data["total_wh"]), peak=say.power(data["peak_w"]))
    if data["estimated"]:
        yield say.text("usage.estimated")


def clock(data: Data, say: Say) -> Iterator[str]:
    """The time and what it is worth."""
    kernel = say.text("word.yes" if data["kernel_synchronised"] else "word.no")
    yield from say.pairs(
        [
            ("clock.at", say.instant(data["at"])),
            ("clock.trust", say.text(f"trust.{data['trust']}")),
            ("clock.bound", say.instant(data["bound"])),
            ("clock.kernel", kernel),
            ("clock.rtc", say.instant(data["rtc"]) if data["rtc"] else say.text("word.none")),
            ("clock.running", say.duration(data["running_s"])),
        ]
    )
    if data["trust"] != "AUTHENTICATED":
        yield say.text("clock.advice")


def network(data: Data, say: Say) -> Iterator[str]:
    """The way to the head-end, step by step."""
    yield say.text("network.connected" if data["connected"] else "network.away", broker=data["broker"])
    if data["away"]:
        yield say.text("network.because", reason=data["away"])
    for step in data["steps"]:
        mark = "ok" if step["ok"] else "!!"
        yield f"  {mark}  {say.text('network.step.' + step['step'])}: {step['fact']} ({step['ms']} ms)"
    yield say.text("network.waiting", rows=data["waiting_rows"], quarters=data["waiting_quarters"])
    for contact in data["contacts"]:
        yield say.text("network.contact", account=contact["account"], ago=say.duration(contact["ago_s"]))


def config(data: Data, say: Say) -> Iterator[str]:
    """Every value and where it comes from."""
    yield say.text("config.head", file=data["file"])
    if data["changed"]:
        yield say.text("config.changed")
    for value in data["values"]:
        yield f"{value['key']} = {value['value']}  [{say.text('config.' + value['origin'])}]"


def log(data: Data, _say: Say) -> Iterable[str]:
    """The lines as they are."""
    lines: list[str] = [str(line) for line in data["lines"]]
    return lines


def _verb(name: str, do: str, show: Any, example: str, *words: Word, role: Role = Role.VIEWER) -> Verb:  # noqa: ANN401
    return Verb(name, role, example, tuple(words), do, show)


VERBS = (
    _verb("status", "status", status, "status"),
    _verb("accounts", "account.list", accounts, "accounts"),
    _verb("account", "account.show", account, "account CH-0001", ACCOUNT),
    _verb("why", "account.why", why, "why CH-0001", ACCOUNT),
    _verb("ledger", "account.ledger", ledger, "ledger CH-0001 20", ACCOUNT, COUNT, BEFORE),
    _verb("topups", "account.topups", ledger, "topups CH-0001", ACCOUNT, COUNT, BEFORE),
    _verb("usage", "account.usage", usage, "usage CH-0001 48", ACCOUNT, Word("hours", optional=True, number=True)),
    _verb("clock", "clock.show", clock, "clock"),
    _verb("network", "network.show", network, "network"),
    _verb("config", "config.show", config, "config meter", Word("part", optional=True), role=Role.TECHNICIAN),
    _verb("log", "log.show", log, "log 40", COUNT, role=Role.TECHNICIAN),
)
