"""The file that says whose signatures count: ConfigError, or keys that are what the file says."""

from collections.abc import Iterator

from gateway.commands.keys import parse_keys
from gateway.errors import ConfigError
from tests.fuzz.mutation import mutate_toml
from tests.fuzz.names import SIGNER, STRANGER
from tests.fuzz.target import Target


def check(data: bytes) -> None:
    try:
        keys = parse_keys(data.decode("utf-8", "replace"))
    except ConfigError:
        return
    assert keys
    assert all(kid == key.kid and key.roles for kid, key in keys.items())


def seeds() -> Iterator[bytes]:
    table = SIGNER.public_table()
    yield table.encode()
    yield (table + "not_after = 2030-12-31\n" + STRANGER.public_table().replace('"k1"', '"k2"')).encode()


TARGET = Target(check, seeds, mutate_toml, max_bytes=3000)
