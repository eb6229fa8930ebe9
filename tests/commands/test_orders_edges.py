"""Commands at the edge of what they may say: the whole refusal, and what the last good value becomes."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from msgspec.structs import replace

from gateway.commands import Command, Reason, Role
from gateway.commands.arrears import ArrearsNoticeBody
from gateway.commands.books import AccountResyncBody, BonusThroughBody
from gateway.commands.claims import Body
from gateway.commands.envelope import Envelope
from gateway.commands.fieldwork import JobAssignBody
from gateway.commands.keys import parse_keys
from gateway.commands.order import at_console, to_event
from gateway.commands.postings import BonusSetBody
from gateway.commands.protection import HoldSetBody, LockoutSetBody
from gateway.errors import CommandRefused, ConfigError
from gateway.prepayment.agenda import JobKind
from gateway.prepayment.arrears import ArrearsNoticed
from gateway.prepayment.events import HoldKind, HoldSet, Moment, TimeTrust
from gateway.prepayment.operations import JobAssigned
from gateway.prepayment.position import Resynced
from gateway.prepayment.posting import BonusSet
from gateway.reference.sign import new_signer
from tests.commands.arrears import ARREARS
from tests.commands.test_orders import AT, HEAD, NOON, POSITION, envelope

DAY = date(2026, 3, 1)
DATED = ("due_on", "issued_on", "sent_on", "notified_on", "final_term_on")


def refused(command: Command, body: Body) -> tuple[str, dict[str, str | int]]:
    """The whole refusal."""
    with pytest.raises(CommandRefused) as refusal:
        to_event(envelope(command, body), AT)
    return refusal.value.reason, refusal.value.detail


def notice(**days: date) -> ArrearsNoticeBody:
    """A notice with every date, some of them changed."""
    body = ARREARS[1][1]
    assert isinstance(body, ArrearsNoticeBody)
    return replace(body, **days)


@pytest.mark.parametrize("day", [date(1970, 12, 31), date(9901, 1, 1)])
@pytest.mark.parametrize("field", DATED)
def test_a_day_of_a_notice_that_cannot_be_counted_from_is_named(field: str, day: date) -> None:
    """S1-07, I20: terms are counted from these days, so there are days on either side of them; the field is named."""
    told = refused(Command.ARREARS_NOTICE, notice(**{field: day}))
    assert told == (Reason.BAD_PAYLOAD, {"field": field, "day": day.isoformat()})


@pytest.mark.parametrize("day", [date(1971, 1, 1), date(9900, 12, 31)])
def test_the_first_and_the_last_day_of_a_notice(day: date) -> None:
    """S1-07, I20: from 1971 to 9900 each date of a notice is taken as it was signed."""
    event = to_event(envelope(Command.ARREARS_NOTICE, notice(**dict.fromkeys(DATED, day))), AT)
    assert isinstance(event, ArrearsNoticed)
    assert {getattr(event.claim, field) for field in DATED} == {day.isoformat()}


def test_what_a_position_says_of_postings_and_bonuses() -> None:
    """S1-16, threat 4: missing numbers are kept in order, each once; a bonus with the last day it was paid for."""
    body = AccountResyncBody(
        "a", "run-run-", "e", 5, HEAD, "CHF",
        replace(POSITION, posting_sequence=9, posting_missing=(8, 1, 8), bonuses=(BonusThroughBody("B-1", DAY),)),
    )  # fmt: skip
    event = to_event(envelope(Command.ACCOUNT_RESYNC, body), AT)
    assert isinstance(event, Resynced)
    assert event.position is not None
    assert (event.position.posting_sequence, event.position.posting_missing) == (9, (1, 8))
    assert event.position.bonuses_through == (("B-1", "2026-03-01"),)


def test_the_window_of_a_job_is_the_one_that_was_signed() -> None:
    """S4-05, I14: the first instant of all is an instant like any other, and not the end of all dates."""
    first = datetime(1970, 1, 1, tzinfo=UTC)
    for begins, ends, window in ((first, first, (0, 0)), (first, NOON, (0, AT.utc_ms)), (NOON, first, (AT.utc_ms, 0))):
        event = to_event(envelope(Command.JOB_ASSIGN, JobAssignBody("a", "w-1", JobKind.INSPECTION, begins, ends)), AT)
        assert event == JobAssigned(AT, "j-1", "w-1", JobKind.INSPECTION, "", *window)


@pytest.mark.parametrize(("last", "total_nano"), [(1, 5 * 10**8), (2, 10**9)])
def test_a_bonus_by_the_day_counts_both_ends(last: int, total_nano: int) -> None:
    """S2-35: a bonus of one day is one day's amount."""
    event = to_event(envelope(Command.BONUS_SET, BonusSetBody("a", "B-1", DAY, date(2026, 3, last), "CHF", "0.5")), AT)
    assert isinstance(event, BonusSet)
    assert event.total_nano == total_nano


