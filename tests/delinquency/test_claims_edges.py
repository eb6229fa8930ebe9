"""A claim at its edges: the whole of each refusal, all the evidence that a row shows, the dates a policy asks for."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from gateway.prepayment.account import Account, Suspicion
from gateway.prepayment.arrears import Arrears, ArrearsNoticed, ArrearsPaid, Proof
from gateway.prepayment.events import Detail, Moment, SuspicionCause, TimeTrust
from gateway.prepayment.ledger import Happening, Verdict
from gateway.prepayment.policy import Anchor
from gateway.prepayment.position import Position, Resynced
from gateway.prepayment.resync import resync
from gateway.prepayment.supply import Commodity, SupplyState
from gateway.prepayment.taken import Taken, refused
from gateway.prepayment.unpaid import facts, noticed, paid, stated
from tests.delinquency.debtor import ITALY, TERMS, debtor, utc_ms
from tests.delinquency.test_terms_edges import with_rules
from tests.prepayment.worlds import NANO

TODAY = "2026-03-02"
AT = Moment(utc_ms(TODAY), TimeTrust.AUTHENTICATED, 0)
ANEW = "leave it out and give notice anew"
GAS = Commodity.GAS
POST = {"proof": Proof.REGISTERED_LETTER, "sent_on": "2026-02-27", "notified_on": None}
"""A letter of which nobody knows when it was received."""


@cache
def account() -> Account:
    """A household with one claim, a-1, of which it was put in default by certified mail."""
    home = debtor(day=TODAY)
    assert home.notice().reason == ""
    return home.account


def claim(**changes: Any) -> Arrears:
    """The claim as its notice told it, but for what is said."""
    return replace(account().arrears[0], **changes)


def notice(to: Account, one: Arrears, terms: Any = TERMS) -> Taken | Verdict:
    """What becomes of the notice today."""
    return noticed(to, ArrearsNoticed(AT, "n-2", "EUR", one), terms)


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        ({"commodity": GAS}, "other_commodity_debt", {"commodity": "gas"}),
        ({"amount_nano": 0}, "invalid_amount", {}),
        ({"notified_on": None}, "incomplete_evidence", {"missing": "notified_on"}),
        ({**POST, "sent_on": None}, "incomplete_evidence", {"missing": "sent_on"}),
        ({"due_on": "2026-02-28"}, "dates_contradict", {"today": TODAY}),
        ({"notified_on": "2026-03-03"}, "dates_contradict", {"today": TODAY}),
        ({"sent_on": "2026-02-28", "notified_on": "2026-03-03"}, "dates_contradict", {"today": TODAY}),
        ({"due_on": "2026-02-27"}, "too_early", {"rule": "due", "not_before": "2026-02-28"}),
        (
            {"final_term_on": "2026-03-11"},
            "final_term_too_short",
            {"rule": "certified_mail", "not_before": "2026-03-12"},
        ),
    ],
)
def test_a_claim_that_comes_back_is_refused_like_its_notice(
    changes: dict[str, Any], reason: str, detail: dict[str, str]
) -> None:
    """2.4: in a resync as in a notice; the resync's refusal says which claim, what about it, and what helps."""
    bad = claim(arrears_id="a-2", **changes)
    assert stated(account(), (claim(), bad), AT) == refused(reason, arrears="a-2", **detail, hint=ANEW)
    assert notice(account(), bad) == refused(reason, **detail)


def test_the_least_of_a_claim_is_a_claim() -> None:
    """2.4: one nano, received today, with the shortest final term; and none at all is no claim too many."""
    least = claim(amount_nano=1, notified_on=TODAY, final_term_on="2026-03-12")
    assert stated(account(), (least, replace(least, arrears_id="a-2")), AT) is None
    assert stated(account(), (least, least), AT) == refused("arrears_exist", hint="each claim once")
    assert stated(account(), (), AT) is None


def test_no_day_lies_ahead_of_a_clock_that_proves_nothing() -> None:
    """Threat 3: of two clocks that say 1970, only the one that is proven holds a claim up."""
    for trust, answer in (
        (TimeTrust.UNKNOWN, None),
        (TimeTrust.AUTHENTICATED, refused("dates_contradict", arrears="a-1", today="1970-01-01", hint=ANEW)),
    ):
        assert stated(account(), (claim(),), Moment(0, trust, 0)) == answer


