"""Bytes: the same in every language, decodable by the published types, and a snapshot that loses nothing."""

import json
from dataclasses import fields, replace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import StoreDamaged
from gateway.prepayment.account import Account, Spending
from gateway.prepayment.calendar import Calendar
from gateway.prepayment.certificate import Certificate, CertificateQuality, CertificateReason
from gateway.prepayment.civil import instant
from gateway.prepayment.events import Hold, HoldKind, Moment, TimeTrust
from gateway.prepayment.intervals import Interval, Quality
from gateway.prepayment.ledger import (
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
from gateway.prepayment.outages import Outage
from gateway.prepayment.rating import Line
from gateway.prepayment.register import Candidate, Case, CaseKind, Register
from gateway.prepayment.supply import SupplyState
from gateway.store import codec, wire
from tests.prepayment.worlds import NANO, at, opened, world

JSON = st.recursive(
    st.text() | st.integers(-(2**53), 2**53) | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('abcdefgh_"\\éß', max_size=6), inner, max_size=5)
    ),
    max_leaves=20,
)
DETAIL = (("limit_w", 495), ("reason", 'zürich ☎ "quoted" \n'), ("cap_nano", 15 * NANO))
LINE = Line("energy", "all", 0, 1200, 0, 389_640_000, "flat@1", estimated=False)
RECORDS: tuple[Record, ...] = (
    Entry(at(), "CH-1", EntryKind.TOP_UP, "CHF", 20 * NANO, 23 * NANO + 1, "jti-1"),
    Entry(
        at(), "CH-1", EntryKind.CHARGE, "CHF", -LINE.amount_nano, -5, "", 1000, 2200, (LINE, replace(LINE, band=None))
    ),
    Transition(
        at(5), "CH-1", SupplyState.GRACE, SupplyState.LIMITED, "grace_over", "p@1", -NANO, "CHF", 7, 495, DETAIL
    ),
    Notice(at(), "CH-1", "low", 9 * NANO, "CHF", DETAIL),
    Receipt(at(), "CH-1", "jti-1", "top_up", 7, VerdictStatus.REFUSED, "wrong_currency", DETAIL),
    Happening(at(), "", "clock.step", DETAIL),
    EpochOpened(at(), "0123456789abcdef", "0" * 64, "0.1.0"),
    Certificate(
        at(), "CH-1", "jti-1", CertificateReason.SWITCH, CertificateQuality.NEAREST, "IT001", "C-1", "case 7", 1, 2,
        "S-1", 3, 4, 5,
    ),
    Certificate(
        at(), "CH-1", "jti-1", CertificateReason.CHECK, CertificateQuality.ACTUAL, "", "", "", None, None, None, None,
        None, None,
    ),
)  # fmt: skip


def independent(value: object) -> bytes:
    """RFC 8785 for what we write: sorted ASCII keys, no spaces, UTF-8, integers."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@given(st.dictionaries(st.text("abcdefgh_", max_size=6), JSON, max_size=6))
def test_canonical_json_is_what_another_implementation_writes(value: dict[str, Any]) -> None:
    """Any value: the bytes equal those of an independent writer of RFC 8785, control characters included."""
    try:
        expected = independent(value)
    except UnicodeEncodeError:
        expected = b""  # a lone surrogate has no UTF-8
    written = codec.canonical(value)
    assert not expected or written == expected
    assert independent(json.loads(written)) == written


def test_text_that_is_not_unicode_cannot_stop_the_journal() -> None:
    """I21: a lone surrogate in a reason becomes a question mark instead of an exception."""
    row = codec.canonical(codec.wire_record(Happening(at(), "CH-1", "x", (("why", "a\ud800b"),))))
    assert json.loads(row)["detail"] == {"why": "a?b"}


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_every_record_is_what_the_published_types_say(record: Record) -> None:
    """The contract: a strict decoder made from the same dataclasses reads each row back, unknown fields refused."""
    place = {"seq": 7, "epoch": "0123456789abcdef", "prev": "0" * 64}
    body = codec.canonical({**codec.wire_record(record), **place})
    decoded = wire.row_decoder().decode(body)
    assert type(decoded).__name__ == type(record).__name__
    assert independent(json.loads(body)) == body
    assert msgspec.json.encode(decoded, order="sorted") == body


def test_every_record_type_is_tested_and_published() -> None:
    """A new kind of record needs a wire form and a row in the test above."""
    assert {type(record) for record in RECORDS} == set(codec.RECORD_TYPES)
    assert set(wire.journal_types()) == set(codec.RECORD_TYPES.values())


def test_money_is_decimal_text_and_time_is_iso() -> None:
    """Decision 1: exact decimal strings without the suffix; instants as ISO 8601 UTC; what is None is left out."""
    body = codec.wire_record(RECORDS[0])
    assert body == {
        "type": "entry",
        "account_id": "CH-1",
        "amount": "20.00",
        "at": {"running_ms": 0, "trust": "AUTHENTICATED", "utc": "2026-03-02T08:00:00.000Z"},
        "balance": "23.000000001",
        "currency": "CHF",
        "kind": "top_up",
        "lines": [],
        "reference": "jti-1",
    }
    assert codec.wire_record(RECORDS[2])["detail"] == {
        "limit_w": 495,
        "reason": 'zürich ☎ "quoted" \n',
        "cap": "15.00",
    }


def test_integers_no_other_language_holds_become_text() -> None:
    """Beyond 2^53 a JSON number would be rounded elsewhere and the hash could not be computed again."""
    record = Happening(at(), "", "x", (("big", 2**60), ("small", 2**53)))
    assert codec.wire_record(record)["detail"] == {"big": str(2**60), "small": 2**53}


def test_a_quarter_hour_on_the_wire() -> None:
    """The interval's published type reads what is stored."""
    body = codec.wire_interval("CH-1", 3, Interval(1_772_438_400_000, 120, None, Quality.ACTUAL))
    assert json.loads(body) == {
        "account_id": "CH-1",
        "import_wh": 120,
        "number": 3,
        "quality": "actual",
        "start": "2026-03-02T08:00:00.000Z",
    }
    msgspec.json.decode(body, type=wire.interval_type())


