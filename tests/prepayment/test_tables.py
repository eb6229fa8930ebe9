"""The tables of the rules as the documents give them: a line that is lost or changed is a wrong cut or a wrong bill."""

from __future__ import annotations

import pytest

from gateway.prepayment import civil, gas, outages, rating
from gateway.prepayment.bonus import BACK_DAYS_MAX, BONUSES_MAX, DAYS_MAX
from gateway.prepayment.contract import AHEAD_MAX_MS
from gateway.prepayment.entitlement import UNCONFIRMED
from gateway.prepayment.events import HoldKind
from gateway.prepayment.export import FORMS, DocumentKind, Form
from gateway.prepayment.fieldwork import FROZEN_BACK_MS
from gateway.prepayment.holds import _UNTIMED, HELD_RUNGS
from gateway.prepayment.ladder import DELINQUENCY, ORDER_GUARDS, PREPAID, Condition, Guard
from gateway.prepayment.notices import NOTICES
from gateway.prepayment.periods import BillingClass
from gateway.prepayment.posting import KEPT_MAX, MISSING_MAX, PostingKind
from gateway.prepayment.postings import CASE_KINDS, OLD_MONTHS, RULES, Rule
from gateway.prepayment.register import plausible_wh
from gateway.prepayment.rollover import _ROLLED_OVER, OF_THE_PLACE
from gateway.prepayment.schedule import (
    CLOSING_MONTHS,
    GAS_HIGH_SMC,
    GAS_LOW_SMC,
    MULTISERVICE_POWER_W,
    REFERENCE,
    WORDS,
)
from gateway.prepayment.supply import SupplyState

DAY_MS = 86_400_000


