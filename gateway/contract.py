"""The published contract, generated from the types that are sent: docs/asyncapi.yaml and docs/schema/*.json.

    python -m gateway.contract            write the documents
    python -m gateway.contract --check    say whether they are stale; exit 1 if so

One JSON Schema (2020-12) per message; the AsyncAPI 3.0 document refers to them. YAML is a superset of JSON, so the
document is written as JSON text with its keys in a readable order: no YAML library, and no two ways to write a string.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from gateway import __version__
from gateway.commands.claims import MAX_TOKEN_BYTES, Claims, Command
from gateway.commands.kinds import HURTFUL, KINDS
from gateway.headend.payloads import DocumentPart, Live, Status, TimeAsk, VerdictMessage
from gateway.headend.topics import PREFIX
from gateway.store.wire import interval_type, journal_types

DOCS = Path(__file__).parent.parent / "docs"
DRAFT = "https://json-schema.org/draft/2020-12/schema"

_UP: Mapping[str, tuple[str, str, bool]] = {
    "status": (
        "status",
        "Retained, QoS 1; also the last will. Who is there, where the journal stands, challenge.",
        True,
    ),
    "journal": ("journal", "QoS 1, in order. One row: everything a person might ask about later, hash-chained.", False),
    "interval": ("interval", "QoS 1, in order. One finished quarter-hour.", False),
    "verdict": ("verdict", "QoS 1. What became of a command, and why.", False),
    "time_ask": ("time/ask", "QoS 1. A nonce; answer it with a signed `time` within 10 s.", False),
    "document": ("document/{document_id}", "QoS 1. A document that was asked for, in parts.", False),
    "live": ("live/{account_id}", "QoS 0, lossy. What the meter says now.", False),
}
_DOWN: Mapping[str, tuple[str, str]] = {
    "command": ("command", "QoS 1. A signed command: a compact JWS."),
    "ack": ("ack", "QoS 1. The signed acknowledgement of journal rows."),
    "resend": ("resend", "QoS 1. A signed request to send rows again."),
    "time_answer": ("time/answer", "QoS 1. The signed time, with the nonce asked for."),
}
_OWN_TOPIC = {Command.ACK: "ack", Command.RESEND: "resend", Command.TIME: "time_answer"}


def schemas() -> dict[str, dict[str, Any]]:
    """Every JSON Schema by file stem."""
    found = {
        "status": _schema(Status),
        "verdict": _schema(VerdictMessage),
        "live": _schema(Live),
        "time_ask": _schema(TimeAsk),
        "document": _schema(DocumentPart),
        "interval": _schema(interval_type()),
        "journal": _journal(),
    }
    for command, kind in KINDS.items():
        found[f"command_{command}"] = _command(command, kind.body)
    return {name: {"$schema": DRAFT, **schema} for name, schema in sorted(found.items())}


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3.0 document."""
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    for name, (topic, text, retain) in _UP.items():
        channels[name] = _channel(topic, text, [name])
        operations[f"send_{name}"] = _operation("send", name, qos=0 if name == "live" else 1, retain=retain)
        messages[name] = _message(name, "application/json", {"$ref": f"schema/{name}.json"})
    commands: dict[str, list[str]] = {name: [] for name in _DOWN}
    for command, kind in KINDS.items():
        commands[_OWN_TOPIC.get(command, "command")].append(f"command_{command}")
        fresh = " Must prove freshness." if command in HURTFUL else ""
        title = f"`{command}`, signed by a key with the role `{kind.role}`.{fresh}"
        payload = {
            "type": "string",
            "maxLength": MAX_TOKEN_BYTES,
            "pattern": r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}$",
            "description": f"Compact JWS (EdDSA). Its payload: schema/command_{command}.json",
            "x-jws-payload": {"$ref": f"schema/command_{command}.json"},
        }
        messages[f"command_{command}"] = {
            **_message(f"command_{command}", "application/jose", payload),
            "summary": title,
        }
    for name, (topic, text) in _DOWN.items():
        channels[name] = _channel(topic, text, commands[name])
        operations[f"receive_{name}"] = _operation("receive", name, qos=1, retain=False)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Prepaid smart-meter gateway",
            "version": __version__,
            "description": "The messages between a gateway and its head-end, seen from the gateway. See docs/mqtt.md.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"broker": {"host": "broker.example:8883", "protocol": "mqtts", "protocolVersion": "5"}},
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }


