"""Why a notice, a payment or an order is refused, and that a refusal changes nothing (requirements 2.4)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.prepayment.account import Terms
from gateway.prepayment.arrears import ArrearsPaid, Proof
from gateway.prepayment.calendar import Calendar
from gateway.prepayment.events import (
    AccountClosed,
    CloseCause,
    HoldKind,
    HoldSet,
    PolicySet,
    Reading,
    Suspected,
    SuspicionCause,
    Tick,
    TimeTrust,
    TopUp,
)
from gateway.prepayment.ledger import Transition
from gateway.prepayment.supply import Commodity, SupplyState, Voltage
from gateway.prepayment.taken import refused
from tests.delinquency.debtor import ITALY, TERMS, Debtor, debtor, shipped, utc_ms
from tests.prepayment.worlds import NANO, opened, world

S = SupplyState
OPEN_DAY = "2026-04-07"
"""A Tuesday: 3 working days after 31 March are over, and the slot is open from 08:00."""


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        ({"commodity": Commodity.GAS}, "other_commodity_debt", {"commodity": "gas"}),
        ({"currency": "CHF"}, "wrong_currency", {"expected": "EUR", "got": "CHF"}),
        ({"amount_nano": 0}, "invalid_amount", {}),
        ({"notified_on": None}, "incomplete_evidence", {"missing": "notified_on"}),
        ({"proof": Proof.REGISTERED_LETTER}, "incomplete_evidence", {"missing": "sent_on"}),
        ({"notified_on": "2026-03-03"}, "dates_contradict", {"today": "2026-03-02"}),
        ({"notified_on": "2026-02-26"}, "dates_contradict", {"today": "2026-03-02"}),
        ({"sent_on": "2026-02-26"}, "dates_contradict", {"today": "2026-03-02"}),
        ({"due_on": "2026-02-28"}, "dates_contradict", {"today": "2026-03-02"}),
        ({"due_on": "2026-02-27"}, "too_early", {"rule": "due", "not_before": "2026-02-28"}),
        (
            {"final_term_on": "2026-03-11"},
            "final_term_too_short",
            {"rule": "certified_mail", "not_before": "2026-03-12"},
        ),
        (
            {"proof": Proof.REGISTERED_LETTER, "sent_on": "2026-02-27", "final_term_on": "2026-03-13"},
            "final_term_too_short",
            {"rule": "registered_letter", "not_before": "2026-03-14"},
        ),
        (
            {"proof": Proof.UNPROVEN, "final_term_on": "2026-03-18"},
            "final_term_too_short",
            {"rule": "unproven", "not_before": "2026-03-19"},
        ),
        ({"final_term_on": "2040-03-31"}, "calendar_not_covered", {"calendar": "it"}),
    ],
)
def test_a_notice_that_proves_nothing_is_refused(changes: dict[str, Any], reason: str, detail: dict[str, str]) -> None:
    """S1-07, S1-17, 3.1: 15, 10 and 20 days to pay by proof; dates in order, past, in years that are known."""
    home = debtor("it-timoe-2026")
    refusal = home.notice(**changes)
    assert (refusal.reason, dict(refusal.detail)) == (reason, detail)
    assert home.account.arrears == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"final_term_on": "2026-03-12"},
        {"proof": Proof.REGISTERED_LETTER, "sent_on": "2026-02-27", "final_term_on": "2026-03-14"},
        {"proof": Proof.UNPROVEN, "final_term_on": "2026-03-19"},
        {"due_on": "2026-02-26", "final_term_on": "2026-03-12"},
    ],
)
def test_the_least_that_is_enough_is_taken(changes: dict[str, Any]) -> None:
    """3.1: the boundary day itself is legal; the evidence is on record with the first legal day."""
    home = debtor("it-timoe-2026")
    assert home.notice(**changes).reason == ""
    assert home.state is S.NOTICED
    told = home.last("arrears.noticed")
    assert (told["arrears"], told["unpaid_nano"], told["notice_ref"]) == ("a-1", 120 * NANO, "letter 7/2026")
    assert told["legal_from"] == "2026-03-28"


def test_a_notice_needs_proven_time() -> None:
    """Invariant 1 of 2.8: without it no date can be compared with today."""
    home = debtor()
    home.trust = TimeTrust.SYNCHRONISED
    assert home.notice().reason == "clock_untrusted"


def test_only_so_many_claims_are_kept() -> None:
    """I20: eight; a ninth waits until one is paid, and the same id replaces what was known of it."""
    home = debtor()
    reasons = [home.notice(arrears_id=f"a-{number}").reason for number in range(1, 10)]
    assert reasons == [""] * 8 + ["too_many_arrears"]
    assert home.notice(arrears_id="a-3", amount_nano=5 * NANO).reason == ""
    earlier = ({"due_on": "2026-01-30"}, {"final_term_on": "2026-03-30"}, {"notified_on": "2026-03-01"})
    for change in earlier:
        assert home.notice(arrears_id="a-3", amount_nano=5 * NANO, **change).reason == "arrears_exist", (
            "no date is brought forward"
        )
    assert home.notice(arrears_id="a-3", amount_nano=5 * NANO, letter_days=30).reason == ""
    assert home.notice(arrears_id="a-3", amount_nano=5 * NANO, letter_days=29).reason == "arrears_exist"


def _ready(name: str = "estenergy-electricity", **changes: Any) -> Debtor:
    """Noticed, on the first day on which an order is legal, in an open slot."""
    home = debtor(name, **changes)
    home.notice()
    home.stand(OPEN_DAY)
    return home


def test_an_order_in_time_is_carried_out_with_its_evidence() -> None:
    """Invariant 11 of 2.8: policy and version, rule, dates, the reading, the claim, the order's own reference."""
    home = _ready()
    assert home.limit().reason == ""
    row = [record for record in home.records if isinstance(record, Transition)][-1]
    told = dict(row.detail)
    assert (row.policy, row.rule, row.limit_w) == ("estenergy-electricity@1", "ordered_limit", 495)
    assert row.register_wh == 0
    wanted = {
        "command_id": "order-1", "legal_ref": "decision 12/2026", "arrears": "a-1", "unpaid_nano": 120 * NANO,
        "proof": "certified_mail", "due_on": "2026-01-31", "issued_on": "2026-02-27", "notified_on": "2026-03-02",
        "final_term_on": "2026-03-31", "net_nano": 120 * NANO, "legal_from": "2026-04-04", "term": "final_term",
        "dated_on": "2026-03-02", "reading_age_ms": 0,
    }  # fmt: skip
    assert {key: told[key] for key in wanted} == wanted


