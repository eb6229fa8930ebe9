"""gateway.toml into typed settings: one table at a time, so that each wrong table gives its own message.

`document` finds what is wrong and says it with key and value; this file adds which table it was and what may stand
there, in the words of the person who wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from gateway.config import document
from gateway.config.findings import Findings
from gateway.config.quantities import parse_energy_wh, parse_power_w
from gateway.config.settings import (
    AccountTable,
    AlertsTable,
    ConsoleTable,
    GatewayTable,
    HeadendTable,
    MeterTable,
    RtuBus,
    Settings,
    TcpBus,
    UtilityTable,
)
from gateway.errors import ConfigError

Table = Mapping[str, Any]
T = TypeVar("T")

_EXAMPLE = "see the annotated example config/gateway.toml"
_NAME = "1 to 64 letters, digits, dots, hyphens or underscores, beginning with a letter or digit"
_EXPECTED = {
    "id": _NAME,
    "address": "a Modbus address from 1 to 247",
    "currency": 'three capital letters like "CHF"',
    "opening_balance": 'a decimal in quotes like "20.00"',
    "[headend] port": "a number from 1 to 65535 without quotes",
    "port": 'a path like "/dev/serial/by-id/..." for kind = "rtu", a number from 1 to 65535 for kind = "tcp"',
    "when_dead": '"holds", "opens" or "closes"',
    "energised": '"open" or "closed": what the supply is while the channel is on',
    "line": 'serial settings in quotes, like "9600 8N1"',
    "switch": '{ kind = "meter" }, { kind = "relay", ... } or { kind = "output", ... }',
    "word_order": '"big" or "little"',
    "limiter": '{ kind = "threshold" } or { kind = "switched", ... }',
    "email": 'an address like "name@example.org"',
    "phone": 'a number with its country, like "+41791234567"',
    "from": 'the address that messages come from, like "avvisi@utility.example"',
    "tls": '"starttls", "tls" or "none" under [alerts.email], true or false under [headend]',
    "language": 'two letters like "it", as the files in messages/ are called',
    "group": "the name of a group of this machine, without spaces",
    "password_length": "a number of characters from 4 to 64",
}
_PERSONAL = ("email", "phone")
_KINDS = {
    "kind": 'kind = "rtu" or "tcp"',
    "switch.kind": 'kind = "meter", "relay" or "output"',
    "limiter.kind": 'kind = "threshold" or "switched"',
}
_SUFFIXES = {
    "_w": "a whole number of W without quotes: 3000 for 3 kW",
    "_s": "a whole number of seconds without quotes",
    "_ms": "a whole number of ms without quotes",
    "_wh": "a whole number of Wh without quotes",
}


def settings_of(table: Table, file: str, findings: Findings) -> Settings | None:
    """The typed settings; None when a table had to be refused (each is reported once)."""
    before = len(findings.errors)
    tables = Settings.__struct_fields__
    for name in table:
        if name not in tables:
            findings.refuse("unknown table", file=file, key=f"[{name}]", hint=document.nearest(name, tables))
    gateway = _one(table, "gateway", GatewayTable, file, findings)
    headend = _one(table, "headend", HeadendTable, file, findings)
    buses = _many(table, "bus", RtuBus | TcpBus, file, findings)
    meters = _many(table, "meter", MeterTable, file, findings)
    accounts = _many(table, "account", AccountTable, file, findings)
    console = _one(table, "console", ConsoleTable, file, findings) if "console" in table else ConsoleTable()
    utility = _one(table, "utility", UtilityTable, file, findings) if "utility" in table else None
    alerts = _one(table, "alerts", AlertsTable, file, findings) if "alerts" in table else None
    if gateway is None or headend is None or console is None or len(findings.errors) > before:
        return None
    return Settings(
        gateway=gateway,
        headend=headend,
        bus=buses,
        meter=meters,
        account=accounts,
        console=console,
        utility=utility,
        alerts=alerts,
    )


def _one(table: Table, name: str, kind: type[T], file: str, findings: Findings) -> T | None:
    if name not in table:
        findings.refuse("the table is missing", file=file, key=f"[{name}]", hint=_EXAMPLE)
        return None
    if not isinstance(table[name], dict):
        findings.refuse("is not one table", file=file, key=f"[{name}]", hint=f"write [{name}] on a line of its own")
        return None
    found: T | None = _converted(table[name], f"[{name}]", kind, file, findings)
    return found


def _many(table: Table, name: str, kind: Any, file: str, findings: Findings) -> tuple[Any, ...]:  # noqa: ANN401 - a union has no type of its own
    items = table.get(name, [])
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        findings.refuse("is not a list of tables", file=file, key=f"[[{name}]]", hint="two brackets on each side")
        return ()
    if not items and name != "account":
        findings.refuse("there is none", file=file, key=f"[[{name}]]", hint=f"at least one is needed; {_EXAMPLE}")
    found = []
    for number, item in enumerate(items, 1):
        label = f"[[{name}]] {item['id']!r}" if isinstance(item.get("id"), str) else f"[[{name}]] number {number}"
        converted = _converted(item, label, kind, file, findings)
        if converted is not None:
            found.append(converted)
    return tuple(found)


def _converted(item: Table, label: str, kind: Any, file: str, findings: Findings) -> Any:  # noqa: ANN401 - same
    try:
        return document.convert(item, kind, where=file)
    except ConfigError as error:
        message = str(error).removeprefix(f"{file}: ").removeprefix(f"{error.key}: ").removesuffix(f"; {error.hint}")
        if error.key.rpartition(".")[2] in _PERSONAL:
            message = "is none"  # this text goes into logs
        key = f"{label} {error.key}".strip()
        hint = error.hint if error.hint.startswith("did you mean") else _expected(label, error.key) or error.hint
        findings.refuse(message + _unit_trouble(item, error.key), file=file, key=key, hint=hint)
        return None


def _expected(label: str, path: str) -> str:
    key = path.rpartition(".")[2]
    suffixed = (text for suffix, text in _SUFFIXES.items() if key.endswith(suffix))
    return _KINDS.get(path) or _EXPECTED.get(f"{label} {path}") or _EXPECTED.get(key) or next(suffixed, "")


def _unit_trouble(item: Table, path: str) -> str:
    """Somebody wrote a unit; say what it amounts to, or that it measures something else."""
    raw: Any = item
    for key in path.split("."):
        raw = raw.get(key) if isinstance(raw, dict) else None
    if not path.endswith("_w") or not isinstance(raw, str):
        return ""
    try:
        return f" (that is {parse_power_w(raw)})"
    except ValueError:
        pass
    try:
        return f" (that is an energy, {parse_energy_wh(raw)} Wh, not a power)"
    except ValueError:
        return ""
