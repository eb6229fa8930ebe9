"""Which rows of the journal are told to a customer, and in which of the texts."""

from __future__ import annotations

import pytest

from gateway.alerts.occasions import Occasion, read
from gateway.prepayment.ledger import Happening, Notice
from gateway.store.journal import Row
from tests.prepayment.worlds import at
from tests.reference.rows import chained


def row_of(template: str, **detail: str | int) -> Row:
    """A notice as the journal has it."""
    [row] = chained([Notice(at(), "CH-1", template, 5, "CHF", tuple(detail.items()))])
    return row


@pytest.mark.parametrize(
    ("template", "detail", "message"),
    [
        ("limited", {}, "limited"),
        ("limited", {"unpaid": "120.00"}, "limited_arrears"),
        ("restored", {}, "restored"),
        ("restored", {"unpaid": "0.00"}, "restored_arrears"),
        ("suspended", {}, "suspended"),
        ("suspended", {"reconnect": "armed"}, "suspended_armed"),
        ("suspended", {"reconnect": "armed", "unpaid": "120.00"}, "suspended_arrears"),
        ("grace", {"next_state": "LIMITED"}, "grace_limit"),
        ("grace_expiring", {"next_state": "SUSPENDED"}, "expiring"),
        ("low", {}, "low"),
    ],
)
def test_each_notice_has_the_text_of_its_facts(template: str, detail: dict[str, str | int], message: str) -> None:
    """S0-18, S0-19, S1-11: who owes bills is told of bills, who is prepaid of credit, on the same rung."""
    found = read(row_of(template, **detail))
    assert isinstance(found, Occasion)
    assert (found.message, found.account_id, found.seq) == (message, "CH-1", 1)


def test_a_row_that_has_no_text_is_told_to_nobody() -> None:
    """I21: a notice of another version, an event that is nobody's, a row of another shape: no message, and no error."""
    assert read(row_of("of_tomorrow")) is None
    [row] = chained([Happening(at(), "CH-1", "switch.opened")])
    assert read(row) is None
    assert read(Row(row.seq, row.epoch, row.hash, b"[]")) is None