def documents() -> dict[Path, str]:
    """Every generated file, relative to docs/, with its text."""
    found = {Path("schema", f"{name}.json"): _text(schema) for name, schema in schemas().items()}
    found[Path("asyncapi.yaml")] = "# Generated by `python -m gateway.contract`; do not edit.\n" + _text(asyncapi())
    return found


def stale(folder: Path = DOCS) -> list[str]:
    """The files that are missing, differ, or should not be there any more."""
    wanted = documents()
    wrong = [str(path) for path, text in wanted.items() if _read(folder / path) != text]
    extra = [path for path in (folder / "schema").glob("*.json") if path.relative_to(folder) not in wanted]
    return sorted(wrong + [str(path.relative_to(folder)) for path in extra])


def main(argv: Sequence[str] | None = None) -> int:
    """Write the documents, or with --check compare them."""
    arguments = sys.argv[1:] if argv is None else argv
    wrong = stale(DOCS)
    if "--check" in arguments:
        print("\n".join(f"stale: docs/{name}" for name in wrong) or "the contract is up to date")
        return 1 if wrong else 0
    wanted = documents()
    for name in wrong:
        path = DOCS / name
        if Path(name) not in wanted:
            path.unlink()
            print(f"removed docs/{name}")
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[Path(name)], encoding="utf-8")
        print(f"wrote docs/{name}")
    return 0


def _schema(kind: Any) -> dict[str, Any]:  # noqa: ANN401 - msgspec takes any type
    schema: dict[str, Any] = _portable(msgspec.json.schema(kind))
    return schema


def _command(command: Command, body: type[msgspec.Struct]) -> dict[str, Any]:
    schema = _schema(Claims[body])  # type: ignore[valid-type]
    claims = next(found for name, found in schema["$defs"].items() if name.startswith("Claims"))
    claims["properties"]["typ"] = {"const": command.value}
    if command in HURTFUL:
        claims["description"] += " This command must prove freshness: `challenge`, or `exp` against a proven clock."
    return schema


def _journal() -> dict[str, Any]:
    (schemas_, definitions) = msgspec.json.schema_components(journal_types().values(), ref_template="#/$defs/{name}")
    schema: dict[str, Any] = _portable({"oneOf": list(schemas_), "$defs": dict(sorted(definitions.items()))})
    return schema


def _portable(value: Any) -> Any:  # noqa: ANN401 - any JSON
    r"""The same schema for every reader and every Python.

    Patterns lose `(?!\n)`: only Python's `$` also matches before a final line break. Docstrings lose their indentation,
    which Python 3.13 removes and 3.11 keeps.
    """
    match value:
        case dict():
            return {key: _portable(item) for key, item in value.items()}
        case list():
            return [_portable(item) for item in value]
        case str():
            return inspect.cleandoc(value).replace(r"$(?!\n)", "$")
        case _:
            return value


def _channel(topic: str, text: str, messages: Sequence[str]) -> dict[str, Any]:
    parameters = {"gateway_id": {"description": "The gateway's id, as in its configuration."}}
    if "{account_id}" in topic:
        parameters["account_id"] = {"description": "The account's id."}
    if "{document_id}" in topic:
        parameters["document_id"] = {"description": "The `jti` of the `document` command."}
    return {
        "address": f"{PREFIX}/{{gateway_id}}/{topic}",
        "description": text,
        "parameters": parameters,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }


def _operation(action: str, channel: str, *, qos: int, retain: bool) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "bindings": {"mqtt": {"qos": qos, "retain": retain}},
    }


def _message(name: str, content_type: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "contentType": content_type, "payload": payload}


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
