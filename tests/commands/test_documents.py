"""What a document's command asks for, and the days that a command may name."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest

from gateway.commands.claims import Command, Reason, Said
from gateway.commands.documents import DocumentBody, document
from gateway.commands.envelope import Envelope
from gateway.commands.fieldwork import MeterTestEndBody
from gateway.commands.order import to_event
from gateway.errors import CommandRefused
from gateway.prepayment.agenda import MeterTestOutcome
from gateway.prepayment.events import Moment, TimeTrust
from gateway.prepayment.export import Channel, DocumentAsked, DocumentKind, Form, Locale, Resolution
from gateway.prepayment.operations import MeterTestEnded

AT = Moment(1_772_366_400_000, TimeTrust.AUTHENTICATED, 7)
SAID = Said(AT, "d-1", "utility")
FIRST, LAST = date(2026, 1, 1), date(2026, 2, 1)


def test_each_field_of_a_document_lands_where_it_belongs() -> None:
    """I14, S4-07, S0-17: what was signed is what is made; what was not said has its usual value."""
    body = DocumentBody(
        DocumentKind.LOAD_CURVE, FIRST, LAST, "CH-1", Resolution.DAY, (Channel.EXPORT,), Form.HTML, Locale.DE_CH,
        five_rappen=True,
    )  # fmt: skip
    asked = DocumentAsked(
        AT, "d-1", "CH-1", DocumentKind.LOAD_CURVE, FIRST, LAST, Resolution.DAY, (Channel.EXPORT,), Form.HTML,
        Locale.DE_CH, five_rappen=True,
    )  # fmt: skip
    assert document(body, SAID) == asked
    plain = document(DocumentBody(DocumentKind.EVIDENCE, FIRST, LAST), SAID)
    usual = DocumentAsked(AT, "d-1", "", DocumentKind.EVIDENCE, FIRST, LAST)
    assert plain == usual
    assert (usual.resolution, usual.channels, usual.form, usual.locale, usual.five_rappen) == (
        Resolution.QUARTER, (), None, Locale.IT_CH, False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("account", "good"),
    [("", True), ("CH-1", True), ("a" * 64, True), ("a" * 65, False), ("-a", False), ("CH-1\n", False), ("a b", False)],
)
def test_a_document_is_of_an_account_or_of_the_whole_gateway(account: str, good: bool) -> None:
    """I24: an id as accounts have them, or none at all."""
    raw = {"kind": "evidence", "from_day": "2026-01-01", "to_day": "2026-02-01", "account_id": account}
    try:
        assert msgspec.convert(raw, DocumentBody).account_id == account
    except msgspec.ValidationError:
        assert not good
    else:
        assert good


@pytest.mark.parametrize(
    ("day", "good"),
    [
        (date(1969, 12, 31), False),
        (date(1970, 1, 1), True),
        (date(9998, 12, 31), True),
        (date(9999, 1, 1), False),
    ],
)
def test_a_day_that_every_calendar_shows(day: date, good: bool) -> None:
    """I21, I24: the day of a test of the meter lies where every time zone has a day before and after it."""
    body = MeterTestEndBody("a", "t-1", day, MeterTestOutcome.CORRECT, "M. R.")
    order = Envelope(Command.METER_TEST_END, "j-1", "utility", 4, 1, 1_772_366_400, None, "k1", body, None)
    if good:
        event = to_event(order, AT)
        assert isinstance(event, MeterTestEnded)
        assert event.test_on == day.isoformat()
        return
    with pytest.raises(CommandRefused) as refused:
        to_event(order, AT)
    assert (refused.value.reason, refused.value.detail["day"]) == (Reason.BAD_PAYLOAD, day.isoformat())
    assert "1970" in str(refused.value.detail["hint"])
