"""Rows as documents read them: every kind there is, when each counts, and one that cannot be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.documents.rows import At, body_of, instants
from gateway.errors import CommandRefused
from gateway.prepayment.civil import instant, instant_ms
from gateway.prepayment.events import TimeTrust
from gateway.store import Row
from tests.documents.rolls import roll
from tests.test_contract import RECORDS

TRUSTS = st.sampled_from(list(TimeTrust))
STAMPS = st.lists(st.tuples(st.integers(0, 4_000_000_000_000), TRUSTS), max_size=30)


def stamps(of: list[tuple[int, TimeTrust]]) -> list[At]:
    """Stamps of rows."""
    return [At(instant(utc_ms), trust, 0) for utc_ms, trust in of]


def test_every_kind_of_row_can_be_read() -> None:
    """S2-12: no row of a journal makes evidence impossible."""
    placed = roll(RECORDS)
    assert [item.body.seq for item in placed] == list(range(1, len(RECORDS) + 1))
    assert {item.body.type for item in placed} >= {"entry", "transition", "notice", "receipt", "event", "epoch"}


@pytest.mark.parametrize("body", [b"{}", b"\xff", b'{"type":1}', b"nonsense"])
def test_a_row_that_cannot_be_read_costs_the_document_alone(body: bytes) -> None:
    """Bad input: a refusal that names the row, and no end of the process."""
    with pytest.raises(CommandRefused, match="row_unreadable"):
        body_of(Row(7, "e", "0" * 64, body))


@given(STAMPS)
def test_rows_count_in_their_order_and_proven_time_rules(of: list[tuple[int, TimeTrust]]) -> None:
    """Threats 12, 13: never earlier than the row before; never later than a row after it whose time was proven."""
    found = instants(stamps(of))
    assert found == sorted(found)
    for index, (utc_ms, trust) in enumerate(of):
        if trust.proven:
            assert all(before <= utc_ms for before in found[: index + 1])


def test_a_lie_ahead_is_corrected_by_the_next_proven_row() -> None:
    """Threat 13: a clock that leapt ahead does not move what it wrote into another year once the time is proven."""
    synced, proven, unknown = TimeTrust.SYNCHRONISED, TimeTrust.AUTHENTICATED, TimeTrust.UNKNOWN
    told = [(100, proven), (9_000, synced), (3, unknown), (200, proven), (7, unknown), (150, synced)]
    assert instants(stamps(told)) == [100, 200, 200, 200, 200, 200]


@given(st.integers(0, 253_402_300_799_999))
def test_an_instant_is_read_as_it_was_written(utc_ms: int) -> None:
    """S0-01: no millisecond is lost on the way."""
    assert instant_ms(instant(utc_ms)) == utc_ms
