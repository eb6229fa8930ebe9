"""Keys and signatures of a head-end: Ed25519 keys as files, commands as compact JWS.

The private key is a PKCS#8 PEM file of mode 0600; the public part is the TOML table the gateway pins.
"""

from __future__ import annotations

import base64
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from gateway.commands.claims import Body, Claims, Command
from gateway.commands.keys import Role
from gateway.errors import ConfigError

LIFE_S = 3600


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key with the names it signs under."""

    private: Ed25519PrivateKey
    kid: str
    issuer: str

    def sign(
        self,
        command: Command,
        body: Body,
        *,
        gateway_id: str,
        sequence: int,
        now_s: int,
        challenge: str | None = None,
    ) -> tuple[str, bytes]:
        """The command's id and its token, which expires an hour after `now_s`."""
        jti = new_id()
        claims = Claims(
            self.issuer, gateway_id, command.value, jti, sequence, now_s, now_s + LIFE_S, body, challenge=challenge
        )
        return jti, self.sign_bytes(msgspec.json.encode(claims))

    def sign_bytes(self, payload: bytes) -> bytes:
        """A compact JWS over any bytes; tests sign nonsense with it."""
        header = msgspec.json.encode({"alg": "EdDSA", "kid": self.kid})
        signed = _encoded(header) + b"." + _encoded(payload)
        return signed + b"." + _encoded(self.private.sign(signed))

    def public_table(self, roles: frozenset[Role] = frozenset(Role)) -> str:
        """The `[[key]]` table for the gateway's key file."""
        raw = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        public = _encoded(raw).decode()
        names = ", ".join(f'"{role}"' for role in sorted(roles))
        return f'[[key]]\nkid = "{self.kid}"\nissuer = "{self.issuer}"\npublic = "{public}"\nroles = [{names}]\n'


def _encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def new_id() -> str:
    """A command id nobody else has."""
    return secrets.token_hex(12)


def new_signer(kid: str, issuer: str) -> Signer:
    """A fresh key."""
    return Signer(Ed25519PrivateKey.generate(), kid, issuer)


def save_private(signer: Signer, path: Path) -> None:
    """Write the private key, readable by its owner only; never overwrites. Raises ConfigError when it exists."""
    pem = signer.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        hint = "choose another name; a lost key cannot be made again"
        raise ConfigError("exists already and is not overwritten", file=str(path), hint=hint) from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)


def load_private(path: Path, kid: str, issuer: str) -> Signer:
    """Read a private key. Raises ConfigError when it is missing, not Ed25519 or readable by others."""
    try:
        if path.is_dir():
            raise ConfigError("is a folder", file=str(path), hint="name the file with the private key")
        if path.stat().st_mode & 0o077:
            raise ConfigError("others may read this private key", file=str(path), hint=f"chmod 600 {path}")
        private = load_pem_private_key(path.read_bytes(), password=None)
    except FileNotFoundError as error:
        hint = "make one with `prepaid-gateway headend keys`"
        raise ConfigError("there is no such key", file=str(path), hint=hint) from error
    except (ValueError, TypeError) as error:
        raise ConfigError(f"is not a private key: {error}", file=str(path), hint="an unencrypted PEM file") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigError("is not an Ed25519 key", file=str(path), hint="make one with `prepaid-gateway headend keys`")
    return Signer(private, kid, issuer)
