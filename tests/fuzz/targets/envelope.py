"""Any bytes on the command topic: CommandRefused, or what PyJWT finds signed by the same key as well (I14, I21).

The first byte says whether the rest is taken as it is, or as header and payload that get a good signature here, so
that what lies behind the signature is reached with real ones too.
"""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator
from typing import Any

import jwt
import msgspec

from gateway.commands import Reason, verify
from gateway.commands.envelope import claimed_id
from gateway.errors import CommandRefused
from tests.fuzz.mutation import HOSTILE, mutate_bytes, mutate_json
from tests.fuzz.names import COMMANDS, GATEWAY, KEYS, SIGNER, token
from tests.fuzz.target import Target

_PUBLIC = SIGNER.private.public_key()


def check(data: bytes) -> None:
    raw, signed = data[1:], data[:1] == b"s"
    if signed:
        header, _, payload = raw.partition(b"\n")
        text = _encoded(header) + b"." + _encoded(payload)
        raw = text + b"." + _encoded(SIGNER.private.sign(text))
    jti = claimed_id(raw)
    try:
        envelope = verify(raw, KEYS, GATEWAY)
    except CommandRefused as refusal:
        Reason(refusal.reason)
        msgspec.json.encode(refusal.detail)
        return
    claims = jwt.decode(raw, _PUBLIC, algorithms=["EdDSA"], audience=GATEWAY, options=_SIGNATURE_ONLY)
    assert (claims["jti"], claims["iss"], claims["typ"]) == (envelope.command_id, envelope.issuer, envelope.command)
    assert (claims["seq"], claims["iat"], claims["exp"]) == (envelope.sequence, envelope.issued_s, envelope.expires_s)
    assert jti == envelope.command_id
    assert msgspec.convert(claims["body"], type(envelope.body)) == envelope.body


_SIGNATURE_ONLY: Any = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}


def _encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def _decoded(part: bytes) -> bytes:
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def seeds() -> Iterator[bytes]:
    for command, body in COMMANDS:
        whole = token(command, body)
        header, payload, _ = whole.split(b".")
        yield b"r" + whole
        yield b"s" + _decoded(header) + b"\n" + _decoded(payload)


def mutate(data: bytes, chance: random.Random) -> bytes:
    raw = data[1:]
    if data[:1] == b"s":
        header, _, payload = raw.partition(b"\n")
        if chance.random() < 0.2:
            header = mutate_json(header, chance)
        else:
            payload = mutate_json(payload, chance)
        return b"s" + header + b"\n" + payload
    parts = raw.split(b".")
    at = chance.randrange(len(parts))
    kind = chance.randrange(4)
    if kind == 0:
        return b"r" + mutate_bytes(raw, chance)
    if kind == 1:
        parts[at] = chance.choice(parts)
    elif kind == 2:
        parts[at] = _encoded(mutate_json(_lenient(parts[at]), chance))
    else:
        parts[at] = parts[at] + chance.choice((b"=", b"A", b".", b"\n", chance.choice(HOSTILE).encode()))
    return b"r" + b".".join(parts)


def _lenient(part: bytes) -> bytes:
    try:
        return _decoded(part)
    except ValueError:
        return part


TARGET = Target(check, seeds, mutate, max_bytes=6000)
