"""`prepaid-gateway export`, `verify` and `device-key`: documents at the gateway itself, and checking them anywhere.

`export` reads a copy of the store's files, so it works beside the running daemon and changes nothing. `verify` needs
neither a configuration nor a network.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from datetime import date
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.clock import Clock
from gateway.config.loader import Configuration
from gateway.documents import key as keys
from gateway.documents.key import DeviceKey
from gateway.documents.maker import Maker
from gateway.documents.seal import BESIDE, Document
from gateway.documents.verify import verified_file
from gateway.errors import CommandRefused, ConfigError, GatewayError, NotGenuine, StoreError
from gateway.prepayment.events import Moment, TimeTrust
from gateway.prepayment.export import Channel, DocumentAsked, DocumentKind, Form, Locale, Resolution, months_after
from gateway.store import look

GENUINE, REFUSED, UNPROVEN = 0, 1, 3


def show_key(configuration: Configuration) -> int:
    """Print the public key of this installation."""
    key = _key(configuration)
    print(f"{key.public}  {configuration.settings.gateway.id} (kid {key.kid})")
    return GENUINE


def export(configuration: Configuration, options: argparse.Namespace, clock: Clock) -> int:
    """Write one document. Raises StoreError, ConfigError; 1 for what is refused."""
    try:
        asked = _asked(options, clock)
        document = asyncio.run(_made(configuration, asked))
    except CommandRefused as refusal:
        said = ", ".join(f"{name} {value}" for name, value in refusal.detail.items())
        print(f"refused: {refusal.reason}{f' ({said})' if said else ''}", file=sys.stderr)
        return REFUSED
    target = options.output or Path(document.name)
    for name, data in document.files.items():
        path = target.with_name(target.name + name.removeprefix(document.name))
        _write(path, data)
        print(path)
    return GENUINE


def verify(options: argparse.Namespace) -> int:
    """0: made by the gateway with this key; 1: not; 3: whole, but without a key nobody knows who made it."""
    try:
        key = _pinned(options.key)
        if options.file.suffix == BESIDE:
            hint = f"give the document: {options.file.with_suffix('')}"
            raise ConfigError("is the seal of a document", file=str(options.file), hint=hint)
        found = verified_file(options.file, key)
    except NotGenuine as wrong:
        print(f"{options.file}: NOT GENUINE: {wrong}", file=sys.stderr)
        return REFUSED
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=str(error.filename or options.file)) from error
    if options.print:
        sys.stdout.flush()
        os.write(sys.stdout.fileno(), found.content)
        return GENUINE if key else UNPROVEN
    seal = found.seal
    facts = ", ".join(f"{name} {value}" for name, value in seal.facts.items())
    print(f"{options.file}: {seal.kind} of gateway {seal.gateway_id}, made {seal.made_at} ({seal.trust}); {facts}")
    if found.rows:
        print(f"{found.rows} rows of the journal, unbroken")
    if key is None:
        print(f"UNPROVEN: it is whole, and signed by the key it brings: {seal.public}")
        print("give the key that was pinned at enrolment with --key to know whether it is the gateway's")
        return UNPROVEN
    print("GENUINE: signed by the key given")
    return GENUINE


def _asked(options: argparse.Namespace, clock: Clock) -> DocumentAsked:
    kind = DocumentKind(options.kind)
    if not options.account and kind is not DocumentKind.EVIDENCE:
        hint = "only evidence can be about the whole gateway"
        raise ConfigError("is missing", key="--account", hint=hint)
    whole_month = kind is DocumentKind.MONTH and len(options.first) == 7
    first = _day("--from", f"{options.first}-01" if whole_month else options.first)
    last = _day("--to", options.last) if options.last else months_after(first, 1)
    now = clock.now()
    at = Moment(now.utc_ms, TimeTrust.SYNCHRONISED, now.running_ms)  # this machine's clock, seen by a person
    return DocumentAsked(
        at,
        "local",
        options.account,
        kind,
        first,
        last,
        Resolution(options.resolution),
        tuple(Channel(name) for name in options.channel or ()),
        Form(options.form) if options.form else None,
        Locale(options.locale),
        five_rappen=options.five_rappen,
    )


def _day(option: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{text!r} is not a date", key=option, hint="such as 2026-10-01") from error


async def _made(configuration: Configuration, asked: DocumentAsked) -> Document:
    key = _key(configuration)
    async with look.opened(configuration.store) as store:
        return await Maker(store, key, configuration.settings.gateway.id).make(asked)


def _key(configuration: Configuration) -> DeviceKey:
    folder = configuration.store.parent
    found = keys.load(folder)
    if found is None:
        raise StoreError(f"{folder / keys.NAME}: there is no device key yet; the daemon makes it at its first start")
    return found


def _pinned(text: str | None) -> Ed25519PublicKey | None:
    """A public key, the first word of a file with one, or the `public` of a status message. Raises ConfigError."""
    if text is None:
        return None
    path = Path(text)
    try:
        if path.is_file():
            return keys.read_public(_word_of(path.read_bytes()))
        word = _word_of(text.encode()) if text.strip() else ""
        if len(word.rstrip("=")) != keys.PUBLIC_CHARS:
            raise ValueError(f"{len(word)} characters, and there is no such file")
        return keys.read_public(word)
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        hint = "43 characters of base64url: `prepaid-gateway device-key` prints them, the status carries them"
        raise ConfigError(f"is not a public key: {error}", key="--key", hint=hint) from error


def _word_of(data: bytes) -> str:
    """The word in a file that should be a key. Raises ValueError, MsgspecError."""
    try:
        text = data.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise ValueError("the file is no text") from None
    if not text:
        raise ValueError("the file is empty")
    if "PRIVATE KEY" in text:
        raise ValueError("the file holds a private key")
    if text.startswith("{"):
        told = msgspec.json.decode(text, type=dict[str, object]).get("device_key")
        if not isinstance(told, str) or not told:
            raise ValueError("the file holds no device_key")
        return told
    return text.split()[0]


def _write(path: Path, data: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except OSError as error:
        raise GatewayError(f"{path}: cannot be written ({error.strerror})") from error