def _no_limiter() -> Terms:
    return replace(TERMS, can_limit=False)


@pytest.mark.parametrize(
    ("home", "target", "reason", "detail"),
    [
        (debtor, S.LIMITED, "no_notice", {}),
        (_ready, S.SUSPENDED, "not_applicable", {"state": "NOTICED", "needs": "supply_limit"}),
        (lambda: _ready("estenergy-gas", commodity=Commodity.GAS), S.LIMITED, "not_applicable", None),
        (
            lambda: _ready(voltage=Voltage.MV),
            S.LIMITED,
            "not_applicable",
            {"commodity": "electricity", "voltage": "MV"},
        ),
        (lambda: _ready("multiservice"), S.LIMITED, "not_applicable", {"policy": "multiservice"}),
        (lambda: _ready(terms=_no_limiter()), S.LIMITED, "cannot_limit", {}),
        (lambda: _ready(terms=replace(TERMS, can_disconnect=False)), S.SUSPENDED, "no_actuator", {}),
    ],
)
def test_an_order_that_fits_nothing_is_refused(
    home: Any, target: S, reason: str, detail: dict[str, str] | None
) -> None:
    """S1-10, S1-11, S1-13, 2.4: gas, medium voltage, a policy or a meter without the rung, no notice, no switch."""
    made: Debtor = home()
    refusal = made.order(target)
    assert refusal.reason == reason
    assert detail is None or dict(refusal.detail) == detail


@pytest.mark.parametrize(
    "home",
    [
        lambda: _ready(terms=_no_limiter()),
        lambda: _ready(voltage=Voltage.MV),
        lambda: _ready(voltage=Voltage.HV),
        lambda: _ready("estenergy-gas", commodity=Commodity.GAS),
    ],
)
def test_a_supply_that_cannot_be_limited_is_suspended_directly(home: Any) -> None:
    """S1-13, S1-10: the rung is skipped only there."""
    made: Debtor = home()
    assert made.suspend().reason == ""
    assert made.moves()[-1] == ("ordered_suspend_direct", OPEN_DAY)


