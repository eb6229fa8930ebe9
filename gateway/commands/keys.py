"""Whose signatures count, and for what: public keys pinned by `kid`, each limited to roles.

The file is TOML, one `[[key]]` table each; `prepaid-gateway headend keys` prints such a table. Two keys of one issuer
may overlap while they are changed.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Annotated

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Meta, Struct

from gateway import toml
from gateway.commands.claims import Name
from gateway.errors import ConfigError

MAX_KEYS = 32
PUBLIC_KEY_BYTES = 32
OWN_ISSUERS = ("console", "code")
"""Who orders that are given at the gateway itself carry; no key may sign under such a name."""


class Role(StrEnum):
    """What a key may sign."""

    TOPUP = "topup"
    SUPPLY = "supply"
    TARIFF = "tariff"
    ACCOUNT = "account"
    TIME = "time"
    ACK = "ack"


@dataclass(frozen=True, slots=True)
class Key:
    """One pinned public key; `not_after_utc_ms` is enforced only when the time is proven."""

    kid: str
    issuer: str
    public: Ed25519PublicKey
    roles: frozenset[Role]
    not_after_utc_ms: int | None = None


Keyring = Mapping[str, Key]
"""Keys by `kid`."""


class _KeyTable(Struct, frozen=True, forbid_unknown_fields=True):
    kid: Name
    issuer: Name
    public: str
    roles: Annotated[frozenset[Role], Meta(min_length=1)]
    not_after: date | None = None


class _KeyFile(Struct, frozen=True, forbid_unknown_fields=True):
    key: Annotated[tuple[_KeyTable, ...], Meta(min_length=1, max_length=MAX_KEYS)]


def parse_keys(text: str, file: str = "headend-keys.toml") -> Keyring:
    """The keyring in a key file. Raises ConfigError naming the file, the key and what would be right."""
    try:
        tables = msgspec.convert(toml.parse(text), _KeyFile).key
    except msgspec.ValidationError as error:
        hint = 'a table looks like: [[key]] kid = "k1", issuer = "utility", public = "...", roles = ["topup"]'
        raise ConfigError(str(error), file=file, hint=hint) from error
    except ValueError as error:
        raise ConfigError(f"is not TOML: {error}", file=file) from error
    keyring: dict[str, Key] = {}
    for table in tables:
        if table.kid in keyring:
            raise ConfigError("appears twice", file=file, key=f'key "{table.kid}"', hint="give each key its own kid")
        if table.issuer in OWN_ISSUERS:
            where = f'key "{table.kid}": issuer'
            raise ConfigError(f'"{table.issuer}" is the gateway itself', file=file, key=where, hint="another name")
        keyring[table.kid] = Key(table.kid, table.issuer, _public(table, file), table.roles, _not_after(table))
    return keyring


def _public(table: _KeyTable, file: str) -> Ed25519PublicKey:
    try:
        raw = base64.b64decode(table.public + "=" * (-len(table.public) % 4), altchars=b"-_", validate=True)
        if len(raw) != PUBLIC_KEY_BYTES:
            raise ValueError(f"{len(raw)} bytes")
        return Ed25519PublicKey.from_public_bytes(raw)
    except ValueError as error:  # bad base64 is one, too
        hint = "32 bytes as base64url, 43 characters; `prepaid-gateway headend keys` prints them"
        raise ConfigError(
            f"is not an Ed25519 key: {error}", file=file, key=f'key "{table.kid}": public', hint=hint
        ) from error


def _not_after(table: _KeyTable) -> int | None:
    if table.not_after is None:
        return None
    return ((table.not_after - date(1970, 1, 1)).days + 1) * 86_400_000  # the day itself still counts
