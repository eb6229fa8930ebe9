"""`python -m tests.fuzz.signatures [--commands N] [--tokens N] [--seed S]`: nothing that the key did not sign gets in.

Two proofs. Every single bit of signed commands of every type is flipped, and none is accepted. Tokens are cut up and
put together in every way an attacker without the key has: parts of other tokens, other headers, other spellings,
doubled keys; what is accepted must be, to the byte, a token that the key holder made (I14, threat 2).
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import json
import random
import sys
import time
from collections.abc import Callable, Iterator

from gateway.commands import Command, Keyring, verify
from gateway.commands.envelope import claimed_id
from gateway.errors import CommandRefused
from tests import figures
from tests.asked import PYTHON, at_least_one
from tests.fuzz.names import COMMANDS, GATEWAY, KEYS, SIGNER, STRANGER, token

_PUBLIC = SIGNER.private.public_key().public_bytes_raw()


def accepted(raw: bytes, keys: Keyring = KEYS) -> bool:
    """The gateway takes this token for a signed command."""
    try:
        verify(raw, keys, GATEWAY)
    except CommandRefused:
        return False
    return True


def signed(count: int) -> list[bytes]:
    """So many commands, every type among them, as the key holder made them."""
    return [token(*COMMANDS[number % len(COMMANDS)], sequence=number + 1) for number in range(count)]


def flips(raw: bytes, chance: random.Random | None = None, share: float = 1.0) -> Iterator[bytes]:
    """A token with one bit changed: every bit, or a share of them with all of both ends of each part and each field."""
    edges = _edges(raw) if chance is not None else frozenset()
    for bit in range(len(raw) * 8):
        if chance is None or bit // 8 in edges or chance.random() < share:
            flipped = bytearray(raw)
            flipped[bit // 8] ^= 1 << bit % 8
            yield bytes(flipped)


def _edges(raw: bytes) -> frozenset[int]:
    """The characters around each dot and around each quote and comma of the JSON inside."""
    found: set[int] = set()
    start = 0
    for part in raw.split(b".")[:2]:
        plain = decoded(part)
        marks = [index for index, byte in enumerate(plain) if byte in b'",:{}']
        found.update(start + mark * 4 // 3 for mark in marks)
        found.update((start, start + len(part) - 1, start + len(part)))
        start += len(part) + 1
    return frozenset(found | set(range(start, start + 3)) | set(range(len(raw) - 3, len(raw))))


def encoded(part: bytes) -> bytes:
    """base64url without padding."""
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def decoded(part: bytes) -> bytes:
    """The reverse of `encoded`."""
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))


Forge = Callable[[list[bytes], list[bytes], random.Random], bytes]


def _swapped_parts(mine: list[bytes], other: list[bytes], chance: random.Random) -> bytes:
    parts = [chance.choice((one, two)) for one, two in zip(mine, other, strict=True)]
    chance.shuffle(parts) if chance.random() < 0.2 else None
    return b".".join(parts)


def _other_type(mine: list[bytes], other: list[bytes], chance: random.Random) -> bytes:
    claims = json.loads(decoded(mine[1]))
    theirs = json.loads(decoded(other[1]))
    key = chance.choice(("typ", "body", "aud", "iss", "jti", "seq", "exp"))
    claims[key] = theirs[key] if claims[key] != theirs[key] else chance.choice(("gw-2", "x", 1, 2**53))
    return b".".join((mine[0], encoded(json.dumps(claims).encode()), chance.choice((mine, other))[2]))


def _respelled(mine: list[bytes], other: list[bytes], chance: random.Random) -> bytes:
    at = chance.randrange(3)
    part = mine[at]
    last = base64.urlsafe_b64encode(bytes(range(0, 252, 4)))[chance.randrange(64) : None][:1]
    spelled = chance.choice(
        (
            part + b"=",
            part + b"==",
            part + b"\n",
            b" " + part,
            part.replace(b"-", b"+").replace(b"_", b"/"),
            part[:-1] + last,
            part + b"A",
            part.swapcase(),
            part[:4] + b"\n" + part[4:],
            part + b"\0",
            b"".join(b"%%%02X" % byte for byte in part[:1]) + part[1:],
        )
    )
    return b".".join((*mine[:at], spelled, *mine[at + 1 :])) + chance.choice((b"", b"", b".", b"." + mine[0], b"\n"))


def _doubled_key(mine: list[bytes], other: list[bytes], chance: random.Random) -> bytes:
    at = chance.randrange(2)
    plain, theirs = decoded(mine[at]), json.loads(decoded(other[at]))
    key = chance.choice(list(theirs))
    more = f"{json.dumps(key)}:{json.dumps(theirs[key])}".encode()
    plain = chance.choice(
        (b"{" + more + b"," + plain[1:], plain[:-1] + b"," + more + b"}", plain + b" ", b"\xef\xbb\xbf" + plain)
    )
    return b".".join((*mine[:at], encoded(plain), *mine[at + 1 :]))


def _header(mine: list[bytes], other: list[bytes], chance: random.Random) -> bytes:
    """Another algorithm, a key of the attacker's own, an instruction: each signed as its header says."""
    own = STRANGER.private.public_key().public_bytes_raw()
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": encoded(own).decode()}
    header = chance.choice(
        (
            {"alg": "none"},
            {"alg": "None", "kid": "k1"},
            {"alg": "HS256", "kid": "k1"},
            {"alg": "HS512", "kid": "k1"},
            {"alg": "EdDSA", "kid": "k1", "crit": ["exp"]},
            {"alg": "EdDSA", "kid": "k1", "jwk": jwk},
            {"alg": "EdDSA", "jwk": jwk},
            {"alg": "EdDSA", "kid": "k1", "jku": "https://x.example/k"},
            {"alg": "EdDSA", "kid": "k1", "x5u": "x"},
            {"alg": "EdDSA"},
            {"alg": "EdDSA", "kid": "k2"},
            {"alg": "Ed25519", "kid": "k1"},
            {"alg": "eddsa", "kid": "k1"},
            {"kid": "k1"},
            {"alg": "EdDSA", "kid": "k1", "b64": False, "crit": ["b64"]},
            {"alg": "EdDSA", "kid": "../k1"},
            {"alg": "ES256", "kid": "k1"},
            {"alg": "EdDSA", "kid": "k1", "zip": "DEF"},
            {"alg": "EdDSA", "kid": ["k1"]},
            {"alg": ["EdDSA", "none"], "kid": "k1"},
            {"alg": "EdDSA", "kid": "k1"},
            {"typ": "JWT", "alg": "EdDSA", "kid": "k1"},
        )
    )
    text = encoded(json.dumps(header).encode()) + b"." + mine[1]
    signature = chance.choice(
        (
            mine[2],
            b"",
            encoded(hmac.digest(_PUBLIC, text, hashlib.sha256)),
            encoded(STRANGER.private.sign(text)),
            encoded(hmac.digest(_PUBLIC, text, hashlib.sha512)),
            encoded(bytes(64)),
        )
    )
    return text + b"." + signature


