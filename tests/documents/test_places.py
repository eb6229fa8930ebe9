"""Where evidence says to look, what a page shows where there is nothing, and books that do not add up."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.__main__ import main
from gateway.documents.evidence import draft
from gateway.documents.key import NAME, SET_ASIDE_MAX, load_or_make
from gateway.documents.rows import Placed
from gateway.documents.seal import Document
from gateway.documents.statement import draft as statement_draft
from gateway.documents.statement import statement
from gateway.documents.verify import verified
from gateway.errors import CommandRefused, StoreError
from gateway.prepayment.certificate import Certificate, CertificateQuality, CertificateReason
from gateway.prepayment.events import Detail, Reading
from gateway.prepayment.export import DocumentKind, Form, Locale
from gateway.prepayment.ledger import Entry, EntryKind, EpochOpened, Happening, Record, Transition
from gateway.prepayment.rating import Line
from gateway.prepayment.supply import SupplyState
from tests.counter import opening
from tests.documents.rolls import KEY, OTHER, at, period, roll
from tests.documents.test_maker import HOUR_MS, House, told
from tests.documents.test_seal import evidence
from tests.prepayment.worlds import NANO, opened, tariff

OCTOBER = period("2026-10-01", "2026-11-01", "UTC")
NOON = OCTOBER.from_utc_ms + 12 * HOUR_MS
CERTIFIED = Certificate(
    at(NOON + 9), "CH-1", "c1", CertificateReason.BILLING, CertificateQuality.ACTUAL, "", "", "", NOON, NOON, "S1", 7,
    None, None,
)  # fmt: skip


def page(document: Document) -> str:
    """The text of a page that was made, its seal checked."""
    files = list(document.files.values())
    return verified(files[0], files[1], KEY.private.public_key()).content.decode()


def test_evidence_names_the_rows_of_each_kind() -> None:
    """S2-12, I24: entries, changes of rung, certificates, keys and refused messages are found by their rows."""
    life: list[Record] = [
        EpochOpened(at(NOON), "e1", "0" * 64, "0.1"),
        Entry(at(NOON + 1), "CH-1", EntryKind.TOP_UP, "CHF", 20, 40, "jti"),
        Transition(at(NOON + 2), "CH-1", SupplyState.NORMAL, SupplyState.LOW_CREDIT, "low", "p@1", 5, "CHF", 20, 495),
        Happening(at(NOON + 3), "", "device.key", (("public", "abc"),)),
        Happening(at(NOON + 4), "CH-1", "reading.certified", (("wh", 7),)),
        Happening(at(NOON + 5), "", "headend.refused", (("reason", "signature"),)),
        Happening(at(NOON + 6), "", "headend.junk", (("malformed", 3),)),
        Happening(at(NOON + 7), "", "clock.step", (("by_ms", 7),)),
        Happening(at(NOON + 8), "CH-1", "switch.opened"),
        CERTIFIED,
    ]
    made = draft(roll(life), [], gateway_id="gw-1", account_id="CH-1", period=OCTOBER)
    about = json.loads(made.content.split(b"\n")[0])
    found = json.dumps(about)
    for place in (
        '"entries": [2]', '"transitions": [3]', '"keys": [4]', '"certificates": [5, 10]', '"refusals": [6, 7]',
        '"clock": [8]', '"commands": []',
    ):  # fmt: skip
        assert place in found, place


def test_a_page_of_a_month_without_a_sale_says_so(tmp_path: Path) -> None:
    """S0-03: nothing was sold: the page says none and shows no empty table."""

    async def story(house: House) -> None:
        await house.live(hours=5)
        house.counter.clock.advance(40 * 24 * HOUR_MS)
        text = page(await house.make(DocumentKind.STATEMENT, form=Form.HTML, locale=Locale.EN_GB))
        assert "<p>none</p>" in text

    told(tmp_path, story)


def test_what_a_cent_would_hide_is_shown_and_days_are_days(tmp_path: Path) -> None:
    """S0-03, decision 1: an amount with more digits than a cent keeps them all; standing charges are told in days."""

    async def story(house: House) -> None:
        terms = tariff(standing_nano_per_day=123_456_789, vat_ppm=81_000, prices_include_vat=False)
        third = replace(opening("CH-3", "m3"), at=house.counter.clock.now(), tariff=terms)
        teller = house.counter.teller
        await teller.open_account(third)
        for hour in range(50):
            await teller.post("CH-3", Reading(house.counter.clock.advance(HOUR_MS), 7 * hour))
        house.counter.clock.advance(40 * 24 * HOUR_MS)
        asked = house.asked(DocumentKind.STATEMENT, form=Form.HTML, locale=Locale.EN_GB, account_id="CH-3")
        text = page(await house.maker.make(asked))
        assert "3 days" in text
        assert "0.370370367\u00a0CHF" in text

    told(tmp_path, story)


def entry(utc_ms: int, kind: EntryKind, amount_nano: int, balance_nano: int) -> Entry:
    """A line of the ledger."""
    return Entry(at(utc_ms), "CH-1", kind, "CHF", amount_nano, balance_nano, "r")


def placed(*entries: Record) -> list[Placed]:
    """As the journal has them."""
    return roll(entries)


def test_books_whose_balance_is_not_their_sum_make_no_statement() -> None:
    """S0-01, I2: a statement is refused with both balances rather than made of rows that do not add up."""
    good = [entry(NOON, EntryKind.TOP_UP, 5 * NANO, 5 * NANO), entry(NOON + 1, EntryKind.TOP_UP, NANO, 6 * NANO)]
    made = statement(placed(*good), opened(), OCTOBER)
    assert (made.opening_nano, made.closing_nano) == (0, 6 * NANO)
    wrong = [good[0], replace(good[1], balance_nano=7 * NANO)]
    with pytest.raises(CommandRefused, match="books_do_not_add_up") as refusal:
        statement(placed(*wrong), opened(), OCTOBER)
    assert dict(refusal.value.detail) == {"opening_nano": 0, "closing_nano": 7 * NANO}


def test_a_month_in_which_nothing_was_booked_closes_as_it_opened() -> None:
    """S0-01: statements follow each other without a gap, also through a month without a line."""
    before = OCTOBER.from_utc_ms - HOUR_MS
    made = statement(placed(entry(before, EntryKind.TOP_UP, 5 * NANO, 5 * NANO)), opened(), OCTOBER)
    assert (made.opening_nano, made.closing_nano, made.ledger) == (5 * NANO, 5 * NANO, ())
    empty = statement([], opened(), OCTOBER)
    assert (empty.opening_nano, empty.closing_nano) == (0, 0)


def test_a_charge_by_a_tariff_that_the_account_has_no_more_keeps_its_tax() -> None:
    """S0-01: what VAT came to is a sum of rows; its rate is said only while the account still has that version."""
    line = Line("vat", "all", 0, 0, 0, 81, "old@1", estimated=False)
    charge = Entry(at(NOON), "CH-1", EntryKind.CHARGE, "CHF", -81, -81, "", 10, 20, (line,))
    typed = replace(entry(NOON + 1, EntryKind.TOP_UP, 5, -76), detail=(("reference", "P-1"),))
    found = json.loads(statement_draft(statement(placed(charge, typed), opened(), OCTOBER)).content)
    assert found["tariffs"] == [{"tariff": "old@1", "vat": "0.000000081"}]
    assert [row.get("detail") for row in found["ledger"]] == [None, {"reference": "P-1"}]


async def silent(_what: str, _detail: Detail) -> None:
    """Puts nothing on record."""


def test_keys_that_rot_again_and_again_are_not_replaced_for_ever(tmp_path: Path) -> None:
    """Threat 7, I20: each damaged key is kept under a number of its own, and there is an end to the numbers."""
    for number in range(1, SET_ASIDE_MAX + 1):
        (tmp_path / NAME).write_bytes(b"rot")
        asyncio.run(load_or_make(tmp_path, silent))
        assert (tmp_path / f"{NAME}.damaged-{number}").read_bytes() == b"rot"
    (tmp_path / NAME).write_bytes(b"rot")
    with pytest.raises(StoreError, match=f"{SET_ASIDE_MAX} such files lie beside it already: look at them and remove"):
        asyncio.run(load_or_make(tmp_path, silent))
    assert (tmp_path / NAME).read_bytes() == b"rot"


def test_verify_counts_rows_and_prints_what_was_sealed(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """S2-12: evidence is told with its unbroken rows; `--print` gives the sealed content alone, byte for byte."""
    ((name, data),) = evidence().files.items()
    file = tmp_path / name
    file.write_bytes(data)
    public = KEY.public
    assert main(["verify", str(file), "--key", public]) == 0
    assert b"5 rows of the journal, unbroken\nGENUINE: signed by the key given\n" in capfdbinary.readouterr().out
    content = verified(data, key=KEY.private.public_key()).content
    assert main(["verify", str(file), "--key", public, "--print"]) == 0
    assert capfdbinary.readouterr().out == content
    assert main(["verify", str(file), "--print"]) == 3
    assert capfdbinary.readouterr().out == content


@pytest.mark.parametrize("status", ['{"device_key": 7}', '{"device_key": ""}', '{"online": true}'])
def test_a_status_without_a_key_is_no_key(tmp_path: Path, capsys: pytest.CaptureFixture[str], status: str) -> None:
    """Bad input: the message of a gateway without a key of its own pins nothing."""
    file = tmp_path / "status.json"
    file.write_text(status)
    assert main(["verify", str(tmp_path / "x.json"), "--key", str(file)]) == 78
    assert "the file holds no device_key" in capsys.readouterr().err


def test_a_status_message_pins_the_key_that_it_carries(tmp_path: Path) -> None:
    """S2-12: the retained status of a gateway, saved to a file, is as good as its key; of another gateway it is not."""
    ((name, data),) = evidence().files.items()
    file, status = tmp_path / name, tmp_path / "status.json"
    file.write_bytes(data)
    status.write_text(json.dumps({"online": True, "device_key": KEY.public}))
    assert main(["verify", str(file), "--key", str(status)]) == 0
    status.write_text(json.dumps({"online": True, "device_key": OTHER.public}))
    assert main(["verify", str(file), "--key", str(status)]) == 1
