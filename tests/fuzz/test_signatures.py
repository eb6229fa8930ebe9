from __future__ import annotations

import random
from dataclasses import replace
from typing import cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.commands import Command, Reason
from gateway.commands.envelope import verify
from gateway.errors import CommandRefused
from tests.fuzz import signatures
from tests.fuzz.names import COMMANDS, GATEWAY, KEYS, token

FORGERIES = 4_000
SHARE = 0.01


def test_every_type_of_command_is_among_the_samples() -> None:
    """A command added later must be signed here too, or nobody tries to forge it."""
    assert {command for command, _ in COMMANDS} == set(Command)


@pytest.mark.parametrize("number", range(len(COMMANDS)))
def test_no_flipped_bit_is_accepted(number: int) -> None:
    """I14, threat 2: both sides of every field and a share of the rest; `python -m tests.fuzz.signatures` flips all."""
    raw = token(*COMMANDS[number])
    assert signatures.accepted(raw)
    chance = random.Random(number)
    tried = 0
    for flipped in signatures.flips(raw, chance, SHARE):
        tried += 1
        assert not signatures.accepted(flipped), flipped
    assert tried >= 8 * 10


def test_no_forgery_is_accepted() -> None:
    """I14, threat 2: parts of other tokens, other spellings, doubled keys, other algorithms, other people's keys."""
    kinds: dict[str, int] = {}
    for kind, raw in signatures.forged(FORGERIES, random.Random(1)):
        kinds[kind] = kinds.get(kind, 0) + 1
        assert not signatures.accepted(raw), (kind, raw)
    assert len(kinds) == len(signatures.FORGERIES)


def test_no_command_is_taken_for_one_of_another_type() -> None:
    """I14: the type is signed with the body, so a body of the same shape cannot be carried over to another type."""
    for command, body in COMMANDS:
        header, payload, signature = token(command, body).split(b".")
        for other in set(Command) - {command}:
            claims = signatures.decoded(payload).replace(f'"{command}"'.encode(), f'"{other}"'.encode())
            swapped = b".".join((header, signatures.encoded(claims), signature))
            with pytest.raises(CommandRefused) as refused:
                verify(swapped, KEYS, GATEWAY)
            assert refused.value.reason == Reason.BAD_SIGNATURE, (command, other)


def test_the_proof_notices_a_signature_that_nobody_checks() -> None:
    """With a key that finds every signature good the same flips are accepted: it is the signature that refuses them."""

    class Trusting:
        def verify(self, signature: bytes, data: bytes) -> None:
            pass

    blind = {"k1": replace(KEYS["k1"], public=cast("Ed25519PublicKey", Trusting()))}
    raw = token(*COMMANDS[0])
    assert any(signatures.accepted(flipped, blind) for flipped in signatures.flips(raw))
