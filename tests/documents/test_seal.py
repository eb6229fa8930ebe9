"""Seals and evidence: what is accepted is exactly what was made, with this key."""

import pytest

from gateway.documents.evidence import draft
from gateway.documents.key import kid_of, read_public, written
from gateway.documents.seal import CSV, HTML, JSON, JSON_LINES, Document, Draft, sealed
from gateway.documents.verify import verified
from gateway.errors import CommandRefused, NotGenuine
from gateway.prepayment.events import Moment, TimeTrust
from gateway.prepayment.export import DocumentKind
from gateway.prepayment.ledger import EpochOpened, Happening, Receipt, Record, VerdictStatus
from tests.documents.rolls import KEY, OTHER, at, period, quarter, roll

OCTOBER = period("2026-10-01", "2026-11-01", "UTC")
NOON = OCTOBER.from_utc_ms + 12 * 3_600_000
PINNED = KEY.private.public_key()


def records(account_id: str = "CH-1") -> list[Record]:
    """A short life: a start, a step of the clock, a refusal, a neighbour's affair."""
    return [
        EpochOpened(at(NOON), "e1", "0" * 64, "0.1"),
        Happening(at(NOON + 1), "", "clock.step", (("by_ms", 7),)),
        Receipt(at(NOON + 2), account_id, "j1", "power_set", 1, VerdictStatus.REFUSED, "invalid_step"),
        Happening(at(NOON + 3), "CH-2", "switch.opened"),
        Happening(at(NOON + 4), account_id, "switch.closed"),
    ]


def evidence(account_id: str = "CH-1") -> Document:
    """The evidence of that life."""
    rows = roll(records())
    made = draft(rows, [quarter(NOON)], gateway_id="gw-1", account_id=account_id, period=OCTOBER)
    return sealed(made, KEY, "gw-1", at(NOON + 9))


def table(kind: str, content: bytes) -> Document:
    """Any content of a type."""
    name = {CSV: "a.csv", HTML: "a.html", JSON: "a.json"}[kind]
    return sealed(Draft(DocumentKind.LOAD_CURVE, name, kind, content, {"rows": 1}), KEY, "gw-1", at(NOON))


def flips(data: bytes) -> list[bytes]:
    """The same with one byte changed, at every place, in two ways; one byte less and one more."""
    changed = [data[:n] + bytes([data[n] ^ mask]) + data[n + 1 :] for n in range(len(data)) for mask in (1, 0x20)]
    return [*changed, data[:-1], data + b"\n", data + b"x", b" " + data]


def test_evidence_is_accepted_as_it_is_and_with_no_byte_changed() -> None:
    """S2-12, I24: every byte of the file is covered; not one that is flipped, lost or added goes unnoticed."""
    (data,) = evidence().files.values()
    found = verified(data, key=PINNED)
    assert (found.seal.kind, found.rows, found.seal.facts["last_seq"]) == ("evidence", 5, 5)
    for wrong in flips(data):
        for key in (PINNED, None):
            with pytest.raises(NotGenuine):
                verified(wrong, key=key)


def test_a_signature_has_one_spelling() -> None:
    """I3: the unused bits of its last character are no room for a second file that is genuine, too."""
    data, beside = table(CSV, b"a,1\r\n").files.values()
    last = len(beside) - 2
    for other in set(range(256)) - {beside[last]}:
        with pytest.raises(NotGenuine):
            verified(data, beside[:last] + bytes([other]) + beside[last + 1 :], PINNED)


@pytest.mark.parametrize("kind", [JSON, CSV, HTML])
def test_no_byte_of_a_document_or_its_seal_can_be_changed(kind: str) -> None:
    """S0-01: statements, tables and pages are covered like evidence, and so is the file beside them."""
    files = list(table(kind, b'{"total":"1.00"}').files.values())
    data, beside = files[0], files[1] if len(files) > 1 else None
    assert verified(data, beside, PINNED).content == b'{"total":"1.00"}'
    for wrong in flips(data):
        with pytest.raises(NotGenuine):
            verified(wrong, beside, PINNED)
    for wrong in flips(beside or b""):
        if beside is not None:
            with pytest.raises(NotGenuine):
                verified(data, wrong, PINNED)


def test_another_key_is_not_ours_and_says_so() -> None:
    """S2-12: who forges everything, with a key of their own, is found out by the key that was pinned."""
    forged = sealed(Draft(DocumentKind.TOPUPS, "a.json", JSON, b"{}"), OTHER, "gw-1", at(NOON))
    (data,) = forged.files.values()
    assert verified(data).seal.public == OTHER.public, "whole in itself"
    with pytest.raises(NotGenuine, match="another key"):
        verified(data, key=PINNED)
    assert read_public(written(PINNED)).public_bytes_raw() == PINNED.public_bytes_raw()
    assert kid_of(PINNED) == KEY.kid


def test_a_seal_does_not_move_to_another_content_or_place() -> None:
    """S2-12: a good seal beside a good file of another time proves nothing."""
    one, other = (table(CSV, content).files for content in (b"a,1\r\n", b"a,2\r\n"))
    with pytest.raises(NotGenuine, match="content"):
        verified(one["a.csv"], other["a.csv.jws"], PINNED)
    with pytest.raises(NotGenuine, match="no seal"):
        verified(one["a.csv"], None, PINNED)
    loose = sealed(Draft(DocumentKind.STATEMENT, "a.json", JSON, b"{}"), KEY, "gw-1", at(NOON))
    with pytest.raises(NotGenuine, match="not kept like this"):
        verified(b"{}", loose.seal + b"\n", PINNED)


