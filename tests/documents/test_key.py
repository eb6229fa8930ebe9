"""The device key: made once, private, on record before it is used."""

import asyncio
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.documents.key import NAME, load, load_or_make, written
from gateway.errors import StoreError
from gateway.prepayment.events import Detail


class Record:
    """What was put on record, and what lay in the folder at that moment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.notes: list[tuple[str, dict[str, str | int]]] = []
        self.there: list[bool] = []

    async def note(self, what: str, detail: Detail) -> None:
        self.notes.append((what, dict(detail)))
        self.there.append((self.folder / NAME).exists())


def made(folder: Path) -> tuple[str, Record]:
    """One start of the gateway: the public key, and what went on record."""
    record = Record(folder)
    return asyncio.run(load_or_make(folder, record.note)).public, record


def test_the_key_is_made_once_and_its_public_half_is_on_record(tmp_path: Path) -> None:
    """S2-12: the first start makes it, readable for its owner only; every later one finds it."""
    public, record = made(tmp_path)
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600
    assert [(what, detail["public"], detail["cause"]) for what, detail in record.notes] == [
        ("device.key", public, "first")
    ]
    assert record.there == [False], "on record before it is in its place"
    again, later = made(tmp_path)
    assert (again, later.notes) == (public, [])
    assert [path.name for path in tmp_path.iterdir()] == [NAME]


def test_a_start_that_dies_before_the_record_leaves_no_key(tmp_path: Path) -> None:
    """Threat 5: there is never a key in use that nobody was told of."""

    async def dies(_what: str, _detail: Detail) -> None:
        raise StoreError("the medium is gone")

    with pytest.raises(StoreError):
        asyncio.run(load_or_make(tmp_path, dies))
    assert load(tmp_path) is None
    public, record = made(tmp_path)
    assert record.notes[0][1]["public"] == public


@pytest.mark.parametrize("how", ["rotten", "open", "empty"])
def test_a_key_that_cannot_be_used_is_set_aside_and_replaced(tmp_path: Path, how: str) -> None:
    """Threat 7: meters go on; the old file stays for examination and the new key is on record as a replacement."""
    first, _ = made(tmp_path)
    if how == "open":
        (tmp_path / NAME).chmod(0o644)
    else:
        (tmp_path / NAME).write_bytes(b"" if how == "empty" else b"-----BEGIN PRIVATE KEY-----\nrot")
    with pytest.raises(StoreError):
        load(tmp_path)
    second, record = made(tmp_path)
    assert second != first
    assert record.notes[0][1]["cause"] == "replaced"
    assert (tmp_path / f"{NAME}.damaged-1").exists()


def test_no_turned_bit_makes_it_another_key(tmp_path: Path) -> None:
    """Threat 7: of each bit of the file: refused, or the same key; nothing is signed by a key on no record."""
    public, _ = made(tmp_path)
    path = tmp_path / NAME
    content = path.read_bytes()
    refused = 0
    for bit in range(8 * len(content)):
        rotten = bytearray(content)
        rotten[bit // 8] ^= 1 << bit % 8
        path.write_bytes(rotten)
        try:
            known = load(tmp_path)
        except StoreError:
            refused += 1
        else:
            assert known is not None
            assert known.public == public, f"bit {bit}"
    assert refused > 7 * len(content)


def test_the_file_is_what_every_tool_reads(tmp_path: Path) -> None:
    """RFC 8410: the key is written as PKCS #8, and one that another program wrote is read."""
    public, _ = made(tmp_path)
    theirs = serialization.load_pem_private_key((tmp_path / NAME).read_bytes(), password=None)
    assert isinstance(theirs, Ed25519PrivateKey)
    assert written(theirs.public_key()) == public
    other = Ed25519PrivateKey.generate()
    pem = other.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / NAME).write_bytes(pem)
    known = load(tmp_path)
    assert known is not None
    assert known.public == written(other.public_key())


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    """S2-12: only an Ed25519 key signs documents."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / NAME).write_bytes(pem)
    (tmp_path / NAME).chmod(0o600)
    with pytest.raises(StoreError, match="not an Ed25519 key"):
        load(tmp_path)
