"""The signed envelope: every check that needs no memory, from the cheapest to the dearest.

size -> shape of the token -> key known -> signature -> types -> audience -> issuer and role of the key. The key comes
from the keyring by `kid`, never from the token; a header with anything but alg, kid and typ (a `crit`, a `jwk`) is
refused before any cryptography.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from msgspec import Raw, Struct

from gateway.commands.claims import MAX_TOKEN_BYTES, Body, Claims, Command, Name, Reason
from gateway.commands.keys import Key, Keyring
from gateway.commands.kinds import KINDS
from gateway.commands.labels import masked
from gateway.errors import CommandRefused

_SHAPE = re.compile(rb"[A-Za-z0-9_-]{1,512}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{86}")
_MAX_COMPLAINT = 200
_REFUSED_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Header(Struct, frozen=True, forbid_unknown_fields=True):
    """The only JWS header accepted."""

    alg: Literal["EdDSA"]
    kid: Name
    typ: Literal["JWT", "JOSE"] | None = None


@dataclass(frozen=True, slots=True)
class Envelope:
    """A command whose signature, types, audience and role are right; nothing is known yet about replay or freshness."""

    command: Command
    command_id: str
    issuer: str
    sequence: int
    issued_s: int
    expires_s: int
    challenge: str | None
    kid: str
    body: Body
    key_not_after_utc_ms: int | None = None

    @property
    def account_id(self) -> str:
        """The account the command is about; empty for the gateway itself."""
        account_id: str = getattr(self.body, "account_id", "")
        return account_id


_header_decoder = msgspec.json.Decoder(Header)
_claims_decoder = msgspec.json.Decoder(Claims[Raw])
_body_decoders = {command: msgspec.json.Decoder(kind.body) for command, kind in KINDS.items()}


def verify(token: bytes, keys: Keyring, gateway_id: str) -> Envelope:
    """The envelope in a signed token. Raises CommandRefused with a `Reason`; total for any bytes (I21).

    A refusal after the signature was found good carries `command_id`, `issuer`, and `command` in its detail.
    """
    if len(token) > MAX_TOKEN_BYTES:
        raise CommandRefused(Reason.TOO_LARGE, bytes=len(token), max_bytes=MAX_TOKEN_BYTES)
    if _SHAPE.fullmatch(token) is None:
        raise CommandRefused(Reason.MALFORMED, hint="a compact JWS: three base64url parts joined by dots")
    header = _header(token)
    key = keys.get(header.kid)
    if key is None:
        raise CommandRefused(Reason.UNKNOWN_KEY, kid=header.kid)
    claims = _claims(_signed(token, key))
    who = {"command_id": claims.jti, "issuer": claims.iss, "command": claims.typ}
    if claims.typ not in KINDS:
        raise CommandRefused(Reason.UNKNOWN_COMMAND, **who)
    command = Command(claims.typ)
    try:
        body = _body_decoders[command].decode(claims.body)
    except _REFUSED_JSON as error:
        raise CommandRefused(Reason.BAD_PAYLOAD, **who, error=_complaint(error)) from error
    if claims.aud != gateway_id:
        raise CommandRefused(Reason.WRONG_AUDIENCE, **who, audience=claims.aud)
    if claims.iss != key.issuer or KINDS[command].role not in key.roles:
        raise CommandRefused(Reason.NOT_ALLOWED, **who, kid=key.kid, needs=KINDS[command].role.value)
    return Envelope(
        command,
        claims.jti,
        claims.iss,
        claims.seq,
        claims.iat,
        claims.exp,
        claims.challenge,
        key.kid,
        masked(body),
        key.not_after_utc_ms,
    )


def claimed_id(token: bytes) -> str:
    """The `jti` an unverified token claims, so that a refusal can be matched to it; empty when it has none."""
    if len(token) > MAX_TOKEN_BYTES or _SHAPE.fullmatch(token) is None:
        return ""
    try:
        return _claims(_decoded(token.split(b".")[1])).jti
    except (CommandRefused, ValueError):
        return ""


def _signed(token: bytes, key: Key) -> bytes:
    """The payload, once the signature over header and payload is found good (RFC 7515, RFC 8037).

    A second spelling of the same signature (unused bits of its last character) is refused: one command, one token.
    """
    signed, _, text = token.rpartition(b".")
    signature = _decoded(text)
    try:
        key.public.verify(signature, signed)
    except InvalidSignature as error:
        raise CommandRefused(Reason.BAD_SIGNATURE, kid=key.kid) from error
    if base64.urlsafe_b64encode(signature).rstrip(b"=") != text:
        raise CommandRefused(Reason.BAD_SIGNATURE, kid=key.kid)
    try:
        return _decoded(signed.rpartition(b".")[2])
    except ValueError as error:
        raise CommandRefused(Reason.MALFORMED, hint="the payload is not base64url") from error


def _header(token: bytes) -> Header:
    try:
        return _header_decoder.decode(_decoded(token[: token.index(b".")]))
    except (*_REFUSED_JSON, ValueError) as error:
        raise CommandRefused(Reason.MALFORMED, hint='the header is {"alg":"EdDSA","kid":"..."}') from error


def _claims(payload: bytes) -> Claims[Raw]:
    try:
        return _claims_decoder.decode(payload)
    except _REFUSED_JSON as error:
        raise CommandRefused(Reason.BAD_PAYLOAD, error=_complaint(error)) from error


def _complaint(error: Exception) -> str:
    return str(error)[:_MAX_COMPLAINT]


def _decoded(part: bytes) -> bytes:
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