def test_an_unknown_claim_and_a_state_that_is_there_already() -> None:
    """2.4: an order names a claim with its notice, and a rung below the present one."""
    home = _ready()
    assert home.limit(arrears_id="a-9").reason == "no_arrears"
    assert home.limit().reason == ""
    assert home.limit().reason == "not_applicable"
    home.stand("2026-04-20")
    assert home.suspend().reason == ""
    assert home.suspend().reason == "not_applicable"
    assert home.limit().reason == "not_applicable"


def test_local_accounts_take_no_orders_and_central_ones_no_credit() -> None:
    """Two decision makers (requirements 0.1): neither does the work of the other."""
    w = world()
    home = Debtor(w.account, w.terms, now_ms=w.utc_ms)
    for verdict in (home.notice(currency="CHF"), home.limit()):
        assert (verdict.reason, dict(verdict.detail)) == ("not_applicable", {"initiator": "local"})
    home = debtor()
    assert home.said(PolicySet(home.at(), "p", shipped("it-prepaid"))).reason == "other_initiator"
    assert home.said(PolicySet(home.at(), "p", shipped("it-timoe-2026"))).reason == ""
    top_up = home.said(TopUp(home.at(), "t", 1, NANO, NANO, "EUR", "web"))
    assert (top_up.reason, dict(top_up.detail)) == ("not_applicable", {"initiator": "central"})


def test_no_trusted_clock_no_fresh_reading_no_order() -> None:
    """Invariant 1 of 2.8, requirements 0.10: the order is refused, whatever it proves."""
    home = _ready()
    home.trust = TimeTrust.RESTORED
    assert home.limit().reason == "clock_untrusted"
    home = _ready()
    home.stand(OPEN_DAY, "10:16", look=False)
    assert home.limit().reason == "meter_untrusted"
    home.post(Reading(home.at(), None, defect="nan"))
    assert home.limit().reason == "meter_untrusted"


def test_a_policy_outside_its_validity_or_a_calendar_outside_its_years_carries_nothing_out() -> None:
    """Requirements 0.7 and 4.4: an order is refused `policy_missing`."""
    for policy in (shipped("estenergy-electricity", valid_to="2026-04-06"),):
        home = debtor(policy=policy)
        home.notice()
        home.stand(OPEN_DAY)
        assert home.limit().reason == "policy_missing"
    home = _ready()
    home.terms = replace(TERMS, calendars={"it": Calendar("it", (2025,), frozenset())})
    assert home.limit().reason == "policy_missing"


def test_books_that_may_be_old_escalate_nothing() -> None:
    """Threats 3 and 4: under a suspicion of rollback no order is carried out."""
    home = _ready()
    home.post(Suspected(home.at(), SuspicionCause.FORK, "epoch", 5))
    assert home.limit().reason == "rollback_suspected"


def test_a_gateway_that_was_out_of_reach_too_long_asks_first() -> None:
    """Requirements 2.3: a payment may be waiting at the head-end."""
    home = debtor()
    home.notice()
    home.stand(OPEN_DAY, look=False)
    home.post(Reading(home.at(), 0))
    home.post(Tick(home.at()))
    assert home.limit().reason == "offline"


@pytest.mark.parametrize("kind", [kind for kind in HoldKind if kind is not HoldKind.DISPUTE])
def test_a_hold_set_a_minute_before_keeps_the_order_from_being_carried_out(kind: HoldKind) -> None:
    """S1-08, invariants 1 and 9 of 2.8: each kind blocks both rungs."""
    home = _ready()
    assert home.said(HoldSet(home.at(), "h", "proof-1", kind)).reason == ""
    home.stand(OPEN_DAY, "10:01")
    refusal = home.limit()
    assert (refusal.reason, dict(refusal.detail)) == ("held", {"hold": "proof-1"})


@pytest.mark.parametrize(("disputed", "reason"), [(119, ""), (120, "debt_floor"), (200, "debt_floor")])
def test_a_disputed_amount_never_counts(disputed: int, reason: str) -> None:
    """Invariant 7 of 2.8: 120 claimed, the net must stay above the floor; without arrears nothing is noticed at all."""
    home = _ready()
    home.said(HoldSet(home.at(), "h", "d-1", HoldKind.DISPUTE, amount_nano=disputed * NANO))
    assert home.limit().reason == reason
    assert home.state is (S.LIMITED if reason == "" else S.REGULAR)