def test_a_resync_asks_of_each_claim_what_its_notice_asked() -> None:
    """2.4, threat 4: it is no way around the terms of a notice, and takes claims that show what they must."""
    suspect = replace(account(), suspicion=Suspicion(SuspicionCause.FORK, AT, 5))
    known = Position(0, AT.utc_ms, 0, 0, 0, 0, 0, SupplyState.NOTICED, 1_000)

    def answer(*claims: Arrears) -> Taken | Verdict:
        order = Resynced(AT, "r-1", "run-1", "epoch", 9, "ab" * 32, "EUR", replace(known, arrears=claims))
        return resync(suspect, order)

    assert isinstance(answer(claim()), Taken)
    assert isinstance(answer(), Taken)
    assert answer(claim(amount_nano=0)) == refused("invalid_amount", arrears="a-1", hint=ANEW)


@pytest.mark.parametrize(
    ("commodity", "rules", "needed"),
    [
        (Commodity.ELECTRICITY, {}, False),
        (Commodity.ELECTRICITY, {"notified_limited_days": 1}, True),
        (Commodity.ELECTRICITY, {"notified_other_days": 1}, True),
        (Commodity.ELECTRICITY, {"notified_gas_days": 1}, False),
        (GAS, {"notified_gas_days": 1}, True),
        (GAS, {"notified_limited_days": 1, "notified_other_days": 1}, False),
        (Commodity.ELECTRICITY, {"anchor": Anchor.NOTICE}, False),
        (Commodity.ELECTRICITY, {"anchor": Anchor.NOTICE, "suspend_after_days": 1}, True),
        (Commodity.ELECTRICITY, {"suspend_after_days": 1}, False),
    ],
)
def test_the_day_of_the_notification_is_asked_for_where_a_term_counts_from_it(
    commodity: Commodity, rules: dict[str, Any], needed: bool
) -> None:
    """3.1, S1-07: of its commodity, limited first or not, from one day on; a letter's own term counts from sending."""
    none = {"notified_limited_days": 0, "notified_other_days": 0, "notified_gas_days": 0, "suspend_after_days": 0}
    home = with_rules(account(), **{**none, "anchor": Anchor.DUE, **rules})
    home = replace(home, commodity=commodity)
    one = claim(arrears_id="a-2", commodity=commodity, **POST)
    answer = notice(home, one)
    if needed:
        assert answer == refused("incomplete_evidence", missing="notified_on")
    else:
        assert isinstance(answer, Taken)
    assert isinstance(notice(home, replace(one, notified_on=TODAY)), Taken)
    assert notice(home, replace(one, proof=Proof.CERTIFIED_MAIL)) == refused(
        "incomplete_evidence", missing="notified_on"
    )


@pytest.mark.parametrize("dated", [{}, {"sent_on": "2026-02-28"}, POST])
def test_the_row_of_a_notice_shows_all_its_evidence(dated: dict[str, Any]) -> None:
    """2.8, 11: every date there is, what the letter names, and from which day on by which rule one may ask."""
    one = claim(arrears_id="a-2", letter_days=30, invoices=("i-1", "i-2"), **dated)
    taken = notice(account(), one)
    assert isinstance(taken, Taken)
    days = (("sent_on", one.sent_on), ("notified_on", one.notified_on))
    shown: Detail = tuple((name, day) for name, day in days if day is not None)
    evidence: Detail = (
        ("arrears", "a-2"), ("unpaid_nano", 120 * NANO), ("proof", one.proof.value), ("due_on", "2026-01-31"),
        ("issued_on", "2026-02-27"), *shown, ("final_term_on", "2026-03-31"), ("letter_days", 30),
        ("invoices", "i-1 i-2"), ("notice_ref", "letter 7/2026"),
    )  # fmt: skip
    legal = (("legal_from", "2026-04-04"), ("rule", "final_term"))
    assert facts(one) == evidence
    assert taken.verdict.detail == legal
    after = taken.change(account())
    assert after.arrears == (*account().arrears, one)
    assert taken.told(account(), after) == (Happening(AT, "CH-1", "arrears.noticed", (*evidence, *legal)),)


def test_a_claim_that_is_known_is_named_with_what_is_owed_of_it() -> None:
    """2.4, I3: more under the same id, or a date brought forward, is refused by the name of the claim."""
    grown = "a claim only falls: what comes on top is a claim with an id of its own"
    more = claim(amount_nano=120 * NANO + 1)
    assert notice(account(), more) == refused("arrears_exist", arrears="a-1", owed="120.00 EUR", hint=grown)
    assert isinstance(notice(account(), claim(amount_nano=120 * NANO)), Taken)
    assert notice(account(), claim(final_term_on="2026-03-30")) == refused("arrears_exist", arrears="a-1")