def test_evidence_signed_over_a_journal_that_was_changed_is_not_whole() -> None:
    """I7: the seal alone is not believed; a row changed before the signature breaks the chain."""
    rows = roll(records())
    for bad in (2, 4):
        made = draft(rows, [], gateway_id="gw-1", account_id="", period=OCTOBER)
        lines = made.content.split(b"\n")
        lines[bad] = lines[bad].replace(b"AUTHENTICATED", b"SYNCHRONISED")
        content = b"\n".join(lines)
        forged = sealed(Draft(made.kind, made.name, made.content_type, content, made.facts), KEY, "gw-1", at(NOON))
        with pytest.raises(NotGenuine, match="does not follow"):
            verified(next(iter(forged.files.values())), key=PINNED)
        missing = b"\n".join(lines[:bad] + lines[bad + 1 :])
        forged = sealed(Draft(made.kind, made.name, made.content_type, missing, made.facts), KEY, "gw-1", at(NOON))
        with pytest.raises(NotGenuine, match="is missing"):
            verified(next(iter(forged.files.values())), key=PINNED)


def test_a_neighbours_rows_are_there_by_hash_alone() -> None:
    """S2-12, threat 27: evidence about one account shows nothing of another, and the chain is whole all the same."""
    (data,) = evidence("CH-1").files.values()
    assert b"CH-2" not in data
    assert b"switch.opened" not in data
    assert verified(data, key=PINNED).rows == 5
    (whole,) = evidence("").files.values()
    assert b"switch.opened" in whole


def test_what_was_handed_out_about_a_neighbour_is_the_neighbours() -> None:
    """S2-12, threat 27: who asked for whose data, under which name, is shown to that account alone, or for all."""
    life = [
        *records(),
        Happening(at(NOON + 5), "", "document.asked", (("jti", "j7"), ("kind", "month"), ("account", "CH-2"))),
        Happening(at(NOON + 6), "", "document.month", (("account", "CH-2"), ("month", "2026-10"), ("sha256", "ab"))),
        Happening(at(NOON + 7), "", "document.sent", (("jti", "j7"), ("name", "readings-CH-2-2026-10.csv"))),
        Happening(at(NOON + 8), "", "document.failed", (("jti", "j8"), ("account", "CH-1"), ("reason", "too_large"))),
    ]
    made = draft(roll(life), [], gateway_id="gw-1", account_id="CH-1", period=OCTOBER)
    assert b"CH-2" not in made.content
    assert b"j7" not in made.content
    assert b"too_large" in made.content
    whole = draft(roll(life), [], gateway_id="gw-1", account_id="", period=OCTOBER)
    assert b"readings-CH-2-2026-10.csv" in whole.content


def test_evidence_says_where_to_find_things() -> None:
    """S2-12: commands, refusals and the log of the clock are named by their rows."""
    (data,) = evidence().files.values()
    about = verified(data, key=PINNED).content.split(b"\n")[0]
    for part in (b'"commands":[3]', b'"refusals":[3]', b'"clock":[2]', b'"gateway_id":"gw-1"'):
        assert part in about


def test_the_period_takes_each_row_once_whatever_the_clock_said() -> None:
    """Threat 12: a row whose time nobody knew counts where the last dated one did; periods share out the journal."""
    unknown = Moment(5, TimeTrust.UNKNOWN, 1)
    later = NOON + 40 * 86_400_000
    life = [*records(), Happening(unknown, "CH-1", "meter.silent"), Happening(at(later), "CH-1", "meter.back")]
    november = period("2026-11-01", "2026-12-01", "UTC")
    rows = roll(life)
    assert [item.row.seq for item in rows if OCTOBER.holds(item.utc_ms)] == [1, 2, 3, 4, 5, 6]
    assert [item.row.seq for item in rows if november.holds(item.utc_ms)] == [7]


def test_evidence_of_nothing_or_of_too_much_is_refused() -> None:
    """S2-12: bounded in size, and never an empty file that looks like proof."""
    with pytest.raises(CommandRefused, match="nothing_there"):
        draft([], [], gateway_id="gw-1", account_id="", period=OCTOBER)
    with pytest.raises(CommandRefused, match="too_large"):
        draft(roll(records()) * 5_000, [], gateway_id="gw-1", account_id="", period=OCTOBER)


def test_the_same_document_is_sealed_with_the_same_bytes() -> None:
    """S4-17: signing adds no chance."""
    assert table(CSV, b"x").files == table(CSV, b"x").files


@pytest.mark.parametrize(
    "lines",
    [
        (b'{"before":"00","x":' + b"[" * 3000,),
        (b'{"before":"00"}', b'{"hash":"' + b"0" * 64 + b'","seq":1,"x":' + b"[" * 3000),
        (b'{"before":"00"}', b'{"body":"' + b"[" * 3000 + b'","hash":"' + b"0" * 64 + b'","seq":1}'),
        (b'{"before":"00"}', b'{"body":"{\\"x\\":' + b"[" * 3000 + b'","hash":"' + b"0" * 64 + b'","seq":1}'),
    ],
)
def test_evidence_that_is_nested_without_end_is_refused(lines: tuple[bytes, ...]) -> None:
    """I21: whoever has a key of their own can sign anything; without a pinned key it is read, and told to be wrong."""
    made = Draft(DocumentKind.EVIDENCE, "a.jsonl", JSON_LINES, b"\n".join(lines))
    forged = sealed(made, OTHER, "gw-1", at(NOON))
    with pytest.raises(NotGenuine, match=r"does not say what|cannot be read"):
        verified(next(iter(forged.files.values())))