def test_a_small_debt_is_no_reason() -> None:
    """3.1: at the floor or below nothing is carried out."""
    base = shipped("estenergy-electricity")
    assert base.delinquency is not None
    policy = replace(base, delinquency=replace(base.delinquency, debt_floor_nano=120 * NANO))
    for amount_nano, reason in ((120 * NANO, "debt_floor"), (120 * NANO + 1, "")):
        home = debtor(policy=policy)
        home.notice(amount_nano=amount_nano)
        home.stand(OPEN_DAY)
        assert home.limit().reason == reason


def test_a_swiss_order_says_that_those_affected_were_heard() -> None:
    """3.3: a formal decision with a hearing, where the policy asks for it."""
    base = shipped("estenergy-electricity")
    assert base.delinquency is not None
    home = debtor(policy=replace(base, delinquency=replace(base.delinquency, hearing_required=True)))
    home.notice()
    home.stand(OPEN_DAY)
    assert home.limit().reason == "no_hearing"
    assert home.limit(affected_heard=True).reason == ""


def test_a_payment_names_a_claim_its_currency_and_what_is_owed() -> None:
    """2.4: a part leaves the rest, all of it restores at once, on a Sunday night and without a clock."""
    home = _ready()
    home.limit()
    home.stand("2026-04-12", "23:30")
    home.trust = TimeTrust.UNKNOWN
    wrong = ArrearsPaid(home.at(), "p", "a-1", "CHF")
    assert home.said(wrong).reason == "wrong_currency"
    assert home.said(replace(wrong, currency="EUR", arrears_id="a-2")).reason == "no_arrears"
    assert home.pay(0) == refused("invalid_amount", arrears="a-1", owed="120.00 EUR")
    assert home.pay(20 * NANO).reason == ""
    assert (home.state, home.account.arrears[0].amount_nano) == (S.LIMITED, 100 * NANO)
    assert home.pay().reason == ""
    assert (home.state, home.account.arrears) == (S.REGULAR, ())
    assert home.moves()[-1][0] == "paid_restored"


def test_who_pays_too_much_is_supplied_again_and_the_excess_is_told() -> None:
    """S1-14, 2.4: paid in full is paid in full; what is too much is in the receipt, and credited nowhere here."""
    home = _ready()
    home.limit()
    balance_nano = home.account.balance_nano
    detail = {"arrears": "a-1", "paid_nano": 120 * NANO, "unpaid_nano": 0, "excess_nano": 5 * NANO}
    assert dict(home.pay(125 * NANO).detail) == detail
    assert dict(home.last("arrears.paid")) == detail
    assert (home.state, home.account.arrears, home.account.balance_nano) == (S.REGULAR, (), balance_nano)


def test_what_is_paid_but_for_the_disputed_part_restores() -> None:
    """2.4: all arrears net of disputed amounts."""
    home = _ready()
    home.limit()
    home.said(HoldSet(home.at(), "h", "d-1", HoldKind.DISPUTE, amount_nano=30 * NANO))
    assert home.state is S.LIMITED
    home.pay(90 * NANO)
    assert home.state is S.REGULAR


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda home: None, "not_applicable"),
        (lambda home: home.limit(), "not_applicable"),
    ],
)
def test_only_a_suspended_supply_ends_for_arrears(prepare: Any, reason: str) -> None:
    """S1-14: before that the contract ends only as the customer asks."""
    home = _ready()
    prepare(home)
    assert home.said(AccountClosed(home.at(), "c", "arrears", CloseCause.DELINQUENCY)).reason == reason
    assert home.said(AccountClosed(home.at(), "c", "moved", CloseCause.CUSTOMER_REQUEST)).reason == ""


def test_a_post_paid_meter_needs_no_switch_and_a_prepaid_one_does() -> None:
    """S0-11, S1-10: a valve is closed where one is fitted."""
    bare = replace(TERMS, can_disconnect=False, calendars={"it": ITALY})
    assert debtor(terms=bare).state is S.REGULAR
    with pytest.raises(AssertionError):
        opened(0, terms=bare, policy=shipped("it-prepaid"), currency="EUR")


def test_the_next_slot_is_named_by_its_instant() -> None:
    """2.4: `slot_blocked` says when to come again; the hours of the slot are local."""
    home = _ready()
    home.stand(OPEN_DAY, "15:00")
    refusal = home.limit()
    assert dict(refusal.detail) == {"next_slot_utc_ms": utc_ms("2026-04-08", "08:00")}