@pytest.mark.parametrize(("before", "after", "taken"), [(None, "2026-02-28", True), ("2026-02-28", None, False)])
def test_a_notice_given_again_may_add_a_day_and_leaves_none_out(
    before: str | None, after: str | None, taken: bool
) -> None:
    """2.4: a day that was not known is no day brought forward; one that was known is not forgotten."""
    home = replace(account(), arrears=(claim(sent_on=before),))
    answer = notice(home, claim(sent_on=after))
    assert isinstance(answer, Taken) if taken else answer == refused("arrears_exist", arrears="a-1")


def test_the_calendar_knows_every_year_to_the_first_legal_day() -> None:
    """Requirements 4.4: also where that day comes of calendar days, which need no holidays to be counted."""
    late = {
        "due_on": "2026-11-01",
        "issued_on": "2026-12-01",
        "notified_on": "2026-12-02",
        "final_term_on": "2026-12-14",
    }
    home = replace(with_rules(account(), notified_limited_days=30), arrears=())
    then = Moment(utc_ms("2026-12-03"), TimeTrust.AUTHENTICATED, 0)
    order = ArrearsNoticed(then, "n-2", "EUR", claim(**late))
    uncovered = refused("calendar_not_covered", calendar="it")
    assert noticed(home, order, replace(TERMS, calendars={"it": replace(ITALY, years=(2026,))})) == uncovered
    assert noticed(home, order, replace(TERMS, calendars={})) == uncovered
    taken = noticed(home, order, replace(TERMS, calendars={"it": replace(ITALY, years=(2026, 2027))}))
    assert isinstance(taken, Taken)
    assert taken.verdict.detail == (("legal_from", "2027-01-02"), ("rule", "notified"))


def test_a_payment_that_fits_nothing_says_what_would() -> None:
    """2.4: the currency that was expected, the claim that is not there."""
    order = ArrearsPaid(AT, "p-1", "a-1", "EUR")
    assert paid(account(), replace(order, currency="CHF")) == refused("wrong_currency", expected="EUR", got="CHF")
    assert paid(account(), replace(order, arrears_id="a-2")) == refused("no_arrears", arrears="a-2")


@pytest.mark.parametrize(
    ("came_nano", "left_nano", "excess_nano"),
    [
        (1, 120 * NANO - 1, 0),
        (120 * NANO - 1, 1, 0),
        (120 * NANO, 0, 0),
        (120 * NANO + 1, 0, 1),
        (60 * NANO, 100 * NANO, 0),  # a part of it came before and is in what is left here already
        (20 * NANO, 0, 0),  # what came before is in it, too
    ],
)
def test_what_is_left_decides_and_only_the_last_payment_has_an_excess(
    came_nano: int, left_nano: int, excess_nano: int
) -> None:
    """S1-14, 2.4: to the last nano; a claim is there as long as any of it is left."""
    taken = paid(account(), ArrearsPaid(AT, "p-1", "a-1", "EUR", came_nano, left_nano))
    assert isinstance(taken, Taken)
    after = taken.change(account())
    assert after.arrears == ((claim(amount_nano=left_nano),) if left_nano else ())
    detail: Detail = (
        ("arrears", "a-1"), ("paid_nano", 120 * NANO - left_nano), ("unpaid_nano", left_nano),
    )  # fmt: skip
    detail = (*detail, ("excess_nano", excess_nano)) if excess_nano else detail
    assert taken.verdict.detail == detail
    assert taken.told(account(), after) == (Happening(AT, "CH-1", "arrears.paid", detail),)


def test_what_is_paid_after_the_end_is_on_record_and_brings_nothing_back() -> None:
    """S1-15: the payment, and that there is no contract to supply."""
    ended = replace(account(), supply=replace(account().supply, state=SupplyState.TERMINATED))
    taken = paid(ended, ArrearsPaid(AT, "p-1", "a-1", "EUR"))
    assert isinstance(taken, Taken)
    rows = taken.told(ended, taken.change(ended))
    detail = (("arrears", "a-1"), ("paid_nano", 120 * NANO), ("unpaid_nano", 0))
    assert taken.verdict.detail == detail
    assert rows == (
        Happening(AT, "CH-1", "arrears.paid", detail),
        Happening(AT, "CH-1", "restore.refused", (("reason", "no_contract"),)),
    )
