"""The words that are stored and sent: whoever changes one breaks old journals and every head-end."""

from enum import StrEnum

import pytest

from gateway.prepayment.events import HoldKind, SuspicionCause, TimeTrust
from gateway.prepayment.intervals import Interval, IntervalState, Quality
from gateway.prepayment.ladder import (
    ALL_GUARDS,
    DELINQUENCY,
    OFFLINE_GUARDS,
    ORDER_GUARDS,
    PREPAID,
    UNCONFIRMED_GUARDS,
    Effect,
    Guard,
)
from gateway.prepayment.ledger import GENESIS, EntryKind, VerdictStatus, chain, wire_fact
from gateway.prepayment.policy import DayKind, Initiator, Slots, Term
from gateway.prepayment.posting import PostingKind
from gateway.prepayment.rating import Usage
from gateway.prepayment.register import CaseKind
from gateway.prepayment.supply import SupplyState, SwitchState


@pytest.mark.parametrize(
    ("words", "values"),
    [
        (SupplyState, "NORMAL LOW_CREDIT GRACE LIMITED SUSPENDED TERMINATED REGULAR NOTICED"),
        (SwitchState, "CONNECTED DISCONNECTED READY_FOR_RECONNECTION"),
        (TimeTrust, "UNKNOWN RESTORED SYNCHRONISED AUTHENTICATED"),
        (
            HoldKind,
            (
                "non_disconnectable life_support dispute complaint payment_proof moratorium instalment_plan "
                "field_work outage shared_point"
            ),
        ),
        (SuspicionCause, "fork lost backup"),
        (
            EntryKind,
            (
                "opening top_up top_up_reversal charge resync fee interest compensation indemnity reconstruction "
                "estimate conguaglio setoff adjustment refund bonus"
            ),
        ),
        (
            PostingKind,
            ("fee interest compensation indemnity reconstruction estimate conguaglio setoff adjustment refund"),
        ),
        (VerdictStatus, "applied already_included refused"),
        (Initiator, "local central"),
        (DayKind, "calendar working feriali"),
        (Quality, "actual estimated"),
        (CaseKind, "discontinuity unobserved"),
        (Effect, "inform restore escalate"),
        (
            Guard,
            (
                "rollback_suspected clock_untrusted meter_untrusted policy_missing "
                "offline debt_floor too_early held notice_too_young dwell slot_blocked"
            ),
        ),
    ],
)
def test_the_words_of_rows_and_messages_stay(words: type[StrEnum], values: str) -> None:
    """Decision 7: a journal written today is read in ten years, by programs that know these words and no others."""
    assert [word.value for word in words] == values.split()


@pytest.mark.parametrize(
    ("trust", "dated", "proven"),
    [
        ("UNKNOWN", False, False),
        ("RESTORED", False, False),
        ("SYNCHRONISED", True, False),
        ("AUTHENTICATED", True, True),
    ],
)
def test_what_a_time_is_worth(trust: str, dated: bool, proven: bool) -> None:
    """Decision 16: the kernel's word places consumption; only a signed answer may make anybody's position worse."""
    assert (TimeTrust(trust).dated, TimeTrust(trust).proven) == (dated, proven)


def test_three_holds_protect_somebody() -> None:
    """Decision 11, S2-35: these restore at once; the others only keep things from getting worse."""
    assert {kind.value for kind in HoldKind if kind.protective} == {
        "non_disconnectable",
        "life_support",
        "shared_point",
    }


