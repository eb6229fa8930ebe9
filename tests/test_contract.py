"""The published contract is what is really sent: never stale, and real payloads validate against it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from gateway import contract
from gateway.commands.claims import Command
from gateway.commands.credit import TopUpBody
from gateway.headend.payloads import Live, Status, TimeAsk, VerdictMessage, plain
from gateway.prepayment.civil import instant
from gateway.prepayment.events import Moment, TimeTrust
from gateway.prepayment.intervals import Interval, Quality
from gateway.prepayment.ledger import (
    GENESIS,
    Entry,
    EntryKind,
    EpochOpened,
    Happening,
    Notice,
    Receipt,
    Record,
    Transition,
    VerdictStatus,
)
from gateway.prepayment.rating import Line
from gateway.prepayment.supply import SupplyState
from gateway.reference.sign import new_signer
from gateway.store.codec import wire_interval
from tests.reference.rows import chained

AT = Moment(1_700_000_000_000, TimeTrust.AUTHENTICATED, 5)
RECORDS: tuple[Record, ...] = (
    EpochOpened(AT, "0123456789abcdef", GENESIS, "0.1.0"),
    Entry(AT, "CH-1", EntryKind.TOP_UP, "CHF", 20, 40, "jti"),
    Entry(
        AT, "CH-1", EntryKind.CHARGE, "CHF", -5, 35, "", 10, 20, (Line("energy", "all", 0, 10, 0, 5, "flat@1", False),)
    ),
    Transition(AT, "CH-1", SupplyState.NORMAL, SupplyState.LOW_CREDIT, "low", "p@1", 5, "CHF", 20, 495),
    Notice(AT, "CH-1", "low_credit", 5, "CHF", (("days", 3), ("cap_nano", 5))),
    Receipt(AT, "CH-1", "jti", "top_up", 1, VerdictStatus.REFUSED, "above_cap", (("max_nano", 10),)),
    Happening(AT, "", "headend.junk", (("malformed", 3),)),
)


def schema(name: str) -> dict[str, Any]:
    """A published schema."""
    found: dict[str, Any] = json.loads((contract.DOCS / "schema" / f"{name}.json").read_text(encoding="utf-8"))
    return found


def valid(name: str, payload: bytes) -> None:
    """Raise unless the payload is what the published schema says."""
    jsonschema.validate(json.loads(payload), schema(name), format_checker=jsonschema.FormatChecker())


def test_the_documents_are_up_to_date() -> None:
    """docs/ is what the types say; `python -m gateway.contract` makes it so."""
    assert contract.stale() == [], "run: python -m gateway.contract"


def test_staleness_is_noticed(tmp_path: Path) -> None:
    """A changed, missing or left-over file is named."""
    for path, text in contract.documents().items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    assert contract.stale(tmp_path) == []
    (tmp_path / "asyncapi.yaml").write_text("{}")
    (tmp_path / "schema" / "old.json").write_text("{}")
    (tmp_path / "schema" / "live.json").unlink()
    assert contract.stale(tmp_path) == ["asyncapi.yaml", "schema/live.json", "schema/old.json"]


def test_the_documents_are_written_once_and_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Decision 7: `--check` names what is stale and changes nothing; without it the same files are made, or removed."""
    monkeypatch.setattr(contract, "DOCS", tmp_path)
    (tmp_path / "schema").mkdir()
    (tmp_path / "schema" / "old.json").write_text("{}")
    assert contract.main(["--check"]) == 1
    assert "stale: docs/schema/old.json\n" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "schema").iterdir()] == ["old.json"]
    assert contract.main([]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "removed docs/schema/old.json" in said
    assert "wrote docs/asyncapi.yaml" in said
    assert contract.main(["--check"]) == 0
    assert capsys.readouterr().out == "the contract is up to date\n"
    assert contract.main([]) == 0
    assert capsys.readouterr().out == ""


def test_the_contract_is_checked_from_the_command_line() -> None:
    """Decision 7: `python -m gateway.contract --check`, as `make check` calls it."""
    done = subprocess.run(
        [sys.executable, "-m", "gateway.contract", "--check"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "the contract is up to date\n")


def test_every_schema_is_a_schema() -> None:
    """Each document is valid JSON Schema 2020-12."""
    for name in contract.schemas():
        jsonschema.Draft202012Validator.check_schema(schema(name))


def test_journal_rows_validate() -> None:
    """Every kind of row, as it is stored and sent, matches journal.json, and nothing else does."""
    rows = chained(RECORDS)
    for row in rows:
        valid("journal", row.body)
    with pytest.raises(jsonschema.ValidationError):
        valid("journal", rows[1].body.replace(b'"seq":2', b'"seq":0'))


def test_intervals_validate() -> None:
    """A quarter-hour matches interval.json."""
    valid("interval", wire_interval("CH-1", 3, Interval(1_700_000_000_000, 12, None, Quality.ACTUAL)))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("status", Status("gw-1", online=False)),
        ("status", Status("gw-1", True, "ab", 3, GENESIS, "challenge", "0.1.0", instant(0), "UNKNOWN")),
        ("verdict", VerdictMessage("jti", "refused", instant(0), detail=plain((("max_nano", 5), ("n", 1))))),
        ("live", Live("CH-1", instant(0), "20.00", "CHF", "NORMAL", "CONNECTED", 5, 495, 7, values={"v": 230.1})),
        ("time_ask", TimeAsk("nonce-nonce")),
    ],
)
def test_messages_validate(name: str, message: msgspec.Struct) -> None:
    """What the gateway publishes matches its schema."""
    valid(name, msgspec.json.encode(message))


def test_what_the_reference_signs_validates() -> None:
    """The payload of a signed command matches its schema, and is refused by any other command's."""
    import base64

    body = TopUpBody("CH-1", 1, "20.00", "20.00", "CHF")
    _, token = new_signer("k", "i").sign(Command.TOP_UP, body, gateway_id="gw", sequence=1, now_s=1)
    payload = base64.urlsafe_b64decode(token.split(b".")[1] + b"==")
    valid("command_top_up", payload)
    with pytest.raises(jsonschema.ValidationError):
        valid("command_top_up_reverse", payload)


def references(value: object) -> Iterator[str]:
    """Every `$ref` below a value."""
    match value:
        case dict():
            for key, item in value.items():
                yield from [item] if key == "$ref" else references(item)
        case list():
            for item in value:
                yield from references(item)
        case _:
            pass


def test_every_reference_of_the_document_leads_somewhere() -> None:
    """AsyncAPI refers only to messages and schemas that exist, and to all of them."""
    document = contract.asyncapi()
    used = set(references(document))
    for reference in used:
        if reference.startswith("schema/"):
            assert (contract.DOCS / reference).is_file(), reference
        else:
            found: Any = document
            for part in reference.removeprefix("#/").split("/"):
                found = found[part]
    assert {f"schema/{name}.json" for name in contract.schemas()} <= used