def _strangers(mine: list[bytes], other: list[bytes], chance: random.Random) -> bytes:
    """A well-formed token of somebody else's key, and points of the curve that verify more than they should."""
    text = b".".join(mine[:2])
    small = bytes([1]) + bytes(31)  # the neutral element: with S = 0 it is a signature under a key of small order
    order = 2**252 + 27742317777372353535851937790883648493
    r, s = decoded(mine[2])[:32], int.from_bytes(decoded(mine[2])[32:], "little")
    malleable = r + ((s + order) % 2**256).to_bytes(32, "little")
    return (
        text
        + b"."
        + encoded(chance.choice((STRANGER.private.sign(text), small + bytes(32), malleable, bytes(64), r[::-1] + r)))
    )


FORGERIES: tuple[Forge, ...] = (_swapped_parts, _other_type, _respelled, _doubled_key, _header, _strangers)


def forged(count: int, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """So many forgeries: which kind, and the token. None of them is a token that the key holder made."""
    genuine = signed(4 * len(COMMANDS))
    known = set(genuine)
    parts = [raw.split(b".") for raw in genuine]
    made = 0
    while made < count:
        forge = FORGERIES[made % len(FORGERIES)]
        raw = forge(chance.choice(parts), chance.choice(parts), chance)
        if raw not in known:
            made += 1
            yield forge.__name__.strip("_"), raw


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 when nothing was accepted."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.signatures", description=__doc__)
    parser.add_argument("--commands", type=at_least_one, default=100, help="of so many commands every bit is flipped")
    parser.add_argument("--tokens", type=at_least_one, default=100_000, help="so many forgeries")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    began, count = time.perf_counter(), 0
    for raw in signed(asked.commands):
        assert accepted(raw), "a good command is refused"
        for flipped in flips(raw):
            count += 1
            if accepted(flipped):
                return _told("a flipped bit was accepted", flipped)
    per_s = round(count / max(time.perf_counter() - began, 1e-3))
    for kind, raw in forged(asked.tokens, random.Random(asked.seed)):
        claimed_id(raw)
        if accepted(raw):
            return _told(f"a forgery was accepted ({kind})", raw)
    types = len({command for command, _ in COMMANDS})
    print(
        f"signatures: {count} flipped bits of {asked.commands} commands of {types} of {len(Command)} types "
        f"({per_s}/s) and {asked.tokens} forgeries, seed {asked.seed}: none accepted"
    )
    figures.record(
        "signatures",
        {
            "commands": asked.commands,
            "bits flipped": count,
            "bits/s": per_s,
            "forgeries": asked.tokens,
            "accepted": 0,
            "seed": asked.seed,
        },
    )
    return 0


def _told(what: str, raw: bytes) -> int:
    print(
        f"signatures: {what}: {raw!r}\n"
        f"  again: {PYTHON} -m tests.fuzz envelope --replay FILE, where FILE holds an r and then these bytes"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