def test_the_ladder_is_this_table() -> None:
    """I9: rung by rung, and every arrow that makes things worse waits for its guards."""
    arrows = {
        rule.name: (
            " ".join(state.value for state in rule.sources),
            rule.target.value,
            rule.effect.value,
            " ".join(condition.name for condition in rule.when),
        )
        for rule in PREPAID
    }
    post_paid = {rule.name: (" ".join(rule.sources), rule.target.value, rule.effect.value) for rule in DELINQUENCY}
    assert post_paid == {
        "paid": ("NOTICED", "REGULAR", "restore"),
        "paid_restored": ("LIMITED SUSPENDED", "REGULAR", "restore"),
        "protected": ("LIMITED SUSPENDED", "NOTICED", "restore"),
        "noticed": ("REGULAR", "NOTICED", "inform"),
        "ordered_limit": ("NOTICED", "LIMITED", "escalate"),
        "ordered_suspend": ("LIMITED", "SUSPENDED", "escalate"),
        "ordered_suspend_direct": ("NOTICED", "SUSPENDED", "escalate"),
    }
    assert arrows == {
        "restored": ("LIMITED SUSPENDED", "NORMAL", "restore", "RESTORE_MIN CLEAR_OF_LOW"),
        "restored_low": ("LIMITED SUSPENDED", "LOW_CREDIT", "restore", "RESTORE_MIN"),
        "protected": ("LIMITED SUSPENDED", "GRACE", "restore", "PROTECTED"),
        "credit_back": ("GRACE", "NORMAL", "restore", "NOT_NEGATIVE CLEAR_OF_LOW"),
        "credit_back_low": ("GRACE", "LOW_CREDIT", "restore", "NOT_NEGATIVE"),
        "low_cleared": ("LOW_CREDIT", "NORMAL", "restore", "CLEAR_OF_LOW"),
        "credit_gone": ("NORMAL LOW_CREDIT", "GRACE", "inform", "NEGATIVE"),
        "credit_low": ("NORMAL", "LOW_CREDIT", "inform", "LOW"),
        "grace_over": ("GRACE", "LIMITED", "escalate", "NEGATIVE GRACE_OVER CAN_LIMIT"),
        "grace_over_no_limit": ("GRACE", "SUSPENDED", "escalate", "NEGATIVE GRACE_OVER CANNOT_LIMIT CAN_DISCONNECT"),
        "offline_debt_cap": ("GRACE", "LIMITED", "escalate", "OUT_OF_REACH OFFLINE_DEBT_CAP CAN_LIMIT"),
        "unconfirmed_debt_cap": ("GRACE", "LIMITED", "escalate", "NOT_CONFIRMED TWICE_OFFLINE_CAP CAN_LIMIT"),
        "limit_over": ("LIMITED", "SUSPENDED", "escalate", "NEGATIVE LIMIT_OVER CAN_DISCONNECT"),
    }


def test_the_guards_of_each_escalation() -> None:
    """Decisions 11 and 12: every guard, but where neither clock nor head-end can be asked money alone bounds it."""
    of_rules = {rule.name: rule.guards for rule in PREPAID if rule.effect is Effect.ESCALATE}
    assert of_rules == {
        "grace_over": ALL_GUARDS,
        "grace_over_no_limit": ALL_GUARDS,
        "offline_debt_cap": OFFLINE_GUARDS,
        "unconfirmed_debt_cap": UNCONFIRMED_GUARDS,
        "limit_over": ALL_GUARDS,
    }
    assert set(ALL_GUARDS) == set(Guard) - {Guard.DEBT, Guard.TERMS}
    assert {rule.guards for rule in DELINQUENCY if rule.effect is Effect.ESCALATE} == {ORDER_GUARDS}
    assert set(ORDER_GUARDS) == set(Guard) - {Guard.NOTICE}
    assert set(OFFLINE_GUARDS) == {Guard.METER, Guard.HOLD, Guard.NOTICE, Guard.DWELL}
    assert set(UNCONFIRMED_GUARDS) == {Guard.METER, Guard.HOLD}
    assert all(not rule.guards for rule in PREPAID if rule.effect is not Effect.ESCALATE)


def test_what_is_not_said_means_the_least() -> None:
    """A term, a slot, a usage or a load curve left out is empty, the whole day, nothing used."""
    assert Term() == Term(duration_ms=None, days=None, day_kind=DayKind.CALENDAR)
    assert Slots() == Slots((), False, False, 0, 1440, (), (), 0)
    assert Usage() == Usage(0, 0, 0, 0, None, 0, None, None, None)
    assert IntervalState() == IntervalState(None, 0, None, 0, 0, False)
    assert Interval(0, 1, None, Quality.ACTUAL).export_wh is None


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("cap_nano", 1_500_000_000, ("cap", "1.50")),
        ("cap_nano", "1.50 CHF", ("cap_nano", "1.50 CHF")),
        ("ends_utc_ms", 0, ("ends", "1970-01-01T00:00:00.000Z")),
        ("ends_utc_ms", "soon", ("ends_utc_ms", "soon")),
        ("utc_ms", 5, ("utc_ms", 5)),
        ("running_ms", 5, ("running_ms", 5)),
        ("wh", 12, ("wh", 12)),
        ("reason", "held", ("reason", "held")),
    ],
)
def test_facts_are_written_for_people(name: str, value: str | int, told: tuple[str, str | int]) -> None:
    """Money as decimal text and instants as ISO 8601, without the suffix; everything else as it is (decision 1)."""
    assert wire_fact(name, value) == told


def test_the_chain_is_plain_sha_256() -> None:
    """I7: over the 32 bytes of the hash before and the row; the first row follows 64 zeros."""
    first = chain(GENESIS, b"{}")
    assert GENESIS == "0" * 64
    assert first == "fb1634c4e6cd4b1f1afe3ce2d6ef080f7ac5d1f357d723ad4dfca782733b62db"
    assert chain(first, b"{}") != first
