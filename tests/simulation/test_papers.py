"""What judges a document has teeth: a good one passes, each way to be wrong is named (S0-01, S2-12, S4-07, S4-17)."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.simulation import paper_books, paper_curve
from tests.simulation.papers import Arriving, Paper, Shelf, instants, midnight_ms, opened

ZONE = "Europe/Zurich"
BODY = {"account_id": "A1", "kind": "statement", "from_day": "2026-10-25", "to_day": "2026-10-26"}
LINE = {"component": "energy", "band": "all", "wh": 10, "days": 0, "amount": "0.004", "tariff_ref": "sim@1"}
Document = dict[str, Any]


def _row(seq: int, hour: int, **fields: Any) -> dict[str, Any]:
    at = {"utc": f"2026-10-25T{hour:02d}:00:00.000Z", "trust": "AUTHENTICATED"}
    return {"seq": seq, "account_id": "A1", "at": at, "reference": "", "lines": []} | fields


def _shelf(quarters: list[dict[str, Any]] | None = None) -> Shelf:
    """An opening the evening before, a charge, a top-up and a row of a neighbour in the day."""
    rows = [
        _row(1, 1, type="entry", kind="opening", amount="3.00", balance="3.00"),
        _row(2, 2, type="entry", kind="charge", amount="-0.004", balance="2.996", lines=[LINE]),
        _row(3, 3, type="entry", kind="top_up", amount="5.00", balance="7.996", reference="j"),
        _row(4, 4, type="event", what="limit.trip", account_id="A2", detail={}),
    ]
    rows[0]["at"]["utc"] = "2026-10-24T20:00:00.000Z"
    bodies = [json.dumps(row) for row in rows]
    hashes = ["0" * 64]
    for body in bodies:
        hashes.append(hashlib.sha256(bytes.fromhex(hashes[-1]) + body.encode()).hexdigest())
    return Shelf(rows, bodies, hashes, 4, 4, list(enumerate(quarters or [], start=1)), len(quarters or []))


def _statement() -> Document:
    rows = _shelf().rows[1:3]
    rounded = {"exact": "4.996", "rounding": "0.004", "rounded": "5.00"}
    return {
        "ledger": [
            {name: row[name] for name in ("seq", "amount", "balance", "kind", "reference")} | {"at": row["at"]["utc"]}
            for row in rows
        ],
        "balance": {"opening": "3.00", "closing": "7.996"},
        "total": rounded,
        "charges": {"exact": "0.004", "rounding": "-0.004", "rounded": "0.00"},
        "quantities": [
            {"tariff": "sim@1", "component": "energy", "band": "all", "wh": 10, "days": 0, "amount": "0.004",
             "estimated_wh": 0},
        ],
        "top_ups": [{"seq": 3, "amount": "5.00"}],
    }  # fmt: skip


def _paper(content: bytes, name: str = "x.json", kind: str = "application/json", **facts: Any) -> Paper:
    return Paper("j", "", {"content_type": kind, "name": name, "facts": facts}, content)


def _judged(made: Document, body: dict[str, Any] = BODY) -> str:
    order = SimpleNamespace(body={"sequence": 1})
    return paper_books.wrong(_paper(json.dumps(made).encode()), body, _shelf(), ZONE, lambda _jti: order)


def _set(*path: str | int, to: Any) -> Callable[[Document], None]:
    def change(made: Document) -> None:
        place: Any = made
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = to

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda made: made["ledger"].pop(),
        _set("ledger", 0, "amount", to="-0.005"),
        _set("ledger", 1, "balance", to="8.00"),
        _set("balance", "opening", to="2.996"),
        _set("balance", "closing", to="8.00"),
        _set("total", "exact", to="4.995"),
        _set("total", "rounding", to="0.003"),
        _set("total", "rounded", to="4.99"),
        _set("charges", "exact", to="0.00"),
        _set("quantities", 0, "wh", to=11),
        _set("quantities", to=[]),
        _set("top_ups", to=[]),
    ],
)
def test_a_statement_is_added_up_again(change: Callable[[Document], object]) -> None:
    """S0-01, S3-09: a good one passes; a line, a sum, a quantity or a rounding that is not the ledger's is named."""
    made = _statement()
    assert _judged(made) == ""
    change(made)
    assert _judged(made) != ""


def test_francs_paid_in_cash_are_rounded_to_five_rappen() -> None:
    """S0-01: a statement that was asked for like that, and only that one."""
    assert _judged(_statement(), BODY | {"five_rappen": True}) == ""
    made = _statement() | {"total": {"exact": "4.996", "rounding": "-0.006", "rounded": "4.99"}}
    assert "total" in _judged(made, BODY | {"five_rappen": True})


def test_a_register_of_top_ups_names_each_sale() -> None:
    """S0-17: amount, balance, its own number, the sum."""
    body = BODY | {"kind": "topups"}
    row: Document = {"seq": 3, "sequence": 1, "amount": "5.00", "balance": "7.996"}
    good: Document = {"rows": [row], "total": "5.00"}
    assert _judged(good, body) == ""
    for wrong in ({"rows": [], "total": "0.00"}, good | {"total": "4.00"}):
        assert _judged(wrong, body) != ""
    for name, value in (("sequence", 2), ("amount", "6.00"), ("balance", "5.00")):
        assert _judged({"rows": [row | {name: value}], "total": "5.00"}, body) != ""


def _evidence(shelf: Shelf) -> list[dict[str, Any]]:
    rows = [{"seq": seq, "hash": shelf.hashes[seq], "body": shelf.bodies[seq - 1]} for seq in (2, 3)]
    return [{"before": shelf.hashes[1]}, *rows, {"seq": 4, "hash": shelf.hashes[4]}]


