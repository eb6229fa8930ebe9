"""Credit codes at the head-end: one line of sales with the signed ones, and codes that nobody made are told."""

from pathlib import Path

import pytest

from gateway.commands.creditcode import SEQUENCE_MAX, Credit, Place, decode
from gateway.console import servicekey
from gateway.console.servicekey import Use
from gateway.errors import CommandRefused, ConfigError
from gateway.prepayment.ledger import Receipt, VerdictStatus
from gateway.prepayment.money import NANO
from gateway.reference.book import Book, Pending, Total
from gateway.reference.cli import REFUSED, USAGE, main
from gateway.reference.codes import further, issue, never_made
from tests.prepayment.worlds import at
from tests.reference.rows import chained

KEY = bytes(range(32))
PLACE = Place("gw-1", "CH-1", "CHF")


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """An empty one."""
    return Book(tmp_path / "gw-1-book.json")


def said(code: str) -> Credit:
    """What the gateway reads in it."""
    return decode(KEY, PLACE, code)


def test_a_code_is_the_next_sale(book: Book) -> None:
    """Decision 4: number and lifetime total go on from the book, and the book has them before anybody hears it."""
    assert said(issue(book, PLACE, KEY, "20.00").code) == Credit(1, 20 * NANO)
    assert said(issue(book, PLACE, KEY, "5.50").code) == Credit(2, 25_500_000_000)
    content = book.read()
    assert content.topups == {"CH-1": Total(2, 25_500_000_000)}
    assert content.codes == {"CH-1": [Total(1, 20 * NANO), Total(2, 25_500_000_000)]}


def test_the_last_code_is_printed_again(book: Book) -> None:
    """A code that was misheard is read out again, not sold again; where there is none, that is said."""
    with pytest.raises(ConfigError, match="no code was ever made"):
        issue(book, PLACE, KEY)
    first = issue(book, PLACE, KEY, "20.00")
    assert issue(book, PLACE, KEY).code == first.code
    assert book.read().topups["CH-1"].sequence == 1


def test_an_account_is_sold_in_one_currency(book: Book) -> None:
    """Decision 4: a lifetime total of francs and euros together would be a total of nothing; nothing is booked."""
    first = issue(book, PLACE, KEY, "20.00")
    euros = Place(PLACE.gateway_id, PLACE.account_id, "EUR")
    with pytest.raises(ConfigError, match="CH-1 is sold in CHF, not EUR"):
        issue(book, euros, KEY, "5.00")
    assert book.read().topups["CH-1"] == Total(1, 20 * NANO)
    again = issue(book, euros, KEY)
    assert (again.code, again.currency) == (first.code, "CHF")


@pytest.mark.parametrize("amount", ["", "20.00", "20"])
def test_a_sale_without_an_answer_becomes_a_code(book: Book, amount: str) -> None:
    """I3: the same number and total as the envelope that may still arrive, so only one of them counts."""
    with book.change() as content:
        content.topups["CH-1"] = Total(2, 30 * NANO)
        content.pending["CH-1"] = Pending("j", "t", Total(3, 50 * NANO))
    assert said(issue(book, PLACE, KEY, amount).code) == Credit(3, 50 * NANO)
    assert (book.read().topups["CH-1"], book.read().pending) == (Total(3, 50 * NANO), {})


def test_another_amount_includes_the_sale_without_an_answer(book: Book) -> None:
    """I4: nothing that was paid is lost: the new code's total has the open sale in it."""
    with book.change() as content:
        content.pending["CH-1"] = Pending("j", "t", Total(1, 20 * NANO))
    made = issue(book, PLACE, KEY, "7.00")
    assert said(made.code) == Credit(2, 27 * NANO)
    assert "20.00" in made.said


def test_a_late_answer_does_not_take_the_book_back(book: Book) -> None:
    """I2: the answer to an envelope that comes after a code was sold leaves the book where the code put it."""
    content = book.read()
    content.topups["CH-1"] = Total(5, 90 * NANO)
    further(content, "CH-1", Total(4, 70 * NANO))
    assert content.topups["CH-1"] == Total(5, 90 * NANO)
    further(content, "CH-1", Total(6, 95 * NANO))
    assert content.topups["CH-1"] == Total(6, 95 * NANO)


@pytest.mark.parametrize(("sequence", "amount"), [(SEQUENCE_MAX, "1.00"), (1, "10737418.24"), (1, "1.001")])
def test_what_a_code_cannot_say_is_not_booked(book: Book, sequence: int, amount: str) -> None:
    """Nothing is sold that cannot be read out."""
    with book.change() as content:
        content.topups["CH-1"] = Total(sequence, NANO)
    before = book.path.read_bytes()
    with pytest.raises(CommandRefused, match="code_range"):
        issue(book, PLACE, KEY, amount)
    assert book.path.read_bytes() == before


def test_a_code_that_nobody_made_is_told(book: Book) -> None:
    """Threat 22: who has read a gateway's key can make codes, and the rows give it away."""
    issue(book, PLACE, KEY, "20.00")
    row = {
        "type": "receipt",
        "seq": 9,
        "status": "applied",
        "command": "top_up",
        "account_id": "CH-1",
        "command_id": "code-1-00",
        "detail": {"sequence": 1, "total": "20.00"},
    }
    assert never_made(book, [row]) == []
    forged = {**row, "detail": {"sequence": 2, "total": "900.00"}}
    assert never_made(book, [row, forged]) == ["row 9: CH-1 took a code that was never made here"]
    others = [{**forged, "status": "refused"}, {**forged, "command_id": "a1b2"}, {**forged, "type": "entry"}]
    assert never_made(book, others) == []


def test_the_command_line_makes_the_code_of_this_gateway(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`headend code` derives the gateway's key from the master secret and prints the code alone on standard output."""
    master = tmp_path / "master.key"
    master.write_text("6d" * 32)
    options = [
        "code",
        "CH-1",
        "20.00",
        "--gateway",
        "gw-1",
        "--master",
        str(master),
        "--book",
        str(tmp_path / "b.json"),
    ]
    assert main(options) == USAGE  # others may read the master secret
    master.chmod(0o600)
    assert main(options) == 0
    printed = capsys.readouterr()
    key = servicekey.key_for(servicekey.derive(bytes.fromhex("6d" * 32), "gw-1"), Use.CREDIT)
    assert decode(key, PLACE, printed.out.strip()) == Credit(1, 20 * NANO)
    assert "number 1, lifetime total 20.00 CHF: sold" in printed.err
    assert main([word for word in options if word != "20.00"]) == 0
    again = capsys.readouterr()
    assert again.out == printed.out
    assert "the last code again; nothing was sold" in again.err


def test_verify_tells_codes_that_the_book_never_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Threat 22: an exported journal that is whole may still show that somebody used a forged code."""
    detail = (("sequence", 1), ("total_nano", 20 * NANO))
    receipt = Receipt(at(), "CH-1", "code-1-ab", "top_up", 1, VerdictStatus.APPLIED, "", detail)
    journal = tmp_path / "journal.jsonl"
    journal.write_bytes(b"".join(row.body + b"\n" for row in chained([receipt])))
    book = Book(tmp_path / "b.json")
    with book.change():
        pass
    assert main(["verify", str(journal)]) == 0
    assert main(["verify", str(journal), "--book", str(book.path)]) == REFUSED
    assert "CH-1 took a code that was never made here" in capsys.readouterr().err
    issue(book, PLACE, KEY, "20.00")
    assert main(["verify", str(journal), "--book", str(book.path)]) == 0
