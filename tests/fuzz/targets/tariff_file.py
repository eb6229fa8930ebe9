"""A tariff document: ConfigError that names the key, or a Tariff that can be stored."""

from pathlib import Path

import msgspec

from gateway.config.tariffs import load_tariff
from gateway.prepayment.tariff import Tariff
from tests.fuzz import documents


def load(path: Path) -> None:
    found = load_tariff(path)
    assert msgspec.json.decode(msgspec.json.encode(found), type=Tariff) == found


TARGET = documents.target("tariffs", load)