def test_evidence_is_the_chain_and_shows_no_neighbour() -> None:
    """S2-12: every row of the time with its hash; another holder's by number and hash alone."""
    shelf, body = _shelf(), BODY | {"kind": "evidence"}
    good = _evidence(shelf)

    def judged(lines: list[dict[str, Any]]) -> str:
        content = b"\n".join(json.dumps(line).encode() for line in lines)
        return paper_books.wrong(_paper(content, "x.jsonl"), body, shelf, ZONE, lambda _jti: None)

    assert judged(good) == ""
    shown = copy.deepcopy(good)
    shown[3]["body"] = shelf.bodies[3]
    assert "another's" in judged(shown)
    other = copy.deepcopy(good)
    other[2]["hash"] = "0" * 64
    for wrong in (
        good[:3],
        [good[0], *good[2:]],
        [good[0], *good[1:], good[1]],
        other,
        [{"before": "0" * 64}, *good[1:]],
    ):
        assert judged(wrong) != ""


def test_certificates_are_their_rows_to_the_byte() -> None:
    """S2-33: none of the day here, so none may be in it."""
    body = BODY | {"kind": "certificates"}
    assert _judged({"certificates": []}, body) == ""
    assert _judged({"certificates": [{"seq": 2, "row": "", "hash": ""}]}, body) != ""


def _quarters() -> list[dict[str, Any]]:
    """25 October 2026 in Zurich: 100 quarter-hours, one of them not measured."""
    start, end = (midnight_ms(day, ZONE) for day in ("2026-10-25", "2026-10-26"))
    found = []
    for at_ms in range(start, end, 900_000):
        utc = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()
        found.append({"account_id": "A1", "start": utc, "import_wh": 7, "export_wh": 2, "quality": "actual"})
    del found[40]
    return found


def _csv() -> list[str]:
    rows = ["start_utc,start_local,import_kwh,export_kwh,production_kwh,quality"]
    known = {one["start"] for one in _quarters()}
    start, end = (midnight_ms(day, ZONE) for day in ("2026-10-25", "2026-10-26"))
    for at_ms in range(start, end, 900_000):
        at = datetime.fromtimestamp(at_ms / 1000, UTC)
        local = at.astimezone(ZoneInfo(ZONE)).isoformat(timespec="minutes")
        values = "0.007,0.002,,actual" if at.isoformat() in known else ",,,missing"
        rows.append(f"{at.isoformat()},{local},{values}")
    return rows


def _curve(rows: list[str], missing: int = 1) -> str:
    content = ("\r\n".join(rows) + "\r\n").encode()
    paper = _paper(content, "x.csv", "text/csv", rows=len(rows) - 1, missing=missing)
    return paper_curve.wrong(paper, BODY | {"kind": "load_curve"}, _shelf(_quarters()), ZONE)


def test_the_day_of_the_change_has_a_hundred_quarter_hours() -> None:
    """S4-07: none lost, none padded, none invented, each in its own channel under its own hour."""
    good = _csv()
    assert len(good) == 101
    assert _curve(good) == ""
    assert _curve(good[:97]) != ""
    assert _curve([*good[:9], *good[10:], good[-1]]) != ""
    assert _curve([good[0], good[1].replace("0.007,0.002", "0.002,0.007"), *good[2:]]) != ""
    assert _curve([good[0], good[1].replace("+02:00", "+01:00"), *good[2:]]) != ""
    assert _curve([row.replace(",,,missing", "0.000,0.000,,actual") for row in good], missing=0) != ""
    assert _curve(good, missing=0) != ""


def test_a_row_counts_where_its_time_was_known() -> None:
    """docs/documents.md: an undated row with the one before it; none after a later one whose time was proven."""
    rows = [_row(seq, hour, type="event") for seq, hour in ((1, 3), (2, 9), (3, 4), (4, 5))]
    rows[1]["at"]["trust"], rows[2]["at"]["trust"] = "SYNCHRONISED", "UNKNOWN"
    hours = [datetime.fromtimestamp(ms / 1000, UTC).hour for ms in instants(rows)]
    assert hours == [3, 5, 5, 5]


def test_a_seal_is_the_gateways_own() -> None:
    """S2-12: another key, another content, another name, a changed part: none is taken."""
    private, content = Ed25519PrivateKey.from_private_bytes(b"7" * 32), b"text"
    public = _text(private.public_key().public_bytes_raw())
    kid = hashlib.sha256(private.public_key().public_bytes_raw()).hexdigest()[:16]
    claims = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": 4,
        "name": "n",
        "content_type": "t",
        "public": public,
    }
    header = {"alg": "EdDSA", "kid": kid, "typ": "prepaid-document+jws"}
    signed = f"{_text(json.dumps(header).encode())}.{_text(json.dumps(claims).encode())}"
    part = {
        "part": 1, "parts": 1, "name": "n", "content_type": "t", "data": base64.b64encode(content).decode(),
        "sha256": hashlib.sha256(content).hexdigest(), "seal": f"{signed}.{_text(private.sign(signed.encode()))}",
    }  # fmt: skip
    assert opened("j", part, content, public)[1] == ""
    assert opened("j", part, b"Text", public)[0] is None
    assert opened("j", part | {"name": "m"}, content, public)[0] is None
    other = _text(Ed25519PrivateKey.from_private_bytes(b"8" * 32).public_key().public_bytes_raw())
    assert opened("j", part, content, other)[0] is None
    arriving = Arriving()
    assert arriving.take(part) == ""
    assert arriving.whole() == content
    for wrong in (part | {"data": "AAAA"}, part | {"part": 2}, part | {"name": "other"}):
        assert arriving.take(wrong) != ""


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
