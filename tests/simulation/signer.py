"""Signs what the head-end says, from docs/mqtt.md alone: a compact JWS with an Ed25519 key."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ROLES = ("topup", "supply", "tariff", "account", "time", "ack")


@dataclass(slots=True)
class Order:
    """A signed command and what became of it."""

    jti: str
    typ: str
    body: dict[str, Any]
    token: bytes
    verdicts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def status(self) -> str:
        """The last verdict, "" while there is none."""
        return str(self.verdicts[-1]["status"]) if self.verdicts else ""

    @property
    def applied(self) -> bool:
        """It has taken effect, whatever became of a copy of it: retained ones are refused, and so are late ones."""
        return any(verdict["status"] == "applied" for verdict in self.verdicts)


class Signer:
    """One key of one issuer."""

    def __init__(
        self,
        gateway_id: str,
        chance: random.Random,
        now_ms: Callable[[], int],
        *,
        kid: str = "k1",
        roles: tuple[str, ...] = ROLES,
    ) -> None:
        self.gateway_id = gateway_id
        self._private = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
        self._chance = chance
        self._now_ms = now_ms
        self._kid = kid
        self._roles = roles
        self._sequence = 0

    def keys(self) -> str:
        """Its table in the gateway's key file."""
        raw = self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        roles = ", ".join(f'"{role}"' for role in self._roles)
        return f'[[key]]\nkid = "{self._kid}"\nissuer = "utility"\npublic = "{_text(raw)}"\nroles = [{roles}]\n'

    def sign(
        self, typ: str, body: dict[str, Any], *, challenge: str | None = None, life_s: int = 3600, **other: object
    ) -> Order:
        """A signed command; `other` claims replace the usual ones."""
        self._sequence = max(self._sequence + 1, self._now_ms())
        jti = self._chance.randbytes(12).hex()
        now_s = self._now_ms() // 1000
        claims = {
            "iss": "utility", "aud": self.gateway_id, "typ": typ, "jti": jti, "seq": self._sequence,
            "iat": now_s, "exp": now_s + life_s, "body": body,
        }  # fmt: skip
        if challenge:
            claims["challenge"] = challenge
        return Order(jti, typ, body, self.token(json.dumps(claims | other).encode()))

    def token(self, payload: bytes) -> bytes:
        """A good signature over anything."""
        signed = f"{_text(json.dumps({'alg': 'EdDSA', 'kid': self._kid}).encode())}.{_text(payload)}".encode()
        return signed + b"." + _text(self._private.sign(signed)).encode()


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
