"""A policy document: ConfigError that names the key, or a Policy that can be stored."""

from pathlib import Path

import msgspec

from gateway.config.policies import load_policy
from gateway.prepayment.policy import Policy
from tests.fuzz import documents


def load(path: Path) -> None:
    found = load_policy(path)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Policy) == found


TARGET = documents.target("policies", load)