def test_periods_close_where_the_sources_say() -> None:
    """S3-02, S3-06: by class the months, by the sources' words the class; biannuale is twice a year."""
    assert {kind.value: months for kind, months in CLOSING_MONTHS.items()} == {
        "yearly": (1,),
        "half_yearly": (1, 7),
        "four_monthly": (1, 5, 9),
        "five": (1, 3, 5, 9, 11),
        "two_monthly": (1, 3, 5, 7, 9, 11),
        "monthly": (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
    }
    assert dict(WORDS) == {
        "annuale": BillingClass.YEARLY,
        "biannuale": BillingClass.HALF_YEARLY,
        "semestrale": BillingClass.HALF_YEARLY,
        "quadrimestrale": BillingClass.FOUR_MONTHLY,
        "bimestrale": BillingClass.TWO_MONTHLY,
        "mensile": BillingClass.MONTHLY,
    }
    assert (GAS_LOW_SMC, GAS_HIGH_SMC, MULTISERVICE_POWER_W, REFERENCE) == (500, 5_000, 16_500, "schedule")


def test_what_each_kind_of_posting_may_do() -> None:
    """S1-16, S2-18: signs, periods and sides; and which kinds may settle a difference of the register."""
    assert {kind.value: (rule.signs, rule.period, rule.sides) for kind, rule in RULES.items()} == {
        "fee": ((-1,), False, False),
        "interest": ((-1, 1), True, False),
        "compensation": ((1,), False, False),
        "indemnity": ((1,), False, False),
        "reconstruction": ((-1, 0, 1), True, True),
        "estimate": ((-1,), True, False),
        "conguaglio": ((-1, 0, 1), True, False),
        "setoff": ((0,), False, True),
        "adjustment": ((-1, 1), False, False),
        "refund": ((-1,), False, False),
    }
    assert Rule((1,)) == Rule((1,), period=False, sides=False)
    settles = {PostingKind.ADJUSTMENT, PostingKind.RECONSTRUCTION, PostingKind.ESTIMATE, PostingKind.CONGUAGLIO}
    assert settles == CASE_KINDS
    assert OLD_MONTHS == 24


def test_the_forms_of_each_document() -> None:
    """S2-12: what may be asked for, the one that is made unasked first."""
    assert FORMS == {
        DocumentKind.LOAD_CURVE: (Form.CSV, Form.CSV_IT, Form.JSON),
        DocumentKind.MONTH: (Form.CSV,),
        DocumentKind.STATEMENT: (Form.JSON, Form.HTML),
        DocumentKind.TOPUPS: (Form.JSON, Form.CSV),
        DocumentKind.CERTIFICATES: (Form.JSON,),
        DocumentKind.EVIDENCE: (Form.JSON,),
    }


def test_what_is_told_at_each_rung() -> None:
    """I24: each rule that changes what a customer has tells it with its own words."""
    assert NOTICES == {
        "credit_low": "low",
        "credit_gone": "grace",
        "grace_over": "limited",
        "offline_debt_cap": "limited",
        "unconfirmed_debt_cap": "limited",
        "grace_over_no_limit": "suspended",
        "limit_over": "suspended",
        "restored": "restored",
        "restored_low": "restored",
        "protected": "restored",
        "ordered_limit": "limited",
        "ordered_suspend": "suspended",
        "ordered_suspend_direct": "suspended",
        "paid_restored": "restored",
    }
    assert set(NOTICES) <= {rule.name for rule in (*PREPAID, *DELINQUENCY)}


@pytest.mark.parametrize(
    ("name", "conditions"),
    [
        ("ordered_limit", (Condition.LIMIT_FIRST,)),
        ("ordered_suspend", (Condition.CAN_DISCONNECT,)),
        ("ordered_suspend_direct", (Condition.NO_LIMIT_FIRST, Condition.CAN_DISCONNECT)),
    ],
)
def test_what_an_order_needs_besides_the_signature(name: str, conditions: tuple[Condition, ...]) -> None:
    """S1-11, 2.8: low voltage is limited first; nobody is cut where there is no switch, nor without the guards."""
    (rule,) = (rule for rule in DELINQUENCY if rule.name == name)
    assert (rule.when, rule.guards) == (conditions, ORDER_GUARDS)
    assert {Guard.METER, Guard.HOLD} <= set(ORDER_GUARDS)


def test_which_rungs_and_holds_are_special() -> None:
    """S2-22, S2-23: rungs a hold may name, rungs without a term, holds that outlast the holder; two words."""
    assert HELD_RUNGS == (SupplyState.LIMITED, SupplyState.SUSPENDED, SupplyState.TERMINATED)
    assert _UNTIMED == (SupplyState.NORMAL, SupplyState.LOW_CREDIT, SupplyState.REGULAR, SupplyState.TERMINATED)
    assert {HoldKind.FIELD_WORK, HoldKind.OUTAGE, HoldKind.SHARED_POINT} == OF_THE_PLACE
    assert (_ROLLED_OVER.name, UNCONFIRMED) == ("rolled_over", "unconfirmed")


def test_the_bounds_of_the_rules() -> None:
    """I20: each as a number, because the tests elsewhere compute with its name."""
    assert (BONUSES_MAX, DAYS_MAX, BACK_DAYS_MAX) == (8, 732, 366)
    assert (MISSING_MAX, KEPT_MAX) == (64, 32)
    assert (outages.OUTAGES_MAX, outages.OUTAGE_MAX_MS) == (16, 31 * DAY_MS)
    assert (AHEAD_MAX_MS, FROZEN_BACK_MS) == (400 * DAY_MS, 366 * DAY_MS)
    assert (rating.MAX_SPREAD_MS, rating.MAX_STANDING_DAYS, rating.DAY_MS) == (400 * DAY_MS, 31, DAY_MS)
    assert gas.COEFFICIENT_PPM == (900_000, 1_100_000)
    assert civil.QUARTERS_KEPT == 96


def test_what_a_register_may_have_gained_is_exact_over_months() -> None:
    """I6: rated power and a quarter more; ten thousand hours at 10 kW are 125 MWh, to the Wh."""
    assert plausible_wh(10_000 * 3_600_000, 10_000, 0) == 125_000_000
    assert plausible_wh(10_000 * 3_600_000 + 1, 10_000, 0) == 125_000_001
