"""Values that begin with a hyphen, on the command line."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.__main__ import main
from gateway.arguments import joined
from gateway.documents.key import DeviceKey
from gateway.documents.seal import JSON, Draft, json_content, sealed
from gateway.prepayment.events import Moment, TimeTrust
from gateway.prepayment.export import DocumentKind
from gateway.reference.cli import main as headend
from gateway.reference.sign import new_signer, save_private


def key_with_a_hyphen() -> DeviceKey:
    """A key whose public half begins with a hyphen, as one in 64 does."""
    keys = (DeviceKey(Ed25519PrivateKey.from_private_bytes(seed.to_bytes(32, "big"))) for seed in range(10_000))
    return next(key for key in keys if key.public.startswith("-"))


def test_only_the_value_of_a_named_option_is_joined_to_it() -> None:
    """What follows the value, and the values of other options, stay as they are."""
    words = ["verify", "a.json", "--key", "-x", "--print"]
    assert joined(words, "--key") == ["verify", "a.json", "--key=-x", "--print"]
    assert joined(["--key=-x", "-y"], "--key") == ["--key=-x", "-y"]
    assert joined(["--other", "-x", "--key"], "--key") == ["--other", "-x", "--key"]
    assert joined(["--a", "--b", "c"], "--a", "--b") == ["--a=--b", "c"]


def test_every_gateways_key_can_be_given_to_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """S2-12: also the one in 64 whose key begins with a hyphen; it was taken for an option, seen as a red landing."""
    key = key_with_a_hyphen()
    content = Draft(DocumentKind.LOAD_CURVE, "a.json", JSON, json_content({"rows": []}), {"rows": 0})
    made = sealed(content, key, "gw-1", Moment(1_800_000_000_000, TimeTrust.SYNCHRONISED, 1))
    for name, data in made.files.items():
        (tmp_path / name).write_bytes(data)
    assert main(["verify", str(tmp_path / "a.json"), "--key", key.public]) == 0
    assert "GENUINE" in capsys.readouterr().out
    assert main(["verify", str(tmp_path / "a.json"), "--key", "-" + "A" * 42]) == 1


def test_every_challenge_can_be_given_to_sign(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """I14: a challenge in the gateway's status is base64url too, and one in 64 begins with a hyphen."""
    private = tmp_path / "private.pem"
    save_private(new_signer("headend-1", "headend"), private)
    names = ["--gateway", "gw-1", "--private", str(private)]
    challenge = "-" + "a" * 23
    assert headend(["sign", "read_now", "account_id=CH-1", "--challenge", challenge, *names]) == 0
    claims = capsys.readouterr().out.split(".")[1]
    assert json.loads(base64.urlsafe_b64decode(claims + "=="))["challenge"] == challenge
