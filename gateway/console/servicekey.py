"""The service key: what this gateway and the utility's service centre share, so that a code works without a network.

Each gateway has its own, derived from the utility's master secret and its id; each use has its own key derived from
that. It is symmetric: who can read the gateway's medium can make the codes of this gateway, and of no other.
"""

from __future__ import annotations

import hmac
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import ConfigError

KEY_BYTES = 32
_FORM = b"prepaid-gateway/service-key/1\0"


class Use(StrEnum):
    """What a key is for; codes of one use say nothing about those of another."""

    OTP = "otp"
    CREDIT = "credit"


def derive(master: bytes, gateway_id: str) -> bytes:
    """The service key of one gateway (HKDF-SHA256)."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=_FORM + gateway_id.encode()).derive(master)


def key_for(service_key: bytes, use: Use) -> bytes:
    """The key of one use."""
    return hmac.digest(service_key, _FORM + use.value.encode(), "sha256")


def written(key: bytes) -> str:
    """A key as its file holds it: one line of 64 hex digits."""
    return key.hex() + "\n"


def read(path: Path) -> bytes:
    """The key in such a file, the gateway's or the master's. Raises ConfigError that says what would be right."""
    hint = "`prepaid-gateway headend service-key` makes it: 64 hex digits on one line, mode 600"
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError("others may read this key", file=str(path), hint=f"chmod 600 {path}")
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except FileNotFoundError as error:
        raise ConfigError("there is no such key", file=str(path), hint=hint) from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"is no key ({error})", file=str(path), hint=hint) from error
    if len(key) != KEY_BYTES:
        raise ConfigError(f"holds {len(key)} bytes, not {KEY_BYTES}", file=str(path), hint=hint)
    return key