@pytest.mark.parametrize("last", [date(2026, 2, 28), date(2026, 2, 27), date(2026, 2, 1)])
def test_a_bonus_that_ends_before_it_begins_is_worth_nothing(last: date) -> None:
    """S2-35: whoever mixes up two days takes no money from the customer, and gives none."""
    event = to_event(envelope(Command.BONUS_SET, BonusSetBody("a", "B-1", DAY, last, "CHF", "0.5")), AT)
    assert isinstance(event, BonusSet)
    assert event.total_nano == 0


@pytest.mark.parametrize(("per_day", "total"), [(None, None), ("0.5", "1.5")])
def test_a_bonus_has_one_amount(per_day: str | None, total: str | None) -> None:
    """S2-35: an amount a day or one in all, never both or neither."""
    body = BonusSetBody("a", "B-1", DAY, DAY, "CHF", per_day, total)
    assert refused(Command.BONUS_SET, body) == (Reason.BAD_PAYLOAD, {"hint": "say either total or per_day"})


def test_the_smallest_dispute_is_a_dispute() -> None:
    """S2-23: what it is about is above zero, by as little as can be said."""
    body = HoldSetBody("a", "h", HoldKind.DISPUTE, amount="0.000000001")
    event = to_event(envelope(Command.HOLD_SET, body), AT)
    assert event == HoldSet(AT, "j-1", "h", HoldKind.DISPUTE, None, 1, set_by="utility")


@pytest.mark.parametrize(("kind", "amount"), [(HoldKind.DISPUTE, "0"), (HoldKind.COMPLAINT, "0.000000001")])
def test_a_dispute_and_no_other_hold_says_an_amount(kind: HoldKind, amount: str) -> None:
    """S2-23: the refusal names the kind, the amount and what would be right."""
    hint = "a dispute says its amount, in the account's currency; no other hold has one"
    told = refused(Command.HOLD_SET, HoldSetBody("a", "h", kind, amount=amount))
    assert told == (Reason.BAD_PAYLOAD, {"kind": kind.value, "amount": amount, "hint": hint})


@pytest.mark.parametrize(("notice_at", "override"), [(NOON, False), (None, True), (NOON, True)])
def test_what_belongs_to_a_dispute_is_no_part_of_another_hold(notice_at: datetime | None, override: bool) -> None:
    """S2-23: the refusal names the kind and where the two fields belong."""
    body = HoldSetBody("a", "h", HoldKind.COMPLAINT, notice_at=notice_at, override=override)
    hint = "notice_at and override belong to a dispute of a reconstruction"
    assert refused(Command.HOLD_SET, body) == (Reason.BAD_PAYLOAD, {"kind": "complaint", "hint": hint})


@pytest.mark.parametrize(("utc_ms", "second"), [(0, 0), (999, 0), (1000, 1), (1_772_366_400_999, 1_772_366_400)])
def test_an_order_of_the_console_bears_its_second_and_no_key(utc_ms: int, second: int) -> None:
    """I14: nobody signed it: issued and over in the same whole second, without challenge and without a key's name."""
    body = LockoutSetBody("CH-1", "work")
    at = Moment(utc_ms, TimeTrust.RESTORED, 77)
    order = at_console(Command.LOCKOUT_SET, body, issuer="console", command_id="x", at=at)
    assert order.envelope == Envelope(Command.LOCKOUT_SET, "x", "console", 77, second, second, None, "", body, None)
    assert (order.challenges, order.present) == (frozenset(), True)


def test_a_key_in_the_name_of_the_gateway_is_refused_where_it_stands() -> None:
    """I14, S0-11: the file, the key, and that it needs another name."""
    with pytest.raises(ConfigError) as error:
        parse_keys(new_signer("k1", "console").public_table(frozenset({Role.TOPUP})), "our-keys.toml")
    assert str(error.value) == 'our-keys.toml: key "k1": issuer: "console" is the gateway itself; another name'