@pytest.mark.parametrize("utc_ms", [-(10**18), -1, 0, 253_402_300_799_999, 10**18])
def test_no_clock_can_stop_the_journal(utc_ms: int) -> None:
    """I21: an instant no calendar has is written as the nearest one that exists."""
    assert instant(utc_ms).endswith("Z")


NUMBER = st.integers(-(2**62), 2**62)
MOMENT = st.builds(Moment, NUMBER, st.sampled_from(list(TimeTrust)), st.integers(0, 2**62))
TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
ACCOUNTS = st.builds(
    replace,
    st.just(opened()),
    meter_serial=st.none() | TEXT,
    opening_nano=NUMBER,
    top_up_total_nano=NUMBER,
    settled_register_wh=st.none() | NUMBER,
    register=st.builds(
        Register,
        wh=st.none() | NUMBER,
        at=st.none() | MOMENT,
        trouble=TEXT,
        candidate=st.none() | st.builds(Candidate, NUMBER, MOMENT, NUMBER, MOMENT, NUMBER),
        cases=st.lists(
            st.builds(Case, NUMBER, st.sampled_from(list(CaseKind)), NUMBER, NUMBER, NUMBER, MOMENT, MOMENT, NUMBER),
            max_size=2,
        ).map(tuple),
    ),
    unsettled=st.lists(
        st.builds(Line, TEXT, st.none() | TEXT, st.none() | NUMBER, NUMBER, NUMBER, NUMBER, TEXT, st.booleans()),
        max_size=3,
    ).map(tuple),
    spending=st.builds(Spending, st.none() | TEXT, st.none() | NUMBER, st.lists(NUMBER, max_size=7).map(tuple)),
    holds=st.lists(
        st.builds(
            Hold,
            TEXT,
            st.sampled_from(list(HoldKind)),
            st.none() | NUMBER,
            NUMBER,
            st.lists(st.sampled_from(list(SupplyState)), max_size=2).map(tuple),
            TEXT,
            TEXT,
            st.none() | MOMENT,
        ),
        max_size=2,
    ).map(tuple),
    outages=st.lists(st.builds(Outage, TEXT, NUMBER, NUMBER, TEXT, TEXT), max_size=2).map(tuple),
    lockout=st.none() | TEXT,
)


@given(ACCOUNTS)
@settings(max_examples=60)
def test_a_snapshot_gives_the_same_account_back(account: Account) -> None:
    """I19: what is loaded after a crash equals what was saved, to the last field."""
    assert codec.restore(account.account_id, codec.SNAPSHOT_FORMAT, codec.snapshot(account)) == account


def test_a_snapshot_of_a_lived_in_account_comes_back() -> None:
    """The same for an account with months of history in it."""
    household = world(5 * NANO)
    household.use(30_000, 40)
    household.top_up(50 * NANO)
    household.use(3_000, 30)
    assert codec.restore("CH-1", 1, codec.snapshot(household.account)) == household.account


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ('"currency":"CHF"', '"currency":5', "cannot be read"),
        ('"currency":"CHF",', "", "cannot be read"),
        ('"currency":"CHF"', '"currency":"CHF","loan_nano":7', "loan_nano"),
        ('"account_id":"CH-1"', '"account_id":"CH-2"', "CH-2"),
        ("{", "", "cannot be read"),
        ('"state":"NORMAL"', '"state":"FROZEN"', "FROZEN"),
    ],
)
def test_a_snapshot_that_would_lose_something_is_damage(before: str, after: str, complaint: str) -> None:
    """I11: nothing is guessed and nothing dropped; the account and what to do are named."""
    text = codec.snapshot(opened())
    assert before in text
    with pytest.raises(StoreDamaged, match=f"account CH-1.*{complaint}.*supply stays as it is"):
        codec.restore("CH-1", codec.SNAPSHOT_FORMAT, text.replace(before, after, 1))


def test_a_snapshot_of_another_format_is_refused() -> None:
    """A format this version does not know is not read by luck."""
    with pytest.raises(StoreDamaged, match="format 2"):
        codec.restore("CH-1", 2, codec.snapshot(opened()))


def test_a_new_field_with_a_default_needs_no_migration() -> None:
    """An older snapshot that lacks a field with a default is read; the next commit has the field."""
    old = json.loads(codec.snapshot(opened()))
    del old["lockout"]
    assert codec.restore("CH-1", 1, json.dumps(old)) == opened()


def test_a_calendar_is_never_part_of_a_snapshot() -> None:
    """Calendars come from files (Terms): an account must not freeze an old one."""
    assert not any(isinstance(getattr(opened(), field.name), Calendar) for field in fields(Account))
