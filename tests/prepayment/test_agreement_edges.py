"""What the contract of an account refuses, word for word, and what of two reasons is told."""

from dataclasses import replace

import pytest

from gateway.prepayment.account import Outcome, Supply
from gateway.prepayment.agreement import after_refusal, open_account, policy_set, tariff_set
from gateway.prepayment.arrears import Arrears, Proof
from gateway.prepayment.events import AccountOpened, Opening, PolicySet, TariffSet
from gateway.prepayment.policy import Initiator
from gateway.prepayment.supply import Commodity, SupplyState
from gateway.prepayment.taken import refused
from tests.prepayment.worlds import TERMS, at, opened, policy, tariff

OPENING = AccountOpened(at(), "o-2", "CH-2", "m1", "CHF", 3_000, policy(), tariff())
GAS = tariff(commodity=Commodity.GAS)
CLAIM = Arrears(
    arrears_id="a-1",
    commodity=Commodity.ELECTRICITY,
    amount_nano=1,
    due_on="2026-01-31",
    issued_on="2026-02-01",
    sent_on=None,
    notified_on=None,
    proof=Proof.UNPROVEN,
    final_term_on="2026-03-01",
    letter_days=30,
    invoices=(),
    legal_ref="",
    at=at(),
)


def test_of_several_reasons_the_first_is_told() -> None:
    """S2-07, S2-02: a power that is not sold, before a contract that is not named."""
    event = replace(OPENING, kind=Opening.SUBENTRO, contract_power_w=4_400)
    assert open_account(event, TERMS) == refused("invalid_step", power_w=4_400)
    assert open_account(replace(event, contract_power_w=4_500), TERMS) == refused("no_contract")


def test_a_tariff_of_another_commodity_is_refused_by_both_names() -> None:
    """S2-02: when the contract begins, and when it has begun."""
    told = refused("wrong_commodity", expected="electricity", got="gas")
    assert open_account(replace(OPENING, tariff=GAS), TERMS) == told
    assert tariff_set(opened(), TariffSet(at(), "t-1", GAS)) == told


def test_who_begins_escalations_does_not_change_with_a_policy() -> None:
    """Two decision makers (requirements 0.1): the refusal says which of them decides here."""
    other = policy(policy_id="other", initiator=Initiator.CENTRAL)
    assert policy_set(opened(), PolicySet(at(), "p-1", other), TERMS) == refused("other_initiator", initiator="local")


@pytest.mark.parametrize("domestic", [True, False])
def test_a_household_is_one_when_the_contract_says_so(domestic: bool) -> None:
    """S2-08, S2-09: what fees and protection depend on is as it was signed."""
    outcome = open_account(replace(OPENING, domestic=domestic), TERMS)
    assert isinstance(outcome, Outcome)
    assert outcome.account.domestic is domestic


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(Opening.SUBENTRO, None), (Opening.ACTIVATION, "arrears_unpaid"), (Opening.SEED, "arrears_unpaid")],
)
def test_somebody_else_takes_over_what_was_left_with_arrears(kind: Opening, reason: str | None) -> None:
    """S1-15, S2-02: the same customer pays first, the next one owes nothing of it."""
    ended = replace(opened(contract_id="C-1"), supply=Supply(SupplyState.TERMINATED, at()), arrears=(CLAIM,))
    event = replace(OPENING, kind=kind, contract_id="C-2")
    refusal = after_refusal(event, ended)
    assert (None if refusal is None else refusal.reason) == reason
    assert after_refusal(event, replace(ended, arrears=())) is None
