"""`headend watch --save`: parts become the files that `verify` reads, in any order; what is wrong writes nothing."""

import base64
import hashlib
import random
from pathlib import Path
from typing import Any

import pytest

from gateway.documents.seal import CSV, HTML, JSON, JSON_LINES, Draft, sealed
from gateway.documents.verify import verified_file
from gateway.errors import ConfigError
from gateway.headend.delivery import PART_BYTES, parts_of
from gateway.headend.payloads import DocumentPart
from gateway.prepayment.events import Moment, TimeTrust
from gateway.prepayment.export import DocumentKind
from gateway.reference.parcels import OPEN_MAX, PARTS_MAX, Parcels
from tests.documents.rolls import KEY

AT = Moment(1_790_000_000_000, TimeTrust.AUTHENTICATED, 1)


def part(number: int = 1, parts: int = 1, content: bytes = b"x", **changes: Any) -> DocumentPart:
    """One part of doc-1."""
    said: dict[str, Any] = {
        "id": "doc-1", "part": number, "parts": parts, "name": "curve.csv", "content_type": CSV, "seal": "a.b.c",
        "sha256": hashlib.sha256(content).hexdigest(), "data": base64.b64encode(content).decode(),
    }  # fmt: skip
    return DocumentPart(**(said | changes))


@pytest.mark.parametrize("kind", [JSON, JSON_LINES, CSV, HTML])
def test_what_is_saved_is_what_verify_reads(tmp_path: Path, kind: str) -> None:
    """S4-07, S0-01: each form with its seal where docs/documents.md says; parts out of order and twice."""
    content = b'{"a":"' + b"x" * (2 * PART_BYTES) + b'"}' if kind == JSON else b"x\n" * PART_BYTES
    document = sealed(Draft(DocumentKind.STATEMENT, "october", kind, content), KEY, "gw-1", AT)
    told: list[str] = []
    parcels = Parcels(tmp_path, told.append)
    parts = [*parts_of("doc-1", document)]
    random.Random(1).shuffle(parts)
    for one in (parts[0], *parts):
        parcels.take(one)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == document.files
    if kind != JSON_LINES:  # which must be rows of a journal
        assert verified_file(tmp_path / "october", None).content == content
    [line] = told
    assert line.startswith(f"document doc-1: {tmp_path / 'october'}, {len(content)} bytes")
    assert (tmp_path / "october").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../evil"}, {"name": "/etc/passwd"}, {"name": ""}, {"name": ".hidden"}, {"seal": 'a"}'},
        {"seal": ""}, {"data": "?"}, {"data": "eA"}, {"sha256": "0" * 64}, {"part": 0}, {"part": 2},
        {"parts": PARTS_MAX + 1}, {"part": -1, "parts": -1},
    ],
)  # fmt: skip
def test_a_hostile_or_damaged_part_writes_nothing(tmp_path: Path, changes: dict[str, Any]) -> None:
    """I14, I20: whoever can publish on the broker can make no file but under a plain name, of whole parts."""
    told: list[str] = []
    Parcels(tmp_path, told.append).take(part(**changes))
    assert [*tmp_path.iterdir()] == []
    assert "damaged on the way; ask for it again" in told[0]


def test_a_document_that_could_not_be_made_is_told(tmp_path: Path) -> None:
    """S4-07: its reason instead of a file."""
    told: list[str] = []
    Parcels(tmp_path, told.append).take(DocumentPart("doc-1", 0, 0, reason="too_old"))
    assert told == ["document doc-1: could not be made: too_old"]


def test_what_the_wire_says_is_no_command_to_the_terminal(tmp_path: Path) -> None:
    """I14: who can publish on the broker does not write on the screen of the one who watches."""
    told: list[str] = []
    Parcels(tmp_path, told.append).take(DocumentPart("a\x1b[2J\r", 0, 0, reason="\x9b\x07too_old"))
    assert told == ["document a?[2J?: could not be made: ??too_old"]


def test_what_cannot_be_written_is_told_and_watching_goes_on(tmp_path: Path) -> None:
    """Threat 16: a full or closed disk ends no watch; and a folder that is not there is told at once."""
    told: list[str] = []
    parcels = Parcels(tmp_path, told.append)
    (tmp_path / "curve.csv").mkdir()
    parcels.take(part())
    assert "cannot be written" in told[0]
    with pytest.raises(ConfigError, match="is no folder"):
        Parcels(tmp_path / "none", told.append)


def test_unfinished_documents_are_not_kept_for_ever(tmp_path: Path) -> None:
    """I20: eight at once; and parts of two answers under one id are never put together."""
    parcels = Parcels(tmp_path, lambda _: None)
    for number in range(OPEN_MAX + 1):
        parcels.take(part(1, 2, id=f"doc-{number}"))
    parcels.take(part(2, 2, id="doc-0"))
    assert [*tmp_path.iterdir()] == []
    parcels.take(part(2, 2, id="doc-8"))
    assert (tmp_path / "curve.csv").read_bytes() == b"xx"
    (tmp_path / "curve.csv").unlink()
    parcels.take(part(1, 2, id="doc-7", seal="other.b.c"))
    parcels.take(part(2, 2, id="doc-7"))
    assert not (tmp_path / "curve.csv").exists()
